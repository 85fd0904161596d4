// What the flows share: checks that go on after one that failed, waiting, and walking through flows by name, each in a fresh page.
import { launch, open, SLOW } from "./browser.mjs";

/** As long as anything may take on a machine that does other things, too. */
export const WAIT_MS = 15_000 * SLOW;

/** Collects what held and what did not, without stopping at the first. */
function checks() {
  const passed = [];
  const failed = [];
  const check = async (name, test) => {
    try {
      const answer = await test();
      if (answer === false) failed.push(name);
      else passed.push(name);
    } catch (error) {
      failed.push(`${name}: ${String(error.message ?? error).split("\n")[0]}`);
    }
  };
  return { passed, failed, check };
}

/** Whether something that is read off the page comes true in time; the page may still be at work. */
export async function holds(read) {
  for (const deadline = Date.now() + WAIT_MS; ;) {
    if (await read()) return true;
    if (Date.now() > deadline) return false;
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** What is read off the page, once it is the same twice in a row: nothing moves any more. */
export async function still(read) {
  for (let before = await read(); ;) {
    await new Promise((done) => setTimeout(done, 100 * SLOW));
    const now = await read();
    if (JSON.stringify(now) === JSON.stringify(before)) return now;
    before = now;
  }
}

export const until = (page, test, argument) =>
  page.waitForFunction(test, argument, { timeout: WAIT_MS });

/** The JSON that the server answers to a request made by the page, with the page's token. */
export function ask(page, method, path, body) {
  return page.evaluate(
    async ([method, path, body]) => {
      const token = document.querySelector('meta[name="qntx-token"]')?.content ?? "";
      const headers = {
        Authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      };
      const answer = await fetch(path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      return answer.status === 204 ? null : answer.json();
    },
    [method, path, body],
  );
}

/** Runs flows, each { path, go, … } with options of `open`, and gives {"flow": {"passed", "failed", "trouble", "gave"}}; "gave" is what `go` read off. */
export async function walk(url, flows, context) {
  const browser = await launch();
  const result = {};
  for (const [name, { path, go, ...options }] of Object.entries(flows)) {
    const { passed, failed, check } = checks();
    const { page, trouble, close } = await open(url + path, { browser, ...options });
    page.setDefaultTimeout(WAIT_MS);
    const gave = (await go({ page, url, check, ...context })) ?? null;
    result[name] = { passed, failed, trouble, gave };
    await close();
  }
  await browser.close();
  return result;
}

/** Prints what became of the flows; the exit code says whether all went well. */
export function report(result) {
  console.log(JSON.stringify(result, null, 1));
  process.exitCode = Object.values(result).every(
    ({ failed, trouble }) => failed.length + trouble.length === 0,
  )
    ? 0
    : 1;
}

export function named(flows, names) {
  return Object.fromEntries(names.map((name) => [name, flows[name]]));
}
