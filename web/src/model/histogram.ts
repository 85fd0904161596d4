/** Lines over time: what a histogram of the server is drawn as. Slots are counted from the first bucket; empty ones have no column. */
import type { Counts, Histogram } from "../api/types";
import { errorsOf } from "./levels";
import { isoOf, parseUs } from "./time";

export interface Column {
  slot: number;
  counts: Counts;
}

export interface Columns {
  fromUs: number;
  stepUs: number;
  slots: number;
  /** Lines of the fullest column. */
  most: number;
  columns: readonly Column[];
}

/** Heights of a column's parts in pixels, from the bottom up. */
export interface Bar {
  quiet: number;
  warn: number;
  severe: number;
}

/** What cannot be seen might as well be missing. */
const LEAST_PX = 2;

export function columnsOf({ step_us, buckets }: Histogram): Columns | null {
  if (step_us === null || buckets.length === 0) return null;
  const fromUs = parseUs(buckets[0]!.at);
  const columns = buckets.map(({ at, counts }) => ({
    slot: Math.round((parseUs(at) - fromUs) / step_us),
    counts,
  }));
  return {
    fromUs,
    stepUs: step_us,
    slots: columns.at(-1)!.slot + 1,
    most: Math.max(...columns.map(({ counts }) => counts.total)),
    columns,
  };
}

export function barOf({ counts }: Column, most: number, height: number): Bar {
  const part = (number: number) =>
    number === 0 ? 0 : Math.max(LEAST_PX, Math.round((number / most) * height));
  const [warn, severe] = [part(counts.warn), part(errorsOf(counts))];
  const rest = counts.total - counts.warn - errorsOf(counts);
  return {
    quiet: rest === 0 ? 0 : Math.max(LEAST_PX, Math.min(part(rest), height - warn - severe)),
    warn,
    severe,
  };
}

/** The slot at a share (0 to 1) of the width. */
export function slotAt({ slots }: Columns, share: number): number {
  return Math.max(0, Math.min(slots - 1, Math.floor(share * slots)));
}

/** Where an instant is, as a share of the width; outside of 0 to 1 when it is not among the columns. */
export function shareOf({ fromUs, stepUs, slots }: Columns, us: number): number {
  return (us - fromUs) / (stepUs * slots);
}

/** The stretch of time that the slots from one to another cover, and what was said in it. */
export function stretchOf({ fromUs, stepUs, columns }: Columns, first: number, last: number) {
  const inside = columns
    .filter(({ slot }) => slot >= first && slot <= last)
    .map(({ counts }) => counts);
  const sum = (of: (counts: Counts) => number) =>
    inside.reduce((all, counts) => all + of(counts), 0);
  return {
    since: isoOf(fromUs + first * stepUs),
    until: isoOf(fromUs + (last + 1) * stepUs),
    lines: sum((counts) => counts.total),
    warnings: sum((counts) => counts.warn),
    errors: sum(errorsOf),
  };
}
