import { describe, expect, it } from "vitest";

import { hitsIn, NO_NEEDLE, repeats } from "./needle";

const found = (text: string, needle: string, more = {}) =>
  hitsIn(text, { ...NO_NEEDLE, text: needle, ...more }).map(([from, to]) => text.slice(from, to));

describe("a literal", () => {
  it("is found whatever its case, unless the case matters", () => {
    expect(found("Score, score", "SCORE")).toEqual(["Score", "score"]);
    expect(found("Score, score", "score", { matchCase: true })).toEqual(["score"]);
  });

  it("is no pattern", () => {
    expect(found("a.b axb", "a.b")).toEqual(["a.b"]);
    expect(found("(", "(")).toEqual(["("]);
  });
});

describe("a pattern", () => {
  const regex = { regex: true };

  it("is found where it matches", () => {
    expect(found("shard=12 shard=7", "shard=\\d+", regex)).toEqual(["shard=12", "shard=7"]);
    expect(found("Ab ab", "ab", { regex: true, matchCase: true })).toEqual(["ab"]);
    expect(found("Ab ab", "(?i)AB", { regex: true, matchCase: true })).toEqual(["Ab", "ab"]);
    expect(found("x1", "(?P<n>\\d)", regex)).toEqual(["1"]);
  });

  it.each(["(", "*", "", "a*", "\\pL{1"])(
    "%j marks nothing where it is none, or matches nothing",
    (text) => {
      expect(found("bbb", text, regex)).toEqual([]);
    },
  );

  it("marks nothing where that could take for ever", () => {
    const line = "a".repeat(5000);
    expect(repeats("(a+)+$")).toBe(Number.POSITIVE_INFINITY);
    expect(found(line, "(a+)+$", regex)).toEqual([]);
    expect(found(line, "a*a*a*b", regex)).toEqual([]);
    expect(found(line, "a+", regex)).toEqual([line]);
  });

  it("counts what repeats, not what is escaped or in a class", () => {
    expect(repeats("a\\+[*+]b{2,3}")).toBe(0);
    expect(repeats("a+b*c{2,}")).toBe(3);
  });
});
