import { describe, expect, it } from "vitest";

import {
  ago,
  allForms,
  clockTime,
  dayBefore,
  dayTime,
  duration,
  nextMode,
  offset,
  parseUs,
  timeLeft,
  type TimeMode,
} from "./time";

const NOON = parseUs("2026-11-24T12:00:00.000000Z");

describe("parseUs", () => {
  it("keeps microseconds", () => {
    expect(parseUs("2026-11-24T12:00:00.000001Z") - NOON).toBe(1);
    expect(parseUs("2026-11-24T12:00:00.5Z") - NOON).toBe(500_000);
    expect(parseUs("2026-11-24T12:00:00Z")).toBe(NOON);
  });

  it("honours an offset", () => {
    expect(parseUs("2026-11-24T13:00:00+01:00")).toBe(NOON);
  });

  it("is not a number for anything else", () => {
    expect(parseUs("yesterday")).toBeNaN();
    expect(parseUs("")).toBeNaN();
  });
});

describe("clockTime", () => {
  it("shows UTC with milliseconds", () => {
    expect(clockTime(parseUs("2026-11-24T07:08:09.123456Z"), "utc", null)).toBe("07:08:09.123Z");
  });

  it("shows the time since the start", () => {
    expect(clockTime(NOON + 62_500_000, "relative", NOON)).toBe("+1:02.500");
  });

  it("shows the time since the line before, and the time of day where there is none", () => {
    expect(clockTime(NOON + 12_000, "delta", NOON)).toBe("+0.012 s");
    expect(clockTime(NOON - 12_000, "delta", NOON)).toBe("-0.012 s");
    expect(clockTime(NOON, "delta", null)).toBe(clockTime(NOON, "local", null));
  });

  it("is empty for no time", () => {
    expect(clockTime(Number.NaN, "utc", null)).toBe("");
  });
});

it.each([
  [0, "+0.000 s"],
  [1_234_567, "+1.234 s"],
  [-250_000, "-0.250 s"],
  [62_500_000, "+1:02.500"],
  [7_384_004_000, "+2:03:04.004"],
])("offset(%d) is %s", (us, text) => {
  expect(offset(us)).toBe(text);
});

it.each([
  [null, "–"],
  [0.42, "420 µs"],
  [0, "0 ms"],
  [999, "999 ms"],
  [1000, "1.00 s"],
  [59_940, "59.9 s"],
  [60_000, "1 m 00 s"],
  [3_599_000, "59 m 59 s"],
  [11_520_000, "3 h 12 m"],
  [190_800_000, "2 d 5 h"],
])("duration(%s) is %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it.each([
  [0, "just now"],
  [-2, "just now"],
  [12, "12 s ago"],
  [3599, "59 min ago"],
  [7200, "2 h ago"],
  [259_200, "3 d ago"],
  [-30, "in 30 s"],
  [-600, "in 10 min"],
  [-6 * 3600, "in 6 h"],
  [-3 * 86_400, "in 3 d"],
])("%d seconds before is %s", (seconds, text) => {
  expect(ago(NOON - seconds * 1_000_000, NOON)).toBe(text);
});

it("says the date when it is long ago", () => {
  expect(ago(NOON - 86_400 * 40 * 1_000_000, NOON)).toMatch(/^2026-10-1\d$/);
});

it("has the date in a sentence unless it is today", () => {
  expect(dayBefore(NOON, NOON, "local")).toBe("");
  expect(dayBefore(NOON - 2 * 86_400_000_000, NOON, "utc")).toMatch(/^\d\d-\d\d $/);
  expect(dayBefore(NOON - 800 * 86_400_000_000, NOON, "local")).toMatch(/^\d{4}-\d\d-\d\d $/);
  expect(dayBefore(Number.NaN, NOON, "local")).toBe("");
  expect(dayTime(NOON, NOON)).toMatch(/^\d\d:\d\d:\d\d$/);
  expect(dayTime(NOON, NOON + 2 * 86_400_000_000)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
});

it("goes through the modes", () => {
  expect(["local", "utc", "relative", "delta"].map((mode) => nextMode(mode as TimeMode))).toEqual([
    "utc",
    "relative",
    "delta",
    "local",
  ]);
});

it("shows every form at once", () => {
  const text = allForms("2026-11-24T12:00:01.500000Z", NOON, NOON + 1_000_000);
  expect(text).toContain("2026-11-24T12:00:01.500000Z");
  expect(text).toContain("+1.500 s since the start");
  expect(text).toContain("+0.500 s since the line before");
});

describe("timeLeft", () => {
  it("is as rough as it is far away", () => {
    const told = [0.4, 1.2, 89, 100, 5399, 7200, 200_000].map(timeLeft);
    expect(told).toEqual([
      "a moment left",
      "2 s left",
      "89 s left",
      "2 min left",
      "90 min left",
      "2 h left",
      "2 d left",
    ]);
  });

  it("is silent when nothing is known", () => {
    expect([null, undefined, Number.NaN].map(timeLeft)).toEqual(["", "", ""]);
  });
});
