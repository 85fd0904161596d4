/** A message cut into pieces that become text nodes: colour runs (anser), visible marks, links, search hits. Never HTML. */
import Anser from "anser";

import { backgroundPair, foreground, type Theme } from "./colour";
import { hitsIn, type Hit, type Needle } from "./needle";
import { LINK_CLOSE, LINK_OPEN, LINK_TEXT, MARK_CLOSE, MARK_OPEN, readable } from "./plain-text";

export interface Piece {
  text: string;
  /** Space-separated class names for colour and decoration. */
  style: string;
  color: string | null;
  background: string | null;
  /** Absolute http or https address, or null. */
  href: string | null;
  /** A control character made visible. */
  mark: boolean;
  /** Part of a search hit. */
  hit: boolean;
}

// eslint-disable-next-line no-control-regex -- escape sequences are what is looked for
const SGR = /\u001b\[([0-9;:]*)m/g;
const FENCED = new RegExp(
  `${MARK_OPEN}([^${MARK_CLOSE}]*)${MARK_CLOSE}|${LINK_OPEN}([^${LINK_TEXT}]*)${LINK_TEXT}|${LINK_CLOSE}|([^${MARK_OPEN}${LINK_OPEN}${LINK_CLOSE}]+)`,
  "g",
);
const ADDRESS = /https?:\/\/[^\s<>"'`{}|\\^\uFDD0-\uFDD4]+/gi;
const DECORATIONS = new Set(["bold", "dim", "italic", "underline", "strikethrough"]);
const CUBE = [0, 95, 135, 175, 215, 255];

type Look = Pick<Piece, "style" | "color" | "background">;
const PLAIN: Look = { style: "", color: null, background: null };

/** Colours of the 256-colour palette from index 16: a cube of 6 × 6 × 6 and 24 greys. */
function paletteRgb(index: number): string {
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return `${grey}, ${grey}, ${grey}`;
  }
  const at = index - 16;
  return [Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6].map((step) => CUBE[step]).join(", ");
}

function rgbOf(name: string | null, trueColour: string | null): string | null {
  if (name === "ansi-truecolor") return trueColour;
  const palette = /^ansi-palette-(\d+)$/.exec(name ?? "");
  return palette ? paletteRgb(Number(palette[1])) : null;
}

function lookOf(entry: Anser.AnserJsonEntry, theme: Theme): Look {
  const decorations: string[] = entry.decorations;
  const classes = decorations.filter((name) => DECORATIONS.has(name)).map((name) => `d-${name}`);
  const reverse = decorations.includes("reverse");
  const [fg, bg] = reverse ? [entry.bg, entry.fg] : [entry.fg, entry.bg];
  const [fgTrue, bgTrue] = reverse
    ? [entry.bg_truecolor, entry.fg_truecolor]
    : [entry.fg_truecolor, entry.bg_truecolor];
  const [fgRgb, bgRgb] = [rgbOf(fg, fgTrue), rgbOf(bg, bgTrue)];
  if (fg && !fgRgb) classes.push(`f-${fg}`);
  if (bg && !bgRgb) classes.push(`b-${bg}`);
  if (reverse && !fg && !bg) classes.push("d-reverse");
  const pair = bgRgb ? backgroundPair(bgRgb) : null;
  const color = fgRgb ? foreground(fgRgb, theme, bgRgb) : (pair?.color ?? null);
  return { style: classes.join(" "), color, background: pair?.background ?? null };
}

/** Colon forms (`38:2::1:2:3`, `4:3`) in the semicolon form that anser reads. */
function semicolons(parameters: string): string {
  if (!parameters.includes(":")) return parameters;
  return parameters
    .split(";")
    .map((part) => {
      const numbers = part.split(":");
      const extended = numbers[0] === "38" || numbers[0] === "48";
      if (!extended) return numbers[0];
      return numbers[1] === "2"
        ? [numbers[0], "2", ...numbers.slice(-3)].join(";")
        : numbers.filter(Boolean).join(";");
    })
    .join(";");
}

function piece(text: string, look: Look, href: string | null = null, mark = false): Piece {
  return { text, ...look, href, mark, hit: false };
}

/** The address when it is one that may be opened, else null. */
export function safeHref(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

/** An address found in prose, without the punctuation that follows it. */
function trimmed(found: string): string {
  let text = found.replace(/[.,;:!?*_~]+$/, "");
  for (const [open, close] of [
    ["(", ")"],
    ["[", "]"],
  ] as const) {
    while (text.endsWith(close) && text.split(open).length < text.split(close).length)
      text = text.slice(0, -1);
  }
  return text.replace(/[.,;:!?]+$/, "");
}

/** Shown after a link whose text hides where it leads: the host in its ASCII form. */
function hostNote(text: string, href: string): string {
  const host = new URL(href).host;
  return text.toLowerCase().includes(host) ? "" : ` (${host})`;
}

function pushLinked(out: Piece[], text: string, look: Look): void {
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const found = trimmed(match[0]);
    const href = safeHref(found);
    if (!href) continue;
    if (match.index > end) out.push(piece(text.slice(end, match.index), look));
    out.push(piece(found + hostNote(found, href), look, href));
    end = match.index + found.length;
  }
  if (end < text.length) out.push(piece(text.slice(end), look));
}

function pushFenced(out: Piece[], text: string, look: Look, link: { href: string | null }): void {
  for (const [whole, mark, target, plain] of text.matchAll(FENCED)) {
    if (mark !== undefined) out.push(piece(mark, look, null, true));
    else if (target !== undefined) link.href = safeHref(target);
    else if (whole === LINK_CLOSE) link.href = null;
    else if (link.href) out.push(piece(plain! + hostNote(plain!, link.href), look, link.href));
    else pushLinked(out, plain!, look);
  }
}

/** Pieces of a message in reading order. */
export function pieces(message: string, theme: Theme, raw = false): Piece[] {
  const text = readable(message, raw);
  const out: Piece[] = [];
  const link = { href: null };
  const terminal = text.includes("\u001b[") ? new Anser() : null;
  let look = PLAIN;
  let end = 0;
  if (terminal) {
    for (const match of text.matchAll(SGR)) {
      pushFenced(out, text.slice(end, match.index), look, link);
      look = lookOf(
        terminal.processChunkJson(
          `${semicolons(match[1]!)}m`,
          { use_classes: true, json: true },
          true,
        ),
        theme,
      );
      end = match.index + match[0].length;
    }
  }
  pushFenced(out, text.slice(end), look, link);
  return out;
}

/** The same pieces with every place of the needle marked as a hit, also across colours. */
export function withHits(all: Piece[], needle: Needle): Piece[] {
  if (needle.text === "") return all;
  const hits = hitsIn(all.map((part) => part.text).join(""), needle);
  return hits.length === 0 ? all : cut(all, hits);
}

function cut(all: Piece[], hits: readonly Hit[]): Piece[] {
  const out: Piece[] = [];
  let base = 0;
  let next = 0;
  for (const part of all) {
    const stop = base + part.text.length;
    let at = base;
    while (at < stop) {
      while (next < hits.length && hits[next]![1] <= at) next += 1;
      const [from, to] = hits[next] ?? [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      const inside = from <= at;
      const until = Math.min(stop, inside ? to : from);
      out.push({ ...part, text: part.text.slice(at - base, until - base), hit: inside });
      at = until;
    }
    base = stop;
  }
  return out;
}
