/** Rows of the log list: lines, a heading where stage or task changes, one row for each folded group. */
import type { Line, Outline, StageSpan, TaskSpan } from "../api/types";
import type { LogWindow } from "./log-window";

export type Row =
  /** `before`: the line that is shown above it. */
  | { kind: "line"; key: number; seq: number; line: Line; before: Line | null; depth: number }
  | { kind: "group"; key: number; seq: number; group: Group }
  | { kind: "fold"; key: number; seq: number; group: Group; hidden: number }
  /** Lines that are not there although no filter hides them: lost, or expired. `seq` is the first of them. */
  | { kind: "gap"; key: number; seq: number; missing: number };

/** A stage, or a task of a stage. */
export interface Group {
  stage: string;
  /** null for the stage itself. */
  task: string | null;
}

export interface Grouping {
  /** Whether headings are shown at all. */
  headings: boolean;
  /** No filter hides lines, so that a hole in the numbers means missing lines. */
  dense: boolean;
  folded: ReadonlySet<string>;
}

export function groupKey({ stage, task }: Group): string {
  return task === null ? stage : `${stage}\u0000${task}`;
}

/** The group that a line is folded into, or null. */
export function folding(line: Line, folded: ReadonlySet<string>): Group | null {
  const stage = line.stage ?? "";
  if (folded.has(stage)) return { stage, task: null };
  if (line.task_id !== null && folded.has(`${stage}\u0000${line.task_id}`))
    return { stage, task: line.task_id };
  return null;
}

/** Keys are unique and stable while lines arrive: line n is 3n+2, headings before it 3n and 3n+1. */
const lineKey = (seq: number) => seq * 3 + 2;

/** Rows for the lines in memory. */
export function buildRows(window: LogWindow, grouping: Grouping): Row[] {
  const builder = new RowBuilder(window, grouping);
  for (const line of window.lines) builder.add(line);
  return builder.rows;
}

class RowBuilder {
  readonly rows: Row[] = [];
  #last: number;
  #before: Group | null = null;
  #shown: Line | null = null;
  /** The fold that the line before went into. */
  #open: Extract<Row, { kind: "fold" }> | null = null;

  constructor(
    private readonly window: LogWindow,
    private readonly grouping: Grouping,
  ) {
    this.#last = window.floor;
  }

  add(line: Line): void {
    if (this.grouping.dense) this.#gapBefore(line);
    const group: Group = { stage: line.stage ?? "", task: line.task_id };
    const hiddenBy = folding(line, this.grouping.folded);
    if (hiddenBy) this.#hide(line, hiddenBy);
    else this.#show(line, group);
    this.#last = line.id;
    this.#before = group;
  }

  #gapBefore(line: Line): void {
    const missing = line.id - this.#last - 1;
    if (
      missing === 0 ||
      this.window.skipped.some(([from, to]) => from <= line.id - 1 && line.id - 1 <= to)
    )
      return;
    this.rows.push({ kind: "gap", key: lineKey(line.id - 1), seq: this.#last + 1, missing });
  }

  #hide(line: Line, group: Group): void {
    if (this.#open && groupKey(this.#open.group) === groupKey(group)) {
      this.#open.hidden += 1;
      return;
    }
    if (group.task !== null && this.#before?.stage !== group.stage) this.#heading(line, null);
    this.#open = { kind: "fold", key: line.id * 3 + 1, seq: line.id, group, hidden: 1 };
    this.rows.push(this.#open);
  }

  #show(line: Line, { stage, task }: Group): void {
    this.#open = null;
    const sameStage = this.#before?.stage === stage;
    if (!sameStage) this.#heading(line, null);
    if (task !== null && !(sameStage && this.#before?.task === task)) this.#heading(line, task);
    const depth = this.grouping.headings && task !== null ? 1 : 0;
    this.rows.push({
      kind: "line",
      key: lineKey(line.id),
      seq: line.id,
      line,
      before: this.#shown,
      depth,
    });
    this.#shown = line;
  }

  #heading(line: Line, task: string | null): void {
    const stage = line.stage ?? "";
    // A run begins outside any stage; coming back there is worth a heading.
    const beginning = stage === "" && this.#before === null;
    if (!this.grouping.headings || (task === null && beginning)) return;
    this.rows.push({
      kind: "group",
      key: line.id * 3 + (task === null ? 0 : 1),
      seq: line.id,
      group: { stage, task },
    });
  }
}

/** What the outline knows about a group. */
export function spanOf(outline: Outline | null, group: Group): StageSpan | TaskSpan | null {
  const stage = outline?.stages.find((span) => span.stage === group.stage);
  if (!stage || group.task === null) return stage ?? null;
  return stage.tasks.find((task) => task.task_id === group.task && !task.is_stage) ?? null;
}
