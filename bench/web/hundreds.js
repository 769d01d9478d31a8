// The page with hundreds of signals: how soon it shows an hour of them, what a board transfers, how it comes over a slow
// network, whether it stays smooth while they move, and what memory it takes.
//
// The real backend serves the page to a headless Chromium on the same machine, without a graphics processor; this program is the
// producer. So everything shares the machine's processors.
import { setTimeout as delay } from "node:timers/promises";

import { launch, quantile, rendererMemory, table } from "./browser.js";
import { EVERY, backendOf, close, longTasks, open, produce, rate } from "./reader.js";

const SIGNALS = 318;
const LOADS = 3;
/** Milliseconds of each kind of use. */
const USE = 10_000;
const VIEWPORT = { width: 1920, height: 1080 };
/** 50 KB/s, 400 ms. */
const SLOW = { offline: false, downloadThroughput: 50_000, uploadThroughput: 50_000, latency: 400 };
const HOUR = "?from=now-1h&to=now";

/** As many panels of as many lines as a hall of machines has. */
const signals = Array.from({ length: SIGNALS }, (_, n) => `press${Math.floor(n / 17)}.sensor${n % 17}`);
const browser = await launch();
try {
  const backend = await backendOf(signals);
  const board = await sixPanels(backend);
  const rows = [["figure", "measured", "bar"]];
  rows.push(...(await loading(backend)), ...(await transferred(backend, board)), ...(await slowly(backend, board)));
  rows.push(...(await use(backend)));
  console.log("");
  table(rows);
} finally {
  await browser.close();
  await close();
}

/** Saves a board of six panels of four signals; its address. */
async function sixPanels(backend) {
  const panels = Array.from({ length: 6 }, (_, n) => ({ signals: signals.slice(4 * n, 4 * n + 4) }));
  const response = await fetch(`${backend.url}/api/boards`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ title: "Six", panels }),
  });
  if (response.status !== 201) throw new Error(`the board was answered with ${response.status}`);
  return `${backend.url}/boards/six${HOUR}`;
}

async function loading(backend) {
  const first = [];
  for (let load = 0; load < LOADS; load += 1) {
    const { context, page } = await open(browser, { url: `${backend.url}/${HOUR}` }, { viewport: VIEWPORT });
    first.push(await page.evaluate(() => window.observed.lines[0][1]));
    await context.close();
  }
  return [[`first line, ${SIGNALS} signals, an hour`, `${Math.round(quantile(first, 0.5))} ms`, "<= 1,000 ms"]];
}

async function transferred(backend, board) {
  const { context, page, bytes } = await open(browser, { url: board }, { viewport: VIEWPORT });
  await page.waitForLoadState("networkidle").catch(() => {});
  await delay(5_000);
  const sum = bytes();
  await context.close();
  return [["transferred, a board of six panels, an hour", `${(sum / 1e6).toFixed(2)} MB`, "<= 1.5 MB"]];
}

async function slowly(backend, board) {
  const { context, page } = await open(browser, { url: board }, { viewport: VIEWPORT, network: SLOW });
  const shown = await page.evaluate(() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    line: window.observed.lines[0][1],
  }));
  await context.close();
  return [
    ["the board at 50 KB/s and 400 ms: text", `${(shown.paint / 1000).toFixed(2)} s`, "<= 3 s"],
    ["the board at 50 KB/s and 400 ms: first panel", `${(shown.line / 1000).toFixed(2)} s`, "<= 10 s"],
  ];
}

/** Streams all signals at 10 Hz to a page that nobody inspects, and meanwhile looks, scrolls, and marks a range again and again. */
async function use(backend) {
  const { context, page } = await open(browser, { url: `${backend.url}/${HOUR}` }, { viewport: VIEWPORT, alone: true });
  await page.locator("[data-testid=link][data-state=live]").waitFor();
  const panels = await page.locator("[data-testid=chart]").count();
  const streaming = produce(backend, signals, Math.ceil((5 * USE) / EVERY));
  await delay(USE / 4);
  const rows = [];
  const during = async (name, bar, act) => {
    const from = await page.evaluate(() => performance.now());
    await act(Date.now() + USE);
    const { frames, tasks, now } = await page.evaluate(() => ({ now: performance.now(), ...window.observed }));
    const long = longTasks(tasks, from, now);
    const longest = long.length === 0 ? "–" : `${Math.round(Math.max(...long))} ms of ${long.length}`;
    rows.push([`frames/s, ${panels} panels at 10 Hz, ${name}`, rate(frames, from, now).toFixed(1), bar]);
    rows.push([`longest task over 50 ms, ${name}`, longest, "<= 50 ms"]);
  };
  await during("looked at", ">= 55", (end) => delay(end - Date.now()));
  const session = await context.newCDPSession(page);
  const memory = async () => {
    await session.send("HeapProfiler.collectGarbage");
    return (await rendererMemory(browser)) / 1e6;
  };
  rows.push([`renderer, ${SIGNALS} signals, an hour`, `${(await memory()).toFixed(0)} MB`, "<= 250 MB"]);
  const wheel = (steps) => async (end) => {
    for (let step = 0; Date.now() < end; step += 1) {
      await page.mouse.wheel(0, step % (2 * steps) < steps ? 60 : -60);
      await delay(16);
    }
  };
  // Beside the charts: over one the wheel zooms. As many steps as there are to the page's end.
  await page.mouse.move(3, VIEWPORT.height / 2);
  const height = await page.evaluate(() => document.documentElement.scrollHeight - innerHeight);
  await during("scrolled by the wheel", ">= 50", wheel(Math.floor(height / 60)));
  await page.evaluate(() => window.scrollTo(0, 0));
  const over = await page.locator(".u-over").first().boundingBox();
  const y = over.y + over.height / 2;
  await page.mouse.move(over.x + 50, y);
  await page.mouse.down();
  await during("a range is marked", ">= 45", async (end) => {
    for (let step = 0; Date.now() < end; step += 1) {
      await page.mouse.move(over.x + 60 + ((1 + Math.sin(step / 40)) / 2) * (over.width - 120), y);
      await delay(8);
    }
  });
  await page.keyboard.press("Escape");
  await page.mouse.up();
  await during("zoomed by the wheel", ">= 45", wheel(40));
  rows.push(["renderer after that", `${(await memory()).toFixed(0)} MB`, "<= 250 MB"]);
  await streaming;
  await context.close();
  return rows;
}
