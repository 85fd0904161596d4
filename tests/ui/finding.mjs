// Walks through what was read and who fits: job descriptions, candidates, and the search over all runs.
//
//   node finding.mjs URL [FLOW…]
// prints {"flow": {"passed": […], "failed": […], "trouble": […]}} as JSON; ends with 1 when anything failed. The server has at least
// one completed ingestion of a job description, and candidates.
import { run } from "./browser.mjs";
import { ask, holds, named, report, until, walk } from "./walk.mjs";

/** A job description: scores as the server gives them, evidence, and quotes where they stand in the text. */
async function jds({ page, check }) {
  const { jds } = await ask(page, "GET", "/api/pulse/jds");
  await check("every job description is there", () =>
    holds(async () => (await page.locator("[data-jd]").count()) === jds.length),
  );
  await page.locator("[data-jd] a").first().click();
  await page.locator("[data-score]").first().waitFor();
  const { jd, scores } = await ask(page, "GET", `/api/pulse/jds/${jds[0].id}`);
  await check("the candidates stand in the order of their scores", () =>
    holds(async () => {
      const shown = await page
        .locator("[data-score]")
        .evaluateAll((all) => all.map((one) => one.dataset.score));
      return JSON.stringify(shown) === JSON.stringify(scores.map((one) => one.score.candidate_id));
    }),
  );
  await check("a score opens to its evidence", async () => {
    await page.locator("[data-score] summary").first().click();
    return holds(
      async () =>
        (await page.locator("[data-score][open] [data-verdict]").count()) ===
        scores[0].score.evidence.length,
    );
  });
  await check("the text is whole, and a requirement marks the words that ask for it", async () => {
    const { quote } = jd.extraction.requirements[0];
    await page.locator(".asked button").first().click();
    return holds(async () => {
      const marked = await page
        .locator("mark.chosen")
        .evaluateAll((all) => all.map((one) => one.textContent).join(""));
      return (
        marked === quote.text &&
        (await page.locator(".text").evaluate((one) => one.textContent)) === jd.text
      );
    });
  });
  await check("the profile of a candidate is one click away, with the same score", async () => {
    const score = await page.locator("[data-score][open] summary b").innerText();
    await page.getByRole("link", { name: /^Profile of/ }).click();
    await page.locator("[data-candidate] details[open] b").first().waitFor();
    return holds(async () =>
      (await page.locator("[data-candidate] details[open] summary b").allInnerTexts()).includes(
        score,
      ),
    );
  });
  await check(
    "scores that could not be read are asked for again with the next candidate",
    async () => {
      await page.goto(new URL("/candidates", page.url()).href);
      await page.route("**/api/pulse/jds?*", (route) =>
        route.fulfill({ status: 503, json: { error: { code: "busy", message: "not just now" } } }),
      );
      await page.locator("[data-candidate] summary").nth(0).click();
      await page.locator("[data-candidate] [role=alert]", { hasText: "not just now" }).waitFor();
      await page.unroute("**/api/pulse/jds?*");
      await page.locator("[data-candidate] > details > summary").nth(1).click();
      await page.locator("[data-candidate] details[open] b").first().waitFor();
    },
  );
  await check("nothing is wider than a narrow screen", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    const narrow = () => page.evaluate(() => document.documentElement.scrollWidth === 360);
    const candidates = await holds(narrow);
    await page.goto(new URL(`/jds/${jd.id}`, page.url()).href);
    await page.locator("[data-score] summary").first().click();
    return candidates && (await holds(narrow));
  });
}

/** Search over all runs: what is found holds the text, and leads to its line. */
async function search({ page, check }) {
  await check("typing finds lines, each with the text marked", async () => {
    await page.keyboard.press("3");
    await page.getByLabel("Find in all runs").fill("score");
    await page.locator("[data-found] .hit").first().waitFor();
    await until(page, () => location.search === "?q=score");
    return holds(async () => {
      const texts = await page.locator("[data-found] [data-line]").allInnerTexts();
      return texts.length > 0 && texts.every((text) => text.toLowerCase().includes("score"));
    });
  });
  await check("a level narrows it", async () => {
    await page.getByLabel("Lowest level").selectOption("error");
    await until(page, () => location.search === "?q=score&level=error");
    await until(page, () =>
      [...document.querySelectorAll("[data-line]")].every((line) =>
        ["error", "critical"].includes(line.dataset.level),
      ),
    );
    await page.getByLabel("Lowest level").selectOption("");
    await page.locator("[data-found]").first().waitFor();
  });
  await check("so do source and time", async () => {
    await page.getByRole("button", { name: "More filters" }).click();
    const form = page.getByRole("group", { name: "More filters" });
    await form.getByLabel("exception", { exact: true }).check();
    await until(
      page,
      () =>
        location.search === "?q=score&source=exception" && !document.querySelector("[data-line]"),
    );
    await form.getByLabel("exception", { exact: true }).uncheck();
    await form.getByLabel("From").fill("2020-01-01T00:00:00.000");
    await page.locator("[data-found]").first().waitFor();
    await form.getByLabel("Before").fill("2020-01-02T00:00:00.000");
    await page.getByText("Others than those that are shown may.").waitFor();
    await page.keyboard.press("Escape");
    await page.locator('[data-narrowed="until"]').click();
    await page.locator("[data-found]").first().waitFor();
    await page.locator('[data-narrowed="since"]').click();
    await until(page, () => location.search === "?q=score");
  });
  await check("a pattern and letter case are the server's, too", async () => {
    const find = page.getByLabel("Find in all runs");
    await page.getByRole("button", { name: "Regular expression" }).click();
    await find.fill("CN_[a-z-]+ scored");
    await until(page, () =>
      [...document.querySelectorAll("[data-found] .hit")].some((hit) =>
        /^CN_[a-z-]+ scored$/.test(hit.textContent),
      ),
    );
    await find.fill("(");
    await page.locator("[role=alert]", { hasText: "is not a valid pattern" }).waitFor();
    await page.getByRole("button", { name: "Regular expression" }).click();
    await page.getByRole("button", { name: "Match case" }).click();
    await find.fill("SCORED");
    await page.getByText("No line holds that text").waitFor();
    await page.getByRole("button", { name: "Match case" }).click();
    await find.fill("scored");
    await page.locator("[data-found]").first().waitFor();
  });
  await check("a line leads to its place in its log, and back", async () => {
    const line = page.locator("[data-found] [data-line]").first();
    const seq = await line.getAttribute("data-line");
    await line.locator("a.time").click();
    await page.locator(`[data-seq="${seq}"].selected`).waitFor();
    await page.goBack();
    await page.locator("[data-found]").first().waitFor();
  });
  await check("what no line holds is said", async () => {
    await page.getByLabel("Find in all runs").fill("zzzz-nowhere-zzzz");
    await page.getByText("No line holds that text").waitFor();
  });
}

const FLOWS = {
  jds: { path: "/jds", go: jds, expected: [503] },
  search: { path: "/", go: search, expected: [400] },
};

async function main() {
  const [url, ...names] = process.argv.slice(2);
  if (!url) throw new Error("usage: node finding.mjs URL [FLOW…]");
  report(
    await walk(
      url.replace(/\/$/, ""),
      named(FLOWS, names.length > 0 ? names : Object.keys(FLOWS)),
      {},
    ),
  );
}

run(import.meta.url, main);
