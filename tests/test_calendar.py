"""The calendar of holidays and make-up workdays: as published, and unknown where nothing is published."""

from __future__ import annotations

from datetime import date

import pytest

from server.config.calendar_file import (
    BadCalendar,
    default_calendar,
    load_calendar_or_default,
    parse_calendar,
)
from server.domain.workdays import days

CALENDAR = default_calendar()
# What the notices say in sum: days off and make-up workdays of each year.
PUBLISHED = {2025: (28, 5), 2026: (33, 6)}


@pytest.mark.parametrize("year", PUBLISHED)
def test_a_published_year_has_the_days_that_the_notice_has(year: int) -> None:
    kinds = [CALENDAR.day(day).kind for day in days(date(year, 1, 1), date(year, 12, 31))]
    assert (kinds.count("holiday"), kinds.count("makeup")) == PUBLISHED[year]
    assert "unknown" not in kinds
    assert "国务院办公厅" in CALENDAR.years[year].source


@pytest.mark.parametrize(
    ("day", "kind", "name"),
    [
        ("2026-02-14", "makeup", ""),
        ("2026-02-15", "holiday", "春节"),
        ("2026-02-23", "holiday", "春节"),
        ("2026-02-24", "workday", ""),
        ("2026-02-28", "makeup", ""),
        ("2026-09-20", "makeup", ""),
        ("2026-10-07", "holiday", "国庆节"),
        ("2026-10-10", "makeup", ""),
        ("2026-11-21", "weekend", ""),
        ("2026-11-23", "workday", ""),
        ("2024-12-31", "unknown", ""),
        ("2027-01-01", "unknown", ""),
        ("2027-10-01", "unknown", ""),
    ],
)
def test_days_are_what_they_are_and_unpublished_years_are_not_guessed(day: str, kind: str, name: str) -> None:
    assert CALENDAR.day(date.fromisoformat(day))[:2] == (kind, name)


def test_it_is_said_which_years_are_not_published() -> None:
    assert CALENDAR.unknown(date(2026, 12, 1), date(2028, 1, 1)) == [2027, 2028]
    assert CALENDAR.unknown(date(2026, 1, 1), date(2026, 12, 31)) == []


GOOD = """years:
  - year: 2027
    source: 国务院办公厅
    holidays:
      - {name: 元旦, name_en: New Year, first: "2027-01-01", last: "2027-01-03"}
    workdays: ["2027-01-09"]
"""


@pytest.mark.parametrize(
    ("was", "becomes", "line"),
    [
        ("2027-01-09", "2027-01-08", 2),  # a Friday is worked anyway
        ("2027-01-09", "2027-01-02", 2),  # a holiday is not
        ("2027-01-09", "2028-01-08", 2),
        ('last: "2027-01-03"', 'last: "2026-12-31"', 2),
        ('last: "2027-01-03"', 'last: "2027-02-30"', 5),
        ("year: 2027", "year: soon", 2),
        ("source: 国务院办公厅", "sauce: x", 2),
        ('2027-01-09"]', '2027-01-09"', 0),
    ],
)
def test_a_wrong_file_is_named_by_line_and_changes_nothing(
    was: str, becomes: str, line: int, tmp_path
) -> None:
    assert parse_calendar(GOOD).day(date(2027, 1, 2)).name == "元旦"
    (tmp_path / "calendar.yaml").write_text(GOOD.replace(was, becomes), encoding="utf-8")
    calendar, problems = load_calendar_or_default(tmp_path)
    assert calendar.years.keys() == CALENDAR.years.keys()
    assert problems
    assert not line or line in [one.line for one in problems]


def test_a_year_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(BadCalendar, match="twice"):
        parse_calendar(GOOD + GOOD.removeprefix("years:\n"))
