// Walks through a job's page with the keyboard alone, and says what did not work.
//
//   node keys.mjs URL JOB_ID [FLOW…]
// prints {"flow": {"passed": […], "failed": […], "trouble": […]}} as JSON; ends with 1 when anything failed. JOB_ID is a finished job
// with at least two stages and 20 lines.
import { violations } from "./axe.mjs";
import { run, settled } from "./browser.mjs";
import { holds, named, report, still, until, walk } from "./walk.mjs";

const helpOpen = (page) => page.locator("dialog[open]").count();
const timeMode = (page) => page.getByRole("button", { name: /^Time: / }).getAttribute("aria-label");

/** Shortcuts of a single key are turned off and on in the help; what is no letter, digit or sign goes on working. */
async function singleKeys({ page, check }) {
  const state = async () => [
    new URL(page.url()).pathname,
    await timeMode(page),
    await helpOpen(page),
    await page.evaluate(() => document.activeElement.id),
  ];
  const toggle = () =>
    page.getByRole("checkbox", { name: "Letters, digits and signs alone are shortcuts" });
  await check("the help turns them off", async () => {
    await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
    const faults = await violations(page);
    await toggle().uncheck();
    await page.keyboard.press("Escape");
    await until(page, () => !document.querySelector("dialog[open]"));
    if (faults.length > 0) throw new Error(`axe: ${JSON.stringify(faults)}`);
  });
  await check("then none of them does anything, also after a reload", async () => {
    await page.reload();
    await settled(page);
    const before = await still(state);
    for (const key of ["t", "2", "u", "/", "?"]) await page.keyboard.press(key);
    return JSON.stringify(await still(state)) === JSON.stringify(before);
  });
  await check("other keys still move in the log", async () => {
    await page.keyboard.press("End");
    await until(page, () => {
      const last = document.querySelector("[data-matching]").dataset.matching;
      const row = document.querySelector(`[data-seq="${last}"]`);
      return (
        row &&
        row.getBoundingClientRect().top <
          document.querySelector(".viewport").getBoundingClientRect().bottom
      );
    });
  });
  await check("the page behind the help stays", async () => {
    await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
    await toggle().check();
    const before = await still(state);
    for (const key of ["2", "u", "t"]) await page.keyboard.press(key);
    const after = await still(state);
    await toggle().uncheck();
    await page.keyboard.press("Escape");
    return JSON.stringify(after) === JSON.stringify(before);
  });
  await check("the help is behind its button, and turns them on again", async () => {
    await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
    await toggle().check();
    await page.keyboard.press("Escape");
    await until(page, () => !document.querySelector("dialog[open]"));
    const before = await timeMode(page);
    await page.keyboard.press("t");
    return holds(async () => (await timeMode(page)) !== before);
  });
}

/** Tab leads through the page in a few steps, however many rows the timeline has; arrows walk over those. */
async function tabbing({ page, check }) {
  const inTimeline = () =>
    page.evaluate(() =>
      Number(document.activeElement.closest("[data-index]")?.dataset.index ?? -1),
    );
  await page.locator("[data-index]").nth(3).waitFor();
  await check("the link to the content leads past the header", async () => {
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await until(page, () => document.activeElement.id === "main" && location.hash === "");
  });
  await check("Tab stops once in the timeline, and reaches the log", async () => {
    const stops = [];
    for (
      let step = 0;
      step < 40 && !(await page.evaluate(() => document.activeElement.id === "log-find"));
      step += 1
    ) {
      await page.keyboard.press("Tab");
      stops.push(await inTimeline());
    }
    return stops.length < 40 && stops.filter((index) => index >= 0).length === 1;
  });
  await check("arrows walk over its rows, and Tab comes back to the last of them", async () => {
    await page.locator("[data-index='0'] button.name").focus();
    for (const wanted of [1, 2]) {
      await page.keyboard.press("ArrowDown");
      if (!(await holds(async () => (await inTimeline()) === wanted))) return false;
    }
    await page.keyboard.press("Tab");
    await page.keyboard.press("Shift+Tab");
    return (await inTimeline()) === 2;
  });
}

/** Ctrl+F finds in all lines, and once there is left to the browser; Enter belongs to the line that the keys walked to. */
async function finding({ page, check }) {
  await page.locator("[data-seq]").first().waitFor();
  await check("Ctrl+F leads to the field, a second one is the browser's", async () => {
    await page.evaluate(() => {
      window.taken = [];
      window.addEventListener(
        "keydown",
        (event) => event.key === "f" && window.taken.push(event.defaultPrevented),
      );
    });
    await page.keyboard.press("Control+f");
    await until(page, () => document.activeElement.id === "log-find");
    await page.keyboard.press("Control+f");
    return holds(() => page.evaluate(() => window.taken.join() === "true,false"));
  });
  await check("Enter opens the line that was walked to, whatever was pressed before", async () => {
    const wrap = page.getByRole("button", { name: "Wrap long lines" });
    await wrap.click();
    await page.keyboard.press("j");
    await until(page, () => document.querySelector("[data-seq].selected"));
    await page.keyboard.press("Enter");
    await page.locator("[data-seq].selected .details").waitFor();
    return (await wrap.getAttribute("aria-pressed")) === "true";
  });
}

const FLOWS = { singleKeys, tabbing, finding };

async function main() {
  const [url, jobId, ...names] = process.argv.slice(2);
  if (!jobId) throw new Error("usage: node keys.mjs URL JOB_ID [FLOW…]");
  const flows = Object.fromEntries(
    Object.entries(FLOWS).map(([name, go]) => [
      name,
      { path: `/jobs/${encodeURIComponent(jobId)}`, go },
    ]),
  );
  report(
    await walk(
      url.replace(/\/$/, ""),
      named(flows, names.length > 0 ? names : Object.keys(FLOWS)),
      { jobId },
    ),
  );
}

run(import.meta.url, main);
