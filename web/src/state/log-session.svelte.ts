/** What the log view of one attempt under one filter knows and can do: lines, rows, folds, details, places to go. */
import { SvelteMap, SvelteSet } from "svelte/reactivity";

import { eventsPath, getMessage } from "../api/jobs";
import { liveLines, type LineSource } from "../api/live-lines";
import { sentence } from "../api/client";
import type { Level, Line } from "../api/types";
import { errorsOf } from "../model/levels";
import { buildRows, folding, groupKey, type Group, type Row } from "../model/log-rows";
import type { LogWindow } from "../model/log-window";
import { hides, type LineRange, type LogFilter } from "../model/route";
import { grouped } from "../model/numbers";
import { toggled } from "../model/toggled";
import { FoldRanges } from "./fold-ranges";
import { Finder } from "./finder.svelte";
import type { JobRun } from "./job-run.svelte";
import { LogFeed } from "./log-feed.svelte";
import { notices } from "./notices.svelte";
import { preferences } from "./preferences.svelte";

const SEVERE: ReadonlySet<Level> = new Set(["error", "critical"]);
const NONE: ReadonlySet<string> = new Set();

export type Align = "top" | "context" | "nearest";

/** A place that the list is to show; a new object each time, so that the same place can be asked for again. */
export interface Target {
  seq: number;
  align: Align;
}

export class LogSession {
  readonly feed: LogFeed;
  readonly hits: Finder | null;
  readonly errors: Finder;
  folded = $state.raw(NONE);
  expanded = new SvelteSet<number>();
  /** Whole messages that were asked for, or why they did not come. */
  messages = new SvelteMap<number, { text: string; whole: boolean; failed: boolean }>();
  target = $state.raw<Target | null>(null);
  /** The view is at the end and stays there. */
  pinned = $state(false);
  /** First and last line on the screen. */
  visible = $state.raw({ top: 0, bottom: 0 });
  /** Last line when the view left the end. */
  leftAt = $state(0);
  closed = false;
  /** The ranges of folded groups are being asked for. */
  learning = $state(false);
  #abort = new AbortController();
  /** Goes where one wanted to go last. */
  #again = () => this.goTo(1, "top");
  #ranges: FoldRanges;
  #live: LineSource;
  #built: {
    window: LogWindow;
    headings: boolean;
    folded: ReadonlySet<string>;
    rows: Row[];
  } | null = null;

  constructor(
    readonly run: JobRun,
    readonly attempt: number,
    readonly filter: LogFilter,
  ) {
    this.#ranges = new FoldRanges(run.id, attempt);
    this.feed = new LogFeed(run.id, attempt, filter);
    this.hits =
      filter.q === "" ? null : new Finder(run.id, attempt, { ...filter, searchMode: "filter" });
    this.errors = new Finder(run.id, attempt, { ...filter, q: "", levels: SEVERE });
    this.#live = liveLines({
      address: () => eventsPath(run.id, attempt, filter, this.feed.window.ceil),
      deliver: (lines) => this.feed.deliver(lines),
      growing: (lines) => (this.feed.growing = lines),
      job: (job) => run.take(job),
      broken: () => this.#refresh(),
      ended: () => this.#refresh(),
      pull: () => this.feed.pull(),
      pageLines: this.feed.livePage,
    });
  }

  /** Whoever tells of unfinished lines says nothing any more. */
  #refresh(): void {
    this.feed.growing = [];
    this.run.refresh();
  }

  /** Rows of the list. A memo, not a derived value: a session may be made inside an effect, and outlives it. */
  get rows(): Row[] {
    const { headings } = preferences;
    const { folded } = this;
    const { window } = this.feed;
    const known = this.#built;
    if (known && known.window === window && known.headings === headings && known.folded === folded)
      return known.rows;
    const rows = buildRows(window, { headings, folded, dense: !hides(this.filter) });
    this.#built = { window, headings, folded, rows };
    return rows;
  }

  close(): void {
    this.closed = true;
    this.#abort.abort();
    this.#live.stop();
    this.feed.close();
    this.hits?.close();
    this.errors.close();
  }

  /** New lines belong on the screen: the end of a growing log is there. */
  get watching(): boolean {
    return this.run.growing && this.pinned && this.feed.loaded && this.feed.pending === null;
  }

  watch(on: boolean): void {
    if (on) this.#live.start();
    else this.#live.stop();
  }

  /** The last lines of a run that has just ended. */
  async finish(): Promise<void> {
    if (this.feed.loaded && this.feed.pending === null)
      await this.feed.forward(this.feed.livePage).catch(() => null);
  }

  /** Opens where it matters: the linked line, else what was on screen, else the first error of a failed run, else the tail of a growing one. */
  async open(
    lines: LineRange | null,
    keep: { top: number; pinned: boolean } | null,
  ): Promise<void> {
    if (this.hits) void this.hits.load();
    if (lines && lines.attempt === this.attempt) return this.#openAt(lines.from);
    if (keep && !keep.pinned) return this.goTo(keep.top, "top");
    if (keep?.pinned || this.run.growing) return this.toEnd();
    const first = await this.#firstError();
    return first === null ? this.goTo(1, "top") : this.goTo(first, "context");
  }

  async #openAt(seq: number): Promise<void> {
    await this.goTo(seq, "context");
    const { window } = this.feed;
    if (window.lines.some((line) => line.id === seq) || this.closed || this.feed.error !== null)
      return;
    notices.say(
      hides(this.filter)
        ? `Line ${grouped(seq)} is hidden by the filters`
        : `Line ${grouped(seq)} is not stored, or not any more`,
    );
  }

  /** Knows the errors, for the marks on the scrollbar and for stepping. */
  loadErrors(): void {
    void this.errors.load();
  }

  /** The first error of the stage that failed, else of the run; null when the run is not one that failed. */
  async #firstError(): Promise<number | null> {
    const { job } = this.run;
    if (!job || this.filter.stage !== null) return null;
    const latest = job.attempt === this.attempt;
    if (latest && (job.status !== "failed" || errorsOf(job.counts) === 0)) return null;
    const stage = latest ? job.error_stage : null;
    if (stage !== null) {
      const there = new Finder(this.run.id, this.attempt, { ...this.errors.filter, stage });
      const found = await there.step(0, true);
      if (found !== null) return (this.errors.current = found);
    }
    return this.errors.step(0, true);
  }

  /** Keeps or leaves the end. */
  pin(pinned: boolean): void {
    if (this.pinned && !pinned) this.leftAt = this.feed.window.ceil;
    this.pinned = pinned;
  }

  see(top: number, bottom: number): void {
    if (this.visible.top !== top || this.visible.bottom !== bottom) this.visible = { top, bottom };
  }

  shows(seq: number): boolean {
    return seq >= this.visible.top && seq <= this.visible.bottom;
  }

  keepFolds(before: LogSession): void {
    this.#setFolded(before.folded, null);
  }

  async goTo(seq: number, align: Align): Promise<void> {
    this.#again = () => this.goTo(seq, align);
    this.pin(false);
    if (await this.feed.jump(Math.max(1, seq))) this.target = { seq, align };
  }

  async toEnd(): Promise<void> {
    this.#again = () => this.toEnd();
    if (await this.feed.toEnd()) this.pinned = true;
  }

  near(way: "forward" | "backward"): void {
    if (this.feed.error !== null || this.learning) return;
    void (way === "forward" ? this.feed.forward() : this.feed.backward()).catch(() => null);
  }

  /** After reading failed: to the place that was asked for, or on from where one is. */
  retry(): void {
    this.feed.error = null;
    if (this.hits?.error) void this.hits.load();
    if (!this.feed.loaded) void this.#again();
    else if (this.pinned) void this.toEnd();
    else void this.goTo(this.visible.top || 1, "top");
  }

  toggleFold(group: Group): void {
    const key = groupKey(group);
    this.#setFolded(toggled(this.folded, key), this.folded.has(key) ? key : null);
  }

  foldAll(stages: ReadonlySet<string>): void {
    this.#setFolded(stages, null);
    this.pinned = false;
  }

  unfoldAll(): void {
    const top = this.visible.top;
    this.#setFolded(NONE, null);
    if (this.feed.window.skipped.length > 0) void this.#reload(top);
  }

  #setFolded(folded: ReadonlySet<string>, opened: string | null): void {
    this.folded = folded;
    this.feed.fold(folded.size === 0 ? null : (line) => this.#foldOf(line));
    void this.#learnRanges();
    const missing = this.feed.window.skipped;
    if (opened !== null && missing.length > 0) void this.#reload(this.visible.top);
  }

  #foldOf(line: Line): string | null {
    const group = folding(line, this.folded);
    return group && groupKey(group);
  }

  /** Nothing more is read until it is known what can be jumped over. */
  async #learnRanges(): Promise<void> {
    const { folded } = this;
    this.learning = folded.size > 0;
    const ranges = await this.#ranges
      .of(this.run.outline, folded, this.#abort.signal)
      .catch(() => []);
    if (this.folded !== folded) return;
    this.feed.folded = ranges;
    this.learning = false;
  }

  /** Lines that were jumped over are wanted after all. */
  async #reload(seq: number): Promise<void> {
    this.feed.forget();
    await this.goTo(seq, "top");
  }

  toggleDetails(seq: number): void {
    if (!this.expanded.delete(seq)) this.expanded.add(seq);
  }

  async showAll(line: Line): Promise<void> {
    try {
      const { text, whole } = await getMessage(this.run.id, line.attempt, line.id);
      this.messages.set(line.id, { text, whole, failed: false });
    } catch (error) {
      this.messages.set(line.id, { text: sentence(error), whole: false, failed: true });
    }
  }

  /** The next or previous hit or error from the line in hand. */
  async step(finder: Finder | null, from: number, forward: boolean): Promise<number | null> {
    const found = (await finder?.step(from, forward)) ?? null;
    if (found !== null) await this.goTo(found, "context");
    return found;
  }
}
