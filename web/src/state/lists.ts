/** The lists of the server, each with its pages and how often it is looked at again. */
import { listJobs } from "../api/jobs";
import { listExecutions } from "../api/schedules";
import type { Execution, Job } from "../api/types";
import { isActive } from "../model/jobs";
import { connection } from "./connection.svelte";
import { PagedList } from "./paged-list.svelte";

const ACTIVE_MS = 2000;
const IDLE_MS = 5000;

/** `atFirst`: as many as were shown when the list was left. */
export function jobList(
  status: readonly string[],
  handler: string | null,
  atFirst = 0,
): PagedList<Job> {
  return new PagedList<Job>({
    pageSize: 50,
    atFirst,
    wanted: status,
    load: async (limit, cursor, signal) => {
      const { jobs, next_cursor } = await listJobs({ limit, cursor, status, handler }, signal);
      return { items: jobs, next_cursor };
    },
    every: (jobs) => {
      connection.active = jobs.some(isActive);
      return connection.active ? ACTIVE_MS : IDLE_MS;
    },
  });
}

export function executionList(scheduleId: string): PagedList<Execution> {
  return new PagedList<Execution>({
    pageSize: 20,
    load: async (limit, cursor, signal) => {
      const { executions, next_cursor, total } = await listExecutions(
        scheduleId,
        limit,
        cursor,
        signal,
      );
      return { items: executions, next_cursor, total };
    },
    every: (executions) =>
      executions.some((one) => one.status === "running") ? ACTIVE_MS / 2 : IDLE_MS,
  });
}
