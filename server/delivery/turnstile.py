"""How many may stand at the door: those on their way in, and those who say nothing.

New sockets come in one after another, at a bounded rate, when thousands return at once.
A handshake costs a millisecond, most of it in one piece. After a process has died its listeners all stand
at the doors of the others; were they let in as they come, commands and those who listen already would wait
behind thousands of handshakes. Whoever would have to wait too long is sent away, to return at a time of its
own.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

PER_S = 500.0  # half of what one processor can do
AT_ONCE = 40  # after a pause: the screens of a room that were switched on together
AT_A_TIME = 3  # three milliseconds
MOST_WAITING = 5_000  # ten seconds
MOST_SILENT = 4_096  # of one address; more than connect in one moment, less than a process may have open


class Turnstile:
    """Calls each `enter` in the order in which it came, not more than `per_s` a second."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        per_s: float = PER_S,
        at_once: int = AT_ONCE,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._loop = loop
        self._per_s, self._at_once, self._most_waiting = per_s, at_once, most_waiting
        self._waiting: deque[Callable[[], None]] = deque()
        self._turns = float(at_once)
        self._counted_at = loop.time()
        self._is_turning = False

    def __len__(self) -> int:
        return len(self._waiting)

    def admit(self, enter: Callable[[], None]) -> int:
        """0: it was called, or will be. Else too many wait already: the seconds after which to return."""
        if len(self._waiting) >= self._most_waiting:
            wait = self._most_waiting / self._per_s
            return 1 + int(random.uniform(0, 2 * wait))  # noqa: S311 (so that they do not return together)
        if not self._waiting and self._has_turn():
            enter()
            return 0
        self._waiting.append(enter)
        self._turn_later()
        return 0

    def _has_turn(self) -> bool:
        now = self._loop.time()
        self._turns = min(float(self._at_once), self._turns + (now - self._counted_at) * self._per_s)
        self._counted_at = now
        if self._turns < 1:
            return False
        self._turns -= 1
        return True

    def _turn_later(self) -> None:
        if not self._is_turning and self._waiting:
            self._is_turning = True
            self._loop.call_later(max(0.001, (1 - self._turns) / self._per_s), self._turn)

    def _turn(self) -> None:
        self._is_turning = False
        try:
            # A few at a time, however many turns were earned while the loop was busy: others wait, too.
            for _ in range(AT_A_TIME):
                if not self._waiting or not self._has_turn():
                    break
                self._waiting.popleft()()
        finally:
            self._turn_later()


class Silent(Protocol):
    """A connection that asks for nothing now."""

    def give_way(self) -> None:
        """Somebody else of the same address is newer: end."""


class Doorstep:
    """Those of each address who say nothing. When they are too many, the longest silent makes room."""

    def __init__(self, most: int = MOST_SILENT) -> None:
        self._most = most
        self._by_address: dict[str, dict[Silent, None]] = {}

    def add(self, address: str, one: Silent) -> None:
        here = self._by_address.setdefault(address, {})
        here[one] = None
        if len(here) > self._most:
            oldest = next(iter(here))
            del here[oldest]
            oldest.give_way()

    def discard(self, address: str, one: Silent) -> None:
        here = self._by_address.get(address, {})
        if here.pop(one, False) is None and not here:
            del self._by_address[address]
