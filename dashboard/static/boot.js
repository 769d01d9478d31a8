// Starts the page's program. A file of its own because the page's policy allows no inline script.
import "./ahead.js";
import init from "./afterglow.js";
import { runs } from "./later.js";

init({ module_or_path: "/afterglow_bg.wasm" }).then(started, (error) => {
  const page = document.getElementById("page");
  page.textContent = "The dashboard could not be started. It needs a browser with WebAssembly.";
  page.className = "notice";
  console.error(error);
});

function started(program) {
  runs(program);
  charts();
}

/** Starts the chart library once the page is on screen: it takes longer than everything before. */
function charts() {
  const script = document.createElement("script");
  script.src = "/uPlot.iife.min.js";
  script.onerror = () => setTimeout(charts, 2_000);
  requestAnimationFrame(() => setTimeout(() => document.head.append(script)));
}
