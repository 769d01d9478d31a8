// The examples in deploy/proxy in front of the real backend; only addresses, ports and certificates are replaced.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmod, readFile, writeFile } from "node:fs/promises";
import https from "node:https";
import { createServer } from "node:net";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { until } from "../support/page.js";
import { Backend, folder, start } from "../support/programs.js";

const examples = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../deploy/proxy");
const HOST = "telemetry.example.org";
const ORIGIN = `https://${HOST}`;
// Every address of 127.0.0.0/8 is this machine on Linux only.
const CLIENT = "127.0.0.2";
const BODY_LIMIT = 8 * 1024 * 1024;

// How each program is started with its example, in which `replace` gives the ports and the certificate.
const PROXIES = {
  caddy: {
    example: "Caddyfile",
    replace: ({ port, backend, certificate, key }) => [
      [`\n${HOST} {`, `\n{\n\tadmin off\n\tauto_https disable_redirects\n}\nhttps://${HOST}:${port} {\n\ttls ${certificate} ${key}`],
      ["127.0.0.1:5001", `127.0.0.1:${backend}`],
    ],
    arguments: (config) => ["run", "--adapter", "caddyfile", "--config", config],
  },
  nginx: {
    example: "nginx.conf",
    replace: ({ port, backend, certificate, key }) => [
      ["listen 443", `listen 127.0.0.1:${port}`],
      ["/etc/ssl/telemetry.example.org/cert.pem", certificate],
      ["/etc/ssl/telemetry.example.org/key.pem", key],
      ["127.0.0.1:5001", `127.0.0.1:${backend}`],
    ],
    // A site is a part of a whole.
    around: (site, at) =>
      `daemon off;\nmaster_process off;\npid ${at}/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n` +
      ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((what) => `${what}_temp_path ${at}/${what};\n`).join("") +
      `${site}\n}\n`,
    arguments: (config, at) => ["-p", at, "-c", config],
  },
  haproxy: {
    example: "haproxy.cfg",
    replace: ({ port, backend, both }) => [
      ["bind :443", `bind 127.0.0.1:${port}`],
      ["/etc/ssl/telemetry.example.org/both.pem", both],
      ["hdr Host 127.0.0.1:5001", `hdr Host 127.0.0.1:${backend}`],
      ["server one 127.0.0.1:5001", `server one 127.0.0.1:${backend}`],
    ],
    arguments: (config) => ["-db", "-f", config],
  },
};

/** The path of an installed program; none when there is none. */
function installed(program) {
  const PATH = `${process.env.PATH}:/usr/sbin`;
  try {
    return execFileSync("sh", ["-c", `command -v ${program}`], { env: { PATH }, encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function certificate(at) {
  const [certificate, key, both] = ["cert.pem", "key.pem", "both.pem"].map((name) => path.join(at, name));
  const subject = ["-subj", `/CN=${HOST}`, "-addext", `subjectAltName=DNS:${HOST}`];
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate];
  execFileSync("openssl", ["req", "-x509", "-days", "2", ...made, ...subject], { stdio: "pipe" });
  await writeFile(both, (await readFile(certificate, "utf8")) + (await readFile(key, "utf8")), { mode: 0o600 });
  return { certificate, key, both };
}

/** Starts `name` with its example between a new backend and the port that is returned. */
async function behind(t, name) {
  const { example, replace, around, arguments: words } = PROXIES[name];
  const at = await folder(t);
  await chmod(at, 0o755);
  const backend = await Backend.start(t, at, 0, ["--trusted-proxies", "127.0.0.1", "--insecure", "--public-url", ORIGIN]);
  const port = await freePort();
  const files = await certificate(at);
  let config = await readFile(path.join(examples, example), "utf8");
  for (const [from, to] of replace({ port, backend: backend.port, ...files })) {
    assert.ok(config.includes(from), `${example} says ${from}`);
    config = config.replace(from, to);
  }
  const file = path.join(at, example);
  await writeFile(file, around ? around(config, at) : config);
  await start(t, installed(name), words(file, at), { XDG_DATA_HOME: at, XDG_CONFIG_HOME: at, HOME: at });
  const proxy = { ca: await readFile(files.certificate), port };
  await until(`${name} answers`, () => ask(proxy, "GET", "/ready").then((answer) => answer.status === 200, () => false));
  return { backend, proxy, at };
}

/** Options of a request through the proxy by a client of another address, who claims to be yet another. */
const options = ({ ca, port }, method, address, headers = {}) => ({
  host: "127.0.0.1",
  localAddress: CLIENT,
  servername: HOST,
  port,
  ca,
  method,
  path: address,
  agent: false,
  headers: { host: HOST, "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http", ...headers },
});

async function ask(proxy, method, address, { headers, body } = {}) {
  const request = https.request(options(proxy, method, address, headers));
  request.end(body);
  const [response] = await once(request, "response");
  let text = "";
  for await (const part of response.setEncoding("utf8")) text += part;
  return { status: response.statusCode, headers: response.headers, text };
}

const JSON_TYPE = { "content-type": "application/json" };
const post = (proxy, body, headers) => ask(proxy, "POST", "/api/telemetry", { headers: { ...JSON_TYPE, ...headers }, body });

/** What a stream has said so far, after `head`. */
function heard(stream, head = "") {
  const said = { text: head.toString("latin1") };
  stream.on("data", (part) => (said.text += part.toString("latin1")));
  return said;
}

for (const name of Object.keys(PROXIES)) {
  const missing = process.platform !== "linux" ? "Linux only" : !installed(name) && `${name} is not installed`;
  test(`${name} stands between as its example says`, { skip: missing }, async (t) => {
    const { backend, proxy, at } = await behind(t, name);

    const page = await ask(proxy, "GET", "/");
    assert.equal(page.status, 200);
    assert.match(page.text, /<html/);

    // The proxy's word counts for address and scheme; what the client claims in its place does not.
    assert.match(page.headers["strict-transport-security"] ?? "", /max-age/);
    assert.equal((await post(proxy, '{"signals": {"a": 1}}', { origin: ORIGIN })).status, 200);
    assert.equal((await post(proxy, '{"signals": {"a": 1}}', { origin: "https://foreign.example" })).status, 403);
    const { sources } = JSON.parse((await ask(proxy, "GET", "/api/ingest")).text);
    assert.deepEqual(sources.map((source) => source.address), [CLIENT]);

    // The largest body that the server takes.
    const reading = '{"signals": {"large": 1}}';
    const large = reading.padStart(BODY_LIMIT - 1024, " ");
    assert.equal((await post(proxy, large)).status, 200);

    const upgrade = { connection: "Upgrade", upgrade: "websocket", origin: ORIGIN };
    const key = { "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-version": "13" };
    const opening = https.request(options(proxy, "GET", "/ws", { ...upgrade, ...key })).end();
    const [response, socket, head] = await once(opening, "upgrade");
    assert.equal(response.statusCode, 101);
    t.after(() => socket.destroy());
    const events = heard(socket, head);
    const following = https.request(options(proxy, "GET", "/api/stream?signals=live")).end();
    const [stream] = await once(following, "response");
    t.after(() => stream.destroy());
    assert.equal(stream.statusCode, 200);
    const lines = heard(stream);
    await until("the WebSocket is greeted", () => events.text.includes("connection_response"));
    assert.equal((await post(proxy, '{"signals": {"live": 42.5}}')).status, 200);
    await until("the WebSocket gets the sample", () => events.text.includes('"live":42.5'));
    // Its answer has not ended: nothing between has kept it.
    await until("the event stream gets the sample", () => lines.text.includes('"live":42.5'));
    assert.ok(!stream.complete);

    // A restart of the server: the proxy sends requests again as soon as it is ready.
    await backend.program.stop();
    assert.ok((await ask(proxy, "GET", "/ready")).status >= 502);
    await Backend.start(t, at, backend.port, ["--trusted-proxies", "127.0.0.1", "--insecure", "--public-url", ORIGIN]);
    await until("requests get through again", async () => (await ask(proxy, "GET", "/ready")).status === 200);
  });
}
