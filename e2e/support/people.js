// Members at the page: how they choose a password and log in.

export const PASSWORD = "correct horse battery";

/** Chooses a password on the page of a link, and a name where it asks for one. */
export async function choose(page, password, name) {
  if (name !== undefined) await page.getByLabel("Name").fill(name);
  await page.getByLabel(/^Password/).fill(password);
  await page.getByRole("button", { name: "Choose this password" }).press("Enter");
}

export async function login(page, name, password) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByLabel("Password").press("Enter");
}

/** The status of the answer to a request that the page sends. */
export const ask = (page, method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const headers = { "content-type": "application/json" };
      return (await fetch(path, { method, headers, body: body && JSON.stringify(body) })).status;
    },
    [method, path, body],
  );
