"""Figures of the one-hour rule, told apart and summed up. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median


@dataclass(frozen=True, slots=True)
class Counted:
    """An incident that counts, with everything by which figures are told apart."""

    incident_id: str
    number: str
    title: str
    unit: str
    desk: str
    category: str
    level: str
    month: str
    shift: str
    final: bool
    initial: bool
    passed: bool
    version: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """Met, of how many."""

    met: int = 0
    of: int = 0

    @property
    def missed(self) -> int:
        return self.of - self.met

    def rate(self, smallest: int) -> float | None:
        """None when there are too few to speak of a rate."""
        return self.met / self.of if self.of >= max(1, smallest) else None


@dataclass(frozen=True, slots=True)
class Pair:
    """The same incidents counted twice: by final level (核定口径), and as first judged (初判口径)."""

    final: Ratio
    initial: Ratio


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, of those that went that way. `p90`: nine of ten took no longer."""

    count: int
    median_s: float | None
    p90_s: float | None


def ratio(results: Iterable[bool]) -> Ratio:
    found = list(results)
    return Ratio(sum(found), len(found))


def pair(rows: Iterable[Counted]) -> Pair:
    found = list(rows)
    return Pair(
        ratio(one.passed for one in found if one.final), ratio(one.passed for one in found if one.initial)
    )


def told_apart(rows: Iterable[Counted], key: Callable[[Counted], str]) -> dict[str, Pair]:
    """By key, in the order of the keys."""
    parts: dict[str, list[Counted]] = {}
    for row in rows:
        parts.setdefault(key(row), []).append(row)
    return {name: pair(parts[name]) for name in sorted(parts)}


def spread(spans: Sequence[float], smallest: int) -> Spread:
    """The nearest rank, so that it is a span that somebody really took. Of too few there is no P90."""
    ordered = sorted(spans)
    if not ordered:
        return Spread(0, None, None)
    ninth = ordered[ceil(0.9 * len(ordered)) - 1] if len(ordered) >= max(1, smallest) else None
    return Spread(len(ordered), median(ordered), ninth)
