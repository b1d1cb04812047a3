"""Durable writes on both databases: what a commit costs over HTTP, in batches, and in the store alone.

Each figure stands beside its control, measured in turns: the same server with its writing left out
(`measure.unwritten`), the bare loop that commits the same rows on the same disk (`measure.group`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from measure import desk
from measure.figures import median_of
from tests.product import ROOT, FenghuoProcess
from tests.servers import Postgres, find_postgres

Figures = dict[str, Any]
WRITERS = (1, 8, 64)
BATCH, SENDERS = 100, 8
UNWRITTEN = (sys.executable, "-m", "measure.unwritten")
#: The least that each should be: shares of their controls, and commands a second in batches.
WRITTEN_TO_DECIDED, STORE_TO_BARE = 0.6, 0.25
IN_BATCHES = {"sqlite": 3_000, "postgresql": 2_000}

COLUMNS = {
    "durable": (
        "database", "what", "writers", "batch", "per_s", "answer_p50_ms", "answer_p99_ms", "refused",
        "cpu_us_per_write", "cpu", "waited",
    ),
    "alone": (
        "database", "what", "writers", "in_a_group", "per_s", "answer_p50_ms", "answer_p99_ms",
        "commit_p50_ms", "commit_p99_ms", "cpu_us",
    ),
    "durable_goals": ("database", "what", "value", "goal", "reached"),
}  # fmt: skip
TITLES = {
    "durable": "Durable writes over HTTP, and the same server that decides them and writes nothing",
    "alone": "The store alone, in process, and a bare loop that commits the same rows in groups",
    "durable_goals": "What durable writes should reach",
}


@dataclass(frozen=True)
class Bench:
    """One database under measurement."""

    name: str
    fresh: Callable[[], str | None]  # the URL of a new database of its own; None is a folder's
    folder: Path
    runs: int
    seconds: float
    say: Callable[[str], None]


def measure(runs: int, seconds: float, folder: Path, say: Callable[[str], None]) -> Figures:
    """All of it, SQLite first. Each row is the median of its runs."""
    found: Figures = {name: [] for name in COLUMNS}
    for name, fresh in databases(say):
        bench = Bench(name, fresh, folder / name, runs, seconds, say)
        for part in (over_http, alone):
            for table, rows in part(bench).items():
                found[table] += rows
    return found


def databases(say: Callable[[str], None]) -> Iterator[tuple[str, Callable[[], str | None]]]:
    yield "sqlite", lambda: None
    if find_postgres() is None:
        say("bench: no PostgreSQL on this machine; left out")
        return
    with Postgres() as server:

        def fresh() -> str:
            name = f"fenghuo_bench_{uuid4().hex[:12]}"
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')  # type: ignore[arg-type]
            return server.url.rpartition("/")[0] + "/" + name

        yield "postgresql", fresh


def _goal(bench: Bench, what: str, value: float, goal: float) -> Figures:
    return {"database": bench.name, "what": what, "value": value, "goal": goal, "reached": value >= goal}


# ---------------------------------------------------------------- over HTTP


@contextmanager
def a_desk(bench: Bench, which: str) -> Iterator[desk.Target]:
    program = FenghuoProcess.program if which == "written" else UNWRITTEN
    server = desk.start_desk(bench.folder / which, bench.fresh(), program)
    try:
        yield desk.at_desk(server, 0, spread=False)
    finally:
        server.stop()


def over_http(bench: Bench) -> Figures:
    """Single commands and ordered batches, each writer waiting for its answer."""
    asked = (*((writers, 1) for writers in WRITERS), (SENDERS, BATCH))
    rows: dict[tuple[str, int, int], list[Figures]] = {}
    with a_desk(bench, "written") as written, a_desk(bench, "decided") as decided:
        for run in range(bench.runs):
            for writers, batch in asked:
                for which, target in (("written", written), ("decided", decided)):
                    bench.say(f"bench: {bench.name}, {which}, {writers} writers of {batch}, run {run + 1}")
                    figures = desk.durable_writes(
                        target, writers=writers, seconds=bench.seconds, batch=batch if batch > 1 else 0
                    )
                    rows.setdefault((which, writers, batch), []).append(figures)
    medians = {which: median_of(figures) for which, figures in rows.items()}
    shown = [
        {"database": bench.name, "what": which, "batch": batch, **figures}
        for (which, _writers, batch), figures in medians.items()
    ]
    share = medians["written", 64, 1]["per_s"] / max(1, medians["decided", 64, 1]["per_s"])
    in_batches = medians["written", SENDERS, BATCH]["per_s"]
    goals = [
        _goal(bench, "64 writers: written / only decided", round(share, 2), WRITTEN_TO_DECIDED),
        _goal(bench, f"commands/s in batches of {BATCH}", in_batches, IN_BATCHES[bench.name]),
    ]
    return {"durable": shown, "durable_goals": goals}


# ---------------------------------------------------------------- the store alone


def alone(bench: Bench) -> Figures:
    """The store in a process of its own, and after it the bare loop with what the store had written."""
    rows: dict[tuple[str, int], list[Figures]] = {}
    for run in range(bench.runs):
        for writers in WRITERS:
            bench.say(f"bench: {bench.name}, the store alone, {writers} writers, run {run + 1}")
            place = bench.folder / f"alone-{run}-{writers}"
            place.mkdir(parents=True)
            store, bare = (bench.fresh() or f"sqlite:///{place}/{name}.db" for name in ("store", "bare"))
            most = round(8_000 * bench.seconds)
            rows.setdefault(("store", writers), []).append(
                _group("store", store, writers, bench.seconds, most)
            )
            rows.setdefault(("bare loop", writers), []).append(_group("bare", bare, store, writers))
            shutil.rmtree(place)
    medians = {which: median_of(figures) for which, figures in rows.items()}
    shown = [
        {"database": bench.name, "what": which, "writers": writers, **figures}
        for (which, writers), figures in medians.items()
    ]
    share = medians["store", 64]["per_s"] / medians["bare loop", 64]["per_s"]
    goal = _goal(bench, "64 writers: store alone / bare loop", round(share, 2), STORE_TO_BARE)
    return {"alone": shown, "durable_goals": [goal]}


def _group(*asked: Any) -> Figures:
    """In a process of its own: nothing that ran before is in its way."""
    command = [sys.executable, "-m", "measure.group", *map(str, asked)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))
