// Opens pages in the machine's Chromium and keeps account of what went wrong in them: console errors, CSP violations, failed requests.
//
//   import { open } from "./browser.mjs";
//   const { page, trouble, close } = await open("http://127.0.0.1:8820/", { theme: "light", width: 360, height: 740 });
//
// From a shell: node browser.mjs URL [--shot FILE] [--theme dark|light] [--size WxH] [--wait SELECTOR]
// prints {"title", "trouble"} as JSON and ends with 1 when there was any trouble.
import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
// Without these, Chromium looks up hosts of its maker at every start.
const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-default-apps",
];

const require = createRequire(new URL("../../web/package.json", import.meta.url));

/** A package of web/node_modules; says how to install it when it is not there. */
export function fromWeb(name) {
  try {
    return require(name);
  } catch {
    throw new Error(`${name} is not installed: run \`npm ci\` in web/.`);
  }
}

function onPath(name) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not here
    }
  }
  return null;
}

function installed() {
  const chosen = process.env.QNTX_CHROMIUM;
  if (chosen) {
    accessSync(chosen, constants.X_OK);
    return chosen;
  }
  return NAMES.map(onPath).find(Boolean) ?? null;
}

/** Path of a Chromium: QNTX_CHROMIUM, else one on PATH, else Debian's is installed when that is possible. */
export function findChromium() {
  const there = installed();
  if (there) return there;
  if (process.getuid?.() === 0 && onPath("apt-get")) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    execFileSync("apt-get", ["update", "-qq"], { env, stdio: ["ignore", "ignore", "inherit"] });
    execFileSync("apt-get", ["install", "-y", "-qq", "chromium"], {
      env,
      stdio: ["ignore", "ignore", "inherit"],
    });
    const now = installed();
    if (now) return now;
  }
  throw new Error(
    "The UI tests need Chromium: install it (Debian: apt-get install chromium) or set QNTX_CHROMIUM to its path.",
  );
}

/** How many times slower than it is the browser shall be: QNTX_UI_SLOW=6 finds checks that look before the page is there. */
export const SLOW = Number(process.env.QNTX_UI_SLOW ?? 1);
const SLOW_LATENCY_MS = 40;

/** Takes time away from a page, and makes its requests wait. */
async function slowDown(page, latency) {
  const session = await page.context().newCDPSession(page);
  await session.send("Emulation.setCPUThrottlingRate", { rate: SLOW });
  if (!latency) return;
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: SLOW * SLOW_LATENCY_MS,
    downloadThroughput: -1,
    uploadThroughput: -1,
  });
}

/** A running browser; `close()` ends it and removes its profile. */
export async function launch(extraFlags = []) {
  const { chromium } = fromWeb("playwright-core");
  const profile = mkdtempSync(join(tmpdir(), "qntx-ui-"));
  const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findChromium(),
    headless: true,
    args: [...FLAGS, ...root, ...extraFlags],
    viewport: null,
    timezoneId: "UTC",
    locale: "en-GB",
  });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
  };
  return { context, close };
}

/** Everything that goes wrong in a page, from its first byte on. `expected` holds statuses, and parts of messages, that are no trouble. */
async function watch(page, expected) {
  const trouble = [];
  page.on("console", (message) => {
    const known = expected.some((one) =>
      message.text().includes(typeof one === "number" ? `status of ${one}` : one),
    );
    if (["error", "warning"].includes(message.type()) && !known)
      trouble.push({ kind: `console ${message.type()}`, text: message.text() });
  });
  page.on("pageerror", (error) =>
    trouble.push({ kind: "exception", text: String(error.stack ?? error) }),
  );
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (
      url.protocol.startsWith("http") &&
      url.origin !== new URL(page.url() === "about:blank" ? request.url() : page.url()).origin
    ) {
      trouble.push({ kind: "foreign request", text: request.url() });
    }
  });
  await page.exposeBinding("__qntxViolation", (_source, text) =>
    trouble.push({ kind: "csp violation", text }),
  );
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.__qntxViolation(
        `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ""}:${event.lineNumber ?? ""} ${event.sample ?? ""}`,
      );
    });
  });
  return trouble;
}

/**
 * Opens an address and waits until its view has content.
 * Options: theme ("dark", "light", "system"), width, height, browser (from `launch`), preferences, expected (HTTP statuses),
 * latency (false: QNTX_UI_SLOW leaves the network alone, since the page is to be cut off from it).
 */
export async function open(url, options = {}) {
  const {
    theme = "dark",
    width = 1440,
    height = 900,
    preferences = {},
    expected = [],
    latency = true,
  } = options;
  const browser = options.browser ?? (await launch());
  const page = await browser.context.newPage();
  const trouble = await watch(page, expected);
  if (SLOW > 1) await slowDown(page, latency);
  await page.setViewportSize({ width, height });
  await page.addInitScript(
    (stored) => {
      // Once for this page; what is chosen in it later survives a reload.
      if (sessionStorage.getItem("qntx.seeded")) return;
      sessionStorage.setItem("qntx.seeded", "yes");
      localStorage.setItem("qntx.pulse", stored);
    },
    JSON.stringify({ theme, ...preferences }),
  );
  await page.goto(url, { waitUntil: "load" });
  await settled(page);
  return { page, trouble, close: async () => (options.browser ? page.close() : browser.close()) };
}

/** Waits until nothing on the page says that it is loading. */
export async function settled(page) {
  await page.waitForFunction(() => {
    const main = document.querySelector("main");
    return main && main.childElementCount > 0 && !main.querySelector(".skeleton");
  });
}

function argument(name) {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

async function main() {
  const [width, height] = (argument("--size") ?? "1440x900").split("x").map(Number);
  const { page, trouble, close } = await open(process.argv[2], {
    theme: argument("--theme") ?? "dark",
    width,
    height,
  });
  const wanted = argument("--wait");
  if (wanted) await page.waitForSelector(wanted, { timeout: 10_000 });
  const shot = argument("--shot");
  if (shot) await page.screenshot({ path: shot });
  console.log(JSON.stringify({ title: await page.title(), trouble }));
  await close();
  process.exitCode = trouble.length === 0 ? 0 : 1;
}

/** Runs a script's `main`, with one sentence instead of a stack when it fails. */
export function run(moduleUrl, script) {
  if (process.argv[1] !== fileURLToPath(moduleUrl)) return;
  script().catch((error) => {
    console.error(error.message ?? String(error));
    process.exit(2);
  });
}

run(import.meta.url, main);
