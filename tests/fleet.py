"""Several processes on one PostgreSQL and one Redis, and clients that go from one to another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.faults import Account, Clerk, Said, account
from tests.product import FenghuoProcess
from tests.servers import Postgres, Redis
from tests.swarm import Ear, Swarm
from tests.waiting import wait_until

PEOPLE = (
    ("Wu", "duty_officer", "130300"),
    ("Li", "duty_officer", "130324"),
    ("Qin", "duty_officer", "130321"),
)
UNITS = {name: unit for name, _post, unit in PEOPLE}
ORIGIN = "http://desk.test"  # one name for all of them, as behind a proxy


@dataclass
class Fleet:
    """Some processes and what they share."""

    postgres: Postgres
    redis: Redis
    desks: list[FenghuoProcess]
    history: list[Said] = field(default_factory=list)  # of all clerks of all tests

    def judged(self, desk: FenghuoProcess, clerks: Sequence[Clerk]) -> Account:
        """What became of all that was ever said here, as one process tells it."""
        self.history += [said for clerk in clerks for said in clerk.history]
        return account(desk, self.history)

    def revive(self) -> None:
        """Start whatever is not running."""
        for server in (self.postgres, self.redis):
            if server._process is None:
                server.start()
        down = [desk for desk in self.desks if desk.process is None]
        for desk in down:
            desk.start(until_ready=False)
        for desk in down:
            desk.wait_until_ready()
        for desk in self.desks:
            wait_until(lambda desk=desk: state(desk)["checks"]["bus"] == "ok")

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            return connection.execute(query).fetchall()  # type: ignore[call-overload]


def state(desk: FenghuoProcess) -> dict[str, Any]:
    found: dict[str, Any] = desk.phone(None).get("/readyz").json()
    return found


class Roaming(Swarm):
    """Listeners that, when their process dies, go to the next one."""

    def __init__(
        self,
        ports: list[int],
        refetch: Callable[[Ear, int, int], Iterable[bytes]] | None = None,
        **options: bool,
    ) -> None:
        self._turn = itertools.cycle(ports)
        super().__init__(0, refetch=refetch, **options)  # type: ignore[arg-type]

    def send_to(self, ports: list[int]) -> None:
        """Whoever connects from now on goes there."""
        self._turn = itertools.cycle(ports)

    @property
    def port(self) -> int:
        return next(self._turn)

    @port.setter
    def port(self, _first: int) -> None:
        pass


class AnyDoor(FenghuoProcess):
    """Some process of the fleet, another at each call."""

    def __init__(self, fleet: Fleet, first: int) -> None:
        self.tokens = fleet.desks[0].tokens
        count = len(fleet.desks)
        self._turn = itertools.cycle([desk.port for desk in (fleet.desks * 2)[first % count :][:count]])

    @property
    def port(self) -> int:
        return next(self._turn)


def until_all_have(swarms: list[Swarm], heads: Mapping[str, int], within: float = 15.0) -> None:
    def all_have() -> bool:
        for swarm in swarms:
            swarm.poll()
        return all(ear.last == heads[ear.group] for swarm in swarms for ear in swarm.ears)

    wait_until(all_have, within)
