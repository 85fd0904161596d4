/** Why a job does not run, and what makes it go on, in a sentence for the head of its page. */
import type { Job } from "../api/types";

/** What the server notes about a job that is held. */
interface Held {
  waiting_for?: unknown;
  waits_for?: unknown;
  pause_reason?: unknown;
  message?: unknown;
}

function heldOf(job: Pick<Job, "pulse_state">): Held {
  const state = job.pulse_state;
  return state !== null && typeof state === "object" && !Array.isArray(state) ? state : {};
}

/** null: there is nothing to explain. When a queued job has a time to start at, that is told besides. */
export function whyNotRunning(
  job: Pick<Job, "status" | "stop_request" | "pulse_state">,
): string | null {
  const { waiting_for, waits_for, pause_reason, message } = heldOf(job);
  const held =
    typeof message === "string" && pause_reason !== "user_requested"
      ? `Held: ${message.replace(/^waits: /, "")}.`
      : null;
  if (job.status === "queued") return held ?? "Waiting for a worker.";
  if (job.status === "cancelled")
    return "Cancelled before it was done; every line up to then is below.";
  if (job.status !== "paused") return null;
  const then =
    job.stop_request === "pause"
      ? "It stays paused when they are over, until it is resumed."
      : "It goes on when they are over.";
  if (waiting_for === "children") return `Waiting for the jobs that it enqueued. ${then}`;
  if (waits_for)
    return `Waiting for ${[waits_for].flat().map(String).join(", ")}, fired before it by the same schedule.`;
  return held ?? "Paused. It goes on when it is resumed.";
}
