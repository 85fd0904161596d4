/** Schedules as a person writes and reads them: intervals, cron texts, causes, rates. */
import type { Execution, NewSchedule, Schedule, ScheduleChange } from "../api/types";

export const PRESETS = ["15m", "30m", "1h", "6h", "12h", "24h"] as const;

/** Code that says itself when it runs. */
const TIMED = /(^|\s)--(every|cron|at)(\s|=|$)/;

/** What is missing before the server can be asked; null: nothing. */
export function missingTiming(code: string, when: string): string | null {
  return when.trim() === "" && !TIMED.test(code)
    ? "Say how often: 6h, or five fields of cron such as 0 9 * * 1-5."
    : null;
}

/**
 * What the server is asked for, from ATS code and the text that says when: "6h", "every 6h", or five fields of cron, which are meant
 * in the reader's time zone. Code that says when itself (`--every 6h`) goes as it is. What cannot be used is the server's to say.
 */
export function newSchedule(code: string, when: string, zone: string): NewSchedule {
  const ats_code = code.trim();
  const text = when.trim();
  if (text === "" || TIMED.test(ats_code)) return { ats_code };
  if (text.split(/\s+/).length >= 5) return { ats_code, cron: text, time_zone: zone };
  return { ats_code, every: text.replace(/^every\s+/, "") };
}

/** The text that says when, as it can be typed: "6h", "0 9 * * 1-5". */
export function whenOf(schedule: Pick<Schedule, "timing" | "cron">): string {
  return schedule.cron ?? schedule.timing.replace(/^every /, "");
}

/** What has to change so that the schedule is as wanted; nothing when it is already. */
export function changes(
  schedule: Pick<Schedule, "timing" | "cron" | "name" | "time_zone">,
  wanted: { name: string; when: string; zone: string },
): ScheduleChange {
  const found: ScheduleChange = {};
  const name = wanted.name.trim();
  if (name !== (schedule.name ?? "")) found.name = name === "" ? null : name;
  const { every, cron } = newSchedule("", wanted.when, wanted.zone.trim());
  const zoned = cron && wanted.zone.trim() !== schedule.time_zone;
  if (wanted.when.trim() === whenOf(schedule) && !zoned) return found;
  if (every) found.every = every;
  if (cron) Object.assign(found, { cron, time_zone: wanted.zone.trim() });
  return found;
}

/** Without those that the server keeps only because something was run once by hand. */
export function listed<T extends Pick<Schedule, "created_from_doc">>(schedules: readonly T[]): T[] {
  return schedules.filter((schedule) => schedule.created_from_doc !== "__force_trigger__");
}

export function scheduleTitle(
  schedule: Pick<Schedule, "name" | "ats_code" | "handler_name" | "id">,
): string {
  return schedule.name || schedule.ats_code || schedule.handler_name || schedule.id;
}

const CAUSE: Record<Execution["cause"], string> = {
  schedule: "",
  catch_up: "caught up",
  force: "by hand",
  rerun: "run again",
};

export function causeOf(execution: Pick<Execution, "cause">): string {
  return CAUSE[execution.cause] ?? execution.cause;
}

/** 0.983 → 98 %; never 100 % unless all went well. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100);
  return `${share < 1 && rounded === 100 ? 99 : rounded} %`;
}
