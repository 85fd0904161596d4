/** Lines of all runs. */
import { narrowingQuery, type Narrowing } from "../model/narrowing";
import { howQuery } from "../model/route";
import type { Needle } from "../model/needle";
import { getJson } from "./client";
import type { FoundPage, Level } from "./types";

export interface Wanted {
  needle: Needle;
  level: Level | null;
  narrowing: Narrowing;
}

export function searchLines(
  { needle, level, narrowing }: Wanted,
  limit: number,
  cursor: string | null,
  signal: AbortSignal | null,
): Promise<FoundPage> {
  const query = {
    q: needle.text,
    ...howQuery(needle),
    ...narrowingQuery(narrowing),
    level,
    limit,
    cursor,
  };
  return getJson<FoundPage>("/api/pulse/search", query, signal);
}
