// Walks through what a page says when not all is well: warnings of the server, lines that expired,
// a login that ended.
//
//   node states.mjs URL JOB_ID [FLOW…]
// prints {"flow": {"passed": […], "failed": […], "trouble": […]}} as JSON; ends with 1 when anything failed. The server warns of
// something, and lines of JOB_ID have expired; for "logout" it wants a login, and QNTX_TOKEN holds its token.
import { violations } from "./axe.mjs";
import { run, settled } from "./browser.mjs";
import { ask, holds, named, report, WAIT_MS, walk } from "./walk.mjs";

/** The banner holds what the server said, on every page, until it is put away. */
async function warnings({ page, url, jobId, check }) {
  for (const path of ["/", "/jobs", `/jobs/${jobId}`, "/search"]) {
    await check(`${path} shows the warnings of the server`, async () => {
      await page.goto(url + path);
      await page.locator("[data-warnings]").waitFor();
      return holds(async () => {
        const { warnings } = await ask(page, "GET", "/api/pulse/system");
        const shown = await page.locator("[data-warnings] p").allInnerTexts();
        return warnings.length > 0 && JSON.stringify(shown) === JSON.stringify(warnings);
      });
    });
  }
  await check("the banner is accessible", async () => {
    const faults = await violations(page);
    if (faults.length > 0) throw new Error(JSON.stringify(faults));
  });
  await check("they can be put away", async () => {
    await page.getByRole("button", { name: "Put away" }).click();
    await page.locator("[data-warnings]").waitFor({ state: "detached" });
  });
}

/** Lines that expired are told by number and rule; the receipt is as it was. */
async function expired({ page, jobId, check }) {
  const { expired, receipt } = await ask(page, "GET", `/api/pulse/jobs/${jobId}/logs`);
  await check("the log says how many lines expired, by which rule", async () => {
    const note = page.locator("[data-expired]");
    await note.waitFor();
    return holds(
      async () =>
        Number(await note.getAttribute("data-expired")) === expired.lines &&
        (await note.innerText()).includes(expired.rule),
    );
  });
  await check("the note is accessible", async () => {
    const faults = await violations(page);
    if (faults.length > 0) throw new Error(JSON.stringify(faults));
  });
  await check("the receipt is as it was", () =>
    holds(async () => (await page.locator("header .receipt").innerText()) === receipt.text),
  );
  await check("what is not there any more is no empty page", async () => {
    await page
      .getByText(/kept any longer/)
      .first()
      .waitFor();
  });
}

/** A page whose login has ended says so, and leads to the login and back. */
async function logout({ page, url, jobId, token, check }) {
  await check("a page asks for a login first, and then opens", async () => {
    await page.getByLabel(/token/i).fill(token);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${url}/jobs/${jobId}`);
    await settled(page);
  });
  await check("when the login ends, the page says so and keeps what it shows", async () => {
    await page.goto(`${url}/jobs`);
    await page.locator(`[data-job="${jobId}"]`).waitFor();
    await ask(page, "POST", "/api/pulse/logout");
    await page.locator("[data-logged-out]").waitFor({ timeout: WAIT_MS });
    return holds(async () => (await page.locator(`[data-job="${jobId}"]`).count()) === 1);
  });
  await check("a click leads to the login, and that back to the page", async () => {
    await page.getByRole("link", { name: "Log in" }).click();
    await page.getByLabel(/token/i).fill(token);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${url}/jobs`);
    await page.locator(`[data-job="${jobId}"]`).waitFor();
    return holds(async () => (await page.locator("[data-logged-out]").count()) === 0);
  });
}

async function main() {
  const [url, jobId, ...names] = process.argv.slice(2);
  if (!jobId) throw new Error("usage: node states.mjs URL JOB_ID [FLOW…]");
  const flows = {
    warnings: { path: "/", go: warnings },
    logout: { path: `/jobs/${jobId}`, go: logout, expected: [401] },
    expired: { path: `/jobs/${jobId}`, go: expired },
  };
  report(
    await walk(
      url.replace(/\/$/, ""),
      named(flows, names.length > 0 ? names : ["warnings", "expired"]),
      { jobId, token: process.env.QNTX_TOKEN },
    ),
  );
}

run(import.meta.url, main);
