"""Batches on disk: a folder of segment files, oldest first, bounded in bytes.

A segment is a run of records `length u32 | samples u32 | crc32 u32 | payload`, little-endian, the checksum over the first two
fields and the payload. Records are appended to the newest segment and read from the oldest; a segment is deleted once all of
it is acknowledged. How far a segment has been read is not written down: after a crash its records are sent again, which
changes nothing at the server. Afterglow's producer and its other clients write the same format.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections import deque
from pathlib import Path
from typing import BinaryIO, Deque, List, NamedTuple, Optional, Tuple

from ._batch import Batch

try:
    import fcntl
except ImportError:  # Not on Windows, where nothing keeps two programs from using one folder.
    fcntl = None  # type: ignore[assignment]

_HEADER = struct.Struct("<III")
_SEGMENT_BYTES = 4 * 1024 * 1024
_SEGMENTS_PER_CAP = 16


class SpoolError(Exception):
    """The spool cannot be used: another program uses it, or the system says no."""


class Mark(NamedTuple):
    """Names a run of records at the front, to acknowledge it later."""

    first: int
    records: int
    bytes: int
    samples: int


class _Segment:
    def __init__(self, path: Path) -> None:
        self.path, self.bytes, self.records, self.samples = path, 0, 0, 0


class Spool:
    """The spool of one publisher. Holds at most `cap` bytes."""

    def __init__(self, folder: Path, cap: int) -> None:
        self._folder, self._cap = folder, cap
        self._active: Optional[BinaryIO] = None
        # Where the front segment's first waiting record starts, and its number, counted since the start.
        self._offset, self._head = 0, 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
            try:
                if fcntl:
                    fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._scan()
            except BaseException:
                os.close(self._lock)
                raise
        except BlockingIOError:
            raise SpoolError(f"the spool {folder} is in use; give each publisher its own folder") from None
        except OSError as error:
            raise SpoolError(f"the spool {folder} cannot be used: {error}") from error

    @property
    def samples(self) -> int:
        """Samples that wait."""
        return sum(segment.samples for segment in self._segments)

    @property
    def bytes(self) -> int:
        """Bytes of all segments, read parts included."""
        return sum(segment.bytes for segment in self._segments)

    def append(self, batch: Batch) -> Mark:
        """Appends the newest record and passes it to the operating system: a killed process does not lose it.
        Raises OSError when it cannot be written whole; then nothing of it remains."""
        sizes = struct.pack("<II", len(batch.objects), batch.samples)
        record = sizes + struct.pack("<I", zlib.crc32(batch.objects, zlib.crc32(sizes))) + batch.objects
        last = self._segments[-1] if self._segments else None
        if self._active is None or last is None or last.bytes >= min(_SEGMENT_BYTES, self._cap // _SEGMENTS_PER_CAP):
            last = self._roll()
        assert self._active is not None
        try:
            view = memoryview(record)
            while view:
                view = view[self._active.write(view) :]
        except OSError:
            self._undo(last)
            raise
        last.bytes += len(record)
        last.records += 1
        last.samples += batch.samples
        records = sum(segment.records for segment in self._segments)
        return Mark(self._head + records - 1, 1, len(record), batch.samples)

    def sync(self) -> None:
        """Makes everything appended so far survive a power failure."""
        if self._active is not None:
            os.fsync(self._active.fileno())

    def enforce_cap(self) -> int:
        """Deletes the oldest segments until the cap holds. Gives how many waiting samples went with them."""
        dropped = 0
        while self.bytes > self._cap:
            dropped += self._drop_front()
        return dropped

    def front(self, max_bytes: int) -> Optional[Tuple[Batch, Mark]]:
        """The oldest records as one batch of about `max_bytes` at most; None when empty. Raises SpoolError when the oldest
        segment is damaged, which is deleted then."""
        if not self._segments:
            return None
        segment = self._segments[0]
        batches: List[Batch] = []
        size = 0
        try:
            with open(segment.path, "rb") as file:
                file.seek(self._offset)
                while self._offset + size < segment.bytes:
                    batch = _read(file, segment.bytes - self._offset - size)
                    if batch is None:
                        raise OSError("a checksum does not match")
                    record = _HEADER.size + len(batch.objects)
                    if batches and size + record > max_bytes:
                        break
                    batches.append(batch)
                    size += record
            if not batches:
                raise OSError("its records end early")
        except OSError as error:
            lost = self._drop_front()
            raise SpoolError(f"{segment.path} is damaged ({error}); {lost} samples are lost") from error
        batch = Batch.join(batches)
        return batch, Mark(self._head, len(batches), size, batch.samples)

    def acknowledge(self, mark: Mark) -> None:
        """Forgets the records of `mark`. Does nothing when the cap has already taken them."""
        if not self._segments or mark.first != self._head:
            return
        front = self._segments[0]
        front.records -= mark.records
        front.samples -= mark.samples
        self._offset += mark.bytes
        self._head += mark.records
        if front.records == 0:
            self._drop_front()

    def close(self) -> None:
        """Gives the folder back."""
        if self._active is not None:
            self._active.close()
            self._active = None
        os.close(self._lock)

    def _scan(self) -> None:
        """Finds segments, cuts off what is no whole record, and deletes those without any."""
        self._segments: Deque[_Segment] = deque()
        self._next = 0
        names = sorted(entry.name for entry in os.scandir(self._folder) if entry.is_file(follow_symlinks=False))
        for name in (name for name in names if re.fullmatch(r"[0-9]{20}\.spool", name)):
            segment = _Segment(self._folder / name)
            self._next = int(name[:20]) + 1
            with open(segment.path, "r+b") as file:
                length = os.fstat(file.fileno()).st_size
                while (batch := _read(file, length - segment.bytes)) is not None:
                    segment.bytes += _HEADER.size + len(batch.objects)
                    segment.records += 1
                    segment.samples += batch.samples
                file.truncate(segment.bytes)
            if segment.records:
                self._segments.append(segment)
            else:
                segment.path.unlink()

    def _roll(self) -> _Segment:
        if self._active is not None:
            self._active.close()
            self._active = None
        segment = _Segment(self._folder / f"{self._next:020}.spool")
        # Counted first: a name that could be made but not kept is not used twice.
        self._next += 1
        descriptor = os.open(segment.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        self._active = open(descriptor, "wb", buffering=0)
        self._segments.append(segment)
        return segment

    def _undo(self, segment: _Segment) -> None:
        """Cuts a half-written record off, and leaves the segment alone from now on."""
        active, self._active = self._active, None
        if active is not None:
            try:
                # What cannot be cut off is detected by its checksum later.
                active.truncate(segment.bytes)
            except OSError:
                pass
            active.close()
        if segment.records == 0 and len(self._segments) == 1:
            self._drop_front()

    def _drop_front(self) -> int:
        front = self._segments.popleft()
        if not self._segments and self._active is not None:
            self._active.close()
            self._active = None
        self._head += front.records
        self._offset = 0
        try:
            front.path.unlink()
        except OSError:
            pass  # It is sent again after the next start, which changes nothing.
        return front.samples


def _read(file: BinaryIO, rest: int) -> Optional[Batch]:
    """Reads the next record, of at most `rest` bytes in all; None when what is left is not a whole one."""
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    length, samples, checksum = _HEADER.unpack(header)
    if not 0 < length <= rest - _HEADER.size:
        return None
    payload = file.read(length)
    whole = len(payload) == length and zlib.crc32(payload, zlib.crc32(header[:8])) == checksum
    return Batch(payload, samples) if whole else None
