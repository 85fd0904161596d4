import { describe, expect, it } from "vitest";

import type { Job } from "../api/types";
import { extended, isActive, isOver, refreshed, share } from "./jobs";
import { job } from "./samples";

const ids = (jobs: Job[]) => jobs.map((entry) => entry.id).join("");

describe("refreshed", () => {
  const shown = [job("c", 3), job("b", 2), job("a", 1)];

  it("puts new jobs in front, replaces known ones, keeps older ones", () => {
    const page = [job("d", 4), job("c", 3, { status: "failed" }), job("b", 2)];
    const next = refreshed(shown, page, []);
    expect(ids(next)).toBe("dcba");
    expect(next[1]!.status).toBe("failed");
  });

  it("drops a job that has left the page's range", () => {
    expect(ids(refreshed(shown, [job("c", 3), job("a", 1)], []))).toBe("ca");
  });

  it("keeps only what the filter wants", () => {
    expect(ids(refreshed([job("a", 1)], [job("b", 2, { status: "running" })], ["running"]))).toBe(
      "b",
    );
  });

  it("is empty when the server has none", () => {
    expect(refreshed(shown, [], [])).toEqual([]);
  });
});

it("repeats no job when a page is added", () => {
  expect(ids(extended([job("b", 2), job("a", 1)], [job("a", 1), job("0", 0)]))).toBe("ba0");
});

it("tells active from over", () => {
  expect(isActive({ status: "queued" })).toBe(true);
  expect(isOver({ status: "paused" })).toBe(false);
  expect(isOver({ status: "cancelled" })).toBe(true);
});

it("knows how much is done", () => {
  expect(share(job("a", 1))).toBeNull();
  expect(share(job("a", 1, { progress: { current: 5, total: 0 } }))).toBeNull();
  expect(share(job("a", 1, { progress: { current: 5, total: 10 } }))).toBe(0.5);
  expect(share(job("a", 1, { progress: { current: 50, total: 10 } }))).toBe(1);
});
