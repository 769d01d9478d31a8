// A page asks only for what it shows: bytes, which do not depend on speed.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chart, link, open, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const PREFIXES = ["boiler", "freezer", "lab", "net", "oven", "press", "pump", "robot", "tank", "valve", "weather", "zone"];
const EACH = 26;
const SECONDS = 3_600;
/** Seconds in one request. */
const CHUNK = 300;

/** An hour of 312 signals, a sample a second each: tenths, thousandths, and doubles of any digits. */
async function anHour(backend) {
  const names = PREFIXES.flatMap((prefix) => Array.from({ length: EACH }, (_, n) => `${prefix}.s${String(n).padStart(2, "0")}`));
  const begin = Date.now() - SECONDS * 1000;
  let seed = 1;
  const noise = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  for (let from = 0; from < SECONDS; from += CHUNK) {
    const readings = Array.from({ length: CHUNK }, (_, n) => {
      const second = from + n;
      const value = (line) => 20 + 5 * Math.sin(second / (40 + line)) + noise();
      const digits = [1, 3, 17];
      const signals = names.map((name, line) => [name, Number(value(line).toFixed(digits[line % 3]))]);
      return { timestamp: new Date(begin + second * 1000).toISOString(), signals: Object.fromEntries(signals) };
    });
    await backend.post(...readings);
  }
}

/** Opens a page and counts what it gets: `{page, files, rest}`, in bytes. */
async function counted(t, url, options) {
  const bytes = { files: 0, rest: 0, summaries: 0 };
  const page = await open(t, { url }, {
    ...options,
    before: async (page) => {
      const network = await page.context().newCDPSession(page);
      await network.send("Network.enable");
      const answers = new Map();
      network.on("Network.requestWillBeSent", ({ requestId, request }) => answers.set(requestId, new URL(request.url).pathname));
      network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
        const path = answers.get(requestId);
        bytes[path?.startsWith("/api/") ? "rest" : "files"] += encodedDataLength;
        if (path === "/api/telemetry/summary") bytes.summaries += 1;
      });
      network.on("Network.webSocketFrameReceived", ({ response }) => {
        bytes.rest += response.opcode === 2 ? response.payloadData.length * 0.75 : response.payloadData.length;
      });
    },
  });
  await link(page, "live");
  return { page, bytes };
}

test("a board, an embedded panel and everything move only what they show", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await anHour(backend);
  const of = (prefix, count) => Array.from({ length: count }, (_, n) => `${prefix}.s${String(n).padStart(2, "0")}`);
  const panels = [of("press", 4), of("boiler", 9), of("valve", 8), of("net", 8), of("freezer", 8)];
  const lines = panels.map((signals, n) => ({ id: String(n), title: "", signals, width: 6, height: 4 }));
  const tiles = { id: "tiles", title: "Tanks", kind: "stat", signals: of("tank", 8), width: 6, height: 4 };
  await backend.send("POST", "/api/boards", { id: "hall", title: "Hall", panels: [...lines, tiles] });
  const full = async (page, panel) =>
    until(`panel ${panel} has its lines`, async () => (await chart(page, panel).points()) > 1_000);
  const viewport = { width: 1440, height: 900 };

  const embed = await counted(t, `${backend.url}/boards/hall?panel=0`, { viewport: { width: 700, height: 350 } });
  await full(embed.page, "0");
  await until("the means have been asked for", () => embed.bytes.summaries > 0);
  assert.ok(embed.bytes.rest < 100_000, `four lines: ${embed.bytes.rest} bytes`);

  const board = await counted(t, `${backend.url}/boards/hall`, { viewport });
  for (const panel of lines) {
    await board.page.locator(`[data-panel="${panel.id}"]`).scrollIntoViewIfNeeded();
    await full(board.page, panel.id);
  }
  const all = board.bytes.rest + board.bytes.files;
  assert.ok(all < 1_500_000, `six panels, all of them looked at: ${all} bytes`);

  const everything = await counted(t, backend.url, { viewport });
  await full(everything.page, "boiler");
  const first = everything.bytes.rest;
  assert.ok(first < 1_500_000, `the first screen of everything: ${first} bytes`);
  assert.equal(await chart(everything.page, "zone").points(), 0, "what nobody looks at is not there");
  await everything.page.locator('[data-panel="zone"]').scrollIntoViewIfNeeded();
  await full(everything.page, "zone");
});

test("what is needed first is asked for once, while the program is on its way", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post({ timestamp: new Date().toISOString(), signals: { oven: 20 } });
  await backend.send("POST", "/api/boards", { title: "Ovens", panels: [{ signals: ["oven"] }] });
  const documents = ["/api/revision", "/api/boards", "/api/boards/ovens", "/api/signals?metadata=1", "/api/alerts", "/api/rules?limit=1000"];
  const first = [...documents, "/api/signals?details=1"];
  const asked = [];
  let sockets = 0;
  const page = await open(t, { url: `${backend.url}/boards/ovens` }, {
    before: async (page) => {
      page.on("websocket", () => (sockets += 1));
      page.on("request", (request) => asked.push(request.url().replace(backend.url, "").replace(/[?&](from|to)=[^&]*/g, "")));
      // The program is held back until everything was asked for.
      await page.route("**/afterglow_bg.wasm", async (route) => {
        await until("it was asked for ahead", () => sockets === 1 && first.every((address) => asked.includes(address)));
        await route.continue();
      });
    },
  });
  await link(page, "live");
  await until("the sample is drawn", async () => (await page.getByTestId("chart").getAttribute("data-points")) === "1");
  await until("alerts of the range were asked for", () => asked.some((address) => address.startsWith("/api/alerts/history")));
  const once = [...documents, "/api/alerts/history", "/api/annotations"];
  const twice = once.filter((address) => asked.filter((other) => other === address).length > 1);
  assert.deepEqual([twice, sockets], [[], 1]);
});
