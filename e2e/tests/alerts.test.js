// Alerts on the page: seen the moment a limit is crossed, acknowledged, silenced; their rules and channels made and changed.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";

import { cleanup } from "../support/cleanup.js";
import { accessible, chart, eventually, link, open, readings, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const SIGNALS = "signals";
const RED = "#b42318";
const HOT = {
  id: "hot",
  title: "Oven too hot",
  signals: ["oven"],
  is: "above",
  levels: [{ severity: "critical", limit: 10 }],
  min_interval: 0,
};

/** A server with ten minutes of a signal: hot in the first five, cool since. */
async function start(t) {
  const backend = await Backend.start(t, await folder(t));
  await backend.post(...readings("oven", 600, 2, (n) => (n < 300 ? 20 : 5)));
  return backend;
}

/** A program that is notified: what it was sent, in order. */
async function receiver(t) {
  const messages = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    messages.push(JSON.parse(body));
    response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanup(t, () => new Promise((resolve) => server.close(resolve)));
  return { url: `http://127.0.0.1:${server.address().port}/hush`, messages };
}

const now = (backend, value, signal = "oven") =>
  backend.post({ timestamp: new Date().toISOString(), signals: { [signal]: value } });
const badge = async (page) => (await page.getByTestId("badge").allTextContents()).join();
const states = ({ messages }) => messages.map(({ state }) => state);

test("a crossed limit is seen without a reload, acknowledged, and over", async (t) => {
  const [backend, notified] = [await start(t), await receiver(t)];
  await backend.send("POST", "/api/channels", { id: "ops", kind: "webhook", url: notified.url, default: true });
  const page = await open(t, backend);
  await link(page, "live");
  const drawn = chart(page, SIGNALS);
  await until("the line is drawn", async () => (await drawn.pixels("#0b62b8")) > 100);
  assert.equal(await drawn.pixels(RED), 0);
  await backend.send("POST", "/api/rules", HOT);
  const limit = await until("the limit is drawn", async () => {
    const pixels = await drawn.pixels(RED);
    return pixels > 100 && pixels;
  });

  await now(backend, 15);
  await eventually(() => badge(page), "1", "the badge counts it");
  await eventually(() => page.title(), "(1) Afterglow", "so does the title");
  await until("the legend marks the signal", () =>
    page.locator('[data-testid=legend-row][data-signal=oven] [data-testid=alert-mark]').isVisible(),
  );
  await until("so does the list", () =>
    page.locator('[data-testid=row][data-signal=oven] [data-testid=alert-mark]').isVisible(),
  );
  await until("the time while it fires is drawn", async () => (await drawn.pixels(RED)) > limit + 5);
  await until("somebody is notified", () => states(notified).join() === "firing");
  await accessible(page);

  const other = await open(t, { url: `${backend.url}/alerts` });
  await page.keyboard.press("a");
  const row = page.locator('[data-testid=alert][data-scope=oven]');
  await until("it is listed", async () => (await row.textContent()).includes("15, limit 10, since"));
  await now(backend, 17);
  await until("its value is the newest", async () => (await row.textContent()).includes("17, limit 10, since"));
  await accessible(page);
  await row.getByTestId("ack").press("Enter");
  await row.getByTestId("seen").waitFor();
  await until("the other page knows", () => other.getByTestId("seen").isVisible());

  await now(backend, 5);
  await row.waitFor({ state: "detached" });
  await page.locator('[data-testid=ended][data-scope=oven]').waitFor();
  await eventually(() => badge(page), "");
  await eventually(() => page.title(), "Alerts · Afterglow");
  await until("those who were notified hear of its end", () => states(notified).join() === "firing,resolved");
  await page.getByTestId("alert-show").click();
  await until("its chart is shown", async () => (await chart(page, SIGNALS).pixels(RED)) > 50);
});

test("a rule is made from a panel, tested before it is saved, changed, paused and deleted", async (t) => {
  const [backend, notified] = [await start(t), await receiver(t)];
  for (const id of ["boss", "ops"]) {
    await backend.send("POST", "/api/channels", { id, kind: "webhook", url: notified.url });
  }
  const page = await open(t, backend, { allow: [/status of 422/, /status of 409/] });
  await link(page, "live");
  await until("its values are known", async () => (await chart(page, SIGNALS).pixels("#0b62b8")) > 100);
  await page.getByTestId("alert-me").click();
  const form = page.getByTestId("rule-form");
  await form.getByLabel("Name", { exact: true }).fill("Oven too hot");
  await form.getByLabel("Limit").fill("10");
  const found = page.getByTestId("backtest-found");
  await until("it says when it would have fired", async () =>
    /In the last 7 days it would have fired once, at most for 5 min/.test(await found.textContent()),
  );
  await form.getByLabel("For at least (s)").fill("600");
  await eventually(() => found.textContent(), "In the last 7 days it would not have fired.");
  await form.getByLabel("For at least (s)").fill("0");
  await accessible(page);

  await form.getByLabel("Limit").fill("");
  await page.getByTestId("rule-save").click();
  await until("the limit is missing", async () => (await page.locator("#level-0-limit-error").textContent()) !== "");
  await form.getByLabel("Limit").fill("10");
  await form.getByLabel("Ends at").fill("");
  await page.getByTestId("test-channel").first().click();
  await until("the channel works", async () => /Delivered/.test(await page.getByTestId("tested").first().textContent()));
  await form.locator('[data-channel="ops"]').check();
  await page.getByTestId("add-escalation").click();
  await page.getByTestId("add-escalation").click();
  await form.getByLabel("Remove escalation 2").click();
  const escalation = form.getByTestId("escalation");
  await page.getByTestId("rule-save").press("Enter");
  await until("whom to notify is missing", async () => (await escalation.locator("#escalation-0-to-error").textContent()) !== "");
  await accessible(page);
  await escalation.locator('[data-channel="boss"]').check();
  await escalation.getByLabel("After (s)").fill("600");
  await page.getByTestId("rule-save").press("Enter");
  await form.waitFor({ state: "detached" });
  const saved = await backend.get("/api/rules/oven-too-hot");
  assert.deepEqual([saved.signals, saved.to, saved.levels[0].limit], [["oven"], ["ops"], 10]);
  assert.deepEqual(saved.escalate, [{ after: 600, to: ["boss"] }]);
  await now(backend, 15);
  await until("it fires", () => notified.messages.some(({ rule, state }) => rule === "oven-too-hot" && state === "firing"));

  await page.getByTestId("to-alerts").click();
  await page.getByTestId("edit-rule").click();
  await form.getByLabel("Name", { exact: true }).fill("Mine");
  await backend.send("PUT", "/api/rules/oven-too-hot", { ...saved, title: "Theirs" });
  await page.getByTestId("rule-save").click();
  await page.getByTestId("rule-conflict").getByText("Somebody saved version 2").waitFor();
  await page.getByTestId("take-theirs").click();
  await eventually(() => form.getByLabel("Name", { exact: true }).inputValue(), "Theirs");
  await form.getByLabel("Name", { exact: true }).fill("Both");
  await page.getByTestId("rule-save").click();
  await form.waitFor({ state: "detached" });
  assert.equal((await backend.get("/api/rules/oven-too-hot")).title, "Both");

  const row = page.locator('[data-testid=rule][data-rule="oven-too-hot"]');
  await until("the list has its new name", async () => (await row.textContent()).includes("Both"));
  await page.getByTestId("pause-rule").click();
  await until("it is paused", async () => (await row.textContent()).includes("Paused"));
  await eventually(() => badge(page), "", "what it found is over");
  await page.getByTestId("edit-rule").click();
  await page.getByTestId("rule-delete").click();
  await page.getByTestId("rule-sure").click();
  await row.waitFor({ state: "detached" });
  assert.deepEqual(await backend.get("/api/rules"), []);
});

test("a rule that has everything a rule can have is listed by a page that was just opened", async (t) => {
  const backend = await start(t);
  await backend.send("POST", "/api/rules", {
    id: "all", title: "All", signals: ["oven.*.temp"], except: ["oven.test.*"], is: "outside", for: 60, keep: 30, fresh: 60, forget: 3_600,
    value: { of: "mean", window: 60 }, against: { signals: "oven.*.setpoint", as: "difference", within: 300 }, late: "notify",
    levels: [{ severity: "warning", limit: -5, upper: 5, recover: 1 }, { severity: "critical", limit: -9, upper: 9 }],
    and: [{ signals: ["oven.*.power"], is: "above", limit: 10 }], unless: [{ rule: "maintenance", same: "*" }], labels: { team: "heat" },
    text: "{name}", link: "https://example.org/", to: ["ops"], escalate: [{ after: 900, to: ["boss"] }], repeat: 60, min_interval: 60,
  });
  const page = await open(t, { url: `${backend.url}/alerts` });
  await page.getByTestId("edit-rule").waitFor();
});

test("a limit is dragged over the values, moved by keys, and typed", async (t) => {
  const backend = await start(t);
  const page = await open(t, backend);
  await link(page, "live");
  await until("its values are known", async () => (await chart(page, SIGNALS).pixels("#0b62b8")) > 100);
  await page.getByTestId("alert-me").click();
  const form = page.getByTestId("rule-form");
  const [field, line] = [form.getByLabel("Limit"), form.getByRole("slider", { name: "Line of warning" })];
  const ends = form.getByLabel("Ends at");
  const said = async (name) => Number(await line.getAttribute(name));
  const typed = async (input) => Number(await input.inputValue());
  await field.fill("10");
  await eventually(() => said("aria-valuenow"), 10, "the line follows the field");
  await until("the values are drawn below it", async () => (await form.getByTestId("preview").evaluate((chart) => chart.querySelectorAll("canvas").length)) === 2);
  const margin = 10 - (await typed(ends));
  assert.ok(margin > 0, `${margin}`);
  await accessible(page);

  const [low, high] = [await said("aria-valuemin"), await said("aria-valuemax")];
  const area = await form.locator(".preview .u-over").boundingBox();
  const at = await line.boundingBox();
  await page.mouse.move(area.x + 40, at.y + at.height / 2);
  await page.mouse.down();
  await page.mouse.move(area.x + 60, area.y + area.height / 3, { steps: 4 });
  await page.mouse.move(area.x + 60, area.y + area.height / 4, { steps: 4 });
  const wanted = high - (high - low) / 4;
  await until("the field follows the line", async () => Math.abs((await typed(field)) - wanted) < (high - low) / 40);
  await page.mouse.up();
  const dragged = await typed(field);
  await eventually(() => said("aria-valuenow"), dragged);
  assert.ok(Math.abs(dragged - (await typed(ends)) - margin) < 1e-9, "where it is over follows too");
  assert.equal(new URL(page.url()).search, "", "no range was marked");

  await line.press("ArrowUp");
  await until("a key moves it up", async () => (await typed(field)) > dragged);
  await line.press("PageDown");
  await until("another far down", async () => (await typed(field)) < dragged);
  await eventually(async () => (await said("aria-valuenow")) === (await typed(field)), true);
  await line.press("Escape");
  await page.getByTestId("sheet-ask").getByText("Keep editing").click();
  await field.fill("12.5");
  await eventually(() => line.getAttribute("aria-valuetext"), "12.5");
  await page.getByTestId("rule-save").click();
  await form.waitFor({ state: "detached" });
  const [saved] = await backend.get("/api/rules");
  assert.equal(saved.levels[0].limit, 12.5);

  // Two limits are two lines; those of a rate are not among the values.
  await page.getByTestId("to-alerts").click();
  await page.getByTestId("edit-rule").click();
  const upper = page.locator("#level-0-upper");
  await page.locator("#rule-is").selectOption("outside");
  await upper.fill("15");
  await eventually(() => form.getByRole("slider").evaluateAll((all) => all.map((line) => line.getAttribute("aria-label"))), [
    "Lower line of warning",
    "Upper line of warning",
  ]);
  await form.getByRole("slider", { name: "Upper" }).press("ArrowUp");
  await until("its field follows", async () => (await typed(upper)) > 15);
  await page.locator("#rule-of").selectOption("rate");
  await eventually(() => form.getByRole("slider").count(), 0);
});

test("what few rules need is in their form, and numbers that are not allowed are not sent", async (t) => {
  const backend = await start(t);
  const page = await open(t, { url: `${backend.url}/alerts` });
  await link(page, "live");
  await page.getByTestId("new-rule").click();
  const form = page.getByTestId("rule-form");
  await form.getByLabel("Name", { exact: true }).fill("Too far");
  await form.getByLabel("Signals, or patterns").fill("oven.*.temp");
  const time = form.getByLabel("For at least (s)");
  await time.fill("-5");
  await page.getByTestId("rule-save").click();
  await eventually(() => time.evaluate((field) => field.validity.rangeUnderflow && field.validationMessage !== ""), true);
  assert.deepEqual(await backend.get("/api/rules"), [], "the browser says what is allowed");
  await time.fill("30");

  await form.getByTestId("rule-more").locator("summary").click();
  await form.getByLabel("But not these").fill("oven.9.temp");
  await form.getByLabel("Compared with another signal").selectOption("less");
  await form.getByLabel("Its name, or a pattern").fill("oven.*.setpoint");
  await form.getByLabel("No older than (s)").fill("3600");
  await form.getByTestId("add-condition").click();
  await form.getByLabel("And the last value of").fill("oven.*.door");
  await form.getByTestId("condition").getByLabel("Is").selectOption("below");
  await form.getByTestId("condition").getByLabel("Limit").fill("0.5");
  await form.getByLabel("Not while one of these rules").fill("down");
  await form.getByLabel("Labels, one on each line").fill("team=ovens\nsite=a, by the door");
  await accessible(page);
  await page.getByTestId("rule-save").click();
  await form.waitFor({ state: "detached" });
  const saved = await backend.get("/api/rules/too-far");
  assert.deepEqual([saved.for, saved.except, saved.labels], [30, ["oven.9.temp"], { site: "a, by the door", team: "ovens" }]);
  assert.deepEqual(saved.against, { signals: "oven.*.setpoint", as: "difference", within: 3600 });
  assert.deepEqual(saved.and, [{ signals: ["oven.*.door"], is: "below", limit: 0.5 }]);
  assert.deepEqual(saved.unless, [{ rule: "down", same: "*" }]);

  // It is shown again, and stays as it is.
  await page.getByTestId("edit-rule").click();
  await eventually(() => form.getByLabel("Its name, or a pattern").inputValue(), "oven.*.setpoint");
  assert.equal(await form.getByLabel("Labels, one on each line").inputValue(), "site=a, by the door\nteam=ovens");
  await form.getByLabel("Name", { exact: true }).fill("Much too far");
  await page.getByTestId("rule-save").click();
  await form.waitFor({ state: "detached" });
  assert.deepEqual(await backend.get("/api/rules/too-far"), { ...saved, title: "Much too far", version: 2 });
});

test("a silence holds in hours of the week", async (t) => {
  const backend = await start(t);
  const page = await open(t, { url: `${backend.url}/alerts` }, { allow: [/status of 422/] });
  await link(page, "live");
  const form = page.getByTestId("silence-form");
  await form.locator("summary").click();
  await form.getByLabel("Rules, by their ids").fill("hot");
  await form.getByLabel("From").fill("21:30");
  await form.locator('[data-day="sat"]').check();
  await form.getByLabel("On the clock of").fill("Mars/Olympus");
  await form.getByTestId("silence-save").click();
  await until("the zone is wrong", async () => (await page.locator("#silence-zone-error").textContent()) !== "");
  await accessible(page);
  await form.getByLabel("On the clock of").fill("Europe/Berlin");
  await form.getByTestId("silence-save").click();
  await page.getByTestId("silence-row").getByText("in hours of the week").waitFor();
  const [saved] = await backend.get("/api/silences");
  assert.deepEqual([saved.rules, saved.windows], [["hot"], [{ days: ["sat"], from: "21:30", to: "06:00", zone: "Europe/Berlin" }]]);
});

test("who changes a channel at the same time chooses between theirs and mine", async (t) => {
  const backend = await start(t);
  await backend.send("POST", "/api/channels", { id: "ops", title: "Ops", kind: "webhook", url: "http://127.0.0.1:9/x" });
  const page = await open(t, { url: `${backend.url}/alerts` }, { allow: [/status of 409/] });
  await link(page, "live");
  await page.getByTestId("edit-channel").click();
  const name = page.getByLabel("Name", { exact: true });
  await name.fill("Mine");
  const theirs = { id: "ops", kind: "webhook", version: 1, title: "Theirs" };
  await backend.send("PUT", "/api/channels/ops", theirs);
  await page.getByTestId("channel-save").click();
  await page.getByTestId("channel-conflict").getByText("Somebody saved version 2").waitFor();
  await page.getByTestId("take-theirs").click();
  await eventually(() => name.inputValue(), "Theirs");
  await name.fill("Mine");
  await backend.send("PUT", "/api/channels/ops", { ...theirs, version: 2, title: "Theirs again" });
  await page.getByTestId("channel-save").click();
  await page.getByTestId("keep-mine").click();
  await page.getByTestId("channel-form").waitFor({ state: "detached" });
  assert.equal((await backend.get("/api/channels/ops")).title, "Mine");
});

test("a channel is added and tested, and its address is never shown", async (t) => {
  const [backend, notified] = [await start(t), await receiver(t)];
  const page = await open(t, { url: `${backend.url}/alerts` }, { allow: [/status of 422/] });
  await link(page, "live");
  await page.getByTestId("new-channel").click();
  await page.getByLabel("Name", { exact: true }).fill("Operations");
  await page.getByTestId("channel-save").click();
  await until("the address is missing", async () => (await page.locator("#channel-url-error").textContent()) !== "");
  await page.getByLabel("Address").fill(notified.url);
  await accessible(page);
  await page.getByTestId("channel-save").click();
  const secret = await page.getByTestId("channel-secret").textContent();
  assert.match(secret, /^whsec_/);
  await page.getByTestId("channel-saved").getByTestId("test-channel").click();
  await until("it works", async () => /Delivered/.test(await page.getByTestId("channel-saved").textContent()));
  assert.equal(notified.messages.length, 1);
  await page.keyboard.press("Escape");

  const row = page.getByTestId("channel");
  await row.getByText("Webhook http://127.0.0.1").waitFor();
  await page.getByTestId("edit-channel").click();
  assert.equal(await page.getByLabel("Address").inputValue(), "");
  await page.getByLabel("Gets what no rule").check();
  await page.getByTestId("channel-save").click();
  await page.getByTestId("channel-form").waitFor({ state: "detached" });
  await row.getByText("for what nobody else takes").waitFor();
  assert.ok(!(await page.content()).includes("hush"));
  await row.getByTestId("test-channel").click();
  await until("its address was kept", () => notified.messages.length === 2);
  await page.getByTestId("edit-channel").click();
  await page.getByTestId("channel-delete").click();
  await page.getByTestId("channel-sure").click();
  await row.waitFor({ state: "detached" });
});

test("one of many alerts is found, and silenced from its row", async (t) => {
  const backend = await Backend.start(t, await folder(t));
  await backend.send("POST", "/api/rules", { ...HOT, signals: ["rack.*"] });
  const signals = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`rack.${n}`, 15]));
  await backend.post({ timestamp: new Date().toISOString(), signals });
  const page = await open(t, { url: `${backend.url}/alerts` }, { viewport: { width: 390, height: 800 }, colorScheme: "dark" });
  await link(page, "live");
  await eventually(() => badge(page), "300");
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await eventually(wide, 0, "nothing is wider than a phone");
  await page.keyboard.press("/");
  await page.keyboard.type("rack.299");
  const row = page.getByTestId("alert");
  await eventually(() => row.count(), 1);
  await row.getByTestId("silence").selectOption({ label: "for 1 hour" });
  await page.getByTestId("silence-row").getByText("rack.299").waitFor();
  await accessible(page);
  const [{ rules, signals: silenced, to }] = await backend.get("/api/silences");
  assert.deepEqual([rules, silenced], [["hot"], ["rack.299"]]);
  assert.equal(Math.round((Date.parse(to) - Date.now()) / 60_000), 60);
  await page.getByTestId("end-silence").click();
  await page.getByTestId("silence-row").waitFor({ state: "detached" });
});

test("a limit can be what is usual at the hour of the week", async (t) => {
  const backend = await start(t);
  const page = await open(t, { url: `${backend.url}/alerts` }, { allow: [/status of 422/] });
  await link(page, "live");
  await page.getByTestId("new-rule").click();
  const form = page.getByTestId("rule-form");
  await form.getByLabel("Name", { exact: true }).fill("Unusual");
  await form.getByLabel("Signals, or patterns").fill("oven");
  const [side, deviations] = [form.locator("#rule-is"), form.locator("#level-0-k")];
  // Of a growth nothing is known; of a mean it is.
  await form.locator("#rule-of").selectOption("rate");
  await eventually(() => side.locator("option").allTextContents(), ["above", "below", "inside", "outside"]);
  await form.locator("#rule-of").selectOption("mean");
  await side.selectOption("outside what is usual");
  await eventually(() => form.getByLabel("Limit").count(), 0);
  await deviations.fill("0.5");
  await page.getByTestId("rule-save").click();
  await until("the field says what is allowed", async () => /1 to 100/.test(await page.locator("#level-0-k-error").textContent()));
  await deviations.fill("4");
  await form.getByLabel("Ends at deviations").fill("3");
  await form.getByTestId("add-level").click();
  await eventually(() => form.locator("#level-1-k").inputValue(), "8");
  await until("it was tested", async () => /would not have fired/.test(await page.getByTestId("backtest-found").textContent()));
  await accessible(page);
  await page.getByTestId("rule-save").click();
  await form.waitFor({ state: "detached" });
  const saved = await backend.get("/api/rules/unusual");
  assert.deepEqual([saved.is, saved.value], ["outside", { of: "mean", window: 300 }]);
  assert.deepEqual(saved.levels, [
    { severity: "warning", limit: "usual", recover: 3, k: 4 },
    { severity: "critical", limit: "usual", k: 8 },
  ]);
  await until("the list says so", async () =>
    (await page.getByTestId("rule").textContent()).includes("outside what is usual"),
  );

  // It is shown again, and becomes a rule about numbers.
  await page.getByTestId("edit-rule").click();
  await eventually(() => deviations.inputValue(), "4");
  await eventually(() => side.inputValue(), "outside what is usual");
  await page.getByRole("button", { name: "Remove level 2" }).click();
  await side.selectOption("above");
  await form.getByLabel("Limit").fill("30");
  await page.getByTestId("rule-save").click();
  await form.waitFor({ state: "detached" });
  assert.deepEqual((await backend.get("/api/rules/unusual")).levels, [{ severity: "warning", limit: 30 }]);
});
