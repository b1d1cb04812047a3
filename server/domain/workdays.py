"""Workdays, weekends, public holidays and make-up workdays (调休), as published for a year. Pure.

What is not published yet is unknown: whether a day of that year is worked is not guessed from its weekday.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, NamedTuple

Kind = Literal["workday", "weekend", "holiday", "makeup", "unknown"]
SATURDAY = 5


class Day(NamedTuple):
    """What a day is; a holiday has its names."""

    kind: Kind
    name: str = ""
    name_en: str = ""

    @property
    def is_free(self) -> bool:
        return self.kind in ("weekend", "holiday")


@dataclass(frozen=True, slots=True)
class Year:
    """One year as it was published."""

    year: int
    source: str
    holidays: Mapping[date, tuple[str, str]]
    makeup: frozenset[date]


class Calendar:
    """The years that are known."""

    def __init__(self, years: Iterable[Year]) -> None:
        self.years = {one.year: one for one in years}

    def day(self, day: date) -> Day:
        year = self.years.get(day.year)
        if year is None:
            return Day("unknown")
        if day in year.holidays:
            return Day("holiday", *year.holidays[day])
        if day in year.makeup:
            return Day("makeup")
        return Day("weekend" if day.weekday() >= SATURDAY else "workday")

    def unknown(self, first: date, last: date) -> list[int]:
        """The years between two days that nobody has published yet."""
        return [year for year in range(first.year, last.year + 1) if year not in self.years]


def days(first: date, last: date) -> list[date]:
    """Every day from first to last, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
