"""What waits to be sent, where it waits, and what goes next. Knows no thread and reads no clock.

A closed batch waits in memory. It moves to the spool as soon as one of these is true: the server fails; it has waited for
`hold` without an answer; memory is full. The spool is always older than memory, so sending the spool first keeps the order.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, replace
from typing import Deque, List, NamedTuple, Optional, Union

from ._batch import Batch, Batcher
from ._spool import Mark, Spool, SpoolError
from ._verdict import Delivery, Retry

log = logging.getLogger("afterglow")

POST_BYTES = 1024 * 1024
"""The most bytes one request carries, unless one batch alone is larger."""
RETRY_AFTER_CAP = 600.0
"""The longest `Retry-After` that is honoured, in seconds."""
_SPOOL_REST = 1.0
_LOG_INTERVAL = 10.0


@dataclass(frozen=True)
class Limits:
    """Bounds; times in seconds."""

    batch_samples: int = 500
    """Samples that close a batch."""
    batch_age: float = 0.05
    """The age that closes a batch."""
    memory_samples: int = 50_000
    """Samples held in memory at most, the open batch not counted."""
    hold: float = 1.0
    """How long a batch stays in memory only, where there is a spool."""
    retry_base: float = 0.25
    """The bound of the wait after the first failure; it doubles with each further one."""
    retry_cap: float = 5.0
    """The bound of the wait after many failures."""
    spool_bytes: int = 256 * 1024 * 1024
    """The spool's size; beyond it the oldest samples go."""
    timeout: float = 10.0
    """How long a request may wait for the server each time it sends or reads."""


@dataclass(frozen=True)
class Tally:
    """What has happened since the start, in samples except for `retries`."""

    sent: int = 0
    """Stored by the server."""
    rejected: int = 0
    """Refused for good, by the server or because they are not finite."""
    dropped: int = 0
    """Lost to a bound, to damage, or at the end without a spool."""
    retries: int = 0
    """Failed requests."""
    waiting: int = 0
    """Samples that wait now."""


class _Queued(NamedTuple):
    batch: Batch
    since: float


class _Throttle:
    def __init__(self) -> None:
        self._last: Optional[float] = None

    def passes(self, now: float) -> bool:
        if self._last is not None and now - self._last < _LOG_INTERVAL:
            return False
        self._last = now
        return True


class Outbox:
    """Everything that waits. Times are monotonic seconds, given by the caller, who also keeps it to one thread at a time."""

    def __init__(self, limits: Limits, spool: Optional[Spool]) -> None:
        self._limits, self._spool = limits, spool
        self._batcher = Batcher(limits.batch_samples, limits.batch_age)
        self._queue: Deque[_Queued] = deque()
        self._queued = 0  # Samples in the queue.
        self._flight: Union[None, _Queued, Mark] = None  # What is on its way: only in memory, or also in the spool.
        self._failures = 0
        self._resume = 0.0  # No request before this.
        self._spool_rest = 0.0  # No spooling before this.
        self._failing: Optional[float] = None
        self._draining = False
        self._tally = Tally()
        self._refusals, self._trouble, self._losses = _Throttle(), _Throttle(), _Throttle()

    def push(self, micros: int, name: str, value: float, now: float) -> None:
        """Takes a sample in."""
        batch = self._batcher.push(micros, name, value, now)
        if batch:
            self._enqueue(_Queued(batch, now))
            if self._held() > self._limits.memory_samples:
                self._relieve(now)

    def reject(self, samples: int, reason: str, now: float) -> None:
        """Counts samples that cannot be used, and says so."""
        self._count(rejected=samples)
        if self._refusals.passes(now):
            log.warning("%d samples were refused, %d so far: %s", samples, self._tally.rejected, reason)

    def turn(self, now: float) -> Optional[Batch]:
        """Does what is due and gives the batch to send now, if there is one and none is on its way."""
        due = self._batcher.due()
        if due is not None and due <= now:
            self._close(now)
        self._relieve(now)
        return self._next(now)

    def wake(self) -> Optional[float]:
        """When `turn` has something to do next; None when only new samples or an answer can bring it."""
        sends = self._flight is None and (self._queue or self._spooled())
        times = [self._batcher.due(), self._spill_due(), self._resume if sends else None]
        return min((time for time in times if time is not None), default=None)

    def settle(self, delivery: Delivery, now: float, random: float) -> None:
        """What came of the batch that `turn` gave last. `random` in [0, 1) is the wait's jitter."""
        flight, self._flight = self._flight, None
        if delivery.retry:
            if isinstance(flight, _Queued):
                self._queue.appendleft(flight)
                self._queued += flight.batch.samples
            self._fail(delivery.retry, now, random)
            return
        if isinstance(flight, Mark) and self._spool:
            self._spool.acknowledge(flight)
        self._failures, self._resume = 0, now
        self._count(sent=delivery.stored)
        if self._failing is not None:
            log.info("the server answers again after %.1f s; %d samples wait", now - self._failing, self.tally().waiting)
            self._failing = None
        if delivery.rejected:
            self.reject(delivery.rejected, "; ".join(delivery.reasons), now)

    def drain(self, now: float) -> None:
        """From now on everything goes out at once, without waiting for batches to fill or for back-off."""
        self._draining, self._resume, self._failing = True, now, None
        self._close(now)

    def is_drained(self) -> bool:
        """Whether draining is over: nothing is left to send, or the server fails and the spool has the rest."""
        if self._flight is not None:
            return False
        return self._gives_up() or not (self._queue or self._spooled())

    def finish(self, now: float) -> None:
        """Ends: what is still in memory goes to the spool, or is lost without one."""
        self._close(now)
        if isinstance(self._flight, _Queued) and not self._spool:
            self._enqueue(self._flight)
            self._flight = None
        self._spool_rest = now
        self._spill(now)
        held = self._held()
        self._lose(held, "the publisher ends", now)
        self._queue.clear()
        self._queued, self._flight = 0, None

    def tally(self) -> Tally:
        """The counts so far."""
        return replace(self._tally, waiting=self._batcher.samples + self._held() + self._spooled())

    def _enqueue(self, queued: _Queued) -> None:
        self._queue.append(queued)
        self._queued += queued.batch.samples

    def _spooled(self) -> int:
        return self._spool.samples if self._spool else 0

    def _held(self) -> int:
        """Samples in closed batches that are only in memory."""
        return self._queued + (self._flight.batch.samples if isinstance(self._flight, _Queued) else 0)

    def _gives_up(self) -> bool:
        return self._draining and self._failing is not None and self._spool is not None

    def _close(self, now: float) -> None:
        since = self._batcher.due()
        batch = self._batcher.close()
        if batch:
            self._enqueue(_Queued(batch, now if since is None else min(since, now)))

    def _spill_due(self) -> Optional[float]:
        """When memory has to go to the spool; None when it holds nothing or there is no spool."""
        oldest = self._flight if isinstance(self._flight, _Queued) else (self._queue[0] if self._queue else None)
        if oldest is None or self._spool is None:
            return None
        at_once = self._failing is not None or self._held() > self._limits.memory_samples
        return max(0.0 if at_once else oldest.since + self._limits.hold, self._spool_rest)

    def _relieve(self, now: float) -> None:
        """Spools what is due; a memory that is still too full loses its oldest."""
        due = self._spill_due()
        if due is not None and due <= now:
            self._spill(now)
        lost = 0
        while self._held() > self._limits.memory_samples and self._queue:
            batch = self._queue.popleft().batch
            self._queued -= batch.samples
            lost += batch.samples
        self._lose(lost, "memory is full and nothing can be spooled", now)

    def _spill(self, now: float) -> None:
        if self._spool is None:
            return
        try:
            if isinstance(self._flight, _Queued):
                self._flight = self._spool.append(self._flight.batch)
            while self._queue:
                batch = self._queue[0].batch
                self._spool.append(batch)
                self._queue.popleft()
                self._queued -= batch.samples
            self._spool.sync()
        except OSError as error:
            self._spool_rest = now + _SPOOL_REST
            if self._losses.passes(now):
                log.error("the spool cannot be written (%s); %d samples are in memory only", error, self._held())
        self._lose(self._spool.enforce_cap(), "the spool is at its cap", now)

    def _next(self, now: float) -> Optional[Batch]:
        """The oldest batch, if a request may start now."""
        if self._flight is not None or now < self._resume or self._gives_up():
            return None
        while self._spool is not None:
            try:
                found = self._spool.front(POST_BYTES)
            except SpoolError as error:
                log.error("%s", error)
                continue
            if found is None:
                break
            batch, self._flight = found
            return batch
        if not self._queue:
            return None
        since, size, batches = self._queue[0].since, 0, []  # type: float, int, List[Batch]
        while self._queue and (not batches or size + len(self._queue[0].batch.objects) <= POST_BYTES):
            batch = self._queue.popleft().batch
            size += len(batch.objects)
            batches.append(batch)
        joined = Batch.join(batches)
        self._queued -= joined.samples
        self._flight = _Queued(joined, since)
        return joined

    def _fail(self, retry: Retry, now: float, random: float) -> None:
        """Waits exponentially longer, uniformly between 0 and the bound; or for as long as the server said."""
        self._count(retries=1)
        if self._failing is None:
            self._failing = now
        limits = self._limits
        if retry.after is None:
            wait = min(limits.retry_base * 2.0 ** min(self._failures, 31), limits.retry_cap) * random
        else:
            wait = min(retry.after, RETRY_AFTER_CAP) + limits.retry_base * random
        self._failures += 1
        self._resume = now + wait
        self._relieve(now)
        if self._trouble.passes(now):
            waiting = self.tally().waiting
            log.warning("the server takes no samples (%s); %d wait, next try in %.1f s", retry.reason, waiting, wait)

    def _lose(self, samples: int, why: str, now: float) -> None:
        self._count(dropped=samples)
        if samples and self._losses.passes(now):
            log.error("%s: the oldest samples are lost, %d so far", why, self._tally.dropped)

    def _count(self, **more: int) -> None:
        changes = {name: getattr(self._tally, name) + number for name, number in more.items()}
        self._tally = replace(self._tally, **changes)
