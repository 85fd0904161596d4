/** Levels of a log line: their order, and the filter "this level and above" or "exactly these". */
import type { Counts, Level } from "../api/types";
import { toggled } from "./toggled";

export const LEVELS: readonly Level[] = ["debug", "info", "warn", "error", "critical"];

/** Position in the order of severity; unknown names rank as `info`. */
export function rank(level: string): number {
  const at = LEVELS.indexOf(level as Level);
  return at < 0 ? 1 : at;
}

export function isLevel(name: string): name is Level {
  return LEVELS.includes(name as Level);
}

/** Levels that a filter text lets through; an empty or unusable text lets everything through. */
export function parseLevels(text: string | null | undefined): ReadonlySet<Level> {
  const names = (text ?? "").split(",").map((name) => name.trim().toLowerCase());
  const known = names.filter(isLevel);
  if (known.length === 0) return new Set(LEVELS);
  if (known.length === 1 && !(text ?? "").includes(","))
    return new Set(LEVELS.slice(rank(known[0]!)));
  return new Set(known);
}

/** The shortest text for a set: "" for all, a minimum level, or a list (one exact level is a list that names it twice). */
export function formatLevels(levels: ReadonlySet<Level>): string {
  const chosen = LEVELS.filter((level) => levels.has(level));
  if (chosen.length === 0 || chosen.length === LEVELS.length) return "";
  const lowest = chosen[0]!;
  if (chosen.length === LEVELS.length - rank(lowest)) return lowest;
  return chosen.length === 1 ? `${lowest},${lowest}` : chosen.join(",");
}

/** The minimum level that a set stands for, or null when it is no such set. */
export function minimumOf(levels: ReadonlySet<Level>): Level | null {
  const text = formatLevels(levels);
  if (text === "") return "debug";
  return isLevel(text) ? text : null;
}

export function toggledLevel(levels: ReadonlySet<Level>, level: Level): ReadonlySet<Level> {
  const next = toggled(levels, level);
  return next.size === 0 ? new Set(LEVELS) : next;
}

export function emptyCounts(): Counts {
  return { total: 0, debug: 0, info: 0, warn: 0, error: 0, critical: 0 };
}

/** The counts with more lines; an unknown level counts in the total only. */
export function added(counts: Counts, lines: readonly { level: string }[]): Counts {
  const sum = { ...counts, total: counts.total + lines.length };
  for (const { level } of lines) if (isLevel(level)) sum[level] += 1;
  return sum;
}

export function errorsOf(counts: Counts): number {
  return counts.error + counts.critical;
}

export function countOf(counts: Counts, levels: ReadonlySet<Level>): number {
  return LEVELS.reduce((sum, level) => sum + (levels.has(level) ? counts[level] : 0), 0);
}
