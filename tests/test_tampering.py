"""Whoever alters the log, or what was made from it, is found out, and the entry is named.

The long form (100,000 entries, a hundred of each kind) is `scripts/drill E23`.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.exc import DatabaseError

from server.record.cataloguing import catch_up
from server.record.database import Database
from server.record.sm3 import plain_sm3
from server.record.tables import ENTRY, LEDGER
from server.safekeeping.links import Links
from server.safekeeping.verify import verify, verify_in
from tests import tampering_catalogue, tampering_tables
from tests.chronicle import Chronicle
from tests.product import FenghuoProcess
from tests.tampering import GUARDED, LOGGED, change, disarm, rearm, reworded, row_of

DEEDS = tampering_tables.DEEDS | tampering_catalogue.DEEDS
ENTRIES = {"sqlite": 1_500, "postgresql": 400}


@pytest.fixture(scope="module")
def chronicled(
    each_database: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Database]:
    """A database with a long log of every kind of command, to be tampered with and rolled back."""
    if each_database == "sqlite":
        database = Database.in_folder(tmp_path_factory.mktemp("chronicle"))
    else:
        database = Database(request.getfixturevalue("new_database")())
    with Chronicle(database, seed=4).running() as chronicle:
        chronicle.write(ENTRIES[each_database])
        catch_up(database)
    yield database
    database.close()


def test_a_log_that_nobody_touched_has_no_fault(chronicled: Database):
    found = verify(chronicled)
    assert (found.faults, found.first_bad) == ([], None)
    assert found.entries >= 400


def test_the_chain_is_what_its_recipe_says_so_that_anybody_can_check_it(chronicled: Database):
    """Computed here from the stored bytes by the recipe in `server.record.ledger`, with nothing of ours."""
    with chronicled.reading() as connection:
        deployment = connection.execute(select(LEDGER.c.deployment_id)).scalar_one().encode()
        rows = connection.execute(select(ENTRY).order_by(ENTRY.c.seq).limit(200)).all()
    for name in ("sha256", "sm3"):

        def digest(message: bytes, name: str = name) -> bytes:
            return (
                hashlib.new(name, message).digest()
                if name in hashlib.algorithms_available
                else plain_sm3(message)
            )

        chain = digest(b"\x02DUTYLOG1" + deployment)
        for row in rows:
            leaf = digest(b"\x00" + bytes(row.body))
            chain = digest(b"\x01DUTYLOG1" + row.seq.to_bytes(8, "big") + chain + leaf)
            assert bytes(getattr(row, f"chain_{name}")) == chain, row.seq


@pytest.mark.parametrize("name", DEEDS)
def test_tampering_is_found_and_the_entry_is_named(chronicled: Database, name: str):
    with chronicled.engine.connect() as connection, connection.begin() as doings:
        guards = disarm(connection)
        units = DEEDS[name](connection, random.Random(name), 5)
        rearm(connection, guards)
        found = verify_in(connection)
        doings.rollback()
    assert units
    unnamed = [unit for unit in units if not unit & found.bad]
    assert not unnamed, found.faults[:10]
    assert found.first_bad == min(found.bad)


def test_the_log_refuses_to_be_changed_and_misses_its_guards_when_they_are_gone(chronicled: Database):
    for table in LOGGED:
        for deed in (
            f"DELETE FROM {table.name}",
            f"UPDATE {table.name} SET {next(iter(table.c)).name} = NULL",
        ):
            with chronicled.engine.connect() as connection, connection.begin() as doings:
                with pytest.raises(DatabaseError, match="append-only"):
                    connection.execute(text(deed))
                doings.rollback()
    with chronicled.engine.connect() as connection, connection.begin() as doings:
        disarm(connection)
        found = verify_in(connection)
        doings.rollback()
    assert {fault.split()[2] for fault in found.faults} == {table.name for table in GUARDED}


@pytest.mark.parametrize(
    ("table", "where", "fault"),
    [
        ("entry", "seq = 30", "unreadable: entry 30: "),
        ("ledger", "true", "head: the ledger's row cannot be read: "),
        ("incident", "true", "table: incidents cannot be read: "),
    ],
)
def test_a_moment_in_which_a_bit_has_flipped_is_named_and_breaks_nothing(
    tmp_path: Path, table: str, where: str, fault: str
):
    """Columns of SQLite hold anything; the driver stumbles over what is no moment."""
    database = Database.in_folder(tmp_path)
    with Chronicle(database, seed=6).running() as chronicle:
        chronicle.write(60)
    column = {"entry": "recorded_at", "ledger": "recorded_at", "incident": "known_at"}[table]
    with database.engine.connect() as connection, connection.begin():
        guards = disarm(connection)
        connection.execute(text(f"UPDATE {table} SET {column} = '2026%11-24 18:16:20.639000' WHERE {where}"))
        rearm(connection, guards)
    found = verify(database)
    database.close()
    assert any(one.startswith(fault) for one in found.faults), found.faults
    assert found.first_bad == (30 if table == "entry" else None)


def test_an_index_that_says_something_else_than_its_table_is_named(tmp_path: Path):
    """Verification reads a stream by its index, and a screen might read the table."""
    database = Database.in_folder(tmp_path)
    with Chronicle(database, seed=6).running() as chronicle:
        chronicle.write(60)
    with database.engine.connect() as connection, connection.begin():
        guards = disarm(connection)
        connection.exec_driver_sql("PRAGMA writable_schema=ON")
        # The index is forgotten for a moment, and what is changed meanwhile it does not learn.
        connection.exec_driver_sql("CREATE INDEX lying ON stream_entry (position)")
        connection.exec_driver_sql(
            "UPDATE sqlite_schema SET sql = replace(sql, '(position)', '(stream)') WHERE name = 'lying'"
        )
        rearm(connection, guards)
    database.close()
    found = verify(Database.in_folder(tmp_path))
    assert any(one.startswith("file: ") and "lying" in one for one in found.faults), found.faults


@pytest.mark.parametrize("seed", range(20, 24))
def test_no_history_of_a_desk_raises_a_false_alarm(tmp_path: Path, seed: int):
    database = Database.in_folder(tmp_path)
    with Chronicle(database, seed).running() as chronicle:
        chronicle.write(150)
        catch_up(database)
        chronicle.write(250)
    assert not verify(database).faults
    database.close()


def test_the_command_line_names_the_first_bad_entry(tmp_path: Path):
    desk = FenghuoProcess(tmp_path / "desk")
    database = Database.in_folder(desk.folder)
    with Chronicle(database, seed=5).running() as chronicle:
        chronicle.write(100)
    said = desk.fenghuo("verify").stdout
    assert re.fullmatch(r"ok: \d+ entries, head [0-9a-f]{64}\n", said)
    with database.reading() as connection:
        printed = row_of(connection, 60)
    for chain in ("chain_sha256", "chain_sm3"):
        found = desk.fenghuo("verify", "--head", printed[chain].hex()).stdout
        assert f"stood after entry 60, recorded {printed['recorded_at'].isoformat()}" in found
    assert "never had that head" in desk.fenghuo("verify", "--head", "0f" * 32, expect=1).stdout
    assert "never had that head" in desk.fenghuo("verify", "--head", "no sum", expect=1).stdout
    with database.engine.connect() as connection, connection.begin():
        guards = disarm(connection)
        for seq in (40, 80):
            change(connection, seq, body=reworded(row_of(connection, seq)["body"]))
        rearm(connection, guards)
    database.close()
    said = desk.fenghuo("verify", expect=1).stdout
    assert "altered: entry 40: its bytes do not fit the chain" in said
    assert "altered: entry 80: its bytes do not fit the chain" in said
    assert said.splitlines()[0] == "bad: first bad entry 40"


@pytest.mark.parametrize("helper", ["works", "dies"])
def test_a_second_process_that_follows_the_chain_finds_the_same(
    each_database: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    helper: str,
):
    on_sqlite = each_database == "sqlite"
    database = (
        Database.in_folder(tmp_path) if on_sqlite else Database(request.getfixturevalue("new_database")())
    )
    with Chronicle(database, seed=6).running() as chronicle:
        chronicle.write(120)
    untouched = verify(database)
    with database.engine.connect() as connection, connection.begin():
        guards = disarm(connection)
        change(connection, 30, body=reworded(row_of(connection, 30)["body"]))
        change(connection, 50, incident_id=None)
        connection.execute(delete(ENTRY).where(ENTRY.c.seq == 70))
        change(connection, 90, body=b"{}")
        rearm(connection, guards)
    alone = verify(database)
    assert {30, 50, 70, 90} <= alone.bad
    monkeypatch.setattr("server.safekeeping.verify.WORTH_A_HELPER", 1)
    if helper == "dies":
        monkeypatch.setattr("server.safekeeping.links.sys.executable", "/bin/false")
    else:  # whoever follows the chain here did not need the helper
        monkeypatch.setattr(Links, "follow", lambda *_asked: pytest.fail("the helper was not heard"))
    helped = verify(database, helped=True)
    assert sorted(helped.faults) == sorted(alone.faults)
    assert (helped.bad, helped.first_bad, helped.head) == (alone.bad, alone.first_bad, alone.head)
    assert (helped.entries, helped.head_sm3) == (untouched.entries, untouched.head_sm3)
    database.close()
