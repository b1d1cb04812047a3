"""The one place in the tests that waits, and it waits for a condition, never for a while."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

PAUSE = 0.02  # seconds between two looks


def wait_until(condition: Callable[[], Any], within: float = 10.0) -> Any:
    """Look until `condition()` is true, and give back what it said. Blocks the thread.

    A condition may itself assert: until the time is up, a failed assertion only means "not yet".
    """
    deadline = time.monotonic() + within
    while True:
        last: AssertionError | None = None
        try:
            if said := condition():
                return said
        except AssertionError as not_yet:
            last = not_yet
        if time.monotonic() > deadline:
            raise AssertionError(_too_late(condition, within)) from last
        time.sleep(PAUSE)


async def _wait_until(condition: Callable[[], Any], within: float) -> Any:
    deadline = time.monotonic() + within
    while True:
        last: AssertionError | None = None
        try:
            said = condition()
            if inspect.isawaitable(said):
                said = await asyncio.wait_for(said, max(0.1, deadline - time.monotonic()))
            if said:
                return said
        except AssertionError as not_yet:
            last = not_yet
        if time.monotonic() > deadline:
            raise AssertionError(_too_late(condition, within)) from last
        await asyncio.sleep(PAUSE)


def eventually(condition: Callable[[], Any], within: float = 10.0) -> Any:
    """Wait until `condition()` is true and give back what it said; fail after `within` seconds.

    In an async test say `await eventually(…)`; the condition may be async. In a plain one `eventually(…)`.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return wait_until(condition, within)
    return _wait_until(condition, within)


def _too_late(condition: Callable[[], Any], within: float) -> str:
    try:
        source = " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        source = repr(condition)
    return f"not within {within:g} s: {source[:300]}"
