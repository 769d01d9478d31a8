// Making boards: by adding to them, by pointer, and several signals at a time.
import assert from "node:assert/strict";
import { test } from "node:test";

import { accessible, boardShown, boardTitles, chart, eventually, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

async function start(t, ...names) {
  const backend = await Backend.start(t, await folder(t));
  for (const name of names) await backend.post(...readings(name, 120, 2, (n) => 50 + 40 * Math.sin(n / 9)));
  return backend;
}

const panels = (page) => page.getByTestId("panel");
const titles = (page) => panels(page).locator("h2").allTextContents();
const board = (backend, title, ...signals) =>
  backend.send("POST", "/api/boards", { title, panels: signals.map((name) => ({ title: name, signals: [name] })) });

test("a panel and a signal are added to boards that are found by what is typed", async (t) => {
  const backend = await start(t, "host.a", "host.b", "oven");
  for (let n = 0; n < 30; n += 1) await board(backend, `Line ${n}`);
  const page = await open(t, backend);
  await link(page, "live");
  await page.locator('[data-panel="host"]').getByTestId("add-to-board").click();
  const sheet = page.getByTestId("add-to");
  await sheet.waitFor();
  await accessible(page);
  // The field has the focus; Enter takes the first board.
  await page.keyboard.type("line 23");
  await until("one is found", async () => (await sheet.getByTestId("board-link").count()) === 1);
  await page.keyboard.press("Enter");
  await sheet.getByText("Added to “Line 23”.").waitFor();
  const added = await backend.get("/api/boards/line-23");
  assert.deepEqual(added.panels.map(({ title, signals }) => ({ title, signals })), [{ title: "host", signals: ["host.a", "host.b"] }]);
  await sheet.getByText("Open it").click();
  await until("it is on screen", async () => (await boardShown(page)) === "line-23" && (await titles(page)).join() === "host");

  // A signal, from its settings, to a board that is made for it.
  await page.locator("[data-testid=row][data-signal=oven]").hover();
  await page.locator("[data-testid=row][data-signal=oven]").getByTestId("row-settings").click();
  await page.getByTestId("signal-add-to").click();
  await page.getByLabel("New board").fill("Ovens");
  await page.getByTestId("add-to-new-submit").click();
  await page.getByText("Added to “Ovens”.").waitFor();
  assert.deepEqual((await backend.get("/api/boards/ovens")).panels.map(({ signals }) => signals), [["oven"]]);
  // To the board on screen, which has both at once.
  await page.locator('[data-board="line-23"]', { hasText: "Line 23" }).last().click();
  await page.getByText("Added to “Line 23”.").waitFor();
  await until("both panels", async () => (await titles(page)).join() === "host,oven");
});

test("boards are searched, and sorted by title or by when they were opened", async (t) => {
  const backend = await start(t, "oven");
  for (const title of ["Line 10", "line 2", "Ovens", "Bakery"]) await board(backend, title, "oven");
  const page = await open(t, { url: `${backend.url}/boards/ovens` });
  await link(page, "live");
  await until("by title, numbers by size", async () => (await boardTitles(page)).join() === "Everything,Bakery,line 2,Line 10,Ovens");
  await page.keyboard.press("g");
  await page.getByTestId("boards").waitFor();
  await accessible(page);
  await page.getByTestId("board-order").selectOption("recent");
  const listed = () => page.getByTestId("board-link").allTextContents();
  await until("the one that is open first", async () => (await listed()).join() === "Everything,Ovens,Bakery,line 2,Line 10");
  await page.getByLabel("Search boards").fill("2 LINE");
  await until("one is found", async () => (await listed()).join() === "line 2");
  await page.keyboard.press("Enter");
  await until("it is shown", () => new URL(page.url()).pathname === "/boards/line-2");
  // The order is kept.
  await until("the latest first", async () => (await boardTitles(page)).join() === "Everything,line 2,Ovens,Bakery,Line 10");
  // Closed by Escape, the focus goes back to the button.
  await page.keyboard.press("g");
  await page.getByTestId("boards").waitFor();
  await page.keyboard.press("Escape");
  await page.getByTestId("boards").waitFor({ state: "detached" });
  await eventually(() => page.evaluate(() => document.activeElement.id), "board-select");
});

test("panels are moved and resized with a pointer, and a step takes that back", async (t) => {
  const backend = await start(t, "a", "b", "c");
  await board(backend, "Hall", "a", "b", "c");
  const page = await open(t, { url: `${backend.url}/boards/hall` });
  await link(page, "live");
  await page.getByTestId("board-menu").click();
  await page.getByTestId("edit-board").click();
  await until("three panels", async () => (await titles(page)).join() === "a,b,c");
  const centre = async (locator) => {
    const { x, y, width, height } = await locator.boundingBox();
    return [x + width / 2, y + height / 2];
  };
  const handle = (n) => panels(page).nth(n).getByTestId("handle");
  // "a" to the right half of "b".
  await page.mouse.move(...(await centre(handle(0))));
  await page.mouse.down();
  const target = await panels(page).nth(1).boundingBox();
  await page.mouse.move(target.x + target.width * 0.8, target.y + 60, { steps: 5 });
  await page.locator(".before-gap").waitFor();
  await page.mouse.up();
  await until("it is behind b", async () => (await titles(page)).join() === "b,a,c");
  await eventually(() => page.locator(".before-gap, .after-gap, .moving").count(), 0);

  // Wider by two columns, higher by one row.
  const grip = await centre(panels(page).nth(0).getByTestId("grip"));
  const column = (await page.locator(".panels").boundingBox()).width / 12;
  await page.mouse.move(...grip);
  await page.mouse.down();
  await page.mouse.move(grip[0] + column, grip[1] + 20, { steps: 3 });
  await page.mouse.move(grip[0] + 2 * column, grip[1] + 60, { steps: 3 });
  await page.mouse.up();
  await page.getByTestId("undo-change").click();
  await page.getByTestId("undo-change").click();
  await until("both steps are taken back", async () => (await titles(page)).join() === "a,b,c" && (await page.getByTestId("undo-change").isDisabled()));
  const again = await centre(panels(page).nth(0).getByTestId("grip"));
  await page.mouse.move(...again);
  await page.mouse.down();
  await page.mouse.move(again[0] + 2 * column, again[1] + 60, { steps: 6 });
  await page.mouse.up();
  await page.getByTestId("save-board").click();
  await page.getByTestId("edit-bar").waitFor({ state: "detached" });
  const { panels: saved } = await backend.get("/api/boards/hall");
  assert.deepEqual(saved.map(({ title, width, height }) => `${title} ${width} ${height}`), ["a 8 5", "b 6 4", "c 6 4"]);
});

test("several signals are chosen at once, from those that match", async (t) => {
  const many = Array.from({ length: 12 }, (_, n) => `tank.level_${String(n).padStart(2, "0")}`);
  const backend = await start(t, "a.first", ...many, "valve.1");
  await board(backend, "Tanks", "a.first");
  const page = await open(t, { url: `${backend.url}/boards/tanks` });
  await link(page, "live");
  await page.getByTestId("board-menu").click();
  await page.getByTestId("edit-board").click();
  await page.getByTestId("edit-panel").click();
  await page.getByLabel("Add a signal, or a pattern such as host.*").fill("level");
  const listed = page.getByTestId("suggested").locator("label");
  await until("the tanks alone", async () => (await listed.count()) === 12);
  await accessible(page);
  // One by keys, then the rest.
  await listed.nth(3).locator("input").focus();
  await page.keyboard.press("Space");
  const chosen = () => page.locator(".pattern").allTextContents();
  await until("it is chosen", async () => (await chosen()).join() === "a.first,tank.level_03");
  await page.getByText("Add these 11").click();
  await until("all are", async () => (await chosen()).length === 13);
  await listed.nth(0).locator("input").uncheck();
  await until("all but one", async () => !(await chosen()).includes("tank.level_00"));
  await page.getByLabel("Add a signal, or a pattern such as host.*").fill("");
  await page.getByTestId("panel-done").click();
  await page.getByTestId("save-board").click();
  await page.getByTestId("edit-bar").waitFor({ state: "detached" });
  const [{ signals }] = (await backend.get("/api/boards/tanks")).panels;
  assert.deepEqual([...signals].sort(), ["a.first", ...many.slice(1)]);
});

test("a unit and a colour are given to all signals of a pattern", async (t) => {
  const backend = await start(t, "boiler.1", "boiler.2", "boiler.3", "tank");
  const page = await open(t, backend);
  await link(page, "live");
  const row = page.locator('[data-testid=row][data-signal="boiler.1"]');
  await row.hover();
  await row.getByTestId("row-settings").click();
  await page.getByLabel("Applies to").fill("boiler.*");
  await page.getByTestId("signal-count").getByText("3 signals").waitFor();
  await eventually(() => page.getByLabel("Display name").isDisabled(), true);
  await page.getByLabel("Unit").fill("°C");
  await accessible(page);
  await page.getByTestId("signal-save").click();
  await page.getByTestId("signal-settings").waitFor({ state: "detached" });
  await until("one panel with the unit", async () => (await page.locator('[data-panel^="boiler"] .unit').allTextContents()).join() === "°C");
  const metadata = await backend.get("/api/signals?metadata=1");
  assert.deepEqual([1, 2, 3].map((n) => metadata[`boiler.${n}`].unit), ["°C", "°C", "°C"]);
  assert.equal(metadata.tank?.unit, undefined);
});

test("a panel fills the screen, and goes back", async (t) => {
  const backend = await start(t, "host.a", "host.b", "oven");
  const page = await open(t, backend);
  await link(page, "live");
  const panel = page.locator('[data-panel="host"]');
  await panel.getByTestId("full-screen").click();
  const filling = () => page.evaluate(() => document.fullscreenElement?.dataset.panel);
  await until("it does", async () => (await filling()) === "host");
  await until("its chart is high", async () => (await chart(page, "host").element.boundingBox()).height > 500);
  await until("it is drawn so high", async () => (await panel.locator("canvas.lines").boundingBox()).height > 500);
  // By key, too.
  await chart(page, "host").element.focus();
  await page.keyboard.press("f");
  await until("it is on the page again", async () => (await filling()) === undefined);
  await page.keyboard.press("f");
  await until("and fills the screen", async () => (await filling()) === "host");
});
