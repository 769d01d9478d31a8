// Pages of other sites, and a page whose name was rebound to the server: they read nothing and change nothing, on any route.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import { chromium } from "playwright-core";

import { cleanup } from "../support/cleanup.js";
import { DEADLINE } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const EVIL = { signals: { evil: 666 }, title: "evil", panels: [], text: "evil" };

/** A backend with one of everything that can be read, changed or deleted. */
async function start(t) {
  const backend = await Backend.start(t, await folder(t));
  await backend.post({ timestamp: new Date(1_700_000_000_000).toISOString(), signals: { seed: 1 } });
  await backend.send("POST", "/api/boards", { title: "seed", panels: [] });
  await backend.send("POST", "/api/annotations", { text: "seed", from: 5 });
  return backend;
}

/** Every operation of the contract: `[method, path]`. */
async function operations(backend) {
  const { paths } = await backend.get("/api/openapi.json");
  const all = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => [
      method.toUpperCase(),
      path.replace("{id}", path.includes("annotations") ? "1" : "seed").replace(/\{(name|key|episode)\}/, "seed"),
    ]),
  );
  assert.ok(all.length >= 19 && all.every(([, path]) => !path.includes("{")), String(all));
  return all;
}

/** All that can be read of what can be changed, and how many samples ever arrived. */
async function state(backend) {
  const addresses = ["/api/signals?details=1", "/api/telemetry?from=0001-01-01", "/api/boards", "/api/annotations"];
  const answers = await Promise.all(addresses.map((address) => backend.get(address)));
  const { totals } = await backend.get("/api/ingest");
  return JSON.stringify([...answers, totals]);
}

/** A browser for which these names are this machine. */
async function browse(t) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP *.test 127.0.0.1"],
  });
  cleanup(t, () => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(DEADLINE);
  return page;
}

/** Runs in the page: tries everything that a page can, on every operation, and answers with what came of it. */
async function attack({ target, operations, body }) {
  const text = JSON.stringify(body);
  const seen = [];
  const note = (what, result) => seen.push(`${what}: ${result}`);
  const attempt = async (what, options) => {
    const abort = new AbortController();
    const deadline = setTimeout(() => abort.abort(), 5_000);
    try {
      const [method, path] = what.split(" ");
      const response = await fetch(target + path, { method, signal: abort.signal, ...options });
      note(what, response.type === "opaque" ? "opaque" : response.status);
    } catch (error) {
      note(what, error.name);
    }
    clearTimeout(deadline);
  };
  // A form can send JSON as plain text.
  const submit = async (path) => {
    const frame = document.body.appendChild(document.createElement("iframe"));
    frame.name = `frame of ${path}`;
    const form = document.body.appendChild(document.createElement("form"));
    Object.assign(form, { method: "post", enctype: "text/plain", action: target + path, target: frame.name });
    const field = form.appendChild(document.createElement("input"));
    field.name = `${text.slice(0, -1)},"x":"`;
    field.value = '"}';
    const sent = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
    form.submit();
    await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 2_000))]);
    frame.remove();
  };
  const everything = async ([method, path]) => {
    const what = `${method} ${path}`;
    const json = { "content-type": "application/json" };
    const sends = method !== "GET";
    await attempt(`${what} cors`, sends ? { body: text, headers: json } : {});
    await attempt(`${what} credentials`, { credentials: "include", ...(sends ? { body: text } : {}) });
    if (["GET", "POST"].includes(method)) {
      await attempt(`${what} no-cors`, { mode: "no-cors", ...(sends ? { body: new Blob([text]) } : {}) });
    }
    navigator.sendBeacon(target + path, new Blob([text]));
    if (method === "POST") await submit(path);
    const image = new Image();
    const loaded = new Promise((resolve) => {
      image.onload = () => resolve("shown");
      image.onerror = () => resolve("not shown");
    });
    image.src = target + path;
    note(`${what} image`, await loaded);
    const script = document.createElement("script");
    const ran = new Promise((resolve) => {
      script.onload = () => resolve("ran");
      script.onerror = () => resolve("not run");
    });
    script.src = target + path;
    document.head.append(script);
    note(`${what} script`, await ran);
  };
  await Promise.all(operations.map(everything));
  const socket = new WebSocket(`${target.replace("http", "ws")}/ws`);
  note("socket", await new Promise((resolve) => {
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
  }));
  const events = new EventSource(`${target}/api/stream`);
  note("events", await new Promise((resolve) => {
    events.onopen = () => resolve("open");
    events.onerror = () => resolve("refused");
  }));
  events.close();
  return seen;
}

/** A page of another site on this machine: the browser's own guard of loopback does not apply. */
async function site(t, html) {
  const server = createServer((request, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.setHeader("connection", "close");
    response.end(request.url === "/" ? html : "");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanup(t, () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return server.address().port;
}

test("a page of another site reads and changes nothing on any route", async (t) => {
  const backend = await start(t);
  const all = await operations(backend);
  const before = await state(backend);
  const port = await site(t, "<!doctype html><title>Evil</title><body></body>");
  const page = await browse(t);
  // Another host, and another port of the same host, which browsers call the same site.
  for (const origin of [`http://attacker.test:${port}`, `http://127.0.0.1:${port}`, `http://localhost:${port}`]) {
    await page.goto(origin);
    const seen = await page.evaluate(attack, { target: backend.url, operations: all, body: EVIL });
    const allowed = /(cors|credentials): TypeError$|no-cors: (opaque|TypeError)$|image: not shown$|script: not run$|refused$/;
    assert.deepEqual(seen.filter((one) => !allowed.test(one)), [], origin);
    assert.ok(seen.length > 3 * all.length);
  }
  assert.equal(await state(backend), before);
});

test("a rebound name reads and changes nothing on any route", async (t) => {
  const backend = await start(t);
  const all = await operations(backend);
  const before = await state(backend);
  const page = await browse(t);
  // The page comes from its author while the name is still his; then the name leads to the backend.
  let leads = await site(t, "<!doctype html><title>Evil</title><body></body>");
  const name = createTcpServer((socket) => {
    const there = connect(leads, "127.0.0.1");
    for (const [from, to] of [[socket, there], [there, socket]]) from.on("error", () => to.destroy()).pipe(to);
  });
  await new Promise((resolve) => name.listen(0, "127.0.0.1", resolve));
  cleanup(t, () => name.close());
  const target = `http://rebind.test:${name.address().port}`;
  await page.goto(target);
  leads = backend.port;
  const seen = await page.evaluate(attack, { target, operations: all, body: EVIL });
  // It is its own origin, so it sees the refusal.
  const allowed = /(cors|credentials): 421$|image: not shown$|script: not run$|refused$/;
  assert.deepEqual(seen.filter((one) => !allowed.test(one)), []);
  for (const path of ["/", "/boards/seed", "/ingest", "/boot.js", "/nothing"]) {
    assert.equal(await page.evaluate(async (address) => (await fetch(address)).status, target + path), 421, path);
  }
  assert.equal(await state(backend), before);
});

test("a link on another site leads to the page, and to nothing else", async (t) => {
  const backend = await start(t);
  const page = await browse(t);
  const follow = async (path) => {
    const port = await site(t, `<!doctype html><title>Wiki</title><body><a href="${backend.url}${path}">there</a></body>`);
    await page.goto(`http://wiki.test:${port}`);
    const arriving = page.waitForResponse(backend.url + path);
    await page.getByRole("link").click();
    return (await arriving).status();
  };
  assert.equal(await follow("/"), 200);
  assert.equal(await follow("/boards/seed?from=now-1h&to=now"), 200);
  assert.equal(await follow("/api/telemetry"), 403);
  assert.equal(await follow("/api/signals"), 403);
});
