// Pages of other origins.
import { createServer } from "node:http";

import { cleanup } from "./cleanup.js";

/** The origin of a page with the HTML that `frame` makes, asked for by `host`: each port is an origin, each host a site. */
export async function outside(t, frame, host = "127.0.0.1") {
  const server = createServer((request, response) => {
    if (request.url !== "/") return response.writeHead(204).end();
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!doctype html><title>Wiki</title>${frame()}`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanup(t, () => new Promise((resolve) => server.close(resolve)));
  return `http://${host}:${server.address().port}`;
}
