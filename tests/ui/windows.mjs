// Looks at many places of a job's log, under many filters, and says what is on the page there.
//
//   node windows.mjs URL JOB_ID PLAN
// PLAN is a file: [{"query": "stage=a&level=warn", "lines": [17, 20431, …]}, …]. Prints as JSON
//   {"trouble": [], "windows": [{"query", "asked", "matching", "rows": [{"seq", "level", "stage", "task", "message"}]}]}
// "rows" are all that are in the document around the line asked for, which the filter shows, or nothing.
import { readFileSync } from "node:fs";

import { open, run, settled } from "./browser.mjs";
import { WAIT_MS } from "./walk.mjs";

function readRows(elements) {
  return elements.map((row) => ({
    seq: Number(row.dataset.seq),
    level: row.dataset.level,
    stage: row.dataset.stage ?? null,
    task: row.dataset.task ?? null,
    message: row.querySelector("[data-message]").textContent,
  }));
}

/** Goes to a line as a link does, and waits until the log stands there. */
async function goTo(page, line) {
  await page.evaluate((to) => (location.hash = `#A1L${to}`), line);
  await page.waitForFunction(
    (to) => {
      if (document.querySelector("main .loading, main .skeleton")) return false;
      if (document.querySelector("[data-matching]").dataset.matching === "0") return true;
      return document.querySelector(`[data-seq="${to}"]`) !== null;
    },
    line,
    { timeout: WAIT_MS },
  );
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
}

async function main() {
  const [url, jobId, plan] = process.argv.slice(2);
  if (!plan) throw new Error("usage: node windows.mjs URL JOB_ID PLAN");
  const windows = [];
  let view = null;
  for (const { query, lines } of JSON.parse(readFileSync(plan, "utf8"))) {
    const address = `${url}/jobs/${jobId}?attempt=1&${query}`;
    if (view) {
      await view.page.goto(address);
      await settled(view.page);
    } else view = await open(address, { preferences: { headings: true } });
    const { page } = view;
    for (const line of lines) {
      await goTo(page, line).catch((error) => {
        throw new Error(`line ${line} under ?${query}: ${error.message}`);
      });
      const matching = await page.locator("[data-matching]").getAttribute("data-matching");
      windows.push({
        query,
        asked: line,
        matching: Number(matching),
        rows: await page.locator("[data-seq]").evaluateAll(readRows),
      });
    }
  }
  console.log(JSON.stringify({ trouble: view.trouble, windows }));
  await view.close();
}

run(import.meta.url, main);
