"""A backup taken while people write, and a desk made from it: on either database, whole, with a new epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pysqlite3 import dbapi2 as sqlite

from server.clocks import utc_now
from server.config.unit_file import default_units
from server.domain.units import UnitTree
from server.migrations import migrate
from server.people.people import People
from server.record.database import Database
from server.safekeeping.backup import BackupRefused, backup, restore
from server.settings import Settings
from tests import words
from tests.chronicle import Chronicle
from tests.faults import Clerk, wait_for_more, writing
from tests.product import FenghuoProcess
from tests.small_desk import CountingPasswords


@pytest.fixture
def target(each_database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Where to restore to: nothing is there yet."""
    if each_database == "sqlite":
        return Settings(data=tmp_path / "restored")
    return Settings(database_url=request.getfixturevalue("new_database")())


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A backup of a desk with one person at it and nothing else."""
    database = Database.in_folder(tmp_path / "small")
    migrate(database)
    tree: UnitTree = default_units()
    People(database, tree.__contains__, utc_now, passwords=CountingPasswords()).add("Wu", "admin", "130300")
    backup(database, tmp_path / "kept.db")
    database.close()
    return tmp_path / "kept.db"


async def test_what_was_backed_up_while_eight_wrote_is_a_whole_desk_and_outboxes_refill_the_rest(
    own_desk: FenghuoProcess, target: Settings, tmp_path: Path
):
    desk = own_desk
    early, late = words.open_incident(title="备份之前"), words.open_incident(title="备份之后")
    first = desk.tell("Li", "open-incident", early).json()
    clerks = [Clerk(desk, "Wu", "130302", number, loses=0.0) for number in range(4)]
    with writing(clerks) as answered:
        wait_for_more(answered, 20)
        desk.fenghuo("backup", str(tmp_path / "kept.db"))
        wait_for_more(answered, 5)
    lost = desk.tell("Li", "open-incident", late).json()
    desk.stop()
    assert [path.name for path in tmp_path.glob("kept*")] == ["kept.db"], "one file and nothing beside it"

    entries, epoch = restore(tmp_path / "kept.db", target)
    again = FenghuoProcess(tmp_path / "restored", database_url=target.database_url, tokens=desk.tokens)
    assert again.fenghuo("verify").stdout.startswith(f"ok: {entries} entries")
    again.start()
    try:
        assert epoch != first["epoch"]
        async with again.listen("Li", {"epoch": first["epoch"], "after": first["offset"]}) as live:
            assert live.welcome["resume"] == "refresh", "offsets mean something else now"
            assert live.welcome["epoch"] == epoch
        told = again.tell("Li", "open-incident", early).json()
        assert told == {**first, "replayed": True, "epoch": epoch}
        refilled = again.tell("Li", "open-incident", late)
        assert refilled.status_code == 200, refilled.text
        assert refilled.json()["replayed"] is False
        assert refilled.json()["number"] == lost["number"]
        assert again.fenghuo("verify").stdout.startswith("ok: ")
    finally:
        again.stop()


def test_a_desk_that_has_anything_in_it_is_not_overwritten(kept: Path, target: Settings):
    restore(kept, target)
    with pytest.raises(BackupRefused, match="not empty"):
        restore(kept, target)


def test_a_backup_is_never_written_over_another_and_never_half(kept: Path, tmp_path: Path):
    database = Database.in_folder(tmp_path / "small")
    with pytest.raises(BackupRefused, match="exists already"):
        backup(database, kept)
    (tmp_path / "other.db.unfinished").write_text("what a killed backup left behind")
    backup(database, tmp_path / "other.db")
    assert not (tmp_path / "other.db.unfinished").exists()
    assert (tmp_path / "other.db").stat().st_mode & 0o077 == 0, "for its owner only"
    database.close()


@pytest.mark.parametrize("harm", ["body", "kind", "removed"])
def test_a_backup_whose_log_was_touched_makes_no_desk(
    harm: str, target: Settings, kept: Path, tmp_path: Path
):
    file = tmp_path / "touched.db"
    database = Database.in_folder(tmp_path / "long")
    with Chronicle(database, seed=7).running() as chronicle:
        chronicle.write(30)
    backup(database, file)
    database.close()
    with sqlite.connect(file) as hand:
        triggers: list[Any] = hand.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            hand.execute(f"DROP TRIGGER {name}")
        if harm == "body":
            forged = "CAST(replace(CAST(body AS TEXT), 'by', 'By') AS BLOB)"
            hand.execute(f"UPDATE entry SET body = {forged} WHERE seq = 2")
        elif harm == "kind":  # the same bytes, as text: nothing here could read them again
            hand.execute("UPDATE entry SET body = CAST(body AS TEXT) WHERE seq = 2")
        else:
            hand.execute("DELETE FROM entry WHERE seq = (SELECT max(seq) FROM entry)")
    with pytest.raises(BackupRefused, match="not whole"):
        restore(file, target)
    if target.data is not None:
        assert list(target.data.iterdir()) == [], "nothing of it stays behind"
    entries, _epoch = restore(kept, target)
    assert entries == 0, "and a whole one may still be restored there"


def test_what_is_no_backup_is_refused_by_name(tmp_path: Path):
    (tmp_path / "letter.db").write_text("亲爱的值班员:" * 100)
    target = Settings(data=tmp_path / "desk")
    with pytest.raises(BackupRefused, match=r"letter\.db is no backup"):
        restore(tmp_path / "letter.db", target)
    with pytest.raises(BackupRefused, match="there is no"):
        restore(tmp_path / "nowhere.db", target)
