// What the page shows against what is stored: generated ranges, widths and cursors, on a page that is kept open.
//
// AFTERGLOW_SHOWN=2000 checks 2,000 (signal, range, width, cursors); AFTERGLOW_SEED chooses others.
import assert from "node:assert/strict";
import { test } from "node:test";

import { link, open, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const CHECKS = Number(process.env.AFTERGLOW_SHOWN ?? 120);
const SEED = Number(process.env.AFTERGLOW_SEED ?? 1);
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
/** What ranges are within; every signal has samples all over it. */
const WHOLE = 2.4 * HOUR;

/** Numbers from 0 to 1 that are the same for the same seed. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Signals of many kinds: how often, how many, and a function of the number of a sample. */
function kinds(next) {
  const walk = { value: 0 };
  return {
    noise: [250, 36_000, () => Number((next() * 6 - 3).toFixed(3))],
    doubles: [450, 20_000, (n) => 20 * Math.sin(n / 700) + next()],
    tenths: [1_000, 20_000, (n) => Number((75 + 5 * Math.sin(n / 900) + next()).toFixed(1))],
    counter: [1_000, 20_000, (n) => 1_000_000_013 + n],
    energy: [2_000, 10_000, (n) => Number((1_234_567_890.12 + n / 100).toFixed(2))],
    walk: [1_500, 12_000, () => (walk.value += next() - 0.5)],
    switch: [700, 20_000, () => Math.round(next())],
    tiny: [1_000, 10_000, (n) => 1e-9 * Math.sin(n / 100)],
    negative: [3_000, 8_000, () => -1_000 - Math.round(next() * 100)],
    rare: [600_000, 40, (n) => n * n],
  };
}

/** What `text` says: `{value, digits}` with the place of its last digit, or undefined for a dash. */
function read(text) {
  if (text === "–") return undefined;
  const plain = text.replaceAll(",", "").replace("−", "-");
  assert.match(plain, /^-?\d+(\.\d+)?(e-?\d+)?$/, `a number: ${text}`);
  const [mantissa, exponent = "0"] = plain.split("e");
  const decimals = (mantissa.split(".")[1] ?? "").length;
  return { value: Number(plain), last: 10 ** (Number(exponent) - decimals) };
}

/** Whether a number that is shown is this one, as far as it is shown; and its sign is right. */
function says({ value, last }, truth) {
  const near = Math.abs(value - truth) <= last * 0.5000001 + Math.abs(truth) * 1e-14;
  return near && (value === 0 || truth === 0 || Math.sign(value) === Math.sign(truth) || Math.abs(truth) < last);
}

test("what is shown is what is stored, or is marked", { timeout: 60_000 + CHECKS * 3_000 }, async (t) => {
  const next = random(SEED);
  const backend = await Backend.start(t, await folder(t));
  const end = Math.floor((Date.now() - 2 * HOUR) / SECOND) * SECOND;
  for (const [name, [step, count, of]] of Object.entries(kinds(next))) {
    const offset = Math.round(next() * 97);
    for (let done = 0; done < count; done += 5_000) {
      const some = Array.from({ length: Math.min(5_000, count - done) }, (_, n) => ({
        timestamp: new Date(end - (count - done - n) * step + offset).toISOString(),
        signals: { [`s.${name}`]: of(done + n) },
      }));
      await backend.post(...some);
    }
  }
  const begin = end - WHOLE;
  const iso = (millis) => new Date(millis).toISOString();
  const names = Object.keys(kinds(next)).map((name) => `s.${name}`);
  const stored = await backend.get(`/api/telemetry?from=${iso(begin - 24 * HOUR)}&to=${iso(end + SECOND)}&signals=${names}`);
  const raw = Object.fromEntries(
    names.map((name) => [name, stored[name].map(({ timestamp, value }) => [Date.parse(timestamp), value])]),
  );
  const held = (name, at) => raw[name].findLast(([time]) => time <= at)?.[1];

  const page = await open(t, { url: `${backend.url}/?from=${iso(begin)}&to=${iso(end)}` });
  await link(page, "live");
  await until("all lines are listed", async () => (await page.getByTestId("legend-row").count()) === names.length);
  /** All rows at once: `[[name, {last, min, max, mean, difference}]]`, and whether something is on its way. */
  const shown = () =>
    page.evaluate(() => {
      const rows = [...document.querySelectorAll("[data-testid=legend-row]")];
      const cells = (row) => Object.fromEntries([...row.querySelectorAll("td")].map((td) => [td.dataset.testid, td.textContent]));
      return rows.map((row) => [row.dataset.signal, cells(row)]);
    });

  const tally = { exact: 0, marked: 0, none: 0 };
  for (let checked = 0; checked < CHECKS; checked += names.length) {
    const width = Math.round(2 * SECOND * (WHOLE / (2 * SECOND)) ** next());
    const from = Math.round(begin + next() * (WHOLE - width));
    const [a, b] = [next(), next()].map((share) => Math.round(from + share * width));
    const to = from + width;
    await page.setViewportSize({ width: 1_000 + Math.round(next() * 900), height: 900 });
    const address = `/?from=${iso(from)}&to=${iso(to)}&a=${iso(a)}&b=${iso(b)}`;
    await page.evaluate((address) => {
      history.replaceState(0, "", address);
      dispatchEvent(new PopStateEvent("popstate", { state: 0 }));
    }, address);
    const truths = Object.fromEntries(
      names.map((name) => {
        const values = raw[name].filter(([time]) => time >= from && time <= to).map(([, value]) => value);
        const [before, after] = [held(name, a), held(name, b)];
        if (values.length === 0) return [name, { difference: after - before }];
        const sum = values.reduce((sum, value) => sum + value, 0);
        const [min, max] = [Math.min(...values), Math.max(...values)];
        return [name, { last: values.at(-1), min, max, mean: sum / values.length, difference: after - before }];
      }),
    );
    const judge = ([name, cells]) =>
      Object.entries(cells).map(([column, text]) => {
        const truth = truths[name][column];
        if (text === "–") {
          // In a pause no value holds, and a range without samples has none.
          return { kind: truth === undefined || column === "difference" ? "none" : "wrong", name, column, text, truth };
        }
        if (text.startsWith("≈")) return { kind: "marked", name, column, text, truth };
        // A mean of rounding errors is written as what it is to a reader.
        const slack = column === "mean" ? 1e-9 * Math.max(Math.abs(truths[name].min), Math.abs(truths[name].max)) : 0;
        const number = read(text);
        const right = truth !== undefined && (says(number, truth) || Math.abs(number.value - truth) <= slack);
        return { kind: right ? "exact" : "wrong", name, column, text, truth };
      });
    // The page shows the range before for a moment: what counts is what it comes to.
    let last = [];
    const where = () => `${address} at ${page.viewportSize().width} pixels:\n${last.filter(({ kind }) => kind !== "exact").map((one) => JSON.stringify(one)).join("\n")}`;
    const settled = async (allowed) => {
      last = (await shown()).flatMap(judge);
      const open = (one) => one.kind === "wrong" || (one.kind === "marked" && !allowed(one));
      return last.length === names.length * 5 && !last.some(open);
    };
    try {
      // Everything is stored, so everything can be known; but a mean of nearly nothing stays marked.
      await until("every figure is exact", () => settled(({ column }) => column === "mean"));
    } catch (error) {
      assert.fail(`${error.message}\n${where()}`);
    }
    for (const { kind } of last) tally[kind] += 1;
  }
  t.diagnostic(`${JSON.stringify(tally)}`);
  assert.ok(tally.exact > 10 * tally.marked, JSON.stringify(tally));
});
