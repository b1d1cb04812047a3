"""Measures the product on this machine and prints a table; see `scripts/bench --help`.

Only ratios of one run mean much on a machine that others use: `waited` is the share of the time in which the
server could have run, but somebody else had the processor.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from measure import desk, durable, moving, pages, records, tablets, wire, years
from measure.compiled import throw_away
from measure.figures import median_of

GOALS = {"answer_p99_ms": 100.0, "last_p99_ms": 250.0}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(title: str, rows: Sequence[dict[str, Any]], columns: Iterable[str]) -> str:
    """Rows of figures under their names, each column as wide as it needs."""
    names = [name for name in columns if any(name in row for row in rows)]
    cells = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join([title, *lines, ""])


def measure_listeners(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """(a) and (b): the product in four settings, in turns."""
    server = desk.start_desk(folder / "listeners")
    runs: dict[str, list[dict[str, Any]]] = {}

    def run(name: str, target: desk.Target, **bad: int) -> None:
        say(f"bench: {name}, {asked.listeners} listeners, {asked.rate:g} writes/s, {asked.seconds:g} s")
        figures = desk.fan_out(target, rate=asked.rate, seconds=asked.seconds, **bad)
        runs.setdefault(name, []).append({**figures, "server": name})

    try:
        for _ in range(asked.runs):
            run("one stream", desk.at_desk(server, asked.listeners, spread=False))
            run("one stream, bad", desk.at_desk(server, asked.listeners, spread=False), frozen=1, crawling=1)
            run("seven streams", desk.at_desk(server, asked.listeners, spread=True))
            run("seven, bad", desk.at_desk(server, asked.listeners, spread=True), frozen=1, crawling=1)
    finally:
        server.stop()
    return {"listeners": [median_of(of_one) for of_one in runs.values()]}


def measure_writes(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """(c): how many durable writes so many writers get answered."""
    server = desk.start_desk(folder / "writes")
    rows = []
    try:
        target = desk.at_desk(server, 0, spread=False)
        for writers in (1, 8, 64):
            say(f"bench: {writers} writers")
            runs = [
                desk.durable_writes(target, writers=writers, seconds=asked.seconds / 2)
                for _ in range(asked.runs)
            ]
            rows.append(median_of(runs))
    finally:
        server.stop()
    return {"writes": rows}


def measure_durable(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What of that is the disk's, what the store's, what the wire's: on both databases, beside controls."""
    return durable.measure(asked.runs, asked.seconds / 4, folder / "durable", say)


def measure_records(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """(d) and (e): verification, and starting with years of closed incidents."""
    say(f"bench: a log of {asked.entries} entries is written and verified")
    records.in_a_process_of_its_own("write", folder / "log", asked.entries)
    verified = median_of(
        [records.in_a_process_of_its_own("verify", folder / "log") for _ in range(asked.runs)]
    )
    started = []
    for incidents in (0, asked.closed // 10, asked.closed):
        say(f"bench: a desk with {incidents} closed incidents starts")
        records.in_a_process_of_its_own("close", folder / f"closed-{incidents}", incidents)
        runs = [records.starting(folder / f"closed-{incidents}") for _ in range(asked.runs)]
        started.append({"closed_incidents": incidents, **median_of(runs)})
    return {"verify": [verified], "starting": started}


def measure_years(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """(f): a desk with the incidents of years."""
    sizes = [int(size) for size in asked.incidents.split(",")]
    at = Path(asked.keep) if asked.keep else folder
    return years.measure(
        sizes,
        at,
        still_open=asked.open,
        rounds=asked.rounds,
        postgres=asked.postgres,
        only=asked.only,
        without=asked.without,
        say=say,
    )


def measure_pages(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """(g): every page with so many open incidents."""
    return pages.measure(folder, still_open=asked.open, rounds=asked.rounds, say=say)


def measure_map(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """(h): so many positions that move, on the map of a desk and of a wall."""
    return moving.measure(folder, asked.movers, asked.runs, asked.seconds / 2, say)


def measure_field(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """(i): the field tablet in a browser."""
    return tablets.measure(folder, runs=asked.runs, hours=asked.hours, speed=asked.speed, say=say)


COLUMNS = {
    "map": moving.COLUMNS,
    "listeners": (
        "server", "listeners", "entries", "incomplete", "answer_p50_ms", "answer_p99_ms", "last_p50_ms",
        "last_p99_ms", "last_worst_ms", "cpu", "cpu_s_per_million", "waited", "listeners_cpu", "rss_mb",
    ),
    "writes": (
        "writers", "writes", "refused", "per_s", "answer_p50_ms", "answer_p99_ms", "cpu_us_per_write",
        "cpu", "waited",
    ),
    "verify": ("entries", "faults", "per_s", "per_cpu_s", "rss_mb"),
    "starting": ("closed_incidents", "ready_s", "rss_mb"),
    **durable.COLUMNS,
    **pages.COLUMNS,
    **tablets.COLUMNS,
    **wire.COLUMNS,
}  # fmt: skip
TITLES = {
    "map": moving.TITLE,
    "listeners": "Listeners: answer and entry to last listener, from when a command was due",
    "writes": "Durable writes through HTTP, each writer waiting for its answer",
    "verify": "Verification of a log of every kind of command",
    "starting": "From starting the process to the first 200 of /readyz",
    **durable.TITLES,
    **pages.TITLES,
    **tablets.TITLES,
    **wire.TITLES,
}


DEFAULT = ["fanout", "idle", "stalled", "mixed", "storm", "listeners", "writes", "durable", "records"]


def main() -> int:
    options = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    options.add_argument("what", nargs="*", default=DEFAULT)
    options.add_argument("--listeners", type=int, default=1_000)
    options.add_argument("--rate", type=float, default=50.0, help="writes a second (50)")
    options.add_argument("--seconds", type=float, default=20.0, help="of each measurement (20)")
    options.add_argument("--runs", type=int, default=3, help="the median of so many is shown (3)")
    options.add_argument("--entries", type=int, default=100_000, help="of the log to be verified")
    options.add_argument("--closed", type=int, default=5_000, help="closed incidents to start with")
    options.add_argument("--incidents", default="10000,100000,1000000", help="of years: numbers of incidents")
    options.add_argument("--open", type=int, default=500, help="of years and pages: incidents that are open")
    options.add_argument("--rounds", type=int, default=100, help="of years and pages: how often")
    options.add_argument("--only", default="", help="of years: questions whose names contain this")
    options.add_argument("--without", default="", help="of years: and do not contain this")
    options.add_argument("--keep", help="of years: a folder for its databases, to be used again")
    options.add_argument("--movers", type=int, default=500, help="of map: positions that move (500)")
    options.add_argument("--postgres", action="store_true", help="of years: on PostgreSQL instead of SQLite")
    options.add_argument("--hours", type=int, default=8, help="of field: the shift's (8)")
    options.add_argument("--speed", type=float, default=60.0, help="of field: how much faster it passes (60)")
    wire.add_options(options)
    options.add_argument("--quick", action="store_true", help="once, short and small: a minute in all")
    options.add_argument("--json", action="store_true", help="the figures as one JSON object")
    asked = options.parse_args()
    if asked.quick:
        asked.runs, asked.seconds, asked.entries, asked.closed = 1, 5.0, 5_000, 500
        asked.incidents, asked.rounds = "500,2000", 20
        asked.hours, asked.speed = 2, 120.0
        wire.be_quick(asked)
    parts = {
        "listeners": measure_listeners, "writes": measure_writes, "durable": measure_durable,
        "records": measure_records, "years": measure_years,
        "pages": measure_pages, "map": measure_map, "field": measure_field, **wire.parts(say),
    }  # fmt: skip
    if unknown := sorted(set(asked.what) - set(parts)):
        options.error(f"no such measurement: {', '.join(unknown)}; there are {', '.join(parts)}")
    found: dict[str, Any] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder:
            for what in asked.what:
                found |= parts[what](asked, Path(folder))
    finally:
        throw_away()
    if asked.json:
        print(json.dumps(found, indent=1))
        return 0
    for name, columns in (COLUMNS | years.COLUMNS).items():
        if name in found:
            print(table((TITLES | years.TITLES)[name], found[name], columns or found[name][0]))
    for row in found.get("listeners", []):
        missed = [f"{name} {row[name]} > {most:g}" for name, most in GOALS.items() if row[name] > most]
        print(f"{row['server']}: " + ("; ".join(missed) if missed else "within the goals"))
    print("\n".join(wire.verdicts(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
