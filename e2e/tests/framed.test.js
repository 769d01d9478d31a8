// A board within pages of other sites: by a link that names them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { outside } from "../support/outside.js";
import { accessible, eventually, open, until } from "../support/page.js";
import { PASSWORD, ask, choose } from "../support/people.js";
import { Backend, folder } from "../support/programs.js";

/** What a browser says of a frame that may not be shown, and of requests that are refused. */
const allow = [/frame-ancestors/, /Framing/, /status of 40[134]/, /status of 422/, /WebSocket connection .* failed/];

/** A server with two boards, and the page of one of them in the browser of an admin. */
async function start(t) {
  const backend = await Backend.start(t, await folder(t), 0, ["--auth", "required"]);
  const [, link] = await backend.program.seen(/Set up: (\S+)/);
  const admin = await open(t, { url: link }, { allow });
  await choose(admin, PASSWORD, "ada");
  await until("the dashboard is open", () => new URL(admin.url()).pathname === "/");
  const send = (path, body) => ask(admin, "POST", path, body);
  assert.equal(await send("/api/telemetry", { signals: { oven: 41.25, secret: 7 } }), 200);
  assert.equal(await send("/api/boards", { title: "Kitchen", panels: [{ title: "Oven", signals: ["oven"] }] }), 201);
  assert.equal(await send("/api/boards", { title: "Others", panels: [{ signals: ["secret"] }] }), 201);
  await admin.goto(`${backend.url}/boards/kitchen`);
  return { backend, admin, send };
}

/** The embed code that the page gives out for pages of `origin`. */
async function embed(admin, origin) {
  await admin.getByTestId("share").first().click();
  await admin.locator("#share-sites").fill(`${origin}/path`);
  await admin.getByTestId("share-people").getByRole("button", { name: "Make a link" }).click();
  await admin.getByTestId("share-people").getByText("an origin such as").waitFor();
  await admin.locator("#share-sites").fill(origin);
  await admin.getByTestId("share-people").getByRole("button", { name: "Make a link" }).click();
  const code = await admin.locator("#share-board-frame").inputValue();
  await admin.getByTestId("share-row").getByText(`in frames on ${origin}`).waitFor();
  return code;
}

const refused = (page) => page.frames().some((one) => one.url().startsWith("chrome-error:"));

test("a board is framed by the sites that its link names, and by no others", async (t) => {
  const { admin, send } = await start(t);
  let frame = "";
  // Another site, to whose frames browsers send no cookies.
  const intranet = await outside(t, () => frame, "localhost");
  frame = await embed(admin, intranet);
  await accessible(admin);

  const reader = await open(t, { url: intranet }, { allow });
  const inside = reader.frameLocator("iframe");
  await inside.getByText("41.25").first().waitFor();
  await inside.locator("[data-testid=link][data-state=live]").waitFor();
  await eventually(() => inside.locator("h1").textContent(), "Kitchen");
  for (const gone of ["board-menu", "search", "settings", "share", "whole"]) {
    await eventually(() => inside.getByTestId(gone).count(), 0, gone);
  }
  assert.equal(await send("/api/telemetry", { signals: { oven: 43.5 } }), 200);
  await inside.getByText("43.5").first().waitFor();
  const framed = reader.frames().find((one) => one.url().includes("share="));
  const asked = (path) => framed.evaluate(async (path) => (await fetch(path)).status, path);
  assert.equal(await asked("/api/boards/kitchen"), 401, "the frame has no cookie, only the page in it has the key");
  assert.deepEqual(await reader.context().cookies(), []);

  // Loaded again, it is still there: also after its address has changed.
  await framed.evaluate(() => location.reload());
  await inside.getByText("43.5").first().waitFor();

  // Another origin, of the same site as the server and of the other one.
  for (const host of ["127.0.0.1", "localhost"]) {
    const stranger = await outside(t, () => frame, host);
    const second = await open(t, { url: stranger }, { allow });
    await until("it is refused", () => refused(second));
  }
  // A named site frames nothing else.
  frame = frame.replace("share=", "shared=");
  const third = await open(t, { url: intranet }, { allow });
  await until("it is refused", () => refused(third));

  await admin.getByTestId("share-row").getByRole("button").click();
  await admin.getByTestId("share-row").getByRole("button", { name: /^Revoke now/ }).press("Enter");
  await inside.getByTestId("over").waitFor();
  await eventually(() => inside.getByTestId("panel").count(), 0);
});

test("somebody who is logged in sees in a frame what its link shows, and nothing else", async (t) => {
  const { admin } = await start(t);
  let frame = "";
  // The same site: cookies are sent.
  const intranet = await outside(t, () => frame);
  frame = (await embed(admin, intranet)).replace("/boards/kitchen?", "/boards/others?");
  const page = await admin.context().newPage();
  await page.goto(intranet);
  const inside = page.frameLocator("iframe");
  await inside.getByTestId("no-board").waitFor();
  frame = frame.replace("/boards/others?", "/boards/kitchen?");
  await page.reload();
  await inside.getByText("41.25").first().waitFor();
  frame = frame.replace(/#[^"]*/, "#");
  await page.reload();
  await inside.getByTestId("over").waitFor();
  await admin.bringToFront();
});
