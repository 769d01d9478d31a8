// The page as a reader has it: what it transfers, when it shows something, how soon a sample is on screen, and whether
// it stays smooth with many panels.
//
// The real backend serves the page to a headless Chromium on the same machine; this program is the producer. A line is
// painted when the canvas was told to draw it and the browser has finished that frame.
import { setTimeout as delay } from "node:timers/promises";

import { Backend, folder } from "../../e2e/support/programs.js";
import { launch, quantile, table } from "./browser.js";

const EVERY = 100;
const LOADS = 5;
const UPDATES = 600;
const DRAG = 10_000;

const undo = [];
const t = { after: (call) => undo.push(call) };
const browser = await launch();
try {
  const rows = [["figure", "measured", "bar"]];
  rows.push(...(await loading()), ...(await latency()), ...(await smoothness()));
  console.log("");
  table(rows);
} finally {
  await browser.close();
  for (const call of undo) await call();
}

/** A backend with an hour of a sample a second of each of `signals`. */
async function backendOf(signals) {
  const backend = await Backend.start(t, await folder(t));
  const now = Date.now();
  const reading = (ago) => ({
    timestamp: new Date(now - ago * 1000).toISOString(),
    signals: Object.fromEntries(signals.map((name, line) => [name, value(line, now / 1000 - ago)])),
  });
  for (let ago = 3_600; ago > 0; ago -= 300) {
    await backend.post(...Array.from({ length: 300 }, (_, n) => reading(ago - n)));
  }
  return backend;
}

async function open(backend, viewport = { width: 1280, height: 900 }) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(error.message));
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  let bytes = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  await page.addInitScript(observe);
  await page.goto(backend.url);
  await page.waitForFunction(() => window.observed.lines.length > 0);
  return { context, page, bytes: () => bytes };
}

/** Runs in the page, before anything of it: notes when lines are on screen, when the tail came, and long tasks. */
function observe() {
  const observed = { lines: [], tails: [], tasks: [], frames: [] };
  window.observed = observed;
  const stroke = CanvasRenderingContext2D.prototype.stroke;
  let noted = false;
  CanvasRenderingContext2D.prototype.stroke = function (...paths) {
    // The chart library draws lines from paths, and axes without.
    if (paths.length > 0 && !noted) {
      noted = true;
      const told = performance.now();
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        noted = false;
        observed.lines.push([told, performance.now()]);
      };
      requestAnimationFrame(() => port2.postMessage(0));
    }
    return stroke.apply(this, paths);
  };
  window.WebSocket = class extends WebSocket {
    constructor(...options) {
      super(...options);
      this.addEventListener("message", ({ data }) => {
        const TAIL = 5;
        if (new Uint8Array(data)[0] === TAIL) observed.tails.push(performance.now());
      });
    }
  };
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) observed.tasks.push([startTime, duration]);
  }).observe({ type: "longtask" });
  const frame = (now) => {
    observed.frames.push(now);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

async function loading() {
  const backend = await backendOf(["sine", "walk", "noise", "level", "pressure"]);
  const loads = [];
  for (let load = 0; load < LOADS; load += 1) {
    const { context, page, bytes } = await open(backend);
    const shown = await page.evaluate(() => ({
      paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
      data: window.observed.lines[0][1],
    }));
    loads.push({ ...shown, bytes: bytes() });
    await context.close();
  }
  const middle = (key) => quantile(loads.map((load) => load[key]), 0.5);
  return [
    ["transferred, brotli, everything", `${Math.round(middle("bytes") / 1000)} KB`, "<= 400 KB"],
    ["first paint", `${Math.round(middle("paint"))} ms`, "<= 500 ms"],
    ["first data, 5 signals of an hour", `${Math.round(middle("data"))} ms`, "<= 1,000 ms"],
  ];
}

async function latency() {
  const signals = ["sine", "walk", "noise", "level", "pressure"];
  const backend = await backendOf(signals);
  const { context, page } = await open(backend);
  await page.locator("[data-testid=link][data-state=live]").waitFor();
  const before = await page.evaluate(() => window.observed.tails.length);
  const sent = [];
  await produce(backend, signals, UPDATES, () => sent.push(Date.now()));
  await delay(1_000);
  const { origin, tails, lines } = await page.evaluate(() => ({ origin: performance.timeOrigin, ...window.observed }));
  const arrived = tails.slice(before);
  if (arrived.length !== sent.length) throw new Error(`${sent.length} updates came as ${arrived.length} frames`);
  // What has arrived before the lines are drawn is in them.
  const painted = arrived.map((at) => lines.find(([told]) => told >= at)?.[1] ?? Infinity);
  const waits = painted.map((at, n) => origin + at - sent[n]);
  await context.close();
  const text = (share) => `${Math.round(quantile(waits, share))} ms`;
  return [
    ["sample sent -> painted, p50, 10 updates/s", text(0.5), "<= 60 ms"],
    ["sample sent -> painted, p99", text(0.99), "<= 200 ms"],
  ];
}

async function smoothness() {
  const signals = Array.from({ length: 48 }, (_, n) => `rack${Math.floor(n / 4)}.s${n % 4}`);
  const backend = await backendOf(signals);
  const { context, page } = await open(backend, { width: 1920, height: 1080 });
  await page.locator("[data-testid=link][data-state=live]").waitFor();
  const panels = await page.locator("[data-testid=chart]").count();
  const over = await page.locator(".u-over").first().boundingBox();
  const streaming = produce(backend, signals, Math.ceil(DRAG / EVERY));
  const from = await page.evaluate(() => performance.now());
  await page.mouse.move(over.x + 50, over.y + over.height / 2);
  await page.mouse.down();
  const end = Date.now() + DRAG;
  for (let step = 0; Date.now() < end; step += 1) {
    const share = (1 + Math.sin(step / 40)) / 2;
    await page.mouse.move(over.x + 60 + share * (over.width - 120), over.y + over.height / 2);
    await delay(8);
  }
  const { frames, tasks, now } = await page.evaluate(() => ({ now: performance.now(), ...window.observed }));
  await page.mouse.up();
  await streaming;
  await context.close();
  const within = (at) => at >= from && at <= now;
  const rate = frames.filter(within).length / ((now - from) / 1000);
  const long = tasks.filter(([at]) => within(at)).map(([, duration]) => duration);
  return [
    [`frames/s while dragging, ${panels} panels of 4 signals, 10 updates/s`, rate.toFixed(1), ">= 55"],
    ["tasks over 50 ms meanwhile", long.length, "0"],
    ["the longest of them", long.length === 0 ? "–" : `${Math.round(Math.max(...long))} ms`, ""],
  ];
}

/** Sends `count` samples of each of `signals`, ten times a second; tells `sending` before each. */
async function produce(backend, signals, count, sending = () => {}) {
  const start = Date.now();
  for (let n = 0; n < count; n += 1) {
    await delay(Math.max(0, start + n * EVERY - Date.now()));
    const now = Date.now();
    sending();
    await backend.post({ signals: Object.fromEntries(signals.map((name, line) => [name, value(line, now / 1000)])) });
  }
}

function value(line, seconds) {
  return Math.sin(seconds / (20 + 7 * line)) + line;
}
