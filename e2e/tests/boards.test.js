// Boards: made from what is shown, changed by buttons and keys, saved on the server, seen by everyone.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { HOSTILE, HOSTILE_NAME, LONG } from "../support/hostile.js";
import { accessible, boardShown, boardTitles, chart, eventually, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

/** The browser logs every refusal. */
const REFUSED = [/status of 4(09|22)/];
const RED = "#ff0000";

async function start(t, ...names) {
  const backend = await Backend.start(t, await folder(t));
  for (const name of names) await backend.post(...readings(name, 120, 2, (n) => 50 + 40 * Math.sin(n / 9)));
  return backend;
}

async function create(page, title) {
  await page.getByTestId("board-menu").click();
  await page.getByLabel("Copy this view to a new board").fill(title);
  await page.getByTestId("new-board-submit").click();
  await page.getByTestId("edit-bar").waitFor();
}

async function save(page) {
  await page.getByTestId("save-board").click();
  await page.getByTestId("edit-bar").waitFor({ state: "detached" });
}

/** Runs in the page: how many pixels are a little green. */
function countShaded(canvas) {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] < 40 && data[i + 1] > 200 && data[i + 3] > 20 && data[i + 3] < 60) count += 1;
  }
  return count;
}

const panels = (page) => page.getByTestId("panel");
const titles = (page) => panels(page).locator("h2").allTextContents();

test("a board saved in one browser opens in another", async (t) => {
  const backend = await start(t, "host.a", "host.b", "oven");
  const page = await open(t, backend);
  await panels(page).nth(1).waitFor();
  await create(page, "Machine room");
  await panels(page).nth(0).getByTestId("edit-panel").click();
  await page.getByLabel("Title").fill("Ovens");
  await page.getByLabel("Unit").fill("°C");
  await page.getByLabel("Axis minimum").fill("0");
  await page.getByLabel("Axis maximum").fill("100");
  await page.getByTestId("panel-done").click();
  await save(page);
  assert.equal(new URL(page.url()).pathname, "/boards/machine-room");

  const saved = await backend.get("/api/boards/machine-room");
  assert.deepEqual([saved.title, saved.version, saved.panels.length], ["Machine room", 2, 2]);
  const { title, unit, min, max, signals } = saved.panels[0];
  assert.deepEqual({ title, unit, min, max, signals }, { title: "Ovens", unit: "°C", min: 0, max: 100, signals: ["oven"] });

  const other = await open(t, { url: `${backend.url}/boards/machine-room` });
  await until("the other browser has the panels", async () => (await panels(other).count()) === 2);
  await eventually(() => titles(other), ["Ovens", "host"]);
  await eventually(() => panels(other).nth(0).locator(".unit").textContent(), "°C");
  await eventually(() => boardTitles(other), ["Everything", "Machine room"]);
});

test("panels are added, moved, resized and removed with the keyboard", async (t) => {
  const backend = await start(t, "host.a", "host.b", "oven");
  const page = await open(t, backend);
  await link(page, "live");
  await create(page, "Keys");
  const press = async (locator, times = 1) => {
    await locator.focus();
    for (let n = 0; n < times; n += 1) await page.keyboard.press("Enter");
  };
  await press(page.getByTestId("add-panel"));
  const added = panels(page).nth(2);
  await added.waitFor();
  // Its form opens by itself.
  const field = page.getByLabel("Add a signal, or a pattern such as host.*");
  await field.fill("host.*");
  await until("the matches are counted", async () => (await page.getByTestId("matches").textContent()) === "2 signals");
  await page.keyboard.press("Enter");
  await until("the pattern is listed", async () => (await page.locator(".pattern").allTextContents())[0] === "host.*");
  await page.getByLabel("Title").fill("Both");
  await page.keyboard.press("Escape");
  const both = page.locator('[data-testid=panel][aria-label^="Both"]');
  await until("the panel has both signals", async () => (await both.getByTestId("switch").count()) === 2);
  await press(both.getByTestId("forward"), 2);
  await until("it is the first", async () => (await titles(page))[0] === "Both");
  await press(both.getByTestId("wider"));
  await press(both.getByTestId("higher"), 2);
  await press(panels(page).nth(2).getByTestId("remove-panel"));
  await until("two are left", async () => (await panels(page).count()) === 2);
  await press(page.getByTestId("save-board"));
  await page.getByTestId("edit-bar").waitFor({ state: "detached" });
  const { panels: saved } = await backend.get("/api/boards/keys");
  assert.deepEqual(
    saved.map(({ title, width, height }) => ({ title, width, height })),
    [
      { title: "Both", width: 7, height: 6 },
      { title: "Other signals", width: 12, height: 4 },
    ],
  );
});

test("a new signal joins a panel with a pattern", async (t) => {
  const backend = await start(t, "host.a");
  await fetch(`${backend.url}/api/boards`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ title: "Hosts", panels: [{ signals: ["host.*"] }] }),
  });
  const page = await open(t, { url: `${backend.url}/boards/hosts` });
  await until("one signal", async () => (await page.getByTestId("switch").count()) === 1);
  await link(page, "live");
  await backend.post({ signals: { "host.b": 7 } });
  await until("two signals", async () => (await page.getByTestId("switch").count()) === 2);
});

test("thresholds are drawn as a line and as a band", async (t) => {
  const backend = await start(t, "oven");
  const page = await open(t, backend);
  await link(page, "live");
  await create(page, "Limits");
  const drawn = chart(page, "signals");
  assert.equal(await drawn.pixels(RED), 0);
  await page.getByTestId("edit-panel").first().click();
  await page.getByTestId("add-line").click();
  await page.getByLabel("Line 1").fill("60");
  await page.getByLabel("Colour of threshold 1").fill(RED);
  await page.getByLabel("Label of threshold 1").fill("hot");
  await until("the line is drawn", async () => (await drawn.pixels(RED)) > 200);
  await page.getByTestId("add-band").click();
  await page.getByLabel("Band 2 from").fill("70");
  await page.getByLabel("Colour of threshold 2").fill("#00ff00");
  await until("the band is drawn", async () => (await drawn.element.locator("canvas").first().evaluate(countShaded)) > 5_000);
  await page.getByTestId("panel-done").click();
  await save(page);
  const { panels: saved } = await backend.get("/api/boards/limits");
  assert.deepEqual(saved[0].thresholds, [
    { value: 60, colour: RED, label: "hot" },
    { from: 70, colour: "#00ff00" },
  ]);
});

test("a panel of figures has the newest values and their shapes", async (t) => {
  const backend = await start(t, "oven");
  const page = await open(t, backend);
  await link(page, "live");
  await create(page, "Figures");
  await page.getByTestId("edit-panel").first().click();
  await page.getByLabel("Panel type").selectOption("stat");
  await page.getByLabel("Unit").fill("°C");
  await page.getByTestId("panel-done").click();
  await save(page);
  await backend.post({ signals: { oven: 47.25 } });
  const tile = page.locator("[data-testid=tile][data-signal=oven]");
  await until("the newest value", async () => (await tile.getByTestId("tile-value").textContent()) === "47.25 °C");
  const shape = await tile.locator("[data-testid=sparkline] path").getAttribute("d");
  assert.ok(shape.split("L").length > 5, shape);
});

test("what another saved meanwhile is neither lost nor hidden", async (t) => {
  const backend = await start(t, "oven");
  const page = await open(t, backend, { allow: REFUSED });
  await link(page, "live");
  await create(page, "Shared");
  await page.getByTestId("add-panel").click();
  await page.keyboard.press("Escape");
  const put = async (title) => {
    const { version } = await backend.get("/api/boards/shared");
    const response = await fetch(`${backend.url}/api/boards/shared`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ title, version, panels: [{ title, signals: ["oven"] }] }),
    });
    assert.equal(response.status, 200);
  };
  await put("Theirs");
  await page.getByTestId("save-board").click();
  await page.getByTestId("refused").getByText("Somebody saved version 2").waitFor();
  await page.getByTestId("keep-mine").click();
  await page.getByTestId("edit-bar").waitFor({ state: "detached" });
  assert.equal((await backend.get("/api/boards/shared")).version, 3);

  await page.keyboard.press("b");
  await page.getByTestId("edit-board").click();
  await page.getByTestId("add-panel").click();
  await page.keyboard.press("Escape");
  await put("Theirs again");
  await page.getByTestId("save-board").click();
  await page.getByTestId("take-theirs").click();
  await until("theirs is shown", async () => (await titles(page)).join() === "Theirs again");
});

test("a field that is not allowed is named where it stands", async (t) => {
  const backend = await start(t, "oven");
  const page = await open(t, backend, { allow: REFUSED });
  await link(page, "live");
  await create(page, "Fields");
  await page.getByTestId("edit-panel").first().click();
  await page.getByLabel("Axis minimum").fill("5");
  await page.getByLabel("Axis maximum").fill("4");
  await page.getByTestId("panel-done").click();
  await page.getByTestId("save-board").click();
  await page.getByTestId("refused").getByText("axis maximum: it is not above min").waitFor();
  await page.getByTestId("edit-panel").first().click();
  await until("the field has it", async () => (await page.locator("#panel-max-error").textContent()) === "it is not above min");
});

test("boards are renamed, exported, deleted and imported", async (t) => {
  const backend = await start(t, "oven");
  const page = await open(t, backend);
  await link(page, "live");
  await create(page, "First");
  await page.getByTestId("discard").click();
  await page.getByTestId("board-menu").click();
  await page.locator("#rename").fill("Second");
  await page.getByTestId("rename-submit").click();
  await until("the list has the title", async () => (await page.getByTestId("board-select").textContent()) === "Second");
  const downloading = page.waitForEvent("download");
  await page.getByTestId("export-board").click();
  const download = await downloading;
  assert.equal(download.suggestedFilename(), "first.json");
  const exported = await readFile(await download.path(), "utf8");
  assert.deepEqual(JSON.parse(exported), await backend.get("/api/boards/first"));

  await page.getByTestId("delete-board").click();
  await page.getByTestId("delete-sure").click();
  await until("everything is shown", () => new URL(page.url()).pathname === "/");
  assert.deepEqual(await backend.get("/api/boards"), []);

  await page.getByTestId("board-menu").click();
  const file = { name: "first.json", mimeType: "application/json", buffer: Buffer.from(exported) };
  await page.getByLabel("New board from an exported file").setInputFiles(file);
  await until("the board is shown", () => new URL(page.url()).pathname === "/boards/first");
  assert.equal((await backend.get("/api/boards/first")).title, "Second");
});

test("Back and Forward go between boards, the range stays", async (t) => {
  const backend = await start(t, "oven");
  const page = await open(t, { url: `${backend.url}/?from=now-30m&to=now` });
  await link(page, "live");
  await create(page, "Steps");
  await page.getByTestId("discard").click();
  assert.match(page.url(), /\/boards\/steps\?from=now-30m&to=now$/);
  await page.goBack();
  await until("everything is chosen", async () => (await boardShown(page)) === "everything");
  await page.goForward();
  await until("the board is chosen", async () => (await boardShown(page)) === "steps");
});

test("hostile titles and names are shown as text", async (t) => {
  const backend = await start(t, HOSTILE_NAME, LONG);
  const page = await open(t, backend);
  await link(page, "live");
  await create(page, HOSTILE);
  await page.getByTestId("edit-panel").first().click();
  await page.getByLabel("Title").fill(HOSTILE);
  await page.getByLabel("Unit").fill("<b>°");
  await page.getByTestId("panel-done").click();
  await save(page);
  assert.ok((await titles(page)).includes(HOSTILE));
  await eventually(() => boardTitles(page), ["Everything", HOSTILE]);
  await eventually(() => page.locator("img, b:text('°')").count(), 0);
});

test("a board that is not there is said", async (t) => {
  const backend = await start(t, "oven");
  const page = await open(t, { url: `${backend.url}/boards/gone` }, { allow: [/status of 404/] });
  await page.getByTestId("no-board").waitFor();
  await page.getByText("Show everything").click();
  await panels(page).first().waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  test(`boards are accessible, ${colorScheme}`, async (t) => {
    const backend = await start(t, "host.a", "oven");
    const page = await open(t, backend, { colorScheme, viewport: { width: 360, height: 740 } });
    await link(page, "live");
    await create(page, "Reachable");
    await accessible(page);
    await page.getByTestId("edit-panel").first().click();
    await page.getByTestId("add-line").click();
    await page.getByTestId("add-band").click();
    await accessible(page);
    await page.getByLabel("Panel type").selectOption("stat");
    await page.getByTestId("panel-done").click();
    await save(page);
    await page.getByTestId("board-menu").click();
    await page.getByTestId("delete-board").click();
    await accessible(page);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wider <= 0, "no horizontal scrolling");
  });
}
