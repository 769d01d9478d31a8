// The real server, started for one test and ended with it, and a stand-in that answers what a test says.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM =
  process.env.AFTERGLOW_BIN ?? fileURLToPath(new URL("../../../target/release/afterglow", import.meta.url));

export async function folder(t) {
  const made = await mkdtemp(path.join(tmpdir(), "afterglow-"));
  t.after(() => rm(made, { recursive: true, force: true }));
  return made;
}

/** `afterglow serve` on a port that it keeps when it is started again. */
export class Server {
  #port = 0;

  static async start(t) {
    const server = new Server();
    server.database = path.join(await folder(t), "afterglow.db");
    t.after(() => server.kill());
    await server.start();
    return server;
  }

  async start() {
    const args = ["serve", "--listen", `127.0.0.1:${this.#port}`, "--database", this.database];
    this.child = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "ignore"] });
    this.ended = once(this.child, "exit");
    for await (const line of createInterface({ input: this.child.stdout })) {
      const match = /^listening on (\S+)/.exec(line);
      if (!match) continue;
      this.url = match[1];
      this.#port = Number(new URL(this.url).port);
      return;
    }
    throw new Error(`${PROGRAM} ended before it listened`);
  }

  /** Ends it without notice, as a crash would. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  /** All stored values of a signal, in the order of time. */
  async values(name) {
    const query = new URLSearchParams({ from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z", signals: name });
    const answer = await fetch(`${this.url}/api/telemetry?${query}`);
    return ((await answer.json())[name] ?? []).map((point) => point.value);
  }
}

/** Answers requests with `[status, said]` in turn, the last one for ever, and keeps what they were. */
export async function standIn(t, ...answers) {
  const requests = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request.setEncoding("utf8")) text += part;
    requests.push({ headers: request.headers, body: JSON.parse(text) });
    const [status, said] = answers.length > 1 ? answers.shift() : answers[0];
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(said));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, requests };
}

/** A log that keeps what it is given. */
export class Log {
  lines = [];
  info = (line) => this.lines.push(line);
  warn = this.info;
  error = this.info;
}

/** Resolves when `condition` holds; looks once in a turn of the loop and gives up after 30 s. `what` may be a function that gives it. */
export async function until(condition, what) {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not in time: ${typeof what === "function" ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
