/** One job as its page shows it: the row, its attempts and children, the outline of one attempt, all refreshed while the job is active. */
import { isAbort, sentence } from "../api/client";
import { getAttempts, getJob, getOutline, listChildren } from "../api/jobs";
import { Poller } from "../api/poller";
import type { Attempt, ChildPage, Counts, Job, Outline } from "../api/types";
import { isActive, isOver } from "../model/jobs";
import { emptyCounts } from "../model/levels";
import { parseUs } from "../model/time";
import { connection } from "./connection.svelte";

const FAST_MS = 1000;
const SLOW_MS = 5000;
const CHILDREN = 50;

export class JobRun {
  job = $state.raw<Job | null>(null);
  outline = $state.raw<Outline | null>(null);
  /** Why there is nothing to show. */
  error = $state.raw<unknown>(null);
  /** Why the tree is missing although the job is there. */
  outlineError = $state<string | null>(null);
  attempts = $state.raw<Attempt[]>([]);
  children = $state.raw<ChildPage | null>(null);
  #outlineMark = "";
  #outlineCost = 0;
  #poller = new Poller(() => this.#refresh());
  #abort = new AbortController();

  /** `attempt` null: the latest one. */
  constructor(
    readonly id: string,
    readonly wanted: number | null,
  ) {}

  /** The attempt that is shown. */
  get attempt(): number {
    return this.wanted ?? Math.max(1, this.job?.attempt ?? 1);
  }

  /** Lines may still arrive for the attempt that is shown. */
  get growing(): boolean {
    const job = this.job;
    if (!job || this.attempt < job.attempt) return false;
    return (
      !isOver(job) ||
      (job.receipt !== null &&
        (job.receipt.so_far || job.receipt.stored + job.receipt.lost < job.receipt.accepted))
    );
  }

  /** Microseconds since the epoch at which an attempt began, as far as it is known. */
  startOf(attempt: number): number | null {
    const known = this.attempts.find((one) => one.attempt === attempt)?.started_at;
    if (known) return parseUs(known);
    if (this.job?.attempt === attempt)
      return this.job.started_at ? parseUs(this.job.started_at) : null;
    const starts = (this.outline?.stages ?? []).map((stage) => parseUs(stage.started_at ?? ""));
    const said = starts.filter((us) => !Number.isNaN(us));
    return said.length > 0 ? Math.min(...said) : null;
  }

  /** Lines by level of the attempt that is shown; null while they are not known. */
  get counts(): Counts | null {
    if (this.outline?.attempt === this.attempt && this.outline.attempts.length > 1)
      return this.#countsOfOutline();
    return this.job && this.attempt === this.job.attempt && this.job.attempt <= 1
      ? this.job.counts
      : null;
  }

  #countsOfOutline(): Counts {
    const total = emptyCounts();
    for (const stage of this.outline?.stages ?? []) {
      for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += stage.counts[key];
    }
    return total;
  }

  start(): void {
    this.#poller.start();
  }

  stop(): void {
    this.#poller.stop();
    this.#abort.abort();
  }

  /** News of the job from the stream of its lines. */
  take(job: Job): void {
    if (job.id !== this.id || JSON.stringify(job) === JSON.stringify(this.job)) return;
    const over = isOver(job) && this.job !== null && !isOver(this.job);
    this.job = job;
    if (over) this.refresh();
  }

  refresh(): void {
    this.#poller.now();
  }

  async #refresh(): Promise<number | null> {
    try {
      const job = await getJob(this.id, this.#abort.signal);
      this.error = null;
      const first = this.job === null;
      if (JSON.stringify(job) !== JSON.stringify(this.job)) this.job = job;
      // The first lines are asked for before the tree, which may be large.
      if (first) await new Promise((done) => setTimeout(done));
      await this.#refreshOutline(job);
      connection.active = isActive(job);
    } catch (error) {
      if (isAbort(error)) return null;
      // What is on screen stays there while the server is away.
      if (!this.job) this.error = error;
      throw error;
    }
    if (!this.growing && this.job && isOver(this.job)) return null;
    return this.job && isActive(this.job) ? Math.max(FAST_MS, this.#outlineCost * 10) : SLOW_MS;
  }

  async #refreshOutline(job: Job): Promise<void> {
    const mark = `${this.attempt} ${job.status} ${job.attempt} ${job.counts.total} ${job.receipt?.stored ?? ""} ${job.completed_at ?? ""}`;
    if (mark === this.#outlineMark) return;
    const began = performance.now();
    try {
      this.outline = await getOutline(
        this.id,
        job.attempt === 0 ? null : this.attempt,
        this.#abort.signal,
      );
      this.outlineError = null;
      await this.#refreshKin(job);
      this.#outlineMark = mark;
    } catch (error) {
      if (isAbort(error)) throw error;
      this.outlineError = sentence(error);
    }
    this.#outlineCost = performance.now() - began;
  }

  /** Attempts where there are several, and children. */
  async #refreshKin(job: Job): Promise<void> {
    if (job.attempt > 1) this.attempts = await getAttempts(this.id, this.#abort.signal);
    const children = await listChildren(this.id, CHILDREN, null, this.#abort.signal);
    if (JSON.stringify(children) !== JSON.stringify(this.children)) this.children = children;
  }
}
