/** Sentences of the server cut into text, instants and things that have a page, so that each can be shown as what it is. */

export type Mention = { text: string } | { time: string } | { text: string; href: string };

const FOUND = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)|\b(JB|SP|PX|JD)_([0-9A-Za-z]+)\b/g;
const PAGE: Record<string, string> = {
  JB: "/jobs/",
  SP: "/schedules/",
  PX: "/executions/",
  JD: "/jds/",
};

export function mentions(sentence: string): Mention[] {
  const out: Mention[] = [];
  let at = 0;
  for (const match of sentence.matchAll(FOUND)) {
    if (match.index > at) out.push({ text: sentence.slice(at, match.index) });
    if (match[1]) out.push({ time: match[1] });
    else out.push({ text: match[0], href: PAGE[match[2]!] + match[0] });
    at = match.index + match[0].length;
  }
  if (at < sentence.length) out.push({ text: sentence.slice(at) });
  return out;
}
