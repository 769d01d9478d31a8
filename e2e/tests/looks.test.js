// Every state of the page is usable: by everyone, on any screen, in either scheme.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

import { accessible, chart, eventually, link, open, readings, row, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const SIGNALS = "signals";

async function signals(backend) {
  for (const name of ["sine", "host.cpu_percent", "host.network_rx_bytes_per_second", "a_rather_long_signal_name"]) {
    await backend.post(...readings(name, 120, 2, (n) => 50 + 40 * Math.sin(n / 9)));
  }
}

for (const colorScheme of ["light", "dark"]) {
  test(`accessible with signals, ${colorScheme}`, async (t) => {
    const backend = await Backend.start(t, await folder(t));
    await signals(backend);
    const page = await open(t, backend, { colorScheme });
    await link(page, "live");
    await page.locator(`[data-panel="${SIGNALS}"] canvas.lines`).waitFor();
    await page.locator("[data-testid=switch]").last().click();
    await page.getByTestId("table-switch").first().click();
    await page.getByTestId("data-table").waitFor();
    await accessible(page);
    for (const [key, name] of [["?", "Keys and gestures"], ["t", "Choose a range"], ["s", "Share"], ["n", "Annotation"]]) {
      await page.keyboard.press(key);
      const opened = page.getByRole("dialog", { name });
      await opened.waitFor();
      await accessible(page);
      await page.keyboard.press("Escape");
      await opened.waitFor({ state: "detached" });
    }
  });

  test(`accessible without signals, ${colorScheme}`, async (t) => {
    const backend = await Backend.start(t, await folder(t));
    const page = await open(t, backend, { colorScheme });
    await page.getByTestId("empty").waitFor();
    await accessible(page);
  });
}

test("the empty page's command works as it is", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const page = await open(t, backend);
  const command = await page.getByTestId("curl").textContent();
  assert.ok(command.includes(backend.url));
  await promisify(execFile)("sh", ["-c", command]);
  await until("the sample is in the chart", async () => (await chart(page, SIGNALS).points()) === 1);
  await until("it is drawn, as a dot", async () => (await chart(page, SIGNALS).pixels("#0b62b8")) > 3);
  assert.equal((await row(page, "temperature")).value, "21.5");
  await page.getByTestId("empty").waitFor({ state: "detached" });
});

test("the page says that it is loading", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 10, 2));
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const page = await open(t, backend, {
    before: (page) =>
      page.routeWebSocket("**/ws", (socket) => {
        const server = socket.connectToServer();
        socket.onMessage((request) => held.then(() => server.send(request)));
      }),
  });
  await page.getByTestId("loading").waitFor();
  await link(page, "catching-up");
  release();
  await until("10 samples are in the chart", async () => (await chart(page, SIGNALS).points()) === 10);
  await page.getByTestId("loading").waitFor({ state: "detached" });
});

test("a chart says that it is loading until its range is known, on screen and beyond it", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  // A line that goes on, and is drawn at once where it is new; and panels below.
  const names = ["a.x", ...Array.from({ length: 14 }, (_, n) => `p${n}.x`)];
  for (const name of names) await backend.post(...readings(name, 120, 2));
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const page = await open(t, { url: `${backend.url}/?from=now-10m&to=now` }, {
    before: (page) =>
      page.route(/\/api\/telemetry\?/, async (route) => {
        await held;
        await route.continue();
      }),
  });
  await link(page, "live");
  await until("all panels are there", async () => (await page.getByTestId("panel").count()) === names.length);
  await until("all of them are loading", async () => (await page.getByTestId("loading-samples").count()) === names.length);
  await eventually(() => page.getByTestId("no-samples").count(), 0);
  await eventually(() => page.getByTestId("card-samples").locator(".card-value").textContent(), "…");
  release();
  await until("the first has its samples", async () => (await chart(page, "a").points()) === 120);
  await eventually(() => page.getByTestId("no-samples").count(), 0);
  const last = page.getByTestId("panel").last();
  await eventually(() => last.getByTestId("loading-samples").count(), 1, "nobody has looked at it");
  await last.scrollIntoViewIfNeeded();
  await until("it has its samples", async () => (await last.getByTestId("loading-samples").count()) === 0);
});

test("360 pixels are enough", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await signals(backend);
  const page = await open(t, backend, { viewport: { width: 360, height: 740 } });
  await page.locator(`[data-panel="${SIGNALS}"] canvas.lines`).waitFor();
  const wider = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  await until("no horizontal scrolling", async () => (await wider()) <= 0);
  await page.setViewportSize({ width: 700, height: 740 });
  const canvas = page.locator(`[data-panel="${SIGNALS}"] canvas.lines`);
  await until("the chart grew", async () => (await canvas.boundingBox()).width > 560);
  await page.setViewportSize({ width: 360, height: 740 });
  await until("the chart shrank", async () => (await canvas.boundingBox()).width < 360);
  await until("no horizontal scrolling", async () => (await wider()) <= 0);
});

test("the chart follows the system from light to dark", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 300, 2));
  const page = await open(t, backend, { colorScheme: "light" });
  const drawn = chart(page, SIGNALS);
  await until("the line is drawn for light", async () => (await drawn.pixels("#0b62b8")) > 100);
  await page.emulateMedia({ colorScheme: "dark" });
  await until("the line is drawn for dark", async () => (await drawn.pixels("#5aa9f8")) > 100);
});
