/** Lists while they change: which jobs are active, how a fresh page joins what is on screen. */
import type { Job, JobStatus } from "../api/types";

/** What a list of jobs or executions is made of. */
export interface Listed {
  id: string;
  status: string;
  created_at: string;
}

export const STATUSES: readonly JobStatus[] = [
  "running",
  "queued",
  "paused",
  "failed",
  "completed",
  "cancelled",
];

export function isActive(job: Pick<Job, "status">): boolean {
  return job.status === "running" || job.status === "queued";
}

export function isOver(job: Pick<Job, "status">): boolean {
  return job.status === "completed" || job.status === "failed" || job.status === "cancelled";
}

/** The list after a fresh first page: known items are replaced in place, new ones go in front, older ones stay. */
export function refreshed<T extends Listed>(
  shown: readonly T[],
  page: readonly T[],
  wanted: readonly string[],
): T[] {
  const seen = new Set(page.map((item) => item.id));
  const last = page.at(-1);
  // An item that the page ought to hold but does not has changed its status (or was removed) since.
  const older = shown.filter(
    (item) =>
      !seen.has(item.id) && (last === undefined ? false : item.created_at < last.created_at),
  );
  const all = [...page, ...older];
  return wanted.length === 0 ? all : all.filter((item) => wanted.includes(item.status));
}

/** A further page at the end; items that are there already are not repeated. */
export function extended<T extends Listed>(shown: readonly T[], page: readonly T[]): T[] {
  const seen = new Set(shown.map((item) => item.id));
  return [...shown, ...page.filter((item) => !seen.has(item.id))];
}

/** Share that is done, 0 to 1; null when the job did not say. */
export function share(job: Job): number | null {
  const progress = job.progress;
  if (progress.total <= 0) return null;
  return Math.min(1, Math.max(0, progress.current / progress.total));
}
