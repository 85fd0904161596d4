/** Addresses of the UI: which view, which filters, which lines. Pure; the browser's history is in state/navigation. */
import { formatLevels, isLevel, parseLevels } from "./levels";
import type { Level } from "../api/types";
import { NO_NARROWING, narrowingQuery, parseNarrowing, type Narrowing } from "./narrowing";
import { NO_NEEDLE, type Needle } from "./needle";

export interface LogFilter extends Narrowing {
  /** null: every stage; "": lines outside any stage. */
  stage: string | null;
  /** null: every task; the stage's own name: its lines that belong to no task. */
  task: string | null;
  levels: ReadonlySet<Level>;
  q: string;
  /** Whether `q` hides other lines, or only marks its hits. */
  searchMode: "highlight" | "filter";
  matchCase: boolean;
  /** `q` is a pattern. */
  regex: boolean;
}

/** Lines of one attempt by sequence number, both ends included. */
export interface LineRange {
  attempt: number;
  from: number;
  to: number;
}

export type Route =
  | { view: "panel" }
  | { view: "jobs"; status: string[]; handler: string | null }
  | { view: "job"; id: string; attempt: number | null; filter: LogFilter; lines: LineRange | null }
  | { view: "schedule"; id: string }
  | { view: "execution"; id: string }
  | ({
      view: "search";
      q: string;
      level: Level | null;
      matchCase: boolean;
      regex: boolean;
    } & Narrowing)
  | { view: "jds" }
  | { view: "jd"; id: string }
  | { view: "candidates"; id: string | null }
  | { view: "missing"; path: string };

/** Views of one thing each, by the first part of their path. */
const OF_ONE = {
  jobs: "job",
  schedules: "schedule",
  executions: "execution",
  jds: "jd",
  candidates: "candidates",
} as const;

/** A place that the head of every page leads to; the first nine have a key. */
export interface Place {
  key: string;
  name: string;
  path: string;
  views: readonly Route["view"][];
}

const PLACES: readonly Omit<Place, "key">[] = [
  { name: "Pulse", path: "/", views: ["panel", "schedule", "execution"] },
  { name: "Jobs", path: "/jobs", views: ["jobs", "job"] },
  { name: "Search", path: "/search", views: ["search"] },
];
/** Views that we have for pages of applications, by their path. */
const CONTRIBUTED: Readonly<Record<string, readonly Route["view"][]>> = {
  "/jds": ["jds", "jd"],
  "/candidates": ["candidates"],
};

/** Our own places, and those of applications; a page that we have no view for is a link like any other. */
export function placesWith(pages: readonly { path: string; title: string }[]): Place[] {
  const contributed = pages.map(({ path, title }) => ({
    name: title,
    path,
    views: Object.hasOwn(CONTRIBUTED, path) ? CONTRIBUTED[path]! : [],
  }));
  return [...PLACES, ...contributed].map((place, index) => ({
    ...place,
    key: index < 9 ? String(index + 1) : "",
  }));
}

export function noFilter(): LogFilter {
  return {
    stage: null,
    task: null,
    levels: parseLevels(""),
    q: "",
    searchMode: "highlight",
    matchCase: false,
    regex: false,
    ...NO_NARROWING,
  };
}

export function parseRoute(url: URL): Route {
  const path = url.pathname.replace(/\/+$/, "") || "/";
  const of = /^\/([^/]+)\/([^/]+)$/.exec(path);
  if (!of) return parseList(path, url.searchParams);
  const view = Object.hasOwn(OF_ONE, of[1]!) ? OF_ONE[of[1] as keyof typeof OF_ONE] : null;
  const id = decode(of[2]!);
  if (view === null || id === null) return { view: "missing", path };
  if (view !== "job") return { view, id };
  return {
    view,
    id,
    attempt: positive(url.searchParams.get("attempt")),
    filter: parseFilter(url.searchParams),
    lines: parseHash(url.hash),
  };
}

function parseList(path: string, query: URLSearchParams): Route {
  switch (path) {
    case "/":
    case "/schedules":
      return { view: "panel" };
    case "/jobs":
      return {
        view: "jobs",
        status: (query.get("status") ?? "").split(",").filter(Boolean),
        handler: query.get("handler") || null,
      };
    case "/search": {
      const level = query.get("level");
      return {
        view: "search",
        q: query.get("q") ?? "",
        level: level !== null && isLevel(level) ? level : null,
        ...parseHow(query),
        ...parseNarrowing(query),
      };
    }
    case "/jds":
      return { view: "jds" };
    case "/candidates":
      return { view: "candidates", id: null };
    default:
      return { view: "missing", path };
  }
}

function parseFilter(query: URLSearchParams): LogFilter {
  return {
    stage: query.get("stage"),
    task: query.get("task"),
    levels: parseLevels(query.get("level")),
    q: query.get("q") ?? "",
    searchMode: query.get("find") === "filter" ? "filter" : "highlight",
    ...parseHow(query),
    ...parseNarrowing(query),
  };
}

/** How the text of a search is meant. */
function parseHow(query: URLSearchParams): { matchCase: boolean; regex: boolean } {
  return { matchCase: query.get("case") === "true", regex: query.get("regex") === "true" };
}

/** The same as parameters, in addresses of the UI and of the API. */
export function howQuery({
  matchCase,
  regex,
}: {
  matchCase: boolean;
  regex: boolean;
}): Record<string, string> {
  return { ...(matchCase ? { case: "true" } : {}), ...(regex ? { regex: "true" } : {}) };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function positive(text: string | null): number | null {
  const value = Number(text);
  return text !== null && Number.isSafeInteger(value) && value > 0 ? value : null;
}

/** `#A1L123` or `#A1L123-L140`. */
export function parseHash(hash: string): LineRange | null {
  const match = /^#A(\d+)L(\d+)(?:-L?(\d+))?$/.exec(hash);
  if (!match) return null;
  const [attempt, first, last] = [Number(match[1]), Number(match[2]), Number(match[3] ?? match[2])];
  if (attempt < 1 || first < 1 || last < 1 || !Number.isSafeInteger(first + last)) return null;
  return { attempt, from: Math.min(first, last), to: Math.max(first, last) };
}

export function formatHash(lines: LineRange | null): string {
  if (!lines) return "";
  return lines.from === lines.to
    ? `#A${lines.attempt}L${lines.from}`
    : `#A${lines.attempt}L${lines.from}-L${lines.to}`;
}

export function formatRoute(route: Route): string {
  switch (route.view) {
    case "missing":
      return route.path;
    case "panel":
      return "/";
    case "jobs":
      return withQuery(
        "/jobs",
        new URLSearchParams({
          ...(route.status.length > 0 ? { status: route.status.join(",") } : {}),
          ...(route.handler ? { handler: route.handler } : {}),
        }),
      );
    case "job":
      return formatJob(route);
    case "schedule":
      return schedulePath(route.id);
    case "execution":
      return executionPath(route.id);
    case "jds":
      return "/jds";
    case "jd":
      return jdPath(route.id);
    case "candidates":
      return route.id === null ? "/candidates" : candidatePath(route.id);
    case "search":
      return withQuery(
        "/search",
        new URLSearchParams({
          ...(route.q ? { q: route.q } : {}),
          ...(route.level ? { level: route.level } : {}),
          ...howQuery(route),
          ...narrowingQuery(route),
        }),
      );
  }
}

function formatJob(route: Extract<Route, { view: "job" }>): string {
  const query = new URLSearchParams();
  const { filter } = route;
  if (route.attempt !== null) query.set("attempt", String(route.attempt));
  if (filter.stage !== null) query.set("stage", filter.stage);
  if (filter.task !== null) query.set("task", filter.task);
  const level = formatLevels(filter.levels);
  if (level !== "") query.set("level", level);
  if (filter.q !== "") query.set("q", filter.q);
  if (filter.q !== "" && filter.searchMode === "filter") query.set("find", "filter");
  for (const [name, value] of Object.entries({ ...howQuery(filter), ...narrowingQuery(filter) }))
    query.set(name, value);
  return withQuery(jobPath(route.id), query) + formatHash(route.lines);
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

export const jobPath = (id: string) => `/jobs/${encodeURIComponent(id)}`;
export const schedulePath = (id: string) => `/schedules/${encodeURIComponent(id)}`;
export const executionPath = (id: string) => `/executions/${encodeURIComponent(id)}`;
export const jdPath = (id: string) => `/jds/${encodeURIComponent(id)}`;
export const candidatePath = (id: string) => `/candidates/${encodeURIComponent(id)}`;

/** A line on its job's page, with the search that found it. */
export function linePath(
  line: { job_id: string; attempt: number; id: number },
  needle: Needle = NO_NEEDLE,
): string {
  const query = new URLSearchParams({
    attempt: String(line.attempt),
    ...(needle.text ? { q: needle.text, ...howQuery(needle) } : {}),
  });
  return (
    withQuery(jobPath(line.job_id), query) +
    formatHash({ attempt: line.attempt, from: line.id, to: line.id })
  );
}

/** One step up from a view, for the key and the arrow that say so. */
export function above(route: Route): string {
  if (route.view === "job") return "/jobs";
  if (route.view === "jd") return "/jds";
  return route.view === "candidates" && route.id !== null ? "/candidates" : "/";
}

/** Query of the logs endpoint for a filter; `q` only when it hides lines. */
export function filterQuery(filter: LogFilter): Record<string, string> {
  const query: Record<string, string> = {};
  if (filter.stage !== null) query.stage = filter.stage;
  if (filter.task !== null) query.task_id = filter.task;
  const level = formatLevels(filter.levels);
  if (level !== "") query.level = level;
  if (filter.q !== "" && filter.searchMode === "filter")
    Object.assign(query, { q: filter.q }, howQuery(filter));
  return Object.assign(query, narrowingQuery(filter));
}

/** Filters with the same key are the same. */
export function filterKey(filter: LogFilter): string {
  return JSON.stringify([filterQuery(filter), filter.q, filter.searchMode, howQuery(filter)]);
}

/** Whether a filter hides any line. */
export function hides(filter: LogFilter): boolean {
  return Object.keys(filterQuery(filter)).length > 0;
}
