"""Rounds: what shares a commit, what a failure does to whom, and what nobody notices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import datetime
from typing import Any

import psycopg
import pytest
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import select, text

from schemas.commands import COMMANDS, Command
from schemas.terms import Post
from server.config.rulebook import defaults as default_rules
from server.config.unit_file import default_units
from server.domain.decide import Author, Refused
from server.migrations import migrate
from server.record.database import Database
from server.record.round import Round
from server.record.rows import STREAM_ENTRIES, Pen
from server.record.store import Answer, Store, StoreUnavailable
from server.record.tables import ENTRY, STREAM_ENTRY
from server.record.works import Creation, CreationRefused, Work
from server.safekeeping.verify import verify
from tests import words
from tests.chronicle import Chronicle
from tests.words import new_id

LI = Author("Li", Post.DUTY_OFFICER, "130324")
NOW = datetime.fromisoformat("2026-03-02T09:00:00+08:00")


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store whose writer has not begun: what is submitted waits until `start`."""
    database = Database(database_url)
    migrate(database)
    rules = default_rules()
    store = Store(database, default_units(), lambda: rules, lambda: NOW)
    yield store
    store.stop()
    database.close()


def at_nine(database_url: str) -> Chronicle:
    chronicle = Chronicle(Database(database_url))
    chronicle.now_at = NOW
    return chronicle


def test_a_connection_that_is_read_through_while_the_database_is_closed_is_closed_afterwards(
    database_url: str,
) -> None:
    """A look-up in a thread outlives the task that asked for it. Nobody would close its connection."""
    database = Database(database_url)
    with database.reading() as connection:
        driver: Any = connection.connection.dbapi_connection
        database.close()
        assert connection.execute(text("SELECT 1")).scalar() == 1, "it may finish what it reads"
    with pytest.raises((psycopg.OperationalError, sqlite.ProgrammingError), match="closed"):
        driver.execute("SELECT 1")


def said(name: str, body: dict[str, Any]) -> Command:
    return COMMANDS[name].model_validate(body)


def opening(incident_id: str) -> Command:
    return said("open-incident", words.open_incident(incident_id=incident_id))


def note(incident_id: str) -> Command:
    return said("add-entry", words.add_entry(incident_id, "明火已控制"))


def work(
    store: Store, command: Command, creates: Creation | None = None, needs: Creation | None = None
) -> Work:
    caller: Future[Answer] = Future()
    one = store.work(caller, LI, "person", command)
    one.creates, one.needs = creates, needs
    return one


def outcome(one: Work) -> Any:
    assert isinstance(one.caller, Future)
    failure = one.caller.exception(timeout=20)
    return one.caller.result() if failure is None else failure


def test_the_commands_of_a_batch_share_one_commit_in_their_order(store: Store) -> None:
    the, creation = new_id(), Creation()
    works = [work(store, opening(the), creates=creation)]
    works += [work(store, note(the), needs=creation) for _ in range(150)]
    store.submit_all(works)
    store.start()
    answers = [outcome(one) for one in works]
    assert [answer.offset for answer in answers] == sorted(answer.offset for answer in answers)
    assert all(answer.incident_id == the for answer in answers)
    assert store.rounds == 1


def test_what_needs_a_creation_that_is_refused_in_the_same_round_is_refused_and_its_neighbours_are_not(
    store: Store,
) -> None:
    there, other, creation = new_id(), new_id(), Creation()
    works = [
        work(store, opening(there)),
        work(store, opening(there), creates=creation),  # there is one already
        work(store, note(there), needs=creation),
        work(store, opening(other)),
        work(store, note(other)),
    ]
    store.submit_all(works)
    store.start()
    first, again, follower, neighbour, its_note = map(outcome, works)
    assert isinstance(again, Refused)
    assert isinstance(follower, CreationRefused)
    assert all(isinstance(one, Answer) for one in (first, neighbour, its_note))
    assert store.rounds == 1


def test_a_creation_whose_round_failed_is_not_taken_for_one_that_never_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its followers in later rounds would be told 404, for good, and a tablet would drop them."""
    flush = Round.flush

    def fail_once(self: Round) -> None:
        monkeypatch.setattr(Round, "flush", flush)
        raise OSError("no space left on device")

    monkeypatch.setattr(Round, "flush", fail_once)
    the, creation = new_id(), Creation()
    first, follower = work(store, opening(the), creates=creation), work(store, note(the), needs=creation)
    store.start()
    store.submit_all([first])
    assert isinstance(outcome(first), StoreUnavailable)
    store.submit_all([follower])
    assert isinstance(outcome(follower), CreationRefused)
    assert isinstance(store.execute(LI, "person", opening(the)).result(20), Answer), "the next round is sound"


async def test_what_nobody_waits_for_any_more_is_not_done_nor_what_needs_it(store: Store) -> None:
    loop = asyncio.get_running_loop()
    the, creation = new_id(), Creation()
    gone: asyncio.Future[Answer] = loop.create_future()
    left = store.work(gone, LI, "person", opening(the))
    left.creates = creation
    follower = work(store, note(the), needs=creation)
    gone.cancel()
    store.submit_all([left, follower])
    store.start()
    assert isinstance(await asyncio.to_thread(outcome, follower), CreationRefused)
    assert store.written == 0


async def test_all_callers_of_a_round_in_one_event_loop_are_woken_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    the, wakings = new_id(), []
    wake = loop.call_soon_threadsafe

    def counted(call: Any, *args: Any) -> Any:
        wakings.append(call)
        return wake(call, *args)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    callers: list[asyncio.Future[Answer]] = [loop.create_future() for _ in range(40)]
    commands = [opening(the), *(note(the) for _ in callers[1:])]
    store.submit_all(
        [store.work(caller, LI, "person", one) for caller, one in zip(callers, commands, strict=True)]
    )
    store.start()
    assert all(isinstance(answer, Answer) for answer in await asyncio.gather(*callers))
    assert len(wakings) == 1


def test_groups_of_every_size_reach_the_disk_whole(database_url: str) -> None:
    """Rows travel by the hundred and by the pair: none is left out, none twice."""
    with at_nine(database_url).running() as chronicle:
        for size in (1, 2, 3, 7, 8, 31, 64, 129, 300):
            the = new_id()
            chronicle.say_all([opening(the), *(note(the) for _ in range(size))])
    database = chronicle.database
    found = verify(database)
    assert not found.faults
    with database.reading() as connection:
        seqs = list(connection.execute(select(ENTRY.c.seq).order_by(ENTRY.c.seq)).scalars())
        places = connection.execute(
            select(STREAM_ENTRY.c.position)
            .where(STREAM_ENTRY.c.stream == "130300")
            .order_by(STREAM_ENTRY.c.position)
        ).scalars()
        assert list(places) == seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) > 545
    database.close()


def test_a_connection_that_broke_between_two_rounds_is_replaced_unnoticed(pg_url: str) -> None:
    with at_nine(pg_url).running() as chronicle:
        the = new_id()
        chronicle.say_all([opening(the)])
        with psycopg.connect(pg_url, autocommit=True) as server:
            ended = server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
        assert ended
        chronicle.say_all([note(the)])
    assert not verify(chronicle.database).faults
    chronicle.database.close()


def test_a_row_that_cannot_be_written_fails_the_whole_round_and_answers_nobody_with_success(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statements and COMMIT travel together on PostgreSQL: a failure must come back all the same."""
    the = new_id()
    store.start()
    assert isinstance(store.execute(LI, "person", opening(the)).result(20), Answer)
    place = Round._place

    def twice(self: Round, stream: str, seq: int, body: bytes) -> None:
        place(self, stream, seq, body)
        self._streams.append(self._streams[-1])

    monkeypatch.setattr(Round, "_place", twice)
    lost = note(the)
    with pytest.raises(StoreUnavailable):
        store.execute(LI, "person", lost).result(20)
    monkeypatch.undo()
    assert not store.execute(LI, "person", lost).result(20).replayed, "it was not written the first time"
    assert not verify(store.database).faults


def test_a_young_stream_in_an_old_log_is_written_like_any_other(database_url: str) -> None:
    """PostgreSQL's driver names a list's type by its values: a small offset beside a large one, in one
    statement, took the large one for small too: from entry 32,768 on nothing more was written there."""
    database = Database(database_url)
    migrate(database)
    rows = [("130324", 5, 40_000), ("130324", 6, 3_000_000_000)]
    for row in rows:
        with database.writing() as connection:
            Pen(connection, database.is_sqlite).put(STREAM_ENTRIES, [row])
    with database.reading() as connection:
        stored = select(STREAM_ENTRY.c.stream, STREAM_ENTRY.c.position, STREAM_ENTRY.c.seq)
        assert sorted(map(tuple, connection.execute(stored))) == rows
    database.close()
