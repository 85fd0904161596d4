import { describe, expect, it } from "vitest";

import type { Evidence, FoundLine } from "../api/types";
import { cutAt, ordered, verdict } from "./quotes";
import { line } from "./samples";
import { grouped } from "./search";

describe("cutAt", () => {
  const quote = (start: number, end: number) => ({ text: "", start, end });

  it("counts code points, not halves of them", () => {
    expect(cutAt("a🙂b Python", [quote(4, 10)], null).map((cut) => [cut.text, cut.quoted])).toEqual(
      [
        ["a🙂b ", 0],
        ["Python", 1],
      ],
    );
  });

  it("keeps the text whole, whatever is quoted", () => {
    const quotes = [quote(0, 4), quote(2, 6), quote(-3, 999), quote(5, 5)];
    const cuts = cutAt("abcdefgh", quotes, quotes[1]!);
    expect(cuts.map((cut) => cut.text).join("")).toBe("abcdefgh");
    expect(
      cuts
        .filter((cut) => cut.chosen)
        .map((cut) => cut.text)
        .join(""),
    ).toBe("cdef");
    expect(cuts.find((cut) => cut.text === "cd")?.quoted).toBe(3);
  });

  it("of nothing is nothing", () => {
    expect(cutAt("", [], null)).toEqual([]);
  });
});

describe("evidence", () => {
  const one = (requirement: string, more: Partial<Evidence> = {}): Evidence => ({
    requirement,
    importance: "must",
    critical: false,
    weight: 1,
    strength: 1,
    how: "exact",
    found: "",
    ...more,
  });

  it("has a word for how far", () => {
    expect(
      [
        one("a"),
        one("b", { strength: 0.4 }),
        one("c", { strength: 0 }),
        one("d", { strength: 0, how: "unknown" }),
      ].map(verdict),
    ).toEqual(["met", "partly", "unmet", "unknown"]);
  });

  it("begins with what decides", () => {
    const list = [
      one("nice", { importance: "nice" }),
      one("met"),
      one("unmet", { strength: 0 }),
      one("critical", { critical: true }),
    ];
    expect(ordered(list).map((each) => each.requirement)).toEqual([
      "critical",
      "unmet",
      "met",
      "nice",
    ]);
  });
});

describe("grouped lines of all runs", () => {
  const found = (id: number, job_id: string, attempt = 1): FoundLine => ({
    ...line(id),
    attempt,
    job_id,
    handler_name: "h",
    job_source: null,
  });

  it("puts neighbours of one attempt together and keeps the order", () => {
    const groups = grouped([found(3, "a"), found(1, "a"), found(9, "b"), found(2, "a", 2)]);
    expect(
      groups.map((group) => [group.jobId, group.attempt, group.lines.map((each) => each.id)]),
    ).toEqual([
      ["a", 1, [3, 1]],
      ["b", 1, [9]],
      ["a", 2, [2]],
    ]);
  });
});
