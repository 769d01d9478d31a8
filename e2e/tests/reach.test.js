// The page with a keyboard only, with touch only, and with five hundred signals.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chart, eventually, link, open, readings, row, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const SIGNALS = "signals";
const NAMES = ["oven", "door", "air"];

async function start(t) {
  const backend = await Backend.start(t, await folder(t));
  for (const [index, name] of NAMES.entries()) await backend.post(...readings(name, 600, 2, (n) => index * 10 + Math.sin(n / 9)));
  return backend;
}

const range = (page) => page.getByTestId("range").getAttribute("data-range");
const parameter = (page, key) => new URL(page.url()).searchParams.get(key);

/** Presses Tab until what has the focus matches `selector`. */
async function tabTo(page, selector) {
  for (let n = 0; n < 80; n += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
  }
  assert.fail(`Tab does not lead to ${selector}`);
}

test("keys alone do everything", async (t) => {
  const backend = await start(t);
  const page = await open(t, backend);
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await until("all samples", async () => (await drawn.points()) === 1800);

  // A typed range; the focus goes back to its button.
  await press("t");
  await page.locator(".popover.range-picker").waitFor();
  await page.keyboard.type("now-2m");
  await press("Enter");
  await until("two minutes", () => parameter(page, "from") === "now-2m");
  await eventually(() => page.evaluate(() => document.activeElement.id), "range-button");

  await page.evaluate(() => document.activeElement.blur());
  await press("Space");
  await until("paused", async () => (await range(page)) === "paused");
  const paused = await drawn.points();
  await press("+");
  await until("closer", async () => (await drawn.points()) < paused);
  const closer = await page.getByTestId("range-name").textContent();
  await press("[");
  await until("earlier", async () => (await page.getByTestId("range-name").textContent()) !== closer);
  await press("Backspace");
  await press("l");
  await until("live", async () => (await range(page)) === "live");

  // The cursor is read out; A and B are set, the distance is said.
  await tabTo(page, "[data-testid=chart]");
  await press("ArrowLeft", "ArrowLeft");
  await until("the values are read out", async () => /oven|air|door/.test(await drawn.element.getByTestId("spoken").textContent()));
  await press("m", "Shift+ArrowLeft", "m");
  await until("the distance is said", async () => (await page.getByTestId("measured").textContent()).includes("Δt"));
  await press("Escape");

  // The legend: a line off, one alone, sorted.
  await tabTo(page, "[data-testid=switch]");
  await press("Space");
  await until("it is off", async () => (await page.getByTestId("switch").first().getAttribute("aria-pressed")) === "false");
  await press("Space");
  await press("ArrowRight");
  await eventually(() => page.evaluate(() => document.activeElement.dataset.testid), "solo");
  await press("Enter");
  await until("one is left", async () => (await page.locator("[data-testid=switch][aria-pressed=true]").count()) === 1);
  await press("Enter");
  await until("all are back", async () => (await page.locator("[data-testid=switch][aria-pressed=true]").count()) === 3);
  await page.getByTestId("sort-last").focus();
  await press("Enter");
  const order = () => page.getByTestId("legend-row").evaluateAll((rows) => rows.map((row) => row.dataset.signal));
  const largest = ["oven", "door", "air"].reverse().join();
  await until("the largest first", async () => (await order()).join() === largest);

  // A board, and its signals found by a key.
  await page.evaluate(() => document.activeElement.blur());
  await press("b");
  await tabTo(page, "#new-board");
  await page.keyboard.type("By keys");
  await press("Enter");
  await page.getByTestId("edit-bar").waitFor();
  await tabTo(page, "[data-testid=save-board]");
  await press("Enter");
  await page.getByTestId("edit-bar").waitFor({ state: "detached" });
  assert.equal((await backend.get("/api/boards"))[0].title, "By keys");
  await page.evaluate(() => document.activeElement.blur());
  await press("/");
  await page.keyboard.type("door");
  await until("one is found", async () => (await page.getByTestId("row").count()) === 1);
  await press("Escape");
  await page.evaluate(() => document.activeElement.blur());
  await press("?");
  await page.getByTestId("help").waitFor();
  await press("Escape");
  await page.getByTestId("help").waitFor({ state: "detached" });
});

test("a key leads past the header, and a panel is few tab stops", async (t) => {
  const backend = await start(t);
  for (let n = 0; n < 40; n += 1) await backend.post({ signals: { [`rack${n % 4}.s${n}`]: n } });
  const page = await open(t, { url: `${backend.url}/?from=now-5m&to=now` });
  await link(page, "live");
  await eventually(() => page.getByTestId("chart").count(), 5);
  await until("the legends are there", async () => (await page.getByTestId("legend-row").count()) > 20);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await eventually(() => page.evaluate(() => document.activeElement.id), "content");
  const stops = await page.evaluate(() => {
    const all = [...document.querySelectorAll("[data-panel] :is(a[href], button, input, select, [tabindex])")];
    return all.filter((element) => element.tabIndex >= 0 && element.getClientRects().length > 0).length;
  });
  // To fold it, its tools, its chart, its legend.
  assert.ok(stops <= 4 * 5, `${stops} tab stops in 5 panels`);

  const tool = () => page.evaluate(() => document.activeElement.dataset.testid);
  await tabTo(page, "[data-testid=save-picture]");
  await page.keyboard.press("ArrowRight");
  await eventually(tool, "table-switch");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  await eventually(tool, "full-screen");
  await tabTo(page, "[data-testid=switch]");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowRight");
  await eventually(tool, "sort-last");
  await page.keyboard.press("ArrowDown");
  await eventually(tool, "switch");
});

/** Fingers, as the browser gets them from a screen. */
class Fingers {
  static async of(page) {
    const fingers = new Fingers();
    fingers.session = await page.context().newCDPSession(page);
    return fingers;
  }

  touch(type, ...points) {
    return this.session.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: points.map(([x, y], id) => ({ x, y, id })),
    });
  }

  /** Moves fingers from where they begin to where they end, in a few steps. */
  async move(from, to, steps = 6) {
    await this.touch("touchStart", ...from);
    for (let step = 1; step <= steps; step += 1) {
      const at = from.map(([x, y], n) => [x + ((to[n][0] - x) * step) / steps, y + ((to[n][1] - y) * step) / steps]);
      await this.touch("touchMove", ...at);
    }
    await this.touch("touchEnd");
  }
}

/** Waits until twenty frames in a row show the page scrolled by the same. */
function standsStill(page) {
  return page.evaluate(() => new Promise((resolve) => {
    let [at, frames] = [scrollY, 0];
    const look = () => {
      frames = scrollY === at ? frames + 1 : 0;
      at = scrollY;
      if (frames === 20) resolve();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }));
}

test("fingers alone do everything, at 360 pixels", async (t) => {
  const backend = await start(t);
  const page = await open(t, { url: `${backend.url}/?from=now-5m&to=now` }, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  const fingers = await Fingers.of(page);
  await until("its samples", async () => (await drawn.points()) > 800);
  const over = page.locator(`[data-panel="${SIGNALS}"] .u-over`);
  await over.scrollIntoViewIfNeeded();
  const box = await over.boundingBox();
  const y = box.y + box.height / 2;
  const at = (share) => [box.x + box.width * share, y];

  // Two fingers part: closer. One finger drags: earlier.
  const before = await drawn.points();
  await fingers.move([at(0.4), at(0.6)], [at(0.1), at(0.9)]);
  await until("closer", async () => (await drawn.points()) < before / 1.5);
  const [name, from] = [await page.getByTestId("range-name").textContent(), await drawn.last()];
  await fingers.move([at(0.3)], [at(0.8)]);
  await until("earlier", async () => (await page.getByTestId("range-name").textContent()) !== name);
  assert.ok(from);

  // A tap reads values; the box stays on the screen, at either end.
  const tooltip = page.locator(`[data-panel="${SIGNALS}"] .tooltip`);
  for (const share of [0.02, 0.5, 0.98]) {
    await page.touchscreen.tap(...at(share));
    await tooltip.waitFor();
    await until("it has values", async () => (await tooltip.locator(".tooltip-row").count()) === 3);
    await until(`it is whole at ${share}`, async () => {
      const seen = await tooltip.boundingBox();
      const across = seen.x >= 0 && seen.x + seen.width <= 360;
      return across && seen.y >= box.y - 1 && seen.y + seen.height <= box.y + box.height + 40;
    });
  }

  // Measuring with taps.
  await page.getByTestId("measure").tap();
  await page.touchscreen.tap(...at(0.3));
  await page.touchscreen.tap(...at(0.7));
  await until("the distance is said", async () => (await page.getByTestId("measured").textContent()).includes("Δt"));
  await page.getByTestId("measure").tap();

  // A vertical drag scrolls the page, and zooms nothing.
  const range = await page.getByTestId("range-name").textContent();
  await fingers.move([at(0.5)], [[box.x + box.width / 2, y - 200]], 12);
  await until("the page is scrolled", () => page.evaluate(() => scrollY > 50));
  await eventually(() => page.getByTestId("range-name").textContent(), range);
  // A page that still moves takes a tap as a finger that stops it.
  await standsStill(page);
  await page.evaluate(() => scrollTo(0, 0));
  await standsStill(page);

  await page.getByTestId("pause").tap();
  await until("live again", async () => (await page.getByTestId("range").getAttribute("data-range")) === "live");
  await page.getByTestId("solo").first().tap();
  await until("one line", async () => (await page.locator("[data-testid=switch][aria-pressed=true]").count()) === 1);
  await page.getByTestId("row-settings").first().tap();
  await page.getByLabel("Display name").fill("Tapped");
  await page.getByTestId("signal-save").tap();
  await until("it has the name", async () => (await page.locator(".line-name").allTextContents()).includes("Tapped"));
  // Everything that is tapped is large enough to be.
  const small = await page.locator("button:visible, a:visible, select:visible").evaluateAll((all) =>
    all.map((one) => [one.getBoundingClientRect(), one.outerHTML.slice(0, 120)]).filter(([{ width, height }]) => width < 24 || height < 24).map(([{ width, height }, text]) => `${width}×${height} ${text}`),
  );
  assert.deepEqual(small, []);
});

test("five hundred signals are searched, shown in parts, and live", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const groups = Array.from({ length: 500 }, (_, n) => `group${n % 10}.signal${String(n).padStart(3, "0")}`);
  const now = Date.now();
  const all = Array.from({ length: 60 }, (_, n) => ({
    timestamp: new Date(now - (60 - n) * 1000).toISOString(),
    signals: Object.fromEntries(groups.map((name, index) => [name, index + Math.sin(n / 9)])),
  }));
  await backend.post(...all);
  const page = await open(t, backend);
  await link(page, "live");
  await until("all are counted", async () => (await page.getByTestId("card-signals").locator(".card-value").textContent()) === "500");
  await until("a panel for each group", async () => (await page.getByTestId("panel").count()) === 10);
  await eventually(() => page.getByTestId("row").count(), 200);
  await page.getByTestId("all-rows").getByText("Show 300 more").click();
  await until("the list is whole", async () => (await page.getByTestId("row").count()) === 500);
  await page.locator("#search").fill("signal499");
  await until("one is found", async () => (await page.getByTestId("row").count()) === 1);
  await until("its line alone is shown", async () =>
    (await page.getByTestId("panel").count()) === 1 && (await page.locator("[data-testid=switch][aria-pressed=true]").count()) === 1,
  );
  await page.locator("#search").fill("");
  await until("all are back", async () => (await page.getByTestId("panel").count()) === 10);
  const panel = page.getByTestId("panel").first();
  await eventually(() => panel.locator("[data-testid=switch][aria-pressed=true]").count(), 12, "a tangle is not drawn");
  await panel.getByText("Show 26 more").click();
  await until("the legend has them all", async () => (await panel.getByTestId("switch").count()) === 50);
  await page.locator("#search").fill("signal499");
  await backend.post({ signals: { [groups[499]]: 47.11 } });
  await until("it is live", async () => (await row(page, groups[499])).value === "47.11");
});
