"""The retry table, the bounds, and what callers are told."""

import math
import time
import unittest
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List
from unittest.mock import patch

from afterglow import Limits, Publisher
from afterglow._batch import Batch, iso
from afterglow._outbox import Outbox
from afterglow._spool import Spool, SpoolError
from afterglow._verdict import Delivery, Refused, Retry, Stored, TooLarge, deliver, judge
from support import DEADLINE, Server, StandIn, folder

QUICK = Limits(batch_age=0.01, retry_base=0.01, retry_cap=0.02)
SUCCESS: Dict[str, Any] = {"status": "success"}


def batch(samples: int) -> Batch:
    return Batch.encode([{"timestamp": iso(i), "signals": {"x": float(i)}} for i in range(samples)])


class Verdicts(unittest.TestCase):
    def test_the_retry_table(self) -> None:
        for status in (400, 404, 405, 415, 422):
            self.assertIsInstance(judge(status, None, b""), Refused, status)
        for status in (301, 307, 401, 403, 408, 421, 429, 500, 502, 503, 504):
            self.assertIsInstance(judge(status, None, b""), Retry, status)
        self.assertIsInstance(judge(413, None, b""), TooLarge)

    def test_denied_access_is_tried_again_slowly(self) -> None:
        for status in (401, 403, 421):
            waits = [judge(status, after, b"").after for after in (None, "1", "90")]  # type: ignore[union-attr]
            self.assertEqual(waits, [60, 60, 90])

    def test_a_stranger_who_says_200_has_stored_nothing(self) -> None:
        for body in (b"", b"<html>", b'{"status":"ok"}', b"null"):
            self.assertIsInstance(judge(200, None, body), Retry, body)

    def test_receipts_and_reasons(self) -> None:
        self.assertEqual(judge(200, None, b'{"status":"success"}'), Stored())
        some = b'{"status":"success","rejected_count":7,"rejected":[{"signal":"x","code":"not_finite","message":"no"}]}'
        self.assertEqual(judge(200, None, some), Stored(7, ["x: not_finite: no"]))
        body = b'{"error":{"code":"empty_body","message":"nothing"}}'
        self.assertEqual(judge(400, None, body), Refused("status 400, empty_body: nothing"))

    def test_retry_after_in_both_forms(self) -> None:
        later = (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        self.assertEqual(judge(503, "120", b"").after, 120)  # type: ignore[union-attr]
        self.assertAlmostEqual(getattr(judge(503, later, b""), "after"), 3600, delta=600)
        for text in ("soon", "-1", ""):
            self.assertIsNone(judge(503, text, b"").after)  # type: ignore[union-attr]

    def test_too_large_is_split_until_it_fits(self) -> None:
        sizes: List[int] = []

        def post(part: Batch) -> Any:
            sizes.append(part.samples)
            return Stored() if part.samples <= 2 else TooLarge()

        self.assertEqual(deliver(batch(8), post), Delivery(stored=8))
        self.assertEqual(sizes, [8, 4, 2, 2, 4, 2, 2])
        self.assertEqual(deliver(batch(3), lambda _: TooLarge()).rejected, 3)


class Bounds(unittest.TestCase):
    def test_memory_without_a_spool_drops_the_oldest(self) -> None:
        outbox = Outbox(Limits(batch_samples=10, memory_samples=100), None)
        with self.assertLogs("afterglow", "ERROR"):
            for i in range(1000):
                outbox.push(i, "x", i, 0.0)
        self.assertEqual((outbox.tally().waiting, outbox.tally().dropped), (100, 900))
        first = outbox.turn(0.0)
        assert first is not None
        self.assertIn(b'"x":900', first.objects)

    def test_the_spool_is_bounded_and_counts_what_it_drops(self) -> None:
        spool = Spool(folder(self), 10_000)
        self.addCleanup(spool.close)
        outbox = Outbox(Limits(batch_samples=10, memory_samples=100), spool)
        with self.assertLogs("afterglow", "ERROR"):
            for i in range(5000):
                outbox.push(i, "x", i, 0.0)
        self.assertLessEqual(spool.bytes, 10_000)
        tally = outbox.tally()
        self.assertEqual(tally.waiting + tally.dropped, 5000)
        self.assertGreater(tally.dropped, 0)

    def test_waits_double_up_to_the_cap_and_retry_after_counts(self) -> None:
        outbox = Outbox(Limits(batch_samples=1), None)
        outbox.push(0, "x", 1, 0.0)
        waits, now = [], 0.0
        for after in (None, None, None, None, None, None, None, 7, 86_400):
            self.assertIsNotNone(outbox.turn(now))
            outbox.settle(Delivery(retry=Retry("down", after)), now, 1.0)
            waits.append((outbox.wake() or 0.0) - now)
            now += waits[-1]
        self.assertEqual(waits, [0.25, 0.5, 1, 2, 4, 5, 5, 7.25, 600.25])


class Spools(unittest.TestCase):
    def test_a_torn_tail_is_cut_off_and_the_rest_is_read(self) -> None:
        path = folder(self)
        spool = Spool(path, 2**20)
        for size in (2, 3):
            spool.append(batch(size))
        spool.close()
        (segment,) = path.glob("*.spool")
        for cut in range(1, 30):
            whole = segment.read_bytes()
            segment.write_bytes(whole[:-cut])
            again = Spool(path, 2**20)
            self.assertEqual(again.samples, 2)
            again.close()
            segment.write_bytes(whole)

    def test_damage_is_reported_and_does_not_stop_the_rest(self) -> None:
        path = folder(self)
        spool = Spool(path, 2**20)
        self.addCleanup(spool.close)
        spool.append(batch(2))
        (segment,) = path.glob("*.spool")
        data = bytearray(segment.read_bytes())
        data[20] ^= 1
        segment.write_bytes(data)
        with self.assertRaisesRegex(SpoolError, "2 samples are lost"):
            spool.front(1000)
        self.assertIsNone(spool.front(1000))
        spool.append(batch(1))
        self.assertEqual(spool.front(1000)[0], batch(1))  # type: ignore[index]


class Publishing(unittest.TestCase):
    def test_a_refused_batch_is_dropped_with_its_reason_and_the_next_is_sent(self) -> None:
        refused = {"error": {"code": "bad_parameter", "message": "no such zone"}}
        server = StandIn(self, (400, refused), (200, SUCCESS))
        with Publisher(server.url, limits=QUICK) as publisher:
            with self.assertLogs("afterglow", "WARNING") as logs:
                publisher.send("a", 1)
                self.assertTrue(publisher.flush(DEADLINE))
            self.assertIn("status 400, bad_parameter: no such zone", logs.output[0])
            publisher.send("a", 2)
            self.assertTrue(publisher.flush(DEADLINE))
            self.assertEqual((publisher.stats().sent, publisher.stats().rejected), (1, 1))

    def test_a_busy_server_gets_the_same_batch_again(self) -> None:
        busy = {"error": {"code": "queue_full", "message": "later"}}
        server = StandIn(self, (503, busy), (429, busy), (200, SUCCESS))
        with self.assertLogs("afterglow", "WARNING"), Publisher(server.url, limits=QUICK) as publisher:
            publisher.send("a", 1)
            self.assertTrue(publisher.flush(DEADLINE))
        bodies = [body for _, body in server.requests]
        self.assertEqual(bodies, [bodies[0]] * 3)

    def test_a_refused_key_is_read_again_from_its_file(self) -> None:
        file = folder(self) / "key"
        file.write_text("one\n")
        file.chmod(0o600)

        def replace() -> Any:
            file.write_text("two\n")
            return {}

        server = StandIn(self, (401, replace), (200, SUCCESS))
        with Publisher(server.url, key_file=file, limits=QUICK) as publisher:
            publisher.send("a", 1)
            self.assertTrue(publisher.flush(DEADLINE))
        self.assertEqual([headers["Authorization"] for headers, _ in server.requests], ["Bearer one", "Bearer two"])

    def test_denied_samples_are_kept(self) -> None:
        server, spool = StandIn(self, (403, {})), folder(self)
        with self.assertLogs("afterglow", "WARNING") as logs:
            with Publisher(server.url, key="wrong", spool=spool, limits=QUICK) as publisher:
                publisher.send("a", 1)
        self.assertEqual((publisher.stats().dropped, publisher.stats().rejected), (0, 0))
        self.assertIn("check the key", logs.output[0])
        good = StandIn(self, (200, SUCCESS))
        with Publisher(good.url, spool=spool) as publisher:
            self.assertTrue(publisher.flush(DEADLINE))
        self.assertEqual(publisher.stats().sent, 1)

    def test_partial_rejections_of_the_real_server_are_reported(self) -> None:
        server = Server(self)
        with self.assertLogs("afterglow", "WARNING") as logs, Publisher(server.url, limits=QUICK) as publisher:
            publisher.send({"good": 1, "bad\x07": 2})
            self.assertTrue(publisher.flush(DEADLINE))
            self.assertEqual((publisher.stats().sent, publisher.stats().rejected), (1, 1))
        self.assertIn("bad_signal_name", logs.output[0])
        self.assertEqual(server.values("good"), [1])

    def test_samples_without_a_time_never_share_one(self) -> None:
        server = Server(self)
        with Publisher(server.url) as publisher, patch("time.time_ns", return_value=time.time_ns()):
            for i in range(3000):
                publisher.send("n", i)
            self.assertTrue(publisher.flush(DEADLINE))
        self.assertEqual(server.values("n"), list(range(3000)))

    def test_arguments_that_cannot_be_right_are_refused(self) -> None:
        for url in ("", "127.0.0.1:5001", "ftp://host", "http://"):
            with self.assertRaises(ValueError):
                Publisher(url)
        with self.assertRaises(ValueError):
            Publisher("http://127.0.0.1:1", key="two words")
        publisher = Publisher("http://127.0.0.1:1")
        for wrong in ("", "x" * 257, "\ud800"):
            with self.assertRaises(ValueError):
                publisher.send(wrong, 1)
        with self.assertRaises(TypeError):
            publisher.send("a", "1")  # type: ignore[arg-type]
        with self.assertRaises(TypeError):
            publisher.send("a")
        with self.assertRaises(ValueError):
            publisher.send("a", 1, at=datetime(2026, 1, 1))
        with self.assertRaises(ValueError):
            publisher.send("a", 1, at=1e18)
        with self.assertLogs("afterglow", "WARNING"):
            publisher.send("a", math.nan)
            publisher.send("a", 10**400)
        self.assertEqual(publisher.stats().rejected, 2)
        publisher.close()
        with self.assertRaises(RuntimeError):
            publisher.send("a", 1)

    def test_closing_ends_although_nothing_answers_and_says_what_is_lost(self) -> None:
        publisher = Publisher("http://127.0.0.1:1", limits=QUICK)
        publisher.send("a", 1)
        with self.assertLogs("afterglow", "ERROR"):
            self.assertEqual(publisher.close(timeout=0.05).dropped, 1)
        publisher.close()


if __name__ == "__main__":
    unittest.main()
