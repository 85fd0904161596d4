/** Repeats a request: not while the page is hidden, sooner when it becomes visible or online again, slower while it fails. */

const SLOWEST_MS = 5000;

export class Poller {
  #timer: ReturnType<typeof setTimeout> | null = null;
  #running = false;
  #stopped = true;
  #again = false;
  #failures = 0;
  readonly #wake = () => {
    if (document.visibilityState === "visible") this.now();
  };

  /** `work` gives the milliseconds until it is to run again, or null to rest until `now()`; a rejection counts as a failure. */
  constructor(private readonly work: () => Promise<number | null>) {}

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    document.addEventListener("visibilitychange", this.#wake);
    window.addEventListener("online", this.#wake);
    this.now();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    document.removeEventListener("visibilitychange", this.#wake);
    window.removeEventListener("online", this.#wake);
  }

  /** Runs at once; when it is running already, once more after that. */
  now(): void {
    if (this.#stopped) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    let wait: number | null;
    try {
      wait = await this.work();
      this.#failures = 0;
    } catch {
      this.#failures += 1;
      wait = Math.min(SLOWEST_MS, 500 * 2 ** this.#failures);
    }
    this.#running = false;
    if (this.#stopped) return;
    if (this.#again) {
      this.#again = false;
      this.now();
    } else if (wait !== null && document.visibilityState === "visible") {
      this.#timer = setTimeout(() => this.now(), wait);
    }
  }
}
