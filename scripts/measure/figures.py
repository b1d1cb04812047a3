"""Figures of one measurement, and what a process used meanwhile."""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TICK_S = 0.01  # of /proc/…/stat
BODY_BYTES = 600  # of what is told to all


def tell(found: Mapping[str, Any]) -> None:
    """One line for whoever started this process. Not print: unbuffered, it forgets what a full pipe left."""
    line = memoryview(json.dumps(found).encode() + b"\n")
    sys.stdout.flush()
    while line:
        line = line[os.write(sys.stdout.fileno(), line) :]


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def times(name: str, values: Sequence[float]) -> dict[str, float]:
    """p50, p99 and the worst of some seconds, in milliseconds."""
    milliseconds = [value * 1e3 for value in values]
    return {
        f"{name}_p50_ms": round(quantile(milliseconds, 0.5), 1),
        f"{name}_p99_ms": round(quantile(milliseconds, 0.99), 1),
        f"{name}_worst_ms": round(max(milliseconds, default=float("nan")), 1),
    }


def median_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figure by figure; what is no number stays as in the first run."""
    first = dict(runs[0])
    for name, value in first.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            middle = statistics.median(run[name] for run in runs)
            first[name] = round(middle) if isinstance(value, int) else round(middle, 3)
    return first


@dataclass(frozen=True)
class Usage:
    """CPU seconds of a process so far, and seconds in which it could have run but others ran."""

    cpu_s: float
    waited_s: float

    @classmethod
    def of(cls, pid: int) -> Usage:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        waited = 0
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            waited += int(task.read_text().split()[1])
        return cls((int(fields[11]) + int(fields[12])) * TICK_S, waited / 1e9)

    def since(self, before: Usage) -> Usage:
        return Usage(self.cpu_s - before.cpu_s, self.waited_s - before.waited_s)


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return float("nan")
