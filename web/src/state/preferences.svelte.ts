/** What a person chose, kept in this browser: theme, time column, wrapping, headings, histogram, single-key shortcuts, width of the left pane. */
import type { Theme } from "../model/colour";
import { TIME_MODES, type TimeMode } from "../model/time";

export type ThemeChoice = Theme | "system";
const THEMES: readonly ThemeChoice[] = ["dark", "light", "system"];
const KEY = "qntx.pulse";

interface Stored {
  theme?: unknown;
  time?: unknown;
  wrap?: unknown;
  headings?: unknown;
  histogram?: unknown;
  singleKeys?: unknown;
  pane?: unknown;
}

function read(): Stored {
  try {
    return (JSON.parse(localStorage.getItem(KEY) ?? "{}") as Stored | null) ?? {};
  } catch {
    return {};
  }
}

function oneOf<T>(value: unknown, allowed: readonly T[], otherwise: T): T {
  return allowed.includes(value as T) ? (value as T) : otherwise;
}

class Preferences {
  #stored = read();
  #system = window.matchMedia("(prefers-color-scheme: light)");
  #systemLight = $state(this.#system.matches);
  theme = $state<ThemeChoice>(oneOf(this.#stored.theme, THEMES, "dark"));
  time = $state<TimeMode>(oneOf(this.#stored.time, TIME_MODES, "local"));
  wrap = $state(this.#stored.wrap === true);
  headings = $state(this.#stored.headings !== false);
  histogram = $state(this.#stored.histogram !== false);
  /** A letter, digit or sign alone is a shortcut. */
  singleKeys = $state(this.#stored.singleKeys !== false);
  /** Share of the width that the left pane takes. */
  pane = $state(
    typeof this.#stored.pane === "number" ? Math.min(0.7, Math.max(0.2, this.#stored.pane)) : 0.36,
  );

  /** The theme that is really shown. */
  get shown(): Theme {
    return this.theme === "system" ? (this.#systemLight ? "light" : "dark") : this.theme;
  }

  start(): void {
    this.#system.addEventListener("change", (event) => (this.#systemLight = event.matches));
    $effect.root(() => {
      $effect(() => {
        document.documentElement.dataset.theme = this.shown;
      });
      $effect(() => this.#save());
    });
  }

  nextTheme(): void {
    this.theme = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length]!;
  }

  #save(): void {
    const { theme, time, wrap, headings, histogram, singleKeys, pane } = this;
    try {
      localStorage.setItem(
        KEY,
        JSON.stringify({ theme, time, wrap, headings, histogram, singleKeys, pane }),
      );
    } catch {
      // Private windows may refuse; the choice then lasts as long as the page.
    }
  }
}

export const preferences = new Preferences();
