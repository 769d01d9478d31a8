// The OpenAPI document and the server say the same: schemathesis makes requests of the document and compares the answers with it.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { cleanup } from "../support/cleanup.js";
import { Backend, backendProgram, folder } from "../support/programs.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const python = process.env.AFTERGLOW_PYTHON;
const SCOPES = "write,read,edit,admin,operator";
// These stay open, and are of other protocols.
const STREAMS = ["/ws", "/api/stream", "/socket.io/"];
// The same requests in the same order each time; where the machine is busy, as many as a minute has room for.
const REPRODUCIBLE = ["--generation-deterministic", "--seed", "1", "--workers", "1"];
const EXTENT = ["--phases", "examples,coverage", "--max-time", "60", "--request-timeout", "20"];

test("schemathesis finds no answer that the OpenAPI document does not know", { skip: !python && "no Python" }, async (t) => {
  const scratch = await folder(t);
  const create = ["access", "key", "create", "--database", path.join(scratch, "afterglow.db"), "--label", "contract", "--scopes", SCOPES];
  const key = (await promisify(execFile)(backendProgram, create)).stdout.match(/agk_\S+/)[0];
  // What rules and channels of its making send stays here.
  const backend = await Backend.start(t, scratch, 0, ["--auth", "required", "--alert-targets", "127.0.0.1"]);
  const headers = { authorization: `Bearer ${key}`, "content-type": "text/csv" };
  const body = "timestamp,0,oven\n2026-01-01T00:00:01Z,1,20.5\n2026-01-01T00:00:02Z,2,20.5\n";
  assert.equal((await fetch(`${backend.url}/api/telemetry`, { method: "POST", headers, body })).status, 200);
  const program = spawn(
    python,
    [
      ...["-m", "schemathesis.cli", "--config-file", path.join(here, "../schemathesis.toml")],
      ...["run", `${backend.url}/api/openapi.json`, ...EXTENT, ...REPRODUCIBLE],
      ...["--header", `Authorization: Bearer ${key}`],
      ...STREAMS.flatMap((stream) => ["--exclude-path", stream]),
    ],
    { cwd: scratch, stdio: ["ignore", "pipe", "pipe"] },
  );
  cleanup(t, () => program.kill("SIGKILL"));
  const output = [];
  for (const stream of [program.stdout, program.stderr]) stream.on("data", (data) => output.push(data));
  const code = await new Promise((resolve, reject) => program.once("close", resolve).once("error", reject));
  const said = Buffer.concat(output).toString();
  assert.equal(code, 0, said);
  assert.match(said, /Tested: \d+/, said);
});
