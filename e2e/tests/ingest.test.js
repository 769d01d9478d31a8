// The page of what arrived lately.
import assert from "node:assert/strict";
import { test } from "node:test";

import { HOSTILE } from "../support/hostile.js";
import { accessible, eventually, link, open, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const send = (backend, body) =>
  fetch(`${backend.url}/api/telemetry`, { method: "POST", headers: { "content-type": "application/json" }, body });

async function start(t) {
  const backend = await Backend.start(t, await folder(t));
  await send(backend, JSON.stringify({ timestamp: new Date(Date.now() - 120_000).toISOString(), signals: { a: 1 } }));
  await send(backend, JSON.stringify({ signals: { a: 1, [HOSTILE]: "no number" } }));
  await send(backend, "{");
  return backend;
}

test("requests have their verdicts and reasons, sources their skew", async (t) => {
  const backend = await start(t);
  const page = await open(t, backend);
  await link(page, "live");
  await page.getByTestId("to-ingest").click();
  assert.equal(new URL(page.url()).pathname, "/ingest");
  await page.getByTestId("ingest").waitFor();
  await until("three requests", async () => (await page.getByTestId("request").count()) === 3);
  await eventually(() => page.getByTestId("verdict").allTextContents(), ["400 malformed_json", "stored in part", "stored"]);
  const reasons = await page.getByTestId("reason").allTextContents();
  assert.match(reasons[0], /JSON/);
  assert.ok(reasons[1].includes(HOSTILE), reasons[1]);
  const figure = (id) => page.getByTestId(`ingest-${id}`).locator(".figure-value").textContent();
  assert.deepEqual([await figure("accepted"), await figure("late"), await figure("rejected")], ["2", "1", "1"]);
  await eventually(() => page.getByTestId("source").count(), 1);
  await send(backend, JSON.stringify({ timestamp: new Date(Date.now() - 30_000).toISOString(), signals: { a: 2 } }));
  await until("the clock is said to be behind", async () => /^(29|30|31).* s behind$/.test(await page.getByTestId("skew").textContent()));
  await until("the new request is listed", async () => (await page.getByTestId("request").count()) === 4);
  await page.goBack();
  await page.getByTestId("panel").first().waitFor();
});

test("what was refused stays in reach, by reason and by request", async (t) => {
  const backend = await start(t);
  // More than the latest requests that are kept.
  for (let n = 0; n < 20; n += 1) {
    await Promise.all(Array.from({ length: 12 }, () => backend.post({ signals: { a: n } })));
  }
  const page = await open(t, { url: `${backend.url}/ingest` });
  await until("the refused ones are out of the latest", async () => (await page.getByTestId("request").count()) === 200);
  await eventually(() => page.getByText("400 malformed_json").count(), 0);
  const reason = page.getByTestId("ingest-reason").filter({ hasText: HOSTILE });
  assert.match(await reason.textContent(), /127\.0\.0\.1/);
  await page.getByTestId("refused-only").click();
  await until("only they are listed", async () => (await page.getByTestId("request").count()) === 2);
  await eventually(() => page.getByTestId("verdict").allTextContents(), ["400 malformed_json", "stored in part"]);
});

test("a warning about what was stored is shown", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  const sent = await send(backend, JSON.stringify({ signals: { a: 1 }, comment: "hot" }));
  const { warnings = [] } = await sent.json();
  assert.equal(warnings.length, 1, "an unknown member is warned of");
  const page = await open(t, { url: `${backend.url}/ingest` });
  await until("its verdict", async () => (await page.getByTestId("verdict").allTextContents()).join() === "stored with a warning");
  await eventually(() => page.getByTestId("reason").textContent(), warnings[0]);
});

for (const colorScheme of ["light", "dark"]) {
  test(`the ingest page is accessible, ${colorScheme}`, async (t) => {
    const backend = await start(t);
    const page = await open(t, { url: `${backend.url}/ingest` }, { colorScheme, viewport: { width: 360, height: 740 } });
    await page.getByTestId("request").first().waitFor();
    await accessible(page);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wider <= 0, "no horizontal scrolling");
  });
}
