"""What the server's answer means for the batch that was sent: the retry table."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Callable, List, Optional, Union

from ._batch import Batch

DENIED = 60.0
"""The shortest wait, in seconds, after an answer that denies access: only a person can change that."""

DESCRIBED = 5
"""How many refusals one delivery describes; the rest are only counted."""


@dataclass
class Stored:
    """It is stored durably, except for the samples that the server refused one by one."""

    rejected: int = 0
    reasons: List[str] = field(default_factory=list)


@dataclass
class Refused:
    """It will never be accepted; sending it again is useless."""

    reason: str


@dataclass
class TooLarge:
    """Its halves may fit."""


@dataclass
class Retry:
    """It may be accepted later, and sending it again is safe."""

    reason: str
    after: Optional[float] = None
    """How many seconds the server asked to wait."""


Verdict = Union[Stored, Refused, TooLarge, Retry]


def judge(status: int, retry_after: Optional[str], body: bytes) -> Verdict:
    """Reads an answer.

    | status | verdict |
    |---|---|
    | 2xx whose body says `"status":"success"` | stored |
    | 413 | too large: split |
    | 401, 403 | retry, a minute later at the earliest: the key can be replaced, the samples cannot |
    | 421 | retry, as late: the server can be configured to know its name |
    | 408, 429, 5xx | retry |
    | 3xx, or 2xx from something that is not Afterglow | retry, so that a wrong address loses nothing |
    | any other 4xx | refused |
    """
    after = _delay(retry_after)
    if 200 <= status < 300:
        return _receipt(status, body)
    if status == 413:
        return TooLarge()
    if status in (401, 403):
        return Retry(f"access is denied, check the key: {_reason(status, body)}", max(after or 0.0, DENIED))
    if status == 421:
        reason = f"the server does not know this address as its own: {_reason(status, body)}"
        return Retry(reason, max(after or 0.0, DENIED))
    if status in (408, 429) or 500 <= status < 600:
        return Retry(_reason(status, body), after)
    if 400 <= status < 500:
        return Refused(_reason(status, body))
    return Retry(f"status {status}, which no server of ours answers; check the address", after)


@dataclass
class Delivery:
    """What came of an attempt to deliver a batch."""

    stored: int = 0
    rejected: int = 0
    reasons: List[str] = field(default_factory=list)
    retry: Optional[Retry] = None
    """Set when the whole batch has to be sent again; then nothing above counts."""


def deliver(batch: Batch, post: Callable[[Batch], Verdict]) -> Delivery:
    """Sends `batch` through `post`, and its halves when it is too large. When a half has to be sent again, so has the
    whole: the half that was stored is stored again, which changes nothing."""
    delivery, todo = Delivery(), [batch]
    while todo:
        part = todo.pop()
        verdict = post(part)
        if isinstance(verdict, Retry):
            return Delivery(retry=verdict)
        if isinstance(verdict, TooLarge):
            halves = part.split()
            if halves:
                # The first half on top, so that the oldest goes first.
                todo += reversed(halves)
                continue
            verdict = Refused("status 413: one sample is too large")
        refused = isinstance(verdict, Refused)
        rejected = part.samples if refused else min(verdict.rejected, part.samples)  # type: ignore[union-attr]
        reasons = [verdict.reason] if isinstance(verdict, Refused) else verdict.reasons
        delivery.stored += part.samples - rejected
        delivery.rejected += rejected
        delivery.reasons += reasons[: DESCRIBED - len(delivery.reasons)]
    return delivery


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _receipt(status: int, body: bytes) -> Verdict:
    receipt = _parse(body)
    if not isinstance(receipt, dict) or receipt.get("status") != "success":
        return Retry(f"status {status} without a receipt; check the server's address")
    listed = receipt.get("rejected") or []
    count = receipt.get("rejected_count") or 0
    if not isinstance(listed, list) or not isinstance(count, int):
        return Stored()
    reasons = [
        f"{one.get('signal') or 'all signals'}: {one.get('code')}: {one.get('message')}"
        for one in listed[:DESCRIBED]
        if isinstance(one, dict)
    ]
    return Stored(max(count, len(listed)), reasons)


def _reason(status: int, body: bytes) -> str:
    said = _parse(body)
    error = said.get("error") if isinstance(said, dict) else None
    if isinstance(error, dict) and "code" in error:
        return f"status {status}, {error['code']}: {error.get('message')}"
    text = ascii(body[:200].decode(errors="replace"))[1:-1]
    return f"status {status}: {text}" if text else f"status {status}"


def _delay(text: Optional[str]) -> Optional[float]:
    """`Retry-After` in seconds: whole seconds, or an HTTP date."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
