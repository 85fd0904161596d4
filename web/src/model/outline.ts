/** The stage → task tree as rows with bars on one time axis. */
import type { Counts, Outline, SpanStatus, StageSpan, TaskSpan } from "../api/types";
import { parseUs } from "./time";

export interface Bar {
  /** Microseconds since the epoch. */
  from: number;
  to: number;
  open: boolean;
}

export interface TreeRow {
  key: string;
  depth: 0 | 1;
  label: string;
  /** Second, dim part of the label: a task's id when it also has a name. */
  detail: string | null;
  stage: string;
  /** null for a stage row; the stage's name for its own lines. */
  task: string | null;
  ownLines: boolean;
  status: SpanStatus;
  counts: Counts;
  logCount: number;
  durationMs: number | null;
  bar: Bar | null;
  /** Number of tasks under a stage row; 0 when there is nothing to open. */
  children: number;
}

export interface Axis {
  from: number;
  to: number;
}

function barOf(span: StageSpan | TaskSpan, nowUs: number): Bar | null {
  if (!span.started_at) return null;
  const from = parseUs(span.started_at);
  const open = span.ended_at === null && span.status === "running";
  const to = span.ended_at ? parseUs(span.ended_at) : open ? Math.max(nowUs, from) : from;
  return Number.isNaN(from) || Number.isNaN(to) ? null : { from, to: Math.max(from, to), open };
}

function durationOf(span: StageSpan | TaskSpan, bar: Bar | null): number | null {
  return bar?.open ? (bar.to - bar.from) / 1000 : span.duration_ms;
}

/** Whether a stage holds tasks besides its own lines. */
function expandable(stage: StageSpan): boolean {
  return stage.tasks.some((task) => !task.is_stage);
}

function stageRow(stage: StageSpan, nowUs: number): TreeRow {
  const bar = barOf(stage, nowUs);
  return {
    key: stage.stage,
    depth: 0,
    label: stage.stage === "" ? "outside any stage" : stage.stage,
    detail: null,
    stage: stage.stage,
    task: null,
    ownLines: false,
    status: stage.status,
    counts: stage.counts,
    logCount: stage.log_count,
    durationMs: durationOf(stage, bar),
    bar,
    children: expandable(stage) ? stage.tasks.length : 0,
  };
}

function taskRow(stage: StageSpan, task: TaskSpan, nowUs: number): TreeRow {
  const bar = task.is_stage ? null : barOf(task, nowUs);
  return {
    key: `${stage.stage}\u0000${task.is_stage ? "" : "t"}${task.task_id}`,
    depth: 1,
    label: task.is_stage ? "stage-level lines" : (task.name ?? task.task_id),
    detail: !task.is_stage && task.name ? task.task_id : null,
    stage: stage.stage,
    task: task.task_id,
    ownLines: task.is_stage,
    status: task.is_stage ? null : task.status,
    counts: task.counts,
    logCount: task.log_count,
    durationMs: task.is_stage ? null : durationOf(task, bar),
    bar,
    children: 0,
  };
}

/** Rows that are visible when the stages in `closed` are shut; a needle keeps what its text occurs in, and opens it. */
export function treeRows(
  outline: Outline,
  closed: ReadonlySet<string>,
  needle: string,
  nowUs: number,
): TreeRow[] {
  const rows: TreeRow[] = [];
  const wanted = needle.trim().toLowerCase();
  for (const stage of outline.stages) {
    const head = stageRow(stage, nowUs);
    const headFits = head.label.toLowerCase().includes(wanted);
    const fits = (task: TaskSpan) =>
      `${task.name ?? ""}\n${task.task_id}`.toLowerCase().includes(wanted);
    const tasks =
      head.children === 0 ? [] : wanted === "" || headFits ? stage.tasks : stage.tasks.filter(fits);
    if (wanted !== "" && !headFits && tasks.length === 0) continue;
    rows.push(head);
    if (wanted !== "" ? !headFits || !closed.has(stage.stage) : !closed.has(stage.stage)) {
      for (const task of tasks) rows.push(taskRow(stage, task, nowUs));
    }
  }
  return rows;
}

/** Stages that start closed: finished ones with many tasks. Failed and running ones stay open. */
export function closedAtFirst(outline: Outline): Set<string> {
  const shut = outline.stages.filter((stage) => {
    const calm = stage.status !== "failed" && stage.status !== "running";
    return calm && stage.tasks.length > 30;
  });
  return new Set(shut.map((stage) => stage.stage));
}

/** Stages and tasks that are open at first where lines are shown in place: those that failed or run, and what is alone. */
export function openAtFirst(outline: Outline): Set<string> {
  const open = outline.stages.filter(
    (stage) =>
      stage.status === "failed" || stage.status === "running" || outline.stages.length === 1,
  );
  return new Set(open.map((stage) => stage.stage));
}

/** The tasks of a stage; its own lines, which no task said, come first. */
export function tasksOf(stage: StageSpan): TaskSpan[] {
  return [
    ...stage.tasks.filter((task) => task.is_stage),
    ...stage.tasks.filter((task) => !task.is_stage),
  ];
}

/** The time from the first start to the last end, never empty. */
export function axisOf(
  outline: Outline,
  runFrom: number | null,
  runTo: number | null,
  nowUs: number,
): Axis {
  let from = runFrom ?? Number.POSITIVE_INFINITY;
  let to = runTo ?? Number.NEGATIVE_INFINITY;
  for (const stage of outline.stages) {
    for (const span of [stage, ...stage.tasks]) {
      const bar = barOf(span, nowUs);
      if (!bar) continue;
      from = Math.min(from, bar.from);
      to = Math.max(to, bar.to);
    }
  }
  if (!Number.isFinite(from)) return { from: nowUs, to: nowUs + 1_000_000 };
  return { from, to: Math.max(to, from + 1000) };
}

/** Left edge and width of a bar as fractions of the axis; at least a sliver wide. */
export function place(bar: Bar, axis: Axis): { left: number; width: number } {
  const span = axis.to - axis.from;
  const left = Math.min(1, Math.max(0, (bar.from - axis.from) / span));
  return { left, width: Math.min(1 - left, Math.max((bar.to - bar.from) / span, 0)) };
}

/** A tick's label in the unit of its size: 5 ms, 2 s, 1:30, 2:00 h. */
export function tickLabel(us: number): string {
  if (us < 1000) return `${us} µs`;
  if (us < 1_000_000) return `${us / 1000} ms`;
  const seconds = us / 1_000_000;
  if (seconds < 60) return `${seconds} s`;
  const [high, low, unit] =
    seconds < 3600 ? [seconds / 60, seconds % 60, ""] : [seconds / 3600, (seconds / 60) % 60, " h"];
  return `${Math.floor(high)}:${String(Math.floor(low)).padStart(2, "0")}${unit}`;
}

/** Round offsets for `count` or fewer ticks, in microseconds from the start of the axis. */
export function ticks(axis: Axis, count: number): number[] {
  const span = axis.to - axis.from;
  const nice = [
    ...Array.from({ length: 7 }, (_, power) => [1, 2, 5].map((base) => base * 10 ** power)).flat(),
    ...[10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400].map(
      (s) => s * 1_000_000,
    ),
  ];
  const step =
    nice.find((size) => span / size <= count) ??
    Math.ceil(span / count / 86_400_000_000) * 86_400_000_000;
  const out: number[] = [];
  for (let at = step; at < span; at += step) out.push(at);
  return out;
}
