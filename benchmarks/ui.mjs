// Measures the page of a job in the machine's Chromium.
//
//   node ui.mjs big URL JOB_ID LAST      opening, jumping, memory and nodes of a long log whose last line is LAST
//   node ui.mjs live URL JOB_ID SECONDS  how old lines are when they are painted, of a running job that writes "… at MS" (Unix time)
// prints figures as JSON: times in ms, sizes in bytes.
import { launch, open } from "../tests/ui/browser.mjs";

const OPENINGS = 20;
const JUMPS = 40;

/** In the page: the time of the first frame that has a line of the log, or the login's form, in it; in ms from the start of the navigation. */
function watchFirstLine() {
  const look = () => {
    if (document.querySelector("[data-seq], form#form"))
      requestAnimationFrame(() => (window.firstLineAt = performance.now()));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

async function opening(browser, address) {
  const page = await browser.context.newPage();
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.addInitScript(watchFirstLine);
  await page.goto(address);
  await page.waitForFunction(() => window.firstLineAt);
  const time = await page.evaluate(() => window.firstLineAt);
  await page.close();
  return time;
}

/** From the key or address to the first frame that has the line in it, in ms. */
function timedJump(page, line, act) {
  return page.evaluate(
    ([to, key]) =>
      new Promise((done) => {
        const from = performance.now();
        if (key)
          document
            .querySelector(".viewport")
            .dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        else location.hash = `#A1L${to}`;
        const look = () => {
          if (document.querySelector(`[data-seq="${to}"]`))
            requestAnimationFrame(() => done(performance.now() - from));
          else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      }),
    [line, act],
  );
}

async function big(url, jobId, last) {
  const browser = await launch();
  const address = `${url}/jobs/${jobId}`;
  const [opened, plain] = [[], []];
  for (let number = 0; number < OPENINGS; number += 1) {
    opened.push(await opening(browser, address));
    // A page without data or framework, for comparison: what the machine takes for any page at all.
    plain.push(await opening(browser, `${url}/login`));
  }
  const { page } = await open(address, { browser });
  const [ends, anywhere] = [[], []];
  for (let number = 0; number < JUMPS; number += 1) {
    ends.push(await timedJump(page, last, "End"));
    anywhere.push(await timedJump(page, 1 + Math.floor(Math.random() * (last - 1)), null));
    await page.mouse.move(1000, 500);
    for (let turn = 0; turn < 5; turn += 1) await page.mouse.wheel(0, 1500);
  }
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.enable");
  await session.send("HeapProfiler.collectGarbage");
  await session.send("Performance.enable");
  const { metrics } = await session.send("Performance.getMetrics");
  const metric = (name) => metrics.find((one) => one.name === name).value;
  const elements = await page.evaluate(() => document.querySelectorAll("*").length);
  await browser.close();
  return {
    opened,
    plain,
    ends,
    anywhere,
    heap: metric("JSHeapUsedSize"),
    nodes: metric("Nodes"),
    elements,
  };
}

/** In the page: the age of each line in the frame that shows it first, in ms. */
function watchAges() {
  window.ages = [];
  let newest = 0;
  const look = () => {
    const now = performance.timeOrigin + performance.now();
    for (const row of document.querySelectorAll("[data-seq]")) {
      const seq = Number(row.dataset.seq);
      if (seq <= newest) continue;
      newest = seq;
      const said = / at (\d+\.\d+)$/.exec(row.querySelector("[data-message]").textContent);
      // What the last frame built is on the screen in this one.
      if (said) window.ages.push(now - Number(said[1]));
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(() => {
    // Lines from before the page was there are as old as they are.
    newest = Math.max(
      0,
      ...[...document.querySelectorAll("[data-seq]")].map((row) => Number(row.dataset.seq)),
    );
    look();
  });
}

async function live(url, jobId, seconds) {
  const browser = await launch();
  const { page } = await open(`${url}/jobs/${jobId}`, { browser });
  await page.waitForFunction(() => document.querySelectorAll("[data-seq]").length > 20);
  await page.evaluate(watchAges);
  await page.waitForTimeout(seconds * 1000);
  const ages = await page.evaluate(() => window.ages);
  const following = (await page.locator("button.follow").getAttribute("aria-pressed")) === "true";
  await browser.close();
  return { ages, following };
}

const [what, url, jobId, number] = process.argv.slice(2);
const found =
  what === "big" ? await big(url, jobId, Number(number)) : await live(url, jobId, Number(number));
console.log(JSON.stringify(found));
