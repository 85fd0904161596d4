/** What a person may do with a job or a schedule in its state. */
import type { Job } from "../api/types";

export type JobAction = "cancel" | "pause" | "resume" | "retry";

const ALLOWED: Record<Job["status"], readonly JobAction[]> = {
  queued: ["pause", "cancel"],
  running: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  failed: ["retry"],
  cancelled: ["retry"],
  completed: [],
};

/** Actions that make sense now; one that a running job was asked for already is not offered again. */
export function jobActions(
  job: Pick<Job, "status" | "stop_request" | "run_kind">,
): readonly JobAction[] {
  let allowed = ALLOWED[job.status] ?? [];
  if (job.run_kind === "command") allowed = allowed.filter((action) => action === "cancel");
  if (job.run_kind === "block") allowed = [];
  if (job.stop_request === null || job.status !== "running") return allowed;
  return job.stop_request === "cancel"
    ? []
    : allowed.filter((action) => action !== job.stop_request);
}

/** What is said once the server has agreed. */
export function agreed(action: JobAction, job: Pick<Job, "status">): string {
  if (job.status === "running")
    return action === "cancel" ? "Asked to stop; it ends as soon as it notices" : "Asked to pause";
  return {
    cancel: "Cancelled",
    pause: "Paused",
    resume: "On the queue again",
    retry: "On the queue for another attempt",
  }[action];
}
