"""Nothing is lost and nothing is doubled: the real server is killed while samples are sent; so is a program that sends."""

import os
import signal
import subprocess
import sys
import time
import unittest

import afterglow
from afterglow import Limits, Publisher, SpoolError
from support import DEADLINE, Server, folder

QUICK = Limits(batch_samples=50, batch_age=0.01, retry_base=0.02, retry_cap=0.1)


class Kill(unittest.TestCase):
    def sends_through_kills(self, server: Server, publisher: Publisher, kills: int) -> None:
        sent, deadline = 0, time.monotonic() + DEADLINE
        for _ in range(kills):
            # The server is killed while it is taking samples, and started again after it has been missed.
            for step, counter in ((server.kill, "sent"), (server.start, "retries")):
                before = getattr(publisher.stats(), counter)
                while getattr(publisher.stats(), counter) == before:
                    self.assertLess(time.monotonic(), deadline, f"`{counter}` does not grow")
                    publisher.send("count", sent)
                    sent += 1
                step()
        self.assertTrue(publisher.flush(DEADLINE))
        tally = publisher.stats()
        self.assertEqual((tally.rejected, tally.dropped), (0, 0))
        self.assertEqual(server.values("count"), list(range(sent)))

    def test_a_killed_server_loses_and_doubles_nothing_with_a_spool(self) -> None:
        server = Server(self)
        with Publisher(server.url, spool=folder(self), limits=QUICK) as publisher:
            self.sends_through_kills(server, publisher, 5)

    def test_a_killed_server_loses_and_doubles_nothing_from_memory(self) -> None:
        server = Server(self)
        limits = Limits(batch_samples=50, batch_age=0.01, retry_base=0.02, retry_cap=0.1, memory_samples=10**9)
        with Publisher(server.url, limits=limits) as publisher:
            self.sends_through_kills(server, publisher, 2)

    def test_what_a_killed_program_has_spooled_is_sent_by_the_next(self) -> None:
        server, spool = Server(self), folder(self)
        server.kill()
        program = (
            "import sys, afterglow\n"
            "publisher = afterglow.Publisher(sys.argv[1], spool=sys.argv[2])\n"
            "for i in range(20_000): publisher.send('count', i, at=1e9 + i)\n"
            "for _ in range(3000):\n"
            "    if publisher._spool.samples < 20_000: publisher.flush(0.01)\n"
            "print('spooled', publisher._spool.samples, flush=True)\n"
            "sys.stdin.read()\n"
        )
        killed = subprocess.Popen(
            [sys.executable, "-c", program, server.url, str(spool)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(afterglow.__file__))},
        )
        assert killed.stdout is not None
        self.assertEqual(killed.stdout.readline(), b"spooled 20000\n")
        with self.assertRaisesRegex(SpoolError, "in use"):
            Publisher(server.url, spool=spool)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        server.start()
        with Publisher(server.url, spool=spool) as publisher:
            self.assertTrue(publisher.flush(DEADLINE))
            self.assertEqual(publisher.stats().sent, 20_000)
        self.assertEqual(server.values("count"), list(range(20_000)))

    def test_what_cannot_be_sent_at_the_end_is_sent_by_the_next(self) -> None:
        server, spool = Server(self), folder(self)
        server.kill()
        with Publisher(server.url, spool=spool) as publisher:
            publisher.send({"a": 1, "b": 2})
        self.assertEqual(publisher.stats().dropped, 0)
        server.start()
        with Publisher(server.url, spool=spool) as publisher:
            self.assertTrue(publisher.flush(DEADLINE))
        self.assertEqual((server.values("a"), server.values("b")), ([1], [2]))


if __name__ == "__main__":
    unittest.main()
