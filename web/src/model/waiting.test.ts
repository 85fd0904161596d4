import { describe, expect, it } from "vitest";

import { job } from "./samples";
import { whyNotRunning } from "./waiting";

describe("whyNotRunning", () => {
  const why = (
    status: "queued" | "paused" | "running" | "completed" | "cancelled",
    pulse_state: object | null = null,
  ) => whyNotRunning(job("a", 1, { status, pulse_state }));

  it("tells a pause by hand from waiting for others", () => {
    expect(why("paused")).toMatch(/when it is resumed/);
    expect(why("paused", { pause_reason: "user_requested" })).toMatch(/when it is resumed/);
    expect(
      why("paused", { waiting_for: "children", pause_reason: "waiting for its children" }),
    ).toBe("Waiting for the jobs that it enqueued. It goes on when they are over.");
    expect(why("paused", { waits_for: ["JB_1", "JB_2"] })).toBe(
      "Waiting for JB_1, JB_2, fired before it by the same schedule.",
    );
  });

  it("tells of a pause that was not heeded before", () => {
    const waiting = {
      status: "paused" as const,
      pulse_state: { waiting_for: "children" },
      stop_request: "pause" as const,
    };
    expect(whyNotRunning(job("a", 1, waiting))).toMatch(/stays paused when they are over/);
  });

  it("tells what holds a queued job", () => {
    expect(why("queued")).toBe("Waiting for a worker.");
    expect(why("queued", { pause_reason: "concurrency", message: "waits: 2 of 2 run" })).toBe(
      "Held: 2 of 2 run.",
    );
  });

  it("has nothing to say of a job that runs or is done", () => {
    expect(why("running")).toBeNull();
    expect(why("completed")).toBeNull();
  });
});
