"""Replays a dispatch log through the public API, at any speed, then compares what is stored with the file.

A client like any other: it knows an address and a bearer token. See `scripts/replay`.
"""

from __future__ import annotations

import argparse
import heapq
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from server.rehearsal.caller import Caller, DeskAway, DeskRefused
from server.rehearsal.comparison import Compared, Reader
from server.rehearsal.dispatch_log import Call, DispatchLog, zone_named
from server.rehearsal.retelling import Command, Telling, Timed, commands_of

BATCH = 200  # commands said at once
IN_FLIGHT = 4  # batches that wait for their answer at the same time
LOOK_S = 0.5  # how often a paced replay looks at the clock, at least


@dataclass(slots=True)
class Told:
    """What was said to the desk and how it answered."""

    calls: int = 0
    rows: int = 0
    commands: int = 0
    replayed: int = 0
    refused: list[str] = field(default_factory=list)

    def note(self, commands: Sequence[Command], results: Sequence[dict[str, Any]]) -> None:
        """Raises ValueError when the desk has refused all there was so far: no use going on."""
        for (name, body), result in zip(commands, results, strict=True):
            self.commands += 1
            if result["status"] == 200:
                self.replayed += bool(result["replayed"])
            else:
                wrong = result.get("errors") or result.get("detail")
                self.refused.append(f"{name} {body['command_id']}: {result['status']} {wrong}")
        if len(self.refused) == self.commands:
            raise ValueError(f"the desk refuses all of it: {self.refused[0]}")


class Bar:
    """How far it is: a bar on a terminal, a line now and then elsewhere. Never on standard output."""

    def __init__(self, out: TextIO, of: int, what: str) -> None:
        self._out, self._of, self._what = out, max(1, of), what
        self._tty = out.isatty()
        self._began = self._shown_at = time.monotonic()
        self._tenth = 0

    def show(self, done: int, note: str = "") -> None:
        at = time.monotonic()
        if self._tty:
            if at - self._shown_at < 0.1 and done < self._of:
                return
            self._shown_at = at
            full = 30 * done // self._of
            line = f"\r{self._what} [{'#' * full}{'.' * (30 - full)}] {done:,}/{self._of:,} {note}\x1b[K"
            self._out.write(line)
        elif (tenth := 10 * done // self._of) > self._tenth:
            self._tenth = tenth
            self._out.write(f"{self._what} {tenth * 10} % ({done:,}/{self._of:,}) {note}\n")
        self._out.flush()

    def end(self) -> float:
        """Seconds it took."""
        if self._tty:
            self._out.write("\n")
            self._out.flush()
        return time.monotonic() - self._began


# ---------------------------------------------------------------- telling it


def batches(calls: Iterable[Call], telling: Telling, told: Told) -> Iterator[list[list[Command]]]:
    """Whole calls together, so that the order within an incident holds whichever batch is answered first.

    A call of very many units comes alone, in parts that must follow one another.
    """
    together: list[Command] = []
    for call in calls:
        told.calls += 1
        told.rows += len(call.turnouts)
        said = [command for _at, command in commands_of(call, telling)]
        if together and len(together) + len(said) > BATCH:
            yield [together]
            together = []
        if len(said) > BATCH:
            yield [said[start : start + BATCH] for start in range(0, len(said), BATCH)]
        else:
            together = together + said
    if together:
        yield [together]


def tell_at_once(caller: Caller, calls: Iterable[Call], telling: Telling, told: Told, bar: Bar) -> None:
    """As fast as it goes: several batches in flight, and never more than those in memory."""
    flying: deque[tuple[list[list[Command]], Future[list[dict[str, Any]]], int]] = deque()

    def say(parts: list[list[Command]]) -> list[dict[str, Any]]:
        return [result for part in parts for result in caller.tell_all(part)]

    def land() -> None:
        parts, future, calls_by_then = flying.popleft()
        told.note([command for part in parts for command in part], future.result())
        bar.show(calls_by_then, f"{told.commands:,} commands")

    with ThreadPoolExecutor(IN_FLIGHT) as clerks:
        for parts in batches(calls, telling, told):
            flying.append((parts, clerks.submit(say, parts), told.calls))
            if len(flying) >= IN_FLIGHT:
                land()
        while flying:
            land()


def in_order_of_time(calls: Iterable[Call], telling: Telling, told: Told) -> Iterator[Timed]:
    """The commands of all calls as the hours brought them. Only the calls that are open are in memory."""
    waiting: list[tuple[datetime, int, Command]] = []
    tickets = count()
    for call in calls:
        told.calls += 1
        told.rows += len(call.turnouts)
        timed = commands_of(call, telling)
        while waiting and waiting[0][0] < timed[0][0]:
            at, _ticket, command = heapq.heappop(waiting)
            yield at, command
        for at, command in timed:
            heapq.heappush(waiting, (at, next(tickets), command))
    while waiting:
        at, _ticket, command = heapq.heappop(waiting)
        yield at, command


def tell_in_time(
    caller: Caller, calls: Iterable[Call], telling: Telling, pace: float, told: Told, bar: Bar
) -> None:
    """Each command when its moment has come, `pace` times as fast as it happened."""
    origin: datetime | None = None
    began = time.monotonic()
    due: list[Command] = []

    def say() -> None:
        told.note(due, caller.tell_all(due))
        due.clear()
        bar.show(told.calls, f"{told.commands:,} commands")

    for at, command in in_order_of_time(calls, telling, told):
        origin = origin or at
        moment = began + (at - origin).total_seconds() / pace
        if due and (moment > time.monotonic() or len(due) >= BATCH):
            say()
        while (left := moment - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_S))
        due.append(command)
    if due:
        say()


# ---------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay and compare: 0 when the desk holds what the file says, 1 when not, 2 for a wrong call."""
    asked = _parser().parse_args(arguments)
    try:
        return _replay(asked)
    except (ValueError, OSError, DeskAway, DeskRefused) as trouble:
        sys.stderr.write(f"replay: {trouble}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nreplay: stopped; started again it goes on from there\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/replay",
        description="Replay a dispatch log (CAD form) through the public API; then compare what the desk has "
        "stored with the file, to the second. It may be repeated: nothing happens twice.",
    )
    env = os.environ.get
    parser.add_argument("file", type=Path)
    parser.add_argument("--url", default=env("FENGHUO_URL") or "http://127.0.0.1:8000", help="the desk")
    parser.add_argument("--token", default=env("FENGHUO_TOKEN"), help="a bearer token (or FENGHUO_TOKEN)")
    parser.add_argument("--speed", type=float, default=0.0, help="times as fast as it was; 0: at once")
    parser.add_argument("--limit", type=int, help="only the first so many incidents")
    parser.add_argument("--now", action="store_true", help="shift the times: the first call comes in now")
    parser.add_argument("--zone", default="Asia/Shanghai", help="whose local times they are; or +08:00")
    parser.add_argument("--division", default="130300", help="where the incidents are put (130300, the city)")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--drill", dest="drill", action="store_true", default=True, help="as drills (so it is)")
    kind.add_argument("--real", dest="drill", action="store_false", help="as real incidents: they count")
    return parser


def _replay(asked: argparse.Namespace) -> int:
    if not asked.token:
        raise ValueError("say who replays: --token T or FENGHUO_TOKEN (fenghuo token add --user NAME)")
    if asked.speed < 0 or (asked.limit is not None and asked.limit < 1):
        raise ValueError("--speed is 0 or more, --limit 1 or more")
    if asked.now and not asked.speed:
        raise ValueError("--now needs a --speed: at once, all but the first call would lie in the future")
    log = DispatchLog(asked.file, zone_named(asked.zone))
    calls = min(len(log), asked.limit or len(log))
    origin = next(call.received_at for call in log.calls(1))
    told = Told()
    with Caller(asked.url, asked.token) as caller:
        me = caller.ask("me")
        telling = Telling(
            asked.division,
            me["unit"],
            asked.drill,
            asked.zone,
            origin if asked.now else None,
            datetime.now(UTC) if asked.now else None,
            asked.speed or 1.0,
        )
        bar = Bar(sys.stderr, calls, "told")
        if asked.speed:
            tell_in_time(caller, log.calls(calls), telling, asked.speed, told, bar)
        else:
            tell_at_once(caller, log.calls(calls), telling, told, bar)
        took = bar.end()
        bar = Bar(sys.stderr, calls, "read back")
        found = Reader(caller, telling).compare(log.calls(calls), lambda so_far: bar.show(so_far.incidents))
        read_took = bar.end()
    sys.stdout.write(summary(asked.file.name, told, found, took, read_took))
    return 1 if told.refused or found.differences else 0


def summary(name: str, told: Told, found: Compared, took: float, read_took: float) -> str:
    """What was told, what is stored, and every difference."""
    lines = [
        f"file        {name}: {told.calls:,} incidents, {told.rows:,} rows",
        f"told        {told.commands:,} commands in {took:.1f} s ({told.commands / max(took, 0.001):,.0f}/s)",
        f"answered    {told.replayed:,} were known already; {len(told.refused):,} refused",
        f"read back   {found.incidents:,} incidents in {read_took:.1f} s",
        f"entries     {found.entries:,}" + (f", {found.others:,} by others" if found.others else ""),
        f"intervals   {found.intervals:,} equal to the file to the second"
        if not found.differences
        else f"intervals   {found.intervals:,} compared",
        f"blanks      {found.blanks:,} blank",
        f"backward    {found.backward:,} steps run backwards, kept and flagged",
        f"mismatches  {found.differences:,}",
    ]
    lines += [f"refused: {one}" for one in told.refused[:20]]
    lines += [f"differs: {one}" for one in found.named]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
