// What waits to be sent, where it waits, and what goes next. Reads no clock: times are monotonic milliseconds, given by the caller.
//
// A closed batch waits in memory. It moves to the spool as soon as one of these is true: the server fails; it has waited for `hold`
// without an answer; memory is full. The spool is always older than memory, so sending the spool first keeps the order.

import { Batcher, join } from "./batch.js";

export const DEFAULTS = {
  batchSamples: 500,
  batchAge: 50,
  memorySamples: 50_000,
  hold: 1_000,
  retryBase: 250,
  retryCap: 5_000,
  timeout: 10_000,
};

/** The most characters one request carries, unless one batch alone is larger. */
const POST_SIZE = 1024 * 1024;
/** The longest `Retry-After` that is honoured. */
const RETRY_AFTER_CAP = 600_000;
const SPOOL_REST = 1_000;
const LOG_INTERVAL = 10_000;

export class Outbox {
  #limits;
  #spool;
  #log;
  #batcher;
  /** Batches with `since`. */
  #queue = [];
  /** What is on its way: `{batch, mark}`; with a mark it is in the spool, too. */
  #flight = null;
  #failures = 0;
  /** No request before this. */
  #resume = 0;
  /** No spooling before this. */
  #spoolRest = 0;
  #failing = null;
  #draining = false;
  #tally = { sent: 0, rejected: 0, dropped: 0, retries: 0 };
  #spoke = {};

  constructor(limits, spool, log) {
    this.#limits = limits;
    this.#spool = spool;
    this.#log = log;
    this.#batcher = new Batcher(limits);
  }

  push(micros, name, value, now) {
    const batch = this.#batcher.push(micros, name, value, now);
    if (!batch) return;
    this.#queue.push({ ...batch, since: now });
    if (this.#held() > this.#limits.memorySamples) this.#relieve(now);
  }

  /** Counts samples that cannot be used, and says so. */
  reject(samples, why, now) {
    this.#tally.rejected += samples;
    this.#say("warn", "refusals", now, () => `${samples} samples were refused, ${this.#tally.rejected} so far: ${why}`);
  }

  /** Does what is due and gives the batch to send now, or null. */
  turn(now) {
    if (this.#batcher.due <= now) this.#close(now);
    this.#relieve(now);
    return this.#next(now);
  }

  /** When `turn` has something to do next; Infinity when only new samples or an answer can bring it. */
  wake() {
    const sends = !this.#flight && this.#queue.length + this.#spooled() > 0;
    return Math.min(this.#batcher.due, this.#spillDue(), sends ? this.#resume : Infinity);
  }

  /** What came of the batch that `turn` gave last. */
  settle(delivery, now) {
    const flight = this.#flight;
    this.#flight = null;
    if (delivery.retry) {
      if (!flight.mark) this.#queue.unshift(flight.batch);
      return this.#fail(delivery.retry, now);
    }
    if (flight.mark) this.#spool.acknowledge(flight.mark);
    this.#failures = 0;
    this.#resume = now;
    this.#tally.sent += delivery.stored;
    if (this.#failing !== null) {
      const seconds = ((now - this.#failing) / 1000).toFixed(1);
      this.#log.info(`the server answers again after ${seconds} s; ${this.tally().waiting} samples wait`);
      this.#failing = null;
    }
    if (delivery.rejected > 0) this.reject(delivery.rejected, delivery.reasons.join("; "), now);
  }

  /** From now on everything goes out at once, without waiting for batches to fill or for back-off. */
  drain(now) {
    this.#draining = true;
    this.#resume = now;
    this.#failing = null;
    this.#close(now);
  }

  /** Whether draining is over: nothing is left to send, or the server fails and the spool has the rest. */
  isDrained() {
    return !this.#flight && (this.#givesUp() || this.#queue.length + this.#spooled() === 0);
  }

  /** Ends: what is still in memory goes to the spool, or is lost without one. */
  finish(now) {
    this.#close(now);
    this.#spill(now);
    this.#lose(this.#held(), "the publisher ends", now);
    this.#queue = [];
    this.#flight = null;
  }

  tally() {
    return { ...this.#tally, waiting: this.#batcher.samples + this.#held() + this.#spooled() };
  }

  #spooled() {
    return this.#spool?.samples ?? 0;
  }

  /** Samples in closed batches that are only in memory. */
  #held() {
    const flying = this.#flight && !this.#flight.mark ? this.#flight.batch.samples : 0;
    return this.#queue.reduce((sum, batch) => sum + batch.samples, flying);
  }

  #givesUp() {
    return this.#draining && this.#failing !== null && this.#spool !== undefined;
  }

  #close(now) {
    const since = Math.min(this.#batcher.due, now);
    const batch = this.#batcher.close();
    if (batch) this.#queue.push({ ...batch, since });
  }

  /** When memory has to go to the spool; Infinity when it holds nothing or there is no spool. */
  #spillDue() {
    const oldest = this.#flight && !this.#flight.mark ? this.#flight.batch : this.#queue[0];
    if (!oldest || !this.#spool) return Infinity;
    const atOnce = this.#failing !== null || this.#held() > this.#limits.memorySamples;
    return Math.max(atOnce ? 0 : oldest.since + this.#limits.hold, this.#spoolRest);
  }

  /** Spools what is due; a memory that is still too full loses its oldest. */
  #relieve(now) {
    if (this.#spillDue() <= now) this.#spill(now);
    let lost = 0;
    while (this.#queue.length > 0 && this.#held() > this.#limits.memorySamples) lost += this.#queue.shift().samples;
    this.#lose(lost, "memory is full and nothing can be spooled", now);
  }

  #spill(now) {
    if (!this.#spool) return;
    try {
      if (this.#flight && !this.#flight.mark) this.#flight.mark = this.#spool.append(this.#flight.batch);
      while (this.#queue.length > 0) {
        this.#spool.append(this.#queue[0]);
        this.#queue.shift();
      }
      this.#spool.sync();
    } catch (error) {
      this.#spoolRest = now + SPOOL_REST;
      const held = this.#held();
      this.#say("error", "losses", now, () => `the spool cannot be written (${error}); ${held} samples are in memory only`);
    }
    this.#lose(this.#spool.enforceCap(), "the spool is at its cap", now);
  }

  /** The oldest batch, if a request may start now. */
  #next(now) {
    if (this.#flight || now < this.#resume || this.#givesUp()) return null;
    const found = this.#front();
    if (found) {
      this.#flight = found;
      return found.batch;
    }
    if (this.#queue.length === 0) return null;
    const since = this.#queue[0].since;
    const batches = [];
    let size = 0;
    while (this.#queue.length > 0 && (batches.length === 0 || size + this.#queue[0].objects.length <= POST_SIZE)) {
      size += this.#queue[0].objects.length;
      batches.push(this.#queue.shift());
    }
    this.#flight = { batch: { ...join(batches), since }, mark: null };
    return this.#flight.batch;
  }

  #front() {
    while (this.#spool) {
      try {
        return this.#spool.front(POST_SIZE);
      } catch (error) {
        // The damaged segment is gone.
        this.#log.error(String(error.message));
      }
    }
    return null;
  }

  /** Waits exponentially longer, uniformly between 0 and the bound; or for as long as the server said. */
  #fail(retry, now) {
    this.#tally.retries += 1;
    this.#failing ??= now;
    const { retryBase, retryCap } = this.#limits;
    const wait =
      retry.after === undefined
        ? Math.min(retryBase * 2 ** this.#failures, retryCap) * Math.random()
        : Math.min(retry.after, RETRY_AFTER_CAP) + retryBase * Math.random();
    this.#failures = Math.min(this.#failures + 1, 31);
    this.#resume = now + wait;
    this.#relieve(now);
    const next = () =>
      `the server takes no samples (${retry.reason}); ${this.tally().waiting} wait, next try in ${(wait / 1000).toFixed(1)} s`;
    this.#say("warn", "failures", now, next);
  }

  #lose(samples, why, now) {
    this.#tally.dropped += samples;
    if (samples > 0) {
      this.#say("error", "losses", now, () => `${why}: the oldest samples are lost, ${this.#tally.dropped} so far`);
    }
  }

  /** One message of a kind in ten seconds. */
  #say(level, kind, now, message) {
    if (now - (this.#spoke[kind] ?? -Infinity) < LOG_INTERVAL) return;
    this.#spoke[kind] = now;
    this.#log[level](`afterglow: ${message()}`);
  }
}
