/** Whether the server answers, and whether the page is watching something that changes. */
import { onReachability } from "../api/client";

export type Watching = "live" | "idle" | "hidden";

class Connection {
  reachable = $state(true);
  /** The server wants a login. */
  loggedOut = $state(false);
  /** Something on the page is active, so it is refreshed by itself. */
  active = $state(false);
  #hidden = $state(document.visibilityState === "hidden");

  get watching(): Watching {
    return this.#hidden ? "hidden" : this.active ? "live" : "idle";
  }

  start(): void {
    onReachability((reachable, may) => {
      this.reachable = reachable;
      if (may !== null) this.loggedOut = !may;
    });
    document.addEventListener(
      "visibilitychange",
      () => (this.#hidden = document.visibilityState === "hidden"),
    );
  }
}

export const connection = new Connection();
