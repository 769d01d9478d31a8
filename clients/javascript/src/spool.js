// Batches on disk, for Node: a folder of segment files, oldest first, bounded in bytes.
//
// A segment is a run of records `length u32 | samples u32 | crc32 u32 | payload`, little-endian, the checksum over the first two
// fields and the payload. Records are appended to the newest segment and read from the oldest; a segment is deleted once all of it is
// acknowledged. How far a segment has been read is not written down: after a crash its records are sent again, which changes nothing
// at the server. Afterglow's producer and its other clients write the same format.

import fs from "node:fs";
import path from "node:path";

import { join } from "./batch.js";

const HEADER = 12;
const SEGMENT_BYTES = 4 * 1024 * 1024;
const SEGMENTS_PER_CAP = 16;

export class Spool {
  #folder;
  #cap;
  /** `{file, bytes, records, samples}`, oldest first. */
  #segments = [];
  #next = 0;
  /** The newest segment's descriptor; null until the first append, and after a failed one. */
  #active = null;
  /** Where the front segment's first waiting record starts, and its number, counted since the start. */
  #offset = 0;
  #head = 0;
  #lock;

  constructor(folder, cap = 256 * 1024 * 1024) {
    this.#folder = folder;
    this.#cap = cap;
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#lock = path.join(folder, "pid");
    lock(this.#lock, folder);
    this.#scan();
  }

  get samples() {
    return this.#segments.reduce((sum, segment) => sum + segment.samples, 0);
  }

  get bytes() {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Appends the newest record and passes it to the operating system: a killed process does not lose it. Throws when it cannot be
   * written whole; then nothing of it remains. */
  append(batch) {
    const record = encode(batch);
    let segment = this.#segments.at(-1);
    if (this.#active === null || segment.bytes >= Math.min(SEGMENT_BYTES, this.#cap / SEGMENTS_PER_CAP)) {
      segment = this.#roll();
    }
    try {
      for (let written = 0; written < record.length; ) written += fs.writeSync(this.#active, record, written);
    } catch (error) {
      this.#undo(segment);
      throw error;
    }
    segment.bytes += record.length;
    segment.records += 1;
    segment.samples += batch.samples;
    const records = this.#segments.reduce((sum, one) => sum + one.records, 0);
    return { first: this.#head + records - 1, records: 1, bytes: record.length, samples: batch.samples };
  }

  /** Makes everything appended so far survive a power failure. */
  sync() {
    if (this.#active !== null) fs.fsyncSync(this.#active);
  }

  /** Deletes the oldest segments until the cap holds. Gives how many waiting samples went with them. */
  enforceCap() {
    let dropped = 0;
    while (this.bytes > this.#cap) dropped += this.#dropFront();
    return dropped;
  }

  /** The oldest records as one batch of about `maxBytes` at most, with their mark; null when empty. Throws when the oldest segment is
   * damaged, which is deleted then. */
  front(maxBytes) {
    const segment = this.#segments[0];
    if (!segment) return null;
    const batches = [];
    let bytes = 0;
    try {
      const data = fs.readFileSync(segment.file);
      while (this.#offset + bytes < segment.bytes) {
        const batch = decode(data, this.#offset + bytes);
        if (!batch) throw new Error("a checksum does not match");
        if (batches.length > 0 && bytes + batch.bytes > maxBytes) break;
        bytes += batch.bytes;
        batches.push(batch);
      }
    } catch (error) {
      const lost = this.#dropFront();
      throw new Error(`${segment.file} is damaged (${error.message}); ${lost} samples are lost`);
    }
    const batch = join(batches);
    return { batch, mark: { first: this.#head, records: batches.length, bytes, samples: batch.samples } };
  }

  /** Forgets the records of `mark`. Does nothing when the cap has already taken them. */
  acknowledge(mark) {
    const front = this.#segments[0];
    if (!front || mark.first !== this.#head) return;
    front.records -= mark.records;
    front.samples -= mark.samples;
    this.#offset += mark.bytes;
    this.#head += mark.records;
    if (front.records === 0) this.#dropFront();
  }

  /** Gives the folder back. */
  close() {
    this.#closeActive();
    fs.rmSync(this.#lock, { force: true });
    held.delete(path.resolve(this.#lock));
  }

  /** Finds segments, cuts off what is no whole record, and deletes those without any. */
  #scan() {
    const entries = fs.readdirSync(this.#folder, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isFile() && /^\d{20}\.spool$/.test(entry.name)).map((entry) => entry.name);
    for (const name of names.sort()) {
      const segment = { file: path.join(this.#folder, name), bytes: 0, records: 0, samples: 0 };
      this.#next = Number(name.slice(0, 20)) + 1;
      const data = fs.readFileSync(segment.file);
      for (let batch; (batch = decode(data, segment.bytes)); ) {
        segment.bytes += batch.bytes;
        segment.records += 1;
        segment.samples += batch.samples;
      }
      if (segment.records === 0) {
        fs.rmSync(segment.file);
        continue;
      }
      fs.truncateSync(segment.file, segment.bytes);
      this.#segments.push(segment);
    }
  }

  #roll() {
    this.#closeActive();
    const file = path.join(this.#folder, `${String(this.#next).padStart(20, "0")}.spool`);
    // Counted first: a name that could be made but not kept is not used twice.
    this.#next += 1;
    this.#active = fs.openSync(file, "ax", 0o600);
    const segment = { file, bytes: 0, records: 0, samples: 0 };
    this.#segments.push(segment);
    return segment;
  }

  /** Cuts a half-written record off, and leaves the segment alone from now on. */
  #undo(segment) {
    try {
      fs.ftruncateSync(this.#active, segment.bytes);
    } catch {
      // The checksum is checked before anything is sent.
    }
    this.#closeActive();
    if (segment.records === 0 && this.#segments.length === 1) this.#dropFront();
  }

  #closeActive() {
    if (this.#active !== null) fs.closeSync(this.#active);
    this.#active = null;
  }

  #dropFront() {
    const front = this.#segments.shift();
    if (this.#segments.length === 0) this.#closeActive();
    this.#head += front.records;
    this.#offset = 0;
    try {
      fs.rmSync(front.file, { force: true });
    } catch {
      // What remains is sent again after the next start, which changes nothing.
    }
    return front.samples;
  }
}

function lock(file, folder) {
  let owner;
  try {
    owner = Number(fs.readFileSync(file, "utf8"));
    // Throws when there is no such process. In a container a program often gets the same number again.
    if (owner !== process.pid) process.kill(owner, 0);
  } catch (error) {
    if (error.code !== "EPERM") owner = undefined;
  }
  if (owner > 0 && (owner !== process.pid || held.has(path.resolve(file)))) {
    throw new Error(`the spool ${folder} is in use by process ${owner}; if that is another program, delete ${file}`);
  }
  fs.writeFileSync(file, String(process.pid), { mode: 0o600 });
  held.add(path.resolve(file));
}

/** The locks of this process. */
const held = new Set();

const TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  let sum = number;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  return sum;
});

/** CRC-32 as in zlib, whose own Node has only from 22 on. */
function crc32(...parts) {
  let sum = 0xffffffff;
  for (const part of parts) for (const byte of part) sum = TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

function encode(batch) {
  const payload = Buffer.from(batch.objects);
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt32LE(batch.samples, 4);
  header.writeUInt32LE(crc32(header.subarray(0, 8), payload), 8);
  return Buffer.concat([header, payload]);
}

/** The record at `offset`, or null when there is no whole one. */
function decode(data, offset) {
  if (offset + HEADER > data.length) return null;
  const length = data.readUInt32LE(offset);
  const end = offset + HEADER + length;
  if (length === 0 || end > data.length) return null;
  const payload = data.subarray(offset + HEADER, end);
  if (crc32(data.subarray(offset, offset + 8), payload) !== data.readUInt32LE(offset + 8)) return null;
  return { objects: payload.toString(), samples: data.readUInt32LE(offset + 4), bytes: HEADER + length };
}
