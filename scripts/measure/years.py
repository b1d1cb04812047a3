"""A desk with the incidents of years: how quick its pages, lists, searches and figures are, whatever their
number.

Databases of growing size (`archive.py` says how they are made and that `verify` accepts them) are served
one beside the other by the real program, each in a process of its own, and asked in turns, so that what
else the machine does strikes all alike. Server time: from sending a request over a kept connection on
loopback to its last byte.
"""

from __future__ import annotations

import shutil
import statistics as figures_of
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from sqlalchemy import func, select

from measure.archive import build, size_of
from measure.figures import quantile, resident_mb
from server.domain.finding import syllables
from server.record.cataloguing import catalogued_until
from server.record.cursors import pack
from server.record.database import Database
from server.record.find_index import indexed_until
from server.record.tables import INCIDENT, INCIDENT_UNIT, LEDGER
from tests import words
from tests.product import FenghuoProcess
from tests.servers import Postgres
from tests.waiting import wait_until

Say = Callable[[str], None]
CITY, COUNTY, TOWN = "130300", "130324", "130324105"
PEOPLE = (("Wu", "duty_officer", CITY), ("Li", "duty_officer", COUNTY), ("Tian", "duty_officer", TOWN))
START_GOAL_S = 5.0
TITLES = {
    "years": "Desks with so many incidents: made, served (first catalogue, then a start), their memory",
    "answers": "Answers, p50/p95 in ms by number of incidents; the goal is for the p95 of the largest",
}
COLUMNS = {
    "years": (
        "incidents", "entries", "mb", "made_s", "catalogue_s", "ready_s", "start", "rss_mb", "rss_after_mb",
    ),
    "answers": (),  # as they come: a column for each number of incidents
}  # fmt: skip
CATALOGUE_S = 1_800.0  # a desk that comes from the version before makes its catalogue while it serves


@dataclass(frozen=True)
class Question:
    """Something to be asked of a desk, by whom, and how long that may take (ms, p95)."""

    name: str
    who: str
    goal: float
    path: Callable[[Served, int], str]


@dataclass
class Served:
    """A desk with so many incidents, and what there is to ask it about."""

    size: int
    desk: FenghuoProcess
    ids: list[str]
    numbers: list[str]
    titles: list[str]
    cursors: list[str]
    offsets: list[int]
    first_s: dict[str, float] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)


def _pick(values: Sequence[Any], at: int) -> Any:
    return values[at * 7 % len(values)]


def _year(_served: Served, _at: int) -> str:
    today = datetime.now(words.BEIJING).date()
    return f"from={today - timedelta(days=365)}&to={today}"


_CLOSED = "/api/v1/incidents?state=closed"
_LIST = "/api/v1/incidents?state=all&"
_FIND = "/api/v1/search?q="


def initials(title: str) -> str:
    return "".join(one[:1] for one in syllables(title)[:5])


QUESTIONS = (
    Question("desk, 500 open", "Wu", 100, lambda s, n: "/"),
    Question("board, 500 open", "Wu", 50, lambda s, n: "/board"),
    Question("wall, 500 open", "Wu", 100, lambda s, n: "/wall"),
    Question("an incident's page", "Wu", 50, lambda s, n: f"/incidents/{_pick(s.ids, n)}"),
    Question("an incident, JSON", "Wu", 50, lambda s, n: f"/api/v1/incidents/{_pick(s.ids, n)}"),
    Question("list: open ones", "Wu", 100, lambda s, n: "/api/v1/incidents"),
    Question("list: all, a page far back", "Wu", 100, lambda s, n: f"{_LIST}after={_pick(s.cursors, n)}"),
    Question("list: closed, by category", "Wu", 100, lambda s, n: f"{_CLOSED}&category=fire_accident"),
    Question("list: by level, rare", "Wu", 100, lambda s, n: f"{_LIST}level=especially_major"),
    Question("list: by unit and level", "Wu", 100, lambda s, n: f"{_LIST}unit={COUNTY}&level=major&drill=0"),
    Question("list: all, a town's", "Tian", 100, lambda s, n: _LIST),
    Question("list: by category, a county's", "Li", 100, lambda s, n: f"{_LIST}category=hazmat&drill=true"),
    Question("search: one character", "Wu", 100, lambda s, n: f"{_LIST}q={_pick(s.titles, n)[:1]}"),
    Question("search: two characters", "Wu", 100, lambda s, n: f"{_LIST}q={_pick(s.titles, n)[1:3]}"),
    Question("search: a whole title", "Wu", 100, lambda s, n: f"{_LIST}q={_pick(s.titles, n)}"),
    Question("search: two words' seam", "Wu", 100, lambda s, n: f"{_LIST}q={_pick(s.titles, n)[3:7]}"),
    Question("search: a number", "Wu", 100, lambda s, n: f"{_LIST}q={_pick(s.numbers, n)}"),
    Question("search: its last digits", "Wu", 100, lambda s, n: f"{_LIST}q={_pick(s.numbers, n)[-4:]}"),
    Question("search: not there", "Wu", 100, lambda s, n: f"{_LIST}q={'火家村灾'[: 2 + n % 3]}车"),
    Question("search: a county, a character", "Li", 100, lambda s, n: f"{_LIST}q={_pick(s.titles, n)[:1]}"),
    Question("search: a town, two", "Tian", 100, lambda s, n: f"{_LIST}q={_pick(s.titles, n)[1:3]}"),
    Question("search page", "Wu", 100, lambda s, n: f"/incidents?q={_pick(s.titles, n)[1:3]}"),
    Question("find: one character", "Wu", 100, lambda s, n: f"{_FIND}{_pick(s.titles, n)[:1]}"),
    Question("find: two characters", "Wu", 100, lambda s, n: f"{_FIND}{_pick(s.titles, n)[1:3]}"),
    Question("find: a whole title", "Wu", 100, lambda s, n: f"{_FIND}{_pick(s.titles, n)}"),
    Question("find: initials", "Wu", 100, lambda s, n: f"{_FIND}{initials(_pick(s.titles, n))}"),
    Question("find: pinyin", "Wu", 100, lambda s, n: f"{_FIND}{''.join(syllables(_pick(s.titles, n))[:3])}"),
    Question("find: a number", "Wu", 100, lambda s, n: f"{_FIND}{_pick(s.numbers, n)}"),
    Question("find: a phone's digits", "Wu", 100, lambda s, n: f"{_FIND}139{_pick(s.numbers, n)[-4:]}"),
    Question("find: not there", "Wu", 100, lambda s, n: f"{_FIND}{'火家村灾'[: 2 + n % 3]}车"),
    Question("find: two words", "Wu", 100, lambda s, n: f"{_FIND}{_pick(s.titles, n)[:2]}%20出动"),
    Question("find: a page of the log", "Wu", 100, lambda s, n: f"{_FIND}现场&kind=log"),
    Question("find: a county, a character", "Li", 100, lambda s, n: f"{_FIND}{_pick(s.titles, n)[:1]}"),
    Question("find: a town, two", "Tian", 100, lambda s, n: f"{_FIND}{_pick(s.titles, n)[1:3]}"),
    Question("find: the page", "Wu", 150, lambda s, n: f"/search?q={_pick(s.titles, n)[1:3]}"),
    Question("owed, all", "Wu", 100, lambda s, n: "/api/v1/obligations?limit=100"),
    Question("owed, running", "Wu", 100, lambda s, n: "/api/v1/obligations?standing=running&limit=100"),
    Question("owed, overdue", "Wu", 100, lambda s, n: "/api/v1/obligations?standing=overdue&limit=100"),
    Question("owed, met late", "Li", 100, lambda s, n: "/api/v1/obligations?standing=met_late&limit=100"),
    Question("owed, a town's", "Tian", 100, lambda s, n: "/api/v1/obligations?limit=100"),
    Question("log, anywhere", "Wu", 50, lambda s, n: f"/api/v1/log?after={_pick(s.offsets, n)}&limit=100"),
    Question(
        "one hour, a year, by unit", "Wu", 200, lambda s, n: f"/api/v1/statistics/one-hour?{_year(s, n)}"
    ),
    Question(
        "one hour, a year, first word", "Wu", 200,
        lambda s, n: f"/api/v1/statistics/one-hour?scope=initial&{_year(s, n)}",
    ),
    Question(
        "one hour, a year, a county", "Li", 200,
        lambda s, n: f"/api/v1/statistics/one-hour?unit={COUNTY}&scope=initial&{_year(s, n)}",
    ),
    Question("statistics page, a year", "Wu", 200, lambda s, n: f"/statistics?{_year(s, n)}"),
)  # fmt: skip


def measure(
    sizes: Sequence[int],
    folder: Path,
    *,
    still_open: int = 500,
    rounds: int = 100,
    postgres: bool = False,
    only: str = "",
    without: str = "",
    say: Say = lambda text: None,
) -> dict[str, Any]:
    """Build what is not there yet, serve all of it, ask in turns. `folder` may be kept for another time.

    `without="find"` does not wait until the index of everything said is made, which comes last: an hour for a
    million incidents on two busy cores.
    """
    questions = [one for one in QUESTIONS if only in one.name and not (without and without in one.name)]
    finds = any(one.name.startswith("find") for one in questions)
    with ExitStack() as stack:
        server = stack.enter_context(_KeptPostgres(folder / "postgres")) if postgres else None
        made, served = [], []
        for size in sizes:
            at = folder / ("on-postgres" if postgres else "on-sqlite") / str(size)
            url = server.database(f"years_{size}") if server is not None else None
            made.append({"incidents": size, **_make(size, still_open, at, url, say)})
            one, figures = _serve(stack, size, at, url, say, finds=finds)
            made[-1] |= figures
            served.append(one)
        say(f"bench: {len(questions)} questions to {len(served)} desks, {rounds} times in turns")
        _ask(served, questions, rounds)
        for row, one in zip(made, served, strict=True):
            assert one.desk.process is not None
            row["rss_after_mb"] = resident_mb(one.desk.process.pid)
    return {"years": made, "answers": [_row(question, served) for question in questions]}


def _make(size: int, still_open: int, folder: Path, url: str | None, say: Say) -> dict[str, Any]:
    database = Database(url) if url else Database.in_folder(folder)
    try:
        say(f"bench: a desk with {size} incidents is there, or is made")
        began = time.monotonic()
        done = folder / "made"
        if not done.exists():
            build(database, size, still_open)
            folder.mkdir(parents=True, exist_ok=True)
            done.touch()
        with database.reading() as connection:
            entries = int(connection.execute(select(LEDGER.c.seq)).scalar_one())
        return {
            "entries": entries,
            "made_s": round(time.monotonic() - began),
            "mb": size_of(database, folder),
        }
    finally:
        database.close()


def _serve(
    stack: ExitStack, size: int, folder: Path, url: str | None, say: Say, *, finds: bool
) -> tuple[Served, dict[str, Any]]:
    desk = FenghuoProcess(folder, database_url=url)
    desk.start()
    stack.callback(desk.stop)
    database = Database(url) if url else Database.in_folder(folder)
    try:
        say("bench: waiting until its catalogue is made")
        began = time.monotonic()
        wait_until(lambda: _is_catalogued(database, finds), CATALOGUE_S)
        waited = time.monotonic() - began
        desk.stop()  # measured is a start like any other: the catalogue is there
        began = time.monotonic()
        desk.start()
        ready = time.monotonic() - began
        figures: dict[str, Any] = {"ready_s": round(ready, 2), "catalogue_s": round(waited)}
        figures["start"] = "met" if ready <= START_GOAL_S else "NOT MET"
        assert desk.process is not None
        figures["rss_mb"] = resident_mb(desk.process.pid)
        desk.add_people([(f"{name} {time.time_ns()}", post, unit) for name, post, unit in PEOPLE])
        desk.tokens = dict(zip((name for name, _post, _unit in PEOPLE), desk.tokens.values(), strict=True))
        return _known(database, size, desk), figures
    finally:
        database.close()


def _is_catalogued(database: Database, finds: bool) -> bool:
    with database.reading() as connection:
        seq = connection.execute(select(LEDGER.c.seq)).scalar() or 0
        until = catalogued_until(connection)
        return bool(seq - (min(until, indexed_until(connection)) if finds else until) <= 1_000)


def _known(database: Database, size: int, desk: FenghuoProcess) -> Served:
    """Some incidents that the city, and mostly others, may see, spread over the years."""
    with database.reading() as connection:
        first, last = connection.execute(
            select(func.min(INCIDENT.c.opened_at), func.max(INCIDENT.c.opened_at))
        ).one()
        rows = []
        for step in range(60):
            moment = (first + (last - first) * (step / 60)).astimezone(UTC)
            query = select(INCIDENT.c.id, INCIDENT.c.number, INCIDENT.c.title, INCIDENT.c.opened_at)
            query = query.join(INCIDENT_UNIT, INCIDENT_UNIT.c.incident_id == INCIDENT.c.id)
            query = query.where(INCIDENT_UNIT.c.unit == CITY, INCIDENT.c.opened_at >= moment)
            rows.append(connection.execute(query.order_by(INCIDENT.c.opened_at).limit(1)).one())
        seq = int(connection.execute(select(LEDGER.c.seq)).scalar_one())
    return Served(
        size=size,
        desk=desk,
        ids=[row.id for row in rows],
        numbers=[row.number for row in rows],
        titles=[row.title for row in rows],
        cursors=[pack(row.opened_at.isoformat(), row.id) for row in rows],
        offsets=[seq * step // 70 for step in range(60)],
    )


def _ask(served: Sequence[Served], questions: Sequence[Question], rounds: int) -> None:
    """First each once, as after a start; then all in turns."""
    with ExitStack() as stack:
        clients = {
            (one.size, who): stack.enter_context(one.desk.client(who)) for one in served for who, *_ in PEOPLE
        }
        for at in range(rounds + 1):
            for question in questions:
                for one in served:
                    client = clients[one.size, question.who]
                    took = _took(client, question.path(one, at))
                    if at == 0:
                        one.first_s[question.name] = took
                    else:
                        one.times.setdefault(question.name, []).append(took)


def _took(client: httpx2.Client, path: str) -> float:
    while True:
        began = time.perf_counter()
        answer = client.get(path)
        took = time.perf_counter() - began
        if answer.status_code != 429:
            break
        time.sleep(float(answer.headers["retry-after"]))
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:500]}")
    return took


def _row(question: Question, served: Sequence[Served]) -> dict[str, Any]:
    row: dict[str, Any] = {"question": question.name, "goal_ms": question.goal}
    p95 = 0.0
    for one in served:
        times = [1e3 * took for took in one.times[question.name]]
        p95 = quantile(times, 0.95)
        row[f"{one.size}"] = f"{figures_of.median(times):.1f}/{p95:.1f}"
    row["first_ms"] = round(1e3 * served[-1].first_s[question.name], 1)
    row["p95_ms"] = round(p95, 1)
    row["is"] = "met" if p95 <= question.goal else "NOT MET"
    return row


class _KeptPostgres(Postgres):
    """A cluster in a folder that stays, with the memory of a small server."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        shutil.rmtree(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._own(folder)

    def _own(self, folder: Path) -> None:
        if self._user is not None:
            shutil.chown(folder, self._user)

    def _command(self) -> Sequence[str]:
        more = ("shared_buffers=1GB", "max_wal_size=4GB", "work_mem=16MB")
        return [*super()._command(), *(part for one in more for part in ("-c", one))]

    def __exit__(self, *_raised: object) -> None:
        self.stop()

    def database(self, name: str) -> str:
        with psycopg.connect(self.url, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(f'CREATE DATABASE "{name}"')
        return self.url.rpartition("/")[0] + f"/{name}"
