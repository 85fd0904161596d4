/** The lines of one attempt under one filter: what is in memory, and every way to bring more of it there. */
import { isAbort, sentence } from "../api/client";
import { getLines, type Position } from "../api/jobs";
import type { Counts, Expired, Line, LinePage } from "../api/types";
import { added, emptyCounts } from "../model/levels";
import {
  appended,
  compacted,
  covers,
  EMPTY,
  lowerBound,
  type LogWindow,
  PAGE_LINES,
  prepended,
  skippedBackward,
  skippedForward,
  windowAt,
  windowAtEnd,
} from "../model/log-window";
import { hides, type LogFilter } from "../model/route";

const LIVE_PAGE = 1000;
/** Lines around one that was jumped to: some screens, as they are on their way. */
const AROUND_LINES = 300;
/** No attempt has as many lines. */
const BEYOND = 2 ** 32 - 1;
/** Lines a page holds while one scrolls towards the end of what is loaded. */
const MORE_LINES = 1000;
const FOLDED_LINES = 50;
const MOST_LINES = 5000;
/** Further behind than this, following starts anew at the end instead of reading everything in between. */
const TOO_FAR_BEHIND = 4000;

export class LogFeed {
  window = $state.raw<LogWindow>(EMPTY);
  /** Lines that match the filter, as of the last answer. */
  total = $state<number | null>(null);
  /** Lines of the attempt by level, whatever the filter, as of the last answer. */
  counts = $state.raw<Counts>(emptyCounts());
  /** Highest sequence number known in this attempt, matching or not. */
  lastSeq = $state(0);
  /** A line that was jumped to and is being fetched. */
  pending = $state<number | null>(null);
  error = $state<string | null>(null);
  loaded = $state(false);
  /** Lines of the attempt that are not kept any longer. */
  expired = $state.raw<Expired | null>(null);
  /** Lines that have no newline yet, as they are now. */
  growing = $state.raw<readonly Line[]>([]);
  /** Ranges of folded lines that need not be read. */
  folded: readonly (readonly [number, number])[] = [];
  /** What a line is folded into; null: nothing is folded. */
  foldOf: ((line: Line) => string | null) | null = null;
  readonly livePage = LIVE_PAGE;
  /** `total` and `counts` count the lines up to this one: pages and the stream tell of the same lines, in any order. */
  #countedTo = 0;
  /** Pages that brought no new row, one after the other. */
  #fruitless = 0;
  #busy = { forward: false, backward: false };
  #abort = new AbortController();

  constructor(
    readonly jobId: string,
    readonly attempt: number,
    readonly filter: LogFilter,
  ) {}

  close(): void {
    this.#abort.abort();
  }

  /** Drops what is in memory, so that the next jump reads anew. */
  forget(): void {
    this.window = EMPTY;
  }

  /** The server said how far the attempt has come. */
  noteLast(seq: number): void {
    if (seq > this.lastSeq) this.lastSeq = seq;
    if (seq > this.window.ceil && this.window.atEnd && !hides(this.filter))
      this.window = { ...this.window, atEnd: false };
  }

  /** Brings the surroundings of a line into memory. False when a later jump took over. */
  async jump(seq: number): Promise<boolean> {
    if (covers(this.window, seq)) {
      this.#restart();
      this.pending = null;
      return true;
    }
    const signal = this.#restart();
    this.pending = seq;
    return this.#replace(signal, async () => {
      const at = Math.max(1, seq);
      const page = await this.#page({ around: at, limit: AROUND_LINES }, signal);
      const split = lowerBound(page.logs, at, (line) => line.id);
      const found = appended(windowAt(at), page.logs.slice(split), page.next_cursor === null);
      return prepended(found, page.logs.slice(0, split), page.prev_cursor === null);
    });
  }

  /** Brings the last lines into memory. */
  async toEnd(): Promise<boolean> {
    if (this.loaded && this.window.atEnd && this.window.ceil >= this.lastSeq) return true;
    const signal = this.#restart();
    this.pending = Math.max(1, this.lastSeq);
    return this.#replace(signal, async () => {
      const page = await this.#page({ before: BEYOND, limit: PAGE_LINES }, signal);
      return windowAtEnd(page.logs, page.prev_cursor === null);
    });
  }

  async #replace(signal: AbortSignal, build: () => Promise<LogWindow>): Promise<boolean> {
    try {
      const found = await build();
      if (signal.aborted) return false;
      this.#take(found);
      this.loaded = true;
      this.error = null;
      this.pending = null;
      return true;
    } catch (error) {
      if (isAbort(error) || signal.aborted) return false;
      this.error = sentence(error);
      this.pending = null;
      return false;
    }
  }

  /** Where groups are folded, a line of each is enough; but what cannot be jumped over is read in ever larger pages. */
  get #more(): number {
    return this.foldOf ? Math.min(MOST_LINES, FOLDED_LINES * 2 ** this.#fruitless) : MORE_LINES;
  }

  /** Takes over a window, without the lines that are folded away. */
  #take(window: LogWindow): void {
    const before = this.window.lines.length;
    this.window = this.foldOf ? compacted(window, this.foldOf) : window;
    this.#fruitless = this.window.lines.length === before ? this.#fruitless + 1 : 0;
  }

  /** Folds (or unfolds) what is in memory. */
  fold(foldOf: ((line: Line) => string | null) | null): void {
    this.foldOf = foldOf;
    this.#fruitless = 0;
    if (foldOf) this.window = compacted(this.window, foldOf);
  }

  /** One more page at the end; null when there is nothing to do. */
  async forward(limit = this.#more): Promise<LinePage | null> {
    if (this.#busy.forward || this.pending !== null) return null;
    const skip = this.folded.find(
      ([from, to]) => from <= this.window.ceil && this.window.ceil < to,
    );
    if (skip) {
      this.window = skippedForward(this.window, [this.window.ceil + 1, skip[1]]);
      return null;
    }
    return this.#extend("forward", { after: this.window.ceil, limit }, (page) =>
      appended(this.window, page.logs, page.next_cursor === null),
    );
  }

  async backward(): Promise<LinePage | null> {
    if (this.#busy.backward || this.pending !== null || this.window.atStart) return null;
    const skip = this.folded.find(
      ([from, to]) => from <= this.window.floor && this.window.floor < to,
    );
    if (skip) {
      this.window = skippedBackward(this.window, [skip[0], this.window.floor]);
      return null;
    }
    return this.#extend("backward", { before: this.window.floor + 1, limit: this.#more }, (page) =>
      prepended(this.window, page.logs, page.prev_cursor === null),
    );
  }

  /** Lines from a stream that began after the last loaded one. */
  deliver(lines: readonly Line[]): void {
    const fresh = lines.filter((line) => line.id > this.window.ceil);
    if (fresh.length === 0) return;
    this.#take(appended(this.window, fresh, true));
    this.lastSeq = Math.max(this.lastSeq, this.window.ceil);
    const uncounted = fresh.filter((line) => line.id > this.#countedTo);
    this.#countedTo = Math.max(this.#countedTo, fresh.at(-1)!.id);
    if (this.total !== null) this.total += uncounted.length;
    if (!hides(this.filter)) this.counts = added(this.counts, uncounted);
  }

  /** What arrived after the last loaded line; starts anew at the end when that is too far away to catch up. */
  async pull(): Promise<LinePage | null> {
    if (this.loaded && !hides(this.filter) && this.lastSeq - this.window.ceil > TOO_FAR_BEHIND) {
      await this.toEnd();
      return null;
    }
    return this.forward(LIVE_PAGE);
  }

  async #extend(
    way: "forward" | "backward",
    at: Position,
    join: (page: LinePage) => LogWindow,
  ): Promise<LinePage | null> {
    const signal = this.#abort.signal;
    this.#busy[way] = true;
    try {
      const page = await this.#page(at, signal);
      if (signal.aborted) return null;
      this.#take(join(page));
      this.loaded = true;
      this.error = null;
      return page;
    } catch (error) {
      if (isAbort(error)) return null;
      this.error = sentence(error);
      throw error;
    } finally {
      if (this.#abort.signal === signal) this.#busy[way] = false;
    }
  }

  async #page(at: Position, signal: AbortSignal): Promise<LinePage> {
    const page = await getLines(this.jobId, this.attempt, this.filter, at, signal);
    if (signal.aborted) return page;
    // Answers overtake one another; the one that knows fewer lines is the older one. An attempt has as many lines as its last one's number.
    if (page.counts.total >= this.#countedTo) {
      [this.total, this.counts] = [page.total_count, page.counts];
      this.#countedTo = page.counts.total;
    }
    if (page.expired !== undefined && page.expired?.lines !== this.expired?.lines)
      this.expired = page.expired;
    this.lastSeq = Math.max(this.lastSeq, page.logs.at(-1)?.id ?? 0, page.counts.total);
    if (page.next_cursor === null) this.growing = page.growing ?? [];
    return page;
  }

  /** Everything under way is void from here on. */
  #restart(): AbortSignal {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#busy = { forward: false, backward: false };
    return this.#abort.signal;
  }
}
