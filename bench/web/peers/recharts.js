// Recharts as most dashboards use it: an array of objects in the state, no animation, no dots.
import { createElement as h } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { CartesianGrid, Line, LineChart, XAxis, YAxis } from "recharts";

import { LINES, value } from "./samples.js";

const COLOURS = ["#0b62b8", "#c2410c", "#0b7a5a", "#a21caf", "#8a6d00"];

export function start(element, points) {
  const row = (n) => Object.fromEntries([["t", n], ...COLOURS.map((_, line) => [`line${line}`, value(line, n)])]);
  let data = Array.from({ length: points }, (_, n) => row(n));
  const root = createRoot(element);
  const lines = Array.from({ length: LINES }, (_, line) =>
    h(Line, { key: line, dataKey: `line${line}`, stroke: COLOURS[line], dot: false, isAnimationActive: false }),
  );
  const render = () =>
    flushSync(() =>
      root.render(
        h(
          LineChart,
          { width: element.clientWidth, height: element.clientHeight, data },
          h(CartesianGrid),
          h(XAxis, { dataKey: "t", type: "number", domain: ["dataMin", "dataMax"] }),
          h(YAxis),
          lines,
        ),
      ),
    );
  render();
  let n = points;
  return () => {
    data = [...data.slice(1), row(n)];
    n += 1;
    render();
  };
}
