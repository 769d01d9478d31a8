// A page that nobody looks at: on return it shows the present in one jump, with every sample once.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chart, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const SIGNALS = "signals";
/** Where a frame has the number of its commit (docs/wire.md). */
const SEQUENCE = 16;

/** Commits one sample after the other, every fourth of them `late` seconds late; how many they are. */
async function commit(backend, count, late = 600) {
  const now = Date.now();
  for (let n = 0; n < count; n += 1) {
    const timestamp = new Date(now + n - (n % 4 === 3 ? late * 1000 : 0)).toISOString();
    await backend.post({ timestamp, signals: { temperature: n } });
  }
  return count;
}

/** A page with 60 samples that keeps what its chart says it holds, each time that this changes. */
async function watched(t, backend, before) {
  await backend.post(...readings("temperature", 60, 5));
  const page = await open(t, backend, { before });
  const drawn = chart(page, SIGNALS);
  await link(page, "live");
  await until("60 samples are in the chart", async () => (await drawn.points()) === 60);
  await drawn.element.evaluate((element) => {
    globalThis.changes = [];
    const look = () => globalThis.changes.push(Number(element.dataset.points));
    new MutationObserver(look).observe(element, { attributeFilter: ["data-points"] });
  });
  return { page, drawn, changes: () => page.evaluate(() => globalThis.changes) };
}

test("a hidden page takes everything and shows it with its first frame", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  let reached = 0n;
  const { page, drawn, changes } = await watched(t, backend, async (page) => {
    await page.addInitScript(hideable);
    await page.routeWebSocket("**/ws", (socket) => {
      const server = socket.connectToServer();
      server.onMessage((frame) => {
        socket.send(frame);
        reached = frame.readBigUInt64LE(SEQUENCE);
      });
    });
  });
  const before = reached;
  await page.evaluate(() => globalThis.hide(true));
  const count = await commit(backend, 200);
  await until("the last commit is at the page", () => reached >= before + BigInt(count));
  assert.deepEqual(await changes(), [], "nothing is drawn that nobody sees");
  await page.evaluate(() => globalThis.hide(false));
  await until("all samples are in the chart", async () => (await drawn.points()) === 60 + count);
  assert.deepEqual(await changes(), [60 + count]);
  assert.equal(await backend.count("temperature"), 60 + count);
});

test("a page that its browser had stopped shows no film of what it missed", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const { page, drawn, changes } = await watched(t, backend);
  const browser = await page.context().newCDPSession(page);
  await browser.send("Debugger.enable");
  const stopped = new Promise((resolve) => browser.once("Debugger.paused", resolve));
  await browser.send("Debugger.pause");
  await stopped;
  const count = await commit(backend, 1_500);
  const committed = Date.now();
  await until("it is away for a while", () => Date.now() - committed > 2_000);
  await browser.send("Debugger.resume");
  await until("all samples are in the chart", async () => (await drawn.points()) === 60 + count);
  assert.deepEqual(await changes(), [60 + count]);
  await link(page, "live");
  assert.equal(await backend.count("temperature"), 60 + count);
});

test("a page that was away for minutes has everything once, however late it was sent", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  let sleeping = false;
  const { page, drawn, changes } = await watched(t, backend, async (page) => {
    await page.clock.install();
    await page.routeWebSocket("**/ws", (socket) => {
      const server = socket.connectToServer();
      const slept = sleeping;
      server.onMessage((frame) => {
        if (sleeping === slept) socket.send(frame);
      });
      // A server that has forgotten what came since then sends its history instead.
      socket.onMessage((text) => server.send(JSON.stringify({ ...JSON.parse(text), resume: undefined })));
    });
  });
  sleeping = true;
  const count = await commit(backend, 100);
  // Longer than a socket may be silent.
  await page.clock.fastForward(300_000);
  await until("all samples are in the chart", async () => (await drawn.points()) === 60 + count);
  assert.deepEqual(await changes(), [60 + count]);
  await link(page, "live");
  // What follows is of the same stream.
  await commit(backend, 20);
  await until("later samples too", async () => (await drawn.points()) === 80 + count);
});

/** Runs in the page before it begins: lets a test hide it as a browser hides a tab, without frames. */
function hideable() {
  let hidden = false;
  const waiting = [];
  const request = globalThis.requestAnimationFrame.bind(globalThis);
  globalThis.requestAnimationFrame = (call) => (hidden ? waiting.push(call) : request(call));
  Object.defineProperty(Document.prototype, "hidden", { get: () => hidden });
  Object.defineProperty(Document.prototype, "visibilityState", { get: () => (hidden ? "hidden" : "visible") });
  globalThis.hide = (hide) => {
    hidden = hide;
    document.dispatchEvent(new Event("visibilitychange"));
    if (!hidden) waiting.splice(0).forEach(request);
  };
}
