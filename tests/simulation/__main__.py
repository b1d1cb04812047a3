"""python -m tests.simulation FIRST END: for each seed a line: its trace, and what was wrong with it."""

from __future__ import annotations

import json
import sys

from tests.simulation.disk import Disk
from tests.simulation.judge import judged


def main(first: int, end: int) -> int:
    disk, bad = Disk(), 0
    for seed in range(first, end):
        found = judged(seed, disk)
        bad += bool(found.wrong)
        told = {"acked": found.acked, "faults": dict(found.faults), "wrong": found.wrong[:3]}
        print(seed, found.trace, json.dumps(told, ensure_ascii=False), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
