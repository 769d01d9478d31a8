// The page as a tool: sections, lines that keep their looks, addresses, and what is gone.
import assert from "node:assert/strict";
import { test } from "node:test";

import { accessible, chart, drag, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const panels = (page) => page.getByTestId("panel");

async function start(t, ...names) {
  const backend = await Backend.start(t, await folder(t));
  for (const name of names) await backend.post(...readings(name, 120, 2));
  return backend;
}

test("sections collapse, stay so, and are jumped to", async (t) => {
  const names = Array.from({ length: 12 }, (_, n) => `p${String(n).padStart(2, "0")}.x`);
  const backend = await start(t, ...names);
  const page = await open(t, backend);
  await link(page, "live");
  await until("all sections", async () => (await panels(page).count()) === names.length);
  const fold = (key) => page.locator(`[data-panel="${key}"]`).getByTestId("fold");
  const charts = () => page.getByTestId("chart").count();
  await fold("p00").focus();
  await page.keyboard.press("Enter");
  await until("one is folded", async () => (await charts()) === names.length - 1);
  assert.equal(await fold("p00").getAttribute("aria-expanded"), "false");
  await accessible(page);
  await page.reload();
  await until("it still is", async () => (await panels(page).count()) === names.length && (await charts()) === names.length - 1);
  await page.getByTestId("sections").selectOption({ label: "Collapse all" });
  await until("all are folded", async () => (await charts()) === 0);
  await page.getByTestId("sections").selectOption({ label: "Expand all" });
  await until("none is", async () => (await charts()) === names.length);
  await page.getByTestId("sections").selectOption("p11");
  await until("the last one is on screen", async () => {
    const { y } = await page.locator('[data-panel="p11"]').boundingBox();
    return y > 0 && y < 900;
  });
  // The range is in reach there.
  await until("it is at the top", async () => {
    const { y } = await page.getByTestId("range").boundingBox();
    return y >= 0 && y < 120;
  });
  await until("and drawn", async () => (await chart(page, "p11").points()) === 120);
});

test("a click on a row shows its line alone, also in a section that is folded", async (t) => {
  const backend = await start(t, "a.x", "a.y", "b.x");
  const page = await open(t, backend);
  await link(page, "live");
  await page.locator('[data-panel="a"]').getByTestId("fold").click();
  await page.locator('[data-testid=row][data-signal="a.y"]').getByTestId("row-show").click();
  const drawn = page.locator('[data-panel="a"] [data-testid=switch][aria-pressed=true]');
  await until("it alone is drawn", async () => (await drawn.count()) === 1 && (await drawn.getAttribute("data-signal")) === "a.y");
});

test("lines keep their colours when a signal joins, and solo gives back what was hidden", async (t) => {
  const backend = await start(t, "b", "c");
  const page = await open(t, backend);
  await link(page, "live");
  const hues = () =>
    page.getByTestId("legend-row").evaluateAll((rows) => Object.fromEntries(rows.map((row) => [row.dataset.signal, row.querySelector(".key").className])));
  await until("two lines", async () => Object.keys(await hues()).length === 2);
  const before = await hues();
  await backend.post({ signals: { a: 1 } });
  await until("three lines", async () => Object.keys(await hues()).length === 3);
  const { a, ...others } = await hues();
  assert.deepEqual(others, before);
  assert.ok(!Object.values(before).includes(a), `a hue of its own: ${a}`);

  const pressed = () => page.locator("[data-testid=switch][aria-pressed=true]").evaluateAll((all) => all.map((one) => one.dataset.signal).join());
  const line = (name) => page.locator(`[data-testid=legend-row][data-signal="${name}"]`);
  await line("b").getByTestId("switch").click();
  await until("b is hidden", async () => (await pressed()) === "a,c");
  await line("c").getByTestId("solo").click({ force: true });
  await until("c alone", async () => (await pressed()) === "c");
  await line("c").getByTestId("solo").click({ force: true });
  await until("b is hidden as before", async () => (await pressed()) === "a,c");
  await line("b").getByTestId("switch").click();
  await until("the address says nothing", () => !page.url().includes("?"));
});

test("the way back is there after Forward", async (t) => {
  const backend = await start(t, "oven");
  const page = await open(t, { url: `${backend.url}/?from=now-5m&to=now` });
  await link(page, "live");
  await drag(page, page.locator(".u-over").first(), 0.3, 0.6);
  const undo = page.getByTestId("undo");
  await until("it can be undone", async () => !(await undo.isDisabled()) && !page.url().includes("now-5m"));
  await page.goBack();
  await until("it is undone", async () => undo.isDisabled());
  await page.goForward();
  await until("and can be again", async () => !(await undo.isDisabled()));
  await undo.click();
  await until("the range before", () => page.url().includes("now-5m"));
});

test("a path without a page says so", async (t) => {
  const backend = await start(t, "oven");
  const page = await open(t, { url: `${backend.url}/whatever/else` }, { allow: [/status of 404/] });
  assert.equal((await fetch(`${backend.url}/whatever/else`)).headers.get("content-type"), "application/json", "programs get an error");
  await page.getByTestId("nothing").getByText("/whatever/else").waitFor();
  await accessible(page);
  await page.getByText("Show everything").click();
  await panels(page).first().waitFor();
  assert.equal(new URL(page.url()).pathname, "/");
});

test("a board that was deleted is not asked for again", async (t) => {
  const backend = await start(t, "oven");
  await backend.send("POST", "/api/boards", { title: "Gone", panels: [{ signals: ["oven"] }] });
  // The page may have just asked for the list when the board goes, and then asks for the board.
  const page = await open(t, { url: `${backend.url}/boards/gone` }, { allow: [/status of 404/] });
  await panels(page).first().waitFor();
  await fetch(`${backend.url}/api/boards/gone`, { method: "DELETE" });
  await page.getByTestId("no-board").getByText("This board was deleted, or never existed.").waitFor();
  // Before it was gone it may have been asked for.
  let asked = 0;
  page.on("request", (request) => (asked += new URL(request.url()).pathname === "/api/boards/gone" ? 1 : 0));
  await page.getByTestId("board-select").click();
  for (const title of ["Other", "Another"]) {
    await backend.send("POST", "/api/boards", { title, panels: [] });
    await page.getByTestId("board-link").getByText(title, { exact: true }).waitFor();
  }
  assert.equal(asked, 0);
});

test("a network that is gone shows at once, and one that is not gone leaves no hole", async (t) => {
  const backend = await start(t, "oven");
  const page = await open(t, backend, { allow: [/ERR_INTERNET_DISCONNECTED/] });
  await link(page, "live");
  await page.context().setOffline(true);
  await link(page, "offline");
  await page.context().setOffline(false);
  await link(page, "live");
  await backend.post({ signals: { oven: 42.5 } });
  await until("it is live", async () => (await page.locator("[data-testid=row][data-signal=oven] .value").textContent()).startsWith("42.5"));
});

test("an exact link has the cursors", async (t) => {
  const backend = await start(t, "oven");
  const page = await open(t, { url: `${backend.url}/?from=now-5m&to=now` });
  await link(page, "live");
  const over = page.locator(".u-over").first();
  const { width } = await over.boundingBox();
  for (const share of [0.4, 0.6]) await over.click({ position: { x: width * share, y: 30 }, modifiers: ["Alt"] });
  const measured = (page) => page.getByTestId("measured").textContent();
  await until("both are set", async () => (await measured(page)).includes("Δt"));
  await page.keyboard.press("s");
  const address = await page.locator("#share-exact").inputValue();
  const other = await open(t, { url: address });
  await link(other, "live");
  await until("the same in the other", async () => (await measured(other)) === (await measured(page)));
});
