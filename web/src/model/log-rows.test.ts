import { describe, expect, it } from "vitest";

import type { Outline } from "../api/types";
import { emptyCounts } from "./levels";
import { buildRows, groupKey, spanOf } from "./log-rows";
import { appended, EMPTY, windowAt } from "./log-window";
import { line } from "./samples";

const LINES = [
  line(1),
  line(2, { stage: "fetch" }),
  line(3, { stage: "score" }),
  line(4, { stage: "score", task_id: "A" }),
  line(5, { stage: "score", task_id: "A" }),
  line(6, { stage: "score", task_id: "B" }),
  line(7, { stage: "score" }),
];
const WINDOW = appended(EMPTY, LINES, true);
const NONE = new Set<string>();

function shape(headings: boolean, folded: ReadonlySet<string>) {
  return buildRows(WINDOW, { headings, dense: true, folded }).map((row) => {
    if (row.kind === "line" || row.kind === "gap") return row.seq;
    const name = row.group.task ? `${row.group.stage}/${row.group.task}` : row.group.stage;
    return row.kind === "fold" ? `${name}+${row.hidden}` : name;
  });
}

describe("buildRows", () => {
  it("is the lines alone without headings", () => {
    expect(shape(false, NONE)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("puts a heading where stage or task changes", () => {
    expect(shape(true, NONE)).toEqual([
      1,
      "fetch",
      2,
      "score",
      3,
      "score/A",
      4,
      5,
      "score/B",
      6,
      7,
    ]);
  });

  it("says so when lines are outside any stage again", () => {
    const window = appended(EMPTY, [line(1), line(2, { stage: "fetch" }), line(3)], true);
    const kinds = buildRows(window, { headings: true, dense: true, folded: NONE }).map(
      (row) => row.kind,
    );
    expect(kinds).toEqual(["line", "group", "line", "group", "line"]);
  });

  it("has one row for a folded stage or task", () => {
    expect(shape(true, new Set(["score"]))).toEqual([1, "fetch", 2, "score+5"]);
    expect(shape(true, new Set([groupKey({ stage: "score", task: "A" })]))).toEqual([
      1,
      "fetch",
      2,
      "score",
      3,
      "score/A+2",
      "score/B",
      6,
      7,
    ]);
  });

  it("knows the line that is shown above each, not those that are folded", () => {
    const before = (folded: ReadonlySet<string>) =>
      buildRows(WINDOW, { headings: true, dense: true, folded }).flatMap((row) =>
        row.kind === "line" ? [[row.seq, row.before?.id ?? null]] : [],
      );
    expect(before(NONE)).toEqual([
      [1, null],
      [2, 1],
      [3, 2],
      [4, 3],
      [5, 4],
      [6, 5],
      [7, 6],
    ]);
    expect(before(new Set(["fetch", groupKey({ stage: "score", task: "A" })]))).toEqual([
      [1, null],
      [3, 1],
      [6, 3],
      [7, 6],
    ]);
  });

  it("has unique ascending keys", () => {
    for (const folded of [
      NONE,
      new Set(["fetch"]),
      new Set(["score"]),
      new Set(["score\u0000A", "score\u0000B"]),
    ]) {
      const keys = buildRows(WINDOW, { headings: true, dense: true, folded }).map((row) => row.key);
      expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b));
    }
  });

  it("keeps keys when lines are added at the end", () => {
    const before = buildRows(WINDOW, { headings: true, dense: true, folded: NONE }).map(
      (row) => row.key,
    );
    const after = buildRows(appended(WINDOW, [line(8, { stage: "done" })], true), {
      headings: true,
      dense: true,
      folded: NONE,
    });
    expect(after.slice(0, before.length).map((row) => row.key)).toEqual(before);
  });

  it("shows a folded task under the heading of its stage when the window begins there", () => {
    const window = appended(windowAt(4), LINES.slice(3), true);
    const rows = buildRows(window, {
      headings: true,
      dense: true,
      folded: new Set(["score\u0000A"]),
    });
    expect(rows.slice(0, 2).map((row) => row.kind)).toEqual(["group", "fold"]);
  });
});

describe("missing lines", () => {
  const window = appended(windowAt(3), [line(3), line(6), line(7)], true);

  it("have one row where they would be", () => {
    const rows = buildRows(window, { headings: false, dense: true, folded: NONE });
    expect(
      rows.map((row) => (row.kind === "gap" ? `${row.missing} from ${row.seq}` : row.seq)),
    ).toEqual([3, "2 from 4", 6, 7]);
  });

  it("are shown at the start too, and not where a filter or a fold hides lines", () => {
    const start = appended(EMPTY, [line(5)], true);
    expect(buildRows(start, { headings: false, dense: true, folded: NONE })[0]).toMatchObject({
      kind: "gap",
      seq: 1,
      missing: 4,
    });
    expect(buildRows(window, { headings: false, dense: false, folded: NONE })).toHaveLength(3);
    const skipped = { ...window, skipped: [[4, 5]] as const };
    expect(buildRows(skipped, { headings: false, dense: true, folded: NONE })).toHaveLength(3);
  });
});

describe("what the outline adds", () => {
  const span = (first: number, last: number, count = last - first + 1) => ({
    status: "completed" as const,
    started_at: null,
    ended_at: null,
    duration_ms: null,
    log_count: count,
    counts: emptyCounts(),
    first_seq: first,
    last_seq: last,
  });
  const outline: Outline = {
    job_id: "JB_1",
    attempt: 1,
    attempts: [1],
    stages: [
      { stage: "fetch", tasks: [], ...span(2, 2) },
      {
        stage: "score",
        tasks: [
          { task_id: "score", name: null, is_stage: true, result: null, ...span(3, 7, 2) },
          { task_id: "A", name: "Ada", is_stage: false, result: null, ...span(4, 5) },
        ],
        ...span(3, 7),
      },
    ],
  };

  it("finds the span of a group", () => {
    expect(spanOf(outline, { stage: "score", task: "A" })).toMatchObject({ name: "Ada" });
    expect(spanOf(outline, { stage: "score", task: null })).toMatchObject({ log_count: 5 });
    expect(spanOf(outline, { stage: "score", task: "score" })).toBeNull();
    expect(spanOf(null, { stage: "score", task: null })).toBeNull();
  });
});
