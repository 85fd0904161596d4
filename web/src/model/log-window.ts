/**
 * The part of a log that is in memory: one run of consecutive matching lines, known to be complete between two sequence
 * numbers. Pages are joined at either end; what is far from the eye is dropped again.
 */
import type { Line } from "../api/types";

export interface LogWindow {
  /** Ascending by sequence number. */
  readonly lines: readonly Line[];
  /** Every matching line with `floor < seq <= ceil` is in `lines` (or inside a skipped range). */
  readonly floor: number;
  readonly ceil: number;
  /** No matching line before the first one. */
  readonly atStart: boolean;
  /** No matching line after the last one, as of the last answer. */
  readonly atEnd: boolean;
  /** Ranges of folded lines that were never loaded: first and last sequence number. */
  readonly skipped: readonly (readonly [number, number])[];
}

export const PAGE_LINES = 500;
export const MAX_LINES = 20_000;

export const EMPTY: LogWindow = {
  lines: [],
  floor: 0,
  ceil: 0,
  atStart: true,
  atEnd: false,
  skipped: [],
};

/** An empty window between two lines, to be filled in both directions. */
export function windowAt(seq: number): LogWindow {
  const at = Math.max(0, seq - 1);
  return { lines: [], floor: at, ceil: at, atStart: at === 0, atEnd: false, skipped: [] };
}

/** The last lines of a log, by the page before its end. */
export function windowAtEnd(page: readonly Line[], start: boolean): LogWindow {
  const floor = start ? 0 : (page[0]?.id ?? 1) - 1;
  return {
    lines: page,
    floor,
    ceil: page.at(-1)?.id ?? 0,
    atStart: start,
    atEnd: true,
    skipped: [],
  };
}

/** Lines that follow the window. `end`: the server had no more. Lines that are there already are ignored. */
export function appended(window: LogWindow, page: readonly Line[], end: boolean): LogWindow {
  const fresh = page.filter((line) => line.id > window.ceil);
  const ceil = fresh.at(-1)?.id ?? window.ceil;
  if (fresh.length === 0) return end === window.atEnd ? window : { ...window, atEnd: end };
  return trimmedFront({ ...window, lines: [...window.lines, ...fresh], ceil, atEnd: end });
}

/** Lines that come before the window. `start`: the server had none before them. */
export function prepended(window: LogWindow, page: readonly Line[], start: boolean): LogWindow {
  const fresh = page.filter((line) => line.id <= window.floor);
  const floor = start ? 0 : (fresh[0]?.id ?? window.floor + 1) - 1;
  if (fresh.length === 0) return { ...window, atStart: start, floor: start ? 0 : window.floor };
  return trimmedBack({ ...window, lines: [...fresh, ...window.lines], floor, atStart: start });
}

/** The window after jumping over a folded range that begins right after it. */
export function skippedForward(window: LogWindow, range: readonly [number, number]): LogWindow {
  return { ...window, ceil: Math.max(window.ceil, range[1]), skipped: [...window.skipped, range] };
}

export function skippedBackward(window: LogWindow, range: readonly [number, number]): LogWindow {
  const floor = Math.min(window.floor, range[0] - 1);
  return { ...window, floor, atStart: floor === 0, skipped: [range, ...window.skipped] };
}

/**
 * The window with one line for each run of folded lines; the others are forgotten, so that a fold of any length costs nothing.
 * `foldOf` gives what a line is folded into, or null.
 */
export function compacted(window: LogWindow, foldOf: (line: Line) => string | null): LogWindow {
  const lines: Line[] = [];
  const skipped: [number, number][] = [];
  let fold: string | null = null;
  for (const line of window.lines) {
    const now = foldOf(line);
    if (now === null || now !== fold) lines.push(line);
    else skipped.push([line.id, line.id]);
    fold = now;
  }
  if (skipped.length === 0) return window;
  return {
    ...window,
    lines,
    skipped: merged([
      ...window.skipped.map(([from, to]): [number, number] => [from, to]),
      ...skipped,
    ]),
  };
}

function merged(ranges: [number, number][]): [number, number][] {
  const out: [number, number][] = [];
  for (const range of ranges.sort((a, b) => a[0] - b[0])) {
    const before = out.at(-1);
    if (before && range[0] <= before[1] + 1) before[1] = Math.max(before[1], range[1]);
    else out.push(range);
  }
  return out;
}

function trimmedFront(window: LogWindow): LogWindow {
  const surplus = window.lines.length - MAX_LINES;
  if (surplus <= 0) return window;
  const floor = window.lines[surplus - 1]!.id;
  const skipped = window.skipped.filter(([from]) => from > floor);
  return { ...window, lines: window.lines.slice(surplus), floor, atStart: false, skipped };
}

function trimmedBack(window: LogWindow): LogWindow {
  if (window.lines.length <= MAX_LINES) return window;
  const ceil = window.lines[MAX_LINES]!.id - 1;
  const skipped = window.skipped.filter(([, to]) => to <= ceil);
  return { ...window, lines: window.lines.slice(0, MAX_LINES), ceil, atEnd: false, skipped };
}

/** Index of the first entry whose key is at least `key` (the length when there is none). Keys ascend. */
export function lowerBound<T>(
  entries: readonly T[],
  key: number,
  keyOf: (entry: T) => number,
): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(entries[middle]!) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether a jump to `seq` can be served without asking the server. */
export function covers(window: LogWindow, seq: number): boolean {
  if (window.lines.length === 0) return false;
  return (
    seq > window.floor &&
    seq <= window.ceil &&
    !window.skipped.some(([from, to]) => from <= seq && seq <= to)
  );
}
