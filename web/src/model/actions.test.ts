import { describe, expect, it } from "vitest";

import type { Attempt } from "../api/types";
import { agreed, jobActions } from "./actions";
import { headOf } from "./attempts";
import { emptyCounts } from "./levels";
import { mentions } from "./mentions";
import { job, receipt } from "./samples";

describe("jobActions", () => {
  it.each([
    ["queued", ["pause", "cancel"]],
    ["running", ["pause", "cancel"]],
    ["paused", ["resume", "cancel"]],
    ["failed", ["retry"]],
    ["cancelled", ["retry"]],
    ["completed", []],
  ] as const)("of a %s job", (status, actions) => {
    expect(jobActions({ status, stop_request: null, run_kind: "queue" })).toEqual(actions);
  });

  it("does not offer again what a running job was asked for", () => {
    expect(jobActions({ status: "running", stop_request: "cancel", run_kind: "queue" })).toEqual(
      [],
    );
    expect(jobActions({ status: "running", stop_request: "pause", run_kind: "queue" })).toEqual([
      "cancel",
    ]);
    expect(jobActions({ status: "running", stop_request: null, run_kind: "command" })).toEqual([
      "cancel",
    ]);
    expect(jobActions({ status: "failed", stop_request: null, run_kind: "command" })).toEqual([]);
    expect(jobActions({ status: "running", stop_request: null, run_kind: "block" })).toEqual([]);
  });

  it("tells a wish from a fact", () => {
    expect(agreed("cancel", { status: "running" })).toMatch(/asked/i);
    expect(agreed("cancel", { status: "cancelled" })).toBe("Cancelled");
  });
});

describe("headOf", () => {
  const first: Attempt = {
    attempt: 1,
    status: "failed",
    worker: "w1",
    pid: 7,
    started_at: "2026-11-24T12:00:00Z",
    ended_at: "2026-11-24T12:00:01Z",
    duration_ms: 1000,
    error: "no such file",
    error_type: "FileNotFoundError",
    first_error_seq: 3,
    error_stage: "fetch",
    reason: null,
    counts: { ...emptyCounts(), total: 3, error: 1, info: 2 },
    receipt: receipt(3),
  };
  const second: Attempt = {
    ...first,
    attempt: 2,
    status: "running",
    ended_at: null,
    duration_ms: null,
    error: null,
    error_type: null,
    first_error_seq: null,
    error_stage: null,
  };

  it("is the job's own while there is one attempt", () => {
    const one = job("a", 1, { status: "failed", error: "no", duration_ms: 7 });
    expect(headOf(one, [], 1)).toMatchObject({
      status: "failed",
      error: "no",
      durationMs: 7,
      old: false,
    });
  });

  it("is the job's own before its first attempt", () => {
    expect(
      headOf(job("a", 1, { status: "queued", attempt: 0, receipt: receipt(3) }), [], 1),
    ).toMatchObject({
      status: "queued",
      old: false,
      receipt: null,
    });
  });

  it("is the attempt's own for an older one", () => {
    const retried = job("a", 1, { status: "running", attempt: 2 });
    expect(headOf(retried, [first, second], 1)).toMatchObject({
      status: "failed",
      error: "no such file",
      errorStage: "fetch",
      old: true,
      receipt: receipt(3),
    });
  });

  it("shows the job's status with the newest attempt's times", () => {
    const retried = job("a", 1, {
      status: "running",
      attempt: 2,
      started_at: "2026-11-24T11:00:00Z",
      error: "no such file",
    });
    expect(headOf(retried, [first, second], 2)).toMatchObject({
      status: "running",
      startedAt: "2026-11-24T12:00:00Z",
      error: null,
      old: false,
    });
  });

  it("says nothing of an attempt that it does not know yet", () => {
    const retried = job("a", 1, { status: "completed", attempt: 2 });
    expect(headOf(retried, [], 1)).toMatchObject({
      status: null,
      counts: null,
      receipt: null,
      error: null,
    });
  });

  it("gives the reason of an attempt that ended without an error", () => {
    const lost = { ...first, error: null, reason: "its worker was gone" };
    expect(headOf(job("a", 1, { attempt: 2 }), [lost], 1).error).toBe("its worker was gone");
  });
});

describe("mentions", () => {
  it("finds instants and what has a page", () => {
    expect(mentions("It failed at 2026-11-24T12:45:03.618862Z, fired by SP_01M8.")).toEqual([
      { text: "It failed at " },
      { time: "2026-11-24T12:45:03.618862Z" },
      { text: ", fired by " },
      { text: "SP_01M8", href: "/schedules/SP_01M8" },
      { text: "." },
    ]);
  });

  it("leaves everything else as it is", () => {
    expect(mentions("")).toEqual([]);
    expect(mentions("XJB_1 and javascript:alert(1)")).toEqual([
      { text: "XJB_1 and javascript:alert(1)" },
    ]);
  });
});
