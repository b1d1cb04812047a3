"""The roster of the fictitious city: somebody is on duty from its first minute, and for the week after.

Whoever has an account at a desk is on it now; who comes after is invented. The same beginning makes the same
ids, so a roster that was written down half is finished and none stands twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from itertools import cycle, islice
from typing import Any
from uuid import UUID, uuid5

from schemas.fields import wire_instant
from schemas.terms import Post
from server.domain.periods import BEIJING
from server.rehearsal.scenario import Person

_SPACE = UUID("4d6f2a43-0f0e-5a68-9a55-6d3a8fd7f7a1")
CHANGE = time(8, 30)
DAYS = 7
_OTHERS = ("白某", "康某", "雷某", "贺某", "万某", "段某", "侯某")
_LEADERS = ("邵局", "龙局", "史局")


def deeds(people: Sequence[Person], began: datetime) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Who says which command with which body: plan a week, and take over the shift that is on."""
    desks: defaultdict[str, list[Person]] = defaultdict(list)
    for one in people:
        if one.post in (Post.DUTY_OFFICER, Post.DUTY_LEADER):
            desks[one.unit].append(one)
    for unit, seated in sorted(desks.items()):
        officer = next((one for one in seated if one.post == Post.DUTY_OFFICER), None)
        if officer is None:
            continue
        shifts = list(_shifts(unit, seated, began))
        yield officer.key, "plan-shifts", _said(unit, began, "plan", shifts=shifts)
        taken = {"shift_id": shifts[0]["shift_id"], "at": wire_instant(began), "reason": "演练开始"}
        yield officer.key, "take-over-shift", _said(unit, began, "take over", **taken)


def _said(unit: str, began: datetime, what: str, **body: Any) -> dict[str, Any]:
    return {"command_id": _id(unit, began, what), "unit": unit, **body}


def _id(unit: str, began: datetime, what: str) -> str:
    return str(uuid5(_SPACE, f"{wire_instant(began)}|{unit}|{what}"))


def _shifts(unit: str, seated: Sequence[Person], began: datetime) -> Iterator[dict[str, Any]]:
    """A shift for each day, 08:30 to 08:30; the first is on when it all begins."""
    here = began.astimezone(BEIJING)
    first = datetime.combine(here.date(), CHANGE, BEIJING)
    if first > here:
        first -= timedelta(days=1)
    officers = [one.name for one in seated if one.post == Post.DUTY_OFFICER]
    leaders = [one.name for one in seated if one.post == Post.DUTY_LEADER] or [_LEADERS[0]]
    turns = islice(cycle([*officers, *_OTHERS]), DAYS * 2)
    for day, leader in zip(range(DAYS), cycle([*leaders, *_LEADERS[1:]]), strict=False):
        names = [next(turns), next(turns)]
        yield {
            "shift_id": _id(unit, began, f"day {day}"),
            "starts_at": wire_instant(first + timedelta(days=day)),
            "ends_at": wire_instant(first + timedelta(days=day + 1)),
            "posts": [
                {"post": post, "name": name, "phone": "0335-0000-119"}
                for post, name in zip(("shift_leader", "information"), names, strict=True)
            ],
            "leader": {"name": leader, "phone": "0335-0000-120"},
        }
