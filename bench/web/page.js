// The page as a reader has it: what it transfers, when it shows something, how soon a sample is on screen, and whether
// it stays smooth with many panels.
//
// The real backend serves the page to a headless Chromium on the same machine; this program is the producer. A line is
// painted when the canvas was told to draw it and the browser has finished that frame.
import { setTimeout as delay } from "node:timers/promises";

import { launch, quantile, table } from "./browser.js";
import { EVERY, backendOf, close, longTasks, open, produce, rate } from "./reader.js";

const LOADS = 5;
const UPDATES = 600;
const DRAG = 10_000;

const browser = await launch();
try {
  const rows = [["figure", "measured", "bar"]];
  rows.push(...(await loading()), ...(await latency()), ...(await smoothness()));
  console.log("");
  table(rows);
} finally {
  await browser.close();
  await close();
}

async function loading() {
  const backend = await backendOf(["sine", "walk", "noise", "level", "pressure"]);
  const loads = [];
  for (let load = 0; load < LOADS; load += 1) {
    const { context, page, bytes } = await open(browser, backend);
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
  const { context, page } = await open(browser, backend);
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
  const { context, page } = await open(browser, backend, { viewport: { width: 1920, height: 1080 } });
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
  const long = longTasks(tasks, from, now);
  return [
    [`frames/s while dragging, ${panels} panels of 4 signals, 10 updates/s`, rate(frames, from, now).toFixed(1), ">= 55"],
    ["tasks over 50 ms meanwhile", long.length, "0"],
    ["the longest of them", long.length === 0 ? "–" : `${Math.round(Math.max(...long))} ms`, ""],
  ];
}
