"""Time as an officer: each stage once whoever lives (E18), and whatever the clock on the wall does (E17)."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import datetime
from itertools import pairwise
from typing import Any

from tests import words
from tests.drill.desks import careless, fleet, furnished, pause, running
from tests.drill.experiment import Run, experiment, percentile
from tests.drill.machine import FAKETIME
from tests.faults import whole_log
from tests.product import FenghuoProcess
from tests.room import CREW, Room
from tests.waiting import wait_until

STAGES = ("obligation_overdue", "obligation_due_soon", "prompt_due")
HOUR_S = 3_600


def _owed(in_s: float) -> dict[str, Any]:
    """An incident whose hour ends in so many seconds."""
    return words.open_incident(
        known_at=words.just_now(HOUR_S - in_s),
        occurred_at=...,
        occurred_precision=...,
        category="work_safety",
        facts={"dead": 3},
    )


def _fired(desk: FenghuoProcess, ids: set[str]) -> Counter[tuple[str, str, str]]:
    """How often each stage of these incidents stands in the log."""
    return Counter(
        (
            entry["incident_id"],
            entry["event"]["type"],
            str(entry["event"].get("obligation_id") or entry["event"]["stage"]),
        )
        for entry in whole_log(desk, "Wu")
        if entry["event"]["type"] in STAGES and entry["incident_id"] in ids
    )


def _lateness(desk: FenghuoProcess, ids: set[str]) -> list[float]:
    """Seconds from each moment of the end of an hour until it was written down."""
    return [
        (
            datetime.fromisoformat(entry["recorded_at"]) - datetime.fromisoformat(entry["event"]["due_at"])
        ).total_seconds()
        for entry in whole_log(desk, "Wu")
        if entry["event"]["type"] == "obligation_overdue" and entry["incident_id"] in ids
    ]


@experiment(
    "E18",
    "deadlines while processes are killed, and after downtime",
    needs=("postgresql", "redis"),
    minutes=4,
)
def deadlines(run: Run) -> None:
    chance = random.Random(run.seed)
    count, kills = run.scale(400, 20), run.scale(30, 3)
    spread_s = run.scale(75, 6)
    with fleet(run) as both:
        here, there = both.desks
        ids: set[str] = set()
        began = time.monotonic()
        for _ in range(count):
            body = _owed(
                chance.uniform(15 if not run.is_short else 6, 15 + spread_s) - (time.monotonic() - began)
            )
            ids.add(body["incident_id"])
            assert here.tell("Li", "open-incident", body).status_code == 200
            run.tell(lambda: f"{len(ids)} of {count} deadlines stand")
        for number in range(kills):
            victim = both.desks[number % 2]
            victim.kill9()
            run.faults += 1
            pause(chance.uniform(0.05, 0.6))
            victim.start()
            run.tell(lambda: f"{run.faults} kills")

        def all_fired() -> bool:
            run.tell(lambda: "waiting for the last deadline")
            return {one for one, kind, _what in _fired(here, ids) if kind == "obligation_overdue"} == ids

        wait_until(all_fired, within=spread_s + 60)
        stages = _fired(here, ids)
        late = _lateness(here, ids)
        twice = [stage for stage, times in stages.items() if times > 1]
        run.must("each stage stands there once", not twice, twice[:5])
        run.must("every deadline stands there", len(late) == count, len(late))
        run.must("lateness p99 within 2 s", percentile(late, 99) <= 2, f"{percentile(late, 99):.2f} s")
        run.must("lateness at most 5 s", max(late) <= 5, f"{max(late):.2f} s")
        run.must("the log is whole", there.fenghuo("verify").stdout.startswith("ok: "))
    missed = _one_watch_only(run)
    run.control(
        "with a watch in one process only, its death makes deadlines late", missed > 5, f"{missed:.1f} s"
    )
    after, in_order, took = _after_downtime(run, run.scale(400, 40))
    run.must("after ten minutes' downtime all within 10 s", took <= 10, f"{took:.1f} s")
    run.must("in the order in which they fell due", in_order)
    run.must("and each says by how much it is late", after)
    run.line(
        f"M {count} deadlines in {spread_s} s, kills {kills}: fired once each, twice 0; lateness p50 "
        f"{percentile(late, 50):.2f} s p99 {percentile(late, 99):.2f} s max {max(late):.2f} s; after 10 "
        f"min downtime "
        f"all in {took:.1f} s, in order; with one watch only {missed:.1f} s late",
        lateness_p99_s=round(percentile(late, 99), 2), lateness_max_s=round(max(late), 2),
    )  # fmt: skip


def _one_watch_only(run: Run) -> float:
    """How late a deadline is when the only process that looks is gone for a while."""
    with fleet(run, name="single") as both:
        here, there = both.desks
        there.stop()
        there.program = careless("watch=off")
        there.start()
        body = _owed(3.0)
        assert there.tell("Li", "open-incident", body).status_code == 200
        here.kill9()
        pause(9)
        here.start()
        wait_until(lambda: _lateness(there, {body["incident_id"]}), within=20)
        return max(_lateness(there, {body["incident_id"]}))


def _after_downtime(run: Run, count: int) -> tuple[bool, bool, float]:
    """A desk is down for ten minutes of its own time while all its deadlines pass."""
    room = Room(run.folder / "downtime", None)
    room.start()
    try:
        room.seat(CREW)
        dues = {}
        for number in range(count):
            body = _owed(0) | {"known_at": room.clock.ago(seconds=HOUR_S - 30 - number % 500)}
            room.told("Li", "open-incident", body)
            dues[body["incident_id"]] = 30 + number % 500
        room.stop()
        room.clock.pass_by(minutes=10)
        run.faults += 1
        began = time.monotonic()
        room.start()
        room.watch()
        took = time.monotonic() - began
        overdue = [entry for entry in room.stream("Wu") if entry["event"]["type"] == "obligation_overdue"]
        at = [entry["event"]["due_at"] for entry in overdue]
        right = all(
            abs(entry["event"]["late_by_s"] - (600 - dues[entry["incident_id"]])) <= 1 for entry in overdue
        )
        return right and len(overdue) >= count, at == sorted(at), took
    finally:
        room.stop()


# --- clocks -------------------------------------------------------------------------------------------------


class Faked:
    """A desk whose wall clock is set by hand while it runs; its steady clock is the machine's."""

    def __init__(self, run: Run, name: str, start: str = "+0", program: tuple[str, ...] = ()) -> None:
        self.file = run.folder / f"{name}.time"
        self.set(start)
        self.desk = furnished(run.folder / name)
        if program:
            self.desk.program = program
        self.desk.environment |= {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset: str) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(offset + "\n")
        fresh.replace(self.file)


def _true_delay(
    run: Run, name: str, jump: str, *, start: str = "+0", in_s: float = 8.0, program: tuple[str, ...] = ()
) -> tuple[float, list[str], bool]:
    """How many true seconds after its hour a deadline stands in the log, when the clock jumps meanwhile; what
    is wrong with the log's times; whether the jump stands in the log."""
    faked = Faked(run, name, start, program)
    with running(faked.desk) as desk:
        body = _owed(in_s)
        told_at = time.monotonic()
        assert desk.tell("Li", "open-incident", body).status_code == 200
        pause(1.5)
        if jump:
            faked.set(jump)
            run.faults += 1
        wait_until(
            lambda: _fired(desk, {body["incident_id"]}) and _overdue(desk, body["incident_id"]),
            within=in_s + 25,
        )
        delay = time.monotonic() - told_at - in_s
        for number in range(3):
            desk.tell(
                "Li",
                "add-entry",
                words.add_entry(body["incident_id"], f"{number}", happened_at=words.just_now()),
            )
        times = [entry["recorded_at"] for entry in whole_log(desk, "Wu")]
        fell = [f"{one} after {before}" for before, one in pairwise(times) if one < before]
        noticed = any(entry["event"]["type"] == "clock_stepped" for entry in whole_log(desk, "Wu"))
        return delay, fell, noticed


def _overdue(desk: FenghuoProcess, incident_id: str) -> bool:
    return any(kind == "obligation_overdue" for _one, kind, _what in _fired(desk, {incident_id}))


@experiment("E17", "S: the clock on the wall jumps, and drifts", needs=("faketime",), minutes=3)
def clocks(run: Run) -> None:
    jumps = ("+2h", "-30m", "+1d", "-1d") if not run.is_short else ("-30m",)
    told = []
    for jump in jumps:
        delay, fell, noticed = _true_delay(run, f"jump{jump}", jump)
        run.progress(f"{jump}: {delay:+.1f} s")
        run.must(f"{jump}: no later than 5 s after its true time", delay <= 5, f"{delay:+.1f} s")
        run.must(f"{jump}: recorded_at never falls", not fell, fell[:3])
        run.must(f"{jump}: the jump stands in the log", noticed)
        told.append(f"{jump} {delay:+.1f} s")
    if not run.is_short:
        for speed in ("0.9", "1.1"):
            delay, fell, _noticed = _true_delay(run, f"drift{speed}", "", start=f"+0 x{speed}", in_s=60)
            run.faults += 1
            run.must(f"drift ×{speed}: no later than 5 s after its true time", delay <= 5, f"{delay:+.1f} s")
            run.must(f"drift ×{speed}: recorded_at never falls", not fell, fell[:3])
            told.append(f"clock ×{speed} {delay:+.1f} s")
    try:
        late, _fell, _noticed = _true_delay(run, "control", "-30m", program=careless("pace=wall"))
    except AssertionError:
        late = 25.0
    run.control("by the wall's clock alone it comes half an hour late", late > 5, f"{late:.1f} s")
    run.line(
        f"S deadline against true time: {', '.join(told)}; recorded_at fell 0; by the wall alone > "
        f"{late:.0f} s"
    )
