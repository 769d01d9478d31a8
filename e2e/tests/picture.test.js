// What charts look like: that drawing only what is new gives what drawing everything gives.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chart, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const SIGNALS = "signals";

/** Runs in the page: what is on a canvas. On a copy, as reading a canvas again and again makes the browser slow it down. */
function opacities(canvas) {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: data.length / 4 }, (_, pixel) => data[4 * pixel + 3]);
}

test("lines that were drawn bit by bit look like lines that are drawn at once", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  // A sample in ten seconds, one a second with a pause, and many.
  await backend.post(...readings("slow", 900, 2, (n) => n % 7).filter((_, n) => n % 10 === 0));
  await backend.post(...readings("paused", 900, 2, (n) => 3 + Math.sin(n / 5)).filter((_, n) => n < 870 || n > 885));
  const page = await open(t, backend, { colorScheme: "light" });
  // A minute is so short that the window moves on with every frame.
  await page.goto(`${backend.url}/?from=now-1m&to=now`);
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  await until("there are lines", async () => (await drawn.pixels("#0b62b8")) > 50);
  for (let update = 0; update < 150; update += 1) {
    const signals = { paused: 3 + Math.sin(update) };
    if (update % 50 === 0) signals.slow = update % 7;
    await backend.post({ signals });
  }
  await page.getByTestId("pause").click();
  const canvas = drawn.element.locator("canvas.lines");
  const settled = async () => {
    const [one, other] = [await canvas.evaluate(opacities), await canvas.evaluate(opacities)];
    return one.every((opacity, pixel) => opacity === other[pixel]) && one;
  };
  const little = await until("the picture stands still", settled);
  await canvas.evaluate((canvas) => (canvas.dataset.old = "yes"));
  // Other colours need another chart.
  await page.emulateMedia({ colorScheme: "dark" });
  await drawn.element.locator("canvas.lines:not([data-old])").waitFor();
  await until("there are lines again", async () => (await drawn.pixels("#5aa9f8")) > 50);
  const whole = await until("the new picture stands still", settled);
  assert.equal(little.length, whole.length);
  const painted = whole.filter((opacity) => opacity > 128).length;
  const different = whole.filter((opacity, pixel) => Math.abs(opacity - little[pixel]) > 32).length;
  assert.ok(painted > 500, `${painted} pixels of lines`);
  assert.ok(different <= painted / 100, `${different} of ${painted} pixels are different`);
});
