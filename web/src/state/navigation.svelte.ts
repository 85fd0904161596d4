/** The address bar: the current route, moves with and without a new history entry, and links of our own. */
import { formatRoute, parseRoute, type Route } from "../model/route";

/** How far a view was scrolled, and how long its list was, when it was left by a link. */
export interface Place {
  top: number;
  items: number;
}

class Navigation {
  route = $state.raw<Route>(parseRoute(new URL(window.location.href)));
  /** Where one was at this entry of the history; null: one has not been there. */
  place = history.state as Place | null;
  #left: (() => Place) | null = null;

  #href = window.location.href;

  start(): void {
    window.addEventListener("popstate", () => this.#read());
    window.addEventListener("hashchange", () => this.#read());
    document.addEventListener("click", (event) => this.#onClick(event));
  }

  /** Shows another route; `replace` leaves no entry to go back to (filters, selections). */
  go(route: Route, replace = false): void {
    const target = formatRoute(route);
    if (target === location.pathname + location.search + location.hash) return;
    if (replace) history.replaceState(history.state, "", target);
    else this.#push(target);
    this.#href = location.href;
    this.place = history.state as Place | null;
    this.route = route;
  }

  open(path: string): void {
    if (path === location.pathname + location.search + location.hash) return;
    this.#push(path);
    this.#read();
  }

  /** What tells the place when the view is left; gives what takes it back. */
  keep(left: () => Place): () => void {
    this.#left = left;
    return () => {
      if (this.#left === left) this.#left = null;
    };
  }

  #push(target: string): void {
    if (this.#left) history.replaceState(this.#left(), "");
    history.pushState(null, "", target);
  }

  /** A changed hash is told twice, as `popstate` and as `hashchange`. */
  #read(): void {
    if (location.href === this.#href) return;
    this.#href = location.href;
    this.place = history.state as Place | null;
    this.route = parseRoute(new URL(window.location.href));
  }

  #onClick(event: MouseEvent): void {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin)
      return;
    if (parseRoute(new URL(link.href)).view === "missing") return;
    event.preventDefault();
    this.open(link.pathname + link.search + link.hash);
  }
}

export const navigation = new Navigation();
