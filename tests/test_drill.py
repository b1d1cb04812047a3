"""The drill itself: it cannot say "ok" without having made a fault, and a control that did harm.

The short forms of the experiments are tests too: E01 and E03 in test_durability; E04, E05, E07, E18
and E22 in test_processes; E08, E09 and E10 in test_field_drills; E11 in test_slow_listeners, E17 in
test_watch, E21 in test_backup, E23 in test_tampering, E28 in test_simulation, E29 in test_projections,
E31 in test_outposts_joined, E32 in test_wall_screen. What takes more of a machine than tests may (E06, E12,
E13, E16) is run by `scripts/drill` alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy.exc import OperationalError

from server.log_lines import Unhindered
from server.record import store
from server.record.rows import Pen
from server.record.turn import Hand, Turn
from tests.drill import catalogue, machine
from tests.drill.experiment import EXPERIMENTS, Run, Unshown, short_form
from tests.product import ROOT
from tests.room import Room
from tests.waiting import wait_until
from tests.words import open_incident

#: Those of reliability.md 8: T0 and T1, power cuts, and tablets without a battery.
NAMES = (
    "E01 E03 E04 E05 E06 E07 E08 E09 E10 E11 E12 E13 E15 E16 E17 E18 E21 E22 E23 E28 E29 E30 E31 E32".split()
)


@pytest.fixture(scope="module", autouse=True)
def experiments() -> None:
    catalogue.load()


def good(run: Run) -> None:
    run.faults += 1
    run.must("it holds", True)
    run.control("it does harm", True)


def test_every_experiment_is_there():
    assert sorted(EXPERIMENTS) == NAMES


def test_a_run_is_good_only_with_a_fault_a_control_and_something_that_held(tmp_path: Path):
    run = Run("E00", tmp_path)
    assert len(run.judged()) == 3
    good(run)
    assert run.judged() == []


@pytest.mark.parametrize("bad", ["must", "control"])
def test_what_does_not_hold_and_a_control_without_harm_are_named(tmp_path: Path, bad: str):
    run = Run("E00", tmp_path)
    good(run)
    getattr(run, bad)("the sky is blue", False, "grey")
    (said,) = run.judged()
    assert "the sky is blue" in said
    assert "grey" in said
    assert '"ok": false' in run.as_json(run.judged())


def test_an_experiment_that_shows_nothing_fails_its_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(EXPERIMENTS, "E01", replace(EXPERIMENTS["E01"], way=lambda run: None))
    with pytest.raises(Unshown, match="no fault was made"):
        short_form("E01", tmp_path)


def test_the_command_line_names_what_there_is_and_refuses_what_there_is_not():
    asked = [sys.executable, "-m", "tests.drill"]
    listed = subprocess.run([*asked, "--list"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line[:3] for line in listed.stderr.splitlines()] == NAMES
    unknown = subprocess.run([*asked, "E99"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert unknown.returncode == 2
    assert "E99" in unknown.stderr


# --- what the drill found -----------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_a_full_disk_costs_nothing_that_was_acknowledged_and_is_over_when_there_is_room(tmp_path: Path):
    if lacking := machine.lacking(EXPERIMENTS["E15"].needs, may_install=False):
        pytest.skip(f"{lacking}: no disk is filled. Remedy: run as root")
    short_form("E15", tmp_path)


def test_a_log_that_lies_on_a_full_disk_hinders_nobody():
    """The writer's thread once ended in the very line that was to tell of the full disk."""
    full = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w", buffering=1)
    paper = Unhindered(full)
    try:
        with pytest.raises(OSError, match="No space"):
            print("unprotected", file=full, flush=True)
        paper.write("the disk is full\n")
        paper.flush()
    finally:
        with suppress(OSError):  # it tries once more to get rid of what it holds
            full.close()


def test_a_desk_that_could_not_write_is_not_ready_until_it_can(
    one_room: Room, monkeypatch: pytest.MonkeyPatch
):
    def full(self: Pen, *_asked: object) -> None:
        raise sqlite.OperationalError("database or disk is full")

    room = one_room
    body = open_incident()
    with monkeypatch.context() as broken:
        for name in ("put", "execute"):
            broken.setattr(Pen, name, full)
        assert room.get(None, "/readyz").status_code == 200, "nobody knows yet"
        assert room.tell("Wu", "open-incident", body).status_code == 507
        answer = room.get(None, "/readyz")
        assert answer.status_code == 503
        assert "disk is full" in answer.json()["checks"]["store"]
    assert room.get(None, "/readyz").status_code == 503, "what failed a moment ago is not believed so soon"
    monkeypatch.setattr(store, "DOUBT_S", 0.0)
    assert room.get(None, "/readyz").status_code == 200, "tried, and found well again, without a command"
    assert room.told("Wu", "open-incident", body)["replayed"] is False


def test_a_small_write_that_still_fits_does_not_make_a_full_disk_look_well(
    spare_room: Room, monkeypatch: pytest.MonkeyPatch
):
    """A refused round gives back a page or two: room for what /readyz writes, not for the next command."""

    def full(self: Pen, *_asked: object) -> None:
        raise sqlite.OperationalError("database or disk is full")

    room = spare_room
    with monkeypatch.context() as broken:
        broken.setattr(Pen, "put", full)
        for _ in range(3):
            assert room.tell("Wu", "open-incident", open_incident()).status_code == 507
            assert "disk is full" in room.get(None, "/readyz").json()["checks"]["store"]
            assert room.get(None, "/readyz").status_code == 503, "nor a moment later"
    wait_until(lambda: room.get(None, "/readyz").status_code == 200, within=5)
    room.told("Wu", "open-incident", open_incident())


def test_who_queued_behind_a_round_that_waited_in_vain_need_not_wait_again(
    one_room: Room, monkeypatch: pytest.MonkeyPatch
):
    """Cut off from PostgreSQL a round takes four seconds to fail; the one behind it took eight."""
    turns: list[int] = []
    begun, over = threading.Event(), threading.Event()

    @contextmanager
    def vanished(self: Hand, command_ids: Sequence[str]) -> Iterator[Turn]:
        turns.append(len(command_ids))
        begun.set()
        over.wait(10)
        raise OperationalError("the database has vanished", None, Exception())
        yield

    monkeypatch.setattr(Hand, "turn", vanished)
    monkeypatch.setattr(store, "WAITED_ENOUGH_S", 0.0)
    first = one_room.parts.store.look()
    assert begun.wait(10)
    behind = [one_room.parts.store.look() for _ in range(3)]
    over.set()
    for future in (first, *behind):
        with pytest.raises(store.StoreUnavailable):
            future.result(timeout=10)
    assert len(turns) == 1
