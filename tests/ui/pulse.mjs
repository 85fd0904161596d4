// Walks through what changes things: actions on jobs, the panel, schedules and their history.
//
//   node pulse.mjs URL SOURCE [FLOW…]
// prints {"flow": {"passed": […], "failed": […], "trouble": […]}} as JSON; ends with 1 when anything failed. SOURCE is the
// address of a job description that the server may fetch. The server needs workers, and has no schedules.
import { violations } from "./axe.mjs";
import { run } from "./browser.mjs";
import { ask, holds, named, report, until, WAIT_MS, walk } from "./walk.mjs";

const statusIs = (page, status) =>
  until(
    page,
    (wanted) => document.querySelector("main header [data-status]")?.dataset.status === wanted,
    status,
  );
const button = (page, name) =>
  page.locator("main header").getByRole("button", { name, exact: true });

async function openNew(page, url, payload, more = {}) {
  const job = await ask(page, "POST", "/api/pulse/jobs", {
    handler_name: "shell.command",
    payload,
    ...more,
  });
  await page.goto(`${url}/jobs/${job.id}`);
  return job.id;
}

/** Pause, resume, cancel in two clicks, retry: each offered only where it is possible. */
async function actions({ page, url, check }) {
  await openNew(page, url, { command: ["sleep", "600"] }, { delay_s: 600 });
  await check("a queued job can be paused, not retried", async () => {
    await button(page, "Pause").click();
    await statusIs(page, "paused");
    return holds(
      async () =>
        (await button(page, "Retry").count()) === 0 && (await button(page, "Pause").count()) === 0,
    );
  });
  await check("a paused job can be resumed, and waits for its time again", async () => {
    await button(page, "Resume").click();
    await statusIs(page, "queued");
  });
  await openNew(page, url, { command: ["sleep", "600"] });
  await statusIs(page, "running");
  await check("the first click on cancel only asks, Escape takes it back", async () => {
    await button(page, "Cancel").click();
    await button(page, "Cancel it?").waitFor({ timeout: WAIT_MS });
    await page.keyboard.press("Escape");
    await button(page, "Cancel").waitFor({ timeout: WAIT_MS });
    await statusIs(page, "running");
  });
  await check("the second click cancels", async () => {
    await button(page, "Cancel").click();
    await button(page, "Cancel it?").click();
    await statusIs(page, "cancelled");
    return holds(async () => (await button(page, "Cancel").count()) === 0);
  });
  await check("what the server refuses is said beside the buttons", async () => {
    await page.route("**/retry", (route) =>
      route.fulfill({
        status: 409,
        json: { error: { code: "conflict", message: "it is over - look again" } },
      }),
    );
    await button(page, "Retry").click();
    await page
      .locator("header [role=alert]", { hasText: "it is over - look again" })
      .waitFor({ timeout: WAIT_MS });
  });
}

/** A retried job has two attempts, each with its own status, times and receipt; "why" says what happened. */
async function attempts({ page, url, check }) {
  await openNew(page, url, { command: ["sh", "-c", "echo once more; exit 3"] });
  await check("a failed job can be retried", async () => {
    await statusIs(page, "failed");
    await button(page, "Retry").click();
    await until(page, () => document.querySelectorAll("main header select option").length === 2);
    await statusIs(page, "failed");
  });
  await check("each attempt says how it ended, with its own receipt", async () => {
    await page.locator("main header select").selectOption("1");
    await until(page, () => location.search === "?attempt=1");
    await page.getByText("Attempt 1 of 2.").waitFor({ timeout: WAIT_MS });
    await page.locator("main header .receipt.complete").waitFor({ timeout: WAIT_MS });
    const [all, one] = await page.evaluate(async () => {
      const base = `/api/pulse/jobs/${location.pathname.split("/").at(-1)}`;
      const [job, list] = await Promise.all(
        [fetch(base), fetch(`${base}/attempts`)].map((answer) => answer.then((it) => it.json())),
      );
      return [job.receipt.text, list.attempts[0].receipt.text];
    });
    return (
      all !== one &&
      (await holds(async () => (await page.locator("main header .receipt").innerText()) === one))
    );
  });
  await check("the note leads to the newest attempt", async () => {
    await page.getByRole("button", { name: "show its newest attempt" }).click();
    await until(page, () => location.search === "?attempt=2");
  });
  await check("why says what happened and what happens next", async () => {
    await page.getByRole("tab", { name: "why" }).click();
    await page.locator("#panel-why").getByText("It failed").waitFor({ timeout: WAIT_MS });
    await page
      .locator("#panel-why p", {
        hasText: /at \d\d:\d\d:\d\d \(just now\)|at \d\d:\d\d:\d\d \(\d+ s ago\)/,
      })
      .first()
      .waitFor();
  });
}

/** A schedule from ATS code: refused with the reason, added, fired, paused, resumed; its history down to the lines; deleted. */
async function schedules({ page, check, source }) {
  const row = page.locator("[data-schedule]").first();
  await check("the panel says how the server is", () => page.locator("[data-workers]").waitFor());
  await check("what cannot be scheduled is refused with the server's reason", async () => {
    await page.getByRole("button", { name: "Add a schedule" }).click();
    await until(page, () => document.activeElement?.localName === "input");
    await page.keyboard.type("fly to the moon");
    await page.keyboard.press("Enter");
    await page.locator("form [data-wrong]", { hasText: "unknown command: fly" }).waitFor();
    await page.getByLabel("ATS code").fill(`ix ${source}`);
    await page.getByLabel("Every", { exact: true }).fill("now and then");
    await page.getByRole("button", { name: "Add schedule", exact: true }).click();
    await page.locator("form [data-wrong]", { hasText: "now and then" }).waitFor();
  });
  await check("an interval that is missing is asked for in words of this page", async () => {
    await page.getByLabel("Every", { exact: true }).fill("");
    await page.getByRole("button", { name: "Add schedule", exact: true }).click();
    await page.locator("form [data-wrong]", { hasText: "Say how often" }).waitFor();
  });
  await check(
    "Escape closes the form, and what was typed is there when it is opened again",
    async () => {
      await page.getByLabel("ATS code").press("Escape");
      await until(page, () => document.activeElement.textContent === "Add a schedule");
      await page.keyboard.press("Enter");
      return holds(async () => (await page.getByLabel("ATS code").inputValue()) === `ix ${source}`);
    },
  );
  await check("a preset makes a schedule of it", async () => {
    await page.getByRole("button", { name: "12h", exact: true }).click();
    await page.getByRole("button", { name: "Add schedule", exact: true }).click();
    await row.locator("[data-history]").waitFor();
    for (const text of [`ix ${source}`, "every 12h"]) await row.getByText(text).first().waitFor();
  });
  await check("it pauses and resumes", async () => {
    await row.getByRole("button", { name: "Pause" }).click();
    await until(page, () => document.querySelector("[data-schedule]").dataset.state === "paused");
    await row.getByRole("button", { name: "Resume" }).click();
    await until(page, () => document.querySelector("[data-schedule]").dataset.state === "active");
  });
  await check("it is edited in place: refused with the reason, then changed", async () => {
    await row.getByRole("button", { name: "Edit" }).click();
    const form = page.getByRole("form", { name: "Change the schedule" });
    await form.getByLabel("Every", { exact: true }).fill("never ever");
    await form.getByRole("button", { name: "Save" }).click();
    await page.locator("form [data-wrong]", { hasText: "never ever" }).waitFor();
    const faults = await violations(page);
    if (faults.length > 0) throw new Error(`axe: ${JSON.stringify(faults)}`);
    await form.getByLabel("Every", { exact: true }).fill("30 7 * * 1-5");
    await form.getByLabel("Time zone").fill("Europe/Berlin");
    await form.getByLabel("Name").fill("every morning");
    await form.getByRole("button", { name: "Save" }).click();
    await row.getByText("cron 30 7 * * 1-5 (Europe/Berlin)").waitFor();
    await row.getByText("every morning").first().waitFor();
  });
  await check("run now fires it, and its history shows how it went", async () => {
    await row.getByRole("button", { name: "Run now" }).click();
    const fired = row.locator('[data-execution][data-status="completed"]', { hasText: "by hand" });
    await fired.waitFor({ timeout: WAIT_MS });
  });
  await check("execution, stage, task and lines open in place", async () => {
    await row.locator("[data-execution] button.head").first().click();
    const stage = row.locator("li[data-stage]", { has: page.getByText("score_candidates") });
    await stage.locator("button.head").first().click();
    const task = stage.locator('li[data-task^="CN_"]').first();
    await task.locator("button.head").click();
    await task.locator("[data-line]").first().waitFor();
    const said = Number((await task.locator("button.head").innerText()).match(/(\d+) lines?/)[1]);
    return holds(async () => (await task.locator("[data-line]").count()) === said);
  });
  await check("a line leads into its log", async () => {
    const href = await row.locator("[data-line] a.time").first().getAttribute("href");
    await row.locator("[data-line] a.time").first().click();
    await until(page, () => document.querySelector("[data-seq].selected"));
    await page.goBack();
    await row.waitFor();
    return /^\/jobs\/JB_\w+\?attempt=1#A1L\d+$/.test(href);
  });
  await check("the schedule and the execution have pages", async () => {
    await page.goto(
      `${new URL(page.url()).origin}/schedules/${await row.getAttribute("data-schedule")}`,
    );
    const execution = await page.locator("[data-execution]").first().getAttribute("data-execution");
    await page.goto(`${new URL(page.url()).origin}/executions/${execution}`);
    await page.locator("li[data-stage]").first().waitFor();
    await page.getByRole("link", { name: "Its schedule" }).click();
    await page.locator("[data-history]").waitFor();
    await page.keyboard.press("u");
    await until(page, () => location.pathname === "/");
  });
  await check("deleting asks first", async () => {
    await row.getByRole("button", { name: "Delete" }).click();
    await row.getByRole("button", { name: "Delete it?" }).click();
    await row.waitFor({ state: "detached" });
  });
}

/** What was started by hand leads to its job; what failed is on the panel. */
async function panel({ page, check, source }) {
  await check("run once now leads to the job", async () => {
    await page.getByRole("button", { name: "Add a schedule" }).click();
    await page.getByLabel("ATS code").fill(`ix ${source}-that-is-not-there`);
    await page.getByRole("button", { name: "Run once now" }).click();
    await until(page, () => location.pathname.startsWith("/jobs/JB_"));
    await statusIs(page, "failed");
  });
  await check("what ran once is no schedule", async () => {
    await page.keyboard.press("1");
    await page.getByText("Nothing is scheduled.").waitFor();
    await page.goBack();
  });
  await check("a failed job is among the recent failures, with its reason", async () => {
    const id = new URL(page.url()).pathname.split("/").at(-1);
    await page.keyboard.press("1");
    await page.locator(`section[aria-labelledby=failures] [data-job="${id}"] .why`).waitFor();
  });
  await check("the counts lead to the list of jobs", async () => {
    await page.getByRole("link", { name: /jobs? failed$/ }).click();
    await until(page, () => location.pathname + location.search === "/jobs?status=failed");
  });
  await check("the list is narrowed to a handler, and what is not there is said", async () => {
    const of = page.getByLabel("Only jobs of");
    await of.selectOption("role.jd-ingestion");
    await until(
      page,
      () => location.pathname + location.search === "/jobs?status=failed&handler=role.jd-ingestion",
    );
    await page.locator("tr[data-job] a.open").first().waitFor();
    const names = await page.locator("tr[data-job] a.open").allTextContents();
    await of.selectOption("role.vacancies-scraper");
    await page.getByText("No job of role.vacancies-scraper is failed").waitFor();
    await page.getByRole("button", { name: "Show all jobs" }).click();
    await until(page, () => location.pathname + location.search === "/jobs");
    return names.every((name) => name === "role.jd-ingestion");
  });
  await check("small amounts of money are not rounded away", async () => {
    await page.route("**/api/pulse/system", async (route) => {
      const answer = await route.fetch();
      await route.fulfill({
        response: answer,
        json: {
          ...(await answer.json()),
          budget: [{ window: "day", spent_usd: 0.0042, limit_usd: 5 }],
        },
      });
    });
    await page.goto(new URL("/", page.url()).href);
    await page.getByText("$0.0042 of $5.00").waitFor();
    await page.unroute("**/api/pulse/system");
  });
  await check("nothing is wider than a narrow screen", async () => {
    await page.goto(new URL("/", page.url()).href);
    await page.locator("[data-workers]").waitFor();
    await page.getByRole("button", { name: "Add a schedule" }).click();
    await page.setViewportSize({ width: 360, height: 740 });
    return holds(() => page.evaluate(() => document.documentElement.scrollWidth === 360));
  });
}

const FLOWS = {
  schedules: { path: "/", go: schedules, expected: [400] },
  panel: { path: "/", go: panel },
  actions: { path: "/jobs", go: actions, expected: [409] },
  attempts: { path: "/jobs", go: attempts },
};

async function main() {
  const [url, source, ...names] = process.argv.slice(2);
  if (!source) throw new Error("usage: node pulse.mjs URL SOURCE [FLOW…]");
  report(
    await walk(
      url.replace(/\/$/, ""),
      named(FLOWS, names.length > 0 ? names : Object.keys(FLOWS)),
      { source },
    ),
  );
}

run(import.meta.url, main);
