/** Job descriptions, candidates, scores. */
import { getJson } from "./client";
import type { Candidate, CandidateList, JDList, JDPage, JDSummary } from "./types";

export async function listJDs(signal: AbortSignal | null): Promise<JDSummary[]> {
  return (await getJson<JDList>("/api/pulse/jds", { limit: 500 }, signal)).jds;
}

export function getJD(id: string, signal: AbortSignal | null): Promise<JDPage> {
  return getJson<JDPage>(`/api/pulse/jds/${encodeURIComponent(id)}`, {}, signal);
}

export async function listCandidates(signal: AbortSignal | null): Promise<Candidate[]> {
  return (await getJson<CandidateList>("/api/pulse/candidates", {}, signal)).candidates;
}
