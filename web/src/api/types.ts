/** The JSON that the HTTP API speaks. Times are RFC 3339 UTC with microseconds; ids are opaque. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type JobStatus = "queued" | "running" | "paused" | "completed" | "failed" | "cancelled";
export type SpanStatus = "running" | "completed" | "failed" | "interrupted" | "cancelled" | null;
export type Level = "debug" | "info" | "warn" | "error" | "critical";

export type Counts = { total: number } & Record<Level, number>;

export interface Receipt {
  accepted: number;
  stored: number;
  lost: number;
  complete: boolean;
  redactions: number;
  text: string;
}

export interface Job {
  id: string;
  handler_name: string;
  source: string | null;
  status: JobStatus;
  attempt: number;
  max_attempts: number;
  /** queue, foreground, command (qntx run) or block (qntx.capture): what is no handler cannot be retried. */
  door?: string;
  /** left_s: seconds that a running job still takes, by its own pace. */
  progress: { current: number; total: number; left_s?: number | null } | null;
  cost_estimate: number | null;
  cost_actual: number | null;
  error: string | null;
  error_stage: string | null;
  parent_job_id: string | null;
  execution_id: string | null;
  retry_count: number;
  payload: Json;
  result: Json;
  /** "cancel" or "pause" while a running job was asked for that but has not heeded it yet. */
  stop_request: string | null;
  next_attempt_at: string | null;
  /** What holds it while it is queued or paused. */
  pulse_state: Json;
  created_at: string;
  updated_at: string;
  started_at: string | null;
  completed_at: string | null;
  duration_ms: number | null;
  /** Counts and receipt are those of all attempts together. */
  counts: Counts;
  receipt: Receipt | null;
}

export interface Attempt {
  attempt: number;
  status: JobStatus | "interrupted";
  started_at: string | null;
  ended_at: string | null;
  duration_ms: number | null;
  error: string | null;
  error_stage: string | null;
  /** Why it ended, when that was not the handler's doing. */
  reason: string | null;
  counts: Counts;
  receipt: Receipt | null;
}

export interface Explanation {
  id: string;
  state: string;
  why: string[];
  next: string[];
}

export interface ChildPage {
  children: Job[];
  count: number;
  /** Children on all pages, by status. */
  counts: Record<string, number>;
  next_cursor: string | null;
}

export type ScheduleState = "active" | "paused" | "stopping" | "inactive" | "deleted";
export type ExecutionStatus =
  "running" | "completed" | "failed" | "cancelled" | "skipped" | "missed";

export interface Schedule {
  id: string;
  name: string | null;
  ats_code: string;
  handler_name: string | null;
  /** When it fires, in words: every 6h, cron 0 9 * * 1-5 (Europe/Berlin). */
  timing: string;
  cron: string | null;
  time_zone: string;
  state: ScheduleState;
  state_reason: string | null;
  next_run_at: string | null;
  last_run_at: string | null;
  last_execution_id: string | null;
  /** Where it was written down, or why it is kept. */
  created_from_doc: string | null;
  created_at: string;
}

/** One firing of a schedule; where there is no job, `reason` says why. */
export interface Execution {
  id: string;
  scheduled_job_id: string;
  async_job_id: string | null;
  status: ExecutionStatus;
  cause: "schedule" | "catch_up" | "force" | "rerun";
  nominal_at: string | null;
  started_at: string;
  completed_at: string | null;
  duration_ms: number | null;
  reason: string | null;
  waiting: boolean;
  result_summary: string | null;
  error_message: string | null;
  job_status: JobStatus | null;
  counts: Counts;
  created_at: string;
}

export interface ExecutionPage {
  executions: Execution[];
  count: number;
  total: number;
  next_cursor: string | null;
}

export interface Statistics {
  window: number;
  success_rate: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
}

export interface NewSchedule {
  ats_code: string;
  every?: string;
  cron?: string;
  time_zone?: string;
  /** Fires once, at once. */
  force?: true;
}

/** What is left out stays. */
export interface ScheduleChange {
  name?: string | null;
  every?: string;
  cron?: string;
  time_zone?: string;
}

export interface Worker {
  name: string;
  ready: boolean;
  jobs: string[];
}

export interface Budget {
  window: string;
  spent_usd: number;
  limit_usd: number;
}

export interface Storage {
  database_bytes: number;
  journal_bytes: number;
  free_bytes: number | null;
  limit_bytes: number | null;
  over_limit: boolean;
  message: string | null;
}

export interface System {
  /** Names of the handlers that can be enqueued. */
  handlers: string[];
  version: string;
  uptime_s: number;
  jobs: Record<JobStatus, number>;
  /** null: this server has no workers of its own. */
  workers: Worker[] | null;
  budget?: Budget[] | null;
  storage?: Storage;
  /** What somebody should look at, one sentence each. */
  warnings?: string[];
}

/** A line that was found in some run. */
export interface FoundLine extends Line {
  job_id: string;
  handler_name: string;
  /** What the job is about. */
  job_source?: string | null;
}

export interface FoundPage {
  logs: FoundLine[];
  next_cursor: string | null;
  /** Lines that the index of words covers, and those that it does not cover yet; they are looked through, too. */
  indexed?: { lines: number; pending: number };
}

export interface JDSummary {
  id: string;
  title: string;
  company: string;
  location: string;
  source: string;
  must_count: number;
  nice_count: number;
  job_id: string;
  updated_at: string;
}

/** Where something was read: characters (code points) of the text. */
export interface Quote {
  text: string;
  start: number;
  end: number;
}

export interface Requirement {
  kind: string;
  name: string;
  importance: "must" | "nice";
  quote: Quote;
  years: number | null;
  level: string | null;
  critical: boolean;
}

export interface Evidence {
  requirement: string;
  importance: "must" | "nice";
  critical: boolean;
  weight: number;
  strength: number;
  how: string;
  found: string;
}

export interface Score {
  jd_id: string;
  candidate_id: string;
  score: number;
  qualified: boolean;
  threshold: number;
  reasoning: string;
  evidence: Evidence[];
}

export interface JDPage {
  jd: Omit<JDSummary, "must_count" | "nice_count"> & {
    text: string;
    extraction: { extractor: string; requirements: Requirement[] };
  };
  scores: { candidate_name: string | null; score: Score }[];
}

export interface Candidate {
  id: string;
  name: string;
  headline: string;
  location: string;
  years_experience: number;
  work_modes: string[];
  skills: { name: string; years: number | null }[];
  languages: { name: string; level: string }[];
  education: { level: string; field: string }[];
  positions: { title: string; company: string; years: number; summary: string }[];
}

export interface JobPage {
  jobs: Job[];
  count: number;
  next_cursor: string | null;
}

export interface Span {
  status: SpanStatus;
  started_at: string | null;
  ended_at: string | null;
  duration_ms: number | null;
  log_count: number;
  counts: Counts;
  /** First and last line of the span, when the server says so. Lets a folded span be skipped without reading it. */
  first_seq?: number | null;
  last_seq?: number | null;
}

export interface TaskSpan extends Span {
  task_id: string;
  name: string | null;
  /** True for the lines of a stage that belong to no task; `task_id` is then the stage's name. */
  is_stage: boolean;
  result: Json;
}

export interface StageSpan extends Span {
  stage: string;
  tasks: TaskSpan[];
}

export interface Outline {
  job_id: string;
  attempt: number;
  attempts: number[];
  stages: StageSpan[];
}

export interface Line {
  /** Sequence number: gapless per attempt, from 1. */
  id: number;
  attempt: number;
  stage: string | null;
  task_id: string | null;
  timestamp: string;
  level: Level;
  source: string;
  logger: string | null;
  message: string;
  metadata: Json;
  /** Bytes of the whole message. */
  size?: number;
  truncated?: boolean;
}

/** Lines that say the same but for numbers and ids. */
export interface LineGroup {
  count: number;
  first: Line;
  last: Line;
}

export interface LineGroups {
  total_count: number;
  /** How many of them were looked at, from the first on. */
  looked_at: number;
  group_count: number;
  groups: LineGroup[];
}

export interface LinePage {
  job_id: string;
  total_count: number;
  logs: Line[];
  /** Of the attempt, whatever the filter. */
  receipt: Receipt | null;
  counts: Counts;
  next_cursor: string | null;
  prev_cursor: string | null;
  /** Lines that are not kept any longer; the receipt stays as it was. */
  expired?: Expired | null;
}

/** Lines over time; buckets without any are left out. */
export interface Histogram {
  job_id: string;
  total_count: number;
  /** Length of a bucket in microseconds; null: there is no line. */
  step_us: number | null;
  buckets: { at: string; counts: Counts }[];
}

export interface Expired {
  at: string;
  lines: number;
  rule: string;
}

export interface ProblemBody {
  error: { code: string; message: string; details?: Json; request_id?: string };
}
