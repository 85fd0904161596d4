import { describe, expect, it } from "vitest";

import { contrast } from "./colour";
import { NO_NEEDLE } from "./needle";
import { pieces, safeHref, withHits } from "./pieces";
import { bare, foldedStates } from "./plain-text";

const ESC = "\u001b";
const text = (message: string) =>
  pieces(message, "dark")
    .map((part) => part.text)
    .join("");
const styles = (message: string) => pieces(message, "dark").map((part) => [part.text, part.style]);

describe("colours", () => {
  it("become classes", () => {
    expect(styles(`a ${ESC}[31mred${ESC}[0m b`)).toEqual([
      ["a ", ""],
      ["red", "f-ansi-red"],
      [" b", ""],
    ]);
  });

  it("keep each run's own decorations", () => {
    expect(styles(`${ESC}[1mbold${ESC}[4mboth${ESC}[0mnone`)).toEqual([
      ["bold", "d-bold"],
      ["both", "d-bold d-underline"],
      ["none", ""],
    ]);
  });

  it("read colon forms", () => {
    const [part] = pieces(`${ESC}[38:2::255:0:0mx`, "dark");
    expect(part?.color).toMatch(/^rgb\(255 /);
    expect(styles(`${ESC}[4:3mcurly`)).toEqual([["curly", "d-underline"]]);
  });

  it.each(["dark", "light"] as const)(
    "can be read on a selected line of the %s theme, all of the palette",
    (theme) => {
      const background = theme === "dark" ? ([22, 48, 76] as const) : ([220, 235, 253] as const);
      for (let index = 16; index < 256; index += 1) {
        const [part] = pieces(`${ESC}[38;5;${index}mx`, theme);
        const rgb = part!.color!.match(/\d+/g)!.map(Number) as unknown as [number, number, number];
        expect(contrast(rgb, background)).toBeGreaterThanOrEqual(4.5);
      }
    },
  );

  it("never hide text", () => {
    expect(styles(`${ESC}[8msecret`)).toEqual([["secret", ""]]);
  });

  it("swap for reverse video", () => {
    expect(styles(`${ESC}[7;31mx`)).toEqual([["x", "b-ansi-red"]]);
  });
});

describe("control characters", () => {
  it("are visible marks", () => {
    const marks = pieces("a\u0000b\u0007c\u009bd\u202ee", "dark").filter((part) => part.mark);
    expect(marks.map((part) => part.text)).toEqual(["\\x00", "\\x07", "\\x9B", "U+202E"]);
  });

  it("show sequences that would move a terminal", () => {
    expect(text(`${ESC}[2Jclear`)).toBe("\\x1B[2Jclear");
    expect(text(`${ESC}]0;title\u0007x`)).toBe("\\x1B]0;title\\x07x");
  });

  it("leave tabs and newlines alone", () => {
    expect(text("a\tb\nc")).toBe("a\tb\nc");
  });

  it("cannot be forged by our own fences", () => {
    expect(text("a\uFDD0b\uFDD2c")).toBe("a\uFFFDb\uFFFDc");
  });
});

describe("progress", () => {
  it("is folded to its last state", () => {
    expect(text("10%\r50%\r100%")).toBe("100%");
    expect(text("one\r\ntwo\r\n")).toBe("one\ntwo\n");
    expect(text("10%\r20%\r")).toBe("20%");
  });

  it("is shown whole when asked for", () => {
    expect(pieces("1\r2", "dark", true).map((part) => part.text)).toEqual(["1", "\\x0D", "2"]);
  });

  it("counts what was folded", () => {
    expect(foldedStates("10%\r50%\r100%")).toBe(2);
    expect(foldedStates("a\r\nb")).toBe(0);
  });
});

describe("links", () => {
  const links = (message: string) =>
    pieces(message, "dark")
      .filter((part) => part.href)
      .map((part) => [part.text, part.href]);

  it("are found without what follows them", () => {
    expect(links("see https://example.com/a_(b), or (http://x.test/y).")).toEqual([
      ["https://example.com/a_(b)", "https://example.com/a_(b)"],
      ["http://x.test/y", "http://x.test/y"],
    ]);
  });

  it.each([
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "vbscript:x",
    "JaVaScRiPt:alert(1)//https:",
    "https://",
    "http:///",
    " https:x:y",
  ])("are not made of %s", (message) => {
    for (const [, href] of links(message)) expect(href).toMatch(/^https?:\/\/[^/]/);
    expect(
      links(message).every(([, href]) => !/^(javascript|data|file|vbscript)/i.test(href!)),
    ).toBe(true);
  });

  it("of a terminal show where they lead", () => {
    const link = (target: string) =>
      links(`${ESC}]8;;${target}${ESC}\\here${ESC}]8;;${ESC}\\ after`);
    expect(link("https://evil.example/x")).toEqual([
      ["here (evil.example)", "https://evil.example/x"],
    ]);
    expect(link("javascript:alert(1)")).toEqual([]);
  });

  it("show an international name in ASCII", () => {
    expect(links("https://аррӏе.com/")[0]![0]).toContain("xn--");
  });

  it("refuse everything but http and https", () => {
    expect(safeHref("ftp://x")).toBeNull();
    expect(safeHref("//x")).toBeNull();
    expect(safeHref("HTTPS://X.test")).toBe("https://x.test/");
  });
});

describe("hits", () => {
  const hits = (message: string, needle: string) =>
    withHits(pieces(message, "dark"), { ...NO_NEEDLE, text: needle })
      .filter((part) => part.hit)
      .map((part) => part.text);

  it("ignore case and are found across colours", () => {
    expect(hits(`Fo${ESC}[31mo B${ESC}[0mar foo b`, "foo b")).toEqual(["Fo", "o B", "foo b"]);
  });

  it("lose no text", () => {
    const all = withHits(pieces("aXbXc", "dark"), { ...NO_NEEDLE, text: "x" });
    expect(all.map((part) => part.text).join("")).toBe("aXbXc");
    expect(hits("aaaa", "aa")).toEqual(["aa", "aa"]);
  });

  it("are none for an empty or absent needle", () => {
    expect(hits("abc", "")).toEqual([]);
    expect(hits("abc", "z")).toEqual([]);
  });
});

it("bare text has no codes", () => {
  expect(
    bare(`${ESC}[31mred${ESC}[0m ${ESC}]8;;https://x.test${ESC}\\here${ESC}]8;;${ESC}\\\u0000`),
  ).toBe("red here\\x00");
});
