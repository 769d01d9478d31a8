// What is shown as the value is the value: in legends, at cursors, in tiles, on axes, whatever the range.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chart, cutTexts, eventually, goToBoard, link, noteTexts, open, readings, takeTexts, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const SECOND = 1000;
const iso = (millis) => new Date(millis).toISOString();

/** Samples of `signals`, functions of the number of a sample, every `step` milliseconds from `start` on. */
async function history(backend, start, count, step, signals) {
  for (let done = 0; done < count; done += 5_000) {
    const some = Array.from({ length: Math.min(5_000, count - done) }, (_, n) => ({
      timestamp: iso(start + (done + n) * step),
      signals: Object.fromEntries(Object.entries(signals).map(([name, of]) => [name, of(done + n)])),
    }));
    await backend.post(...some);
  }
}

/** The last value stored at or before `at`, as the server has it. */
async function held(backend, signal, at, within = 60 * SECOND) {
  const stored = await backend.get(`/api/telemetry?from=${iso(at - within)}&to=${iso(at)}&signals=${signal}`);
  return stored[signal].at(-1).value;
}

const legend = (page, signal) => page.locator(`[data-testid=legend-row][data-signal="${signal}"]`);
const cell = (page, signal, column) => legend(page, signal).getByTestId(column).textContent();

test("the last value and the difference between cursors are those that are stored, of a reduced range too", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const start = Date.now() - 30 * 3600 * SECOND;
  // 10 Hz with noise: each pixel of an hour has 40 samples.
  const noise = (n) => Math.round(Math.sin(n * 12.9898) * 43758.5453 * 1000) % 3000 / 1000;
  await history(backend, start, 36_000, 100, { "press.vib_x": noise, "press.vib_y": (n) => noise(n + 7) });
  const [from, to] = [start, start + 3600 * SECOND - 1];
  const page = await open(t, { url: `${backend.url}/?from=${iso(from)}&to=${iso(to)}` });
  await link(page, "live");
  const shown = async (signal, column) => Number((await cell(page, signal, column)).replace("−", "-"));
  for (const signal of ["press.vib_x", "press.vib_y"]) {
    const last = await held(backend, signal, to);
    await until(`${signal} has its last value`, async () => (await shown(signal, "last")) === last);
  }
  // Cursors where the page says that they are.
  const over = page.locator(".u-over").first();
  const { width } = await over.boundingBox();
  await over.click({ position: { x: width * 0.31, y: 40 }, modifiers: ["Alt"] });
  await over.click({ position: { x: width * 0.67, y: 40 }, modifiers: ["Alt"] });
  const at = async (share) => from + (to - from) * share;
  await until("the differences are exact", async () => {
    const texts = [await cell(page, "press.vib_x", "difference"), await cell(page, "press.vib_y", "difference")];
    return texts.every((text) => text !== "–" && !text.includes("≈"));
  });
  // Which pixel a click is on decides the instant: one of the samples within a pixel's time must give the difference.
  const pixel = ((to - from) / width) * 2;
  for (const signal of ["press.vib_x", "press.vib_y"]) {
    const around = async (share) => {
      const middle = await at(share);
      const stored = await backend.get(
        `/api/telemetry?from=${iso(middle - pixel)}&to=${iso(middle + pixel)}&signals=${signal}`,
      );
      return stored[signal].map(({ value }) => value);
    };
    const [as, bs] = [await around(0.31), await around(0.67)];
    const difference = await shown(signal, "difference");
    assert.ok(
      as.some((a) => bs.some((b) => Math.abs(b - a - difference) < 1e-9)),
      `${signal}: ${difference} is no difference of stored values`,
    );
  }
});

test("large numbers are read in full, and ticks have in common what is common once and are not cut", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("plant.counter", 300, 2, (n) => 1_000_000_013 + (n % 62)));
  await backend.post(...readings("plant.energy", 300, 2, (n) => 1_234_567_890 + (12 + n) / 100));
  await backend.post(...readings("plant.oscillator", 300, 2, (n) => 1_000_000.008 + 0.0006 * Math.sin(n / 50)));
  await backend.post(...readings("plant.switch", 300, 2, (n) => (n >> 4) % 2));
  await backend.post({ timestamp: iso(Date.now() - SECOND), signals: { "plant.counter": 1_000_000_074, "plant.switch": 1 } });
  const page = await open(t, backend, { before: noteTexts });
  await link(page, "live");
  await until("the counter in full", async () => (await cell(page, "plant.counter", "last")) === "1,000,000,074");
  await eventually(() => cell(page, "plant.energy", "min"), "1,234,567,890.12");
  await eventually(() => cell(page, "plant.switch", "last"), "1");
  const alone = (signal) => page.locator(`[data-testid=switch][data-signal="${signal}"]`).click({ modifiers: ["Control"] });
  await alone("plant.oscillator");
  await until("the oscillator's ticks", async () => (await takeTexts(page)).some((text) => /^\+0\.\d{4}/.test(text)));
  await alone("plant.counter");
  await takeTexts(page);
  await until("the axis says it once", async () => {
    const texts = await takeTexts(page);
    return texts.includes("1,000,000,000 +") && texts.includes("+20");
  });
  assert.deepEqual(await cutTexts(page), []);
});

test("tiles show the range, not the present", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const start = Date.now() - 50 * 3600 * SECOND;
  await history(backend, start, 600, 6 * SECOND, { oven: (n) => (n === 599 ? 91.4 : 20 + (n % 7)) });
  await backend.post(...readings("oven", 30, 1, () => 12.34));
  await backend.send("POST", "/api/boards", { title: "Tiles", panels: [{ kind: "stat", signals: ["oven"] }] });
  const page = await open(t, { url: `${backend.url}/boards/tiles?from=${iso(start)}&to=${iso(start + 3600 * SECOND)}` });
  const tile = page.locator('[data-testid=tile][data-signal="oven"]');
  await until("the last value of the range", async () => (await tile.getByTestId("tile-value").textContent()) === "91.4");
  const shape = () => tile.getByTestId("sparkline").locator("path").getAttribute("d");
  await until("its shape", async () => (await shape()).split("L").length > 20);
});

test("a board asks for the signals that it shows", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  for (const name of ["a.one", "a.two", "b.one", "b.two"]) await backend.post(...readings(name, 300, 2));
  await backend.send("POST", "/api/boards", { title: "A", panels: [{ id: "first", signals: ["a.*"] }] });
  const asked = [];
  const page = await open(t, { url: `${backend.url}/boards/a` }, {
    before: (page) =>
      page.on("websocket", (socket) =>
        socket.on("framesent", ({ payload }) => asked.push(JSON.parse(payload).subscribe?.signals ?? JSON.parse(payload).signals)),
      ),
  });
  await link(page, "live");
  await until("its lines are there", async () => (await chart(page, "first").points()) > 500);
  assert.deepEqual(asked.filter(Boolean), [["a.*"]]);
  await until("the others are listed", async () => (await page.locator('[data-testid=row]').count()) === 4);
  await goToBoard(page, "everything");
  await until("everything is asked for", async () => asked.at(-1)?.[0] === "*");
  await until("and there", async () => (await chart(page, "b").points()) > 500);
});

test("a page of old samples begins with them, and an empty range leads to the last", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const start = Date.now() - 5 * 24 * 3600 * SECOND;
  await history(backend, start, 600, SECOND, { oven: (n) => 20 + (n % 7) });
  const page = await open(t, backend);
  await link(page, "live");
  const drawn = page.locator("[data-testid=chart]").first();
  await until("they are shown", async () => Number(await drawn.getAttribute("data-points")) > 20);
  await page.keyboard.press("l");
  await page.getByTestId("no-samples").first().waitFor();
  await page.getByTestId("show-newest").first().click();
  await until("they are shown again", async () => Number(await drawn.getAttribute("data-points")) > 20);
});

test("lines beyond the twelfth are counted and can be shown at once", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const names = Array.from({ length: 15 }, (_, n) => `press.line_${String(n).padStart(2, "0")}`);
  await backend.post({ signals: Object.fromEntries(names.map((name, n) => [name, n])) });
  const page = await open(t, backend);
  await link(page, "live");
  const drawn = page.getByTestId("drawn");
  await until("twelve of them", async () => (await drawn.textContent()) === "12 of 15 lines · Show all");
  await drawn.click();
  await until("all of them", async () => (await page.locator('[data-testid=switch][aria-pressed="true"]').count()) === 15);
  await eventually(() => page.locator(".line-name").first().textContent(), "line_00");
});

test("the tooltip is whole beside a low chart, and comes back after Escape", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const names = Array.from({ length: 12 }, (_, n) => `press.line_${n}`);
  for (let n = 0; n < 60; n += 1) {
    const timestamp = iso(Date.now() - n * SECOND);
    await backend.post({ timestamp, signals: Object.fromEntries(names.map((name, line) => [name, line])) });
  }
  await backend.send("POST", "/api/boards", { title: "Low", panels: [{ id: "low", height: 2, signals: ["press.*"] }] });
  const page = await open(t, { url: `${backend.url}/boards/low` });
  await link(page, "live");
  const over = page.locator(".u-over").first();
  const { width } = await over.boundingBox();
  await over.hover({ position: { x: width * 0.6, y: 30 } });
  const last = page.locator(".tooltip-row").last();
  await last.waitFor();
  // It is moved to where it is whole with the frame that first shows it, which may come after the row is found.
  await until("the last row is on the screen, over everything", () => last.evaluate((row) => {
    const { top, height } = row.getBoundingClientRect();
    const y = top + height / 2;
    return y > 0 && y < innerHeight && row.closest(".tooltip").matches(":popover-open");
  }));
  await over.click({ position: { x: width * 0.6, y: 30 } });
  await page.keyboard.press("Escape");
  await over.hover({ position: { x: width * 0.5, y: 40 } });
  await until("it is there again", () => page.locator(".tooltip").first().isVisible());
});

test("nothing typed or edited is lost without a word", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  for (const name of ["oven", "door"]) await backend.post(...readings(name, 60, 1));
  await backend.send("POST", "/api/boards", { title: "Edits", panels: [{ title: "One", signals: ["oven"] }, { title: "Two", signals: ["door"] }] });
  const page = await open(t, { url: `${backend.url}/boards/edits` });
  await link(page, "live");
  await page.keyboard.press("b");
  await page.getByTestId("edit-board").click();
  const panels = page.getByTestId("panel");
  await panels.first().getByTestId("remove-panel").click();
  await until("one is left", async () => (await panels.count()) === 1);
  await page.getByTestId("undo-change").click();
  await until("it is back", async () => (await panels.count()) === 2);
  await panels.first().getByTestId("edit-panel").click();
  await page.locator("#panel-signals").or(page.getByLabel("Add a signal, or a pattern such as host.*")).first().fill("  door ");
  await page.getByTestId("panel-done").click();
  await until("what was typed counts", async () => (await panels.first().getByTestId("switch").count()) === 2);
  await goToBoard(page, "everything");
  await page.getByTestId("left-behind").getByRole("button").click();
  await page.getByTestId("discard").click();
  await page.getByTestId("discard-sure").click();
  await page.getByTestId("edit-bar").waitFor({ state: "detached" });
  await until("as it is saved", async () => (await panels.first().getByTestId("switch").count()) === 1);
});
