// Watches a progress bar in a job's log: one line that changes in place, then a line with a number.
//
//   node growing.mjs URL JOB_ID GO
// GO: a file to write when enough was seen. Prints as JSON
//   {"trouble": [], "seen": ["progress 3%", …], "most": 1, "numbered": "progress 99%", "left": 0, "receipt": "…"}
import { writeFileSync } from "node:fs";

import { open, run } from "./browser.mjs";
import { WAIT_MS } from "./walk.mjs";

const FRAMES = 3;

async function main() {
  const [url, jobId, go] = process.argv.slice(2);
  if (!go) throw new Error("usage: node growing.mjs URL JOB_ID GO");
  const { page, trouble, close } = await open(`${url}/jobs/${jobId}`);
  const growing = page.locator("[data-growing] .message");
  const seen = [];
  let most = 0;
  while (seen.length < FRAMES) {
    await page.waitForFunction(
      (last) => {
        const now = document.querySelector("[data-growing] .message");
        return now && now.textContent !== last;
      },
      seen.at(-1) ?? "",
      { timeout: WAIT_MS },
    );
    const texts = await growing.allTextContents();
    most = Math.max(most, texts.length);
    if (texts.length > 0) seen.push(texts[0]);
  }
  const numberedBefore = await page.locator("[data-seq]").count();
  const receiptBefore = await page.locator("main header .receipt").textContent();
  writeFileSync(go, "");
  const first = page.locator('[data-seq="1"] [data-message]');
  await first.waitFor({ timeout: WAIT_MS });
  await page.locator("main header .receipt.complete").waitFor({ timeout: WAIT_MS });
  const numbered = await first.textContent();
  const left = await growing.count();
  console.log(
    JSON.stringify({ trouble, seen, most, numberedBefore, receiptBefore, numbered, left }),
  );
  await close();
}

run(import.meta.url, main);
