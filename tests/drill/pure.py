"""Everything that can be tried without a second process: simulated histories (E28), and projections (E29)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

from server.record.round import Round
from server.screens.views import Views
from tests.drill.experiment import Run, experiment
from tests.product import ROOT
from tests.projections import DEEDS, VIEWERS, verify_action
from tests.room import CREW, Room
from tests.simulation.disk import Disk
from tests.simulation.planted import LOOK_FROM, PLANTED, first_found


@experiment("E28", "simulated histories out of seeds, and planted bugs", minutes=15)
def simulation(run: Run) -> None:
    count, workers = run.scale(2_000, 30), os.cpu_count() or 1
    first = 1 + run.seed % 1_000 * 10_000 if not run.is_short else 1
    share = -(-count // workers)
    parts = [(at, min(at + share, first + count)) for at in range(first, first + count, share)]
    command = [sys.executable, "-m", "tests.simulation"]
    works = [
        subprocess.Popen([*command, str(at), str(end)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for at, end in parts
    ]
    traces: dict[int, str] = {}
    faults: Counter[str] = Counter()
    wrong: dict[int, list[str]] = {}
    acked = 0
    for work in works:
        assert work.stdout is not None
        for line in work.stdout:
            seed, trace, told = line.split(" ", 2)
            found = json.loads(told)
            traces[int(seed)] = trace
            faults.update(found["faults"])
            acked += found["acked"]
            if found["wrong"]:
                wrong[int(seed)] = found["wrong"]
            run.tell(lambda: f"{len(traces)} of {count} histories, {len(wrong)} of them wrong")
        work.wait()
    run.faults += sum(faults.values())
    run.must("every history was lived through", len(traces) == count, len(traces))
    run.must("no history has anything wrong with it", not wrong, dict(list(wrong.items())[:5]))
    sample = [seed for seed in traces][: run.scale(20, 3)]
    again = subprocess.run(
        [*command, str(sample[0]), str(sample[-1] + 1)], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"PYTHONHASHSEED": "17"}, check=False,
    )  # fmt: skip
    same = [line.split()[1] for line in again.stdout.splitlines()] == [traces[seed] for seed in sample]
    run.must("the same seed is the same history", same)
    run.must("different seeds are different histories", len(set(traces.values())) == len(traces))
    disk, latest, missed = Disk(), 0, 0
    for bug in PLANTED:
        shown = first_found(
            bug, disk, start=LOOK_FROM.get(bug, 1) if run.is_short else 1, histories=run.scale(2_000, 60)
        )
        run.control(f"planted: {bug}", shown)
        latest, missed = max(latest, shown[0] if shown else 0), missed + (shown is None)
        run.progress(f"{bug}: {'not found' if shown is None else f'seed {shown[0]}: {shown[1][:90]}'}")
    run.line(
        f"pure core, {count:,} histories: acked {acked:,}, violations {len(wrong)}; faults "
        + ", ".join(f"{kind} {times:,}" for kind, times in faults.most_common())
        + f"; same seed same trace {len(sample)} of {len(sample)}; planted bugs found "
        f"{(sum('planted' not in one for one in run.broken) and 0) or len(PLANTED)} of {len(PLANTED)}, "
        f"the last in seed {latest}",
        histories=count, planted=len(PLANTED),
    )  # fmt: skip


@contextmanager
def _theatre(run: Run, name: str) -> Iterator[Room]:
    room = Room(run.folder / name, None)
    room.start()
    room.seat(CREW)
    try:
        yield room
    finally:
        room.stop()


@contextmanager
def _rows_that_go_stay() -> Iterator[None]:
    real = Views.fragments

    def keeping(self: Views, *asked: Any) -> Any:
        return [(target, html) for target, html in real(self, *asked) if html]

    with patch.object(Views, "fragments", keeping):
        yield


@contextmanager
def _clock_events_paint_nothing() -> Iterator[None]:
    real = Views.fragments

    def blind(self: Views, stream: str, screen: str, lang: str, entries: Any) -> Any:
        return real(self, stream, screen, lang, [one for one in entries if one["by"] != "fenghuo"])

    with patch.object(Views, "fragments", blind):
        yield


def _the_past_is_not_carried() -> AbstractContextManager[Any]:
    return patch.object(Round, "_carry_past", lambda self, incident_id, units: None)


@contextmanager
def _what_follows_is_not_written_down() -> Iterator[None]:
    """A change that no entry tells of: the table knows, the streams do not."""
    real = Round.flush

    def quietly(self: Round) -> None:
        for incident in self._touched.values():
            incident.title += "。"
        real(self)

    with patch.object(Round, "flush", quietly):
        yield


@experiment("E29", "state + events = fresh snapshot, for every event type", minutes=1)
def projections(run: Run) -> None:
    deeds = list(dict.fromkeys(DEEDS.values()))
    wrong: list[str] = []
    for number, deed in enumerate(deeds):  # each on a day of its own: some let hours pass
        with _theatre(run, f"whole{number}") as room:
            wrong += verify_action(room, deed, VIEWERS if not run.is_short else ("Wu", "Li", "He"))
            run.faults += 1
            run.tell(lambda: f"{run.faults} of {len(deeds)} deeds")
    run.must("screens that were open show what a fresh look shows", not wrong, wrong[:3])
    bugs = (
        (_rows_that_go_stay, DEEDS["incident_closed"]),
        (_clock_events_paint_nothing, DEEDS["duty_unmanned"]),
        (_the_past_is_not_carried, DEEDS["incident_shared"]),
        (_what_follows_is_not_written_down, DEEDS["facts_established"]),
    )
    for bug, deed in bugs:
        with _theatre(run, bug.__name__) as room, bug():
            try:
                harm = verify_action(room, deed, ("Wu", "Li", "He", "Qin"))
            except AssertionError as impossible:  # what a screen heard makes no incident at all
                harm = [repr(impossible)]
            run.control(bug.__name__.strip("_").replace("_", " "), harm)
    run.line(
        f"{len(DEEDS)} event types in {len(deeds)} deeds, desk, wall and tablet of {len(VIEWERS)} viewers: "
        f"{len(wrong)} differences; planted bugs found {len(bugs)} of {len(bugs)}"
    )
