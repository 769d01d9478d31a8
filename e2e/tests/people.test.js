// From the link at the first start to a viewer who sees everything and changes nothing.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { accessible, eventually, open, row, until } from "../support/page.js";
import { PASSWORD, ask, choose, login } from "../support/people.js";
import { Backend, folder, produce } from "../support/programs.js";
import { startProvider } from "../support/provider.js";

/** A server that asks who one is, and the link for its first admin. */
async function start(t) {
  const made = await folder(t);
  const backend = await Backend.start(t, made, 0, ["--auth", "required"]);
  const [, link] = await backend.program.seen(/Set up: (\S+)/);
  return { backend, link };
}

/** Refusals are what these pages are about; browsers report each as an error. */
const allow = [/status of 40[134]/, /status of 422/, /WebSocket connection .* failed/];

test("the first admin invites a viewer, who sees and cannot edit", async (t) => {
  const { backend, link } = await start(t);
  const admin = await open(t, { url: link }, { allow });
  await choose(admin, "short", "ada");
  await admin.getByText("12 to 1,024 bytes").waitFor();
  await choose(admin, PASSWORD, "ada");
  await until("the dashboard is open", () => new URL(admin.url()).pathname === "/");
  await admin.goto(`${backend.url}/members`);
  await admin.getByTestId("add-member").getByLabel("Name").fill("val");
  await admin.getByTestId("add-member").getByLabel("Name").press("Enter");
  const invitation = await admin.getByTestId("invitation").textContent();
  await eventually(() => admin.getByTestId("member").count(), 2);

  const viewer = await open(t, { url: invitation }, { allow });
  await eventually(() => viewer.getByLabel("Name").inputValue(), "val");
  await choose(viewer, PASSWORD);
  await until("the dashboard is open", () => new URL(viewer.url()).pathname === "/");
  const board = { title: "b", panels: [] };
  assert.equal(await ask(viewer, "GET", "/api/boards"), 200);
  assert.equal(await ask(viewer, "POST", "/api/boards", board), 403);
  assert.equal(await ask(viewer, "GET", "/api/members"), 403);
  assert.equal(await ask(admin, "POST", "/api/boards", board), 201);

  await admin.getByRole("button", { name: "Remove val" }).click();
  await admin.getByRole("button", { name: "Remove now: val" }).press("Enter");
  await until("val is gone", async () => (await admin.getByTestId("member").count()) === 1);
  await viewer.reload();
  await until("who is removed is led to the login", () => new URL(viewer.url()).pathname === "/login");
});

test("without a session the page leads to the login, and after it back", async (t) => {
  const { backend, link } = await start(t);
  const page = await open(t, { url: link }, { allow });
  await choose(page, PASSWORD, "ada");
  await until("the dashboard is open", () => new URL(page.url()).pathname === "/");
  await page.goto(`${backend.url}/account`);
  await page.getByTestId("me").waitFor();
  await page.getByTestId("logout").click();
  await until("the login is open", () => new URL(page.url()).pathname === "/login");
  await page.goto(`${backend.url}/ingest?from=-5m`);
  await until("the login is open", () => new URL(page.url()).pathname === "/login");
  await login(page, "ada", "not the password");
  await page.getByText("is wrong").waitFor();
  await login(page, "ada", PASSWORD);
  await until("the page that was wanted is open", () => new URL(page.url()).pathname === "/ingest");
});

for (const colorScheme of ["light", "dark"]) {
  test(`login, set-up, account, members and keys are accessible on a phone, ${colorScheme}`, async (t) => {
    const { backend, link } = await start(t);
    const page = await open(t, { url: link }, { allow, colorScheme, viewport: { width: 360, height: 740 } });
    const check = async () => {
      await accessible(page);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(wider <= 0, `no horizontal scrolling at ${page.url()}`);
    };
    await page.getByTestId("setup").waitFor();
    await check();
    await choose(page, PASSWORD, "ada");
    await until("the dashboard is open", () => new URL(page.url()).pathname === "/");
    await page.goto(`${backend.url}/account`);
    await page.getByTestId("session").waitFor();
    await page.getByTestId("codes").getByLabel("Password").fill(PASSWORD);
    await page.getByTestId("codes").getByLabel("Password").press("Enter");
    await page.getByTestId("secret").waitFor();
    await check();
    await page.goto(`${backend.url}/members`);
    await page.getByTestId("add-member").getByLabel("Name").fill("val");
    await page.getByTestId("add-member").getByLabel("Name").press("Enter");
    await page.getByTestId("invitation").waitFor();
    await check();
    await page.goto(`${backend.url}/keys`);
    await page.getByTestId("make-key").getByLabel("What it is for").fill("workshop");
    await page.getByTestId("make-key").getByLabel("What it is for").press("Enter");
    await page.getByTestId("new-key").waitFor();
    await check();
    await page.goto(`${backend.url}/account`);
    await page.getByTestId("logout").click();
    await page.getByTestId("login").waitFor();
    await check();
  });
}

test("a key made on the page lets a producer in, until it is revoked there", async (t) => {
  const { backend, link } = await start(t);
  const made = await folder(t);
  const page = await open(t, { url: link }, { allow });
  await choose(page, PASSWORD, "ada");
  await until("the dashboard is open", () => new URL(page.url()).pathname === "/");
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByTestId("me").waitFor();
  await page.getByRole("link", { name: "Keys" }).click();
  await page.getByTestId("make-key").getByLabel("What it is for").fill("workshop");
  await page.getByTestId("make-key").getByLabel("What it is for").press("Enter");
  const key = await page.getByTestId("new-key").textContent();
  await eventually(() => page.getByTestId("key").count(), 1);
  await accessible(page);

  const producer = await produce(t, made, backend, { AFTERGLOW_KEY: key });
  const stored = () =>
    page.evaluate(async () => {
      const answer = await (await fetch("/api/telemetry?hours=1")).json();
      return answer.sine?.length ?? 0;
    });
  await until("samples are stored", async () => (await stored()) > 2);
  const dashboard = await page.context().newPage();
  await dashboard.goto(backend.url);
  await until("the page shows the value", async () => /\d/.test((await row(dashboard, "sine")).value));
  await dashboard.close();

  await page.getByRole("button", { name: "Revoke workshop" }).click();
  await page.getByRole("button", { name: "Revoke now: workshop" }).press("Enter");
  await eventually(() => page.getByTestId("key").count(), 0);
  assert.equal(await page.getByTestId("new-key").count(), 0, "it is shown no more");
  await producer.seen(/check the key/);
});

test("a link to a board shows it to somebody without an account, until it is revoked", async (t) => {
  const { backend, link: setup } = await start(t);
  const admin = await open(t, { url: setup }, { allow });
  await choose(admin, PASSWORD, "ada");
  await until("the dashboard is open", () => new URL(admin.url()).pathname === "/");
  const stored = await admin.evaluate(async () => {
    const send = async (path, body) =>
      (await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).status;
    return [
      await send("/api/telemetry", { signals: { oven: 41.25, secret: 7 } }),
      await send("/api/boards", { title: "Kitchen", panels: [{ signals: ["oven"] }] }),
      await send("/api/boards", { title: "Others", panels: [{ signals: ["secret"] }] }),
    ];
  });
  assert.deepEqual(stored, [200, 201, 201]);
  await admin.goto(`${backend.url}/boards/kitchen`);
  await admin.getByTestId("share").first().click();
  await admin.getByTestId("share-people").getByRole("button", { name: "Make a link" }).click();
  const url = await admin.locator("#share-link").inputValue();
  await eventually(() => admin.getByTestId("share-row").count(), 1);
  await accessible(admin);

  const guest = await open(t, { url }, { allow });
  await until("the board is open", () => new URL(guest.url()).pathname === "/boards/kitchen");
  await guest.getByText("41.25").first().waitFor();
  const asked = (path) => guest.evaluate(async (path) => (await fetch(path)).status, path);
  assert.deepEqual(
    await Promise.all(["/api/boards/kitchen", "/api/boards/others", "/api/members", "/api/keys"].map(asked)),
    [200, 404, 403, 403],
  );
  assert.deepEqual(await guest.evaluate(async () => (await fetch("/api/signals")).json()), ["oven"]);

  await admin.getByTestId("share-row").getByRole("button").click();
  await admin.getByTestId("share-row").getByRole("button", { name: /^Revoke now/ }).press("Enter");
  await until("the board is gone", () => new URL(guest.url()).pathname === "/login");
  assert.equal(await asked("/api/boards/kitchen"), 401);
});

test("somebody logs in with an account of a provider", async (t) => {
  const made = await folder(t);
  const provider = await startProvider(t, "page", { sub: "7", preferred_username: "ada", roles: ["admins"] });
  const config = path.join(made, "afterglow.toml");
  await writeFile(
    config,
    `[[issuer]]
name = "company"
issuer = "${provider.url}"
audience = "afterglow"
client_id = "page"
title = "Our Company"
create_members = true
grants = { admins = "admin" }
`,
  );
  const backend = await Backend.start(t, made, 0, ["--auth", "required", "--config", config]);
  await until("the provider is known", async () => {
    const begun = await fetch(`${backend.url}/api/login/oidc?issuer=company`, { redirect: "manual" });
    return begun.status === 303;
  });
  const page = await open(t, { url: `${backend.url}/ingest?from=-5m` }, { allow });
  await until("the login is open", () => new URL(page.url()).pathname === "/login");
  const button = page.getByRole("link", { name: "Sign in with Our Company" });
  await button.waitFor();
  await button.press("Enter");
  await until("the browser is back where it began", () => new URL(page.url()).pathname === "/ingest");
  assert.equal(new URL(page.url()).searchParams.get("from"), "-5m");
  const me = await page.evaluate(async () => (await fetch("/api/me")).json());
  assert.deepEqual([me.name, me.role], ["ada", "admin"]);
});

test("an operator makes a tenant with limits, and deletes it by its name", async (t) => {
  const { link } = await start(t);
  const page = await open(t, { url: link }, { allow });
  await choose(page, PASSWORD, "ada");
  await until("the dashboard is open", () => new URL(page.url()).pathname === "/");
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByRole("link", { name: "Tenants" }).click();
  const form = page.getByTestId("add-tenant");
  await form.getByLabel("Name").fill("Not a name");
  await form.getByLabel("Name").press("Enter");
  await until("the name is refused", async () => (await page.locator("#tenant-name-error").textContent()) !== "");
  await form.getByLabel("Name").fill("acme");
  await form.getByLabel("Samples a second").fill("5000");
  await form.getByLabel("New signals a day").fill("40");
  await form.getByLabel("Seconds of queries a minute").fill("20");
  await form.getByLabel("Keep samples").fill("2d");
  await form.getByLabel("One-time codes").selectOption("admins");
  await form.getByLabel("Name").press("Enter");
  const made = await page.getByTestId("tenant-link").textContent();
  assert.match(made, /\/setup#acme\./);
  await eventually(() => page.getByTestId("tenant-limits").allTextContents(), [
    "At most 5,000 samples/s, 40 new signals a day, 20 s of queries a minute, samples kept 2d; admins need one-time codes",
  ]);
  await accessible(page);

  const row = page.getByTestId("tenant");
  await row.getByRole("button", { name: "Limits of acme …" }).click();
  const limits = row.getByTestId("change-limits");
  assert.equal(await limits.getByLabel("Samples a second").inputValue(), "5000");
  assert.equal(await limits.getByLabel("Keep samples").inputValue(), "2d");
  await accessible(page);
  await limits.getByLabel("Keep samples").fill("soon");
  await limits.getByRole("button", { name: "Save" }).click();
  await until("the age is refused", async () => (await page.locator("#limits-acme-keep_raw-error").textContent()) !== "");
  await limits.getByLabel("Keep samples").fill("3d");
  assert.equal(await limits.getByLabel("One-time codes").inputValue(), "admins");
  await limits.getByLabel("One-time codes").selectOption("everyone");
  await limits.getByLabel("Samples a second").fill("");
  await limits.getByLabel("Signals", { exact: true }).fill("7");
  await limits.getByLabel("Signals", { exact: true }).press("Enter");
  await eventually(() => page.getByTestId("tenant-limits").allTextContents(), [
    "At most 7 signals, 40 new signals a day, 20 s of queries a minute, samples kept 3d; all members need one-time codes",
  ]);
  assert.equal(await limits.count(), 0);
  const stored = await page.evaluate(async () => (await (await fetch("/api/tenants")).json())[0].limits);
  assert.deepEqual(stored, {
    signals: 7,
    new_signals_per_day: 40,
    reader_seconds_per_minute: 20,
    keep_raw: "3d",
    require_second_factor: "everyone",
  });

  await row.getByRole("button", { name: "Delete acme …" }).click();
  const sure = row.getByRole("button", { name: "Delete acme", exact: true });
  assert.equal(await sure.isDisabled(), true);
  await page.keyboard.type("acme");
  await page.keyboard.press("Enter");
  await eventually(() => row.count(), 0);

  // Another tenant's admin is no operator.
  assert.equal(await page.evaluate(async () => (await (await fetch("/api/tenants")).json()).length), 0);
});
