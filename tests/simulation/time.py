"""An event loop whose time passes only when nobody has anything to do, and then at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from random import Random
from typing import Any


class Standstill(Exception):
    """Everybody waits for something that will never happen."""


class _NoFiles(selectors.SelectSelector):
    """Nothing ever comes from outside: waiting is letting time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Standstill
        self.now += max(0.0, timeout)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Threads are turns of the loop: a call is made some time after it is asked for, and its result is known
    some time after that, so that what was read may be old when it is used."""

    def __init__(self, chance: Random) -> None:
        self._files = _NoFiles()
        super().__init__(self._files)
        self._chance = chance
        self.slowest_call_s = 0.03

    def time(self) -> float:
        return self._files.now

    def _write_to_self(self) -> None:
        """There is no other thread to wake this one from."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = self.create_future()
        before, after = (self._chance.uniform(0.0005, self.slowest_call_s) for _ in range(2))

        def tell(result: Any, failure: BaseException | None) -> None:
            if future.done():  # who asked has gone
                return
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

        def work() -> None:
            if future.cancelled():
                return
            try:
                result, failure = func(*args), None
            except Exception as wrong:
                result, failure = None, wrong
            self.call_later(after, tell, result, failure)

        self.call_later(before, work)
        return future


async def pass_time(seconds: float) -> None:
    """The pace of somebody in the simulation."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    handle = loop.call_later(seconds, lambda: over.done() or over.set_result(None))
    try:
        await over
    finally:
        handle.cancel()
