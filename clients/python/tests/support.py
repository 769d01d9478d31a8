"""The real server, started for one test and ended with it, and a stand-in that answers what a test says."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict, List, Tuple

PROGRAM = os.environ.get("AFTERGLOW_BIN", str(Path(__file__).parents[3] / "target/release/afterglow"))
DEADLINE = 30.0


def folder(test: unittest.TestCase) -> Path:
    made = tempfile.TemporaryDirectory(prefix="afterglow-")
    test.addCleanup(made.cleanup)
    return Path(made.name)


class Server:
    """`afterglow serve` on a port that it keeps when it is started again."""

    def __init__(self, test: unittest.TestCase) -> None:
        self._database, self._port = folder(test) / "afterglow.db", 0
        self.start()
        test.addCleanup(self.kill)

    def start(self) -> None:
        self._process = subprocess.Popen(
            [PROGRAM, "serve", "--listen", f"127.0.0.1:{self._port}", "--database", str(self._database)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("listening on "):
                self.url = line.split()[-1]
                self._port = int(self.url.rsplit(":", 1)[1])
                return
        raise AssertionError(f"{PROGRAM} ended before it listened")

    def kill(self) -> None:
        """Ends it without notice, as a crash would."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def values(self, name: str) -> List[float]:
        """All stored values of a signal, in the order of time."""
        query = f"/api/telemetry?from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&signals={name}"
        with urllib.request.urlopen(self.url + query, timeout=DEADLINE) as answer:
            return [point["value"] for point in json.load(answer).get(name, [])]


class StandIn:
    """Answers requests with `answers` in turn, the last one for ever, and keeps what they were."""

    def __init__(self, test: unittest.TestCase, *answers: Tuple[int, Any]) -> None:
        self.requests: List[Tuple[Dict[str, str], Any]] = []
        left = list(answers)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((dict(self.headers), json.loads(body)))
                status, said = left.pop(0) if len(left) > 1 else left[0]
                if callable(said):
                    said = said()
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        test.addCleanup(thread.join)
        test.addCleanup(server.server_close)
        test.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
