// The whole way of a scheduled run through the UI: add the schedule, wait until it fires, open job and execution, read the lines.
//
//   node scheduled.mjs URL LISTING
// prints {"scheduled": {"passed": […], "failed": […], "trouble": […], "gave": {…}}} as JSON; ends with 1 when anything failed. LISTING
// is the address of a page with vacancies that the server may fetch; "gave" holds what was read off the page, for others to compare:
//   {"schedule", "execution", "job", "stages": [{"stage", "lines": [{"seq", "time", "level", "message"}]}], "log": [{"seq", …, "stage"}]}
import { run, settled } from "./browser.mjs";
import { holds, report, until, walk } from "./walk.mjs";

const FIRES_MS = 30_000;

/** The lines of an execution as they are read in place: every stage, every task in it, opened by clicks. */
async function openedLines(card) {
  const read = (item) =>
    item.locator("[data-line]").evaluateAll((all) =>
      all.map((line) => ({
        seq: Number(line.dataset.line),
        time: line.querySelector(".time").textContent,
        level: line.dataset.level,
        message: line.querySelector("[data-message]").textContent,
      })),
    );
  const open = async (item) => {
    const head = item.locator("> button.head");
    if ((await head.getAttribute("aria-expanded")) === "false") await head.click();
    return Number((await head.innerText()).match(/([\d,]+) lines?/)[1].replaceAll(",", ""));
  };
  const stages = [];
  await card.locator("li[data-stage]").first().waitFor();
  for (const stage of await card.locator("li[data-stage]").all()) {
    const count = await open(stage);
    for (const task of await stage.locator("li[data-task]").all()) await open(task);
    while ((await stage.locator("[data-line]").count()) < count) {
      const more = stage.locator("button", { hasText: "more" }).first();
      if (await more.count()) await more.click();
      else await stage.locator("[data-line]").first().waitFor();
    }
    stages.push({ stage: await stage.getAttribute("data-stage"), count, lines: await read(stage) });
  }
  return stages;
}

/** Time, level, stage and message of the lines on the screen of a job's page. */
function logLines(page) {
  return page.locator(".viewport [data-seq]").evaluateAll((all) =>
    all.map((row) => ({
      seq: Number(row.dataset.seq),
      time: row.querySelector(".time").textContent,
      level: row.dataset.level,
      stage: row.dataset.stage ?? null,
      message: row.querySelector("[data-message]").textContent,
    })),
  );
}

async function scheduled({ page, check, source }) {
  const gave = {};
  const row = page.locator("[data-schedule]").first();
  const done = row.locator('[data-execution][data-status="completed"]').last();
  await check("the form makes a schedule of ATS code and an interval", async () => {
    await page.getByRole("button", { name: "Add a schedule" }).click();
    await page.getByLabel("ATS code").fill(`ix ${source}`);
    await page.getByLabel("Every", { exact: true }).fill("5s");
    await page.getByRole("button", { name: "Add schedule", exact: true }).click();
    await row.locator("[data-history]").waitFor();
    gave.schedule = await row.getAttribute("data-schedule");
    return holds(async () => (await row.innerText()).includes("every 5s"));
  });
  await check("it fires by itself, and the execution is in its history", async () => {
    await done.waitFor({ timeout: FIRES_MS });
    gave.execution = await done.getAttribute("data-execution");
  });
  await check("it fires again", () =>
    row.locator("[data-execution]").nth(1).waitFor({ timeout: FIRES_MS }),
  );
  await check("it is paused, so that what is read stands still", async () => {
    await row.getByRole("button", { name: "Pause" }).click();
    await until(page, () => document.querySelector("[data-schedule]").dataset.state === "paused");
  });
  const card = row.locator(`[data-execution="${gave.execution}"]`);
  await check(
    "the execution opens to stages, and they to lines with time and message",
    async () => {
      await card.locator("> button.head").click();
      gave.stages = await openedLines(card);
      return (
        gave.stages.length > 1 && gave.stages.every(({ count, lines }) => lines.length === count)
      );
    },
  );
  await check("its job opens at its log, with time, stage and message in each line", async () => {
    await card.getByRole("link", { name: "Open the whole log" }).click();
    await settled(page);
    await page.locator(".viewport [data-seq]").first().waitFor();
    gave.job = new URL(page.url()).pathname.split("/").at(-1);
    gave.log = await logLines(page);
    return (
      gave.log.length > 0 &&
      gave.log.every((line) => /^\d\d:\d\d:\d\d\.\d{3}$/.test(line.time) && line.message !== "")
    );
  });
  await check("the job leads back to its execution, and that to its schedule", async () => {
    await page.locator("main header").getByRole("link", { name: "Execution" }).click();
    await until(page, (id) => location.pathname === `/executions/${id}`, gave.execution);
    await page.getByRole("link", { name: "Its schedule" }).click();
    await until(page, (id) => location.pathname === `/schedules/${id}`, gave.schedule);
  });
  return gave;
}

async function main() {
  const [url, source] = process.argv.slice(2);
  if (!source) throw new Error("usage: node scheduled.mjs URL LISTING");
  report(
    await walk(url.replace(/\/$/, ""), { scheduled: { path: "/", go: scheduled } }, { source }),
  );
}

run(import.meta.url, main);
