/** A list, newest first: pages by cursor, refreshed while its view is open without moving what is on screen. */
import { isAbort, sentence } from "../api/client";
import { Poller } from "../api/poller";
import { extended, refreshed, type Listed } from "../model/jobs";

const MOST_REFRESHED = 200;

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
  total?: number;
}

interface Source<T> {
  load: (limit: number, cursor: string | null, signal: AbortSignal) => Promise<Page<T>>;
  /** Milliseconds until the next refresh. */
  every: (items: readonly T[]) => number;
  pageSize: number;
  /** Items of the first page, when they are more than `pageSize`. */
  atFirst?: number;
  /** Statuses that the list is of; none: all. */
  wanted?: readonly string[];
}

export class PagedList<T extends Listed> {
  items = $state.raw<T[]>([]);
  loaded = $state(false);
  error = $state<string | null>(null);
  nextCursor = $state<string | null>(null);
  /** How many there are, when the server says so. */
  total = $state<number | null>(null);
  loadingMore = $state(false);
  #pages = 0;
  #abort = new AbortController();
  #poller = new Poller(() => this.#refresh());

  constructor(private readonly source: Source<T>) {}

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

  async #refresh(): Promise<number | null> {
    const { load, every, pageSize, atFirst = 0, wanted = [] } = this.source;
    const limit = Math.min(
      MOST_REFRESHED,
      Math.max(pageSize, this.loaded ? this.items.length : atFirst),
    );
    try {
      const page = await load(limit, null, this.#abort.signal);
      this.items =
        page.next_cursor === null ? page.items : refreshed(this.items, page.items, wanted);
      this.total = page.total ?? null;
      if (this.#pages <= 1) {
        this.nextCursor = page.next_cursor;
        this.#pages = 1;
      }
      this.loaded = true;
      this.error = null;
    } catch (error) {
      if (isAbort(error)) return null;
      if (!this.loaded) this.error = sentence(error);
      throw error;
    }
    return every(this.items);
  }

  async more(): Promise<void> {
    if (this.nextCursor === null || this.loadingMore) return;
    this.loadingMore = true;
    try {
      const page = await this.source.load(
        this.source.pageSize,
        this.nextCursor,
        this.#abort.signal,
      );
      this.items = extended(this.items, page.items);
      this.nextCursor = page.next_cursor;
      this.#pages += 1;
      this.error = null;
    } catch (error) {
      if (!isAbort(error)) this.error = sentence(error);
    } finally {
      this.loadingMore = false;
    }
  }
}
