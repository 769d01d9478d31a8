// What is stored is shown, and what arrives is shown at once.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chart, eventually, link, open, readings, row, until } from "../support/page.js";
import { Backend, folder, produce } from "../support/programs.js";

const SIGNALS = "signals";
const BLUE = "#0b62b8";

test("the first load shows the last hour", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 600, 5));
  const page = await open(t, backend);
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  await until("600 samples are in the chart", async () => (await drawn.points()) === 600);
  await until("the line is drawn", async () => (await drawn.pixels(BLUE)) > 100);
  await eventually(() => page.getByTestId("card-signals").locator(".card-value").textContent(), "1");
  await eventually(() => page.getByTestId("card-samples").locator(".card-value").textContent(), "600");
  await eventually(() => page.getByTestId("card-range").locator(".card-value").textContent(), "15 min");
});

test("samples older than an hour are not shown", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 10, 3700), ...readings("temperature", 10, 3500));
  const page = await open(t, backend);
  await until("10 samples are in the chart", async () => (await chart(page, SIGNALS).points()) === 10);
});

test("a live sample reaches the chart and the list", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 30, 2));
  const page = await open(t, backend);
  const drawn = chart(page, SIGNALS);
  await until("30 samples are in the chart", async () => (await drawn.points()) === 30);
  const timestamp = new Date().toISOString();
  await backend.post({ timestamp, signals: { temperature: 47.11 } });
  await until("the list has the value", async () => (await row(page, "temperature")).value === "47.11");
  await until("the chart has one sample more", async () => (await drawn.points()) === 31);
  await eventually(() => drawn.last(), timestamp.replace("Z", "000Z"));
});

test("a new signal gets its own line, or its own panel", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 30, 2));
  const page = await open(t, backend);
  await link(page, "live");
  await backend.post({ signals: { humidity: 40, "host.cpu_percent": 12.5 } });
  await page.locator(`[data-panel="${SIGNALS}"] [data-testid=switch][data-signal=humidity]`).waitFor();
  await page.locator(`[data-panel="host-percent"] canvas.lines`).waitFor();
  // A signal is known by its name first.
  await until("its value is listed", async () => (await row(page, "host.cpu_percent")).value === "12.5 %");
  assert.match((await row(page, "host.cpu_percent")).age, /^(now|[2-9] s)$/);
});

test("the legend switches lines, also with the keyboard", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 300, 2));
  const page = await open(t, backend);
  const drawn = chart(page, SIGNALS);
  const button = page.locator(`[data-testid=switch][data-signal=temperature]`);
  await until("the line is drawn", async () => (await drawn.pixels(BLUE)) > 100);
  await eventually(() => button.getAttribute("aria-pressed"), "true");
  await button.click();
  await eventually(() => button.getAttribute("aria-pressed"), "false");
  await until("the line is gone", async () => (await drawn.pixels(BLUE)) === 0);
  await button.focus();
  await page.keyboard.press("Space");
  await eventually(() => button.getAttribute("aria-pressed"), "true");
  await until("the line is back", async () => (await drawn.pixels(BLUE)) > 100);
});

test("a pause is drawn as a gap", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("level", 600, 1800, () => 5), ...readings("level", 900, 1, () => 5));
  const page = await open(t, backend);
  const drawn = chart(page, SIGNALS);
  await until("the line is drawn", async () => (await drawn.pixels(BLUE)) > 50);
  await until("all samples are there", async () => (await drawn.points()) === 1500);
  // The pause lasts from 30 to 15 minutes ago. The canvas begins with the value axis.
  assert.ok((await drawn.pixels(BLUE, 0.35, 0.5)) > 20, "a line before the pause");
  assert.equal(await drawn.pixels(BLUE, 0.58, 0.72), 0, "nothing within it");
  assert.ok((await drawn.pixels(BLUE, 0.88, 0.99)) > 20, "a line after it");
});

test("the tooltip has the values at the pointer", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("low", 3000, 2, () => 1), ...readings("high", 3000, 2, () => 9));
  const page = await open(t, backend);
  await until("the last hour is there", async () => (await chart(page, SIGNALS).points()) > 1000);
  await page.locator(`[data-panel="${SIGNALS}"] .u-over`).hover({ position: { x: 400, y: 50 } });
  const tooltip = page.locator(`[data-panel="${SIGNALS}"] .tooltip`);
  await tooltip.waitFor();
  await eventually(() => tooltip.locator(".tooltip-name").allTextContents(), ["high", "low"]);
  await eventually(() => tooltip.locator(".tooltip-value").allTextContents(), ["9", "1"]);
  await page.mouse.move(5, 5);
  await tooltip.waitFor({ state: "hidden" });
});

test("late and repeated samples appear once, in their place", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const sent = readings("temperature", 100, 2);
  await backend.post(...sent.filter((_, n) => n % 2 === 0));
  const page = await open(t, backend);
  const drawn = chart(page, SIGNALS);
  await until("50 samples are in the chart", async () => (await drawn.points()) === 50);
  await link(page, "live");
  // The missing half, newest first, and everything once more.
  for (const reading of sent.filter((_, n) => n % 2 === 1).reverse()) await backend.post(reading);
  await backend.post(...sent);
  await backend.post({ signals: { done: 1 } });
  await page.locator("[data-testid=row][data-signal=done]").waitFor();
  await until("101 samples are in the chart", async () => (await drawn.points()) === 101);
  assert.equal(await backend.count("temperature", "done"), 101);
});

test("a producer's signals run across the page", async (t) => {
  const home = await folder(t);
  const backend = await Backend.start(t, home);
  await produce(t, home, backend);
  const page = await open(t, backend);
  const drawn = chart(page, SIGNALS);
  await until("the chart has samples", async () => (await drawn.points()) > 10);
  const [points, last] = [await drawn.points(), await drawn.last()];
  await until("it has more", async () => (await drawn.points()) > points + 20 && (await drawn.last()) > last);
});
