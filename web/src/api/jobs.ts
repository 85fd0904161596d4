/** Jobs, their outline and their lines. */
import { filterQuery, type LogFilter } from "../model/route";
import type { JobAction } from "../model/actions";
import { address, changeJson, getJson, getText } from "./client";
import type {
  Attempt,
  AttemptList,
  ChildPage,
  Explanation,
  Histogram,
  Job,
  JobPage,
  LineGroups,
  LinePage,
  Outline,
} from "./types";

const base = (id: string) => `/api/pulse/jobs/${encodeURIComponent(id)}`;

export function listJobs(
  query: {
    limit: number;
    cursor?: string | null;
    status: readonly string[];
    handler?: string | null;
  },
  signal: AbortSignal | null,
) {
  const status = query.status.length > 0 ? query.status.join(",") : null;
  return getJson<JobPage>(
    "/api/pulse/jobs",
    { limit: query.limit, cursor: query.cursor, status, handler: query.handler },
    signal,
  );
}

export function getJob(id: string, signal: AbortSignal | null = null): Promise<Job> {
  return getJson<Job>(base(id), {}, signal);
}

export function getOutline(
  id: string,
  attempt: number | null,
  signal: AbortSignal | null = null,
): Promise<Outline> {
  return getJson<Outline>(`${base(id)}/stages`, { attempt }, signal);
}

export function getGroups(
  id: string,
  attempt: number,
  signal: AbortSignal | null = null,
): Promise<LineGroups> {
  return getJson<LineGroups>(`${base(id)}/groups`, { attempt }, signal);
}

export async function getAttempts(
  id: string,
  signal: AbortSignal | null = null,
): Promise<Attempt[]> {
  return (await getJson<AttemptList>(`${base(id)}/attempts`, {}, signal)).attempts;
}

export function listChildren(
  id: string,
  limit: number,
  cursor: string | null,
  signal: AbortSignal | null = null,
): Promise<ChildPage> {
  return getJson<ChildPage>(`${base(id)}/children`, { limit, cursor }, signal);
}

/** Why a job is in its status, and what happens next. */
export function explainJob(id: string, signal: AbortSignal | null = null): Promise<Explanation> {
  return getJson<Explanation>(`${base(id)}/explain`, {}, signal);
}

/** Asks for an action; the job as it is afterwards. */
export function actOnJob(id: string, action: JobAction): Promise<Job> {
  return changeJson<Job>("POST", `${base(id)}/${action}`);
}

/** Where in a log: after a line, before one, or with one in the middle. */
export interface Position {
  around?: number;
  after?: number;
  before?: number;
  limit: number;
}

export function getLines(
  id: string,
  attempt: number,
  filter: LogFilter,
  at: Position,
  signal: AbortSignal | null,
): Promise<LinePage> {
  const { around, after, before, limit } = at;
  return getJson<LinePage>(
    `${base(id)}/logs`,
    { attempt, ...filterQuery(filter), around, after, before, limit },
    signal,
  );
}

export function getHistogram(
  id: string,
  attempt: number,
  filter: LogFilter,
  buckets: number,
  signal: AbortSignal | null,
): Promise<Histogram> {
  return getJson<Histogram>(
    `${base(id)}/histogram`,
    { attempt, ...filterQuery(filter), buckets },
    signal,
  );
}

/** Address of the stream of lines after a line. */
export function eventsPath(id: string, attempt: number, filter: LogFilter, after: number): string {
  return address(`${base(id)}/events`, { attempt, ...filterQuery(filter), after });
}

export const SHOWN_BYTES = 1024 * 1024;

export function messagePath(id: string, attempt: number, seq: number): string {
  return `${base(id)}/logs/${attempt}/${seq}/message`;
}

/** The whole message of a line, or its first mebibyte. */
export function getMessage(
  id: string,
  attempt: number,
  seq: number,
  signal: AbortSignal | null = null,
) {
  return getText(messagePath(id, attempt, seq), SHOWN_BYTES, signal);
}

/** Address of a download with the filters of the view. */
export function downloadPath(
  id: string,
  attempt: number,
  filter: LogFilter,
  form: "txt" | "ndjson",
): string {
  return address(`${base(id)}/logs.${form}`, { attempt, ...filterQuery(filter) });
}
