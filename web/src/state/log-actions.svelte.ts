/** What a person does with lines: select, step, copy, link. The selection lives in the address. */
import { getLines } from "../api/jobs";
import type { Line } from "../api/types";
import { linesAsText } from "../model/copying";
import type { Row } from "../model/log-rows";
import { plural } from "../model/numbers";
import { formatRoute, type LineRange, type LogFilter, type Route } from "../model/route";
import type { LogSession } from "./log-session.svelte";
import { navigation } from "./navigation.svelte";
import { notices } from "./notices.svelte";

type JobRoute = Extract<Route, { view: "job" }>;
const MOST_COPIED = 100_000;
const COPY_PAGE = 1000;

export class LogActions {
  /** Line that was selected here last, so that the address is not followed back to it. */
  lastSelected = 0;

  constructor(
    private readonly route: () => JobRoute,
    private readonly session: () => LogSession,
  ) {}

  /** The selected lines of the attempt that is shown. */
  get lines(): LineRange | null {
    const lines = this.route().lines;
    return lines?.attempt === this.session().attempt ? lines : null;
  }

  setFilter(filter: LogFilter, replace = false): void {
    navigation.go({ ...this.route(), filter }, replace);
  }

  select(from: number, to = from): void {
    this.lastSelected = to;
    navigation.go({ ...this.route(), lines: { attempt: this.session().attempt, from, to } }, true);
  }

  deselect(): void {
    navigation.go({ ...this.route(), lines: null }, true);
  }

  /** A click on a line number; with Shift, everything between it and the selection. */
  choose(seq: number, extend: boolean): void {
    const lines = this.lines;
    if (this.session().run.growing) this.session().pin(false);
    if (extend && lines) this.select(Math.min(lines.from, seq), Math.max(lines.to, seq));
    else if (lines?.from === seq && lines.to === seq) this.deselect();
    else this.select(seq);
  }

  /** The next hit or error after the selected line, else after what is on the screen. */
  async step(kind: "hits" | "errors", forward: boolean, fromTop = false): Promise<void> {
    const session = this.session();
    const { top, bottom } = session.visible;
    const from = fromTop ? top - 1 : (this.lines?.to ?? (forward ? top - 1 : bottom + 1));
    const found = await session.step(session[kind], from, forward);
    if (found !== null) this.select(found);
    else if (!fromTop) notices.say(kind === "errors" ? "No error among these lines" : "No hit");
  }

  /** From the selected line, else from the first one on the screen, to its neighbour. */
  async moveSelection(by: 1 | -1): Promise<void> {
    const session = this.session();
    const shown = session.rows.filter(
      (row): row is Extract<Row, { kind: "line" }> => row.kind === "line",
    );
    const here = this.lines?.to ?? null;
    const at =
      here === null
        ? shown.findIndex((row) => row.seq >= session.visible.top)
        : shown.findIndex((row) => row.seq >= here) + by;
    const next = shown[at];
    if (!next) return;
    this.select(next.seq);
    await session.goTo(next.seq, "nearest");
  }

  /** The selected lines, else those on the screen, also when they are not all in memory. */
  async copy(): Promise<void> {
    const { run, attempt, filter, visible } = this.session();
    const range = this.lines ?? { from: visible.top, to: visible.bottom };
    const found: Line[] = [];
    for (let after = range.from - 1; after < range.to && found.length < MOST_COPIED;) {
      const page = await getLines(
        run.id,
        attempt,
        filter,
        { after, limit: Math.min(COPY_PAGE, range.to - after) },
        null,
      );
      if (page.logs.length === 0) break;
      found.push(...page.logs.filter((line) => line.id <= range.to));
      after = page.logs.at(-1)!.id;
    }
    await notices.copy(linesAsText(found), plural(found.length, "line"));
  }

  async link(): Promise<void> {
    const { attempt, visible } = this.session();
    const lines = this.lines ?? {
      attempt,
      from: Math.max(1, visible.top),
      to: Math.max(1, visible.top),
    };
    await notices.copy(
      location.origin + formatRoute({ ...this.route(), lines }),
      "a link to the selection",
    );
  }
}
