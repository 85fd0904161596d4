/** Lines as text for the clipboard: one record a line, continuation lines indented, nothing a terminal would obey. */
import type { Line } from "../api/types";
import { bare } from "./plain-text";

export function lineAsText(line: Line): string {
  const place = line.stage ? ` [${line.stage}${line.task_id ? `/${line.task_id}` : ""}]` : "";
  return `${line.timestamp} ${line.level.padEnd(8)}${place} ${bare(line.message).replace(/\n/g, "\n    ")}`;
}

export function linesAsText(lines: readonly Line[]): string {
  return lines.map((line) => `${lineAsText(line)}\n`).join("");
}
