// Opens windows of a job's log and reads off the lines that are there.
//
//   node log_kinds.mjs URL FILE
// FILE holds {"windows": [{"path", "fresh", "total", "wanted", "keys"}]} as JSON: each is opened (from another view when it is to be
// "fresh", else from the window before, as the back button does), waited for until it says that "total" lines match
// and line "wanted" (null: none) is there, then read; after each of "keys" it is read again. Or {"live": {"path", "seed", "filters", "lookedAt"}}: a
// job that runs is looked at in random ways until it is over; "lookedAt" is made when that begins. Prints {"reads": [{"path", "after", "matching", "gaps", "lines":
// [[seq, attempt, level, stage, task, text, on the screen]…]}], "trouble": […]} as JSON; ends with 1 when there was any trouble.
import { readFileSync, writeFileSync } from "node:fs";

import { open, run, settled } from "./browser.mjs";
import { ask, WAIT_MS } from "./walk.mjs";

const FRAMES_MS = 60;

/** What the log shows now, in one look. */
function read() {
  const viewport = document.querySelector(".viewport");
  if (viewport === null) return { matching: null, gaps: 0, lines: [], busy: true };
  const view = viewport.getBoundingClientRect();
  const lines = [...document.querySelectorAll(".viewport [data-seq]")].map((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    const { seq, attempt, level, stage, task } = row.dataset;
    const seen = bottom > view.top + 1 && top < view.bottom - 1;
    return [
      Number(seq),
      Number(attempt),
      level,
      stage ?? null,
      task ?? null,
      row.querySelector("[data-message]").textContent,
      seen,
    ];
  });
  const matching = document.querySelector("[data-matching]").dataset.matching;
  const gaps = document.querySelectorAll(".viewport [data-gap]").length;
  return {
    matching: matching === "" ? null : Number(matching),
    gaps,
    lines,
    busy: document.querySelector(".body .skeleton") !== null,
  };
}

/** Follows a link of the UI without loading it anew. */
async function go(page, path) {
  await page.evaluate((to) => {
    history.pushState(null, "", to);
    dispatchEvent(new PopStateEvent("popstate"));
  }, path);
}

/** Reads until what is shown is what was asked for, or patience is at its end. */
async function readWhen(page, enough) {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const now = await page.evaluate(read);
    if ((!now.busy && enough(now)) || Date.now() > deadline) return now;
    await page.waitForTimeout(15);
  }
}

/** Reads once nothing moves any more. */
async function readStill(page) {
  let before = null;
  return readWhen(page, (now) => {
    const place = JSON.stringify(now.lines.map(([seq, , , , , , seen]) => [seq, seen]));
    const still = place === before;
    before = place;
    return still;
  });
}

async function readWindow(page, { path, fresh, total, wanted, keys }, reads) {
  if (fresh) await go(page, "/nowhere");
  await go(page, path);
  const there = ({ matching, lines }) =>
    matching === total &&
    (wanted === null
      ? total === 0 || lines.length > 0
      : lines.some(([seq, , , , , , seen]) => seq === wanted && seen));
  const keep = (after, { matching, gaps, lines }) =>
    reads.push({ path, after, matching, gaps, lines });
  keep(null, await readWhen(page, there));
  for (const key of total > 0 ? keys : []) {
    if (key.startsWith("scroll ")) {
      const box = await page.locator(".track").boundingBox();
      await page.mouse.click(
        box.x + box.width / 2,
        box.y + 2 + (box.height - 4) * Number(key.slice(7)),
      );
    } else {
      await page.locator(".viewport").focus();
      await page.keyboard.press(key);
    }
    await page.waitForTimeout(FRAMES_MS);
    keep(key, await readStill(page));
  }
}

/** A sequence of numbers from 0 to 1 that a seed gives (mulberry32). */
function diceOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const over = (page) =>
  page.evaluate(
    () =>
      !["running", "queued"].includes(
        document.querySelector("header [data-status]")?.dataset.status ?? "running",
      ),
  );

/** How many lines the server has for a query of the UI, now. */
async function countOf(page, path, query) {
  const wanted = new URLSearchParams(query);
  wanted.delete("find");
  return (await ask(page, "GET", `/api/pulse${path}/logs?limit=1&attempt=1&${wanted}`)).total_count;
}

/** Looks at a job that runs: follows it, scrolls, jumps, filters, in an order that the seed gives. */
async function readLive(page, { path, seed, filters, lookedAt }, reads) {
  writeFileSync(lookedAt, "");
  const dice = diceOf(seed);
  const pick = (list) => list[Math.floor(dice() * list.length)];
  const keys = ["End", "Home", "PageUp", "PageDown", "ArrowUp", "Shift+G", "g", "f"];
  let query = "";
  while (!(await over(page))) {
    const chance = dice();
    const last = await page.evaluate(() =>
      Number([...document.querySelectorAll("[data-seq]")].at(-1)?.dataset.seq ?? 1),
    );
    if (chance < 0.15) await go(page, path + (query = pick(filters)));
    else if (chance < 0.3) await go(page, `${path}${query}#A1L${1 + Math.floor(dice() * last)}`);
    else {
      await page.locator(".viewport").focus();
      await page.keyboard.press(pick(keys));
    }
    for (let look = 0; look < 4; look += 1) {
      await page.waitForTimeout(dice() * 60);
      const { matching, gaps, lines } = await page.evaluate(read);
      reads.push({
        path: query,
        after: "live",
        matching,
        gaps,
        lines,
        there: await countOf(page, path, query),
      });
    }
  }
  await go(page, path);
  await page.locator(".viewport").focus();
  await page.keyboard.press("End");
  await page.waitForTimeout(1000);
  const { matching, gaps, lines } = await readStill(page);
  reads.push({ path: "", after: "the end", matching, gaps, lines });
}

async function main() {
  const [url, file] = process.argv.slice(2);
  if (!file) throw new Error("usage: node log_kinds.mjs URL FILE");
  const { windows = [], live = null } = JSON.parse(readFileSync(file, "utf8"));
  const { page, trouble, close } = await open(url + (live?.path ?? windows[0].path), {
    width: 1300,
    height: 600,
  });
  await settled(page);
  await page.locator(".viewport").waitFor({ timeout: WAIT_MS });
  const reads = [];
  for (const window of windows) await readWindow(page, window, reads);
  if (live) await readLive(page, live, reads);
  await close();
  console.log(JSON.stringify({ reads, trouble }));
  process.exitCode = trouble.length === 0 ? 0 : 1;
}

run(import.meta.url, main);
