/** First and last line of folded groups, so that folding a million lines does not read them: from the outline, else asked for. */
import { getLines } from "../api/jobs";
import type { Outline, StageSpan, TaskSpan } from "../api/types";
import { groupKey, spanOf, type Group } from "../model/log-rows";
import { noFilter } from "../model/route";

export type Range = readonly [number, number];

/** Smaller groups are read as they are. */
const WORTH_ASKING = 1000;
/** No attempt has as many lines. */
const BEYOND = 2 ** 32 - 1;

export class FoldRanges {
  readonly #known = new Map<string, Range | null>();

  constructor(
    private readonly jobId: string,
    private readonly attempt: number,
  ) {}

  /** Ranges of folded groups that hold no foreign line; those are the ones that can be jumped over. */
  async of(
    outline: Outline | null,
    folded: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<Range[]> {
    const groups = [...folded].map((key): Group => {
      const [stage, task] = key.split("\u0000");
      return { stage: stage ?? "", task: task ?? null };
    });
    const ranges = await Promise.all(
      groups.map((group) => this.#range(group, spanOf(outline, group), signal)),
    );
    return ranges.filter((range) => range !== null);
  }

  async #range(
    group: Group,
    span: StageSpan | TaskSpan | null,
    signal: AbortSignal,
  ): Promise<Range | null> {
    // A stage that still runs grows; its range would be out of date at once.
    if (!span || span.status === "running" || span.log_count < WORTH_ASKING) return null;
    const key = groupKey(group);
    if (!this.#known.has(key)) this.#known.set(key, await this.#ask(group, span, signal));
    return this.#known.get(key) ?? null;
  }

  async #ask(group: Group, span: StageSpan | TaskSpan, signal: AbortSignal): Promise<Range | null> {
    const [first, last] =
      span.first_seq && span.last_seq
        ? [span.first_seq, span.last_seq]
        : await Promise.all([
            this.#edge(group, { after: 0 }, signal),
            this.#edge(group, { before: BEYOND }, signal),
          ]);
    return first !== null && last !== null && last - first + 1 === span.log_count
      ? [first, last]
      : null;
  }

  async #edge(
    group: Group,
    at: { after: number } | { before: number },
    signal: AbortSignal,
  ): Promise<number | null> {
    const filter = { ...noFilter(), stage: group.stage, task: group.task };
    const page = await getLines(this.jobId, this.attempt, filter, { ...at, limit: 1 }, signal);
    return page.logs[0]?.id ?? null;
  }
}
