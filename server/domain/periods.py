"""Follow-up periods: so many a day, daily before a cut-off, or every so many days, by Beijing time."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone

from schemas.rules import Recurring

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")  # no daylight saving since 1991


def _cutoffs_of_day(recurring: Recurring, midnight: datetime) -> list[datetime]:
    if recurring.cutoff is not None:
        hour, minute = map(int, recurring.cutoff.split(":"))
        return [midnight + timedelta(hours=hour, minutes=minute)]
    times = recurring.per_day or 1
    return [midnight + timedelta(seconds=86_400 * part // times) for part in range(1, times + 1)]


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(BEIJING).date(), time(0), BEIJING)


def _step(recurring: Recurring) -> timedelta:
    return timedelta(days=recurring.every_days or 1)


def upcoming(
    recurring: Recurring, begun: datetime, at_most: int, last: datetime | None = None
) -> list[datetime]:
    """The cut-offs after `begun`, oldest first. The day on which it began has its first report and owes no
    follow-up: the first cut-off lies on a later day.

    Those long before `last`, which stand in the log already, are left out; the row itself never shifts.
    """
    found: list[datetime] = []
    step = _step(recurring)
    day = _midnight(begun) + step
    if last is not None:
        day += step * max(0, (last - day) // step - 1)
    while len(found) < at_most:
        found += _cutoffs_of_day(recurring, day)
        day += step
    return found[:at_most]


def previous_cutoff(recurring: Recurring, cutoff: datetime, begun: datetime) -> datetime:
    """When the period ending at `cutoff` opens: at the cut-off before it; the first one at its midnight."""
    if recurring.per_day is not None and recurring.per_day > 1:
        midnight = _midnight(cutoff - timedelta(seconds=1))
        return max(one for one in (midnight, *_cutoffs_of_day(recurring, midnight)) if one < cutoff)
    return max(begun, cutoff - _step(recurring))


def first_after_day(recurring: Recurring, moment: datetime) -> datetime:
    """The next moment after `moment` at which a period opens or ends."""
    day = _midnight(moment) - _step(recurring)
    while True:
        for cutoff in [day, *_cutoffs_of_day(recurring, day)]:
            if cutoff > moment:
                return cutoff
        day += timedelta(days=1)
