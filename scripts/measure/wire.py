"""The parts of `scripts/bench` about the wire: fanout, idle, stalled, mixed, storm; each with its goals."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import crowding, fanout, picture
from measure.figures import median_of

Say = Callable[[str], None]
SIZES = "1,500,2000,5000,10000"

COLUMNS = {
    "fanout": (
        "server", "listeners", "last_p50_ms", "last_p99_ms", "x_c_last", "cpu_s_per_million", "x_c_cpu",
        "saturated_per_s", "saturated_cpu_s_per_million", "x_joined_cpu", "idle_kb", "connects_per_s", "lost",
    ),
    "idle": ("listeners", "live", "kb_each", "connects_per_s"),
    "stalled": (
        "healthy", "stalled", "alone_p50_ms", "alone_p99_ms", "beside_p50_ms", "beside_p99_ms",
        "kb_per_stalled", "cut_off", "told_to_read_again", "complete",
    ),
    "mixed": (
        "listeners", "rate", "answers", "unanswered", "answer_p50_ms", "answer_p99_ms", "answer_worst_ms",
        "cpu", "gaps", "behind", "lost",
    ),
    "storm": (
        "listeners", "live_again_s", "live", "calm_answer_p99_ms", "answer_p50_ms", "answer_p99_ms",
        "answer_worst_ms", "answers", "unanswered", "gaps", "behind", "pages_read", "left_out",
    ),
}  # fmt: skip
TITLES = {
    "fanout": (
        "One message of 600 bytes to the last of all listeners, and 8 in flight; CPU seconds per million "
        "deliveries; x: against C, one send() per listener, or against what waits joined into one"
    ),
    "idle": "Memory of the whole product per listener to whom nothing happens",
    "stalled": "Listeners that stop reading: what the others notice, and what each of them costs",
    "mixed": "Commands answered durably while each goes to all of many listeners",
    "storm": "All listeners of a killed process return to another, while 50 commands a second are answered",
}


def add_options(options: argparse.ArgumentParser) -> None:
    options.add_argument("--sizes", default=SIZES, help=f"listeners of fanout ({SIZES})")
    options.add_argument("--servers", default="", help="of fanout: only these, separated by commas")
    options.add_argument(
        "--crowd", type=int, default=0, help="listeners of idle (10,000), mixed (2,000), storm (5,000)"
    )
    options.add_argument("--picture", type=Path, help="draw the figures of fanout into this SVG file")


def be_quick(asked: argparse.Namespace) -> None:
    asked.sizes, asked.crowd = "1,200", asked.crowd or 300


def parts(say: Say) -> dict[str, Callable[[argparse.Namespace, Path], dict[str, Any]]]:
    def measure_fanout(asked: argparse.Namespace, _folder: Path) -> dict[str, Any]:
        sizes = [int(size) for size in asked.sizes.split(",")]
        only = [name.strip() for name in asked.servers.split(",") if name.strip()]
        found = fanout.compare(sizes, asked.runs, asked.seconds / 10, say, only)
        if asked.picture is not None:
            asked.picture.write_text(picture.drawn(found["fanout"]), encoding="utf-8")
        return found

    def measure_idle(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
        return {"idle": [crowding.idle(asked.crowd or 10_000, folder, say)]}

    def measure_stalled(asked: argparse.Namespace, _folder: Path) -> dict[str, Any]:
        return {"stalled": [crowding.stalled(asked.seconds, say)]}

    def measure_mixed(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
        runs = [
            crowding.mixed(asked.crowd or 2_000, asked.seconds, folder / f"mixed-{run}", say)
            for run in range(asked.runs)
        ]
        return {"mixed": [median_of(runs)]}

    def measure_storm(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
        return {"storm": [crowding.storm(asked.crowd or 5_000, folder, say)]}

    return {
        "fanout": measure_fanout,
        "idle": measure_idle,
        "stalled": measure_stalled,
        "mixed": measure_mixed,
        "storm": measure_storm,
    }


def verdicts(found: dict[str, Any]) -> list[str]:
    """What was left out, and of each part whether it reached what it is to reach."""
    lines = [f"left out: {name} ({remedy})" for name, remedy in found.get("left_out", {}).items()]
    for row in found.get("fanout", []):
        if row["lost"]:
            lines.append(f"{row['server']} with {row['listeners']} listeners: {row['lost']} lost")
    if any(row["listeners"] == 5_000 for row in found.get("fanout", [])):
        lines.append(_verdict("fanout to 5,000", fanout.missed(found["fanout"])))
    for row in found.get("idle", []):
        lines.append(_verdict("idle", [f"{row['kb_each']} KB > 30"] if row["kb_each"] > 30 else []))
    for row in found.get("stalled", []):
        wrong = [] if row["complete"] and row["cut_off"] == row["stalled"] else ["not cut off and complete"]
        wrong += [f"{row['kb_per_stalled']} KB > 1024"] if row["kb_per_stalled"] > 1024 else []
        lines.append(_verdict("stalled", wrong))
    for row in found.get("mixed", []):
        wrong = [f"{name} {row[name]}" for name in ("gaps", "behind", "lost", "unanswered") if row[name]]
        wrong += [f"answers p99 {row['answer_p99_ms']} ms > 50"] if row["answer_p99_ms"] > 50 else []
        lines.append(_verdict("mixed", wrong))
    for row in found.get("storm", []):
        if "left_out" not in row:
            wrong = [f"{name} {row[name]}" for name in ("gaps", "behind", "unanswered") if row[name]]
            wrong += [f"live after {row['live_again_s']} s > 20"] if row["live_again_s"] > 20 else []
            wrong += [f"answers p99 {row['answer_p99_ms']} ms > 1000"] if row["answer_p99_ms"] > 1000 else []
            lines.append(_verdict("storm", wrong))
    return lines


def _verdict(what: str, wrong: list[str]) -> str:
    return f"{what}: " + ("; ".join(wrong) if wrong else "within the goals")
