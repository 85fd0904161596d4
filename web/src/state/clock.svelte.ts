/** The time of day, once a second, for everything that says "ago" or "so far". */

class Clock {
  /** Microseconds since the epoch. */
  now = $state(Date.now() * 1000);

  start(): void {
    setInterval(() => {
      if (document.visibilityState === "visible") this.now = Date.now() * 1000;
    }, 1000);
    document.addEventListener("visibilitychange", () => (this.now = Date.now() * 1000));
  }
}

export const clock = new Clock();
