import { describe, expect, it } from "vitest";

import {
  appended,
  compacted,
  covers,
  EMPTY,
  lowerBound,
  MAX_LINES,
  prepended,
  skippedBackward,
  skippedForward,
  windowAt,
  type LogWindow,
} from "./log-window";
import type { Line } from "../api/types";
import { line, lines } from "./samples";

const ids = (window: LogWindow) => window.lines.map((entry) => entry.id);

describe("appended", () => {
  it("joins pages and ignores what is there already", () => {
    const window = appended(appended(EMPTY, lines(1, 3), false), lines(2, 5), true);
    expect(ids(window)).toEqual([1, 2, 3, 4, 5]);
    expect(window).toMatchObject({ floor: 0, ceil: 5, atStart: true, atEnd: true });
  });

  it("is the same object when nothing is new", () => {
    const window = appended(EMPTY, lines(1, 3), true);
    expect(appended(window, [], true)).toBe(window);
  });

  it("drops lines at the far end when there are too many", () => {
    const window = appended(
      appended(EMPTY, lines(1, MAX_LINES), false),
      lines(MAX_LINES + 1, MAX_LINES + 10),
      false,
    );
    expect(window.lines).toHaveLength(MAX_LINES);
    expect(window).toMatchObject({ floor: 10, atStart: false });
    expect(window.lines[0]!.id).toBe(11);
  });
});

describe("prepended", () => {
  it("joins pages before", () => {
    const window = prepended(appended(windowAt(6), lines(6, 8), true), lines(3, 5), false);
    expect(ids(window)).toEqual([3, 4, 5, 6, 7, 8]);
    expect(window).toMatchObject({ floor: 2, atStart: false });
  });

  it("knows the start, also when the first matching line is not line 1", () => {
    const window = prepended(appended(windowAt(9), [line(9)], true), [line(4)], true);
    expect(window).toMatchObject({ floor: 0, atStart: true });
    expect(prepended(windowAt(9), [], true).atStart).toBe(true);
  });

  it("drops lines at the far end when there are too many", () => {
    const window = prepended(
      appended(windowAt(101), lines(101, 100 + MAX_LINES), true),
      lines(1, 100),
      true,
    );
    expect(window.lines).toHaveLength(MAX_LINES);
    expect(window).toMatchObject({ ceil: MAX_LINES, atEnd: false });
  });
});

describe("covers", () => {
  const window = appended(windowAt(100), [line(103), line(110)], false);

  it("is true between the known ends, also where the filter hides a line", () => {
    expect(covers(window, 103)).toBe(true);
    expect(covers(window, 105)).toBe(true);
  });

  it("is false outside, in a skipped range and for an empty window", () => {
    expect(covers(window, 111)).toBe(false);
    expect(covers(window, 99)).toBe(false);
    expect(covers(skippedForward(window, [111, 900]), 500)).toBe(false);
    expect(covers(EMPTY, 1)).toBe(false);
  });
});

describe("skipping folded lines", () => {
  it("moves the ends without loading", () => {
    const window = appended(EMPTY, lines(1, 10), false);
    expect(skippedForward(window, [11, 5000])).toMatchObject({ ceil: 5000 });
    expect(skippedBackward(appended(windowAt(5001), [line(5001)], true), [1, 5000])).toMatchObject({
      floor: 0,
      atStart: true,
    });
  });
});

describe("compacted", () => {
  const foldOf = (entry: Line) => (entry.id >= 3 && entry.id <= 90 ? "x" : null);

  it("keeps one line of a fold and forgets the rest, page after page", () => {
    let window = compacted(appended(EMPTY, lines(1, 50), false), foldOf);
    expect(ids(window)).toEqual([1, 2, 3]);
    window = compacted(appended(window, lines(51, 100), true), foldOf);
    expect(ids(window)).toEqual([1, 2, 3, ...ids(appended(windowAt(91), lines(91, 100), true))]);
    expect(window).toMatchObject({ ceil: 100, skipped: [[4, 90]] });
  });

  it("keeps the first line when pages come from the end", () => {
    let window = compacted(appended(windowAt(60), lines(60, 95), true), foldOf);
    window = compacted(prepended(window, lines(1, 59), true), foldOf);
    expect(ids(window)).toEqual([1, 2, 3, 91, 92, 93, 94, 95]);
    expect(window.skipped).toEqual([[4, 90]]);
  });

  it("is the same object when nothing is folded", () => {
    const window = appended(EMPTY, lines(1, 2), true);
    expect(compacted(window, foldOf)).toBe(window);
  });
});

it.each([
  [0, 0],
  [1, 0],
  [2, 1],
  [5, 2],
  [9, 3],
])("lowerBound of %d is %d", (key, at) => {
  expect(lowerBound([1, 4, 7], key, (entry) => entry)).toBe(at);
});

describe("any mix of pages", () => {
  it("keeps lines ascending, complete and within bounds", () => {
    let window = windowAt(5000);
    let random = 7;
    const next = (limit: number) => (random = (random * 48_271) % 2_147_483_647) % limit;
    for (let round = 0; round < 200; round += 1) {
      const size = 1 + next(900);
      if (next(2) === 0)
        window = appended(window, lines(window.ceil + 1, window.ceil + size), false);
      else if (!window.atStart) {
        const from = Math.max(1, window.floor - size + 1);
        window = prepended(window, lines(from, window.floor), from === 1);
      }
      const known = ids(window);
      expect(known.length).toBeLessThanOrEqual(MAX_LINES);
      if (known.length > 0) {
        expect(known.at(-1)! - known[0]! + 1).toBe(known.length);
        expect(window.floor).toBe(known[0]! - 1);
        expect(window.ceil).toBe(known.at(-1));
      }
    }
  });
});
