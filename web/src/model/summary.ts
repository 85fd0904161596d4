/** One line of `key=value` for a row, from metadata of any shape. */
import type { Line } from "../api/types";

function brief(value: unknown): string {
  if (typeof value === "string")
    return /^[\w./:@+-]*$/.test(value) && value !== "" ? value : JSON.stringify(value);
  if (Array.isArray(value)) return value.length === 0 ? "[]" : `[${value.length}]`;
  if (value !== null && typeof value === "object") return "{…}";
  return String(value);
}

/** At most about `limit` characters; empty for nothing. */
export function summary(metadata: unknown, limit = 96): string {
  if (metadata === null || typeof metadata !== "object")
    return metadata === null ? "" : brief(metadata).slice(0, limit);
  if (Array.isArray(metadata)) return metadata.length === 0 ? "" : `[${metadata.length}]`;
  let text = "";
  for (const [key, value] of Object.entries(metadata)) {
    const next = `${text === "" ? "" : " "}${key}=${brief(value)}`;
    if (text !== "" && text.length + next.length > limit) return `${text} …`;
    text += next.length > limit ? `${next.slice(0, limit)}…` : next;
  }
  return text;
}

/** The same for a result that is kept as text: JSON is summed up, its ids last; anything else stays as it is. */
export function resultSummary(text: string, limit = 240): string {
  try {
    const value = JSON.parse(text) as unknown;
    if (value === null || typeof value !== "object" || Array.isArray(value))
      return summary(value, limit);
    const isId = ([key]: [string, unknown]) => Number(key.endsWith("_id"));
    return summary(
      Object.fromEntries(Object.entries(value).sort((a, b) => isId(a) - isId(b))),
      limit,
    );
  } catch {
    return text;
  }
}

const TRACEBACK = "Traceback (most recent call last):\n";

/** A message without its traceback's frames: what was said, and the exception. */
export function gist(line: Pick<Line, "message" | "truncated">): string {
  const at = line.message.indexOf(TRACEBACK);
  if (at < 0 || line.truncated || (at > 0 && line.message[at - 1] !== "\n")) return line.message;
  return line.message.slice(0, at) + line.message.trimEnd().split("\n").at(-1);
}
