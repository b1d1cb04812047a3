"""`scripts/bench years`: what it fills a database with is what the store would have written, and it asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from server.record.database import Database
from server.record.tables import ENTRY, INCIDENT
from server.safekeeping.verify import verify

ROOT = Path(__file__).resolve().parent.parent


def in_scripts(code: str, *arguments: object) -> str:
    """Run something of `scripts/` as it is run in earnest."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


FILL = """
import sys
from datetime import date
from measure.archive import Archive
from server.record.database import Database
database = Database(sys.argv[1])
archive = Archive(database, date(2025, 12, 29))
archive.fill(50, 6)
archive.open_now(10)
"""


@pytest.mark.timeout(180)
def test_days_told_again_are_a_log_like_any_other(database_url: str) -> None:
    in_scripts(FILL, database_url)
    database = Database(database_url)
    try:
        assert verify(database).faults == []
        with database.reading() as connection:
            counted = select(INCIDENT.c.state, func.count()).group_by(INCIDENT.c.state)
            states = {state: count for state, count in connection.execute(counted)}
            numbers = connection.execute(select(INCIDENT.c.number)).scalars().all()
            told_of = connection.execute(select(func.count(func.distinct(ENTRY.c.incident_id)))).scalar()
        assert states == {"closed": 300, "open": 10}
        assert told_of == 310
        assert len(set(numbers)) == 310, "numbers are given out once"
        assert {int(number.split("-")[1]) for number in numbers} >= {2025, 2026}, "and anew each year"
    finally:
        database.close()


@pytest.mark.timeout(180)
def test_the_measurement_asks_every_question_of_every_desk(tmp_path: Path) -> None:
    said = in_scripts("from measure import __main__; import sys; sys.exit(__main__.main())", "years",
                      "--incidents", "25,75", "--open", "5", "--rounds", "2", "--keep", tmp_path)  # fmt: skip
    assert "ready_s" in said
    assert said.count("NOT MET") + said.count(" met") >= 30, said
    assert "search: one character" in said
