/** What is looked for in lines, and where in a text it is. The server decides which lines hold it; this only marks the places. */

export interface Needle {
  text: string;
  /** Upper and lower case are not the same. */
  matchCase: boolean;
  /** `text` is a pattern in the syntax of RE2. */
  regex: boolean;
}

export const NO_NEEDLE: Needle = { text: "", matchCase: false, regex: false };

/** The needle that a search is about: its text, and how that is meant. */
export function needleOf({
  q,
  matchCase,
  regex,
}: {
  q: string;
  matchCase: boolean;
  regex: boolean;
}): Needle {
  return { text: q, matchCase, regex };
}

/** From and to, in UTF-16 units. */
export type Hit = readonly [number, number];

/** A browser's patterns may backtrack: what could is marked only in texts short enough for its worst case, or not at all. */
const LONGEST_TEXT = [Number.POSITIVE_INFINITY, 10_000, 300];
const MOST_HITS = 1000;

/** Places of the needle in a text, in order, without overlap. */
export function hitsIn(text: string, needle: Needle): Hit[] {
  if (needle.text === "") return [];
  return needle.regex ? matches(text, needle) : occurrences(text, needle);
}

function occurrences(text: string, needle: Needle): Hit[] {
  const [haystack, wanted] = needle.matchCase
    ? [text, needle.text]
    : [text.toLowerCase(), needle.text.toLowerCase()];
  if (haystack.length !== text.length) return [];
  const hits: Hit[] = [];
  for (
    let at = haystack.indexOf(wanted);
    at >= 0;
    at = haystack.indexOf(wanted, at + wanted.length)
  )
    hits.push([at, at + wanted.length]);
  return hits;
}

function matches(text: string, needle: Needle): Hit[] {
  const pattern = compiled(needle);
  if (!pattern || text.length > (LONGEST_TEXT[repeats(needle.text)] ?? 0)) return [];
  const hits: Hit[] = [];
  for (const match of text.matchAll(pattern)) {
    if (match[0] !== "") hits.push([match.index, match.index + match[0].length]);
    if (hits.length >= MOST_HITS) break;
  }
  return hits;
}

let last: { key: string; pattern: RegExp | null } = { key: "", pattern: null };

/** RE2's syntax as the browser's, where they are the same; null where they are not. */
function compiled(needle: Needle): RegExp | null {
  const key = `${needle.matchCase}${needle.text}`;
  if (last.key !== key) last = { key, pattern: compile(needle) };
  return last.pattern;
}

function compile({ text, matchCase }: Needle): RegExp | null {
  const ignoring = /^\(\?i\)/.test(text);
  const source = text.replace(/^\(\?i\)/, "").replaceAll("(?P<", "(?<");
  for (const unicode of ["u", ""]) {
    try {
      return new RegExp(source, `g${matchCase && !ignoring ? "" : "i"}${unicode}`);
    } catch {
      // the other way of reading it, or none
    }
  }
  return null;
}

/** How many parts of a pattern repeat without end; too many to count when one of them is a group. */
export function repeats(pattern: string): number {
  const bare = pattern.replace(/\\./gs, "_").replace(/\[\]?[^\]]*\]/g, "_");
  if (/\)[*+{]/.test(bare)) return Number.POSITIVE_INFINITY;
  return bare.match(/[*+]|\{\d*,\}/g)?.length ?? 0;
}
