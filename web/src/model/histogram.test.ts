import { describe, expect, it } from "vitest";

import type { Histogram } from "../api/types";
import { barOf, columnsOf, shareOf, slotAt, stretchOf } from "./histogram";
import { parseUs } from "./time";

const counts = (debug: number, warn = 0, error = 0, critical = 0) => ({
  total: debug + warn + error + critical,
  debug,
  info: 0,
  warn,
  error,
  critical,
});
const found: Histogram = {
  job_id: "JB_1",
  total_count: 1004,
  step_us: 500_000,
  buckets: [
    { at: "2026-11-24T12:00:00.000000Z", counts: counts(1000) },
    { at: "2026-11-24T12:00:00.500000Z", counts: counts(1) },
    { at: "2026-11-24T12:00:04.500000Z", counts: counts(0, 1, 1, 1) },
  ],
};

describe("columnsOf", () => {
  it("leaves room for the stretches in which nothing was said", () => {
    const columns = columnsOf(found)!;
    expect([columns.slots, columns.most, columns.columns.map((one) => one.slot)]).toEqual([
      10,
      1000,
      [0, 1, 9],
    ]);
  });

  it("is null when there is no line", () => {
    expect(columnsOf({ ...found, step_us: null, buckets: [] })).toBeNull();
  });
});

describe("barOf", () => {
  it("is as high as there are lines, and a few lines can be seen", () => {
    const { columns, most } = columnsOf(found)!;
    expect(columns.map((one) => barOf(one, most, 40))).toEqual([
      { quiet: 40, warn: 0, severe: 0 },
      { quiet: 2, warn: 0, severe: 0 },
      { quiet: 0, warn: 2, severe: 2 },
    ]);
  });

  it("has room for errors among a crowd", () => {
    expect(barOf({ slot: 0, counts: counts(1000, 0, 1) }, 1001, 40)).toEqual({
      quiet: 38,
      warn: 0,
      severe: 2,
    });
  });
});

describe("places", () => {
  it("lead from a share of the width to a slot, and to a stretch of time", () => {
    const columns = columnsOf(found)!;
    expect([-1, 0, 0.05, 0.11, 0.999, 1, 2].map((share) => slotAt(columns, share))).toEqual([
      0, 0, 0, 1, 9, 9, 9,
    ]);
    expect(stretchOf(columns, 1, 9)).toEqual({
      since: "2026-11-24T12:00:00.500000Z", until: "2026-11-24T12:00:05.000000Z", lines: 4, warnings: 1, errors: 2,
    }); // prettier-ignore
    expect(shareOf(columns, parseUs("2026-11-24T12:00:02.5Z"))).toBe(0.5);
  });
});
