"""Groups samples: those of one instant into one object, objects into batches."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

_EPOCH = datetime(1970, 1, 1)


def iso(micros: int) -> str:
    """Microseconds since 1970 as ISO 8601. Raises OverflowError outside of the years 1 to 9999."""
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="microseconds") + "Z"


class Batch(NamedTuple):
    """Samples, encoded once."""

    objects: bytes
    """JSON objects with commas between, without the array's brackets."""
    samples: int
    """How many samples it holds."""

    @staticmethod
    def encode(readings: Sequence[Dict[str, Any]]) -> Batch:
        """Encodes `{"timestamp", "signals"}` objects, of which there must be one at least."""
        text = json.dumps(readings, separators=(",", ":"), allow_nan=False)
        return Batch(text[1:-1].encode(), sum(len(reading["signals"]) for reading in readings))

    @staticmethod
    def join(batches: Sequence[Batch]) -> Batch:
        """All of `batches` as one, in their order."""
        return Batch(b",".join(batch.objects for batch in batches), sum(batch.samples for batch in batches))

    def body(self) -> bytes:
        """The request body: the objects as a JSON array."""
        return b"[" + self.objects + b"]"

    def split(self) -> Optional[Tuple[Batch, Batch]]:
        """Two halves, or none when it is a single sample."""
        readings: List[Dict[str, Any]] = json.loads(self.body())
        if len(readings) == 1:
            signals = list(readings[0]["signals"].items())
            middle = len(signals) // 2
            halves = [[{**readings[0], "signals": dict(half)}] for half in (signals[:middle], signals[middle:])]
        else:
            middle = len(readings) // 2
            halves = [readings[:middle], readings[middle:]]
        first, second = Batch.encode(halves[0]), Batch.encode(halves[1])
        return (first, second) if first.samples and second.samples else None


class Batcher:
    """Collects samples until their batch is full or old enough. All times are monotonic seconds."""

    def __init__(self, max_samples: int, max_age: float) -> None:
        self._readings: Dict[int, Dict[str, float]] = {}
        self._since: Optional[float] = None
        self._max_samples, self._max_age = max_samples, max_age
        self.samples = 0

    def push(self, micros: int, name: str, value: float, now: float) -> Optional[Batch]:
        """Adds a sample; the same signal and instant again replaces the value, as the server would.
        Gives the batch that became full by it."""
        signals = self._readings.setdefault(micros, {})
        self.samples += name not in signals
        signals[name] = value
        if self._since is None:
            self._since = now
        return self.close() if self.samples >= self._max_samples else None

    def due(self) -> Optional[float]:
        """When the open batch is old enough to be closed; None when it is empty."""
        return None if self._since is None else self._since + self._max_age

    def close(self) -> Optional[Batch]:
        """Closes the open batch, oldest instant first; None when it is empty."""
        if self._since is None:
            return None
        readings = [{"timestamp": iso(at), "signals": self._readings[at]} for at in sorted(self._readings)]
        self._readings, self._since, self.samples = {}, None, 0
        return Batch.encode(readings)
