import { describe, expect, it } from "vitest";

import {
  justAfter,
  narrowed,
  narrowingQuery,
  NO_NARROWING,
  parseNarrowing,
  type Narrowing,
} from "./narrowing";
import { fromLocalInput, isoOf, localInput, parseUs } from "./time";

const parsed = (query: string) => parseNarrowing(new URLSearchParams(query));

describe("parseNarrowing", () => {
  it("leaves out what is no source and no time", () => {
    expect(parsed("source=stdout,nothing,fd&since=yesterday&until=")).toEqual({
      ...NO_NARROWING,
      sources: ["stdout", "fd"],
    });
  });

  it("keeps microseconds and knows zones", () => {
    expect(
      parsed("since=2026-11-24T13:00:00.5%2B01:00&until=2026-11-24T12:00:00.000001Z"),
    ).toMatchObject({
      since: "2026-11-24T12:00:00.500000Z",
      until: "2026-11-24T12:00:00.000001Z",
    });
  });

  it("is written as it is read", () => {
    const query = {
      source: "logging,stderr",
      logger: "a.b",
      since: "2026-11-24T12:00:00.000000Z",
      until: "2026-11-24T12:00:01.000000Z",
    };
    expect(narrowingQuery(parsed(new URLSearchParams(query).toString()))).toEqual(query);
    expect(narrowingQuery(NO_NARROWING)).toEqual({});
  });
});

describe("narrowed", () => {
  it("names each that is in force, and how to put it away", () => {
    const both: Narrowing = { ...NO_NARROWING, sources: ["fd", "stdout"], logger: "a" };
    expect(narrowed(both).map((one) => [one.name, one.value])).toEqual([
      ["sources", "fd, stdout"],
      ["logger", "a"],
    ]);
    expect(narrowed(both).reduce((rest, one) => ({ ...rest, ...one.without }), both)).toEqual(
      NO_NARROWING,
    );
    expect(narrowed(NO_NARROWING)).toEqual([]);
  });
});

describe("instants", () => {
  it("go into an input of local time and come back", () => {
    const iso = "2026-11-24T12:34:56.789000Z";
    expect(localInput(iso)).toMatch(/^2026-11-2\dT\d\d:\d4:56\.789$/);
    expect(fromLocalInput(localInput(iso))).toBe(iso);
    expect([localInput(""), fromLocalInput(""), fromLocalInput("soon")]).toEqual(["", "", ""]);
  });

  it("are written as the server writes them", () => {
    for (const iso of ["2026-11-24T12:34:56.000001Z", "1969-12-31T23:59:59.999999Z"])
      expect(isoOf(parseUs(iso))).toBe(iso);
    expect(justAfter("2026-11-24T12:34:56.999999Z")).toBe("2026-11-24T12:34:57.000000Z");
  });
});
