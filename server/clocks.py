"""Clocks that people's rights may depend on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SLACK = timedelta(seconds=2)  # so far the wall's clock may be put right without anybody's losing time


def utc_now() -> datetime:
    return datetime.now(UTC)


class Onward:
    """The wall's clock, but for steps back: those would give whoever is signed in the same hours again.

    After a step back it goes on from where it was, by a clock that never steps, until the wall's catches up.
    """

    def __init__(self, now: Callable[[], datetime], steady: Callable[[], float] = time.monotonic) -> None:
        self._now, self._steady = now, steady
        self._lock = threading.Lock()
        self._at, self._mono = now(), steady()

    def __call__(self) -> datetime:
        with self._lock:
            wall, mono = self._now(), self._steady()
            expected = self._at + timedelta(seconds=mono - self._mono)
            if wall < expected - SLACK:
                return expected
            self._at, self._mono = wall, mono
            return wall
