import { describe, expect, it } from "vitest";

import { NO_NARROWING, type Narrowing } from "./narrowing";
import {
  above,
  filterKey,
  filterQuery,
  formatHash,
  formatRoute,
  hides,
  linePath,
  noFilter,
  parseHash,
  parseRoute,
  placesWith,
  type Route,
} from "./route";

const NARROWING: Narrowing = {
  sources: ["logging", "stderr"],
  logger: "a.b & c",
  since: "2026-11-24T12:00:00.000001Z",
  until: "2026-11-24T13:00:00.000000Z",
};
const at = (path: string) => parseRoute(new URL(path, "http://localhost:8820"));

describe("parseRoute", () => {
  it("reads the list of jobs with its filter", () => {
    expect(at("/jobs")).toEqual({ view: "jobs", status: [], handler: null });
    expect(at("/jobs/?status=failed,running")).toEqual({
      view: "jobs",
      status: ["failed", "running"],
      handler: null,
    });
    expect(at("/jobs?handler=a.b%20c")).toEqual({ view: "jobs", status: [], handler: "a.b c" });
  });

  it("reads a job with filters and selected lines", () => {
    const route = at(
      "/jobs/JB_1?stage=fetch_jd&task=CN_1&level=warn&q=a%20b&find=filter&attempt=2#A2L10-L14",
    );
    expect(route).toMatchObject({
      view: "job",
      id: "JB_1",
      attempt: 2,
      lines: { attempt: 2, from: 10, to: 14 },
    });
    expect(route.view === "job" && route.filter).toMatchObject({
      stage: "fetch_jd",
      task: "CN_1",
      q: "a b",
      searchMode: "filter",
    });
    expect(route.view === "job" && [...route.filter.levels]).toEqual(["warn", "error", "critical"]);
  });

  it("tells the lines outside any stage from every line", () => {
    expect(at("/jobs/JB_1?stage=")).toMatchObject({ filter: { stage: "" } });
    expect(at("/jobs/JB_1")).toMatchObject({ filter: { stage: null } });
  });

  it("keeps the attempt of linked lines apart from the chosen one", () => {
    expect(at("/jobs/JB_1#A3L5")).toMatchObject({ attempt: null, lines: { attempt: 3 } });
  });

  it("reads the panel, the search and the views of one thing", () => {
    expect(at("/")).toEqual({ view: "panel" });
    expect(at("/schedules")).toEqual({ view: "panel" });
    expect(at("/schedules/SP_1")).toEqual({ view: "schedule", id: "SP_1" });
    expect(at("/search?q=a+b&level=warn")).toEqual({
      view: "search",
      q: "a b",
      level: "warn",
      matchCase: false,
      regex: false,
      ...NO_NARROWING,
    });
    expect(at("/search?level=loud")).toEqual({
      view: "search",
      q: "",
      level: null,
      matchCase: false,
      regex: false,
      ...NO_NARROWING,
    });
  });

  it.each(["/constructor/x", "/nowhere", "/jobs/a/b", "/jobs/%E0%A4%A"])(
    "knows that nothing is at %s",
    (path) => {
      expect(at(path).view).toBe("missing");
    },
  );

  it("ignores an attempt that is no number", () => {
    expect(at("/jobs/JB_1?attempt=x")).toMatchObject({ attempt: null });
    expect(at("/jobs/JB_1?attempt=-1")).toMatchObject({ attempt: null });
  });
});

describe("formatRoute", () => {
  const routes: Route[] = [
    { view: "panel" },
    { view: "jobs", status: ["failed"], handler: null },
    { view: "jobs", status: ["failed"], handler: "a.b & c" },
    { view: "schedule", id: "SP_1" },
    { view: "execution", id: "PX/1" },
    {
      view: "search",
      q: "100% & more",
      level: "error",
      matchCase: true,
      regex: true,
      ...NARROWING,
    },
    { view: "search", q: "", level: null, matchCase: false, regex: false, ...NO_NARROWING },
    { view: "jds" },
    { view: "jd", id: "JD_1" },
    { view: "candidates", id: null },
    { view: "candidates", id: "CN_1" },
    { view: "job", id: "JB_1", attempt: null, filter: noFilter(), lines: null },
    {
      view: "job",
      id: "weird/id?#é",
      attempt: 2,
      filter: {
        stage: "a&b",
        task: "",
        levels: new Set(["info"]),
        q: "100% #x",
        searchMode: "filter",
        matchCase: false,
        regex: true,
        ...NARROWING,
      },
      lines: { attempt: 2, from: 3, to: 9 },
    },
  ];

  it.each(routes)("is read back as it was", (route) => {
    expect(at(formatRoute(route))).toEqual(route);
  });
});

describe("other addresses", () => {
  it("lead to a line with what was searched", () => {
    expect(
      linePath(
        { job_id: "JB_1", attempt: 2, id: 7 },
        { text: "a b", matchCase: true, regex: false },
      ),
    ).toBe("/jobs/JB_1?attempt=2&q=a+b&case=true#A2L7");
    expect(linePath({ job_id: "JB_1", attempt: 1, id: 7 })).toBe("/jobs/JB_1?attempt=1#A1L7");
  });

  it("lead one step up", () => {
    expect(
      [at("/jobs/JB_1"), at("/jds/JD_1"), at("/candidates/CN_1"), at("/jobs")].map(above),
    ).toEqual(["/jobs", "/jds", "/candidates", "/"]);
  });
});

describe("hash of lines", () => {
  it("orders the ends of a range", () => {
    expect(parseHash("#A1L9-L3")).toEqual({ attempt: 1, from: 3, to: 9 });
  });

  it.each(["", "#L3", "#A0L1", "#A1L0", "#A1L1-", "#A1Lx", "#A1L99999999999999999999"])(
    "refuses %j",
    (hash) => {
      expect(parseHash(hash)).toBeNull();
    },
  );

  it("is short for one line", () => {
    expect(formatHash({ attempt: 1, from: 7, to: 7 })).toBe("#A1L7");
    expect(formatHash(null)).toBe("");
  });
});

describe("filterQuery", () => {
  it("sends the search only when it hides lines", () => {
    expect(filterQuery({ ...noFilter(), q: "x" })).toEqual({});
    expect(filterQuery({ ...noFilter(), q: "x", searchMode: "filter" })).toEqual({ q: "x" });
    expect(
      filterQuery({ ...noFilter(), q: "x", searchMode: "filter", matchCase: true, regex: true }),
    ).toEqual({ q: "x", case: "true", regex: "true" });
    expect(hides(noFilter())).toBe(false);
  });

  it("sends an empty stage for lines outside any stage", () => {
    expect(filterQuery({ ...noFilter(), stage: "" })).toEqual({ stage: "" });
  });
});

describe("filterKey", () => {
  it("differs with everything that changes what is shown", () => {
    const one = noFilter();
    const others = [
      { ...one, stage: "a" }, { ...one, task: "a" }, { ...one, levels: new Set(["warn"] as const) }, { ...one, q: "a" },
      { ...one, q: "a", searchMode: "filter" as const }, { ...one, matchCase: true }, { ...one, regex: true },
      { ...one, sources: ["fd"] }, { ...one, logger: "a" }, { ...one, since: NARROWING.since }, { ...one, until: NARROWING.until },
    ]; // prettier-ignore
    expect(new Set([one, ...others].map(filterKey)).size).toBe(others.length + 1);
    expect(filterKey(noFilter())).toBe(filterKey(one));
  });
});

describe("places", () => {
  it("are our own without applications, and those of applications behind them", () => {
    expect(placesWith([]).map((place) => place.path)).toEqual(["/", "/jobs", "/search"]);
    const pages = [
      { path: "/candidates", title: "Candidates" },
      { path: "/api/orders", title: "Orders" },
    ];
    expect(placesWith(pages).slice(3)).toEqual([
      { key: "4", name: "Candidates", path: "/candidates", views: ["candidates"] },
      { key: "5", name: "Orders", path: "/api/orders", views: [] },
    ]);
  });

  it("have a key up to the ninth", () => {
    const pages = Array.from({ length: 7 }, (_, index) => ({ path: `/api/${index}`, title: "x" }));
    expect(placesWith(pages).map((place) => place.key)).toEqual([..."123456789", ""]);
  });
});
