// Checks pages for accessibility with axe-core: every rule, wide and narrow, and the contrast in both themes.
//
//   node axe.mjs URL…    prints {url: [violations]} as JSON; ends with 1 when there is any.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { launch, open, run, settled } from "./browser.mjs";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const LOOKS = [
  { theme: "dark", width: 1440, height: 900 },
  // Another theme changes colours only.
  { theme: "light", width: 1440, height: 900, rules: ["color-contrast"] },
  { theme: "dark", width: 360, height: 740 },
];

/** Violations of a page that is open, each with its rule, impact and the elements concerned; of all rules, or of some. */
export async function violations(page, rules = null) {
  // The page's policy forbids inline scripts; evaluating through the debugger is not the page's doing.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const found = await page.evaluate(
    (only) =>
      window.axe.run(document, { resultTypes: ["violations"], ...(only ? { runOnly: only } : {}) }),
    rules,
  );
  return found.violations.map(({ id, impact, help, nodes }) => ({
    rule: id,
    impact,
    help,
    where: nodes
      .slice(0, 5)
      .map(
        (node) =>
          `${node.target.join(" ")}: ${node.failureSummary?.split("\n").slice(1, 3).join(" ").trim()}`,
      ),
  }));
}

/** The theme, by the button that changes it. */
async function wear(page, theme) {
  const shown = () => page.evaluate(() => document.documentElement.dataset.theme);
  for (let click = 0; click < 3 && (await shown()) !== theme; click += 1)
    await page.getByRole("button", { name: /^Theme: / }).click();
}

/** Violations of an address in all themes and sizes, keyed by "theme width". */
export async function check(url, browser) {
  const all = {};
  const { page, close } = await open(url, { ...LOOKS[0], browser, expected: [404] });
  for (const { theme, width, height, rules } of LOOKS) {
    await page.setViewportSize({ width, height });
    await wear(page, theme);
    await settled(page);
    const more = page.getByRole("button", { name: /^More filters/ });
    if (await more.isVisible()) await more.click(); // the form is looked at, too
    const found = await violations(page, rules);
    if (found.length > 0) all[`${theme} ${width}`] = found;
  }
  await close();
  return all;
}

async function main() {
  const urls = process.argv.slice(2);
  if (urls.length === 0) throw new Error("usage: node axe.mjs URL…");
  const browser = await launch();
  const result = {};
  for (const url of urls) result[url] = await check(url, browser);
  await browser.close();
  console.log(JSON.stringify(result, null, 1));
  process.exitCode = Object.values(result).some((found) => Object.keys(found).length > 0) ? 1 : 0;
}

run(import.meta.url, main);
