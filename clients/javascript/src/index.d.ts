import type { Spool } from "./spool.js";

/** Bounds; times in milliseconds. */
export interface Limits {
  /** Samples that close a batch: 500. */
  batchSamples: number;
  /** The age that closes a batch: 50. */
  batchAge: number;
  /** Samples held in memory at most, the open batch not counted: 50,000. */
  memorySamples: number;
  /** How long a batch stays in memory only, where there is a spool: 1,000. */
  hold: number;
  /** The bound of the wait after the first failure: 250. It doubles with each further one. */
  retryBase: number;
  /** The bound of the wait after many failures: 5,000. */
  retryCap: number;
  /** The longest that a request may take: 10,000. */
  timeout: number;
}

/** What has happened since the start, in samples except for `retries`. */
export interface Tally {
  /** Stored by the server. */
  sent: number;
  /** Refused for good, by the server or because they are not finite. */
  rejected: number;
  /** Lost to a bound, to damage, or at the end without a spool. */
  dropped: number;
  /** Failed requests. */
  retries: number;
  /** Samples that wait now. */
  waiting: number;
}

/** Where to log; `console` is one. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface PublisherOptions {
  /** The key to show. */
  key?: string;
  /** Where samples wait while the server is down, from `afterglow-client/spool`; in memory only when absent. */
  spool?: Spool;
  limits?: Partial<Limits>;
  /** `console` when absent. */
  log?: Log;
}

/** Sends samples: batched, retried until the server has them, and kept on disk meanwhile where there is a spool. */
export class Publisher {
  /** Throws TypeError for an address that cannot be right. */
  constructor(url: string | URL, options?: PublisherOptions);
  /**
   * Takes a sample, or with an object `{name: value}` samples of one instant. `at` is when the value was true: a Date, or
   * milliseconds since 1970 with fractions; now when absent, and then no two calls share an instant. Values that are not finite
   * are counted as rejected and logged. Throws TypeError or RangeError for arguments that cannot be right, Error after `close`.
   */
  send(name: string, value: number, at?: Date | number): void;
  send(signals: Readonly<Record<string, number>>, at?: Date | number): void;
  stats(): Tally;
  /** Waits until nothing waits to be sent. */
  flush(): Promise<void>;
  /**
   * Sends what it can within `timeout` milliseconds (5,000), leaves the rest in the spool, and ends. Without a spool it keeps
   * trying until then, and what is left is lost.
   */
  close(timeout?: number): Promise<Tally>;
}

export type News =
  /** The connection stands; `isResumed` when it goes on where the last one ended. */
  | { type: "live"; isResumed: boolean }
  /** Samples of one instant, ISO 8601 with microseconds. `isConflated`: only the newest values, because this client reads too slowly. */
  | { type: "samples"; timestamp: string; signals: Record<string, number>; isConflated: boolean }
  /** Samples are missing here, which a query can fetch. */
  | { type: "gap"; message: string }
  /** There is no connection; the next try is `wait` milliseconds later. */
  | { type: "offline"; reason: string; wait: number };

export interface SubscribeOptions {
  /** Names, in which `*` stands for any characters; all signals when absent. */
  signals?: readonly string[];
  /** The key to show. */
  key?: string;
  /** Ends the subscription. */
  signal?: AbortSignal;
}

/**
 * Follows signals live. Over every interruption, a restart of the server included, it goes on where it was: no sample is missing and
 * none comes twice, unless a `gap` says so. Throws when the server refuses, because of the key for example.
 */
export function subscribe(url: string | URL, options?: SubscribeOptions): AsyncGenerator<News, void, void>;
