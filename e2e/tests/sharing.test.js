// What is on screen, for others: links, files, a screen on the wall, a panel within another page.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { HOSTILE, HOSTILE_NAME, LONG } from "../support/hostile.js";
import { outside } from "../support/outside.js";
import { accessible, boardShown, chart, eventually, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

async function start(t, names, more) {
  const backend = await Backend.start(t, await folder(t), 0, more);
  for (const name of names) await backend.post(...readings(name, 300, 2, (n) => 50 + 40 * Math.sin(n / 9)));
  return backend;
}

const line = (page, name) => page.locator(`[data-testid=switch][data-signal=${JSON.stringify(name)}]`);

const pressed = (page) =>
  page.getByTestId("switch").evaluateAll((switches) =>
    switches.map((one) => `${one.dataset.signal} ${one.getAttribute("aria-pressed")}`),
  );

async function share(page) {
  await page.getByTestId("share").first().click();
  await page.locator("dialog[data-testid=share]").waitFor();
}

async function saved(page, format) {
  const downloading = page.waitForEvent("download");
  await page.getByTestId(`save-${format}`).click();
  const download = await downloading;
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
}

test("a link opened cold in another browser shows the same range, board and lines", async (t) => {
  const backend = await start(t, ["oven", "host.a", "host.b", "host.c"]);
  await backend.send("POST", "/api/boards", { title: "Hosts", panels: [{ signals: ["host.*"] }, { signals: ["oven"] }] });
  const page = await open(t, { url: `${backend.url}/boards/hosts` }, { timezoneId: "Europe/Berlin" });
  await link(page, "live");
  await line(page, "host.b").click({ modifiers: ["Control"] });
  await until("one line is left", async () => (await pressed(page)).join() === "host.a false,host.b true,host.c false,oven true");
  await share(page);
  const exact = await page.locator("#share-exact").inputValue();
  const live = await page.locator("#share-live").inputValue();
  await page.keyboard.press("Escape");
  assert.match(exact, /from=20.*to=20/);

  const other = await open(t, { url: exact }, { timezoneId: "America/New_York", colorScheme: "dark" });
  await link(other, "live");
  await until("the same lines", async () => (await pressed(other)).join() === (await pressed(page)).join());
  await eventually(() => other.getByTestId("range").getAttribute("data-range"), "fixed");
  await eventually(() => boardShown(other), "hosts");
  const [first, last] = [/from=([^&]+)/, /to=([^&]+)/].map((part) => decodeURIComponent(part.exec(exact)[1]));
  const stored = await backend.get(`/api/telemetry?signals=oven&from=${first}&to=${last}`);
  const panel = await other.getByTestId("panel").nth(1).getAttribute("data-panel");
  await until("exactly its samples", async () => (await chart(other, panel).points()) === stored.oven.length);
  // In the sender's zone, or the hours would be others.
  await until("the sender's zone", async () => (await other.locator(".zone-picker select").inputValue()) === "Europe/Berlin");

  const third = await open(t, { url: live });
  await link(third, "live");
  await eventually(() => third.getByTestId("range").getAttribute("data-range"), "live");
  await until("the same lines, live", async () => (await pressed(third)).join() === (await pressed(page)).join());
});

test("the address has the lines, whatever they are called", async (t) => {
  const names = [HOSTILE_NAME, "a,b", "c&hide=d"];
  const backend = await start(t, names);
  const page = await open(t, backend);
  await link(page, "live");
  await until("all lines", async () => (await page.getByTestId("switch").count()) === 3);
  await line(page, "a,b").click();
  await line(page, HOSTILE_NAME).click();
  const before = await pressed(page);
  await until("the address has two", () => new URL(page.url()).searchParams.getAll("hide").length === 2);
  await page.reload();
  await until("the same lines", async () => (await pressed(page)).join() === before.join());
  await line(page, HOSTILE_NAME).click();
  await line(page, "a,b").click();
  await until("the address has none", () => !page.url().includes("hide"));
});

test("what is visible is saved as CSV without formulas, and as NDJSON that can be sent back", async (t) => {
  const formulas = ["=1+1", "+1", "-1", "@x", " =2", 'a,"b"', "plain", HOSTILE_NAME, LONG];
  const backend = await start(t, formulas);
  await backend.post(...readings("hidden", 60, 2));
  const page = await open(t, backend);
  await link(page, "live");
  await line(page, "hidden").click();
  await page.getByTestId("pause").click();
  await share(page);
  const csv = await saved(page, "csv");
  assert.match(csv.name, /^afterglow-20\d\d-.*\.csv$/);
  const lines = csv.text.trimEnd().split("\n");
  assert.equal(lines[0], "timestamp,signal,value");
  const names = new Set(lines.slice(1).map((line) => line.slice(line.indexOf(",") + 1, line.lastIndexOf(","))));
  const expected = ["'=1+1", "'+1", "'-1", "'@x", "' =2", '"a,""b"""', "plain", LONG, `"${HOSTILE_NAME.replaceAll('"', '""')}"`];
  assert.deepEqual([...names].sort(), expected.sort());
  assert.equal(lines.length - 1, 300 * formulas.length);

  const { name, text } = await saved(page, "ndjson");
  assert.match(name, /\.ndjson$/);
  const objects = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual([...new Set(objects.flatMap(({ signals }) => Object.keys(signals)))].sort(), [...formulas].sort());
  const again = await start(t, []);
  await again.post(...objects);
  assert.equal(await again.count(...formulas), objects.length);
});

test("more names than an address has room for are said, not asked", async (t) => {
  const group = (n) => Array.from({ length: 12 }, (_, line) => `g${n}.${"漢".repeat(80)}${line}`);
  const backend = await start(t, []);
  const post = (groups) => {
    const signals = Object.fromEntries(groups.flatMap(group).map((name) => [name, 1]));
    return backend.post({ timestamp: new Date(Date.now() - 1_000).toISOString(), signals });
  };
  await post([0, 1, 2, 3, 4, 5]);
  const page = await open(t, { url: `${backend.url}/?from=now-3h&to=now` });
  await link(page, "live");
  await until("six panels", async () => (await page.getByTestId("panel").count()) === 6);
  await share(page);
  const csv = await saved(page, "csv");
  assert.equal(csv.text.trimEnd().split("\n").length, 1 + 6 * 12);
  await post([6, 7, 8]);
  await page.getByTestId("too-many").waitFor();
  await eventually(() => page.getByTestId("save-csv").count(), 0);
});

test("a screen on the wall shows charts and changes nothing", async (t) => {
  const backend = await start(t, ["oven", "host.a"]);
  await backend.send("POST", "/api/boards", { title: "Wall", panels: [{ signals: ["oven"] }, { signals: ["host.*"] }] });
  const page = await open(t, { url: `${backend.url}/boards/wall` });
  await link(page, "live");
  await share(page);
  await page.goto(await page.locator("#share-kiosk").inputValue());
  await page.locator("main.kiosk canvas").nth(1).waitFor();
  await link(page, "live");
  await eventually(() => page.locator("h1").textContent(), "Wall");
  for (const gone of ["range", "board-menu", "search", "table-switch", "settings", "annotate", "share", "theme", "card-signals"]) {
    await eventually(() => page.getByTestId(gone).count(), 0, gone);
  }
  await eventually(() => page.getByRole("textbox").count(), 0);
  for (const key of ["b", "n", "s", "t", "?", "/"]) await page.keyboard.press(key);
  const over = page.locator(".u-over").first();
  await over.click({ position: { x: 300, y: 60 }, modifiers: ["Control"] });
  await page.getByTestId("chart").first().focus();
  for (const key of ["ArrowLeft", "n"]) await page.keyboard.press(key);
  await eventually(() => page.locator("dialog, .popover").count(), 0);

  const panel = await page.getByTestId("panel").first().getAttribute("data-panel");
  const points = await chart(page, panel).points();
  await backend.post({ signals: { oven: 47.11 } });
  await until("it is live", async () => (await chart(page, panel).points()) > points);
  assert.ok(page.url().includes("kiosk"), "and stays what it is");
});

test("a panel is framed by pages that may, and by no others", async (t) => {
  let frame = "";
  const wiki = await outside(t, () => frame);
  const backend = await start(t, ["oven", "host.a"], ["--embed-from", wiki]);
  await backend.send("POST", "/api/boards", { title: HOSTILE, id: "wall", panels: [{ signals: ["oven"] }, { title: HOSTILE, signals: ["host.*"] }] });
  const page = await open(t, { url: `${backend.url}/boards/wall` });
  await link(page, "live");
  await share(page);
  await page.locator("#share-panel").selectOption({ index: 1 });
  frame = await page.locator("#share-frame").inputValue();

  const reader = await open(t, { url: wiki });
  const inside = reader.frameLocator("iframe");
  await inside.locator("canvas").first().waitFor();
  await inside.locator("[data-testid=link][data-state=live]").waitFor();
  await eventually(() => inside.locator("h2").allTextContents(), [HOSTILE]);
  await eventually(() => reader.locator("iframe").getAttribute("title"), HOSTILE);
  await eventually(() => inside.getByTestId("settings").count(), 0);
  await eventually(() => inside.getByTestId("whole").getAttribute("target"), "_blank");
  assert.ok(!(await inside.getByTestId("whole").getAttribute("href")).includes("panel="));
  await backend.post({ signals: { "host.a": 1 } });
  await until("it is live", async () => Number(await inside.getByTestId("chart").getAttribute("data-points")) === 301);

  // The whole page is framed by nobody, and a panel only by those who may.
  frame = `<iframe src="${backend.url}/boards/wall"></iframe>`;
  const refused = { allow: [/frame-ancestors/, /Framing/] };
  const second = await open(t, { url: wiki }, refused);
  await until("it is refused", () => second.frames().some((one) => one.url().startsWith("chrome-error:")));
  const stranger = await outside(t, () => `<iframe src="${backend.url}/boards/wall?panel=1"></iframe>`);
  const third = await open(t, { url: stranger }, refused);
  await until("it is refused", () => third.frames().some((one) => one.url().startsWith("chrome-error:")));
});

test("a panel that is gone is said", async (t) => {
  const backend = await start(t, ["oven"]);
  const page = await open(t, { url: `${backend.url}/?panel=gone` });
  await page.getByTestId("no-panel").waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  test(`sharing, kiosk and panel are accessible, ${colorScheme}`, async (t) => {
    const backend = await start(t, ["oven", "host.a"]);
    const page = await open(t, backend, { colorScheme, viewport: { width: 360, height: 740 } });
    await link(page, "live");
    await share(page);
    await accessible(page);
    for (const address of ["/?kiosk", "/?panel=signals"]) {
      await page.goto(backend.url + address);
      await page.locator("canvas").first().waitFor();
      await accessible(page);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(wider <= 0, `no horizontal scrolling at ${address}`);
    }
  });
}
