// Reads the stage → task → lines tree of a job off its page as a person would: opens every stage, clicks every task, scrolls its log.
//
//   node tree.mjs URL JOB_ID    prints as JSON
//   {"job_id", "status", "attempt", "receipt", "trouble": [], "stages": [{"stage", "status", "count",
//     "tasks": [{"task_id", "name", "is_stage", "status", "count", "lines": [{"seq", "attempt", "level", "stage", "task_id", "message"}]}]}]}
// Lines without a task stand under a task with the stage's name and "is_stage": true; lines outside any stage under stage "".
import { open, run } from "./browser.mjs";
import { WAIT_MS } from "./walk.mjs";

/** Rows of the timeline, also those that are out of sight, in order. */
async function timelineRows(page) {
  const scroller = page.locator('[aria-label="Stages and tasks"]');
  const rows = new Map();
  const { height, step } = await scroller.evaluate((element) => ({
    height: element.scrollHeight,
    step: Math.max(28, element.clientHeight - 28),
  }));
  for (let top = 0; top < height; top += step) {
    await scroller.evaluate((element, to) => {
      element.scrollTop = to;
      element.dispatchEvent(new Event("scroll"));
    }, top);
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
    for (const row of await scroller.locator("[data-index]").evaluateAll(readRows))
      rows.set(row.index, row);
  }
  return [...rows.values()].sort((a, b) => a.index - b.index);
}

function readRows(elements) {
  return elements.map((element) => ({
    index: Number(element.dataset.index),
    stage: element.dataset.stage,
    task: element.dataset.task ?? null,
    isStage: element.dataset.ownLines !== undefined,
    name: element.querySelector("button.name span").textContent,
    status: element.dataset.status || null,
    count: Number(element.dataset.count),
  }));
}

/** Shows the lines of one row of the timeline and nothing else. */
async function choose(page, row) {
  const scroller = page.locator('[aria-label="Stages and tasks"]');
  await scroller.evaluate((element, index) => {
    element.scrollTop = index * 28 - 56;
    element.dispatchEvent(new Event("scroll"));
  }, row.index);
  const found = scroller.locator(`[data-index="${row.index}"]`);
  await found.locator("button.name").click();
  await page.waitForFunction(
    ({ count, index }) => {
      const pressed =
        document
          .querySelector(`[data-index="${index}"] button.name`)
          ?.getAttribute("aria-pressed") === "true";
      return (
        pressed &&
        document.querySelector("[data-matching]")?.dataset.matching === String(count) &&
        !document.querySelector("main .skeleton")
      );
    },
    row,
    { timeout: WAIT_MS },
  );
}

/** The lines that the log shows now, from the first to the last, by scrolling. */
async function shownLines(page, count) {
  const lines = new Map();
  await page.locator(".viewport").focus();
  await page.keyboard.press("Home");
  for (let still = 0; lines.size < count && still < 40;) {
    const before = lines.size;
    for (const button of await page.locator("[data-seq] [data-more], [data-seq] [data-all]").all())
      await button.click({ timeout: 1000 }).catch(() => null);
    for (const line of await page.locator("[data-seq]").evaluateAll(readLines))
      lines.set(line.seq, line);
    still = lines.size > before ? 0 : still + 1;
    await page.locator(".viewport").focus();
    await page.keyboard.press("PageDown");
    await page.waitForTimeout(still === 0 ? 20 : 100);
  }
  return [...lines.values()].sort((a, b) => a.seq - b.seq);
}

function readLines(elements) {
  return elements.map((element) => ({
    seq: Number(element.dataset.seq),
    attempt: Number(element.dataset.attempt),
    level: element.dataset.level,
    stage: element.dataset.stage ?? null,
    task_id: element.dataset.task ?? null,
    message: element.querySelector("[data-message]").textContent,
  }));
}

async function linesOf(page, row) {
  await choose(page, row);
  return shownLines(page, row.count);
}

/** The whole tree of a job's page. */
export async function tree(url, jobId, options = {}) {
  const { page, trouble, close } = await open(
    `${url.replace(/\/$/, "")}/jobs/${encodeURIComponent(jobId)}`,
    { ...options, preferences: { headings: false } },
  );
  try {
    const all = page.getByRole("button", { name: "Open all stages" });
    if (await all.count()) await all.click();
    const rows = await timelineRows(page);
    const stages = [];
    for (const [at, row] of rows.entries()) {
      if (row.task === null) {
        stages.push({ stage: row.stage, status: row.status, count: row.count, tasks: [] });
        const alone = rows[at + 1]?.stage !== row.stage || rows[at + 1]?.task === null;
        if (alone)
          stages.at(-1).tasks.push({
            task_id: row.stage,
            name: null,
            is_stage: true,
            status: null,
            count: row.count,
            lines: await linesOf(page, row),
          });
        continue;
      }
      const name = row.isStage || row.name === row.task ? null : row.name;
      stages.at(-1).tasks.push({
        task_id: row.task,
        name,
        is_stage: row.isStage,
        status: row.status,
        count: row.count,
        lines: await linesOf(page, row),
      });
    }
    return {
      job_id: jobId,
      status: await page.locator("header [data-status]").first().getAttribute("data-status"),
      attempt: stages[0]?.tasks[0]?.lines[0]?.attempt ?? null,
      receipt: await page.locator("header .receipt").innerText(),
      trouble,
      stages,
    };
  } finally {
    await close();
  }
}

async function main() {
  const [url, jobId] = process.argv.slice(2);
  if (!jobId) throw new Error("usage: node tree.mjs URL JOB_ID");
  const result = await tree(url, jobId);
  console.log(JSON.stringify(result, null, 1));
  process.exitCode = result.trouble.length === 0 ? 0 : 1;
}

run(import.meta.url, main);
