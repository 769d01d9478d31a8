// What members do with their own accounts, and admins with those of others.
import assert from "node:assert/strict";
import { test } from "node:test";

import { code } from "../support/codes.js";
import { accessible, eventually, open, until } from "../support/page.js";
import { PASSWORD, ask, choose, login } from "../support/people.js";
import { Backend, folder } from "../support/programs.js";

const OTHER = "another horse battery";

const allow = [/status of 40[134]/, /status of 42[29]/, /WebSocket connection .* failed/];

const at = (page, path) => until(`${path} is open`, () => new URL(page.url()).pathname === path);

/** A server that asks who one is, and its first admin's browser. */
async function start(t, settings = []) {
  const backend = await Backend.start(t, await folder(t), 0, ["--auth", "required", ...settings]);
  const [, link] = await backend.program.seen(/Set up: (\S+)/);
  const admin = await open(t, { url: link }, { allow });
  await choose(admin, PASSWORD, "ada");
  return { backend, admin };
}

/** Sets up codes on the page of the account; the recovery codes. */
async function begin(page) {
  const codes = page.getByTestId("codes");
  await codes.getByLabel("Password").fill(PASSWORD);
  await codes.getByLabel("Password").press("Enter");
  const secret = await page.getByTestId("secret").textContent();
  await codes.getByLabel("Code").fill("not one");
  await codes.getByLabel("Code").press("Enter");
  await until("it is refused", async () => (await page.locator("#first-code-error").textContent()) !== "");
  await codes.getByLabel("Code").fill(code(secret));
  await codes.getByLabel("Code").press("Enter");
  await page.getByTestId("recovery").waitFor();
  return page.getByTestId("recovery").getByRole("listitem").allTextContents();
}

test("one-time codes are chosen, asked for at the login, and given up", async (t) => {
  const { backend, admin: page } = await start(t);
  await at(page, "/");
  await page.goto(`${backend.url}/account`);
  const recovery = await begin(page);
  assert.equal(new Set(recovery).size, 10);
  await accessible(page);

  const again = async (typed) => {
    await page.getByTestId("logout").click();
    await at(page, "/login");
    await login(page, "ada", PASSWORD);
    const field = page.getByLabel("One-time code, or a recovery code");
    await field.fill(typed);
    await field.press("Enter");
  };
  await again(recovery[0]);
  await at(page, "/");
  await page.goto(`${backend.url}/account`);
  await again(recovery[0]);
  await page.getByRole("alert").getByText("is wrong").waitFor();
  await page.getByLabel("One-time code, or a recovery code").fill(recovery[1]);
  await page.getByLabel("One-time code, or a recovery code").press("Enter");
  await at(page, "/");

  await page.goto(`${backend.url}/account`);
  const codes = page.getByTestId("codes");
  await codes.getByLabel("Password").fill(PASSWORD);
  await codes.getByRole("button", { name: "Give codes up" }).press("Enter");
  await codes.getByRole("button", { name: "Make a secret" }).waitFor();
  await page.getByTestId("logout").click();
  await at(page, "/login");
  await login(page, "ada", PASSWORD);
  await at(page, "/");
});

test("who must have codes is led to set them up, and then has everything", async (t) => {
  const { backend, admin: page } = await start(t, ["--require-second-factor", "everyone"]);
  await at(page, "/account");
  await page.getByTestId("needs-codes").waitFor();
  await accessible(page);
  assert.equal(await ask(page, "GET", "/api/boards"), 403);
  await begin(page);
  assert.equal(await ask(page, "GET", "/api/boards"), 200);
  await page.goto(`${backend.url}/account`);
  await page.getByTestId("me").waitFor();
  await eventually(() => page.getByTestId("needs-codes").count(), 0);
});

test("sessions are listed and ended, and a new password ends those that are left", async (t) => {
  const { backend, admin: page } = await start(t);
  await at(page, "/");
  const other = await open(t, { url: `${backend.url}/login` }, { allow });
  await login(other, "ada", PASSWORD);
  await at(other, "/");
  await page.goto(`${backend.url}/account`);
  await eventually(() => page.getByTestId("session").count(), 2);
  await page.getByRole("button", { name: /^End the session/ }).press("Enter");
  await eventually(() => page.getByTestId("session").count(), 1);
  // Its live connection ends, too.
  await at(other, "/login");
  await login(other, "ada", PASSWORD);
  await at(other, "/");

  const form = page.getByTestId("password");
  await form.getByLabel("Password up to now").fill("not the password");
  await form.getByLabel("New password").fill(OTHER);
  await form.getByLabel("New password").press("Enter");
  await until("it is refused", async () => (await page.locator("#old-error").textContent()) !== "");
  await form.getByLabel("Password up to now").fill(PASSWORD);
  await form.getByLabel("New password").press("Enter");
  await form.getByText("All other sessions have ended").waitFor();
  await at(other, "/login");
  assert.equal(await ask(page, "GET", "/api/me"), 200);
  await login(other, "ada", PASSWORD);
  await other.getByText("is wrong").waitFor();
  await login(other, "ada", OTHER);
  await at(other, "/");
});

test("an admin changes what a member may do, and makes a new link for a lost password", async (t) => {
  const { backend, admin } = await start(t);
  await at(admin, "/");
  await admin.goto(`${backend.url}/members`);
  await admin.getByTestId("add-member").getByLabel("Name").fill("val");
  await admin.getByTestId("add-member").getByLabel("Name").press("Enter");
  const first = await admin.getByTestId("invitation").textContent();
  const member = await open(t, { url: first }, { allow });
  await choose(member, PASSWORD);
  await at(member, "/");
  const board = { title: "b", panels: [] };
  assert.equal(await ask(member, "POST", "/api/boards", board), 403);

  const row = admin.getByTestId("member").filter({ hasText: "val" });
  await row.getByRole("combobox").selectOption("editor");
  // What was begun with the old role ends.
  await at(member, "/login");
  await login(member, "val", PASSWORD);
  await at(member, "/");
  assert.equal(await ask(member, "POST", "/api/boards", board), 201);
  await row.getByRole("button", { name: "New link for val" }).press("Enter");
  const link = await until("another link", async () => {
    const text = await admin.getByTestId("invitation").textContent();
    return text !== first && text;
  });
  await accessible(admin);
  const elsewhere = await open(t, { url: link }, { allow });
  await choose(elsewhere, OTHER);
  await at(elsewhere, "/");
  await until("the old session is over", async () => {
    const answered = await ask(member, "GET", "/api/me").catch(() => 0);
    return answered === 401 || new URL(member.url()).pathname === "/login";
  });
  await at(member, "/login");
  await login(member, "val", OTHER);
  await at(member, "/");
});
