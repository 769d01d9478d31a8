// The outbox with the timer and the requests that drive it.

import { body, iso } from "./batch.js";
import { DEFAULTS, Outbox } from "./outbox.js";
import { deliver, judge } from "./verdict.js";

const NAME_BYTES = 256;
/** A clock that is this many microseconds earlier than before was set back. */
const SET_BACK = 1_000_000;
/** Timers hold 31 bits. */
const LONGEST_REST = 3_600_000;

export class Publisher {
  #url;
  #headers = { "content-type": "application/json" };
  #limits;
  #outbox;
  #spool;
  #timer = null;
  #last = 0;
  #waiters = [];
  #deadline = null;
  #ended;
  #end;

  constructor(url, { key, spool, limits, log = console } = {}) {
    this.#url = endpoint(url, "api/telemetry");
    Object.assign(this.#headers, authorization(key));
    this.#limits = { ...DEFAULTS, ...limits };
    this.#spool = spool;
    this.#outbox = new Outbox(this.#limits, spool, log);
    this.#ended = new Promise((resolve) => (this.#end = resolve));
    this.#schedule();
  }

  send(first, second, third) {
    const [signals, at] = typeof first === "string" ? [[[first, second]], third] : [Object.entries(first), second];
    signals.forEach(([name, value]) => check(name, value));
    const given = at === undefined ? undefined : toMicros(at);
    if (this.#deadline !== null) throw new Error("the publisher is closed");
    const now = performance.now();
    const micros = given ?? this.#now();
    for (const [name, value] of signals) {
      if (Number.isFinite(value)) this.#outbox.push(micros, name, value, now);
      else this.#outbox.reject(1, `${name}: ${value} is not finite`, now);
    }
    this.#schedule();
  }

  stats() {
    return this.#outbox.tally();
  }

  flush() {
    if (this.stats().waiting === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  async close(timeout = 5_000) {
    if (this.#deadline === null) {
      const now = performance.now();
      this.#deadline = now + timeout;
      this.#outbox.drain(now);
      this.#turn();
    }
    await this.#ended;
    return this.stats();
  }

  /** The time in microseconds: later than the last one, unless the clock was set back. */
  #now() {
    const now = Math.round((performance.timeOrigin + performance.now()) * 1000);
    // The page's monotonic clock stands still while its machine sleeps.
    const wall = Date.now() * 1000;
    const micros = Math.abs(now - wall) < SET_BACK ? now : wall;
    const isTaken = this.#last - SET_BACK < micros && micros <= this.#last;
    return (this.#last = isTaken ? this.#last + 1 : micros);
  }

  #schedule() {
    const wake = Math.min(this.#outbox.wake(), this.#deadline ?? Infinity);
    if (this.#isOver() || wake >= (this.#timer?.wake ?? Infinity)) return;
    clearTimeout(this.#timer?.handle);
    const rest = Math.min(Math.max(0, wake - performance.now()), LONGEST_REST);
    this.#timer = { wake, handle: setTimeout(() => this.#turn(), rest) };
  }

  #isOver() {
    return this.#end === null;
  }

  #turn() {
    if (this.#isOver()) return;
    if (this.#timer) clearTimeout(this.#timer.handle);
    this.#timer = null;
    const now = performance.now();
    const batch = this.#outbox.turn(now);
    if (batch) this.#carry(batch);
    if (this.stats().waiting === 0) this.#waiters.splice(0).forEach((resolve) => resolve());
    if (this.#deadline !== null && (this.#outbox.isDrained() || this.#deadline <= now)) {
      this.#outbox.finish(now);
      this.#spool?.close();
      this.#waiters.splice(0).forEach((resolve) => resolve());
      this.#end();
      this.#end = null;
    }
    this.#schedule();
  }

  async #carry(batch) {
    let delivery;
    try {
      delivery = await deliver(batch, (part) => this.#post(part));
    } catch (error) {
      delivery = { retry: { reason: String(error) } };
    }
    if (this.#isOver()) return;
    this.#outbox.settle(delivery, performance.now());
    this.#turn();
  }

  async #post(batch) {
    try {
      const answer = await fetch(this.#url, {
        method: "POST",
        headers: this.#headers,
        body: body(batch),
        redirect: "manual",
        signal: AbortSignal.timeout(this.#limits.timeout),
      });
      return judge(answer.status, answer.headers.get("retry-after"), await answer.text());
    } catch (error) {
      return { kind: "retry", reason: error.cause ? `${error.message}: ${error.cause.message ?? error.cause}` : String(error) };
    }
  }
}

/** The address of `path` on the server `url`. */
export function endpoint(url, path) {
  const base = new URL(url);
  if (!/^https?:$/.test(base.protocol)) throw new TypeError(`${url} is no address of a server; it takes http:// or https://`);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return new URL(path, base);
}

/** The header that shows `key`. */
export function authorization(key) {
  if (key === undefined) return {};
  if (!/^[!-~]{1,4096}$/.test(key)) throw new TypeError("a key is one word of visible ASCII characters");
  return { authorization: `Bearer ${key}` };
}

function check(name, value) {
  const size = new TextEncoder().encode(name).length;
  if (size === 0 || size > NAME_BYTES || !name.isWellFormed()) {
    throw new RangeError(`${JSON.stringify(name)} is no signal's name: 1 to ${NAME_BYTES} bytes of UTF-8`);
  }
  if (typeof value !== "number") throw new TypeError(`the value of ${JSON.stringify(name)} is a number, not ${typeof value}`);
}

function toMicros(at) {
  const micros = Math.round((at instanceof Date ? at.getTime() : Number(at)) * 1000);
  // Throws where no date is.
  iso(micros);
  return micros;
}
