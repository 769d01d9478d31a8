// Follows signals over `GET /api/stream` (Server-Sent Events, docs/wire.md). With `fetch` instead of `EventSource`, which cannot show
// a key and says nothing of why a connection ended.

import { authorization, endpoint } from "./publisher.js";
import { reason } from "./verdict.js";

/** The server speaks every five seconds; after this much silence the connection is taken for dead. */
const SILENCE = 20_000;
const RETRY_BASE = 250;
const RETRY_CAP = 5_000;

export async function* subscribe(url, { signals, key, signal } = {}) {
  const address = endpoint(url, "api/stream");
  // A comma within a name is written `\,`.
  if (signals) address.searchParams.set("signals", signals.map((name) => name.replaceAll(",", "\\,")).join(","));
  const headers = { accept: "text/event-stream", ...authorization(key) };
  let position = null;
  let isFirst = true;
  let failures = 0;
  while (!signal?.aborted) {
    const connection = new AbortController();
    const end = () => connection.abort(signal.reason);
    signal?.addEventListener("abort", end, { once: true });
    let failure;
    try {
      const stream = await connect(address, position === null ? headers : { ...headers, "last-event-id": position }, connection);
      failures = 0;
      yield { type: "live", isResumed: position !== null };
      if (!isFirst && position === null) yield { type: "gap", message: "the connection broke before there was a position" };
      isFirst = false;
      // The last event of a step has the position. When the connection breaks within a step, all of it comes again.
      let step = [];
      for await (const event of events(stream, connection)) {
        const news = toNews(event);
        if (news) step.push(news);
        if (event.id !== undefined) {
          const whole = step;
          step = [];
          position = event.id;
          yield* whole;
        }
      }
      failure = new Error("the server has ended the connection");
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof Refused) throw error;
      failure = error;
    } finally {
      // Also when the reader breaks off.
      signal?.removeEventListener("abort", end);
      connection.abort();
    }
    const wait = Math.max(failure.after ?? 0, Math.min(RETRY_BASE * 2 ** failures, RETRY_CAP) * Math.random());
    failures = Math.min(failures + 1, 31);
    yield { type: "offline", reason: failure.cause?.message ?? failure.message, wait };
    await rest(wait, signal);
  }
}

/** The server will not answer otherwise when it is asked again. */
class Refused extends Error {}

async function connect(address, headers, connection) {
  const timer = setTimeout(() => connection.abort(new Error("no answer")), SILENCE);
  try {
    const answer = await fetch(address, { headers, cache: "no-store", signal: connection.signal });
    if (answer.ok && answer.body) return answer.body;
    const said = reason(answer.status, await answer.text());
    if (answer.status < 500 && answer.status !== 408 && answer.status !== 429) throw new Refused(said);
    throw Object.assign(new Error(said), { after: Number(answer.headers.get("retry-after")) * 1000 || 0 });
  } finally {
    clearTimeout(timer);
  }
}

/** The events of a stream, `{event, data, id?}` each. */
async function* events(stream, connection) {
  const decoder = new TextDecoder();
  let text = "";
  let timer;
  const listen = () => {
    clearTimeout(timer);
    timer = setTimeout(() => connection.abort(new Error(`the server was silent for ${SILENCE / 1000} s`)), SILENCE);
  };
  const reader = stream.getReader();
  try {
    for (;;) {
      listen();
      const { done, value } = await reader.read();
      // While the reader of the news takes its time, the server's silence does not count.
      clearTimeout(timer);
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) yield parse(block);
    }
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
}

function parse(block) {
  const event = { event: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === "data") event.data += event.data ? `\n${value}` : value;
    else if (field === "event" || field === "id") event[field] = value;
  }
  return event;
}

function toNews({ event, data }) {
  if (event === "gap") return { type: "gap", message: JSON.parse(data).message };
  if (event !== "telemetry_update") return null;
  const { timestamp, signals, conflated } = JSON.parse(data);
  return { type: "samples", timestamp, signals, isConflated: conflated === true };
}

function rest(wait, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, wait);
    signal?.addEventListener("abort", done, { once: true });
  });
}
