/** What lines are wanted by where they come from and when they were said: in the log of a job, and in the search over all runs. */
import { isoOf, parseUs } from "./time";

export interface Narrowing {
  /** None: every source. */
  sources: readonly string[];
  /** A logger with its children; "": every one. */
  logger: string;
  /** From this instant on (RFC 3339); "": from the beginning. */
  since: string;
  /** Before this instant; "": to the end. */
  until: string;
}

/** Where a line can come from. */
export const SOURCES = [
  "emitter",
  "logging",
  "stdout",
  "stderr",
  "warning",
  "exception",
  "fd",
  "subprocess",
  "scheduler",
  "system",
] as const;

export const NO_NARROWING: Narrowing = { sources: [], logger: "", since: "", until: "" };

export function parseNarrowing(query: URLSearchParams): Narrowing {
  const named = (query.get("source") ?? "").split(",");
  const instant = (name: string) => {
    const us = parseUs(query.get(name) ?? "");
    return Number.isNaN(us) ? "" : isoOf(us);
  };
  return {
    sources: SOURCES.filter((source) => named.includes(source)),
    logger: query.get("logger") ?? "",
    since: instant("since"),
    until: instant("until"),
  };
}

/** The same as parameters, in addresses of the UI and of the API. */
export function narrowingQuery({
  sources,
  logger,
  since,
  until,
}: Narrowing): Record<string, string> {
  return {
    ...(sources.length > 0 ? { source: sources.join(",") } : {}),
    ...(logger ? { logger } : {}),
    ...(since ? { since } : {}),
    ...(until ? { until } : {}),
  };
}

interface Narrowed {
  name: keyof Narrowing;
  value: string;
  without: Partial<Narrowing>;
}

/** What stands in the way of a line, each with how to put it away. */
export function narrowed({ sources, logger, since, until }: Narrowing): Narrowed[] {
  const all: Narrowed[] = [
    { name: "sources", value: sources.join(", "), without: { sources: [] } },
    { name: "logger", value: logger, without: { logger: "" } },
    { name: "since", value: since, without: { since: "" } },
    { name: "until", value: until, without: { until: "" } },
  ];
  return all.filter((one) => one.value !== "");
}

/** The instant right after one, so that what was said at it is still before. */
export function justAfter(iso: string): string {
  return isoOf(parseUs(iso) + 1);
}
