// The page on paper.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chart, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

/** The width that a sheet has room for, in pixels. */
const SHEET = 720;

test("all panels are printed, in light colours and as wide as a sheet, and the page is as before", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const names = Array.from({ length: 10 }, (_, n) => `p${n}.x`);
  for (const name of names) await backend.post(...readings(name, 120, 2));
  const page = await open(t, { url: `${backend.url}/?from=now-10m&to=now` }, {
    colorScheme: "dark",
    before: (page) =>
      page.addInitScript(() => {
        // What a browser does when it prints, and what is on the page meanwhile.
        window.print = () => {
          dispatchEvent(new Event("beforeprint"));
          const charts = [...document.querySelectorAll("[data-testid=chart]")];
          window.printed = {
            loading: [...document.querySelectorAll("[data-testid=loading-samples]")].map((one) => one.closest("[data-panel]").dataset.panel),
            widths: charts.map((chart) => chart.querySelector("canvas.lines")?.getBoundingClientRect().width ?? 0),
            theme: document.documentElement.dataset.theme,
            tools: [...document.querySelectorAll(".toolbar, .side, .panel-head button")].filter((one) => one.checkVisibility()).length,
          };
        };
      }),
  });
  await link(page, "live");
  await until("all panels are there", async () => (await page.getByTestId("panel").count()) === names.length);
  await page.keyboard.press("s");
  await page.getByTestId("print").click();
  const printed = await until("it is printed", () => page.evaluate(() => window.printed));
  assert.deepEqual([printed.loading, printed.theme, printed.tools], [[], "light", 0]);
  assert.equal(printed.widths.length, names.length);
  for (const width of printed.widths) assert.ok(width > 300 && width < SHEET, `${printed.widths}`);
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  const wide = chart(page, "p0").element.locator("canvas.lines");
  await until("the chart is wide again", async () => (await wide.boundingBox())?.width > SHEET);
  await until("and drawn for dark", async () => (await chart(page, "p0").pixels("#5aa9f8")) > 20);
});
