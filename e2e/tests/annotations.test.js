// Marks on the time axis: made on the page or by anyone, drawn on the charts, listed, deleted.
import assert from "node:assert/strict";
import { test } from "node:test";

import { HOSTILE } from "../support/hostile.js";
import { accessible, chart, eventually, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const SIGNALS = "signals";
const VIOLET = "#6d28d9";

async function start(t) {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("oven", 600, 2, () => 5));
  return backend;
}

async function annotate(backend, annotation) {
  const response = await fetch(`${backend.url}/api/annotations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(annotation),
  });
  assert.equal(response.status, 201);
}

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
const texts = (page) => page.getByTestId("note-text").allTextContents();

test("an annotation is made with a click on a chart, drawn, listed, read at the pointer and deleted", async (t) => {
  const backend = await start(t);
  const page = await open(t, backend);
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  await until("the line is drawn", async () => (await drawn.pixels("#0b62b8")) > 100);
  assert.equal(await drawn.pixels(VIOLET), 0);
  const over = drawn.element.locator(".u-over");
  await over.click({ position: { x: 400, y: 60 }, modifiers: ["Control"] });
  await page.getByLabel("What happened").fill("Door opened");
  await page.getByLabel("Tags, separated by commas").fill("door, night");
  await page.getByTestId("annotate-save").click();
  await page.getByTestId("annotate-form").waitFor({ state: "detached" });
  await until("it is listed", async () => (await texts(page)).join() === "Door opened");
  await until("it is drawn", async () => (await drawn.pixels(VIOLET)) > 50);
  const { annotations } = await backend.get("/api/annotations");
  assert.deepEqual(annotations[0].tags, ["door", "night"]);
  const box = await over.boundingBox();
  const span = 15 * 60_000;
  const clicked = Date.now() - span * (1 - 400 / box.width);
  assert.ok(Math.abs(Date.parse(annotations[0].from) - clicked) < 20_000, "where it was clicked");

  const other = await open(t, backend);
  await until("another page has it", async () => (await texts(other)).join() === "Door opened");

  await over.hover({ position: { x: 401, y: 60 } });
  await until("the tooltip has it", async () =>
    (await drawn.element.locator(".tooltip-note").allTextContents()).includes("Door opened"),
  );
  await page.mouse.move(5, 5);
  await page.getByTestId("note-delete").click();
  await page.getByTestId("note-sure").click();
  await until("it is gone", async () => (await texts(page)).length === 0 && (await drawn.pixels(VIOLET)) === 0);
  await until("it is gone on the other page", async () => (await texts(other)).length === 0);
});

test("an annotation is changed", async (t) => {
  const backend = await start(t);
  await annotate(backend, { text: "Door opnd", tags: ["door"], from: ago(120) });
  const page = await open(t, backend);
  await link(page, "live");
  await page.getByTestId("note-change").click();
  const field = page.getByLabel("What happened");
  assert.equal(await field.inputValue(), "Door opnd");
  await field.fill("Door opened");
  await page.getByTestId("annotate-save").click();
  await page.getByTestId("annotate-form").waitFor({ state: "detached" });
  await until("it is listed, once", async () => (await texts(page)).join() === "Door opened");
  const { annotations } = await backend.get("/api/annotations");
  assert.deepEqual(annotations.map(({ text, tags }) => ({ text, tags })), [{ text: "Door opened", tags: ["door"] }]);
});

test("a range is made with the keyboard", async (t) => {
  const backend = await start(t);
  const page = await open(t, backend);
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  await until("the line is drawn", async () => (await drawn.pixels("#0b62b8")) > 100);
  await page.keyboard.press("n");
  await page.getByLabel("What happened").fill("Cleaning");
  await page.getByLabel("Start").fill("now-5m");
  await page.getByLabel("End (optional)").fill("now-2m");
  await page.getByLabel("What happened").focus();
  for (let n = 0; n < 5; n += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await until("it is listed", async () => (await texts(page)).join() === "Cleaning");
  const [{ from, to }] = (await backend.get("/api/annotations")).annotations;
  assert.equal(Math.round((Date.parse(to) - Date.parse(from)) / 1000), 180);
});

test("what is not allowed is said at its field", async (t) => {
  const backend = await start(t);
  const page = await open(t, backend, { allow: [/status of 422/] });
  await link(page, "live");
  await page.getByTestId("annotate").click();
  await page.getByTestId("annotate-save").click();
  await until("the text is missing", async () => (await page.locator("#note-text-error").textContent()) !== "");
  await page.getByLabel("What happened").fill("x");
  await page.getByLabel("Start").fill("sometime");
  await page.getByTestId("annotate-save").click();
  await until("the instant is not understood", async () =>
    (await page.locator("#note-from-error").textContent()).includes("not understood"),
  );
});

test("many annotations are drawn as few flags, and none is hidden", async (t) => {
  const backend = await start(t);
  for (let n = 0; n < 300; n += 1) await annotate(backend, { text: `mark ${n}`, from: ago(420 - n / 100) });
  const page = await open(t, backend);
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  await page.getByTestId("notes").getByText("300 in this range").waitFor();
  await until("a flag is drawn", async () => (await drawn.pixels(VIOLET)) > 50);
  // One dashed line of one and a half pixels, its flag and its number.
  assert.ok((await drawn.pixels(VIOLET)) < 1_500);
  await page.getByTestId("notes").getByText("200 more; zoom in to see them.").waitFor();
});

test("hostile texts are shown as text", async (t) => {
  const backend = await start(t);
  await annotate(backend, { text: HOSTILE, tags: ["<b>tag</b>"], from: ago(60), signals: ["<i>*"] });
  const page = await open(t, backend);
  await until("the text is listed", async () => (await texts(page))[0] === HOSTILE);
  await eventually(() => page.locator(".tag").textContent(), "<b>tag</b>");
  await eventually(() => page.locator("img").count(), 0);
});

for (const colorScheme of ["light", "dark"]) {
  test(`annotations are accessible, ${colorScheme}`, async (t) => {
    const backend = await start(t);
    await annotate(backend, { text: "Door opened", tags: ["door"], from: ago(60) });
    const page = await open(t, backend, { colorScheme, viewport: { width: 360, height: 740 } });
    await page.getByTestId("note").waitFor();
    await page.getByTestId("note-delete").click();
    await accessible(page);
    await page.getByTestId("annotate").click();
    await accessible(page);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wider <= 0, "no horizontal scrolling");
  });
}
