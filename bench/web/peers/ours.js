// Our chart, fed as the page's feed would feed it; its own frame loop decides when there is something new to see.
import init, { Bench } from "/ours/chart.js";

import { LINES, update, values } from "./samples.js";

async function open(element, points) {
  await init({ module_or_path: "/ours/chart_bg.wasm" });
  const bench = Bench.open(element, LINES, points);
  for (let line = 0; line < LINES; line += 1) bench.fill(line, values(line, points));
  bench.run();
  return bench;
}

export async function start(element, points) {
  const bench = await open(element, points);
  let n = points;
  return () => {
    bench.update(update(n));
    n += 1;
  };
}
