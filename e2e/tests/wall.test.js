// The page on a wall, and a panel in a frame.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chart, eventually, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

test("a wall shows all rows of a board, and the time", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("oven", 120, 2));
  const panels = Array.from({ length: 6 }, (_, n) => ({ title: `P${n}`, signals: ["oven"], width: 6, height: 6 }));
  await backend.send("POST", "/api/boards", { title: "Wall", panels });
  const page = await open(t, { url: `${backend.url}/boards/wall?kiosk=` }, { viewport: { width: 1920, height: 1080 } });
  await link(page, "live");
  await until("six panels", async () => (await page.getByTestId("panel").count()) === 6);
  await until("the last one is whole on the screen", async () => {
    const { y, height } = await page.getByTestId("panel").last().boundingBox();
    return y + height <= 1080;
  });
  const time = () => page.getByTestId("kiosk-clock").textContent();
  const first = await time();
  assert.match(first, /\d\d:\d\d:\d\d/);
  await until("the clock goes on", async () => (await time()) !== first);
});

test("an embedded panel leaves nothing of its frame empty", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("oven", 120, 2));
  await backend.send("POST", "/api/boards", { title: "Frame", panels: [{ id: "1", signals: ["oven"] }] });
  const page = await open(t, { url: `${backend.url}/boards/frame?panel=1` }, { viewport: { width: 700, height: 350 } });
  await link(page, "live");
  await until("the chart has most of it", async () => (await chart(page, "1").element.boundingBox()).height > 180);
  await eventually(() => page.evaluate(() => document.documentElement.scrollHeight), 350);
});
