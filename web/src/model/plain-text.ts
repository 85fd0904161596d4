/**
 * Text of a log line made safe to look at: control characters become visible marks, progress that a terminal would have
 * overwritten is folded to its last state, terminal hyperlinks become plain links. Colour codes (SGR) pass through.
 */

/** Noncharacters that cannot be in a message: they fence marks and links until the text is cut into pieces. */
export const MARK_OPEN = "\uFDD0";
export const MARK_CLOSE = "\uFDD1";
export const LINK_OPEN = "\uFDD2";
export const LINK_TEXT = "\uFDD3";
export const LINK_CLOSE = "\uFDD4";

const FENCES = /[\uFDD0-\uFDD4]/g;
const ESC = "\u001b";
// OSC 8 ; parameters ; target ST text OSC 8 ; ; ST - the only terminal sequence besides SGR that means something here.
const HYPERLINK = new RegExp(
  `${ESC}\\]8;[^;${ESC}\\u0007]*;([^${ESC}\\u0007]+)(?:${ESC}\\\\|\\u0007)([^]*?)${ESC}\\]8;;(?:${ESC}\\\\|\\u0007)`,
  "g",
);
const SGR_AHEAD = new RegExp(`${ESC}(?!\\[[0-9;:]*m)`, "g");
// C0 without tab, newline and escape; DEL; C1; bidirectional controls; line and paragraph separators; BOM; zero-width characters.
const CONTROL =
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

function mark(character: string): string {
  const code = character.charCodeAt(0);
  const hex = code
    .toString(16)
    .toUpperCase()
    .padStart(code < 0x100 ? 2 : 4, "0");
  return `${MARK_OPEN}${code < 0x100 ? `\\x${hex}` : `U+${hex}`}${MARK_CLOSE}`;
}

/** The last state of a line that was redrawn with carriage returns. */
function lastState(line: string): string {
  const states = line.split("\r");
  for (let at = states.length - 1; at >= 0; at -= 1) if (states[at] !== "") return states[at]!;
  return "";
}

/** How many earlier states of progress lines were folded away. */
export function foldedStates(message: string): number {
  if (!message.includes("\r")) return 0;
  return message
    .split(/\r*\n/)
    .reduce(
      (sum, line) => sum + Math.max(0, line.split("\r").filter((state) => state !== "").length - 1),
      0,
    );
}

/** Message ready to be coloured. With `raw`, carriage returns are shown as marks and nothing is folded. */
export function readable(message: string, raw = false): string {
  let text = message.replace(FENCES, "\uFFFD");
  if (!raw && text.includes("\r")) {
    text = text
      .split(/\r*\n/)
      .map((line) => (line.includes("\r") ? lastState(line) : line))
      .join("\n");
  }
  if (text.includes(`${ESC}]8;`))
    text = text.replace(HYPERLINK, `${LINK_OPEN}$1${LINK_TEXT}$2${LINK_CLOSE}`);
  return text.replace(SGR_AHEAD, `${MARK_OPEN}\\x1B${MARK_CLOSE}`).replace(CONTROL, mark);
}

/** The text as it is copied and searched: no colour codes, no fences. */
export function bare(message: string): string {
  return readable(message)
    .replace(new RegExp(`${ESC}\\[[0-9;:]*m`, "g"), "")
    .replace(new RegExp(`${LINK_OPEN}[^${LINK_TEXT}]*${LINK_TEXT}`, "g"), "")
    .replace(FENCES, "");
}
