// The real programs, started for one test and ended with it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { cleanup } from "./cleanup.js";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const backendProgram = process.env.AFTERGLOW_BIN ?? path.join(root, "target/release/afterglow");
const producerProgram =
  process.env.AFTERGLOW_PRODUCER_BIN ?? path.join(root, "target/release/afterglow-producer");
// The folder that was just built, when there is one; otherwise what the backend's program has embedded.
const dashboard = path.join(root, "dashboard/dist");

const START_WITHIN = 20_000;
const STOP_WITHIN = 10_000;

/** A temporary folder that is removed when the test `t` ends. */
export async function folder(t) {
  const made = await mkdtemp(path.join(tmpdir(), "afterglow-e2e-"));
  cleanup(t, () => rm(made, { recursive: true, force: true }));
  return made;
}

/** A child process whose output is kept for the report of a failed test. */
class Program {
  constructor(file, args, environment = {}) {
    this.output = [];
    this.child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
    this.ended = new Promise((resolve) => {
      this.child.once("exit", resolve);
      this.child.once("error", resolve);
    });
    this.spawned = new Promise((resolve, reject) => {
      this.child.once("spawn", resolve);
      this.child.once("error", (error) => reject(new Error(`${file} cannot be started: ${error.message}`)));
    });
    this.lines = new Set();
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.output.push(line);
        for (const seen of this.lines) seen(line);
      });
    }
  }

  /** Resolves with the match of the first line that matches. */
  line(pattern) {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${why}; its output:\n${this.output.join("\n")}`));
      const deadline = setTimeout(() => fail(`no line ${pattern} in time`), START_WITHIN);
      this.ended.then(() => fail(`ended before a line ${pattern}`));
      this.lines.add((line) => {
        const match = pattern.exec(line);
        if (match) {
          clearTimeout(deadline);
          resolve(match);
        }
      });
    });
  }

  /** As `line`, also of a line that was printed before. */
  seen(pattern) {
    const match = this.output.map((line) => pattern.exec(line)).find(Boolean);
    return match ? Promise.resolve(match) : this.line(pattern);
  }

  /** Ends it: at once with SIGKILL, in order with SIGTERM and SIGKILL when that takes too long. */
  async stop(signal = "SIGTERM") {
    if (this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill(signal);
    const deadline = setTimeout(() => this.child.kill("SIGKILL"), STOP_WITHIN);
    await this.ended;
    clearTimeout(deadline);
  }
}

/** Starts another program, with more variables in its environment; it ends with the test `t`. */
export async function start(t, file, args, environment) {
  const program = new Program(file, args, environment);
  cleanup(t, () => program.stop());
  await program.spawned;
  return program;
}

/** A running backend. */
export class Backend {
  /** Starts a backend on a free port, or on `port`, with its database in `folder` and `more` arguments. */
  static async start(t, folder, port = 0, more = []) {
    const backend = new Backend();
    const args = ["serve", "--listen", `127.0.0.1:${port}`, "--database", path.join(folder, "afterglow.db"), ...more];
    if (existsSync(dashboard)) args.push("--dashboard-dir", dashboard);
    backend.program = new Program(backendProgram, args);
    cleanup(t, () => backend.program.stop());
    await backend.program.spawned;
    const [, url] = await backend.program.line(/^listening on (http:\/\/\S+)/);
    backend.url = url.replace(/\/$/, "");
    backend.port = Number(new URL(backend.url).port);
    return backend;
  }

  /** Ends it without notice, as a crash would. */
  kill() {
    return this.program.stop("SIGKILL");
  }

  async get(address) {
    const response = await fetch(this.url + address);
    if (!response.ok) throw new Error(`GET ${address}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** Stores readings `{timestamp, signals}`; all of their samples must be accepted. */
  async post(...readings) {
    const response = await fetch(`${this.url}/api/telemetry`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(readings.length === 1 ? readings[0] : readings),
    });
    const receipt = await response.json();
    const samples = readings.reduce((sum, reading) => sum + Object.keys(reading.signals).length, 0);
    if (!response.ok || receipt.accepted !== samples) {
      throw new Error(`POST of ${samples} samples: ${response.status} ${JSON.stringify(receipt)}`);
    }
  }

  /** Sends `body` as JSON and answers with JSON. */
  async send(method, address, body) {
    const response = await fetch(this.url + address, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${address}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** How many samples of `signals` are stored of the last hour. */
  async count(...signals) {
    const stored = await this.get("/api/telemetry?hours=1");
    return signals.reduce((sum, signal) => sum + (stored[signal]?.length ?? 0), 0);
  }
}

/** Starts a producer of two simulated signals, `sine` and `random_walk`, every 100 ms, with more variables in its environment. */
export async function produce(t, folder, backend, environment) {
  const config = path.join(folder, "producer.toml");
  await writeFile(
    config,
    `backend = "${backend.url}"
seed = 7

[uplink]
batch_age_ms = 50
retry_base_ms = 100
retry_cap_ms = 500

[spool]
folder = "${path.join(folder, "spool")}"

[[signal]]
name = "sine"
shape = "sine"
period_ms = 100
frequency_hz = 0.1
amplitude = 10

[[signal]]
name = "random_walk"
shape = "random_walk"
period_ms = 100
step = 0.5
`,
  );
  const program = new Program(producerProgram, ["--config", config, "--backend", backend.url], environment);
  cleanup(t, () => program.stop());
  await program.spawned;
  return program;
}
