// One live update of a chart of five lines: how long the main thread works for it, ours beside its peers.
//
// Each peer draws the same samples on the same 1,200 by 400 pixels in a page of its own and gets ten updates a second, each
// with one sample a line. The browser's own count of main-thread time is read before and after; what an idle page
// costs in the same time is taken off.
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

import { launch, mainThread, quantile, serve, table } from "./browser.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const ours = process.env.AFTERGLOW_BENCH_CHART;
const EVERY = 100;
const ROUNDS = 3;

const POINTS = [3_600, 200_000, 1_000_000];
const PEERS = [
  { name: "Afterglow", module: "ours", updates: 60, most: Infinity },
  { name: "uPlot alone", module: "uplot", updates: 60, most: Infinity },
  { name: "Chart.js", module: "chartjs", updates: 40, most: 3_600 },
  { name: "Recharts", module: "recharts", updates: 15, most: 3_600 },
];

const bundles = path.join(here, "node_modules/.bundles");
await build({
  entryPoints: ["uplot", "chartjs", "recharts", "ours"].map((name) => path.join(here, "peers", `${name}.js`)),
  outdir: bundles,
  bundle: true,
  format: "esm",
  minify: true,
  define: { "process.env.NODE_ENV": '"production"' },
  external: ["/ours/*"],
});
const server = await serve({ "/peers/": bundles, "/ours/": ours, "/uplot/": path.join(here, "node_modules/uplot/dist"), "/": here });
const browser = await launch();

const best = {};
for (let round = 0; round < ROUNDS; round += 1) {
  // In turns, so that what else the machine does meets all of them.
  for (const peer of PEERS) {
    for (const points of POINTS.filter((points) => points <= peer.most)) {
      const cost = await measure(peer, points);
      console.error(`round ${round + 1}: ${peer.name}, ${points}: ${cost.toFixed(2)} ms`);
      ((best[peer.name] ??= {})[points] ??= []).push(cost);
    }
  }
}
await browser.close();
server.close();
report();

async function measure({ module, updates }, points) {
  const context = await browser.newContext({ viewport: { width: 1300, height: 600 } });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(`${module}: ${error.message}`));
  await page.goto(`${server.url}/chart.html`);
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable");
  await page.evaluate(
    async ([module, points]) => {
      const { start } = await import(`/peers/${module}.js`);
      window.update = await start(document.getElementById("chart"), points);
    },
    [module, points],
  );
  const run = (updates) =>
    page.evaluate(
      ([updates, every]) =>
        new Promise((resolve) => {
          let left = updates;
          const timer = setInterval(() => {
            if (left <= 0) {
              clearInterval(timer);
              resolve();
            } else if (updates > 0) {
              window.update();
            }
            left -= 1;
          }, every);
        }),
      [updates, EVERY],
    );
  await run(10);
  const idle = await spent(() => page.evaluate((wait) => new Promise((resolve) => setTimeout(resolve, wait)), 1000));
  const start = performance.now();
  const busy = await spent(() => run(updates));
  const seconds = (performance.now() - start) / 1000;
  await context.close();
  return Math.max(0, busy - idle * seconds) / updates;

  async function spent(work) {
    const before = await mainThread(session);
    await work();
    return (await mainThread(session)) - before;
  }
}

function report() {
  const middle = (name, points) => (best[name]?.[points] ? quantile(best[name][points], 0.5) : undefined);
  const text = (number) => (number === undefined ? "–" : number.toFixed(2));
  console.log(`\nMain-thread ms for one live update of five lines, the middle of ${ROUNDS} rounds\n`);
  table([
    ["samples a line", ...POINTS.map((points) => points.toLocaleString("en"))],
    ...PEERS.map(({ name }) => [name, ...POINTS.map((points) => text(middle(name, points)))]),
  ]);
  const mine = (points) => middle("Afterglow", points);
  const ratio = (a, b) => (a / b).toFixed(2);
  console.log("");
  table([
    ["figure", "ratio", "bar"],
    ["Afterglow / uPlot alone at 3,600", ratio(mine(3_600), middle("uPlot alone", 3_600)), "<= 1.0"],
    ["Afterglow / Recharts at 3,600", ratio(mine(3_600), middle("Recharts", 3_600)), "<= 0.1"],
    ["Afterglow at 200,000 / at 3,600", ratio(mine(200_000), mine(3_600)), "<= 1.2"],
    ["Afterglow at 1,000,000 / at 3,600", ratio(mine(1_000_000), mine(3_600)), "<= 1.2"],
  ]);
}
