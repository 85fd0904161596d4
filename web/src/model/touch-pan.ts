/** A finger that drags a list, with momentum after it lets go. */

const SLOP_PX = 8;
const SLOWDOWN_PER_MS = 0.997;
const REST = 0.02;

export class TouchPan {
  #last: { y: number; at: number } | null = null;
  #moved = 0;
  #speed = 0;
  #frame = 0;

  /** `move` is told pixels, positive when the content goes up. */
  constructor(private readonly move: (pixels: number) => void) {}

  down(event: PointerEvent): void {
    cancelAnimationFrame(this.#frame);
    if (event.pointerType !== "touch" || !event.isPrimary) return;
    this.#last = { y: event.clientY, at: event.timeStamp };
    this.#moved = 0;
    this.#speed = 0;
  }

  moveTo(y: number, at: number): void {
    if (!this.#last) return;
    const pixels = this.#last.y - y;
    this.#moved += Math.abs(pixels);
    if (this.#moved < SLOP_PX) return;
    const passed = Math.max(1, at - this.#last.at);
    this.#speed = 0.6 * (pixels / passed) + 0.4 * this.#speed;
    this.#last = { y, at };
    this.move(pixels);
  }

  up(event: PointerEvent): void {
    if (!this.#last || event.pointerType !== "touch") return;
    const held = event.timeStamp - this.#last.at > 80;
    this.#last = null;
    if (!held && this.#moved >= SLOP_PX) this.#glide(performance.now());
  }

  #glide(before: number): void {
    this.#frame = requestAnimationFrame((now) => {
      const passed = Math.max(0, now - before);
      this.#speed *= SLOWDOWN_PER_MS ** passed;
      if (Math.abs(this.#speed) < REST) return;
      this.move(this.#speed * passed);
      this.#glide(now);
    });
  }
}
