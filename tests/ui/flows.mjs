// Walks through a job's page as a person does, on a server that is running, and says what did not work.
//
//   node flows.mjs URL JOB_ID [FLOW…]
// prints {"flow": {"passed": […], "failed": […], "trouble": […]}} as JSON; ends with 1 when anything failed. JOB_ID is a finished job
// with at least two stages and 20 lines; for "longLine" one with a line of 20,000 characters, for the flow "failure" a failed one, for "live" and "unplugged" one that says something until the file
// named by QNTX_TICKS_UNTIL is there.
import { readFileSync, writeFileSync } from "node:fs";

import { run, settled } from "./browser.mjs";
import { ask, holds, named, report, still, until, WAIT_MS, walk } from "./walk.mjs";

/** Sequence numbers of the lines that are really on the screen, from top to bottom. */
export function onScreen(page) {
  return page.evaluate(() => {
    const view = document.querySelector(".viewport").getBoundingClientRect();
    return [...document.querySelectorAll(".viewport [data-seq]")]
      .filter(
        (row) =>
          row.getBoundingClientRect().bottom > view.top + 1 &&
          row.getBoundingClientRect().top < view.bottom - 1,
      )
      .map((row) => Number(row.dataset.seq));
  });
}

/** How many lines match, as soon as the page knows. */
const matching = async (page) =>
  Number(
    await (
      await until(page, () => document.querySelector("[data-matching]")?.dataset.matching)
    ).jsonValue(),
  );
const showsMatching = (page, number) =>
  until(
    page,
    (wanted) => document.querySelector("[data-matching]").dataset.matching === String(wanted),
    number,
  );
const contiguous = (seqs) =>
  seqs.length > 0 && seqs.every((seq, at) => at === 0 || seq === seqs[at - 1] + 1);

/** List → job → stage → back. */
async function list({ page, jobId, check }) {
  await check("the job is in the list", () =>
    page.locator(`[data-job="${jobId}"]`).waitFor({ timeout: WAIT_MS }),
  );
  await check("a status filter narrows the list", async () => {
    const status = await page.locator(`[data-job="${jobId}"]`).getAttribute("data-status");
    await page.getByRole("button", { name: status, exact: true }).click();
    await until(
      page,
      (wanted) =>
        location.search === `?status=${wanted}` &&
        [...document.querySelectorAll("tr[data-job]")].every(
          (row) => row.dataset.status === wanted,
        ),
      status,
    );
  });
  await check("a click opens the job", async () => {
    await page.locator(`[data-job="${jobId}"] a.open`).click();
    await until(page, (id) => location.pathname === `/jobs/${id}`, jobId);
    await settled(page);
  });
  await check("the back button returns to the filtered list", async () => {
    await page.goBack();
    await until(page, () => location.pathname === "/jobs" && location.search !== "");
  });
}

/** Stages, tasks, levels: what a click shows is what the badge said. */
async function narrowing({ page, check }) {
  const total = await matching(page);
  await check("a stage shows its lines only", async () => {
    const row = page
      .locator('[data-index][data-count]:not([data-task]):not([data-stage=""])')
      .first();
    const [count, stage] = [
      Number(await row.getAttribute("data-count")),
      await row.getAttribute("data-stage"),
    ];
    await row.locator("button.name").click();
    await showsMatching(page, count);
    await until(
      page,
      (name) =>
        [...document.querySelectorAll("[data-seq]")].every((line) => line.dataset.stage === name),
      stage,
    );
  });
  await check("a second click shows all lines again", async () => {
    await page.locator('button.name[aria-pressed="true"]').click();
    await showsMatching(page, total);
  });
  for (const chip of await page
    .locator("[data-level-chip]")
    .evaluateAll((all) => all.map((one) => ({ ...one.dataset })))) {
    await check(`hiding ${chip.levelChip} hides as many lines as its chip says`, async () => {
      await page.locator(`[data-level-chip="${chip.levelChip}"]`).click();
      await showsMatching(page, total - Number(chip.count));
      await page.locator(`[data-level-chip="${chip.levelChip}"]`).click();
      await showsMatching(page, total);
    });
  }
}

/** Source, logger, time: from the details of a line, from the form, and away again by their chips. */
async function origins({ page, jobId, check }) {
  const total = await matching(page);
  const { logs } = await ask(page, "GET", `/api/pulse/jobs/${jobId}/logs?limit=1000`);
  const shows = (number) => showsMatching(page, number);
  const putAway = async (name) => {
    await page.locator(`[data-narrowed="${name}"]`).click();
    await shows(total);
    await until(page, () => location.search === "");
  };
  const details = async (line) => {
    await page.goto(`${new URL(page.url()).origin}/jobs/${jobId}#A${line.attempt}L${line.id}`);
    await page.locator(`[data-seq="${line.id}"].selected`).waitFor({ timeout: WAIT_MS });
    await page.keyboard.press("Enter");
    return page.locator(`[data-seq="${line.id}"] .details`);
  };
  const middle = logs[Math.floor(logs.length / 2)];
  const source = logs.find((line) => line.source !== logs[0].source) ?? logs[0];
  await check("the job has lines of several sources", () => source.source !== logs[0].source);
  await check("the details of a line narrow the log to its source", async () => {
    await (
      await details(source)
    )
      .getByRole("button", { name: `Only ${source.source}`, exact: true })
      .click();
    await shows(logs.filter((line) => line.source === source.source).length);
    await until(
      page,
      (name) =>
        [...document.querySelectorAll("[data-seq]")].every((row) => row.dataset.source === name),
      source.source,
    );
  });
  await check("the address keeps it", async () => {
    await page.reload();
    await settled(page);
    await shows(logs.filter((line) => line.source === source.source).length);
  });
  await check("its chip puts it away", () => putAway("sources"));
  await check("from a line on, and up to it: both have it, together they have all", async () => {
    await (await details(middle)).getByRole("button", { name: "From here on" }).click();
    await shows(logs.filter((line) => line.timestamp >= middle.timestamp).length);
    await putAway("since");
    await (await details(middle)).getByRole("button", { name: "Up to here" }).click();
    await shows(logs.filter((line) => line.timestamp <= middle.timestamp).length);
    await putAway("until");
  });
  await check("the form has the same: two sources, a time to the millisecond", async () => {
    await page.getByRole("button", { name: "More filters" }).click();
    const form = page.getByRole("group", { name: "More filters" });
    for (const name of [source.source, logs[0].source])
      await form.getByLabel(name, { exact: true }).check();
    const both = logs.filter((line) => [source.source, logs[0].source].includes(line.source));
    await shows(both.length);
    const ms = Date.parse(middle.timestamp) + 1;
    await form
      .getByLabel("Before")
      .fill(
        await page.evaluate(
          (at) =>
            new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 23),
          ms,
        ),
      );
    await shows(both.filter((line) => Date.parse(line.timestamp) < ms).length);
    await form.getByRole("button", { name: "Clear" }).click();
    await shows(total);
    await page.keyboard.press("Escape");
    await form.waitFor({ state: "hidden", timeout: WAIT_MS });
  });
  await check("a logger that says nothing says so", async () => {
    await page.getByRole("button", { name: "More filters" }).click();
    await page.getByLabel("Logger").fill("no.such.logger");
    await page.keyboard.press("Tab");
    await page.getByText("No line matches these filters.").waitFor({ timeout: WAIT_MS });
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Show all lines" }).click();
    await shows(total);
  });
}

/** Lines over time: as the server counts them; a click goes to a stretch, a drag narrows to it. */
async function overTime({ page, jobId, check }) {
  const total = await matching(page);
  const { step_us: step, buckets } = await ask(
    page,
    "GET",
    `/api/pulse/jobs/${jobId}/histogram?buckets=150`,
  );
  const us = (iso) =>
    BigInt(Date.parse(`${iso.slice(0, 19)}Z`)) * 1000n + BigInt(iso.slice(20, 26));
  const slotOf = (bucket) => Number((us(bucket.at) - us(buckets[0].at)) / BigInt(step));
  const slots = slotOf(buckets.at(-1)) + 1;
  const drawing = page.getByRole("img", { name: /^Lines over time/ });
  const middleOf = async (slot) => {
    const box = await drawing.boundingBox();
    return [box.x + (box.width * (slot + 0.5)) / slots, box.y + box.height - 4];
  };
  await check("it shows as many stretches as the server counts", async () => {
    await until(
      page,
      (number) => document.querySelector("[data-histogram]")?.dataset.histogram === String(number),
      slots,
    );
  });
  await check("it is drawn where lines are, and nowhere else", () => {
    const full = new Set(buckets.map(slotOf));
    return holds(async () => {
      const drawn = await page.locator(".histogram canvas").evaluate((canvas, number) => {
        const { data } = canvas
          .getContext("2d")
          .getImageData(0, canvas.height - 1, canvas.width, 1);
        return Array.from(
          { length: number },
          (_, slot) => data[4 * Math.floor(((slot + 0.4) * canvas.width) / number) + 3] > 0,
        );
      }, slots);
      return drawn.every((one, slot) => one === full.has(slot));
    });
  });
  await check("pointing at a stretch tells how many lines it has", async () => {
    for (const bucket of [buckets[0], buckets.at(-1)]) {
      await page.mouse.move(...(await middleOf(slotOf(bucket))));
      await until(
        page,
        (number) =>
          new RegExp(` · ${number} lines?( ·|$)`).test(document.querySelector(".told").innerText),
        bucket.counts.total,
      );
    }
  });
  await check("a click goes to its first line", async () => {
    await page.mouse.click(...(await middleOf(slotOf(buckets.at(-1)))));
    const { logs } = await ask(
      page,
      "GET",
      `/api/pulse/jobs/${jobId}/logs?limit=1&since=${buckets.at(-1).at}`,
    );
    await page.locator(`[data-seq="${logs[0].id}"]`).waitFor({ timeout: WAIT_MS });
  });
  await check("a drag narrows the log to what lies under it", async () => {
    await page.mouse.move(...(await middleOf(0)));
    await page.mouse.down();
    await page.mouse.move(...(await middleOf(slotOf(buckets[0]))), { steps: 3 });
    await page.mouse.move(...(await middleOf(Math.max(1, slots - 2))), { steps: 5 });
    await page.mouse.up();
    const inside = buckets
      .filter((bucket) => slotOf(bucket) <= Math.max(1, slots - 2))
      .reduce((sum, bucket) => sum + bucket.counts.total, 0);
    await showsMatching(page, inside);
    for (const name of ["since", "until"]) await page.locator(`[data-narrowed="${name}"]`).click();
    await showsMatching(page, total);
  });
  await check("b puts it away, for good, and brings it back", async () => {
    await page.locator(".viewport").focus();
    await page.keyboard.press("b");
    await drawing.waitFor({ state: "hidden", timeout: WAIT_MS });
    await page.reload();
    await settled(page);
    if ((await drawing.count()) > 0) return false;
    await page.locator(".viewport").focus();
    await page.keyboard.press("b");
    await drawing.waitFor({ timeout: WAIT_MS });
  });
}

/** Moving about by keyboard. */
async function moving({ page, check }) {
  const total = await matching(page);
  await page.locator(".viewport").focus();
  await check("g and G reach the first and the last line", async () => {
    await page.keyboard.press("Shift+G");
    const atEnd = await holds(
      async () => (await onScreen(page)).at(-1) === total && contiguous(await onScreen(page)),
    );
    await page.keyboard.press("g");
    return (
      atEnd &&
      (await holds(async () => (await onScreen(page))[0] === 1 && contiguous(await onScreen(page))))
    );
  });
  await check("j selects the next line and puts it into the address", async () => {
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await until(page, () => /#A\d+L2$/.test(location.hash));
  });
  await check("the address leads back to the line", async () => {
    await page.reload();
    await settled(page);
    await page.locator('[data-seq="2"].selected').waitFor({ timeout: WAIT_MS });
  });
  await check("Shift-click selects a range", async () => {
    await page.locator('[data-seq="5"] .number a').click({ modifiers: ["Shift"] });
    await until(page, () => /#A\d+L2-L5$/.test(location.hash));
    return holds(async () => (await page.locator("[data-seq].selected").count()) === 4);
  });
  await check("Escape clears the selection", async () => {
    await page.keyboard.press("Escape");
    await until(page, () => location.hash === "");
  });
  await check("? opens the help, Escape closes it", async () => {
    await page.keyboard.press("?");
    await page.locator("dialog[open]").waitFor({ timeout: WAIT_MS });
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached", timeout: WAIT_MS });
  });
}

/** Search on the server, marks in the browser. */
async function searching({ page, check }) {
  const word = await page
    .locator("[data-seq] [data-message]")
    .first()
    .innerText()
    .then((text) => text.split(/\s+/).find((part) => /^[A-Za-z]{4,}$/.test(part)) ?? "the");
  await check("a word of the first line is found and marked", async () => {
    await page.keyboard.press("/");
    await page.keyboard.type(word);
    await page.locator(".hit").first().waitFor({ timeout: WAIT_MS });
    await until(page, (text) => new URLSearchParams(location.search).get("q") === text, word);
  });
  await check("only hits: every line holds the word", async () => {
    const total = await matching(page);
    await page.getByRole("button", { name: "only hits" }).click();
    await until(page, () => location.search.includes("find=filter"));
    await until(
      page,
      (text) => {
        const rows = [...document.querySelectorAll("[data-seq]")];
        return (
          rows.length > 0 &&
          rows.every((row) =>
            row
              .querySelector("[data-message]")
              .textContent.toLowerCase()
              .includes(text.toLowerCase()),
          )
        );
      },
      word,
    );
    return total > 0 && (await holds(async () => (await matching(page)) <= total));
  });
  await check("a word that is nowhere says so", async () => {
    await page.locator("#log-find").fill("zzzz-nowhere-zzzz");
    await page.getByText("No line matches these filters.").waitFor({ timeout: WAIT_MS });
    await page.getByRole("button", { name: "Show all lines" }).click();
    await page.locator("[data-seq]").first().waitFor({ timeout: WAIT_MS });
  });
}

/** Letter case and patterns: counts as the server gives them, hits marked, what is no pattern said in place. */
async function asking({ page, jobId, check }) {
  const count = (query) =>
    ask(page, "GET", `/api/pulse/jobs/${jobId}/logs?limit=1&${query}`).then(
      (answer) => answer.total_count,
    );
  const shows = (number) => showsMatching(page, number);
  await page.locator("#log-find").fill("QUALIFIED");
  await page.getByRole("button", { name: "only hits" }).click();
  await check("upper and lower case are the same", async () => {
    const wanted = await count("q=QUALIFIED");
    await shows(wanted);
    return wanted > 0;
  });
  await check("unless Aa is pressed", async () => {
    await page.getByRole("button", { name: "Match case" }).click();
    await shows(await count("q=QUALIFIED&case=true"));
    await page.locator("#log-find").fill("qualified");
    await shows(await count("q=qualified&case=true"));
    await page.getByRole("button", { name: "Match case" }).click();
  });
  await check("a pattern finds what it matches, and marks it", async () => {
    await page.getByRole("button", { name: "Regular expression" }).click();
    await page.locator("#log-find").fill("scored \\d\\.\\d+");
    const wanted = await count(`regex=true&q=${encodeURIComponent("scored \\d\\.\\d+")}`);
    await shows(wanted);
    await until(page, () => {
      const hits = [...document.querySelectorAll("[data-message] .hit")];
      return hits.length > 0 && hits.every((hit) => /^scored \d\.\d+$/.test(hit.textContent));
    });
    return wanted > 0;
  });
  await check("the address holds all of it", async () => {
    const before = await matching(page);
    await page.reload();
    await settled(page);
    await shows(before);
    return holds(
      async () =>
        (await page
          .getByRole("button", { name: "Regular expression" })
          .getAttribute("aria-pressed")) === "true",
    );
  });
  await check("what is no pattern is said in place", async () => {
    await page.locator("#log-find").fill("(never closed");
    await page.locator("[role=alert]", { hasText: "is not a valid pattern" }).first().waitFor();
  });
}

/** Metadata, copies, downloads: the whole of a line, and lines for elsewhere. */
async function taking({ page, jobId, check }) {
  const path = `/api/pulse/jobs/${jobId}/logs`;
  const { logs } = await ask(page, "GET", `${path}?attempt=1&limit=1000`);
  const rich = logs.find((line) => line.metadata && Object.keys(line.metadata).length > 0);
  await check("a line's metadata opens as a tree", async () => {
    await page.goto(`${new URL(page.url()).origin}/jobs/${jobId}#A1L${rich.id}`);
    await page.locator(`[data-seq="${rich.id}"] button.meta`).click();
    const details = page.locator(`[data-seq="${rich.id}"] .details`);
    await details.waitFor();
    return holds(async () => {
      const text = await details.innerText();
      return (
        text.includes(rich.timestamp) &&
        Object.keys(rich.metadata).every((key) => text.includes(key))
      );
    });
  });
  await check("selected lines are copied whole, also those out of sight", async () => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(`${new URL(page.url()).origin}/jobs/${jobId}#A1L1-L${logs.length}`);
    await page.locator("[data-seq].selected").first().waitFor();
    await page.getByRole("button", { name: "Copy", exact: true }).click();
    await page.locator("[role=status]", { hasText: "Copied" }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    return logs.every((line) => copied.includes(line.message));
  });
  await check("what is downloaded is what the filters show", async () => {
    await page.goto(`${new URL(page.url()).origin}/jobs/${jobId}?stage=score_candidates`);
    await page.locator("[data-seq]").first().waitFor();
    const wanted = logs.filter((line) => line.stage === "score_candidates");
    const load = async (name) => {
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("link", { name, exact: true }).click(),
      ]);
      return readFileSync(await download.path(), "utf8");
    };
    const text = await load("txt");
    const rows = (await load("ndjson"))
      .trim()
      .split("\n")
      .map((row) => JSON.parse(row))
      .filter((row) => row.message !== undefined);
    return (
      wanted.every((line) => text.includes(line.message)) &&
      JSON.stringify(rows.map((row) => row.message)) ===
        JSON.stringify(wanted.map((line) => line.message))
    );
  });
}

/** The two lists above the log, and folding one task. */
async function choosing({ page, check }) {
  const stageOf = () =>
    page
      .locator("[data-seq]")
      .evaluateAll((rows) => [
        ...new Set(rows.map((row) => `${row.dataset.stage} ${row.dataset.task ?? ""}`)),
      ]);
  await check("choosing a stage and a task shows the lines of it", async () => {
    await page.getByLabel("Stage", { exact: true }).selectOption("score_candidates");
    await until(page, () => location.search === "?stage=score_candidates");
    const list = page.getByLabel("Task", { exact: true });
    const [name, count] = /^(.*) \((\d+)\)$/
      .exec(await list.locator("option").nth(1).innerText())
      .slice(1);
    await list.selectOption({ index: 1 });
    await until(
      page,
      (wanted) => document.querySelector("[data-matching]").dataset.matching === wanted,
      count,
    );
    return name !== "" && (await holds(async () => (await stageOf()).length === 1));
  });
  await check("all stages are back with one choice", async () => {
    await page.getByLabel("Stage", { exact: true }).selectOption("*");
    await until(page, () => location.search === "");
  });
  await check("one task folds to one row, and opens again", async () => {
    await page.getByLabel("Stage", { exact: true }).selectOption("score_candidates");
    await page.locator("[data-group-task]").first().waitFor();
    const task = await page.locator("[data-group-task]").first().getAttribute("data-group-task");
    const lines = page.locator(`[data-seq][data-task="${task}"]`);
    const before = await still(() => lines.count());
    const head = page.locator(`[data-group-task="${task}"] button`);
    await head.click();
    await until(
      page,
      (id) => document.querySelectorAll(`[data-seq][data-task="${id}"]`).length === 0,
      task,
    );
    await head.click();
    await until(
      page,
      ([id, count]) => document.querySelectorAll(`[data-seq][data-task="${id}"]`).length === count,
      [task, before],
    );
    return before > 0;
  });
}

/** Looks: headings, folds, wrap, time, theme, panes. */
async function looks({ page, check }) {
  await check("folding all leaves one row a stage; unfolding brings the lines back", async () => {
    await page.getByRole("button", { name: "Fold all stages" }).click();
    await until(
      page,
      () =>
        document.querySelectorAll(".group.folded").length > 0 &&
        document.querySelectorAll("[data-seq][data-stage]").length === 0,
    );
    const shown = await still(() => page.locator("[data-seq]").count());
    await page.getByRole("button", { name: "Unfold all" }).click();
    await until(page, (before) => document.querySelectorAll("[data-seq]").length > before, shown);
  });
  await check("the time column changes", async () => {
    const time = () => page.locator("[data-seq] .time").first().innerText();
    const before = await still(time);
    for (const wanted of [/Z$/, /^\+/, new RegExp(`^${before}$`)]) {
      await page.keyboard.press("t");
      if (!(await holds(async () => wanted.test(await time())))) return false;
    }
  });
  await check(
    "delta is the time since the line above, which is the last one before a fold",
    async () => {
      const deltas = () =>
        page
          .locator("[data-seq]")
          .evaluateAll((rows) =>
            rows.map((row) => [row.dataset.time, row.querySelector(".time").textContent]),
          );
      const same = async (count) => {
        const shown = await deltas();
        const wanted = shown
          .slice(1)
          .map(([at], index) => Date.parse(at) - Date.parse(shown[index][0]));
        return (
          shown.length > count &&
          shown
            .slice(1)
            .every(
              ([, text], index) =>
                /^[+-]\d+\.\d{3} s$/.test(text) &&
                Math.abs(parseFloat(text) * 1000 - wanted[index]) <= 1,
            )
        );
      };
      if (!(await holds(() => same(5)))) return false;
      await page.locator("[data-group-stage]:not([data-group-task]) button").first().click();
      await until(page, () => document.querySelector(".group.folded"));
      const folded = await holds(() => same(0));
      await page.locator(".group.folded button").first().click();
      await until(page, () => !document.querySelector(".group.folded"));
      await page.keyboard.press("t");
      return folded;
    },
  );
  await check("the theme changes and is remembered", async () => {
    await page.getByRole("button", { name: /^Theme: dark/ }).click();
    await page.reload();
    await settled(page);
    await until(page, () => document.documentElement.dataset.theme === "light");
    await page.getByRole("button", { name: /^Theme: light/ }).click();
    await page.getByRole("button", { name: /^Theme: system/ }).click();
  });
  await check("payload and result are shown", async () => {
    await page.locator("#tab-payload").click();
    await page.locator("#panel-payload").waitFor({ timeout: WAIT_MS });
    await page.locator("#tab-result").click();
    await page.locator("#panel-result").waitFor({ timeout: WAIT_MS });
    await page.locator("#tab-timeline").click();
  });
  await check("at twice the size there is still a log to read", async () => {
    await page.setViewportSize({ width: 720, height: 450 });
    return (
      (await holds(async () => (await page.locator(".viewport").count()) === 1)) &&
      holds(async () => (await onScreen(page)).length >= 6)
    );
  });
  await check("nothing is wider than a narrow screen", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    const narrow = await holds(() =>
      page.evaluate(() => document.documentElement.scrollWidth === 360),
    );
    await page.setViewportSize({ width: 1440, height: 900 });
    return narrow;
  });
}

/** A line of 20,000 characters: that there is more of it is said where one can see it, without wrapping, too. */
async function longLine({ page, check }) {
  const more = page.locator("[data-all]").first();
  await check("the button that shows all of it is on the screen", () =>
    holds(async () => {
      const [button, view] = [
        await more.boundingBox(),
        await page.locator(".viewport").boundingBox(),
      ];
      return button !== null && button.x > view.x && button.x + button.width <= view.x + view.width;
    }),
  );
  await check("it shows all of it", async () => {
    await more.click();
    await until(page, () =>
      [...document.querySelectorAll("[data-message]")].some(
        (one) => one.textContent.length === 20_000,
      ),
    );
  });
}

/** Addresses that lead nowhere. */
async function missing({ page, url, check }) {
  await check("an unknown job says so and leads on", async () => {
    await page.goto(`${url}/jobs/JB_00000000000000000000000000`);
    await page.getByText("There is no such job").waitFor({ timeout: WAIT_MS });
    await page.getByRole("link", { name: "All jobs", exact: true }).click();
    await until(page, () => location.pathname === "/jobs");
  });
}

/** A failed run opens where it failed. */
async function failure({ page, check }) {
  await check("the error is in the head, with its stage", async () => {
    await page.locator("header [role=alert]").waitFor({ timeout: WAIT_MS });
    return holds(async () => (await page.locator("header [role=alert] .stage").count()) === 1);
  });
  await check("the first error is on the screen", async () => {
    await page.locator('[data-level="error"]').first().waitFor({ timeout: WAIT_MS });
    return holds(async () =>
      (await onScreen(page)).includes(
        Number(await page.locator('[data-level="error"]').first().getAttribute("data-seq")),
      ),
    );
  });
  await check("e selects an error", async () => {
    await page.keyboard.press("e");
    await until(page, () => document.querySelector('[data-seq].selected[data-level="error"]'));
  });
  await check(
    "what went wrong is listed, alike lines together, as the server groups it",
    async () => {
      await page.locator("#tab-issues").click();
      const id = new URL(page.url()).pathname.split("/").at(-1);
      const { groups } = await ask(page, "GET", `/api/pulse/jobs/${id}/groups?attempt=1`);
      await page.locator("[data-group]").first().waitFor();
      const shown = await page
        .locator("[data-group]")
        .evaluateAll((rows) =>
          rows.map((row) => [Number(row.dataset.group), row.querySelector(".count").innerText]),
        );
      return (
        JSON.stringify(shown) ===
        JSON.stringify(groups.map(({ first, count }) => [first.id, `${count} ×`]))
      );
    },
  );
  await check("a group leads to its first line in the log", async () => {
    const row = page.locator("[data-group]").first();
    const seq = await row.getAttribute("data-group");
    await row.locator("a.time").click();
    await until(
      page,
      (seq) =>
        location.hash === `#A1L${seq}` &&
        document.querySelector(`.viewport [data-seq="${seq}"].selected`),
      seq,
    );
  });
}

const following = (page) =>
  page
    .locator("button.follow")
    .getAttribute("aria-pressed")
    .then((pressed) => pressed === "true");

/** The job that ticks has been looked at long enough. */
const enough = () => writeFileSync(process.env.QNTX_TICKS_UNTIL, "");

/** Line and place of the first row on the screen: what must not move while one reads. */
function position(page) {
  return page.evaluate(() => {
    const top = document.querySelector(".viewport").getBoundingClientRect().top;
    const row = [...document.querySelectorAll("[data-seq]")].find(
      (one) => one.getBoundingClientRect().top >= top,
    );
    return `${row.dataset.seq} at ${row.getBoundingClientRect().top - top}`;
  });
}

/** A running job: the view follows, stays where the reader is, follows again, and has every line at the end. */
async function live({ page, check }) {
  const last = () =>
    page.evaluate(() =>
      Number([...document.querySelectorAll("[data-seq]")].at(-1)?.dataset.seq ?? 0),
    );
  await check("a running job is followed", async () => {
    await until(page, () => document.querySelectorAll("[data-seq]").length > 40);
    const before = await last();
    await until(
      page,
      (seq) => Number([...document.querySelectorAll("[data-seq]")].at(-1).dataset.seq) > seq + 5,
      before,
    );
    return holds(
      async () =>
        (await following(page)) && (await page.locator("[data-connection=live]").count()) === 1,
    );
  });
  await check("it is told how far it is, how long it still takes and what it cost", async () => {
    const shown = await until(page, () => {
      const facts = document.querySelector("header .facts").innerText.replaceAll(/\s+/g, " ");
      const [, cost] = /Cost \$(\d+\.\d\d)/.exec(facts) ?? [];
      const [, done, seconds] = /(\d+) of 900, (?:(\d+) s|a moment) left/.exec(facts) ?? [];
      return done && cost
        ? { done: Number(done), seconds: Number(seconds ?? 1), cost: Number(cost) }
        : null;
    });
    const { done, seconds, cost } = await shown.jsonValue();
    // As it was told at one moment: 0.01 s and a cent for each line at least.
    return (
      done > 40 &&
      Math.abs(cost - done / 100) < 0.02 &&
      seconds >= Math.floor((900 - done) * 0.01) &&
      seconds < 60
    );
  });
  await check("scrolling up pauses, and nothing moves while lines arrive", async () => {
    await page.locator(".viewport").hover();
    await page.mouse.wheel(0, -60);
    await until(
      page,
      () => document.querySelector("button.follow")?.getAttribute("aria-pressed") === "false",
    );
    const [before, seq] = [await still(() => position(page)), await last()];
    await until(page, () =>
      /\d+ new/.test(document.querySelector("button.follow")?.textContent ?? ""),
    );
    await page.waitForTimeout(800);
    return !(await following(page)) && (await position(page)) === before && seq > 0;
  });
  await check("wrap and theme do not change that", async () => {
    await page.keyboard.press("w");
    await page.keyboard.press("w");
    return !(await following(page));
  });
  await check("reaching the end with the wheel follows again, PageUp pauses", async () => {
    await page.locator(".viewport").hover();
    const follows = () =>
      page.evaluate(
        () => document.querySelector("button.follow")?.getAttribute("aria-pressed") === "true",
      );
    while (!(await follows())) {
      await page.mouse.wheel(0, 2000);
      await page.evaluate(
        () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
      );
    }
    await page.keyboard.press("PageUp");
    await until(
      page,
      () => document.querySelector("button.follow")?.getAttribute("aria-pressed") === "false",
    );
  });
  await check("End follows again", async () => {
    await page.keyboard.press("End");
    await until(
      page,
      () => document.querySelector("button.follow")?.getAttribute("aria-pressed") === "true",
    );
  });
  await check("the page sees the end of the run and shows its last line", async () => {
    enough();
    await page.waitForFunction(
      () =>
        !["running", "queued"].includes(
          document.querySelector("header [data-status]").dataset.status,
        ),
      null,
      { timeout: 60_000 },
    );
    await until(page, () => document.querySelector("[data-connection=connected]"));
    return holds(async () => (await onScreen(page)).at(-1) === (await matching(page)));
  });
}

/** The network goes away while a job runs, and comes back: the page says so, goes on by itself, and no line is missing. */
async function unplugged({ page, jobId, check }) {
  const last = () =>
    page.evaluate(() =>
      Number([...document.querySelectorAll("[data-seq]")].at(-1)?.dataset.seq ?? 0),
    );
  await until(page, () => document.querySelectorAll("[data-seq]").length > 20);
  await page.context().setOffline(true);
  await check("the page says that the server is away, and keeps what it shows", async () => {
    await page.locator(".offline[role=alert]").waitFor();
    return (await last()) > 20;
  });
  const before = await last();
  await page.context().setOffline(false);
  await check("it goes on by itself", async () => {
    await page.locator(".offline[role=alert]").waitFor({ state: "detached", timeout: WAIT_MS });
    await until(
      page,
      (seq) => Number([...document.querySelectorAll("[data-seq]")].at(-1).dataset.seq) > seq,
      before,
    );
  });
  await check(
    "what was asked for while the server was away is there as soon as it is back",
    async () => {
      await page.context().setOffline(true);
      const stage = await page
        .getByLabel("Stage", { exact: true })
        .locator("option")
        .last()
        .getAttribute("value");
      await page.getByLabel("Stage", { exact: true }).selectOption(stage);
      await page.locator(".log [role=alert]").waitFor();
      await page.context().setOffline(false);
      await page.locator(".log [role=alert]").waitFor({ state: "detached" });
      await until(
        page,
        (name) =>
          [...document.querySelectorAll("[data-seq]")].some((row) => row.dataset.stage === name),
        stage,
      );
      await page.getByLabel("Stage", { exact: true }).selectOption("*");
    },
  );
  await check("no line is missing at the end", async () => {
    enough();
    await page.waitForFunction(
      () =>
        !["running", "queued"].includes(
          document.querySelector("header [data-status]").dataset.status,
        ),
      null,
      { timeout: 60_000 },
    );
    const { counts } = await ask(page, "GET", `/api/pulse/jobs/${jobId}`);
    await page.keyboard.press("End");
    await page.locator(`[data-seq="${counts.total}"]`).waitFor();
    const seen = new Set();
    const inView = () =>
      page.locator("[data-seq]").evaluateAll((rows) => rows.map((row) => Number(row.dataset.seq)));
    for (let top = Number.POSITIVE_INFINITY; top > 1; top = Math.min(...seen)) {
      await page.locator(".viewport").press("PageUp");
      await until(
        page,
        (before) => Number(document.querySelector("[data-seq]").dataset.seq) < before,
        top,
      );
      for (const seq of await inView()) seen.add(seq);
    }
    return (await page.locator("[data-gap]").count()) === 0 && seen.size === counts.total;
  });
}

const JOB_FLOWS = {
  narrowing,
  origins,
  overTime,
  choosing,
  moving,
  searching,
  asking,
  taking,
  looks,
  longLine,
  missing,
  failure,
  live,
  unplugged,
};
const USUAL = [
  "list",
  "narrowing",
  "choosing",
  "moving",
  "searching",
  "asking",
  "taking",
  "looks",
  "missing",
];
const EXPECTED = {
  missing: [404],
  asking: [400],
  unplugged: ["ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED"],
};

async function main() {
  const [url, jobId, ...names] = process.argv.slice(2);
  if (!jobId) throw new Error("usage: node flows.mjs URL JOB_ID [FLOW…]");
  const path = `/jobs/${encodeURIComponent(jobId)}`;
  const ofJob = Object.entries(JOB_FLOWS).map(([name, go]) => [
    name,
    { path, go, expected: EXPECTED[name] ?? [], latency: name !== "unplugged" },
  ]);
  const flows = { list: { path: "/jobs", go: list }, ...Object.fromEntries(ofJob) };
  report(
    await walk(url.replace(/\/$/, ""), named(flows, names.length > 0 ? names : USUAL), { jobId }),
  );
}

run(import.meta.url, main);
