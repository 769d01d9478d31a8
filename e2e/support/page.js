// One browser for all tests of a file, a fresh page for each, and what a page must never do.
import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

import { cleanup } from "./cleanup.js";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Everything that is waited for must happen within this time. */
export const DEADLINE = 20_000;

let browser;
after(() => browser?.close());

/** Opens the dashboard of `backend`; `t` fails when the page logs an error or its policy is violated. */
export async function open(t, backend, { allow = [], before, ...options } = {}) {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE);
  const problems = [];
  page.on("pageerror", (error) => problems.push(`uncaught: ${error.stack}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`${message.type()}: ${message.text()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violated: ${event.violatedDirective} by ${event.blockedURI}`);
    });
  });
  cleanup(t, async () => {
    await context.close();
    const unexpected = problems.filter((problem) => !allow.some((pattern) => pattern.test(problem)));
    assert.deepEqual(unexpected, [], "the page logged problems");
  });
  await before?.(page);
  await page.goto(backend.url);
  return page;
}

/** Calls `probe` until it answers something true; fails with its last answer after the deadline. */
export async function until(what, probe) {
  const deadline = Date.now() + DEADLINE;
  for (;;) {
    let seen;
    try {
      seen = await probe();
      if (seen) return seen;
    } catch (error) {
      seen = error;
    }
    if (Date.now() > deadline) assert.fail(`not in time: ${what} (last: ${seen})`);
    await delay(50);
  }
}

/**
 * Calls `read` until it answers `expected`; fails with the difference after the deadline. For what the page draws after an event:
 * an event is over before the page has drawn what follows from it.
 */
export async function eventually(read, expected, what) {
  const deadline = Date.now() + DEADLINE;
  for (;;) {
    const seen = await read();
    if (isDeepStrictEqual(seen, expected)) return;
    if (Date.now() > deadline) assert.deepEqual(seen, expected, what);
    await delay(50);
  }
}

/** Waits for the state of the live connection. */
export function link(page, state) {
  return page.locator(`[data-testid=link][data-state=${state}]`).waitFor();
}

/** A panel's chart: what the page says that it holds. */
export function chart(page, panel) {
  const element = page.locator(`[data-panel="${panel}"] [data-testid=chart]`);
  return {
    element,
    points: async () => Number(await element.getAttribute("data-points")),
    last: () => element.getAttribute("data-last"),
    /** How many pixels between two shares of the chart's width have about this colour, `#rrggbb`. */
    pixels: (colour, from = 0, to = 1) => element.evaluate(countPixels, { colour, from, to }),
  };
}

/** Runs in the page. On a copy: reading a canvas again and again makes the browser slow it down, and say so. */
function countPixels(chart, { colour, from, to }) {
  // Axes and lines have a canvas each, the lines above.
  const canvases = [...chart.querySelectorAll("canvas")];
  if (canvases.length === 0) return 0;
  const [{ width: whole, height }] = canvases;
  const left = Math.round(whole * from);
  const width = Math.round(whole * to) - left;
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  for (const canvas of canvases) copy.drawImage(canvas, -left, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const distance = Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b);
    if (data[i + 3] > 128 && distance < 24) count += 1;
  }
  return count;
}

/**
 * Presses "Try now" if the page still offers it. The page tries by itself too, so the button may be gone at any moment; finding
 * and pressing it are one step here.
 */
export const tryNow = (page) =>
  page.evaluate(() => document.querySelector('[data-testid="failure"] button')?.click());

/** Has the page note what its canvases write, and what of it begins left of them: to be given to `open` as `before`. */
export const noteTexts = (page) =>
  page.addInitScript(() => {
    const { fillText } = CanvasRenderingContext2D.prototype;
    window.texts = [];
    window.cut = new Set();
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...rest) {
      window.texts.push(text);
      window.texts.splice(0, window.texts.length - 500);
      const before = { right: 1, end: 1, center: 0.5 }[this.textAlign] ?? 0;
      const left = new DOMPoint(x, y).matrixTransform(this.getTransform()).x - this.measureText(text).width * before;
      if (left < 0) window.cut.add(`${text} at ${left}`);
      return fillText.call(this, text, x, y, ...rest);
    };
  });

/** What canvases wrote beyond their left edge since `noteTexts`. */
export const cutTexts = (page) => page.evaluate(() => [...window.cut]);

/** What canvases wrote since `noteTexts`; and forgets it. */
export const takeTexts = (page) => page.evaluate(() => window.texts.splice(0));

/** Marks a stretch of a chart with the mouse, between two shares of its width. */
export async function drag(page, over, from, to) {
  const box = await over.boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * from, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * ((from + to) / 2), y, { steps: 4 });
  await page.mouse.move(box.x + box.width * to, y, { steps: 4 });
  await page.mouse.up();
}

/** Fails on whatever axe finds, of any level. */
export async function accessible(page) {
  // All in the page: otherwise each time a window of its own is opened, for frames of other origins, which pages do not have.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  assert.deepEqual(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`),
    [],
  );
}

/** A signal's row in the list: `{value, age}`. */
export async function row(page, signal) {
  const cells = page.locator(`[data-testid=row][data-signal="${signal}"] td`);
  const [value, age] = await cells.allTextContents();
  return { value, age };
}

/** Readings of one signal, one a second, the newest `ago` seconds ago. */
export function readings(signal, count, ago = 0, value = (n) => Math.sin(n / 20)) {
  const newest = Date.now() - ago * 1000;
  return Array.from({ length: count }, (_, n) => ({
    timestamp: new Date(newest - (count - 1 - n) * 1000).toISOString(),
    signals: { [signal]: value(n) },
  }));
}

/** The boards that the page lists, by their titles, in its order. The list is closed again. */
export async function boardTitles(page) {
  await page.getByTestId("board-select").click();
  const titles = await page.getByTestId("board-link").allTextContents();
  await page.keyboard.press("Escape");
  await page.getByTestId("boards").waitFor({ state: "detached" });
  return titles;
}

/** Goes to the board with this address. */
export async function goToBoard(page, id) {
  await page.getByTestId("board-select").click();
  await page.locator(`[data-testid=board-link][data-board="${id}"]`).click();
  await page.getByTestId("boards").waitFor({ state: "detached" });
}

/** The address of the board on screen, as the page says. */
export const boardShown = (page) => page.getByTestId("board-select").getAttribute("data-board");
