"""Deeds at a duty desk: a roster, a handover, a roll-call, as bodies of commands. It is 14:05."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.commands import COMMANDS
from schemas.duties import DutyCommand
from schemas.joint import JointCommand
from tests import words
from tests.joint_deeds import good_joint
from tests.outward import book
from tests.room import Room
from tests.words import Body, new_id

CITY, LULONG, QINGLONG = "130300", "130324", "130321"
ON_DUTIES = [name for name, kind in COMMANDS.items() if issubclass(kind, DutyCommand)]
#: The room's day, a Monday: shifts change at 08:30 Beijing time.
CHANGE = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


#: A month can be sealed once: each command has its own.
MONTHS = iter(f"{year}-{month:02}" for year in range(1950, 2026) for month in range(1, 13))


def shift(day: int = 0, *names: str, leader: str | None = "王局", hours: float = 24, **over: Any) -> Body:
    """A day's shift, `day` days after the room's: 08:30 to 08:30."""
    starts = CHANGE + timedelta(days=day)
    people = names or ("吴某", "李某")
    posts = ("shift_leader", "information", "dispatcher", "technical")
    body: Body = {
        "shift_id": new_id(),
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(hours=hours)).isoformat(),
        "posts": [
            {"post": post, "name": name, "phone": "0335-0000001"}
            for post, name in zip(posts, people, strict=False)
        ],
    }
    if leader is not None:
        body["leader"] = {"name": leader, "phone": "13900000000"}
    return body | over


def plan(room: Room, *shifts: Body, who: str = "Wu", unit: str = CITY) -> list[str]:
    """Plan these shifts; today's and tomorrow's when none is named. Their ids."""
    said = list(shifts) or [shift(0), shift(1, "赵某", "钱某", leader="孙局")]
    room.told(who, "plan-shifts", {"unit": unit, "shifts": said})
    return [str(one["shift_id"]) for one in said]


def take_over(room: Room, shift_id: str, who: str = "Wu", unit: str = CITY, **over: Any) -> None:
    body = {"unit": unit, "shift_id": shift_id, "at": room.clock.ago(), **over}
    room.told(who, "take-over-shift", body)


def prepare(room: Room, to_shift: str, who: str = "Wu", unit: str = CITY) -> str:
    handover_id = new_id()
    room.told(who, "prepare-handover", {"unit": unit, "handover_id": handover_id, "to_shift": to_shift})
    return handover_id


def sheet(room: Room, who: str = "Wu") -> dict[str, Any]:
    found: dict[str, Any] = room.ask(who, "duty")["handover"]
    return found


def accept_all(room: Room, handover_id: str, who: str = "Wang", unit: str = CITY) -> None:
    items = [one["item_id"] for one in sheet(room, who)["items"]]
    if items:
        body = {"unit": unit, "handover_id": handover_id, "item_ids": items}
        room.told(who, "accept-handover-item", body)


def signing(handover_id: str, side: str, unit: str = CITY) -> Body:
    return {"unit": unit, "handover_id": handover_id, "side": side}


def roll(*units: str, within: int = 5, **over: Any) -> Body:
    body: Body = {"unit": CITY, "roll_id": new_id(), "units": list(units or (LULONG, QINGLONG))}
    return {**body, "answer_within_min": within, **over}


def answer(roll_id: str, room: Room, unit: str = LULONG, **over: Any) -> Body:
    return {"unit": unit, "roll_id": roll_id, "at": room.clock.ago(), **over}


def happened(room: Room, kind: str, who: str = "Wu") -> list[dict[str, Any]]:
    """The events of one kind in a person's stream."""
    return [entry["event"] for entry in room.stream(who) if entry["event"]["type"] == kind]


def alarmed(room: Room) -> str:
    """An alarm that waits for somebody to take it."""
    store, before = room.parts.store, room.parts.store.channels
    store.channels = book(room.folder.parent, "http://127.0.0.1:9", "dingtalk")
    now = room.clock.ago()
    room.told("Wu", "open-incident", words.open_incident(known_at=now, occurred_at=now, facts={"dead": 11}))
    store.channels = before
    return str(room.ask("Wu", "duty")["alarms"][-1]["alarm_id"])


def good_duty(room: Room, name: str) -> Body:
    """A body that is right, for a duty that is as the command needs it. Once for each room and name."""
    if issubclass(COMMANDS[name], JointCommand):
        return good_joint(room, name)
    planned: list[str] = room.__dict__.setdefault("planned", [])
    if not planned and name != "plan-shifts":
        planned += plan(room, *[shift(day) for day in range(5)])
    said: Body = {"command_id": new_id(), "unit": CITY}
    swap = {
        **said,
        "swap_id": new_id(),
        "place": {"shift_id": (planned or [""])[-1], "post": "information", "name": "李某"},
        "substitute": {"name": "周某"},
        "reason": "家中有事",
    }
    item = {**said, "item_id": new_id(), "kind": "promise", "text": "六点前回复省厅"}
    call = roll()

    def asked() -> Body:
        room.told("Wu", "request-swap", {**swap, "command_id": new_id()})
        return {**said, "swap_id": swap["swap_id"], "approved": True}

    def settled() -> Body:
        room.told("Wu", "add-duty-item", {**item, "command_id": new_id()})
        return {**said, "item_id": item["item_id"], "at": room.clock.ago()}

    def handover(part: Body) -> Callable[[], Body]:
        def make() -> Body:
            room.told("Wu", "add-duty-item", {**item, "command_id": new_id()})
            sheet_id = prepare(room, planned[0])
            if "side" in part:
                accept_all(room, sheet_id)
            return {**said, "handover_id": sheet_id, **part}

        return make

    def closing() -> Body:
        room.told("Wu", "call-roll", call)
        return {**said, "roll_id": call["roll_id"]}

    bodies: dict[str, Callable[[], Body]] = {
        "plan-shifts": lambda: {**said, "shifts": [shift(300)]},
        "change-shift": lambda: {**said, "shift_id": planned[1], "leader": {"name": "郑局"}, "reason": "改"},
        "cancel-shifts": lambda: {**said, "shift_ids": [planned.pop(2)], "reason": "重排"},
        "request-swap": lambda: swap,
        "approve-swap": asked,
        "take-over-shift": lambda: {**said, "shift_id": planned[0], "at": room.clock.ago()},
        "add-duty-item": lambda: item,
        "settle-duty-item": settled,
        "prepare-handover": lambda: {**said, "handover_id": new_id(), "to_shift": planned[0]},
        "accept-handover-item": handover({"item_ids": [f"item:{item['item_id']}"]}),
        "sign-handover": handover({"side": "to"}),
        "call-roll": lambda: {**call, "command_id": new_id()},
        "answer-roll": lambda: {**closing(), "unit": LULONG, "at": room.clock.ago(), "channel": "phone"},
        "close-roll": closing,
        "seal-month": lambda: {**said, "month": next(MONTHS)},
        "arrange-wall": lambda: {**said, "scenes": [wall_scene()]},
        "show-on-wall": lambda: {**said, "scene_id": arranged(room)},
        "take-alarm": lambda: {**said, "alarm_id": alarmed(room), "at": room.clock.ago()},
    }  # fmt: skip
    return bodies[name]()


def wall_scene() -> Body:
    return {"scene_id": new_id(), "title": "防汛", "main": "people", "side": ["news"]}


def arranged(room: Room) -> str:
    """A scene that stands on the city's walls."""
    scene = wall_scene()
    room.told("Wu", "arrange-wall", {"unit": CITY, "scenes": [scene]})
    return str(scene["scene_id"])


def a_busy_duty(room: Room) -> None:
    """Everything that people do with a roster, a handover and a roll-call; the rest is left to the clock."""
    said = {"unit": CITY}
    first, second, _third, spare = plan(
        room,
        shift(0, hours=6.5),
        shift(6.5 / 24, "赵某", "钱某", leader="孙局"),
        shift(1 + 6.5 / 24),
        shift(9),
    )
    plan(room, shift(0), who="Li", unit=LULONG)
    changed = {**said, "shift_id": second, "leader": {"name": "郑局"}, "reason": "改"}
    room.told("Wang", "change-shift", changed)
    room.told("Wang", "cancel-shifts", {**said, "shift_ids": [spare], "reason": "重排"})
    swap = {**said, "swap_id": new_id(), "substitute": {"name": "周某"}, "reason": "病假"}
    place = {"shift_id": second, "post": "information", "name": "钱某"}
    room.told("Wu", "request-swap", {**swap, "place": place})
    room.told("Wang", "approve-swap", {**said, "swap_id": swap["swap_id"], "approved": True})
    take_over(room, first)
    for settled in (True, False):
        item = {**said, "item_id": new_id(), "kind": "promise", "text": "回电"}
        room.told("Wu", "add-duty-item", {**item, "due_at": room.clock.ago(hours=-1)})
        if settled:
            done = {**said, "item_id": item["item_id"], "at": room.clock.ago()}
            room.told("Wu", "settle-duty-item", done)
    called = roll()
    room.told("Wu", "call-roll", called)
    room.told("Li", "answer-roll", answer(called["roll_id"], room))
    room.told("Wu", "close-roll", {**said, "roll_id": called["roll_id"]})
    room.told("Wang", "seal-month", {**said, "month": "2026-10"})
    room.told("Wu", "show-on-wall", {**said, "scene_id": arranged(room)})
    room.told("Wu", "call-roll", roll())
    sheet_id = prepare(room, second)
    accept_all(room, sheet_id)
    for who, side in (("Wu", "from"), ("Wang", "to")):
        room.told(who, "sign-handover", signing(sheet_id, side))
