// What charts look like, on the page and as images; and how long samples take to them.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { HOSTILE, HOSTILE_NAME, LONG } from "../support/hostile.js";
import { accessible, chart, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const SIGNALS = "signals";

/** Runs in the page: what is on a canvas. On a copy, as reading it again and again makes the browser slow it down. */
function opacities(canvas) {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((_, at) => at % 4 === 3);
}

/** Runs in the page: how many pixels of a picture are there, and how many differ from those of another of its size. */
function compare([picture, other]) {
  if (picture.length !== other.length) throw new Error(`${picture.length} pixels and ${other.length}`);
  let [painted, different, changed] = [0, 0, 0];
  picture.forEach((opacity, pixel) => {
    painted += opacity > 128;
    different += Math.abs(opacity - other[pixel]) > 32;
    changed += opacity !== other[pixel];
  });
  return { painted, different, changed };
}

test("lines that were drawn bit by bit look like lines that are drawn at once", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  // A sample in ten seconds, one a second with a pause, and many.
  await backend.post(...readings("slow", 900, 2, (n) => n % 7).filter((_, n) => n % 10 === 0));
  await backend.post(...readings("paused", 900, 2, (n) => 3 + Math.sin(n / 5)).filter((_, n) => n < 870 || n > 885));
  const page = await open(t, backend, { colorScheme: "light" });
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  await until("all samples", async () => (await drawn.points()) > 950);
  // A minute is so short that the window moves on with every frame; what is before it is here already.
  await page.keyboard.press("t");
  await page.keyboard.type("now-1m");
  await page.keyboard.press("Enter");
  await until("a minute of them", async () => (await drawn.points()) < 100);
  await until("there are lines", async () => (await drawn.pixels("#0b62b8")) > 50);
  for (let update = 0; update < 100; update += 1) {
    // So calm that the line does not become a dense one, which is thinner once all of it is drawn again.
    const signals = { paused: 3 + Math.sin(update / 5) };
    if (update % 50 === 0) signals.slow = update % 7;
    await backend.post({ signals });
  }
  await page.getByTestId("pause").click();
  const canvas = drawn.element.locator("canvas.lines");
  const settled = async () => {
    const pictures = [await canvas.evaluateHandle(opacities), await canvas.evaluateHandle(opacities)];
    return (await page.evaluate(compare, pictures)).changed === 0 && pictures[0];
  };
  const little = await until("the picture stands still", settled);
  await canvas.evaluate((canvas) => (canvas.dataset.old = "yes"));
  // Other colours need another chart.
  await page.emulateMedia({ colorScheme: "dark" });
  await drawn.element.locator("canvas.lines:not([data-old])").waitFor();
  await until("there are lines again", async () => (await drawn.pixels("#5aa9f8")) > 50);
  const whole = await until("the new picture stands still", settled);
  const { painted, different } = await page.evaluate(compare, [whole, little]);
  assert.ok(painted > 500, `${painted} pixels of lines`);
  // At the left end, where lines come in from before the window, soft edges differ by a part of a pixel: seldom by more
  // than one in a hundred.
  assert.ok(different <= painted / 25, `${different} of ${painted} pixels are different`);
});

/** Runs in the page: the most pixels of a colour that one row of the chart's upper and of its lower half have. */
function rows(canvas, [r, g, b]) {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  const most = [0, 0];
  for (let y = 0; y < canvas.height; y += 1) {
    let count = 0;
    for (let x = 0; x < canvas.width; x += 1) {
      const at = 4 * (y * canvas.width + x);
      const near = Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b) < 24;
      if (data[at + 3] > 100 && near) count += 1;
    }
    const half = y < canvas.height / 2 ? 0 : 1;
    most[half] = Math.max(most[half], count);
  }
  return most;
}

test("a ninth line has the first one's colour and dashes", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  for (let line = 0; line < 9; line += 1) await backend.post(...readings(`line${line}`, 600, 1, () => 10 * line));
  const page = await open(t, backend, { colorScheme: "light" });
  await link(page, "live");
  const canvas = chart(page, SIGNALS).element.locator("canvas.lines");
  const blue = [0x0b, 0x62, 0xb8];
  const [dashed, solid] = await until("both are drawn", async () => {
    const found = await canvas.evaluate(rows, blue);
    return Math.min(...found) > 100 && found;
  });
  assert.ok(dashed > 0.5 * solid && dashed < 0.8 * solid, `${dashed} of ${solid} pixels`);
  const keys = await page.locator(`[data-panel="${SIGNALS}"] .key`).evaluateAll((keys) => keys.map(({ classList }) => ["hue-0", "dashed"].map((name) => classList.contains(name))));
  assert.deepEqual([keys[0], keys[8]], [[true, false], [true, true]]);
});

/** Runs in the page: an image's size, and how many of its pixels have about each of some colours. */
async function look([base64, colours]) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const copy = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(bitmap, 0, 0);
  const { data } = copy.getImageData(0, 0, bitmap.width, bitmap.height);
  const counts = colours.map(([r, g, b, from, to]) => {
    let count = 0;
    for (let i = 4 * bitmap.width * Math.round(from * bitmap.height); i < data.length * to; i += 4) {
      if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 24) count += 1;
    }
    return count;
  });
  return { width: bitmap.width, height: bitmap.height, counts };
}

for (const deviceScaleFactor of [1, 2]) {
  test(`a panel is saved as an image, ${deviceScaleFactor} pixels to one`, async (t) => {
    const backend = await Backend.start(t, await folder(t));
    for (const [line, name] of ["oven", HOSTILE_NAME, LONG].entries()) {
      await backend.post(...readings(name, 300, 2, (n) => Math.sin(n / 9) + line));
    }
    const board = { id: "hostile", title: HOSTILE, panels: [{ id: "p", title: HOSTILE, unit: "<b>°C</b>", signals: ["*"] }] };
    const made = await fetch(`${backend.url}/api/boards`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(board),
    });
    assert.equal(made.status, 201, await made.text());
    const page = await open(t, { url: `${backend.url}/boards/hostile` }, { colorScheme: "light", deviceScaleFactor });
    await link(page, "live");
    const drawn = chart(page, "p");
    await until("there are lines", async () => (await drawn.pixels("#0b62b8")) > 100);
    const box = await drawn.element.boundingBox();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("save-picture").click()]);
    assert.match(download.suggestedFilename(), /^[\p{L}\p{N}-]+\.png$/u);
    const image = await readFile(await download.path());
    const ink = [0x14, 0x1a, 0x23];
    const { width, height, counts } = await page.evaluate(look, [
      image.toString("base64"),
      // The title above, the legend below, a line, and what is behind them.
      [[...ink, 0, 0.15], [...ink, 0.8, 1], [0x0b, 0x62, 0xb8, 0, 1], [255, 255, 255, 0, 1]],
    ]);
    assert.equal(width, Math.round((box.width + 32) * deviceScaleFactor));
    assert.ok(height > (box.height + 60) * deviceScaleFactor, `${height} pixels high`);
    assert.ok(counts[0] > 50 && counts[1] > 50, `${counts} pixels of text`);
    assert.ok(counts[2] > 300, `${counts} pixels of lines`);
    assert.ok(counts[3] > (width * height) / 2, "on white");
  });
}

test("the connection says how long samples take", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 60, 2));
  const page = await open(t, backend);
  await link(page, "live");
  await page.getByTestId("link").hover();
  const times = page.getByTestId("latency").locator("dd");
  let sent = 0;
  await until("both ways are known", async () => {
    await backend.post({ signals: { temperature: (sent += 1) } });
    const texts = await times.allTextContents();
    return texts.length === 2 && texts.every((text) => /^[\d.]+ (µs|ms|s), at most [\d.]+ (µs|ms|s)/.test(text));
  });
  await accessible(page);
  await page.mouse.move(400, 400);
  await page.getByTestId("latency").waitFor({ state: "detached" });
  await page.getByTestId("link").focus();
  await page.getByTestId("latency").waitFor();
});

/** Runs in the page, before anything of it: counts how often lines are drawn, by panel. */
function countStrokes() {
  window.strokes = {};
  const stroke = CanvasRenderingContext2D.prototype.stroke;
  CanvasRenderingContext2D.prototype.stroke = function (...paths) {
    // Lines are paths; axes are drawn without.
    const panel = this.canvas.closest("[data-panel]")?.dataset.panel;
    if (paths.length > 0 && panel) window.strokes[panel] = (window.strokes[panel] ?? 0) + 1;
    return stroke.apply(this, paths);
  };
}

test("only charts that are seen and have something new are drawn", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  for (let group = 0; group < 6; group += 1) await backend.post(...readings(`g${group}.x`, 120, 60));
  const page = await open(t, backend, {
    viewport: { width: 600, height: 500 },
    before: (page) => page.addInitScript(countStrokes),
  });
  await link(page, "live");
  await page.locator("[data-panel=g0]").scrollIntoViewIfNeeded();
  await page.locator("[data-panel=g1]").scrollIntoViewIfNeeded();
  const strokes = () => page.evaluate(() => window.strokes);
  const update = async (value) => {
    const before = await strokes();
    await backend.post({ signals: { "g0.x": value, "g5.x": value } });
    await until("it is drawn", async () => (await strokes()).g0 > before.g0);
  };
  await until("both charts are drawn", async () => (await strokes()).g0 > 0 && (await strokes()).g1 > 0);
  await update(0.5);
  const before = await strokes();
  const started = Date.now();
  for (let n = 0; n < 10; n += 1) await update(Math.sin(n));
  const after = await strokes();
  assert.ok(after.g0 >= before.g0 + 10);
  // The window of an hour moves by a pixel every few seconds.
  const { width } = await page.locator("[data-panel=g1] .u-over").boundingBox();
  const moves = 1 + Math.floor(((Date.now() - started) * width) / 3_600_000);
  assert.ok(after.g1 <= before.g1 + moves, `nothing new, but drawn ${after.g1 - before.g1} times`);
  assert.equal(after.g5, undefined, "not seen");
  await page.locator("[data-panel=g5]").scrollIntoViewIfNeeded();
  await until("it is drawn when it is seen", async () => (await strokes()).g5 > 0);
});
