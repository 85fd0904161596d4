/** A text cut where it is quoted, so that what was read in it can be shown in place. Offsets count code points, as the server does. */
import type { Evidence, Quote } from "../api/types";

export interface Cut {
  text: string;
  /** Number of quotes that hold this piece. */
  quoted: number;
  chosen: boolean;
}

export function cutAt(text: string, quotes: readonly Quote[], chosen: Quote | null): Cut[] {
  const points = Array.from(text);
  const inside = (offset: number) => Math.min(points.length, Math.max(0, offset));
  const edges = new Set([0, points.length]);
  for (const { start, end } of quotes) edges.add(inside(start)).add(inside(end));
  const sorted = [...edges].sort((a, b) => a - b);
  const cuts: Cut[] = [];
  for (let at = 0; at + 1 < sorted.length; at += 1) {
    const [from, to] = [sorted[at]!, sorted[at + 1]!];
    const quoted = quotes.filter((quote) => quote.start <= from && to <= quote.end).length;
    cuts.push({
      text: points.slice(from, to).join(""),
      quoted,
      chosen: chosen !== null && chosen.start <= from && to <= chosen.end,
    });
  }
  return cuts;
}

export type Verdict = "met" | "partly" | "unmet" | "unknown";

/** How far a requirement is met, in a word. */
export function verdict(evidence: Pick<Evidence, "strength" | "how">): Verdict {
  if (evidence.how === "unknown") return "unknown";
  if (evidence.strength >= 0.99) return "met";
  return evidence.strength > 0 ? "partly" : "unmet";
}

/** Musts first, those that decide before the others, then by weight; what is not met before what is, within the same. */
export function ordered(evidence: readonly Evidence[]): Evidence[] {
  const rank = (one: Evidence) => (one.importance === "must" ? 2 : 0) + (one.critical ? 1 : 0);
  return [...evidence].sort(
    (a, b) => rank(b) - rank(a) || b.weight - a.weight || a.strength - b.strength,
  );
}
