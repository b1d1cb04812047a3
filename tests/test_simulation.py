"""Seeded histories of several processes, their people and all that goes wrong (E28, `tests/simulation`).

Short form: some histories and every planted bug. `scripts/drill E28` lives through thousands.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.disk import Disk
from tests.simulation.judge import judged
from tests.simulation.planted import LOOK_FROM, PLANTED, first_found

ROOT = Path(__file__).resolve().parent.parent
HISTORIES = 12


@pytest.fixture(scope="module")
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.engine.dispose()


def test_whatever_happens_nothing_is_lost_doubled_overheard_or_late(disk: Disk):
    outcomes = [judged(seed, disk) for seed in range(1, HISTORIES + 1)]
    assert {outcome.seed: outcome.wrong[:3] for outcome in outcomes if outcome.wrong} == {}
    assert sum(outcome.acked for outcome in outcomes) > 15 * HISTORIES
    assert sum(sum(outcome.faults.values()) for outcome in outcomes) > 20 * HISTORIES
    kinds = {kind for outcome in outcomes for kind in outcome.faults}
    assert kinds >= {"process killed", "line cut", "listener frozen", "doorbell lost", "unknown", "away"}, (
        kinds
    )


def test_the_same_seed_is_the_same_history_in_any_process(disk: Disk):
    here = [judged(seed, disk).trace for seed in (3, 4)]
    assert here == [judged(seed, disk).trace for seed in (3, 4)]
    assert here[0] != here[1]
    elsewhere = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "3", "5"],
        cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "17"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [line.split()[1] for line in elsewhere.stdout.splitlines()] == here


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, disk: Disk):
    assert first_found(bug, disk, start=LOOK_FROM.get(bug, 1), histories=60) is not None
