// The page outlives its server, and misses nothing.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chart, link, open, readings, row, until } from "../support/page.js";
import { Backend, folder, produce } from "../support/programs.js";

const SIGNALS = "signals";
/** What a browser logs of a server that is away. */
const AWAY = [/WebSocket connection to .* failed/, /Failed to load resource/];

test("a killed backend comes back: the hole is filled and nothing is there twice", async (t) => {
  const home = await folder(t);
  const backend = await Backend.start(t, home);
  await backend.post(...readings("temperature", 60, 2));
  const page = await open(t, backend, { allow: AWAY });
  const drawn = chart(page, SIGNALS);
  await until("60 samples are in the chart", async () => (await drawn.points()) === 60);
  await link(page, "live");

  await backend.kill();
  await link(page, "offline");
  assert.equal(await drawn.points(), 60, "what was there stays");

  const again = await Backend.start(t, home, backend.port);
  // Perhaps before the page is connected again, perhaps after: either way they must be there, once.
  await again.post(...readings("temperature", 2, 0));
  await again.post({ signals: { temperature: 47.11 } });
  await link(page, "live");
  await until("the list has the value", async () => (await row(page, "temperature")).value === "47.11");
  await until("63 samples are in the chart", async () => (await drawn.points()) === 63);
  assert.equal(await again.count("temperature"), 63);
});

test("with a producer that keeps sending, page and store agree after an outage", async (t) => {
  const home = await folder(t);
  const backend = await Backend.start(t, home);
  const producer = await produce(t, home, backend);
  const page = await open(t, backend, { allow: AWAY });
  const drawn = chart(page, SIGNALS);
  await until("the chart has samples", async () => (await drawn.points()) > 20);
  await backend.kill();
  await link(page, "offline");
  const again = await Backend.start(t, home, backend.port);
  await link(page, "live");
  const before = await drawn.points();
  await until("samples arrive again", async () => (await drawn.points()) > before + 40);
  await producer.stop();
  await until("page and store have the same number", async () => {
    const stored = await again.count("sine", "random_walk");
    return stored > 0 && (await drawn.points()) === stored;
  });
});

test("a history that cannot be loaded is said, and tried again", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 60, 2));
  let broken = true;
  const page = await open(t, backend, {
    allow: AWAY,
    before: (page) =>
      page.route("**/api/telemetry?*", (route) => {
        if (!broken) return route.continue();
        const error = { code: "store_down", message: "the database does not answer" };
        return route.fulfill({ status: 503, json: { error } });
      }),
  });
  const failure = page.getByTestId("failure");
  await failure.waitFor();
  assert.match(await failure.textContent(), /the database does not answer/);
  broken = false;
  await failure.getByRole("button").click();
  await until("60 samples are in the chart", async () => (await chart(page, SIGNALS).points()) === 60);
  await failure.waitFor({ state: "detached" });
});

test("a server that refuses the live connection is said, until it allows it", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 60, 2));
  let refusing = true;
  const page = await open(t, backend, {
    allow: AWAY,
    before: (page) =>
      page.routeWebSocket("**/ws", (socket) => {
        if (refusing) socket.close({ code: 1013 });
        else socket.connectToServer();
      }),
  });
  await link(page, "offline");
  await page.getByTestId("failure").waitFor();
  refusing = false;
  await page.getByTestId("failure").getByRole("button").click();
  await link(page, "live");
  await until("60 samples are in the chart", async () => (await chart(page, SIGNALS).points()) === 60);
});

test("samples that the server left out are fetched", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 10, 5));
  const page = await open(t, backend, {
    before: (page) =>
      page.routeWebSocket("**/ws", (socket) => {
        const server = socket.connectToServer();
        // As a server does for a slow reader: of what comes after the greeting, only the newest, and said so.
        server.onMessage((text) => {
          const message = JSON.parse(text);
          const left = message.event === "telemetry_update" && message.data.signals.temperature !== 47.11;
          if (!left) socket.send(JSON.stringify({ ...message, data: { ...message.data, conflated: true } }));
        });
      }),
  });
  const drawn = chart(page, SIGNALS);
  await link(page, "live");
  await until("10 samples are in the chart", async () => (await drawn.points()) === 10);
  await backend.post(...readings("temperature", 3, 0));
  await backend.post({ signals: { temperature: 47.11 } });
  await until("all 14 samples are in the chart", async () => (await drawn.points()) === 14);
});
