"""Pieces of work that wait for the writer, and how their callers hear what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from server.record.round import Round

#: A caller in a thread waits for the one, a caller in an event loop for the other.
Caller = Future[Any] | asyncio.Future[Any]
#: Whom to tell: the answer, or why there is none.
Outcome = tuple[Caller, Any, BaseException | None]


class CreationRefused(Exception):
    """The command of the same batch that creates the incident was refused."""


class Creation:
    """What became of the commands of one batch that create the same incident, for those that follow them."""

    __slots__ = ("was_refused",)

    def __init__(self, *, was_refused: bool = False) -> None:
        self.was_refused = was_refused


class Batch:
    """What became of one batch: once the disk did not take a command of it, none behind that one is done.
    Whoever sent it sends all of these again, and they come to stand in their order."""

    __slots__ = ("broken",)

    def __init__(self) -> None:
        self.broken: Exception | None = None


@dataclass(slots=True)
class Work:
    """Something to be done in a round, in the order of waiting."""

    do: Callable[[Round], Any]
    caller: Caller
    command_id: str | None = None  # to be looked up beforehand
    creates: Creation | None = None
    needs: Creation | None = None
    batch: Batch | None = None

    def is_wanted(self) -> bool:
        """Whether its caller still waits: one that went away got no answer and will send again."""
        if isinstance(self.caller, asyncio.Future):
            wanted = not self.caller.done()
        else:
            wanted = self.caller.set_running_or_notify_cancel()
        if not wanted:
            self.fail()
        return wanted

    def fail(self) -> None:
        """It was not done: neither is what needs it."""
        if self.creates is not None:
            self.creates.was_refused = True

    def was_not_written(self, failure: Exception) -> None:
        """Its round did not get onto the disk."""
        self.fail()
        if self.batch is not None:
            self.batch.broken = failure

    def run(self, round_: Round) -> Any:
        if self.batch is not None and self.batch.broken is not None:
            raise self.batch.broken
        if self.needs is not None and self.needs.was_refused:
            raise CreationRefused
        return self.do(round_)


def tell(outcomes: Iterable[Outcome]) -> None:
    """Every caller hears. Those of one event loop hear together: waking it costs as much as an answer."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        caller = outcome[0]
        if isinstance(caller, asyncio.Future):
            by_loop.setdefault(caller.get_loop(), []).append(outcome)
        else:
            _tell_one(*outcome)
    for loop, some in by_loop.items():
        with suppress(RuntimeError):  # it was closed: nobody waits there any more
            loop.call_soon_threadsafe(_tell_all, some)


def _tell_all(outcomes: Iterable[Outcome]) -> None:
    for caller, answer, failure in outcomes:
        if not caller.done():  # else its patience has ended in the meantime
            _tell_one(caller, answer, failure)


def _tell_one(caller: Caller, answer: Any, failure: BaseException | None) -> None:
    if failure is None:
        caller.set_result(answer)
    else:
        caller.set_exception(failure)
