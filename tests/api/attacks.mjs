// What a browser can do to a server on its own machine. Prints JSON.
//   node attacks.mjs rebinding PORT        a page whose name resolves to 127.0.0.1 by now
//   node attacks.mjs foreign PAGE TARGET   a page of another site that tries everything on TARGET
//   node attacks.mjs login URL TOKEN CODEURL
import { launch } from "../ui/browser.mjs";

const [what, ...given] = process.argv.slice(2);

/** Reads what it can of a path: [status, text], or the error. */
const read = (path) =>
  fetch(path).then(
    async (answer) => [answer.status, await answer.text()],
    (error) => [0, String(error)],
  );

async function rebinding(port) {
  const { context, close } = await launch([`--host-resolver-rules=MAP evil.example 127.0.0.1`]);
  try {
    const page = await context.newPage();
    const answer = await page.goto(`http://evil.example:${port}/`);
    const paths = [
      "/api/pulse/jobs",
      "/jobs/JB_1/logs",
      "/openapi.json",
      "/api/pulse/system",
      "/metrics",
      "/",
    ];
    const found = {};
    for (const path of paths) found[path] = await page.evaluate(read, path);
    const write = await page.evaluate(() =>
      fetch("/api/pulse/jobs", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: '{"handler_name":"said"}',
      }).then((a) => a.status),
    );
    const stream = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const source = new EventSource("/api/pulse/events");
          source.addEventListener("hello", () => resolve("opened"));
          source.onerror = () => resolve("refused");
        }),
    );
    return { status: answer.status(), found, write, stream };
  } finally {
    await close();
  }
}

async function foreign(address, target) {
  const { context, close } = await launch();
  try {
    const page = await context.newPage();
    await page.goto(address);
    return await page.evaluate(async (base) => {
      const found = {};
      const tried = async (name, call) => {
        found[name] = await call().then(
          (value) => String(value),
          () => "refused",
        );
      };
      await tried("read", async () => (await fetch(`${base}/api/pulse/jobs`)).text());
      await tried("read with cookies", async () =>
        (await fetch(`${base}/api/pulse/jobs`, { credentials: "include" })).text(),
      );
      await tried(
        "blind read",
        async () => (await fetch(`${base}/api/pulse/jobs`, { mode: "no-cors" })).type,
      );
      const body = '{"handler_name":"said"}';
      await tried(
        "blind write",
        async () =>
          (await fetch(`${base}/api/pulse/jobs`, { method: "POST", mode: "no-cors", body })).type,
      );
      await tried(
        "write",
        async () =>
          (
            await fetch(`${base}/api/pulse/jobs`, {
              method: "POST",
              body,
              headers: { "Content-Type": "application/json" },
            })
          ).status,
      );
      await tried("beacon", async () => navigator.sendBeacon(`${base}/api/pulse/jobs`, body));
      await tried(
        "stream",
        () =>
          new Promise((resolve, reject) => {
            const source = new EventSource(`${base}/api/pulse/events`);
            source.addEventListener("hello", () => resolve("opened"));
            source.onerror = reject;
          }),
      );
      const loaded = (element) =>
        new Promise((resolve, reject) => {
          element.onload = () => resolve("loaded");
          element.onerror = reject;
          document.body.append(element);
        });
      await tried("script", () =>
        loaded(Object.assign(document.createElement("script"), { src: `${base}/api/pulse/jobs` })),
      );
      await tried("image", () =>
        loaded(Object.assign(new Image(), { src: `${base}/assets/icon.svg` })),
      );
      const frame = Object.assign(document.createElement("iframe"), { src: `${base}/` });
      await loaded(frame).catch(() => null);
      found.frame = frame.contentDocument === null ? "closed" : "open";
      const form = Object.assign(document.createElement("form"), {
        action: `${base}/api/pulse/jobs`,
        method: "post",
        target: "sink",
        enctype: "text/plain",
      });
      form.append(
        Object.assign(document.createElement("input"), {
          name: '{"handler_name":"said","x":"',
          value: '"}',
        }),
      );
      const sink = Object.assign(document.createElement("iframe"), { name: "sink" });
      document.body.append(sink, form);
      const sent = new Promise((resolve) => {
        sink.onload = resolve;
      });
      form.submit();
      await sent;
      return found;
    }, target);
  } finally {
    await close();
  }
}

async function login(url, token, codeUrl) {
  const { context, close } = await launch();
  try {
    const page = await context.newPage();
    const trouble = [];
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().includes("status of 401"))
        trouble.push(message.text());
    });
    page.on("pageerror", (error) => trouble.push(String(error)));
    await page.goto(`${url}/docs`);
    const led = new URL(page.url());
    await page.fill("#token", "wrong");
    await page.click("button");
    await page.waitForFunction(() => document.getElementById("message").textContent !== "");
    const refused = await page.textContent("#message");
    await page.fill("#token", token);
    await page.click("button");
    await page.waitForSelector("#operations details");
    const arrived = new URL(page.url()).pathname;
    const all = await page.locator("#operations details").count();
    await page.fill("#search", "retention preview");
    const few = await page.locator("#operations details:visible").count();
    await page.locator("#operations details:visible summary").first().click();
    await page.waitForSelector("#operations details[open] pre"); // filled a moment after it is opened
    const shown = await page.locator("#operations details:visible").first().innerText();
    const cookie = await page.evaluate(() => document.cookie);
    await context.clearCookies();
    await page.goto(codeUrl);
    await page.waitForURL((there) => there.pathname === "/" && there.hash === "");
    const data = await page.evaluate(read, "/api/pulse/jobs");
    const [session] = await context.cookies();
    await context.clearCookies();
    const again = await context.newPage();
    await again.goto(codeUrl);
    await again.waitForFunction(() => document.getElementById("message").textContent !== "");
    return {
      led: led.pathname + led.search,
      refused,
      arrived,
      all,
      few,
      shown,
      cookie,
      trouble,
      status: data[0],
      session: { httpOnly: session.httpOnly, sameSite: session.sameSite },
      again: await again.textContent("#message"),
    };
  } finally {
    await close();
  }
}

const attacks = { rebinding, foreign, login };
console.log(JSON.stringify(await attacks[what](...given)));
