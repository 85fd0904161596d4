/**
 * The JSON that the HTTP API speaks, by the names that the UI has for it. Times are RFC 3339 UTC with microseconds; ids are opaque.
 * The shapes are generated from the server's OpenAPI document (`make types`).
 */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Counts = Schemas["Counts"];
export type Level = Line["level"];
export type Receipt = Schemas["Receipt"];

/** Counts and receipt are those of all attempts together. */
export type Job = Schemas["Job"];
export type JobStatus = Job["status"];
export type JobPage = Schemas["JobPage"];
export type ChildPage = Schemas["ChildPage"];
export type Attempt = Schemas["AttemptView"];
export type AttemptList = Schemas["AttemptList"];
export type Explanation = Schemas["Explanation"];

export type Outline = Schemas["StagesView"];
export type StageSpan = Schemas["StageView"];
/** `is_stage`: the lines of a stage that belong to no task; `task_id` is then the stage's name. */
export type TaskSpan = Schemas["TaskView"];
export type SpanStatus = StageSpan["status"];

/** `id` is its sequence number: gapless per attempt, from 1. */
export type Line = Schemas["Line"];
/** Receipt and counts are those of the attempt, whatever the filter. */
export type LinePage = Schemas["LogPage"];
export type LineGroup = Schemas["LineGroup"];
export type LineGroups = Schemas["LineGroups"];
export type Expired = Schemas["Expired"];
/** Lines over time; buckets without any are left out. */
export type Histogram = Schemas["Histogram"];

/** A line that was found in some run, which is always named. */
export type FoundLine = Schemas["FoundLine"] & { job_id: string };
export type FoundPage = Omit<Schemas["FoundPage"], "logs"> & { logs: FoundLine[] };

export type Schedule = Schemas["Schedule"];
export type ScheduleList = Schemas["ScheduleList"];
export type ScheduleState = Schedule["state"];
export type ScheduleChange = Schemas["EditSchedule"];
/** What is left out is as the server has it by default. */
export type NewSchedule = Partial<Schemas["NewSchedule"]>;
/** What was started, of a schedule that fires once, at once. */
export type ForcedSchedule = Schemas["Forced"];
/** One firing of a schedule; where there is no job, `reason` says why. */
export type Execution = Schemas["Execution"];
export type ExecutionStatus = Execution["status"];
export type ExecutionPage = Schemas["ExecutionPage"];
export type Statistics = Schemas["Statistics"];

/** A budget in force, and what was spent of it. No server tells of any yet. */
export interface Budget {
  window: string;
  spent_usd: number;
  limit_usd: number;
}
export type System = Schemas["System"] & { budget?: Budget[] };

export type JDList = Schemas["JDList"];
export type PageList = Schemas["PageList"];
export type PageView = Schemas["PageView"];
export type JDSummary = Schemas["JDSummary"];
export type JDPage = Schemas["JDView"];
/** Where something was read: characters (code points) of the text. */
export type Quote = Schemas["Quote"];
export type Requirement = Schemas["Requirement"];
export type Evidence = Schemas["Evidence"];
export type Score = Schemas["CandidateScore"];
export type CandidateList = Schemas["CandidateList"];
export type Candidate = Schemas["Candidate"];

export type ProblemBody = Schemas["Problem"];
