// The range of time, while data streams, servers restart, and clocks change.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chart, drag, eventually, link, noteTexts, open, readings, row, takeTexts, until } from "../support/page.js";
import { Backend, folder, produce } from "../support/programs.js";

const SIGNALS = "signals";
const BLUE = "#0b62b8";
const HOUR = 3_600_000;
/** What a browser logs of a server that is away. */
const AWAY = [/WebSocket connection to .* failed/, /Failed to load resource/];

const range = (page) => page.getByTestId("range").getAttribute("data-range");
const shown = (page) => page.getByTestId("range-name").textContent();
const over = (page) => page.locator(`[data-panel="${SIGNALS}"] .u-over`);
const parameters = (page) => new URL(page.url()).searchParams;

/** Stores `count` readings of `level` that end at `last` and are `step` milliseconds apart. */
async function history(backend, last, count, step, value = (n) => n) {
  const all = Array.from({ length: count }, (_, n) => ({
    timestamp: new Date(last - (count - 1 - n) * step).toISOString(),
    signals: { level: value(n) },
  }));
  for (let at = 0; at < all.length; at += 5_000) await backend.post(...all.slice(at, at + 5_000));
}

test("a zoom stays while samples keep arriving, and is undone", async (t) => {
  const home = await folder(t);
  const backend = await Backend.start(t, home);
  await backend.post(...readings("sine", 600, 2));
  await produce(t, home, backend);
  const page = await open(t, backend);
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  await until("samples arrive", async () => (await drawn.points()) > 620);
  await drag(page, over(page), 0.3, 0.5);
  await until("it is zoomed", async () => (await range(page)) === "fixed");
  const name = await shown(page);
  await until("the address has it", () => parameters(page).get("to")?.startsWith("20"));
  const url = page.url();
  const points = await drawn.points();
  assert.ok(points > 20 && points < 400, `${points} points`);
  const newest = async () => (await backend.count("sine", "random_walk")) > 0 && (await row(page, "random_walk")).value;
  const before = await newest();
  const stored = await backend.count("sine");
  await until("40 samples more are stored", async () => (await backend.count("sine")) > stored + 40);
  await until("the list goes on", async () => (await newest()) !== before);
  assert.deepEqual([await shown(page), page.url(), await drawn.points()], [name, url, points]);
  // Closer still, by wheel and by key, and all the way back.
  await over(page).hover();
  await page.mouse.wheel(0, -200);
  await until("closer", async () => (await drawn.points()) < points);
  await page.waitForFunction((before) => location.href !== before, url);
  await page.goBack();
  await until("one step back", async () => (await drawn.points()) === points);
  await over(page).dblclick();
  await until("live again", async () => (await range(page)) === "live");
  await until("all samples", async () => (await drawn.points()) > 620);
});

test("a pause says how far it is behind, and loses nothing", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("level", 60, 3));
  const page = await open(t, backend);
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  await until("60 samples", async () => (await drawn.points()) === 60);
  await page.keyboard.press("Space");
  await until("it is paused", async () => (await range(page)) === "paused");
  const name = await shown(page);
  for (let n = 0; n < 40; n += 1) await backend.post({ signals: { level: 100 + n } });
  await until("the list goes on", async () => (await row(page, "level")).value === "139.0");
  await until("it says how far behind", async () => /^Paused, [2-9] s behind$/.test(await page.getByTestId("behind").textContent()));
  assert.deepEqual([await drawn.points(), await shown(page)], [60, name]);
  await page.keyboard.press("Space");
  await until("it is live", async () => (await range(page)) === "live");
  await until("every sample", async () => (await drawn.points()) === 100);
  assert.equal(await backend.count("level"), 100);
});

test("a restart of the server keeps the zoom and fills the hole", async (t) => {
  const home = await folder(t);
  const backend = await Backend.start(t, home);
  await backend.post(...readings("level", 120, 2));
  const span = [new Date(Date.now() - 60_000), new Date(Date.now() + 60_000)].map((at) => at.toISOString());
  const page = await open(t, { url: `${backend.url}/?from=${span[0]}&to=${span[1]}` }, { allow: AWAY });
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  const stored = async (from) => (await from.get(`/api/telemetry?from=${span[0]}&to=${span[1]}`)).level.length;
  await until("its samples", async () => (await drawn.points()) === (await stored(backend)));
  const name = await shown(page);
  await backend.kill();
  await link(page, "offline");
  await eventually(() => shown(page), name);
  const again = await Backend.start(t, home, backend.port);
  // What was measured meanwhile arrives late, and some of it before the page is back.
  await again.post(...readings("level", 30, 20));
  for (let n = 0; n < 10; n += 1) await again.post({ signals: { level: 5 } });
  await link(page, "live");
  await until("the hole is filled", async () => (await drawn.points()) === (await stored(again)));
  assert.ok((await drawn.points()) > 60);
  assert.deepEqual([await range(page), await shown(page)], ["fixed", name]);
});

test("a change of daylight saving has its hour twice, and says both offsets", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  // In Berlin clocks went from 3:00 back to 2:00 at 1:00 UTC.
  await history(backend, Date.parse("2026-10-25T04:00:00Z"), 361, 60_000);
  const page = await open(t, { url: `${backend.url}/?from=2026-10-24T22:00Z&to=2026-10-25T04:00Z&tz=Europe/Berlin` }, { before: noteTexts });
  const drawn = chart(page, SIGNALS);
  await until("six hours of minutes", async () => (await drawn.points()) === 361);
  await takeTexts(page);
  await page.keyboard.press("Escape");
  await page.setViewportSize({ width: 1290, height: 900 });
  let texts;
  await until("the chart is painted", async () => (texts = await takeTexts(page)).some((text) => text.includes("04:00")));
  const hours = texts.filter((text) => /^\d\d:00/.test(text)).map((text) => text.slice(0, 5));
  const painted = hours.slice(0, hours.indexOf("04:00") + 1);
  assert.deepEqual(painted.slice(-5), ["01:00", "02:00", "02:00", "03:00", "04:00"]);
  await eventually(() => page.getByTestId("zone").textContent(), "UTC+02:00 → UTC+01:00");
  await eventually(() => page.locator(".zone-picker select").inputValue(), "Europe/Berlin");
  await page.locator(".zone-picker select").selectOption("UTC");
  await until("in UTC", async () => (await page.getByTestId("zone").textContent()) === "UTC");
  await until("hours of UTC", async () => (await takeTexts(page)).some((text) => text.startsWith("23:00")));
});

test("midnight has its date", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const midnight = Date.parse("2026-11-24T23:00:00Z");
  await history(backend, midnight + HOUR, 121, 60_000);
  const address = `/?from=2026-11-24T22:00Z&to=2026-11-25T00:00Z&tz=Europe/Berlin`;
  const page = await open(t, { url: backend.url + address }, { before: noteTexts });
  await until("its samples", async () => (await chart(page, SIGNALS).points()) === 121);
  await eventually(() => shown(page), "24 Nov 2026 23:00 – 25 Nov 2026 01:00");
  await until("the date stands at midnight", async () => (await takeTexts(page)).some((text) => /25 Nov/.test(text)));
  await eventually(() => page.getByTestId("zone").textContent(), "UTC+01:00");
});

test("31 days are shown with their extremes, and zooming in brings every sample", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const last = Date.parse("2026-11-20T00:00:00Z");
  const minutes = 31 * 24 * 60;
  // One spike of a single sample.
  await history(backend, last - 60_000, minutes, 60_000, (n) => (n === 20_000 ? 900 : Math.sin(n / 700)));
  const from = new Date(last - minutes * 60_000).toISOString();
  const page = await open(t, { url: `${backend.url}/?from=${from}&to=2026-11-20T00:00Z&tz=UTC` }, { before: noteTexts });
  const max = page.locator("[data-testid=legend-row] [data-testid=max]");
  await until("the spike is there", async () => (await max.textContent()) === "900.0");
  await until("the line is drawn", async () => (await chart(page, SIGNALS).pixels(BLUE)) > 500);
  await until("days are written", async () => (await takeTexts(page)).some((text) => /^(26 Oct|2 Nov|9 Nov|16 Nov)/.test(text)));
  assert.match(await shown(page), /^20 Oct 2026.* – 20 Nov 2026/);
  const spike = 20_000 / minutes;
  await drag(page, over(page), spike - 0.006, spike + 0.006);
  await until("it is zoomed", async () => (await shown(page)).includes("Nov") && (await parameters(page).get("from")) !== from);
  const stored = async () => {
    const [first, end] = [parameters(page).get("from"), parameters(page).get("to")].map((at) => Date.parse(at));
    return Math.floor(end / 60_000) - Math.ceil(first / 60_000) + 1;
  };
  await until("every sample of the stretch", async () => (await chart(page, SIGNALS).points()) === (await stored()));
  await eventually(() => max.textContent(), "900.0");
});

test("a line comes from the sample before the range and goes to the next, however far they are", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const DAY = 24 * 3_600_000;
  const start = Date.now() - 12 * DAY;
  const days = (n) => new Date(start + n * DAY).toISOString();
  await backend.post(...Array.from({ length: 10 }, (_, n) => ({ timestamp: days(n), signals: { daily: n } })));
  const page = await open(t, { url: `${backend.url}/?from=${days(4.9)}&to=${days(5.1)}` });
  await link(page, "live");
  const drawn = chart(page, "signals");
  for (const [from, to] of [[0.1, 0.4], [0.6, 0.9]]) {
    await until("the line is whole", async () => (await drawn.pixels(BLUE, from, to)) > 100);
  }
  // What is outside is no sample of the range.
  await eventually(() => drawn.points(), 1);
});

test("two hours without samples are a gap, also far away from now", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const last = Date.parse("2026-11-20T12:00:00Z");
  await history(backend, last - 3 * HOUR, 3_600, 1_000, () => 5);
  await history(backend, last, 3_600, 1_000, () => 5);
  const page = await open(t, { url: `${backend.url}/?from=2026-11-20T08:00Z&to=2026-11-20T12:00Z&tz=UTC` });
  const drawn = chart(page, SIGNALS);
  await until("both sides are drawn", async () => (await drawn.pixels(BLUE, 0.1, 0.2)) > 20 && (await drawn.pixels(BLUE, 0.85, 0.95)) > 20);
  assert.equal(await drawn.pixels(BLUE, 0.35, 0.7), 0, "nothing between");
  await over(page).hover();
  const tooltip = page.locator(`[data-panel="${SIGNALS}"] .tooltip`);
  await until("no value is made up", async () => (await tooltip.textContent()).includes("no value here"));
  await page.getByTestId("table-switch").click();
  const cells = await page.locator("[data-testid=data-table] tbody tr").nth(30).locator("td").allTextContents();
  assert.deepEqual(cells, ["–"]);
});
