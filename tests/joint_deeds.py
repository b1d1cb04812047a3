"""Deeds of a joint duty, as bodies of commands: the weather bureau and two counties sit there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.joint import EVENTS
from tests.room import Room
from tests.words import Body, new_id

CITY, LULONG, QINGLONG, WEATHER = "130300", "130324", "130321", "130300-qx"
JOINT_KINDS = [one.model_fields["type"].default for one in EVENTS]
BEHALF = {"name": "刘某", "channel": "phone"}


def opening(room: Room, *required: str, **over: Any) -> Body:
    said: Body = {
        "unit": CITY,
        "period_id": new_id(),
        "kind": "flood_season",
        "title": "主汛期联合值守",
        "starts_at": room.clock.ago(),
        "ends_at": room.clock.ago(hours=-48),
        "required": list(required or (WEATHER, LULONG)),
        "others": [QINGLONG],
    }
    return said | over


def opened(room: Room, *required: str, **over: Any) -> Body:
    """A period that was opened: what every other command names."""
    body = opening(room, *required, **over)
    room.told("Wu", "open-joint-duty", body)
    return {"unit": CITY, "period_id": body["period_id"]}


def taking(room: Room, period: Body, seat: str = WEATHER, **over: Any) -> Body:
    return {**period, "seat": seat, "at": room.clock.ago(), "phone": "0335-1234567"} | over


def asking(period: Body, to: str = LULONG, **over: Any) -> Body:
    asked = {"request_id": new_id(), "to": to, "text": "请报洋河上游雨量"}
    return {**period, **asked, "take_within_min": 15, "answer_within_min": 60} | over


def data(room: Room, period: Body, seat: str = LULONG, **over: Any) -> Body:
    due = room.clock.ago(minutes=-30)
    said = {"data_id": new_id(), "seat": seat, "text": "洋河水库水位", "every_min": 60, "first_due_at": due}
    return {**period, **said} | over


def the_duty(room: Room, who: str = "Wu") -> dict[str, Any]:
    """The only joint duty that somebody sees."""
    (found,) = room.ask(who, "joint-duties")["joint_duties"]
    return dict(found)


def seats(room: Room, who: str = "Wu") -> dict[str, dict[str, Any]]:
    return {one["seat"]: one for one in the_duty(room, who)["seats"]}


def good_joint(room: Room, name: str) -> Body:
    """A body that is right, for a joint duty that is as the command needs it."""
    said: Body = {"command_id": new_id()}
    if name == "open-joint-duty":
        return {**said, **opening(room)}
    period = opened(room)

    def of(body: Body, *names: str) -> Body:
        return {one: body[one] for one in ("unit", "period_id", *names)}

    def requested() -> Body:
        asked = asking(period, CITY)
        room.told("Li", "ask-joint-request", asked)
        return of(asked, "request_id")

    def handing() -> Body:
        asked = data(room, period)
        room.told("Wu", "ask-joint-data", asked)
        return of(asked, "data_id")

    def seated() -> Body:
        room.told("Wu", "take-joint-seat", taking(room, period, on_behalf_of=BEHALF))
        return taking(room, period, on_behalf_of=BEHALF) | {"phone": None}

    at, spoken = room.clock.ago(), {"on_behalf_of": BEHALF}
    bodies: dict[str, Callable[[], Body]] = {
        "extend-joint-duty": lambda: {**period, "ends_at": room.clock.ago(hours=-72), "reason": "续"},
        "close-joint-duty": lambda: {**period, "reason": "汛情平稳"},
        "take-joint-seat": lambda: taking(room, period, **spoken),
        "leave-joint-seat": lambda: {one: value for one, value in seated().items() if one != "phone"},
        "ask-joint-data": lambda: data(room, period),
        "stop-joint-data": lambda: {**handing(), "reason": "水位回落"},
        "hand-in-joint-data": lambda: {**handing(), "text": "57.2 米", "at": at, **spoken},
        "ask-joint-request": lambda: asking(period),
        "take-joint-request": lambda: {**requested(), "at": at},
        "answer-joint-request": lambda: {**requested(), "at": at, "text": "已查"},
        "chase-joint-request": lambda: {**requested(), "text": "请速办", "answer_within_min": 20},
    }
    return {**said, **bodies[name]()}


def a_busy_joint_duty(room: Room, hours: float = 48) -> Body:
    """Everything that people do in a joint duty; the rest is left to the clock."""
    period = opened(room, ends_at=room.clock.ago(hours=-hours))
    room.told("He", "take-joint-seat", taking(room, period))
    room.told("Li", "take-joint-seat", taking(room, period, LULONG))
    for shared in (True, False):
        asked = data(room, period, shared=shared)
        room.told("Wu", "ask-joint-data", asked)
        given = {
            **period,
            "data_id": asked["data_id"],
            "text": f"57.{int(shared)} 米",
            "at": room.clock.ago(),
        }
        room.told("Li", "hand-in-joint-data", given)
    room.told("Wu", "stop-joint-data", {**period, "data_id": asked["data_id"], "reason": "水位回落"})
    for to in (LULONG, CITY):
        request = asking(period, to, text=f"协办{to}")
        room.told("He", "ask-joint-request", request)
    of = {**period, "request_id": request["request_id"]}
    room.told("He", "chase-joint-request", {**of, "text": "请速办", "answer_within_min": 30})
    room.told("Wu", "take-joint-request", {**of, "at": room.clock.ago()})
    room.told("Wu", "answer-joint-request", {**of, "at": room.clock.ago(), "text": "已派车"})
    longer = {**period, "ends_at": room.clock.ago(hours=-1.5 * hours), "required": [QINGLONG]}
    room.told("Wu", "extend-joint-duty", {**longer, "reason": "降雨持续"})
    left = {**period, "seat": WEATHER, "at": room.clock.ago(), "text": "夜间由局总值班接"}
    room.told("He", "leave-joint-seat", left)
    return period


def hold_a_joint_duty(room: Room) -> None:
    """A busy joint duty, and the hours after it until somebody closes it."""
    period = a_busy_joint_duty(room, hours=2)
    for hours in (0.5, 1, 1, 1):
        room.clock.pass_by(hours=hours)
        room.watch()
    room.told("Wu", "close-joint-duty", {**period, "reason": "汛情平稳"})
