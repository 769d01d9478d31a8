// Groups samples: those of one instant into one object, objects into batches. A batch is `{objects, samples}`: JSON objects with
// commas between, without the array's brackets, and how many samples they have.

/** Microseconds since 1970 as ISO 8601. Throws RangeError where no date is. */
export function iso(micros) {
  const millis = Math.floor(micros / 1000);
  const text = new Date(millis).toISOString();
  return `${text.slice(0, -1)}${String(micros - millis * 1000).padStart(3, "0")}Z`;
}

/** `readings` are `{timestamp, signals}`, of which there must be one at least. */
export function encode(readings) {
  const samples = readings.reduce((sum, reading) => sum + Object.keys(reading.signals).length, 0);
  return { objects: JSON.stringify(readings).slice(1, -1), samples };
}

export function join(batches) {
  return {
    objects: batches.map((batch) => batch.objects).join(","),
    samples: batches.reduce((sum, batch) => sum + batch.samples, 0),
  };
}

export const body = (batch) => `[${batch.objects}]`;

/** Two halves, or null when it is a single sample. */
export function split(batch) {
  const readings = JSON.parse(body(batch));
  const half = (all) => [all.slice(0, all.length >> 1), all.slice(all.length >> 1)];
  if (readings.length > 1) return half(readings).map(encode);
  const [only] = readings;
  const signals = Object.entries(only.signals);
  if (signals.length < 2) return null;
  return half(signals).map((some) => encode([{ ...only, signals: Object.fromEntries(some) }]));
}

/** Collects samples until their batch is full or old enough. Times are monotonic milliseconds. */
export class Batcher {
  #readings = new Map();
  #limits;
  samples = 0;
  /** When the open batch is old enough to be closed; Infinity when it is empty. */
  due = Infinity;

  constructor(limits) {
    this.#limits = limits;
  }

  /** Adds a sample; the same signal and instant again replaces the value. Gives the batch that became full by it. */
  push(micros, name, value, now) {
    let signals = this.#readings.get(micros);
    // Without a prototype `__proto__` is a name like any other.
    if (!signals) this.#readings.set(micros, (signals = Object.create(null)));
    if (!(name in signals)) this.samples += 1;
    signals[name] = value;
    this.due = Math.min(this.due, now + this.#limits.batchAge);
    return this.samples >= this.#limits.batchSamples ? this.close() : null;
  }

  /** Closes the open batch, oldest instant first; null when it is empty. */
  close() {
    if (this.samples === 0) return null;
    const instants = [...this.#readings].sort(([a], [b]) => a - b);
    this.#readings.clear();
    this.samples = 0;
    this.due = Infinity;
    return encode(instants.map(([micros, signals]) => ({ timestamp: iso(micros), signals })));
  }
}
