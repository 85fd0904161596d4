// Opens pages that are full of hostile text, and says what of it was executed, became an element, a link or a violation, or cannot be read.
//
//   node xss.mjs URL FILE
// FILE holds {"views": [{"path", "wants", "tabs"?, "closed"?, "tall"?}], "addresses": [path…], "answers": [path…]} as JSON: views must show all of
// "wants" when everything in them (or in their tabs) is opened, or without that when they are to stay "closed"; addresses are only
// opened, answers are opened as documents of their own. Prints {"executed": […], "strange": […], "unread": […],
// "trouble": […], "files": […], "opened": n} as JSON; ends with 1 when anything but "files" and "opened" holds anything.
import { readFileSync } from "node:fs";

import { launch, open, run, settled } from "./browser.mjs";
import { WAIT_MS } from "./walk.mjs";

const SIZE = { width: 1440, height: 900 };
// High enough for every row of a virtual list to be in the document.
const TALL = { width: 1440, height: 12_000 };
const ROUNDS = 40;

/** In every document, before any script of it: hooks on what payloads call, and an eye on every element that comes. */
function guard() {
  const tell = (kind, text) =>
    window.__qntxSeen(kind, `${String(text).slice(0, 300)} at ${location.pathname.slice(0, 80)}`);
  for (const name of ["alert", "confirm", "prompt", "print"])
    window[name] = (text) => tell("executed", `${name}(${text})`);
  Object.defineProperty(window, "__xss", {
    set: (value) => {
      tell("executed", `__xss = ${value}`);
    },
  });
  const usual = new Set(
    `html head meta title link script body main header footer nav section aside div p span pre code kbd mark time strong small em i b h1 h2 h3 h4
     ul ol li dl dt dd table thead tbody tr th td a button input label select option optgroup textarea fieldset legend form output details summary noscript
     dialog progress svg path canvas`.split(/\s+/),
  );
  const ours = (url) => new URL(url, location.href).origin === location.origin;
  const linked = (element) => {
    const { protocol, origin } = element;
    if (protocol !== "http:" && protocol !== "https:")
      return `leads to ${element.getAttribute("href")}`;
    if (origin !== location.origin && !/noopener/.test(element.rel))
      return "leads away without noopener";
    return null;
  };
  const RULES = {
    a: (element) => (element.hasAttribute("href") ? linked(element) : "has no address"),
    script: (element) =>
      ours(element.src) && element.getAttribute("src")?.startsWith("/assets/")
        ? null
        : "is not ours",
    link: (element) => (ours(element.href) ? null : "is not ours"),
    meta: (element) => (element.httpEquiv ? "commands the browser" : null),
    noscript: (element) =>
      element.childElementCount === 0 && element.parentElement === document.body
        ? null
        : "is not ours",
    form: (element) => (element.hasAttribute("action") ? "has an action" : null),
    svg: (element) =>
      element.childElementCount === element.querySelectorAll(":scope > path").length
        ? null
        : "holds more than paths",
  };
  const wrong = (element) => {
    const name = element.localName;
    if (!usual.has(name)) return "is not an element of the UI";
    const bad = [...element.attributes].find(
      (one) =>
        /^on|^(srcdoc|formaction|contenteditable|xlink:href)$/i.test(one.name) ||
        (one.name === "style" && /url\(|expression/i.test(one.value)),
    );
    return bad ? `has ${bad.name}` : (RULES[name]?.(element) ?? null);
  };
  const look = (element) => {
    let what;
    try {
      what = wrong(element);
    } catch (error) {
      what = `cannot be judged (${error})`;
    }
    if (what) tell("strange", `<${element.localName}> ${what}: ${element.outerHTML.slice(0, 120)}`);
  };
  const lookAll = (node) => {
    if (!(node instanceof Element)) return;
    look(node);
    for (const element of node.querySelectorAll("*")) look(element);
  };
  new MutationObserver((records) => {
    for (const { type, target, addedNodes } of records) {
      if (type === "attributes") look(target);
      else addedNodes.forEach(lookAll);
    }
  }).observe(document, { childList: true, subtree: true, attributes: true });
}

/** Follows a link of the UI without loading it anew. */
async function go(page, path) {
  await page.evaluate((to) => {
    history.pushState(null, "", to);
    dispatchEvent(new PopStateEvent("popstate"));
  }, path);
  await settled(page);
}

/** What of `wants` is neither in the text of the page nor in a title, a label or a field. */
function missing(wants) {
  const attributes = [...document.querySelectorAll("[title], [aria-label]")].map(
    (one) => `${one.title}\n${one.ariaLabel ?? ""}`,
  );
  const fields = [...document.querySelectorAll("input")].map((one) => one.value);
  const text = [
    document.querySelector("main")?.textContent ?? "",
    document.title,
    ...attributes,
    ...fields,
  ].join("\n");
  return wants.filter((want) => !text.includes(want));
}

/** Presses everything that opens or brings more. True while there was anything. */
function openMore(inside) {
  const more = /^(show all|load more|show more|show older|…)|more…$|more lines?$/i;
  const closed = [...document.querySelectorAll(`${inside} button, ${inside} summary`)].filter(
    (one) =>
      one.localName === "summary"
        ? !one.parentElement.open
        : !one.disabled && (one.ariaExpanded === "false" || more.test(one.textContent.trim())),
  );
  for (const one of closed) one.click();
  return closed.length > 0;
}

/** Scrolls whatever scrolls by its height. True while anything moved. */
function scrollOn(inside) {
  let moved = false;
  for (const one of document.querySelectorAll(`${inside}, ${inside} *`)) {
    if (one.scrollHeight <= one.clientHeight + 1 || one.clientHeight < 100) continue;
    const before = one.scrollTop;
    one.scrollTop += one.clientHeight * 0.8;
    moved ||= one.scrollTop > before;
  }
  return moved;
}

/** Opens everything there is to open in a part of a page; what of `wants` was never on the page. */
async function readAll(page, wants, inside) {
  let left = wants;
  const note = async () => (left = left.length > 0 ? await page.evaluate(missing, left) : left);
  await note();
  for (let round = 0; round < ROUNDS && left.length > 0; round += 1) {
    const pressed = await page.evaluate(openMore, inside);
    await page.waitForTimeout(150);
    await settled(page);
    await note();
    if (!pressed && !(await page.evaluate(scrollOn, inside))) break;
  }
  return left;
}

async function readView(page, { path, wants, tabs = [], closed = false, tall = false }) {
  await page.setViewportSize(tall ? TALL : SIZE);
  await go(page, path);
  // Behind tabs there is nothing yet; of a long list the first page is enough to begin with.
  const enough = (left) =>
    tabs.length > 0 || (closed ? left.length === 0 : left.length < wants.length);
  let left = await page.evaluate(missing, wants);
  for (const deadline = Date.now() + WAIT_MS; !enough(left) && Date.now() < deadline;) {
    await page.waitForTimeout(20);
    left = await page.evaluate(missing, left);
  }
  if (!closed && tabs.length === 0) left = await readAll(page, left, "main");
  for (const tab of tabs) {
    await page.locator(`#tab-${tab}`).click({ timeout: WAIT_MS });
    await page.locator(`#panel-${tab}`).waitFor({ timeout: WAIT_MS });
    left = await readAll(page, left, `#panel-${tab}`);
  }
  return left;
}

/** Opens what the server answers as a document of its own, which asks for nothing more; the name of the file when it is downloaded. */
async function openAnswer(page, url) {
  const asked = [];
  const note = (request) => asked.push(request.url());
  page.on("request", note);
  const download = page.waitForEvent("download", { timeout: WAIT_MS }).catch(() => null);
  try {
    const answer = await page.goto(url, { waitUntil: "load" });
    return { type: answer.headers()["content-type"] ?? "", file: null, asked: asked.slice(1) };
  } catch (error) {
    if (!/Download is starting|ERR_ABORTED/.test(error.message)) throw error;
    const file = await download;
    await file?.cancel();
    return { type: "", file: file?.suggestedFilename() ?? "not a download", asked: asked.slice(1) };
  } finally {
    page.off("request", note);
  }
}

/** Answers are no pages of the UI: no script of ours may run in most of them. */
async function openAnswers(context, url, answers, found) {
  const page = await context.newPage();
  page.on(
    "console",
    (message) => /violates|Refused/.test(message.text()) && found.trouble.push(message.text()),
  );
  page.on(
    "dialog",
    (dialog) => (found.executed.push(`a dialog: ${dialog.message()}`), dialog.dismiss()),
  );
  for (const path of answers) {
    const { type, file, asked } = await openAnswer(page, url + path);
    if (file !== null) found.files.push(file);
    else if (!/^(text\/plain|application\/([a-z.-]+\+)?json)/.test(type))
      found.strange.push(`${path.slice(0, 100)} is ${type}`);
    found.trouble.push(
      ...asked
        .filter((one) => !one.endsWith("/favicon.ico"))
        .map((one) => `${path.slice(0, 100)} asks for ${one.slice(0, 200)}`),
    );
    found.opened += 1;
  }
}

/** Reads views and opens addresses of the UI, in one page that is never loaded anew. */
async function openViews(browser, url, views, addresses, found) {
  const { page, trouble } = await open(`${url}/jobs`, { browser, ...SIZE, expected: [400, 404] });
  page.on(
    "dialog",
    (dialog) => (found.executed.push(`a dialog: ${dialog.message()}`), dialog.dismiss()),
  );
  page.on(
    "framenavigated",
    (frame) => frame.url().startsWith(url) || found.executed.push(`left for ${frame.url()}`),
  );
  browser.context.on("page", (other) => found.executed.push(`a new page: ${other.url()}`));
  for (const view of views) {
    const left = await readView(page, view);
    found.unread.push(...left.map((want) => `${view.path}: ${want.slice(0, 200)}`));
    found.opened += 1;
  }
  for (const path of addresses) {
    await go(page, path);
    found.opened += 1;
  }
  found.trouble.push(...trouble);
  browser.context.removeAllListeners("page");
}

async function main() {
  const [url, file] = process.argv.slice(2);
  if (!file) throw new Error("usage: node xss.mjs URL FILE");
  const { views, addresses, answers } = JSON.parse(readFileSync(file, "utf8"));
  const found = { executed: [], strange: [], unread: [], trouble: [], files: [], opened: 0 };
  const browser = await launch();
  await browser.context.exposeBinding("__qntxSeen", (_source, kind, text) =>
    found[kind].push(text),
  );
  await browser.context.addInitScript(guard);
  await openViews(browser, url, views, addresses, found);
  await openAnswers(browser.context, url, answers, found);
  await browser.close();
  console.log(JSON.stringify(found, null, 1));
  process.exitCode =
    found.executed.length + found.strange.length + found.unread.length + found.trouble.length === 0
      ? 0
      : 1;
}

run(import.meta.url, main);
