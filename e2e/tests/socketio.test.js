// Clients of Socket.IO, unchanged: of JavaScript in node and in the browser, and of Python.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { io } from "socket.io-client";

import { cleanup } from "../support/cleanup.js";
import { open, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const TRANSPORTS = [["polling", "websocket"], ["websocket"], ["polling"]];

const start = async (t) => Backend.start(t, await folder(t));

const joined = (backend, count) =>
  until("the client has joined", async () => {
    const metrics = await (await fetch(`${backend.url}/metrics`)).text();
    return metrics.includes(`afterglow_live_sessions ${count}\n`);
  });

const reading = (value) => ({ timestamp: `2026-01-01T00:00:0${value}Z`, signals: { oven: value, "a\"b": 0.5 } });
const update = (value) => ({ timestamp: `2026-01-01T00:00:0${value}.000000Z`, signals: { oven: value, "a\"b": 0.5 } });

for (const transports of TRANSPORTS) {
  test(`socket.io-client gets what is committed, by ${transports.join(" and ")}`, async (t) => {
    const database = await folder(t);
    const backend = await Backend.start(t, database);
    const options = { transports, forceNew: true, auth: { token: "any" }, reconnectionDelay: 100, reconnectionDelayMax: 100 };
    const socket = io(backend.url, options);
    cleanup(t, () => socket.disconnect());
    const seen = [];
    socket.on("telemetry_update", (data) => seen.push(data));
    const [greeting] = await once(socket, "connection_response");
    assert.equal(greeting.status, "connected");
    assert.ok(Math.abs(Date.parse(greeting.server_time) - Date.now()) < 60_000);
    await joined(backend, 1);
    const last = transports.at(-1);
    await backend.post(reading(1));
    await until(`the transport is ${last}`, () => socket.io.engine.transport.name === last);
    await backend.post(reading(2));
    await until("both updates", () => seen.length === 2);
    assert.deepEqual(seen, [update(1), update(2)]);
    // What clients say is ignored, answered where they ask for it, and does not end the session.
    assert.deepEqual(await socket.timeout(20_000).emitWithAck("hello", { some: [1] }), undefined);
    socket.emit("file", Buffer.from([1, 2, 3]), Buffer.from([4]));
    await backend.post(reading(3));
    await until("the third", () => seen.length === 3);
    const other = io(`${backend.url}/other`, { transports, reconnection: false, forceNew: true });
    cleanup(t, () => other.disconnect());
    const [error] = await once(other, "connect_error");
    assert.equal(error.message, "Invalid namespace");
    // It comes back by itself when the server does.
    const gone = once(socket, "disconnect");
    await backend.program.stop();
    assert.match((await gone)[0], /^transport/);
    const back = once(socket, "connection_response");
    const restarted = await Backend.start(t, database, backend.port);
    await back;
    await joined(restarted, 1);
    await restarted.post(reading(4));
    await until("the fourth", () => seen.length === 4);
    assert.deepEqual(seen[3], update(4));
  });
}

test("socket.io-client runs in a page of the same origin", async (t) => {
  const backend = await start(t);
  const client = path.join(here, "../node_modules/socket.io-client/dist/socket.io.min.js");
  // A document of the backend that is no live client itself: it has no icon, and its policy allows nothing.
  const before = (page) => page.addInitScript({ path: client });
  const page = await open(t, backend, { allow: [/404/], before, bypassCSP: true });
  await page.goto(`${backend.url}/health`);
  await joined(backend, 0);
  await page.evaluate(() => {
    window.seen = [];
    window.socket = io({ reconnection: false });
    for (const event of ["connection_response", "telemetry_update"]) {
      socket.on(event, (data) => seen.push([event, data]));
    }
  });
  await until("the greeting", () => page.evaluate(() => seen[0]?.[1].status === "connected"));
  await until("a WebSocket", () => page.evaluate(() => socket.io.engine.transport.name === "websocket"));
  await joined(backend, 1);
  await backend.post(reading(1));
  await until("the update", () => page.evaluate(() => seen.length === 2));
  assert.deepEqual(await page.evaluate(() => seen[1]), ["telemetry_update", update(1)]);
  await page.evaluate(() => socket.disconnect());
});

const python = process.env.AFTERGLOW_PYTHON;
const skip = python ? false : "Python 3 with python-socketio is not there (cargo xtask test installs it where Python 3 is)";

for (const transports of TRANSPORTS) {
  test(`python-socketio gets what is committed, by ${transports.join(" and ")}`, { skip }, async (t) => {
    const database = await folder(t);
    // A client that polls connects again only when a thread of it has waited for longer than two pings.
    const settings = ["--ping-seconds", "1"];
    const backend = await Backend.start(t, database, 0, settings);
    const script = path.join(here, "../support/socketio_client.py");
    const child = spawn(python, [script, backend.url, ...transports], { stdio: ["ignore", "pipe", "inherit"] });
    cleanup(t, () => child.kill());
    const seen = [];
    createInterface({ input: child.stdout }).on("line", (line) => seen.push(JSON.parse(line)));
    await until("the greeting", () => seen.some(([event, data]) => event === "connection_response" && data.status === "connected"));
    await joined(backend, 1);
    await backend.post(reading(1));
    await backend.post(reading(2));
    await until("both updates", () => seen.filter(([event]) => event === "telemetry_update").length === 2);
    const updates = seen.filter(([event]) => event === "telemetry_update").map(([, data]) => data);
    assert.deepEqual(updates, [update(1), update(2)]);
    await backend.program.stop();
    const restarted = await Backend.start(t, database, backend.port, settings);
    await joined(restarted, 1);
    await restarted.post(reading(3));
    await until("the third", () => seen.filter(([event]) => event === "telemetry_update").length === 3);
  });
}
