"""Sends samples to Afterglow and loses none: see `Publisher`."""

from ._outbox import Limits, Tally
from ._publisher import Publisher
from ._spool import SpoolError

__all__ = ["Limits", "Publisher", "SpoolError", "Tally"]
