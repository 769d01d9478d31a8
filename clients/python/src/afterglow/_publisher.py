"""The outbox and the courier with the threads that drive them."""

from __future__ import annotations

import atexit
import math
import os
import random
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, List, Mapping, Optional, SupportsFloat, Tuple, Union

from ._batch import Batch, iso
from ._courier import Courier
from ._outbox import Limits, Outbox, Tally
from ._spool import Spool
from ._verdict import Delivery, Retry, deliver

_NAME_BYTES = 256
_SET_BACK = 1_000_000  # A clock that is this many microseconds earlier than before was set back.


class Publisher:
    """Sends samples on threads of its own: batched, retried until the server has them, and kept on disk meanwhile.

        with Publisher("http://127.0.0.1:5001", spool="./spool") as publisher:
            publisher.send("room.temperature", 21.5)

    `url` is the server's address. `key` is the key to show, or `key_file` a file with it, which is read again when the key is
    refused. `spool` is a folder that no other program uses; without one, samples wait in memory only. What an earlier publisher
    left in it is sent first. `ca_file` has the authorities (PEM) to trust instead of the system's.

    A killed program loses at most the samples of the last `limits.batch_age` seconds while the server is down, and of
    `limits.hold` seconds more while it is slow. What becomes of samples is logged to the logger `afterglow`. All methods may be
    called from any thread.

    Raises SpoolError when the spool cannot be used, ValueError for an address or a key that cannot be right.
    """

    def __init__(
        self,
        url: str,
        key: Optional[str] = None,
        spool: Union[None, str, "os.PathLike[str]"] = None,
        *,
        key_file: Union[None, str, "os.PathLike[str]"] = None,
        ca_file: Union[None, str, "os.PathLike[str]"] = None,
        limits: Limits = Limits(),
    ) -> None:
        paths = [None if path is None else Path(path) for path in (key_file, ca_file)]
        self._courier = Courier(url, key, paths[0], paths[1], limits.timeout)
        self._spool = None if spool is None else Spool(Path(spool), limits.spool_bytes)
        self._outbox = Outbox(limits, self._spool)
        # Guards everything below and the outbox; notified when something has changed.
        self._changed = threading.Condition()
        self._errand: Optional[Batch] = None
        self._last = 0
        self._deadline: Optional[float] = None
        self._is_over = False
        self._threads = [
            threading.Thread(target=run, name=f"afterglow-{run.__name__.strip('_')}", daemon=True)
            for run in (self._keep, self._carry)
        ]
        for thread in self._threads:
            thread.start()
        # For programs that forget it; daemon threads still run then.
        atexit.register(self.close)

    def send(
        self,
        name: Union[str, Mapping[str, SupportsFloat]],
        value: Optional[SupportsFloat] = None,
        at: Union[None, float, datetime] = None,
    ) -> None:
        """Takes a sample, or with a mapping `{name: value}` samples of one instant.

        `at` is when the value was true: an aware datetime, or seconds since 1970; now when absent, and then no two calls
        share an instant. Returns at once; waits only while the spool is being written. Values that are not finite are counted
        as rejected and logged. Raises TypeError or ValueError for arguments of a wrong kind, RuntimeError after `close`.
        """
        if isinstance(name, str):
            if value is None:
                raise TypeError(f"there is no value for {name!r}")
            pairs: List[Tuple[str, SupportsFloat]] = [(name, value)]
        elif value is None:
            pairs = list(name.items())
        else:
            raise TypeError("a mapping has its values already")
        samples = [(_name(name), _number(name, value)) for name, value in pairs]
        micros = None if at is None else _micros(at)
        with self._changed:
            if self._deadline is not None:
                raise RuntimeError("the publisher is closed")
            now = time.monotonic()
            before = self._outbox.wake()
            if micros is None:
                micros = self._now()
            for name, number in samples:
                if math.isfinite(number):
                    self._outbox.push(micros, name, number, now)
                else:
                    self._outbox.reject(1, f"{name}: {number} is not finite", now)
            if self._outbox.wake() != before:
                self._changed.notify_all()

    def stats(self) -> Tally:
        """What has happened since the start."""
        with self._changed:
            return self._outbox.tally()

    def flush(self, timeout: Optional[float] = None) -> bool:
        """Waits until nothing waits to be sent, `timeout` seconds at most. Whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._outbox.tally().waiting or self._is_over, timeout)

    def close(self, timeout: float = 5.0) -> Tally:
        """Sends what it can within `timeout` seconds, leaves the rest in the spool, and ends. Without a spool it keeps trying
        until then, and what is left is lost. Further calls do nothing."""
        with self._changed:
            if self._deadline is None:
                now = time.monotonic()
                self._deadline = now + timeout
                self._outbox.drain(now)
                self._changed.notify_all()
        atexit.unregister(self.close)
        self._threads[0].join()
        return self.stats()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _now(self) -> int:
        """The time in microseconds: later than the last one, unless the clock was set back."""
        now = time.time_ns() // 1000
        if self._last - _SET_BACK < now <= self._last:
            now = self._last + 1
        self._last = now
        return now

    def _keep(self) -> None:
        """Closes batches, spools what is due, and gives the courier what is to be sent."""
        with self._changed:
            while True:
                now = time.monotonic()
                batch = self._outbox.turn(now)
                if batch is not None:
                    self._errand = batch
                    self._changed.notify_all()
                times = [self._outbox.wake(), self._deadline]
                if self._deadline is not None and (self._outbox.is_drained() or self._deadline <= now):
                    break
                wake = min((time for time in times if time is not None), default=None)
                self._changed.wait(None if wake is None else max(0.0, wake - now))
            self._outbox.finish(now)
            if self._spool:
                self._spool.close()
            self._is_over = True
            self._changed.notify_all()

    def _carry(self) -> None:
        """Posts what it is given."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._errand is not None or self._is_over)
                if self._is_over:
                    break
                batch, self._errand = self._errand, None
            assert batch is not None
            try:
                delivery = deliver(batch, self._courier.post)
            except Exception as error:  # What nobody thought of must not end the thread, and with it the program's samples.
                delivery = Delivery(retry=Retry(f"{type(error).__name__}: {error}"))
            with self._changed:
                if not self._is_over:
                    self._outbox.settle(delivery, time.monotonic(), random.random())
                self._changed.notify_all()
        self._courier.close()


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a signal's name is a str, not {type(name).__name__}")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= _NAME_BYTES:
        raise ValueError(f"{name!r} is no signal's name: 1 to {_NAME_BYTES} bytes of UTF-8")
    return name


def _number(name: str, value: Any) -> float:
    if isinstance(value, (str, bytes)) or value is None:
        raise TypeError(f"the value of {name!r} is a number, not {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _micros(at: Union[float, datetime]) -> int:
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError("`at` has no time zone; give it one, such as datetime.now(timezone.utc)")
        age = at - datetime(1970, 1, 1, tzinfo=timezone.utc)
        return (age.days * 86_400 + age.seconds) * 1_000_000 + age.microseconds
    micros = round(at * 1_000_000)
    try:
        iso(micros)
    except OverflowError:
        raise ValueError(f"`at` is {at} seconds since 1970, which no calendar has") from None
    return micros
