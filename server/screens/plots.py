"""Where the marks of a plot stand, in the units of its own drawing; the template puts them there. Pure.

Nothing is said by colour alone: what was met is filled, what was missed is hatched, and each has its figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.domain.rates import Ratio, Spread

HEIGHT, STEP, WIDE = 120, 50, 30
LONG, ROW = 420, 34


@dataclass(frozen=True, slots=True)
class Column:
    """A month: of the whole column the lower part was met."""

    x: float
    middle: float
    top: float
    met_top: float
    met_height: float
    missed_height: float
    met: int
    of: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A stage: as long as its median, with a mark where nine of ten were done."""

    name: str
    y: float
    length: float
    p90: float | None
    spread: Spread


def columns(ratios: Sequence[Ratio]) -> list[Column]:
    most = max((one.of for one in ratios), default=0) or 1
    made = []
    for index, one in enumerate(ratios):
        met, missed = (round(HEIGHT * part / most, 1) for part in (one.met, one.missed))
        x = index * STEP + (STEP - WIDE) / 2
        top = round(HEIGHT - met - missed, 1)
        made.append(Column(x, x + WIDE / 2, top, round(HEIGHT - met, 1), met, missed, one.met, one.of))
    return made


def bars(stages: Mapping[str, Spread]) -> list[Bar]:
    longest = max((one.p90_s or one.median_s or 0 for one in stages.values()), default=0) or 1
    return [
        Bar(
            name,
            index * ROW,
            round(LONG * (one.median_s or 0) / longest, 1),
            None if one.p90_s is None else round(LONG * one.p90_s / longest, 1),
            one,
        )
        for index, (name, one) in enumerate(stages.items())
    ]
