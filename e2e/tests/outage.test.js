// The page outlives its server, and misses nothing.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chart, link, open, readings, row, tryNow, until } from "../support/page.js";
import { Backend, folder, produce } from "../support/programs.js";

const SIGNALS = "signals";
/** Where a frame has its kind and its flags, and some of both (docs/wire.md). */
const [KIND, FLAGS] = [0, 1];
const [TAIL, PATCH, REFUSED, CONFLATED] = [5, 6, 8, 4];
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
      page.routeWebSocket("**/ws", (socket) => {
        const server = socket.connectToServer();
        socket.onMessage((text) => {
          const { id } = JSON.parse(text);
          if (broken) socket.send(refused(id, "store_down", "the database does not answer"));
          else server.send(text);
        });
      }),
  });
  const failure = page.getByTestId("failure");
  await failure.waitFor();
  assert.match(await failure.textContent(), /the database does not answer/);
  broken = false;
  await tryNow(page);
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
  await tryNow(page);
  await link(page, "live");
  await until("60 samples are in the chart", async () => (await chart(page, SIGNALS).points()) === 60);
});

test("samples that the server left out are fetched", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 10, 5));
  let losing = 2;
  const page = await open(t, backend, {
    before: (page) =>
      page.routeWebSocket("**/ws", (socket) => {
        const server = socket.connectToServer();
        // As a server does for a slow reader: of what is committed only the newest comes, and that is said.
        server.onMessage((frame) => {
          if (frame[KIND] !== TAIL) return socket.send(frame);
          losing -= 1;
          if (losing < 0) return socket.send(frame);
          if (losing > 0) return undefined;
          const conflated = Buffer.from(frame);
          [conflated[KIND], conflated[FLAGS]] = [PATCH, CONFLATED];
          return socket.send(conflated);
        });
      }),
  });
  const drawn = chart(page, SIGNALS);
  await link(page, "live");
  await until("10 samples are in the chart", async () => (await drawn.points()) === 10);
  await backend.post(...readings("temperature", 3, 0));
  await until("a frame is lost", () => losing === 1);
  await backend.post({ signals: { temperature: 47.11 } });
  await link(page, "conflated");
  await until("the newest is there", async () => (await row(page, "temperature")).value === "47.11");
  await link(page, "live");
  await until("all 14 samples are in the chart", async () => (await drawn.points()) === 14);
});

test("a silent connection is given up, and nothing is missed", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 10, 5));
  let silent = false;
  const page = await open(t, backend, {
    before: async (page) => {
      await page.clock.install();
      await page.routeWebSocket("**/ws", (socket) => {
        const server = socket.connectToServer();
        const stays = silent;
        server.onMessage((frame) => {
          if (!silent || stays) socket.send(frame);
        });
      });
    },
  });
  const drawn = chart(page, SIGNALS);
  await link(page, "live");
  await until("10 samples are in the chart", async () => (await drawn.points()) === 10);
  silent = true;
  await backend.post({ signals: { temperature: 47.11 } });
  // No close frame comes, as from a machine that is gone.
  await page.clock.fastForward(25_000);
  await link(page, "offline");
  assert.match(await page.getByTestId("link").textContent(), /said nothing for 20 seconds/);
  await link(page, "live");
  await until("11 samples are in the chart", async () => (await drawn.points()) === 11);
});

test("a page hears of what is saved elsewhere", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("temperature", 10, 5));
  const page = await open(t, backend);
  await link(page, "live");
  const revision = async () => {
    const { boards, annotations, metadata } = await backend.get("/api/revision");
    return `${boards} ${annotations} ${metadata}`;
  };
  const shows = async () => (await page.getByTestId("board").getAttribute("data-revision")) === (await revision());
  await until("the page knows the revision", shows);
  const before = await revision();
  await fetch(`${backend.url}/api/annotations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text: "started the pump" }),
  });
  assert.notEqual(await revision(), before);
  await until("the page knows the new one", shows);
});

/** A frame that refuses the request `id`. */
function refused(id, code, message) {
  const header = Buffer.alloc(36);
  header[KIND] = REFUSED;
  header.writeBigInt64LE(BigInt(Date.now()) * 1000n, 24);
  header.writeUInt32LE(id, 32);
  return Buffer.concat([header, Buffer.from(JSON.stringify({ error: { code, message } }))]);
}
