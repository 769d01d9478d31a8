// A reader of the page: a browser that opens it, and notes when lines are on screen and when the page was busy; and the producer
// whose samples it shows.
import { setTimeout as delay } from "node:timers/promises";

import { Backend, folder } from "../../e2e/support/programs.js";
import { keepNoCopies } from "./browser.js";

/** Milliseconds between two samples of a signal. */
export const EVERY = 100;

const undo = [];
const t = { after: (call) => undo.push(call) };

/** Ends what was started. */
export async function close() {
  for (const call of undo) await call();
}

/** A backend with an hour of a sample a second of each of `signals`. */
export async function backendOf(signals) {
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

/**
 * Opens a page in a profile of its own and waits for its first line; `network`: the conditions of Chromium's protocol; with `alone`
 * nothing counts what it loads, and nothing keeps it but the page.
 */
export async function open(browser, { url }, { viewport = { width: 1280, height: 900 }, network, alone } = {}) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(error.message));
  const session = await context.newCDPSession(page);
  await (alone ? keepNoCopies(page) : session.send("Network.enable"));
  if (network) await session.send("Network.emulateNetworkConditions", network);
  let bytes = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  await page.addInitScript(observe);
  await page.goto(url, { waitUntil: "commit", timeout: 120_000 });
  await page.waitForFunction(() => window.observed.lines.length > 0, null, { timeout: 120_000 });
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

/** Frames a second between two instants of the page. */
export function rate(frames, from, to) {
  return frames.filter((at) => at >= from && at <= to).length / ((to - from) / 1000);
}

/** The lengths of the tasks over 50 ms between two instants of the page, in milliseconds. */
export function longTasks(tasks, from, to) {
  return tasks.filter(([at]) => at >= from && at <= to).map(([, duration]) => duration);
}

/** Sends `count` samples of each of `signals`, ten times a second; tells `sending` before each. */
export async function produce(backend, signals, count, sending = () => {}) {
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
