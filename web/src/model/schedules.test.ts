import { describe, expect, it } from "vitest";

import {
  causeOf,
  changes,
  listed,
  missingTiming,
  newSchedule,
  percent,
  scheduleTitle,
  whenOf,
} from "./schedules";

it("asks when, unless it is said", () => {
  expect(missingTiming("ix https://x", " ")).toMatch(/how often/);
  expect(missingTiming("ix https://x --every 6h", "")).toBeNull();
  expect(missingTiming("ix https://x", "6h")).toBeNull();
});

describe("newSchedule", () => {
  it.each([
    ["6h", { every: "6h" }],
    [" every 2 h ", { every: "2 h" }],
    ["nonsense", { every: "nonsense" }],
    ["0 9 * * 1-5", { cron: "0 9 * * 1-5", time_zone: "Europe/Berlin" }],
    ["", {}],
  ])("reads %j", (when, timing) => {
    expect(newSchedule(" ix https://example.com/jobs ", when, "Europe/Berlin")).toEqual({
      ats_code: "ix https://example.com/jobs",
      ...timing,
    });
  });

  it("leaves the timing to code that says when", () => {
    expect(newSchedule("ix https://example.com --every 6h", "1h", "UTC")).toEqual({
      ats_code: "ix https://example.com --every 6h",
    });
    expect(newSchedule("ix https://example.com/--every", "1h", "UTC")).toMatchObject({
      every: "1h",
    });
  });
});

describe("changes", () => {
  const hourly = { name: "n", timing: "every 1h", cron: null, time_zone: "UTC" };
  const daily = {
    name: null,
    timing: "cron 0 9 * * * (Europe/Berlin)",
    cron: "0 9 * * *",
    time_zone: "Europe/Berlin",
  };

  it("are none when nothing was changed", () => {
    for (const one of [hourly, daily])
      expect(
        changes(one, { name: one.name ?? "", when: whenOf(one), zone: one.time_zone }),
      ).toEqual({});
  });

  it("hold only what is another", () => {
    expect(changes(hourly, { name: " ", when: "1h", zone: "UTC" })).toEqual({ name: null });
    expect(changes(hourly, { name: "n", when: "every 2h", zone: "UTC" })).toEqual({ every: "2h" });
    expect(changes(hourly, { name: "n", when: "0 8 * * *", zone: "UTC" })).toEqual({
      cron: "0 8 * * *",
      time_zone: "UTC",
    });
    expect(changes(daily, { name: "", when: "0 9 * * *", zone: "UTC" })).toEqual({
      cron: "0 9 * * *",
      time_zone: "UTC",
    });
  });
});

describe("listed", () => {
  it("leaves out what ran once by hand", () => {
    const [kept, once] = [{ created_from_doc: null }, { created_from_doc: "__force_trigger__" }];
    expect(listed([kept, once])).toEqual([kept]);
  });
});

describe("words", () => {
  it("call a schedule by its name, else by its code", () => {
    expect(
      scheduleTitle({ id: "SP_1", name: "nightly", ats_code: "ix x", handler_name: null }),
    ).toBe("nightly");
    expect(
      scheduleTitle({ id: "SP_1", name: null, ats_code: "", handler_name: "shell.command" }),
    ).toBe("shell.command");
  });

  it("say why an execution ran", () => {
    expect(causeOf({ cause: "schedule" })).toBe("");
    expect(causeOf({ cause: "force" })).toBe("by hand");
  });

  it.each([
    [1, "100 %"],
    [0.999, "99 %"],
    [0, "0 %"],
    [0.5, "50 %"],
  ])("%d as %s", (share, text) => {
    expect(percent(share)).toBe(text);
  });
});
