/** Lines of all runs. */
import { howQuery } from "../model/route";
import type { Needle } from "../model/needle";
import { getJson } from "./client";
import type { FoundPage, Level } from "./types";

export function searchLines(needle: Needle, level: Level | null, limit: number, cursor: string | null, signal: AbortSignal | null): Promise<FoundPage> {
  return getJson<FoundPage>("/api/pulse/search", { q: needle.text, ...howQuery(needle), level, limit, cursor }, signal);
}
