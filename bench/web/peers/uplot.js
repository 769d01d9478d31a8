// uPlot alone: the arrays grow at the end, and it gets a view of the newest samples; nothing is copied.
import uPlot from "uplot";

import { LINES, value, values } from "./samples.js";

const MORE = 1_000;
const COLOURS = ["#0b62b8", "#c2410c", "#0b7a5a", "#a21caf", "#8a6d00"];

export function start(element, points) {
  const started = Math.floor(Date.now() / 1000);
  const times = Float64Array.from({ length: points + MORE }, (_, n) => started + n);
  const lines = Array.from({ length: LINES }, (_, line) => values(line, points, MORE));
  let first = 0;
  const data = () => [times, ...lines].map((column) => column.subarray(first, first + points));
  const chart = new uPlot(
    {
      width: element.clientWidth,
      height: element.clientHeight,
      legend: { show: false },
      series: [{}, ...COLOURS.map((stroke) => ({ stroke, points: { show: false } }))],
    },
    data(),
    element,
  );
  return () => {
    for (const [line, column] of lines.entries()) column[first + points] = value(line, first + points);
    first += 1;
    chart.setData(data());
  };
}
