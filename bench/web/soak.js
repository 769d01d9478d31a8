// Whether the page's memory stays flat: 50 signals at 10 Hz for three hours of the server's time, which pass in five minutes.
//
// libfaketime (Debian: faketime) has the backend's wall clock run faster; the page follows the server's clock, as it always
// does. From the first hour on the page's window is full: from then on memory must not grow. What counts is what the
// system says of the renderer's processes (PSS), after a collection of garbage.
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

import { Backend, folder } from "../../e2e/support/programs.js";
import { launch, quantile, rendererMemory, table } from "./browser.js";

const SPEED = 36;
const SIGNALS = 50;
const HERTZ = 10;
const HOURS = 3;
/** Real time, in milliseconds: between two requests, and between two looks at the memory. */
const EVERY = 100;
const LOOK = 2_000;
const HOUR = 3_600_000 / SPEED;
const LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

const undo = [];
const t = { after: (call) => undo.push(call) };
await readFile(LIBRARY).catch(() => {
  throw new Error(`${LIBRARY} is missing: apt-get install faketime`);
});
Object.assign(process.env, { LD_PRELOAD: LIBRARY, FAKETIME: `+0 x${SPEED}`, FAKETIME_DONT_FAKE_MONOTONIC: "1" });
const backend = await Backend.start(t, await folder(t));
delete process.env.LD_PRELOAD;
const browser = await launch();
try {
  await soak();
} finally {
  await browser.close();
  for (const call of undo) await call();
}

async function soak() {
  const asked = Date.now();
  const server = Date.parse((await backend.get("/api/ingest")).now);
  const clock = () => server + (Date.now() - asked) * SPEED;
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
  page.on("pageerror", (error) => console.error(error.message));
  await page.goto(backend.url);
  await page.locator("[data-testid=link][data-state=live]").waitFor();
  const session = await page.context().newCDPSession(page);
  const start = Date.now();
  const looks = [];
  const producing = produce(clock, start + HOURS * HOUR);
  while (Date.now() < start + HOURS * HOUR) {
    await delay(LOOK);
    await session.send("HeapProfiler.collectGarbage");
    const look = { hours: (Date.now() - start) / HOUR, memory: await rendererMemory(browser), samples: await samples(page) };
    looks.push(look);
    console.error(`${look.hours.toFixed(2)} h: ${(look.memory / 1e6).toFixed(1)} MB, ${look.samples} samples`);
  }
  await producing;
  const state = await page.locator("[data-testid=link]").getAttribute("data-state");
  report(looks, state);
}

/** Sends what the signals were since the last request, in the server's time. */
async function produce(clock, end) {
  const step = 1000 / HERTZ;
  let next = Math.ceil(clock() / step) * step;
  while (Date.now() < end) {
    const readings = [];
    for (; next <= clock(); next += step) {
      const signals = Array.from({ length: SIGNALS }, (_, n) => [`rack${n % 10}.s${n}`, Math.sin(next / (9_000 + 700 * n)) + n]);
      readings.push({ timestamp: new Date(next).toISOString(), signals: Object.fromEntries(signals) });
    }
    if (readings.length > 0) await backend.post(...readings);
    await delay(EVERY);
  }
}

/** How many samples the charts hold of the range on screen. */
async function samples(page) {
  const held = await page.locator("[data-testid=chart]").evaluateAll((charts) => charts.map((chart) => Number(chart.dataset.points)));
  return held.reduce((sum, count) => sum + count, 0);
}

function report(looks, state) {
  // The lower quartile of half an hour's looks: what lies above it is what the browser is just drawing.
  const around = (from, to) => quantile(looks.filter(({ hours }) => hours >= from && hours < to).map(({ memory }) => memory), 0.25);
  const [full, last] = [around(1, 1.5), around(HOURS - 0.5, HOURS + 1)];
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(`\n${SIGNALS} signals at ${HERTZ} Hz, ${HOURS} hours of the server's time; at the end the page is ${state}\n`);
  table([
    ["figure", "measured", "bar"],
    ["renderers once the window is full", megabytes(full), ""],
    [`renderers after ${HOURS} hours`, megabytes(last), ""],
    ["grown by", `${(100 * (last / full - 1)).toFixed(1)} %`, "within 5 %"],
  ]);
}
