/** What scrolls in a view is, when one comes back to it, where it was when one left. */
import { navigation } from "./navigation.svelte";

const MOVES = ["wheel", "touchstart", "pointerdown", "keydown"] as const;

/** An attachment; `list` is what grows in the view by pages. */
export function keepsPlace(
  list: { items: readonly unknown[] } | null = null,
): (element: HTMLElement) => () => void {
  return (element) => {
    const forget = navigation.keep(() => ({
      top: element.scrollTop,
      items: list?.items.length ?? 0,
    }));
    const stop = restored(element, navigation.place?.top ?? 0);
    return () => {
      forget();
      stop();
    };
  };
}

/** Goes there as soon as there is enough content, unless the reader moves before that. */
function restored(element: HTMLElement, top: number): () => void {
  const observer = new MutationObserver(move);
  const stop = () => {
    observer.disconnect();
    for (const name of MOVES) window.removeEventListener(name, stop);
  };
  function move() {
    element.scrollTop = top;
    if (element.scrollTop >= top - 1) stop();
  }
  observer.observe(element, { childList: true, subtree: true });
  for (const name of MOVES) window.addEventListener(name, stop, { passive: true });
  move();
  return stop;
}
