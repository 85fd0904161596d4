/** Terminal colours that stay readable on our background: contrast is raised to at least 4.5:1 by moving towards white or black. */

export type Rgb = readonly [number, number, number];
export type Theme = "dark" | "light";

/** The row background that leaves the least contrast: that of a selected line (--selected). */
const BACKGROUND: Record<Theme, Rgb> = { dark: [22, 48, 76], light: [220, 235, 253] };
const READABLE = 4.5;
const cache = new Map<string, string>();

function channel(value: number): number {
  const part = value / 255;
  return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

/** Relative luminance by WCAG 2. */
export function luminance([r, g, b]: Rgb): number {
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
}

export function contrast(one: Rgb, other: Rgb): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** The nearest colour to `wanted` that can be read on `background`. */
export function readableOn(wanted: Rgb, background: Rgb): Rgb {
  const target = luminance(background) < 0.2 ? 255 : 0;
  for (let step = 0; step <= 20; step += 1) {
    const mixed = wanted.map((part) =>
      Math.round(part + ((target - part) * step) / 20),
    ) as unknown as Rgb;
    if (contrast(mixed, background) >= READABLE) return mixed;
  }
  return [target, target, target];
}

function parseRgb(text: string): Rgb | null {
  const parts = text.split(",").map(Number);
  if (parts.length !== 3 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255))
    return null;
  return parts as unknown as Rgb;
}

/** CSS colour for "r, g, b" as a foreground, on the theme's background or on `background` when one is set. */
export function foreground(rgb: string, theme: Theme, background: string | null): string | null {
  const key = `${theme}|${rgb}|${background ?? ""}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const wanted = parseRgb(rgb);
  if (!wanted) return null;
  const behind = (background && parseRgb(background)) || BACKGROUND[theme];
  const css = `rgb(${readableOn(wanted, behind).join(" ")})`;
  if (cache.size < 4096) cache.set(key, css);
  return css;
}

/** CSS background and a text colour that can be read on it. */
export function backgroundPair(rgb: string): { background: string; color: string } | null {
  const behind = parseRgb(rgb);
  if (!behind) return null;
  const color = contrast([255, 255, 255], behind) >= contrast([0, 0, 0], behind) ? "#fff" : "#000";
  return { background: `rgb(${behind.join(" ")})`, color };
}
