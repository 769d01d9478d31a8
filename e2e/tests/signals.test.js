// What people say about signals: said on the page, shown everywhere at once.
import assert from "node:assert/strict";
import { test } from "node:test";

import { HOSTILE, HOSTILE_NAME, LONG } from "../support/hostile.js";
import { accessible, chart, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const RED = "#ff0000";
const BLUE = "#0b62b8";

async function start(t, ...names) {
  const backend = await Backend.start(t, await folder(t));
  for (const name of names) await backend.post(...readings(name, 900, 2, () => 21.5));
  return backend;
}

const panel = (page) => page.getByTestId("panel").first();
const legend = (page, signal) => page.locator(`[data-testid=legend-row][data-signal="${signal}"]`);
const listed = (page, signal) => page.locator(`[data-testid=row][data-signal="${signal}"]`);

async function settings(page, signal) {
  await legend(page, signal).hover();
  await legend(page, signal).getByTestId("settings").click();
  await page.getByTestId("signal-settings").waitFor();
}

async function save(page) {
  await page.getByTestId("signal-save").click();
  await page.getByTestId("signal-settings").waitFor({ state: "detached" });
}

test("what is said about a signal is shown everywhere at once, in other browsers too", async (t) => {
  const backend = await start(t, "t1");
  const page = await open(t, backend);
  const other = await open(t, backend);
  await Promise.all([link(page, "live"), link(other, "live")]);
  await settings(page, "t1");
  await page.getByLabel("Display name").fill("Oven");
  await page.getByLabel("Description").fill("The air at the door");
  await page.getByLabel("Unit").fill("°C");
  await page.getByLabel("Expected interval (s)").fill("2.5");
  await page.getByLabel("Another colour").fill(RED);
  await save(page);
  assert.deepEqual((await backend.get("/api/signals?metadata=1")).t1, {
    display_name: "Oven",
    unit: "°C",
    description: "The air at the door",
    colour: RED,
    expected_period: 2.5,
  });
  for (const shown of [page, other]) {
    await until("the legend has it", async () => (await legend(shown, "t1").locator(".line-name").textContent()) === "Oven");
    await until("the axis has it", async () => (await panel(shown).locator(".unit").textContent()) === "°C");
    await until("the line has it", async () => (await red(shown)) > 100);
    await until("the list has it", async () => (await listed(shown, "t1").textContent()).startsWith("Oven21.5 °C"));
    assert.equal(await listed(shown, "t1").getByTestId("row-show").getAttribute("title"), "t1\nThe air at the door");
    const { width } = await panel(shown).locator(".u-over").boundingBox();
    await panel(shown).locator(".u-over").hover({ position: { x: width * 0.75, y: 60 } });
    const tooltip = panel(shown).locator(".tooltip");
    await until("the tooltip has it", async () => (await tooltip.locator(".tooltip-row").allTextContents()).includes("Oven21.5 °C"));
    await panel(shown).getByTestId("table-switch").click();
    assert.equal(await panel(shown).locator("[data-testid=data-table] thead th").nth(1).textContent(), "Oven");
  }
  // The search finds it by either name.
  for (const words of ["oven", "t1"]) {
    await page.locator("#search").fill(words);
    assert.equal(await page.getByTestId("row").count(), 1, words);
  }

  await listed(page, "t1").getByTestId("row-settings").click();
  await page.getByLabel("Display name").fill("");
  await page.getByLabel("Automatic").check();
  await save(page);
  await until("the other browser has its own name again", async () =>
    (await legend(other, "t1").locator(".line-name").textContent()) === "t1",
  );
  await until("and its own colour", async () => (await red(other)) === 0);
  const said = (await backend.get("/api/signals?metadata=1")).t1;
  assert.deepEqual(Object.keys(said).sort(), ["description", "expected_period", "unit"], "what was not touched stays");
});

const red = async (page) => chart(page, await panel(page).getAttribute("data-panel")).pixels(RED);

test("a figure has the name and the unit, too", async (t) => {
  const backend = await start(t, "t1");
  await backend.send("PATCH", "/api/signals/t1", { display_name: "Oven", unit: "°C", colour: RED });
  await backend.send("POST", "/api/boards", { title: "Figures", panels: [{ kind: "stat", signals: ["t1"] }] });
  const page = await open(t, { url: `${backend.url}/boards/figures` });
  const tile = page.getByTestId("tile");
  await until("the name", async () => (await tile.locator(".tile-name").textContent()) === "Oven");
  await until("the unit", async () => (await tile.getByTestId("tile-value").textContent()) === "21.5 °C");
  assert.equal(await tile.getByTestId("sparkline").evaluate((shape) => getComputedStyle(shape).color), "rgb(255, 0, 0)");
});

test("the expected period decides what is a gap", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("level", 600, 1800, () => 5), ...readings("level", 900, 1, () => 5));
  const page = await open(t, backend);
  const drawn = chart(page, "signals");
  await until("all samples are there", async () => (await drawn.points()) === 1500);
  await until("the line is drawn", async () => (await drawn.pixels(BLUE)) > 50);
  // The pause lasts from 30 to 15 minutes ago.
  const paused = () => drawn.pixels(BLUE, 0.58, 0.72);
  assert.equal(await paused(), 0, "the pause is a gap");
  await settings(page, "level");
  await page.getByLabel("Expected interval (s)").fill("1200");
  await save(page);
  await until("the pause is no gap", async () => (await paused()) > 20);
  await settings(page, "level");
  assert.equal(await page.getByLabel("Expected interval (s)").inputValue(), "1200");
  await page.getByLabel("Expected interval (s)").fill("");
  await save(page);
  await until("the pause is a gap again", async () => (await paused()) === 0);
});

test("what is not allowed is said at its field, and nothing is lost", async (t) => {
  const backend = await start(t, "t1");
  const page = await open(t, backend, { allow: [/status of 422/] });
  await link(page, "live");
  await settings(page, "t1");
  await page.getByLabel("Display name").fill("Oven");
  await page.getByLabel("Unit").fill("x".repeat(40));
  await page.getByTestId("signal-save").click();
  await until("the unit is refused", async () => /32/.test(await page.locator("#signal-unit-error").textContent()));
  await page.getByLabel("Unit").fill("K");
  await page.getByLabel("Expected interval (s)").fill("-1");
  await page.getByTestId("signal-save").click();
  await until("the period is refused", async () => /above 0/.test(await page.locator("#signal-period-error").textContent()));
  assert.equal(await page.locator("#signal-unit-error").textContent(), "");
  await page.getByLabel("Expected interval (s)").fill("1");
  await save(page);
  const said = (await backend.get("/api/signals?metadata=1")).t1;
  assert.deepEqual(said, { display_name: "Oven", unit: "K", expected_period: 1 });
});

test("a sheet keeps the focus and gives it back", async (t) => {
  const backend = await start(t, "t1");
  const page = await open(t, backend);
  await link(page, "live");
  const button = listed(page, "t1").getByTestId("row-settings");
  await button.focus();
  await page.keyboard.press("Enter");
  const sheet = page.getByTestId("signal-settings");
  const focused = () => page.evaluate(() => document.activeElement.id);
  await until("the first field has the focus", async () => (await focused()) === "signal-name");
  for (let n = 0; n < 40; n += 1) {
    await page.keyboard.press("Tab");
    const within = await sheet.evaluate((sheet) => sheet.contains(document.activeElement) || document.activeElement === document.body);
    assert.ok(within, `after ${n + 1} steps`);
  }
  await page.keyboard.press("Escape");
  await sheet.waitFor({ state: "detached" });
  assert.ok(await button.evaluate((button) => document.activeElement === button), "the button has the focus again");
});

test("hostile names and texts are shown as text", async (t) => {
  const backend = await start(t, HOSTILE_NAME);
  const page = await open(t, backend);
  await link(page, "live");
  const row = page.getByTestId("legend-row");
  await row.hover();
  await row.getByTestId("settings").click();
  assert.equal(await page.locator(".sheet-subject").textContent(), HOSTILE_NAME);
  await page.getByLabel("Display name").fill(HOSTILE);
  await page.getByLabel("Description").fill(HOSTILE);
  await page.getByLabel("Unit").fill("<i>'\"&‮");
  await save(page);
  await until("the axis has it", async () => (await panel(page).locator(".unit").textContent()) === "<i>'\"&‮");
  assert.equal(await row.locator(".line-name").textContent(), HOSTILE);
  assert.equal(await page.locator("img, i").count(), 0);
  await row.hover();
  await row.getByTestId("settings").click();
  await page.getByLabel("Display name").fill(LONG);
  await page.getByLabel("Description").fill(`${LONG}\n${LONG}`);
  await save(page);
  await until("the long name", async () => (await row.locator(".line-name").textContent()) === LONG);
  assert.equal((await backend.get("/api/signals?metadata=1"))[HOSTILE_NAME].description, `${LONG}\n${LONG}`);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wider <= 0, "no horizontal scrolling");
});

for (const colorScheme of ["light", "dark"]) {
  test(`the settings are accessible, ${colorScheme}`, async (t) => {
    const backend = await start(t, "t1");
    const page = await open(t, backend, { colorScheme, viewport: { width: 360, height: 740 } });
    await link(page, "live");
    await listed(page, "t1").getByTestId("row-settings").click();
    await page.getByTestId("signal-settings").waitFor();
    await accessible(page);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wider <= 0, "no horizontal scrolling");
  });
}
