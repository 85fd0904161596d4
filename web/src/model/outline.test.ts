import { describe, expect, it } from "vitest";

import type { Outline, StageSpan, TaskSpan } from "../api/types";
import { emptyCounts } from "./levels";
import {
  axisOf,
  closedAtFirst,
  openAtFirst,
  place,
  tasksOf,
  tickLabel,
  ticks,
  treeRows,
} from "./outline";
import { parseUs } from "./time";

const NOW = parseUs("2026-11-24T12:01:00Z");
const at = (second: number) => `2026-11-24T12:00:${String(second).padStart(2, "0")}.000000Z`;

function span(from: number, to: number | null, status: StageSpan["status"] = "completed") {
  const ended = to === null ? null : at(to);
  return {
    status,
    started_at: at(from),
    ended_at: ended,
    duration_ms: to === null ? null : (to - from) * 1000,
    log_count: 1,
    counts: emptyCounts(),
    first_seq: null,
    last_seq: null,
  };
}

const task = (id: string, more: Partial<TaskSpan> = {}): TaskSpan => ({
  task_id: id,
  name: null,
  is_stage: false,
  result: null,
  ...span(2, 3),
  ...more,
});
const OUTLINE: Outline = {
  job_id: "JB_1",
  attempt: 1,
  attempts: [1],
  stages: [
    { stage: "fetch", tasks: [task("fetch", { is_stage: true })], ...span(0, 2) },
    {
      stage: "score",
      tasks: [task("score", { is_stage: true }), task("CN_1", { name: "Ada" }), task("CN_2")],
      ...span(2, null, "running"),
    },
  ],
};

describe("treeRows", () => {
  const names = (closed: string[], needle = "") =>
    treeRows(OUTLINE, new Set(closed), needle, NOW).map((row) => row.label);

  it("shows a stage's own lines only beside tasks", () => {
    expect(names([])).toEqual(["fetch", "score", "stage-level lines", "Ada", "CN_2"]);
    expect(names(["score"])).toEqual(["fetch", "score"]);
  });

  it("finds by name and by id, also in closed stages", () => {
    expect(names(["score"], "ada")).toEqual(["score", "Ada"]);
    expect(names([], "cn_")).toEqual(["score", "Ada", "CN_2"]);
    expect(names([], "nothing")).toEqual([]);
  });

  it("lets a running bar grow until now", () => {
    const row = treeRows(OUTLINE, new Set(), "", NOW)[1]!;
    expect(row.bar).toMatchObject({ to: NOW, open: true });
    expect(row.durationMs).toBe(58_000);
  });

  it("has unique keys although a task is called like its stage", () => {
    const twins: Outline = {
      ...OUTLINE,
      stages: [
        { ...OUTLINE.stages[1]!, tasks: [task("score", { is_stage: true }), task("score")] },
      ],
    };
    const keys = treeRows(twins, new Set(), "", NOW).map((row) => row.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

it("closes big finished stages at first", () => {
  const many = Array.from({ length: 40 }, (_, index) => task(`T${index}`));
  const stages = [
    { ...OUTLINE.stages[0]!, stage: "done", tasks: many },
    { ...OUTLINE.stages[0]!, stage: "broken", tasks: many, status: "failed" as const },
  ];
  expect([...closedAtFirst({ ...OUTLINE, stages })]).toEqual(["done"]);
});

describe("axis", () => {
  it("goes from the first start to the last end", () => {
    expect(axisOf(OUTLINE, null, null, NOW)).toEqual({ from: parseUs(at(0)), to: NOW });
  });

  it("is never empty", () => {
    const axis = axisOf({ ...OUTLINE, stages: [] }, null, null, NOW);
    expect(axis.to).toBeGreaterThan(axis.from);
  });

  it("places bars inside", () => {
    const axis = { from: 0, to: 100 };
    expect(place({ from: 25, to: 50, open: false }, axis)).toEqual({ left: 0.25, width: 0.25 });
    expect(place({ from: -10, to: 500, open: false }, axis)).toEqual({ left: 0, width: 1 });
  });

  it.each([
    [500, "500 µs"],
    [5000, "5 ms"],
    [2_000_000, "2 s"],
    [90_000_000, "1:30"],
    [7_200_000_000, "2:00 h"],
  ])("labels %d µs as %s", (us, label) => {
    expect(tickLabel(us)).toBe(label);
  });

  it.each([1000, 84_000, 2_900_000, 61_000_000, 5_400_000_000, 400_000_000_000])(
    "has few ticks for %d µs",
    (length) => {
      const marks = ticks({ from: 0, to: length }, 4);
      expect(marks.length).toBeGreaterThanOrEqual(1);
      expect(marks.length).toBeLessThanOrEqual(4);
    },
  );
});

describe("a run shown in place", () => {
  it("opens what runs, failed, or is alone", () => {
    expect([...openAtFirst(OUTLINE)]).toEqual(["score"]);
    expect([...openAtFirst({ ...OUTLINE, stages: OUTLINE.stages.slice(0, 1) })]).toEqual(["fetch"]);
  });

  it("puts a stage's own lines before its tasks", () => {
    const stage = {
      ...OUTLINE.stages[1]!,
      tasks: [task("CN_1"), task("score", { is_stage: true })],
    };
    expect(tasksOf(stage).map((one) => one.task_id)).toEqual(["score", "CN_1"]);
  });
});
