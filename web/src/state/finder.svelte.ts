/** Hits of a search, or the errors of a run: how many, where, and the next one from here. The server does the looking. */
import { isAbort, sentence } from "../api/client";
import { getLines } from "../api/jobs";
import { lowerBound } from "../model/log-window";
import type { LogFilter } from "../model/route";

/** Hits that are known by place at once; beyond them the server is asked for each step. */
const KNOWN = 200;

export class Finder {
  total = $state<number | null>(null);
  /** The first hits, ascending. */
  seqs = $state.raw<number[]>([]);
  current = $state<number | null>(null);
  error = $state<string | null>(null);
  #abort = new AbortController();

  /** `filter` must hide everything that is no hit. */
  constructor(
    readonly jobId: string,
    readonly attempt: number,
    readonly filter: LogFilter,
  ) {}

  close(): void {
    this.#abort.abort();
  }

  /** "3 of 12" needs the place; beyond the known hits there is only the number. */
  get place(): number | null {
    if (this.current === null) return null;
    const at = lowerBound(this.seqs, this.current, (seq) => seq);
    return this.seqs[at] === this.current ? at + 1 : null;
  }

  async load(): Promise<void> {
    const page = await this.#ask({ after: 0, limit: KNOWN });
    if (!page) return;
    this.total = page.total_count;
    this.seqs = page.logs.map((line) => line.id);
  }

  /** The hit after (or before) a line, starting over at the other end; null when there is none at all. */
  async step(from: number, forward: boolean): Promise<number | null> {
    const found = this.#known(from, forward) ?? (await this.#asked(from, forward));
    if (found !== null) this.current = found;
    return found;
  }

  #known(from: number, forward: boolean): number | null {
    const at = lowerBound(this.seqs, forward ? from + 1 : from, (seq) => seq);
    const complete = this.total !== null && this.seqs.length >= this.total;
    if (forward) return this.seqs[at] ?? (complete ? (this.seqs[0] ?? null) : null);
    if (at > 0 && (complete || at < this.seqs.length)) return this.seqs[at - 1]!;
    return complete ? (this.seqs.at(-1) ?? null) : null;
  }

  async #asked(from: number, forward: boolean): Promise<number | null> {
    if (this.total === 0) return null;
    const page = await this.#ask(forward ? { after: from, limit: 1 } : { before: from, limit: 1 });
    const found = page?.logs.at(forward ? 0 : -1);
    if (found || !page) return found?.id ?? null;
    const again = await this.#ask(forward ? { after: 0, limit: 1 } : { before: 2 ** 31, limit: 1 });
    return again?.logs.at(forward ? 0 : -1)?.id ?? null;
  }

  async #ask(position: { after?: number; before?: number; limit: number }) {
    try {
      const page = await getLines(
        this.jobId,
        this.attempt,
        this.filter,
        position,
        this.#abort.signal,
      );
      this.error = null;
      return page;
    } catch (error) {
      if (!isAbort(error)) this.error = sentence(error);
      return null;
    }
  }
}
