import { describe, expect, it } from "vitest";

import { linesAsText } from "./copying";
import { logAction } from "./log-keys";
import { line } from "./samples";
import { bytes, compact, dollars, grouped, plural } from "./numbers";
import { isFind, shortcutKey } from "./shortcuts";
import { gist, resultSummary, summary } from "./summary";

describe("numbers", () => {
  it.each([
    [0, "0"],
    [999, "999"],
    [1000, "1k"],
    [1234, "1.2k"],
    [34_000, "34k"],
    [999_600, "1M"],
    [5_000_000, "5M"],
  ])("compact(%d) is %s", (value, text) => {
    expect(compact(value)).toBe(text);
  });

  it.each([
    [0, "$0.00"],
    [0.00042, "$0.00042"],
    [0.0123, "$0.012"],
    [0.3, "$0.30"],
    [1.999, "$2.00"],
    [1204.5, "$1,204.50"],
  ])("dollars(%d) is %s", (value, text) => {
    expect(dollars(value)).toBe(text);
  });

  it("are grouped and in the plural", () => {
    expect(grouped(1_234_567)).toBe("1,234,567");
    expect(plural(1, "line")).toBe("1 line");
    expect(plural(2, "line")).toBe("2 lines");
    expect(bytes(500)).toBe("500 B");
    expect(bytes(104_857_600)).toBe("100.0 MiB");
  });
});

describe("summary of a result", () => {
  it("sums up JSON and leaves other text", () => {
    expect(resultSummary('{"jd_id":"JD_1","title":"Data Engineer","scores":[1,2]}')).toBe(
      'title="Data Engineer" scores=[2] jd_id=JD_1',
    );
    expect(resultSummary("12 vacancies, 3 new")).toBe("12 vacancies, 3 new");
    expect(resultSummary('{"cut off": "')).toBe('{"cut off": "');
  });
});

describe("the gist of a message", () => {
  const trace =
    'Traceback (most recent call last):\n  File "x.py", line 1\n    boom()\nKeyError: 1\n';
  const said = (message: string) => ({ message, truncated: false });
  it("leaves the frames out", () => {
    expect(gist(said(trace))).toBe("KeyError: 1");
    expect(gist(said(`row 3 is broken\n${trace}`))).toBe("row 3 is broken\nKeyError: 1");
  });
  it("leaves everything else as it is", () => {
    for (const message of ["", "two\nlines", `said: ${trace}`])
      expect(gist(said(message))).toBe(message);
    expect(gist({ message: trace, truncated: true })).toBe(trace);
  });
});

describe("summary of metadata", () => {
  it("is one short line", () => {
    expect(
      summary({ url: "https://x/y", n: 3, ok: true, list: [1, 2], deep: { a: 1 }, none: null }),
    ).toBe("url=https://x/y n=3 ok=true list=[2] deep={…} none=null");
    expect(summary({ text: "two words" })).toBe('text="two words"');
    expect(summary(null)).toBe("");
    expect(summary({})).toBe("");
    expect(summary([1, 2])).toBe("[2]");
  });

  it("is cut at a limit", () => {
    expect(summary({ a: "x".repeat(60), b: "y".repeat(60) })).toBe(`a=${"x".repeat(60)} …`);
    expect(summary({ a: "x".repeat(500) }).length).toBeLessThan(110);
  });
});

describe("shortcuts", () => {
  const press = (key: string, target: object | null, more = {}, single = true) =>
    shortcutKey(
      {
        key,
        ctrlKey: false,
        metaKey: false,
        altKey: false,
        target: target as EventTarget | null,
        ...more,
      },
      single,
    );

  it("rest in fields and with modifiers", () => {
    expect(press("e", { tagName: "INPUT", type: "search" })).toBeNull();
    expect(press("e", { tagName: "SELECT" })).toBeNull();
    expect(press("e", { tagName: "DIV", isContentEditable: true })).toBeNull();
    expect(press("c", { tagName: "BODY" }, { ctrlKey: true })).toBeNull();
    expect(press("e", { tagName: "BUTTON" })).toBe("e");
    expect(press("e", { tagName: "INPUT", type: "checkbox" })).toBe("e");
  });

  it("are no letters, digits and signs once those are turned off", () => {
    const left = ["e", "G", "?", "/", "2", "ß", "Escape", "End", "PageUp", "Enter", " "].filter(
      (key) => press(key, null, {}, false) !== null,
    );
    expect(left).toEqual(["Escape", "End", "PageUp", "Enter", " "]);
  });

  it("take Ctrl+F once", () => {
    const find = (id: string, more: object) =>
      isFind({
        key: "f",
        ctrlKey: false,
        metaKey: false,
        altKey: false,
        target: { id } as unknown as EventTarget,
        ...more,
      });
    expect([find("", { ctrlKey: true }), find("", { metaKey: true })]).toEqual([true, true]);
    expect([
      find("log-find", { ctrlKey: true }),
      find("", {}),
      find("", { ctrlKey: true, altKey: true }),
    ]).toEqual([false, false, false]);
  });

  it("share keys with other controls only in the list", () => {
    expect(logAction("End", false)).toBeNull();
    expect(logAction("End", true)).toBe("last");
    expect(logAction("e", false)).toBe("nextError");
    expect(logAction("z", true)).toBeNull();
  });
});

it("copies one record a line, without colours", () => {
  const text = linesAsText([
    line(1, { stage: "fetch", task_id: "T", message: "\u001b[31ma\u001b[0m\nb" }),
    line(2),
  ]);
  expect(text).toBe(
    "2026-11-24T12:00:00Z info     [fetch/T] a\n    b\n2026-11-24T12:00:00Z info     line 2\n",
  );
});
