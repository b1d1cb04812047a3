"""What an experiment is, and what it has to show before it counts as done.

An experiment makes faults, says what must hold in spite of them, and repeats the fault with the safety off:
that control must do harm, or the experiment proves nothing. A run that made no fault has failed, too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Way = Callable[["Run"], None]


@dataclass(frozen=True)
class Experiment:
    """`needs` are programs and rights that this machine must have (`tests/drill/machine.py`)."""

    name: str
    title: str
    way: Way
    needs: tuple[str, ...] = ()
    minutes: float = 1.0  # of the full form on two cores


EXPERIMENTS: dict[str, Experiment] = {}


def experiment(
    name: str, title: str, *, needs: Iterable[str] = (), minutes: float = 1.0
) -> Callable[[Way], Way]:
    """Put a function into the list of experiments."""

    def enlist(way: Way) -> Way:
        assert name not in EXPERIMENTS, name
        EXPERIMENTS[name] = Experiment(name, title, way, tuple(needs), minutes)
        return way

    return enlist


class Unshown(AssertionError):
    """An experiment that did not show what it must show."""


@dataclass
class Run:
    """One run of an experiment: its figures, its faults, and what did not hold."""

    name: str
    folder: Path
    is_short: bool = False
    seed: int = 1
    faults: int = 0  # really injected
    lines: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    musts: int = 0
    controls: int = 0
    broken: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _said_at: float = field(default_factory=time.monotonic)

    def scale(self, full: int, short: int) -> int:
        return short if self.is_short else full

    def must(self, words: str, held: object, seen: object = "") -> None:
        """Something that has to hold; what was seen instead, for the reader."""
        self.musts += 1
        if not held:
            self.broken.append(f"does not hold: {words}" + (f" (seen: {seen})" if seen != "" else ""))

    def control(self, words: str, harm: object, seen: object = "") -> None:
        """The same fault with a safety off, or a planted one: it has to do harm, or be found."""
        self.controls += 1
        if not harm:
            self.broken.append(
                f"the control did no harm: {words}" + (f" (seen: {seen})" if seen != "" else "")
            )

    def line(self, text: str, **figures: Any) -> None:
        """The result in one line, and its figures for programs."""
        self.lines.append(text)
        self.figures |= figures

    def progress(self, text: str) -> None:
        """For who waits. To standard error: the result stands alone on standard output."""
        print(f"  {self.name} {time.monotonic() - self.began:5.0f} s  {text}", file=sys.stderr, flush=True)

    def tell(self, text: Callable[[], str], every_s: float = 15.0) -> None:
        """The same, but not more often than that."""
        if time.monotonic() - self._said_at > every_s:
            self._said_at = time.monotonic()
            self.progress(text())

    def judged(self) -> list[str]:
        """Everything that is wrong with this run; it is good when nothing is."""
        wrong = list(self.broken)
        if not self.faults:
            wrong.append("no fault was made, so nothing is shown")
        if not self.controls:
            wrong.append("no control was tried, so nothing is shown")
        if not self.musts:
            wrong.append("nothing was held against anything")
        return wrong

    def as_json(self, problems: list[str]) -> str:
        return json.dumps(
            {
                "experiment": self.name,
                "ok": not problems,
                "short": self.is_short,
                "seed": self.seed,
                "faults": self.faults,
                "musts": self.musts,
                "controls": self.controls,
                "problems": problems,
                "seconds": round(time.monotonic() - self.began, 1),
                "lines": self.lines,
                **self.figures,
            },
            ensure_ascii=False,
        )


def short_form(name: str, folder: Path, seed: int = 1) -> Run:
    """What `scripts/test` does: the short form of an experiment, which must be good."""
    run = Run(name, folder, is_short=True, seed=seed)
    EXPERIMENTS[name].way(run)
    print("\n".join(f"{name} {line}" for line in run.lines))
    if wrong := run.judged():
        raise Unshown("; ".join(wrong))
    return run


def percentile(values: Iterable[float], share: float) -> float:
    """The value that so many of a hundred do not exceed; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] if ordered else 0.0
