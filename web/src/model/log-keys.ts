/** Which key does what in the log, by name; the names are what LogView can do. */

export type LogAction =
  | "find"
  | "nextHit"
  | "previousHit"
  | "nextError"
  | "previousError"
  | "nextLine"
  | "previousLine"
  | "first"
  | "last"
  | "pageUp"
  | "pageDown"
  | "scrollUp"
  | "scrollDown"
  | "follow"
  | "wrap"
  | "time"
  | "headings"
  | "histogram"
  | "copy"
  | "link"
  | "details"
  | "escape";

const ANYWHERE: Record<string, LogAction> = {
  "/": "find",
  n: "nextHit",
  N: "previousHit",
  e: "nextError",
  E: "previousError",
  j: "nextLine",
  k: "previousLine",
  g: "first",
  G: "last",
  f: "follow",
  w: "wrap",
  t: "time",
  h: "headings",
  b: "histogram",
  c: "copy",
  l: "link",
  Escape: "escape",
};

/** Keys that other controls use too, so that they count only while none of those has the focus. */
const IN_LIST: Record<string, LogAction> = {
  Home: "first",
  End: "last",
  PageUp: "pageUp",
  PageDown: "pageDown",
  ArrowUp: "scrollUp",
  ArrowDown: "scrollDown",
  " ": "pageDown",
  Enter: "details",
};

export function logAction(key: string, inList: boolean): LogAction | null {
  return ANYWHERE[key] ?? (inList ? (IN_LIST[key] ?? null) : null);
}
