"""What the wall prints of joint duties: who is at which seat, what is handed in, what is late. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from server.screens.wording import Wording


@dataclass(frozen=True, slots=True)
class Seat:
    """A department's seat in a joint duty. `asked` and `late` None: not this unit's to know."""

    name: str
    is_required: bool
    state: str  # here, missing, empty
    who: str
    since: str | None
    asked: int | None
    late: int | None


@dataclass(frozen=True, slots=True)
class HandedIn:
    """Something that a department hands in at set times, as it came last."""

    seat: str
    text: str
    value: str
    at: str | None
    due_at: str
    is_late: bool


@dataclass(frozen=True, slots=True)
class Together:
    """A joint duty: who is there of those who must be, who is missing first, and what is late."""

    title: str
    kind: str
    state: str
    drill: bool
    ends_at: str
    here: int
    needed: int
    seats: tuple[Seat, ...]
    data: tuple[HandedIn, ...]
    waiting: int
    late: int

    @property
    def is_short(self) -> bool:
        return self.state == "running" and self.here < self.needed


def together(periods: Iterable[Mapping[str, Any]], wording: Wording) -> list[Together]:
    """The joint duties that are not closed, from `joint_reading.joint_duties`; what is real first."""
    made = []
    for one in periods:
        if one["state"] == "closed":
            continue
        seats = [
            Seat(
                wording.short(seat["seat"]),
                seat["required"],
                seat["state"],
                seat["name"] or "",
                seat["since"] if seat["name"] else seat["empty_since"],
                seat["asked"],
                seat["late"],
            )
            for seat in one["seats"]
        ]
        needed = [seat for seat in seats if seat.is_required]
        data = [
            HandedIn(
                wording.short(each["seat"]),
                each["text"],
                each["value"] or "",
                each["handed_at"],
                each["due_at"],
                each["standing"] == "late",
            )
            for each in one["data"]
        ]
        asked = [each["standing"] for each in one["requests"] if each["standing"] != "answered"]
        made.append(
            Together(
                title=one["title"],
                kind=wording.term("joint_kind", one["kind"]),
                state=one["state"],
                drill=one["drill"],
                ends_at=one["ends_at"],
                here=sum(seat.state == "here" for seat in needed),
                needed=len(needed),
                seats=tuple(sorted(seats, key=_by_need)),
                data=tuple(sorted(data, key=lambda one: not one.is_late)),
                waiting=len(asked),
                late=sum(each in ("late", "late_take") for each in asked)
                + sum(each.is_late for each in data),
            )
        )
    return sorted(made, key=lambda one: one.drill)


_BY_STATE = {"missing": 0, "here": 1, "empty": 2}  # one that may be empty, and need not


def _by_need(seat: Seat) -> tuple[int, int]:
    return _BY_STATE[seat.state], -(seat.late or 0)
