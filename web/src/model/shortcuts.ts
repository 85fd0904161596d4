/** Keyboard shortcuts: what they are called, and when a key press is one. */

import type { Place } from "./route";

export interface Shortcut {
  keys: string[];
  does: string;
}

/** All shortcuts, those of *places* included. */
export const shortcutsWith = (
  places: readonly Place[],
): { title: string; entries: Shortcut[] }[] => [
  {
    title: "Find",
    entries: [
      { keys: ["/", "Ctrl+F"], does: "find in the log; Ctrl+F in the field is the browser's" },
      { keys: ["n", "N"], does: "next, previous hit" },
      { keys: ["e", "E"], does: "next, previous error" },
    ],
  },
  {
    title: "Move",
    entries: [
      { keys: ["j", "k"], does: "next, previous line" },
      { keys: ["g", "G"], does: "first, last line" },
      { keys: ["PgUp", "PgDn"], does: "a screen up, down" },
      { keys: ["Enter"], does: "open or close the details of the line" },
      { keys: ["↑", "↓", "←", "→"], does: "in the timeline: rows, closed and open" },
    ],
  },
  {
    title: "Log",
    entries: [
      { keys: ["f"], does: "follow new lines" },
      { keys: ["w"], does: "wrap long lines" },
      { keys: ["t"], does: "time: local, UTC, since the start, delta to the line before" },
      { keys: ["c"], does: "copy the selected lines" },
      { keys: ["l"], does: "copy a link to the selected lines" },
      { keys: ["h"], does: "headings for stages and tasks" },
      { keys: ["b"], does: "bars: lines over time" },
    ],
  },
  {
    title: "Anywhere",
    entries: [
      {
        keys: places.map((place) => place.key).filter((key) => key !== ""),
        does: places.map((place) => place.name.toLowerCase()).join(", "),
      },
      { keys: ["u"], does: "one step up" },
      { keys: ["?"], does: "this help" },
      { keys: ["Esc"], does: "close, clear the search, clear the selection" },
    ],
  },
];

interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  target: EventTarget | null;
}

/** Whether the press belongs to a control that takes text, so that it is never a shortcut. */
export function inTextField(target: EventTarget | null): boolean {
  const element = target as { tagName?: string; isContentEditable?: boolean; type?: string } | null;
  const tag = element?.tagName?.toUpperCase();
  if (tag === "INPUT")
    return !["checkbox", "radio", "button", "range"].includes(element?.type ?? "text");
  return tag === "TEXTAREA" || tag === "SELECT" || element?.isContentEditable === true;
}

/** Ctrl+F: the browser's own search sees only the lines on the screen, so the first press is ours and one in the field is the browser's. */
export function isFind({ key, ctrlKey, metaKey, altKey, target }: KeyPress): boolean {
  return (
    key === "f" &&
    ctrlKey !== metaKey &&
    !altKey &&
    (target as { id?: string } | null)?.id !== "log-find"
  );
}

/** The key when the press may be a shortcut, else null. `single`: letters, digits and signs alone may be (WCAG 2.1.4). */
export function shortcutKey(press: KeyPress, single: boolean): string | null {
  if (press.ctrlKey || press.metaKey || press.altKey || inTextField(press.target)) return null;
  return single || press.key === " " || [...press.key].length > 1 ? press.key : null;
}
