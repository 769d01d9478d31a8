"""The HTTP client: posts one batch at a time over one connection."""

from __future__ import annotations

import http.client
import logging
import os
import ssl
import time
from pathlib import Path
from typing import Optional, Tuple
from urllib.parse import urlsplit

from ._batch import Batch
from ._verdict import Retry, Verdict, judge

log = logging.getLogger("afterglow")

_ANSWER_BYTES = 2 * 1024 * 1024
_IDLE = 4.0  # Connections idle for longer are not used again: common servers close theirs after 5 s.


class Courier:
    """Posts to `url`, an `http` or `https` address. The key comes from `key` or from the file `key_file`."""

    def __init__(
        self, url: str, key: Optional[str], key_file: Optional[Path], ca_file: Optional[Path], timeout: float
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError(f"{url!r} is no address of a server; it takes http://HOST:PORT or https://HOST:PORT")
        if key is not None and key_file is not None:
            raise ValueError("it takes `key` or `key_file`, not both")
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/") + "/api/telemetry"
        self._timeout, self._key_file = timeout, key_file
        self._key = _read_key(key_file) if key_file else None if key is None else _checked(key, "the key")
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._connection: Optional[http.client.HTTPConnection] = None
        self._used = 0.0
        is_loopback = self._host in ("localhost", "::1") or self._host.startswith("127.")
        if self._key and not self._tls and not is_loopback:
            log.warning("the key is sent to %s in plain text; use https:// there", self._host)

    def post(self, batch: Batch) -> Verdict:
        """Sends `batch`. A key that is refused is read from its file again and tried once more."""
        status, verdict = self._post(batch)
        if status in (401, 403) and self._refresh():
            verdict = self._post(batch)[1]
        return verdict

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, batch: Batch) -> Tuple[int, Verdict]:
        headers = {"Content-Type": "application/json", "User-Agent": "afterglow-python/0.1.0"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            connection = self._connect()
            connection.request("POST", self._path, batch.body(), headers)
            answer = connection.getresponse()
            body = answer.read(_ANSWER_BYTES)
            if not answer.isclosed():
                self.close()
            self._used = time.monotonic()
            return answer.status, judge(answer.status, answer.headers.get("Retry-After"), body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return 0, Retry(f"{type(error).__name__}: {error}")

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is not None and time.monotonic() - self._used > _IDLE:
            self.close()
        if self._connection is None:
            if self._tls:
                connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=self._timeout, context=self._tls
                )
            else:
                connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
            self._connection = connection
        return self._connection

    def _refresh(self) -> bool:
        """Reads the key's file again. Whether it is another key now."""
        if self._key_file is None:
            return False
        try:
            key = _read_key(self._key_file)
        except (OSError, ValueError) as error:
            log.warning("the key stays as it was: %s", error)
            return False
        changed, self._key = key != self._key, key
        return changed


def _read_key(file: Path) -> str:
    if os.name == "posix" and file.stat().st_mode & 0o007:
        raise ValueError(f"{file}: everybody may use this key; take that right away (chmod o=)")
    return _checked(file.read_text(), str(file))


def _checked(text: str, place: str) -> str:
    key = text.strip()
    if not 0 < len(key) <= 4096 or not all("!" <= character <= "~" for character in key):
        raise ValueError(f"{place}: a key is one word of visible ASCII characters")
    return key
