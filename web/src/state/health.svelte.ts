/** What the server says somebody should look at; read now and then, whichever view is open. */
import { getSystem } from "../api/schedules";
import { Polled } from "./polled.svelte";

const FIRST_MS = 800;
const EVERY_MS = 20_000;

class Health {
  warnings = $state.raw<readonly string[]>([]);
  /** Warnings that the reader has put away; one that changes comes back. */
  hidden = $state.raw<ReadonlySet<string>>(new Set());
  readonly #polled = new Polled(
    async (signal) => {
      this.take((await getSystem(signal)).warnings);
      return null;
    },
    () => EVERY_MS,
  );

  /** For an effect. What the view shows comes first. */
  readonly watch = (): (() => void) => {
    let stop: (() => void) | undefined;
    const timer = setTimeout(() => (stop = this.#polled.watch()), FIRST_MS);
    return () => {
      clearTimeout(timer);
      stop?.();
    };
  };

  get shown(): string[] {
    return this.warnings.filter((text) => !this.hidden.has(text));
  }

  take(warnings: readonly string[] = []): void {
    if (JSON.stringify(warnings) !== JSON.stringify(this.warnings)) this.warnings = warnings;
  }

  hide(): void {
    this.hidden = new Set(this.warnings);
  }
}

export const health = new Health();
