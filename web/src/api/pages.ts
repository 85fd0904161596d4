/** Pages that applications add to the navigation. */
import { getJson } from "./client";
import type { PageList, PageView } from "./types";

export async function listPages(): Promise<PageView[]> {
  return (await getJson<PageList>("/api/pulse/pages")).pages;
}
