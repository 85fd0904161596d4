/** What the head of a job's page says: of the job while its newest attempt is shown, of the attempt otherwise. */
import type { Attempt, Counts, Job, Receipt, SpanStatus } from "../api/types";

export interface Head {
  status: Job["status"] | SpanStatus;
  startedAt: string | null;
  endedAt: string | null;
  durationMs: number | null;
  error: string | null;
  errorStage: string | null;
  /** null: the job's own counts are those of several attempts, and this one's are not known yet. */
  counts: Counts | null;
  receipt: Receipt | null;
  /** An attempt before the newest one. */
  old: boolean;
}

/** The receipt of a job that has begun: before that, "0 of 0" is no promise that was kept. */
export function receiptOf(job: Pick<Job, "attempt" | "receipt">): Receipt | null {
  return job.attempt === 0 ? null : job.receipt;
}

export function headOf(job: Job, attempts: readonly Attempt[], shown: number): Head {
  // A job that has not begun yet is at attempt 0.
  const old = shown < job.attempt;
  const attempt = attempts.find((one) => one.attempt === shown);
  const ofJob = {
    status: job.status,
    startedAt: job.started_at,
    endedAt: job.completed_at,
    durationMs: job.duration_ms,
    error: job.status === "running" ? null : job.error,
    errorStage: job.error_stage,
    counts: job.counts,
    receipt: receiptOf(job),
    old,
  };
  if (job.attempt <= 1 && !old) return ofJob;
  if (!attempt)
    return {
      ...ofJob,
      status: old ? null : job.status,
      error: old ? null : ofJob.error,
      counts: null,
      receipt: null,
    };
  return {
    status: old ? attempt.status : job.status,
    startedAt: attempt.started_at,
    endedAt: attempt.ended_at,
    durationMs: attempt.duration_ms,
    error: old ? (attempt.error ?? attempt.reason) : ofJob.error,
    errorStage: old ? attempt.error_stage : job.error_stage,
    counts: attempt.counts,
    receipt: attempt.receipt,
    old,
  };
}
