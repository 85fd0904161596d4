import { describe, expect, it } from "vitest";

import type { Level } from "../api/types";
import {
  countOf,
  emptyCounts,
  errorsOf,
  formatLevels,
  LEVELS,
  minimumOf,
  parseLevels,
  rank,
  toggledLevel,
} from "./levels";

/** Every non-empty set of levels. */
const SETS = Array.from(
  { length: 31 },
  (_, at) => new Set(LEVELS.filter((_level, bit) => (at + 1) & (1 << bit))),
);

describe("level filter", () => {
  it.each(SETS)("is read back from its text %#", (set) => {
    expect(parseLevels(formatLevels(set))).toEqual(set);
  });

  it("means this level and above for one name", () => {
    expect([...parseLevels("error")]).toEqual(["error", "critical"]);
    expect([...parseLevels(" WARN ")]).toEqual(["warn", "error", "critical"]);
  });

  it.each(["", "nonsense", ",", null, undefined])("lets everything through for %j", (text) => {
    expect(parseLevels(text).size).toBe(LEVELS.length);
  });

  it("knows which sets are a minimum", () => {
    expect(minimumOf(new Set(LEVELS))).toBe("debug");
    expect(minimumOf(new Set<Level>(["error", "critical"]))).toBe("error");
    expect(minimumOf(new Set<Level>(["info", "error"]))).toBeNull();
    expect(minimumOf(new Set<Level>(["info"]))).toBeNull();
  });

  it("never ends up empty", () => {
    expect(toggledLevel(new Set<Level>(["info"]), "info").size).toBe(LEVELS.length);
    expect([...toggledLevel(new Set<Level>(["info"]), "warn")]).toEqual(["info", "warn"]);
  });
});

describe("counts", () => {
  it("adds up what the filter lets through", () => {
    const counts = { ...emptyCounts(), info: 5, error: 2, critical: 1, total: 8 };
    expect(countOf(counts, parseLevels("error"))).toBe(3);
    expect(errorsOf(counts)).toBe(3);
  });

  it("ranks an unknown level as info", () => {
    expect(rank("notice")).toBe(rank("info"));
  });
});
