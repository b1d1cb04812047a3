"""The roster as its page prints it: a year in one look, a month day by day, days without anybody. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from schemas.fields import parse_instant
from server.domain.units import Rank
from server.domain.workdays import Calendar, Day, days
from server.screens.wording import BEIJING, Wording

#: Posts that a standard asks for at a desk (DB3713/T 309-2023, another locality's: a hint, never a bar).
LEAST_POSTS = {Rank.CITY: 4, Rank.COUNTY: 3}
#: So many days ahead a day without anybody is worth a line.
LOOK_AHEAD = 30


@dataclass(frozen=True, slots=True)
class ShiftLine:
    """A shift as a row: its hours in words, who is on, what it lacks by the standard."""

    raw: dict[str, Any]
    hours: str
    state: str  # planned, on, over
    is_short: bool


@dataclass(frozen=True, slots=True)
class DayLine:
    """A day of the month with the shifts that begin on it."""

    date: date
    kind: str
    name: str
    weekday: str
    is_today: bool
    is_past: bool
    is_covered: bool
    shifts: tuple[ShiftLine, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of the year."""

    date: date
    kind: str
    is_today: bool
    cover: str  # none, part, all


def month_lines(
    shown: Sequence[dict[str, Any]],
    month: date,
    now: datetime,
    calendar: Calendar,
    wording: Wording,
    rank: Rank | None,
    current: str | None,
) -> list[DayLine]:
    today = now.astimezone(BEIJING).date()
    by_day: dict[date, list[ShiftLine]] = {}
    for raw in shown:
        began = parse_instant(raw["starts_at"]).astimezone(BEIJING).date()
        by_day.setdefault(began, []).append(shift_line(raw, wording, rank, current, now))
    covered = coverage(shown, *month_of(month))
    return [
        DayLine(
            date=day,
            kind=(kind := calendar.day(day)).kind,
            name=day_name(kind, wording),
            weekday=wording.say(f"weekday.{day.isoweekday()}"),
            is_today=day == today,
            is_past=day < today,
            is_covered=covered.get(day, "none") == "all",
            shifts=tuple(by_day.get(day, ())),
        )
        for day in days(*month_of(month))
    ]


def month_of(month: date) -> tuple[date, date]:
    return month.replace(day=1), month.replace(day=monthrange(month.year, month.month)[1])


def day_name(day: Day, wording: Wording) -> str:
    if day.kind == "holiday":
        return day.name_en if wording.lang == "en" else day.name
    return wording.say(f"day.{day.kind}") if day.kind in ("makeup", "unknown") else ""


def shift_line(
    raw: dict[str, Any], wording: Wording, rank: Rank | None, current: str | None, now: datetime
) -> ShiftLine:
    least = LEAST_POSTS.get(rank, 0) if rank else 0
    state = "on" if raw["shift_id"] == current else "over" if raw["ended_at"] else "planned"
    return ShiftLine(raw, hours(raw, wording), state, len(raw["posts"]) < least)


def hours(raw: dict[str, Any], wording: Wording) -> str:
    """08:30–次日08:30."""
    starts, ends = (parse_instant(raw[name]).astimezone(BEIJING) for name in ("starts_at", "ends_at"))
    gap = (ends.date() - starts.date()).days
    slug = "shift.hours" if gap == 0 else "shift.hours_next" if gap == 1 else "shift.hours_days"
    return wording.say(slug, first=starts.strftime("%H:%M"), last=ends.strftime("%H:%M"), days=gap)


def coverage(shown: Sequence[dict[str, Any]], first: date, last: date) -> dict[date, str]:
    """How much of each Beijing day has somebody planned: none, part, all. `shown` in order."""
    held = dict.fromkeys(days(first, last), 0.0)
    for one in shown:  # each touches a day or two of the year
        start, end = parse_instant(one["starts_at"]), parse_instant(one["ends_at"])
        day = max(start.astimezone(BEIJING).date(), first)
        while day <= last and (begins := datetime.combine(day, time(), BEIJING)) < end:
            held[day] += (min(end, begins + timedelta(days=1)) - max(start, begins)).total_seconds()
            day += timedelta(days=1)
    return {day: "all" if many >= 86_400 else "part" if many > 0 else "none" for day, many in held.items()}


def year_cells(
    shown: Sequence[dict[str, Any]], year: int, now: datetime, calendar: Calendar
) -> list[list[Cell]]:
    """Twelve rows of days."""
    today = now.astimezone(BEIJING).date()
    covered = coverage(shown, date(year, 1, 1), date(year, 12, 31))
    return [
        [
            Cell(day, calendar.day(day).kind, day == today, covered[day])
            for day in days(*month_of(date(year, month, 1)))
        ]
        for month in range(1, 13)
    ]


def bare_days(shown: Sequence[dict[str, Any]], now: datetime) -> list[date]:
    """The days ahead that nobody, or not everybody needed, is planned for."""
    today = now.astimezone(BEIJING).date()
    covered = coverage(shown, today + timedelta(days=1), today + timedelta(days=LOOK_AHEAD))
    return [day for day, cover in covered.items() if cover != "all"]


def people_text(raw: dict[str, Any], wording: Wording) -> str:
    """A shift's people as lines that can be edited and read again."""
    people = [(wording.term("shift_post", one["post"]), one) for one in raw["posts"]]
    if raw["leader"]:
        people.append((wording.say("shift.leader"), raw["leader"]))
    return "\n".join(" ".join(filter(None, (post, one["name"], one.get("phone")))) for post, one in people)
