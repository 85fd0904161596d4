/**
 * Lines as they are written, while the end of a log is on the screen: a stream of server events, or - where there is none - polls.
 * The stream begins after the last loaded line, so that nothing is missing and nothing comes twice.
 */
import { Poller } from "./poller";
import type { Job, Line, LinePage } from "./types";

export interface LineSource {
  start(): void;
  stop(): void;
}

export interface LineSink {
  /** Address of the stream after the last loaded line. */
  address(): string;
  deliver(lines: Line[]): void;
  /** The lines that have no newline yet, as they are now. */
  growing(lines: Line[]): void;
  /** News of the job itself. */
  job(job: Job): void;
  /** The connection broke; it is being taken up again. */
  broken(): void;
  /** The job is over and every line was delivered. */
  ended(): void;
  /** Without a stream: fetches and shows what follows the last loaded line. */
  pull(): Promise<LinePage | null>;
  pageLines: number;
}

const QUICK_MS = 200;
const SLOW_MS = 1000;

/** Streams while started and the page is visible; polls for good once the server has refused a stream. */
export function liveLines(sink: LineSink): LineSource {
  const poll = pollLines(sink);
  let started = false;
  let refused = false;
  let stream: EventStream | null = null;

  function adjust(): void {
    const wanted = started && !refused && document.visibilityState === "visible";
    if (wanted && !stream) stream = new EventStream(sink, refuse);
    else if (!wanted && stream) {
      stream.close();
      stream = null;
    }
  }

  function refuse(): void {
    refused = true;
    adjust();
    if (started) poll.start();
  }

  return {
    start() {
      started = true;
      document.addEventListener("visibilitychange", adjust);
      if (refused) poll.start();
      else adjust();
    },
    stop() {
      started = false;
      document.removeEventListener("visibilitychange", adjust);
      poll.stop();
      adjust();
    },
  };
}

/** One connection; what arrives within a frame is shown together. */
class EventStream {
  readonly #source: EventSource;
  #lines: Line[] = [];
  #frame = 0;

  constructor(
    private readonly sink: LineSink,
    refuse: () => void,
  ) {
    this.#source = new EventSource(sink.address());
    this.#source.addEventListener("line", (event) => this.#onLine(event));
    this.#source.addEventListener("job", (event) =>
      sink.job(JSON.parse(event.data as string) as Job),
    );
    this.#source.addEventListener("growing", (event) =>
      sink.growing(JSON.parse(event.data as string) as Line[]),
    );
    this.#source.addEventListener("end", () => this.#onEnd());
    // A broken connection is taken up again by the browser itself; a closed one was refused.
    this.#source.addEventListener("error", () => {
      if (this.#source.readyState === EventSource.CLOSED) refuse();
      else sink.broken();
    });
  }

  close(): void {
    this.#source.close();
    this.#flush();
  }

  #onLine(event: MessageEvent): void {
    this.#lines.push(JSON.parse(event.data as string) as Line);
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#flush());
  }

  #flush(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const lines = this.#lines;
    this.#lines = [];
    if (lines.length > 0) this.sink.deliver(lines);
  }

  #onEnd(): void {
    this.close();
    this.sink.ended();
  }
}

/** Polls quickly while lines come, slower while none do. */
function pollLines(sink: LineSink): LineSource {
  let wait = QUICK_MS;
  const poller = new Poller(async () => {
    const count = (await sink.pull())?.logs.length ?? 0;
    if (count >= sink.pageLines) return 0;
    wait = count > 0 ? QUICK_MS : Math.min(SLOW_MS, wait * 1.5);
    return wait;
  });
  return { start: () => poller.start(), stop: () => poller.stop() };
}
