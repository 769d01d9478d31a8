"""`python tests`: runs them all, and ends with a line that `cargo xtask test` reads."""

import sys
import unittest
from pathlib import Path

here = Path(__file__).parent
sys.path[:0] = [str(here.parent / "src"), str(here)]
result = unittest.TextTestRunner().run(unittest.defaultTestLoader.discover(str(here)))
failed, skipped = len(result.failures) + len(result.errors), len(result.skipped)
verdict = "ok" if result.wasSuccessful() else "FAILED"
print(f"test result: {verdict}. {result.testsRun - failed - skipped} passed; {failed} failed; {skipped} ignored")
sys.exit(not result.wasSuccessful())
