// The retry table, the bounds, and what callers are told.
import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { Publisher, subscribe } from "afterglow-client";
import { Spool } from "afterglow-client/spool";
import { encode, iso } from "../src/batch.js";
import { DEFAULTS, Outbox } from "../src/outbox.js";
import { deliver, judge } from "../src/verdict.js";
import { Log, Server, folder, standIn } from "./support.js";

const QUICK = { batchAge: 5, retryBase: 10, retryCap: 20 };
const SUCCESS = { status: "success" };
const batch = (samples) => encode(Array.from({ length: samples }, (_, i) => ({ timestamp: iso(i), signals: { x: i } })));

test("the retry table", () => {
  for (const status of [400, 404, 405, 415, 422]) assert.equal(judge(status, null, "").kind, "refused", status);
  for (const status of [301, 307, 401, 403, 408, 421, 429, 500, 502, 503, 504]) {
    assert.equal(judge(status, null, "").kind, "retry", status);
  }
  assert.equal(judge(413, null, "").kind, "tooLarge");
  for (const status of [401, 403, 421]) {
    assert.deepEqual([null, "1", "90"].map((after) => judge(status, after, "").after), [60_000, 60_000, 90_000]);
  }
  for (const text of ["", "<html>", '{"status":"ok"}', "null"]) assert.equal(judge(200, null, text).kind, "retry", text);
  assert.equal(judge(503, "120", "").after, 120_000);
  assert.ok(judge(503, new Date(Date.now() + 3_600_000).toUTCString(), "").after > 3_000_000);
  for (const text of ["soon", "-1", ""]) assert.equal(judge(503, text, "").after, undefined);
});

test("receipts and reasons", () => {
  const some = '{"status":"success","rejected_count":7,"rejected":[{"signal":"x","code":"not_finite","message":"no"}]}';
  assert.deepEqual(judge(200, null, some), { kind: "stored", rejected: 7, reasons: ["x: not_finite: no"] });
  const body = '{"error":{"code":"empty_body","message":"nothing"}}';
  assert.equal(judge(400, null, body).reason, "status 400, empty_body: nothing");
});

test("too large is split until it fits", async () => {
  const sizes = [];
  const post = (part) => {
    sizes.push(part.samples);
    return part.samples <= 2 ? { kind: "stored", rejected: 0, reasons: [] } : { kind: "tooLarge" };
  };
  assert.equal((await deliver(batch(8), post)).stored, 8);
  assert.deepEqual(sizes, [8, 4, 2, 2, 4, 2, 2]);
  const one = encode([{ timestamp: iso(0), signals: { a: 1, b: 2, c: 3 } }]);
  assert.equal((await deliver(one, () => ({ kind: "tooLarge" }))).rejected, 3);
});

test("memory without a spool drops the oldest, and a spool keeps its bound", async (t) => {
  const limits = { ...DEFAULTS, batchSamples: 10, memorySamples: 100 };
  const outbox = new Outbox(limits, undefined, new Log());
  for (let i = 0; i < 1000; i += 1) outbox.push(i, "x", i, 0);
  assert.deepEqual([outbox.tally().waiting, outbox.tally().dropped], [100, 900]);
  assert.match(outbox.turn(0).objects, /"x":900/);

  const spool = new Spool(await folder(t), 10_000);
  const spooling = new Outbox(limits, spool, new Log());
  for (let i = 0; i < 5000; i += 1) spooling.push(i, "x", i, 0);
  assert.ok(spool.bytes <= 10_000);
  const { waiting, dropped } = spooling.tally();
  assert.ok(dropped > 0 && waiting + dropped === 5000, `${waiting} ${dropped}`);
  spool.close();
});

test("waits double up to the cap, and Retry-After counts", (t) => {
  t.mock.method(Math, "random", () => 1);
  const outbox = new Outbox({ ...DEFAULTS, batchSamples: 1 }, undefined, new Log());
  outbox.push(0, "x", 1, 0);
  let now = 0;
  const waits = [undefined, undefined, undefined, undefined, undefined, undefined, undefined, 7_000, 86_400_000].map((after) => {
    outbox.turn(now);
    outbox.settle({ retry: { reason: "down", after } }, now);
    const wait = outbox.wake() - now;
    now += wait;
    return wait;
  });
  assert.deepEqual(waits, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 7_250, 600_250]);
});

test("a torn tail is cut off and the rest is read; damage is reported", async (t) => {
  const place = await folder(t);
  let spool = new Spool(place);
  spool.append(batch(2));
  spool.append(batch(3));
  spool.close();
  const file = path.join(place, (await readdir(place)).find((name) => name.endsWith(".spool")));
  const whole = await readFile(file);
  for (let cut = 1; cut < 30; cut += 1) {
    await writeFile(file, whole.subarray(0, -cut));
    spool = new Spool(place);
    assert.equal(spool.samples, 2);
    spool.close();
  }
  spool = new Spool(place);
  whole[20] ^= 1;
  await writeFile(file, whole);
  assert.throws(() => spool.front(1000), /2 samples are lost/);
  assert.equal(spool.front(1000), null);
  spool.append(batch(1));
  assert.deepEqual(spool.front(1000).batch, batch(1));
  spool.close();
});

test("a refused batch is dropped with its reason; a busy server gets the same batch again", async (t) => {
  const error = (code, message) => ({ error: { code, message } });
  const busy = error("queue_full", "later");
  const server = await standIn(t, [400, error("bad_parameter", "no such zone")], [503, busy], [429, busy], [200, SUCCESS]);
  const log = new Log();
  const publisher = new Publisher(server.url, { key: "agk_1", limits: QUICK, log });
  publisher.send("a", 1);
  await publisher.flush();
  assert.match(log.lines[0], /status 400, bad_parameter: no such zone/);
  publisher.send("a", 2);
  await publisher.flush();
  const { sent, rejected, retries } = await publisher.close();
  assert.deepEqual({ sent, rejected, retries }, { sent: 1, rejected: 1, retries: 2 });
  const bodies = server.requests.slice(1).map((request) => request.body);
  assert.deepEqual(bodies, [bodies[0], bodies[0], bodies[0]]);
  assert.equal(server.requests[0].headers.authorization, "Bearer agk_1");
});

test("denied samples are kept", async (t) => {
  const place = await folder(t);
  const log = new Log();
  const denied = await standIn(t, [403, {}]);
  const first = new Publisher(denied.url, { spool: new Spool(place), limits: QUICK, log });
  first.send("a", 1);
  assert.equal((await first.close()).dropped, 0);
  assert.match(log.lines[0], /check the key/);
  const second = new Publisher((await standIn(t, [200, SUCCESS])).url, { spool: new Spool(place) });
  await second.flush();
  assert.equal((await second.close()).sent, 1);
});

test("the real server: partial rejections are reported, samples without a time never share one", async (t) => {
  const server = await Server.start(t);
  const log = new Log();
  const publisher = new Publisher(server.url, { limits: QUICK, log });
  publisher.send({ good: 1, "bad\x07": 2, __proto__x: 3 });
  await publisher.flush();
  assert.match(log.lines[0], /bad_signal_name/);
  for (let i = 0; i < 3000; i += 1) publisher.send("n", i);
  await publisher.flush();
  assert.deepEqual([await server.values("good"), (await server.values("n")).length], [[1], 3000]);
  assert.equal((await publisher.close()).rejected, 1);
});

test("arguments that cannot be right are refused", async () => {
  for (const url of ["", "127.0.0.1:5001", "ftp://host"]) assert.throws(() => new Publisher(url), TypeError);
  assert.throws(() => new Publisher("http://127.0.0.1:1", { key: "two words" }), TypeError);
  const log = new Log();
  const publisher = new Publisher("http://127.0.0.1:1", { log, limits: QUICK });
  for (const name of ["", "x".repeat(257), "\ud800"]) assert.throws(() => publisher.send(name, 1), RangeError);
  assert.throws(() => publisher.send("a", "1"), TypeError);
  assert.throws(() => publisher.send("a", 1, NaN), RangeError);
  publisher.send("a", NaN);
  publisher.send("a", 1);
  const { rejected, dropped } = await publisher.close(50);
  assert.deepEqual({ rejected, dropped }, { rejected: 1, dropped: 1 });
  assert.throws(() => publisher.send("a", 1), /closed/);
});

test("a subscription that the server refuses throws", async (t) => {
  const server = await Server.start(t);
  const follow = async (url, options) => {
    for await (const _ of subscribe(url, options)) break;
  };
  await assert.rejects(follow(server.url, { signals: ["x*y*z*u*v*w*"] }), /status 400/);
  await follow(server.url);
});
