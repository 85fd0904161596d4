/** Jobs and lines for the tests of this folder. */
import type { Job, Line, Receipt } from "../api/types";
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
  const message = `line ${id}`;
  return {
    id,
    ...base,
    logger: null,
    message,
    metadata: null,
    size: message.length,
    truncated: false,
    flags: [],
    ...more,
  };
}

/** That of an attempt that said so many lines, all of which are stored. */
export function receipt(count: number): Receipt {
  const text = `complete: ${count} of ${count}`;
  const whole = { lost: 0, redactions: 0, complete: true, so_far: false, open_streams: 0 };
  return { accepted: count, stored: count, ...whole, unseen: [], text };
}

export function lines(from: number, to: number): Line[] {
  return Array.from({ length: to - from + 1 }, (_, at) => line(from + at));
}

export function job(id: string, created: number, more: Partial<Job> = {}): Job {
  const time = `2026-11-24T12:00:${String(created).padStart(2, "0")}.000000Z`;
  return {
    id,
    handler_name: "h",
    source: "h",
    status: "completed",
    run_kind: "queue",
    door: "queue",
    attempt: 1,
    max_attempts: 1,
    priority: 0,
    progress: { current: 0, total: 0 },
    cost_estimate: 0,
    cost_actual: 0,
    error: null,
    error_type: null,
    error_details: [],
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
    receipt: receipt(0),
    ...more,
  };
}
