"""Desks and fleets for experiments: furnished once, running, and gone at the end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import PEOPLE
from tests.drill.experiment import Run
from tests.faults import LISTENERS, UNITS, Clerk, Said, refetching
from tests.fleet import ORIGIN, Fleet, Roaming, state
from tests.product import FenghuoProcess
from tests.servers import Postgres, Redis
from tests.swarm import Swarm
from tests.waiting import wait_until


def careless(*safeties: str) -> tuple[str, ...]:
    """The product with these safeties off, for `FenghuoProcess.program`."""
    return (sys.executable, "-m", "tests.careless", *safeties)


def furnished(folder: Path, database_url: str | None = None, **options: object) -> FenghuoProcess:
    """A desk with the people of the tests at it, not yet started."""
    desk = FenghuoProcess(folder, database_url=database_url, **options)  # type: ignore[arg-type]
    desk.add_people(PEOPLE)
    return desk


@contextmanager
def running(desk: FenghuoProcess) -> Iterator[FenghuoProcess]:
    desk.start()
    try:
        yield desk
    finally:
        desk.kill9()


@contextmanager
def fleet(
    run: Run,
    processes: int = 2,
    *,
    program: Sequence[str | Path] = (),
    postgres: Postgres | None = None,
    arguments: tuple[str, ...] = (),
    name: str = "fleet",
) -> Iterator[Fleet]:
    """So many processes on a PostgreSQL and a Redis of their own, all running."""
    with postgres or Postgres() as database, Redis() as redis:
        desks = []
        for number in range(processes):
            desk = FenghuoProcess(
                run.folder / f"{name}-{'abcdef'[number]}",
                database_url=database.url,
                redis_url=redis.url,
                arguments=("--origin", ORIGIN, *arguments),
            )
            desk.folder.mkdir(parents=True)
            if program:
                desk.program = program
            desks.append(desk)
        desks[0].add_people(PEOPLE)
        for desk in desks[1:]:
            desk.tokens = desks[0].tokens
        for desk in desks:
            desk.start()
        for desk in desks:
            wait_until(lambda desk=desk: state(desk)["checks"]["bus"] == "ok")
        try:
            yield Fleet(database, redis, desks)
        finally:
            for desk in desks:
                desk.kill9()


def populate(swarm: Swarm, desk: FenghuoProcess, listeners: int) -> None:
    """So many listeners of every unit, each from the beginning of its stream."""
    for who, share in LISTENERS:
        for _ in range(max(1, listeners * share // 100)):
            swarm.add(UNITS[who], desk.tokens[who])


def roaming(all_of_them: Fleet, listeners: int, **options: bool) -> Roaming:
    """Listeners that go to the next process when theirs dies, and read what they missed of any."""
    swarm = Roaming([desk.port for desk in all_of_them.desks], refetching(all_of_them.desks[0]), **options)
    populate(swarm, all_of_them.desks[0], listeners)
    return swarm


def until_all_listen(swarm: Swarm, within: float = 60.0) -> None:
    def all_listen() -> bool:
        swarm.poll()
        return all(ear.welcomes for ear in swarm.ears)

    wait_until(all_listen, within)


class Hearing:
    """Polls swarms while something else happens."""

    def __init__(self, run: Run, swarms: Sequence[Swarm], words: Callable[[], str]) -> None:
        self.run, self.swarms, self.words = run, swarms, words

    def while_doing(self, work: Callable[[], None]) -> None:
        """The work is done here, the listening elsewhere: a server dies with the thread that started it."""
        failure: list[BaseException] = []
        done = threading.Event()

        def listen() -> None:
            try:
                while not done.is_set():
                    for swarm in self.swarms:
                        swarm.poll(0.005)
                    self.run.tell(self.words)
            except BaseException as wrong:
                failure.append(wrong)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            work()
        finally:
            done.set()
            thread.join()
        if failure:
            raise failure[0]


def pause(seconds: float) -> None:
    """How long a fault lasts. Never for waiting until something has happened."""
    threading.Event().wait(seconds)


def said_by(clerks: Sequence[Clerk]) -> list[Said]:
    return [said for clerk in clerks for said in clerk.history]


def answer_times(clerks: Sequence[Clerk], since: float = 0.0, until: float = float("inf")) -> list[float]:
    """How long each answered try took, of those that were answered in this stretch of time."""
    return [
        said.took_s for said in said_by(clerks) if said.outcome == "ok" and since <= said.answered_at <= until
    ]


def lags(
    swarm: Swarm, clerks: Sequence[Clerk], since: float = 0.0, until: float = float("inf")
) -> list[float]:
    """From each answer until the first listener of the author's stream had it; 0 when it was there before."""
    found = []
    for said in said_by(clerks):
        offset = said.answer.get("offset")
        first_at = swarm.heard[UNITS[said.who]].first_at
        if said.outcome == "ok" and offset and offset <= len(first_at) and since <= said.answered_at <= until:
            found.append(max(0.0, first_at[offset - 1] - said.answered_at))
    return found


def ready_within(desk: FenghuoProcess, within: float) -> float:
    """Seconds until it is ready."""
    began = time.monotonic()
    wait_until(lambda: state(desk)["ready"], within)
    return time.monotonic() - began
