// From the link at the first start to a viewer who sees everything and changes nothing.
import assert from "node:assert/strict";
import { test } from "node:test";

import { accessible, eventually, open, until } from "../support/page.js";
import { Backend, folder } from "../support/programs.js";

const PASSWORD = "correct horse battery";

/** A server that asks who one is, and the link for its first admin. */
async function start(t) {
  const made = await folder(t);
  const backend = await Backend.start(t, made, 0, ["--auth", "required"]);
  const [, link] = await backend.program.seen(/Set up: (\S+)/);
  return { backend, link };
}

/** Refusals are what these pages are about; browsers report each as an error. */
const allow = [/status of 40[13]/, /status of 422/, /WebSocket connection .* failed/];

async function choose(page, password, name) {
  if (name !== undefined) await page.getByLabel("Name").fill(name);
  await page.getByLabel(/^Password/).fill(password);
  await page.getByRole("button", { name: "Choose this password" }).press("Enter");
}

async function login(page, name, password) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByLabel("Password").press("Enter");
}

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
  const ask = (page, method, path, body) =>
    page.evaluate(
      async ([method, path, body]) => {
        const headers = { "content-type": "application/json" };
        return (await fetch(path, { method, headers, body: body && JSON.stringify(body) })).status;
      },
      [method, path, body],
    );
  const board = { title: "b", panels: [] };
  assert.equal(await ask(viewer, "GET", "/api/boards"), 200);
  assert.equal(await ask(viewer, "POST", "/api/boards", board), 403);
  assert.equal(await ask(viewer, "GET", "/api/members"), 403);
  assert.equal(await ask(admin, "POST", "/api/boards", board), 201);

  await admin.getByRole("button", { name: "Remove val" }).click();
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
  test(`login, set-up, account and members are accessible on a phone, ${colorScheme}`, async (t) => {
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
    await page.goto(`${backend.url}/account`);
    await page.getByTestId("logout").click();
    await page.getByTestId("login").waitFor();
    await check();
  });
}
