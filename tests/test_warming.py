"""The first look at the statistics finds its stage times worked out, also of what changed since."""

from __future__ import annotations

import gc
from collections import OrderedDict
from pathlib import Path

import pytest

from server.pages import warming
from server.pages.statistics import TIMING
from server.record import breakdown
from server.screens.rendering import Renderer, compiled
from tests.room import Room
from tests.test_statistics import happen
from tests.words import record_receipt, record_report


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "PAUSE_S", 0)


def warmed(room: Room) -> int:
    portal = room.client.portal
    assert portal is not None
    made: int = portal.call(warming.warm, room.parts, room.clock.now())
    return made


def test_the_first_look_works_nothing_out_and_a_change_is_worked_out_anew(
    first_day: Room, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = first_day
    room.clock.pass_by(days=18)
    ids = [happen(room, day) for day in (2, 3, 4, 5, 6, 7)]
    assert warmed(room) == len(ids)
    assert warmed(room) == 0
    read: list[int] = []
    unkept = TIMING.unkept
    looked = TIMING.spans

    def spans(database, rows, now):  # type: ignore[no-untyped-def]
        read.append(len(unkept(rows)))
        return looked(database, rows, now)

    monkeypatch.setattr(TIMING, "spans", spans)
    assert room.get("Wu", "/statistics?from=2026-03-01&to=2026-03-20").status_code == 200
    assert room.get("Li", "/statistics?from=2026-03-01&to=2026-03-20").status_code == 200
    assert read, "the page has stage times"
    assert set(read) == {0}
    monkeypatch.undo()
    monkeypatch.setattr(warming, "PAUSE_S", 0)
    said = record_report(ids[0], "10:00") | {"sent_at": room.clock.ago()}
    room.told("Wu", "record-report", said)
    got = record_receipt(ids[0], str(said["report_id"]), "10:05") | {"received_at": room.clock.ago()}
    room.told("Wu", "record-receipt", got)
    assert warmed(room) == 1, "what changed is worked out again, and nothing else"


def test_the_collector_looks_once_at_what_has_come_and_stays() -> None:
    before = gc.get_freeze_count()
    kept = [[number] for number in range(10_000)]
    settling = warming.Settling()
    settling.after(warming.MUCH - 1)
    assert gc.get_freeze_count() == before
    settling.after(warming.MUCH)
    once = gc.get_freeze_count()
    assert once >= before + len(kept)
    more = [[number] for number in range(10_000)]
    settling.after(warming.MUCH)
    assert gc.get_freeze_count() == once, f"what came since, {len(more)} and their like, may still be let go"


def test_no_more_is_worked_out_beforehand_than_is_kept(
    first_day: Room, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = first_day
    room.clock.pass_by(days=18)
    for day in (2, 3, 4, 5, 6, 7):
        happen(room, day)
    monkeypatch.setattr(warming, "MOST_TIMED", 4)
    for module in (warming, breakdown):
        monkeypatch.setattr(module, "MOST_KEPT", 6)
    monkeypatch.setattr(TIMING, "_kept", OrderedDict())
    assert [warmed(room), warmed(room)] == [2, 0], "the newest, once, with room for what pages ask for"


def test_templates_are_compiled_once_and_only_where_one_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.pycache_prefix", str(tmp_path))
    first, second = Renderer().environment, Renderer().environment
    first.get_template("keys.html")
    assert [one.name[:9] for one in (tmp_path / "__pycache__").iterdir()] == ["template1"]
    monkeypatch.setattr(second, "compile", None)  # whoever compiles again falls over it
    second.get_template("keys.html")
    (tmp_path / "no").write_text("a file, no folder")
    monkeypatch.setattr("sys.pycache_prefix", str(tmp_path / "no"))
    assert compiled(tmp_path) is None
