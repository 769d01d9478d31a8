// Nothing is lost and nothing is doubled: the real server is killed while samples are sent and followed; so is a program that sends.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

import { Publisher, subscribe } from "afterglow-client";
import { Spool } from "afterglow-client/spool";
import { Log, Server, folder, until } from "./support.js";

const QUICK = { batchSamples: 50, batchAge: 5, retryBase: 20, retryCap: 100 };
const numbers = (count) => Array.from({ length: count }, (_, number) => number);

/** Kills the server while it is taking samples, and starts it again after it has been missed, `kills` times. Gives how many were sent. */
async function sendThroughKills(server, publisher, kills) {
  let sent = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    for (const [counter, step] of [["sent", () => server.kill()], ["retries", () => server.start()]]) {
      const before = publisher.stats()[counter];
      await until(() => {
        for (let i = 0; i < 20; i += 1) publisher.send("count", sent++);
        return publisher.stats()[counter] > before;
      }, counter);
      await step();
    }
  }
  await publisher.flush();
  const { rejected, dropped } = publisher.stats();
  assert.deepEqual({ rejected, dropped }, { rejected: 0, dropped: 0 });
  return sent;
}

test("a killed server loses and doubles nothing with a spool", async (t) => {
  const server = await Server.start(t);
  const publisher = new Publisher(server.url, { spool: new Spool(await folder(t)), limits: QUICK, log: new Log() });
  const sent = await sendThroughKills(server, publisher, 5);
  assert.deepEqual(await server.values("count"), numbers(sent));
  await publisher.close();
});

test("a killed server loses and doubles nothing from memory, and a subscriber gets everything once", async (t) => {
  const server = await Server.start(t);
  const publisher = new Publisher(server.url, { limits: { ...QUICK, memorySamples: 1e9 }, log: new Log() });
  const abort = new AbortController();
  t.after(() => abort.abort());
  const [got, news] = [[], []];
  const following = (async () => {
    for await (const item of subscribe(server.url, { signals: ["count", "a,b"], signal: abort.signal })) {
      if (item.type === "samples") got.push(item.signals.count);
      else news.push(item.type === "live" ? `live ${item.isResumed}` : item.type);
    }
  })();
  await until(() => news.includes("live false"), "the subscription");
  const sent = await sendThroughKills(server, publisher, 4);
  assert.deepEqual(await server.values("count"), numbers(sent));
  await until(() => got.length >= sent, () => `${got.length} of ${sent} samples after ${news.join()}`);
  assert.deepEqual(got.sort((a, b) => a - b), numbers(sent));
  assert.ok(news.includes("live true") && !news.includes("gap"), news.join());
  abort.abort();
  await following;
  await publisher.close();
});

test("what a killed program has spooled is sent by the next", async (t) => {
  const [server, spool] = [await Server.start(t), await folder(t)];
  await server.kill();
  const program = `
    import { Publisher } from "afterglow-client";
    import { Spool } from "afterglow-client/spool";
    const spool = new Spool(process.argv[2]);
    const publisher = new Publisher(process.argv[1], { spool });
    for (let i = 0; i < 20_000; i += 1) publisher.send("count", i, 1e12 + i);
    const timer = setInterval(() => {
      if (spool.samples < 20_000) return;
      clearInterval(timer);
      console.log("spooled");
    }, 1);
  `;
  const args = ["--input-type=module", "--eval", program, server.url, spool];
  const killed = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => killed.kill("SIGKILL"));
  await once(killed.stdout, "data");
  assert.throws(() => new Spool(spool), /in use by process/);
  killed.kill("SIGKILL");
  await once(killed, "exit");
  await server.start();
  const publisher = new Publisher(server.url, { spool: new Spool(spool), log: new Log() });
  await publisher.flush();
  assert.deepEqual(await server.values("count"), numbers(20_000));
  assert.equal((await publisher.close()).sent, 20_000);
});

test("what cannot be sent at the end is sent by the next", async (t) => {
  const [server, spool] = [await Server.start(t), await folder(t)];
  await server.kill();
  const first = new Publisher(server.url, { spool: new Spool(spool), log: new Log() });
  first.send({ a: 1, b: 2 });
  assert.equal((await first.close()).dropped, 0);
  await server.start();
  const second = new Publisher(server.url, { spool: new Spool(spool) });
  await second.flush();
  await second.close();
  assert.deepEqual([await server.values("a"), await server.values("b")], [[1], [2]]);
});
