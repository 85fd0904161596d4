/** Where the head of every page leads to: applications of the server add to it. */
import { listPages } from "../api/pages";
import { placesWith } from "../model/route";

class Places {
  all = $state.raw(placesWith([]));
  #asked = false;

  /** Asks the server, once it answers; what it has does not change while it runs. */
  async load(): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    try {
      this.all = placesWith(await listPages());
    } catch {
      this.#asked = false; // whoever sees that the server answers again asks again
    }
  }
}

export const places = new Places();
