// Chart.js as its guide to performance has it: parsed and sorted data, no animation, decimation to the extremes.
import { Chart, Decimation, LineController, LineElement, LinearScale, PointElement } from "chart.js";

import { LINES, value } from "./samples.js";

Chart.register(Decimation, LineController, LineElement, LinearScale, PointElement);

const COLOURS = ["#0b62b8", "#c2410c", "#0b7a5a", "#a21caf", "#8a6d00"];

export function start(element, points) {
  const canvas = element.appendChild(document.createElement("canvas"));
  const point = (line) => (_, n) => ({ x: n, y: value(line, n) });
  const datasets = Array.from({ length: LINES }, (_, line) => ({
    data: Array.from({ length: points }, point(line)),
    borderColor: COLOURS[line],
    borderWidth: 1.5,
    pointRadius: 0,
  }));
  const chart = new Chart(canvas, {
    type: "line",
    data: { datasets },
    options: {
      animation: false,
      parsing: false,
      normalized: true,
      responsive: true,
      maintainAspectRatio: false,
      plugins: { decimation: { enabled: true, algorithm: "min-max" } },
      scales: { x: { type: "linear", min: 0, max: points - 1 } },
    },
  });
  let n = points;
  return () => {
    // Decimation keeps the data as given here, and what it drew elsewhere.
    for (const [line, dataset] of datasets.entries()) {
      const data = chart.data.datasets[line]._data ?? dataset.data;
      data.push({ x: n, y: value(line, n) });
      data.shift();
      chart.data.datasets[line].data = data;
    }
    chart.options.scales.x.min = n - points + 1;
    chart.options.scales.x.max = n;
    n += 1;
    chart.update("none");
  };
}
