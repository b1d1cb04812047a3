"""Teams in turn (轮值): a roster from a few teams, free days in a turn of their own. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from server.domain.roster_text import BEIJING, Person, Read
from server.domain.workdays import Calendar, days

Team = tuple[Person, ...]
MOST_DAYS = 400


def rotate(
    teams: Sequence[Team],
    first: date,
    last: date,
    calendar: Calendar,
    *,
    change: time = time(8, 30),
    hours: int = 24,
    apart: bool = True,
) -> list[Read]:
    """A shift for each day, or for each part of a day when `hours` divides it.

    `apart`: weekends and holidays go round by themselves, so that they fall on all alike. A year that nobody
    has published yet is not told apart: its days follow one another.
    """
    if not teams or last < first:
        return []
    turns = {False: 0, True: 0}
    made: list[Read] = []
    for day in days(first, last)[:MOST_DAYS]:
        is_free = apart and calendar.day(day).is_free
        for part in range(24 // hours):
            starts_at = datetime.combine(day, change, BEIJING) + timedelta(hours=part * hours)
            team = teams[turns[is_free] % len(teams)]
            turns[is_free] += 1
            made.append(Read(len(made) + 1, starts_at, starts_at + timedelta(hours=hours), team))
    return made
