/** Jobs and lines for the tests of this folder. */
import type { Job, Line } from "../api/types";
import { emptyCounts } from "./levels";

export function line(id: number, more: Partial<Line> = {}): Line {
  const base = {
    attempt: 1,
    stage: null,
    task_id: null,
    timestamp: "2026-11-24T12:00:00Z",
    level: "info",
    source: "emitter",
  } as const;
  return { id, ...base, logger: null, message: `line ${id}`, metadata: null, ...more };
}

export function lines(from: number, to: number): Line[] {
  return Array.from({ length: to - from + 1 }, (_, at) => line(from + at));
}

export function job(id: string, created: number, more: Partial<Job> = {}): Job {
  const time = `2026-11-24T12:00:${String(created).padStart(2, "0")}.000000Z`;
  return {
    id,
    handler_name: "h",
    source: null,
    status: "completed",
    attempt: 1,
    max_attempts: 1,
    progress: null,
    cost_estimate: null,
    cost_actual: null,
    error: null,
    error_stage: null,
    parent_job_id: null,
    execution_id: null,
    retry_count: 0,
    payload: null,
    result: null,
    stop_request: null,
    next_attempt_at: null,
    pulse_state: null,
    created_at: time,
    updated_at: time,
    started_at: null,
    completed_at: null,
    duration_ms: null,
    counts: emptyCounts(),
    receipt: null,
    ...more,
  };
}
