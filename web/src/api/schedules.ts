/** Schedules, what became of each firing, and the state of the server. */
import { address, changeJson, getJson } from "./client";
import type {
  Execution,
  ExecutionPage,
  Explanation,
  Line,
  LinePage,
  NewSchedule,
  ForcedSchedule,
  Schedule,
  ScheduleChange,
  ScheduleList,
  Statistics,
  System,
} from "./types";

const base = (id: string) => `/api/pulse/schedules/${encodeURIComponent(id)}`;
const execution = (id: string) => `/api/pulse/executions/${encodeURIComponent(id)}`;

export function getSystem(signal: AbortSignal | null): Promise<System> {
  return getJson<System>("/api/pulse/system", {}, signal);
}

export async function listSchedules(signal: AbortSignal | null): Promise<Schedule[]> {
  return (await getJson<ScheduleList>("/api/pulse/schedules", {}, signal)).jobs;
}

export function getSchedule(id: string, signal: AbortSignal | null): Promise<Schedule> {
  return getJson<Schedule>(base(id), {}, signal);
}

export function explainSchedule(id: string, signal: AbortSignal | null): Promise<Explanation> {
  return getJson<Explanation>(`${base(id)}/explain`, {}, signal);
}

export function getStatistics(id: string, signal: AbortSignal | null): Promise<Statistics> {
  return getJson<Statistics>(`${base(id)}/statistics`, {}, signal);
}

/** The schedule; of one that only fires once, at once, what was started. */
export function createSchedule(schedule: NewSchedule): Promise<Schedule | ForcedSchedule> {
  return changeJson("POST", "/api/pulse/schedules", schedule);
}

export function pauseSchedule(id: string): Promise<Schedule> {
  return changeJson("POST", `${base(id)}/pause`);
}

export function resumeSchedule(id: string): Promise<Schedule> {
  return changeJson("POST", `${base(id)}/resume`);
}

export function triggerSchedule(id: string): Promise<Execution> {
  return changeJson("POST", `${base(id)}/trigger`);
}

export function editSchedule(id: string, change: ScheduleChange): Promise<Schedule> {
  return changeJson("PATCH", base(id), change);
}

export function deleteSchedule(id: string): Promise<null> {
  return changeJson("DELETE", base(id));
}

export function listExecutions(
  scheduleId: string,
  limit: number,
  cursor: string | null,
  signal: AbortSignal | null,
): Promise<ExecutionPage> {
  return getJson<ExecutionPage>(`${base(scheduleId)}/executions`, { limit, cursor }, signal);
}

export function executionsPath(scheduleId: string, form: "csv" | "json"): string {
  return address(`${base(scheduleId)}/executions.${form}`);
}

export function getExecution(id: string, signal: AbortSignal | null): Promise<Execution> {
  return getJson<Execution>(execution(id), {}, signal);
}

export function rerunExecution(id: string): Promise<Execution> {
  return changeJson("POST", `${execution(id)}/rerun`);
}

/** What the scheduler said about an execution that has no job. */
export async function executionLines(id: string, signal: AbortSignal | null): Promise<Line[]> {
  return (await getJson<LinePage>(`${execution(id)}/logs`, { limit: 200 }, signal)).logs;
}
