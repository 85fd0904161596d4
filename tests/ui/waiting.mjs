// Looks at jobs that wait: for another attempt, for their children, for their time; and at those that stop waiting while one looks.
//
//   node waiting.mjs URL [FLOW…]
// prints {"flow": {"passed": […], "failed": […], "trouble": […]}} as JSON; ends with 1 when anything failed. The server's workers
// know the handlers of unlucky.py.
import { run } from "./browser.mjs";
import { ask, holds, named, report, still, until, walk } from "./walk.mjs";

const statusIs = (page, status) =>
  until(
    page,
    (wanted) => document.querySelector("main header [data-status]")?.dataset.status === wanted,
    status,
  );

async function openNew(page, url, handler, more = {}) {
  const { id } = await ask(page, "POST", "/api/pulse/jobs", {
    handler_name: handler,
    payload: 1,
    ...more,
  });
  await page.goto(`${url}/jobs/${id}`);
  return id;
}

/** A job that is retried by itself while its page is open: the log is that of the attempt that the head is about. */
async function soon({ page, url, check }) {
  await openNew(page, url, "tests.soon");
  await check("its first attempt is shown", () =>
    page.locator('[data-seq][data-attempt="1"]').first().waitFor(),
  );
  await check(
    "its second attempt is shown as soon as there is one, and nothing of the first",
    async () => {
      await until(page, () => document.querySelectorAll("main header select option").length === 2);
      await statusIs(page, "failed");
      await page
        .locator('[data-seq][data-attempt="2"]', { hasText: "attempt 2, try 29" })
        .waitFor();
      return (await page.locator('[data-seq][data-attempt="1"]').count()) === 0;
    },
  );
  await check("an old attempt is a choice away", async () => {
    await page.locator("main header select").selectOption("1");
    await page.locator('[data-seq][data-attempt="1"]').first().waitFor();
    return holds(async () => (await page.locator('[data-seq][data-attempt="2"]').count()) === 0);
  });
}

const why = (page) => page.locator("main header [data-why]");

/** What holds a job is said for what it is, also beside the error of the last attempt. */
async function held({ page, url, check }) {
  await check("a job that waits to be retried says when, besides what went wrong", async () => {
    await openNew(page, url, "tests.late");
    await page.locator("main header [role=alert]", { hasText: "no route in attempt 1" }).waitFor();
    await why(page)
      .getByText(/Attempt 2 may start in \d+ min/)
      .waitFor();
  });
  await check("a job that waits for its children is not said to be paused by hand", async () => {
    await openNew(page, url, "tests.parent");
    await why(page).getByText("Waiting for the jobs that it enqueued").waitFor();
  });
  await check("a job that was cancelled did not fail", async () => {
    await page.locator("#tab-children").click();
    await page.locator("[data-job] a").click();
    await statusIs(page, "running");
    await page.locator("main header").getByRole("button", { name: "Cancel", exact: true }).click();
    await page
      .locator("main header")
      .getByRole("button", { name: "Cancel it?", exact: true })
      .click();
    await why(page).getByText("Cancelled before it was done").waitFor();
    return holds(async () => (await page.locator("main header div[role=alert]").count()) === 0);
  });
  await check("a job that has not begun has no receipt, on its page and in the list", async () => {
    const id = await openNew(page, url, "tests.sleepy", { delay_s: 7200 });
    await why(page).getByText("Attempt 1 may start in 2 h").waitFor();
    await page.locator("main header .receipt", { hasText: "no receipt yet" }).waitFor();
    await page.goto(`${url}/jobs`);
    await page.locator(`[data-job="${id}"] .started`, { hasText: /^queued/ }).waitFor();
    return holds(async () => (await page.locator(`[data-job="${id}"] .receipt`).count()) === 0);
  });
}

/** A firing that was skipped, opened while its schedule goes on: it stays as it is. */
async function skipped({ page, url, check }) {
  const schedule = await ask(page, "POST", "/api/pulse/schedules", {
    handler_name: "tests.sleepy",
    payload: 1,
    every: "1s",
  });
  await page.goto(`${url}/schedules/${schedule.id}`);
  const card = page.locator('[data-execution][data-status="skipped"]').last();
  await check("a skipped firing says which run was in its way, and leads there", () =>
    card.locator('a[href^="/jobs/JB_"]').first().waitFor(),
  );
  await check(
    "what the scheduler said of it stays on the screen while the list is read anew",
    async () => {
      const id = await card.getAttribute("data-execution");
      await page.locator(`[data-execution="${id}"] button.head`).click();
      await page.locator(`[data-execution="${id}"] [data-line]`).first().waitFor();
      const line = await page.$(`[data-execution="${id}"] [data-line]`);
      const newest = () => page.locator("[data-execution]").first().getAttribute("data-execution");
      for (let before = await newest(), time = 0; time < 2; time += 1) {
        if (!(await holds(async () => (await newest()) !== before))) return false;
        before = await newest();
      }
      return line.evaluate((one) => one.isConnected);
    },
  );
  const [{ async_job_id }] = (
    await ask(page, "GET", `/api/pulse/schedules/${schedule.id}/executions`)
  ).executions.filter((one) => one.async_job_id);
  await ask(page, "DELETE", `/api/pulse/schedules/${schedule.id}`);
  await ask(page, "POST", `/api/pulse/jobs/${async_job_id}/cancel`);
}

/** The state of the connection is that of the page that is open, not of the one before. */
async function live({ page, url, check }) {
  const id = await openNew(page, url, "tests.sleepy");
  await check("the page of a running job is live", () =>
    page.locator("[data-connection=live]").waitFor(),
  );
  await check("a page on which nothing is active is not", async () => {
    await page.getByRole("link", { name: "Candidates", exact: true }).click();
    await page.locator("[data-connection=connected]").waitFor();
  });
  await ask(page, "POST", `/api/pulse/jobs/${id}/cancel`);
}

/** Back in a list, one is where one was; a link to where one is leaves no trace. */
async function back({ page, url, check }) {
  for (let number = 0; number < 70; number += 1)
    await ask(page, "POST", "/api/pulse/jobs", {
      handler_name: "tests.sleepy",
      payload: number,
      delay_s: 7200,
    });
  await page.goto(`${url}/jobs`);
  const rows = () => page.locator("tr[data-job]").count();
  const top = () => page.evaluate(() => document.querySelector("main .scroll").scrollTop);
  await check("a link to the page that is open leaves no entry in the history", async () => {
    const before = await page.evaluate(() => history.length);
    await page.getByRole("link", { name: "Jobs", exact: true }).click();
    return (await page.evaluate(() => history.length)) === before;
  });
  await check(
    "back from a job that was far down, the list is as long and at the same place",
    async () => {
      await page.getByRole("button", { name: "Show older jobs" }).click();
      if (!(await holds(async () => (await rows()) > 60))) return false;
      const row = page.locator("tr[data-job]").nth(60);
      await row.scrollIntoViewIfNeeded();
      const was = await still(top);
      await row.locator("a.open").click();
      await page.locator("main header h1").waitFor();
      await page.goBack();
      return was > 500 && (await holds(async () => (await rows()) > 60 && (await top()) === was));
    },
  );
  await check(
    "another filter begins at the top, and back from it one is where one was",
    async () => {
      const was = await top();
      await page.getByRole("button", { name: "queued", exact: true }).click();
      if (!(await holds(async () => (await top()) === 0))) return false;
      await page.goBack();
      return holds(async () => (await top()) === was);
    },
  );
}

const FLOWS = { soon, held, skipped, live, back };

async function main() {
  const [url, ...names] = process.argv.slice(2);
  if (!url) throw new Error("usage: node waiting.mjs URL [FLOW…]");
  const flows = Object.fromEntries(
    Object.entries(FLOWS).map(([name, go]) => [name, { path: "/jobs", go }]),
  );
  report(
    await walk(url.replace(/\/$/, ""), named(flows, names.length > 0 ? names : Object.keys(FLOWS))),
  );
}

run(import.meta.url, main);
