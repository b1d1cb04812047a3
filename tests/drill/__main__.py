"""`scripts/drill` runs this: chooses experiments, runs them one after another, and says what they showed."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.drill import catalogue
from tests.drill.experiment import EXPERIMENTS, Experiment, Run
from tests.drill.machine import lacking
from tests.product import RUNNING


def main() -> int:
    options = argparse.ArgumentParser(
        prog="scripts/drill", description="Makes faults on purpose and shows what holds all the same."
    )
    options.add_argument("names", nargs="*", metavar="E04", help="which experiments; all without any")
    options.add_argument("--short", action="store_true", help="the form that the tests run: seconds each")
    options.add_argument("--json", action="store_true", help="one JSON line for each experiment")
    options.add_argument("--list", action="store_true", help="what there is, and what is lacking for it here")
    options.add_argument("--seed", type=int, default=int(time.time()), help="of all chance; it is printed")
    options.add_argument("--no-install", action="store_true", help="do not apt-get what an experiment lacks")
    asked = options.parse_args()
    catalogue.load()
    unknown = [name for name in asked.names if name.upper() not in EXPERIMENTS]
    if unknown:
        options.error(f"no experiment {', '.join(unknown)}; there are {', '.join(sorted(EXPERIMENTS))}")
    chosen = [EXPERIMENTS[name.upper()] for name in asked.names] or [
        EXPERIMENTS[n] for n in sorted(EXPERIMENTS)
    ]
    if asked.list or not asked.names:
        for one in chosen:
            print(f"{one.name}  {one.title} (full form about {one.minutes:g} min)", file=sys.stderr)
    if asked.list:
        return 0
    print(f"seed {asked.seed}", file=sys.stderr)
    outcomes = [_run(one, asked) for one in chosen]
    bad = [one.name for one, good in zip(chosen, outcomes, strict=True) if good is False]
    left_out = [one.name for one, good in zip(chosen, outcomes, strict=True) if good is None]
    if len(chosen) > 1:
        print(
            f"{outcomes.count(True)} of {len(chosen)} experiments are good"
            + (f"; NOT WELL: {', '.join(bad)}" if bad else "")
            + (f"; left out: {', '.join(left_out)}" if left_out else ""),
            file=sys.stderr,
        )
    return 1 if bad or (left_out and os.environ.get("CI") == "true") else 0


def _run(one: Experiment, asked: argparse.Namespace) -> bool | None:
    """Whether it is good; None when this machine cannot do it."""
    if missing := lacking(one.needs, may_install=not asked.no_install):
        print(f"{one.name} LEFT OUT: {'; '.join(missing)}", file=sys.stderr, flush=True)
        return None
    with tempfile.TemporaryDirectory(prefix="fenghuo-drill-") as folder:
        run = Run(one.name, Path(folder), is_short=asked.short, seed=asked.seed)
        run.progress(one.title)
        try:
            one.way(run)
        except Exception as failure:
            traceback.print_exc()
            run.broken.append(f"it ended early: {failure!r}"[:600])
        finally:
            for desk in list(RUNNING):
                desk.kill9()
        problems = run.judged()
    if asked.json:
        print(run.as_json(problems), flush=True)
    else:
        for line in run.lines:
            print(f"{one.name} {line}", flush=True)
        word = "NOT WELL" if problems else "ok"
        print(
            f"{one.name} {word}: {run.faults} faults, {run.musts} things must hold, {run.controls} "
            f"controls, {time.monotonic() - run.began:.0f} s",
            flush=True,
        )
    for problem in problems:
        print(f"{one.name} NOT WELL: {problem}", file=sys.stderr, flush=True)
    return not problems


if __name__ == "__main__":
    sys.exit(main())
