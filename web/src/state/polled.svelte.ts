/** A value of the server that is read again and again while its view is open; what is on screen stays there while reading fails. */
import { untrack } from "svelte";

import { isAbort, Problem, sentence } from "../api/client";
import { Poller } from "../api/poller";

/** For a component: refreshes whenever `mark` gives something else than before. */
export function refreshes(mark: () => unknown, refresh: () => void): void {
  let seen = untrack(mark);
  $effect(() => {
    const now = mark();
    if (now === seen) return;
    seen = now;
    refresh();
  });
}

export class Polled<T> {
  value = $state.raw<T | null>(null);
  /** Why there is nothing to show yet. */
  error = $state<string | null>(null);
  /** The server says that there is no such thing. */
  missing = $state(false);
  #mark = "";
  #abort = new AbortController();
  #poller = new Poller(() => this.#read());

  /** `every` gives the milliseconds until the next reading, or null for none. */
  constructor(
    private readonly load: (signal: AbortSignal) => Promise<T>,
    private readonly every: (value: T) => number | null,
  ) {}

  /** For an effect: starts, and gives what stops. */
  readonly watch = (): (() => void) => {
    this.#poller.start();
    return () => {
      this.#poller.stop();
      this.#abort.abort();
      this.#abort = new AbortController();
    };
  };

  refresh(): void {
    this.#poller.now();
  }

  async #read(): Promise<number | null> {
    try {
      const value = await this.load(this.#abort.signal);
      // An equal answer changes nothing on the page.
      const mark = JSON.stringify(value);
      if (mark !== this.#mark) this.value = value;
      this.#mark = mark;
      this.error = null;
      this.missing = false;
      return this.every(value);
    } catch (error) {
      if (isAbort(error)) return null;
      this.error = this.value === null ? sentence(error) : null;
      this.missing = error instanceof Problem && error.status === 404;
      if (this.missing) return null;
      throw error;
    }
  }
}
