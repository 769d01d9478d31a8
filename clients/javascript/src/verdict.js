// What the server's answer means for the batch that was sent: the retry table.

import { split } from "./batch.js";

/** The shortest wait after an answer that denies access: only a person can change that. */
const DENIED = 60_000;
/** How many refusals one delivery describes; the rest are only counted. */
const DESCRIBED = 5;

/**
 * Reads an answer: `{kind: "stored", rejected, reasons}`, `{kind: "refused", reason}`, `{kind: "tooLarge"}` or
 * `{kind: "retry", reason, after?}` with milliseconds.
 *
 * | status | verdict |
 * |---|---|
 * | 2xx whose body says `"status":"success"` | stored |
 * | 413 | too large: split |
 * | 401, 403 | retry, a minute later at the earliest: the key can be replaced, the samples cannot |
 * | 421 | retry, as late: the server can be configured to know its name |
 * | 408, 429, 5xx | retry |
 * | 3xx, or 2xx from something that is not Afterglow | retry, so that a wrong address loses nothing |
 * | any other 4xx | refused |
 */
export function judge(status, retryAfter, text) {
  const after = delay(retryAfter);
  const slowly = Math.max(after ?? 0, DENIED);
  const retry = (reason, wait) => ({ kind: "retry", reason, after: wait });
  if (status >= 200 && status < 300) return receipt(status, text);
  if (status === 413) return { kind: "tooLarge" };
  const said = reason(status, text);
  if (status === 401 || status === 403) return retry(`access is denied, check the key: ${said}`, slowly);
  if (status === 421) return retry(`the server does not know this address as its own: ${said}`, slowly);
  if (status === 408 || status === 429 || status >= 500) return retry(said, after);
  if (status >= 400) return { kind: "refused", reason: said };
  return retry(`status ${status}, which no server of ours answers; check the address`, after);
}

/**
 * Sends `batch` through `post`, and its halves when it is too large. When a half has to be sent again, so has the whole: the half
 * that was stored is stored again, which changes nothing. Gives `{stored, rejected, reasons}` or `{retry}`.
 */
export async function deliver(batch, post) {
  const delivery = { stored: 0, rejected: 0, reasons: [] };
  const todo = [batch];
  while (todo.length > 0) {
    const part = todo.pop();
    let verdict = await post(part);
    if (verdict.kind === "retry") return { retry: verdict };
    if (verdict.kind === "tooLarge") {
      const halves = split(part);
      if (halves) {
        // The first half on top, so that the oldest goes first.
        todo.push(halves[1], halves[0]);
        continue;
      }
      verdict = { kind: "refused", reason: "status 413: one sample is too large" };
    }
    const isRefused = verdict.kind === "refused";
    const rejected = isRefused ? part.samples : Math.min(verdict.rejected, part.samples);
    delivery.stored += part.samples - rejected;
    delivery.rejected += rejected;
    delivery.reasons.push(...(isRefused ? [verdict.reason] : verdict.reasons));
    delivery.reasons.length = Math.min(delivery.reasons.length, DESCRIBED);
  }
  return delivery;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function receipt(status, text) {
  const said = parse(text);
  if (said?.status !== "success") {
    return { kind: "retry", reason: `status ${status} without a receipt; check the server's address` };
  }
  const listed = Array.isArray(said.rejected) ? said.rejected : [];
  const reasons = listed
    .slice(0, DESCRIBED)
    .map((one) => `${one?.signal ?? "all signals"}: ${one?.code}: ${one?.message}`);
  return { kind: "stored", rejected: Math.max(Number(said.rejected_count) || 0, listed.length), reasons };
}

/** The status with the error body's code and message, or with the start of whatever was said instead. */
export function reason(status, text) {
  const error = parse(text)?.error;
  if (error?.code) return `status ${status}, ${error.code}: ${error.message}`;
  return text ? `status ${status}: ${JSON.stringify(text.slice(0, 200)).slice(1, -1)}` : `status ${status}`;
}

/** `Retry-After` in milliseconds: whole seconds, or an HTTP date. */
function delay(text) {
  if (/^\s*\d+\s*$/.test(text ?? "")) return Number(text) * 1000;
  const until = /GMT\s*$/.test(text ?? "") ? Date.parse(text) : NaN;
  return Number.isNaN(until) ? undefined : Math.max(0, until - Date.now());
}
