"""Ids are chosen by whoever sends them: knowing one takes nothing over that is another unit's."""

from __future__ import annotations

from typing import Any

from server.safekeeping.verify import verify
from tests import words
from tests.deeds import refused
from tests.duty_deeds import CITY, LULONG, answer, happened, plan, roll, shift, take_over
from tests.joint_deeds import QINGLONG, WEATHER, opened, opening, taking
from tests.outward import book
from tests.room import Room
from tests.words import new_id

TOWNSHIP = "130324104"


def roster(room: Room, who: str) -> list[tuple[str, str]]:
    """The shifts of a person's own unit: whose they are, and who leads."""
    found = room.ask(who, "shifts", **{"from": "2026-11-20", "to": "2026-12-20"})["shifts"]
    return [(one["unit"], one["leader"]["name"]) for one in found]


def unseen(room: Room) -> None:
    assert verify(room.parts.database).faults == []


def test_a_shift_planned_under_the_id_of_anothers_leaves_theirs_as_it_was(own_room: Room) -> None:
    room = own_room
    (theirs,) = plan(room, shift(0, leader="周县长"), who="Li", unit=LULONG)
    take_over(room, theirs, who="Li", unit=LULONG)
    same = shift(0, leader="王局", shift_id=theirs)
    for who, unit in (("Wu", CITY), ("Qin", QINGLONG), ("Tian", TOWNSHIP)):
        body = {"unit": unit, "shifts": [shift(3), same]}
        refused(room.tell(who, "plan-shifts", body), 409, "shift-exists", "/shifts/1/shift_id")
        assert roster(room, who) == []
    assert roster(room, "Li") == [(LULONG, "周县长")]
    assert room.ask("Li", "duty")["on"]["shift_id"] == theirs
    plan(room, shift(0, leader="王局"))
    assert (roster(room, "Wu"), roster(room, "Li")) == ([(CITY, "王局")], [(LULONG, "周县长")])
    unseen(room)


def test_a_roll_call_under_the_id_of_anothers_asks_nobody_twice(own_room: Room) -> None:
    room = own_room
    called = roll(TOWNSHIP, text="市里抽查")
    room.told("Wu", "call-roll", called)
    same = roll(TOWNSHIP, unit=LULONG, roll_id=called["roll_id"], text="县里抽查")
    refused(room.tell("Li", "call-roll", same), 409, "roll-exists", "/roll_id")
    room.told("Tian", "answer-roll", answer(called["roll_id"], room, TOWNSHIP))
    (seen,) = room.ask("Wu", "roll-calls")["roll_calls"]
    assert (seen["caller"], [one["outcome"] for one in seen["answers"]]) == (CITY, ["in_time"])
    assert room.ask("Li", "roll-calls")["roll_calls"] == []
    unseen(room)


def test_a_roll_call_under_an_id_one_was_asked_under_is_another_one(own_room: Room) -> None:
    """The county was asked, and asks its own township under the same id: two, each with its own words."""
    room = own_room
    called = roll(LULONG, text="市里抽查")
    room.told("Wu", "call-roll", called)
    room.told("Li", "call-roll", roll(TOWNSHIP, unit=LULONG, roll_id=called["roll_id"], text="县里抽查"))
    seen = {
        (one["caller"], one["text"]): [each["unit"] for each in one["answers"]]
        for one in room.ask("Li", "roll-calls")["roll_calls"]
    }
    assert seen == {(CITY, "市里抽查"): [LULONG], (LULONG, "县里抽查"): [TOWNSHIP]}
    unseen(room)


def test_a_joint_duty_under_the_id_of_anothers_ends_none_of_its_alarms(own_room: Room) -> None:
    room = own_room
    room.parts.store.channels = book(room.folder.parent, "http://127.0.0.1:9", "dingtalk")

    def alarms() -> list[str]:
        return [one["text"] for one in room.ask("Wu", "duty")["alarms"] if one["kind"] == "unmanned"]

    city = opened(room, LULONG, others=[])
    room.clock.pass_by(minutes=11)
    room.watch()
    before = alarms()
    assert len(before) == 1, "the county's seat is empty"
    own = opening(room, TOWNSHIP, unit=LULONG, period_id=city["period_id"], others=[])
    room.told("Li", "open-joint-duty", own)
    of = {"unit": LULONG, "period_id": city["period_id"]}
    room.told("Li", "close-joint-duty", {**of, "reason": "x"})
    assert alarms() == before, "what the county closes is its own"
    room.told("Li", "take-joint-seat", taking(room, city, LULONG))
    assert alarms() == []
    unseen(room)


def test_two_joint_duties_that_lack_the_same_seat_call_for_each(own_room: Room) -> None:
    room = own_room
    room.parts.store.channels = book(room.folder.parent, "http://127.0.0.1:9", "dingtalk")
    first, second = (opened(room, WEATHER, others=[]) for _ in range(2))
    room.clock.pass_by(minutes=11)
    room.watch()

    def calling() -> int:
        return sum(one["kind"] == "unmanned" for one in room.ask("Wu", "duty")["alarms"])

    assert calling() == 2
    room.told("Wu", "close-joint-duty", {**first, "reason": "结束"})
    assert calling() == 1, "the other still lacks it"
    room.told("He", "take-joint-seat", taking(room, second))
    assert calling() == 0


def test_what_belongs_to_an_incident_is_known_within_it(own_room: Room) -> None:
    """An incident, and an order, under the id of another unit's: theirs stay theirs."""
    room = own_room
    mine, theirs = (words.open_incident(place={"division": unit, "text": "x"}) for unit in (LULONG, QINGLONG))
    room.told("Li", "open-incident", mine)
    room.told("Qin", "open-incident", {**theirs, "known_by": QINGLONG})
    taken = {**theirs, "incident_id": mine["incident_id"], "known_by": QINGLONG, "command_id": new_id()}
    refused(room.tell("Qin", "open-incident", taken), 409, "incident-exists", "/incident_id")
    order = words.issue_order(str(mine["incident_id"]), text="县里的指令")
    room.told("Li", "issue-order", order)
    same = {**order, "incident_id": theirs["incident_id"], "text": "另一县的指令", "to": QINGLONG}
    same["command_id"] = new_id()
    room.told("Qin", "issue-order", same)

    def orders(who: str, of: Any) -> list[str]:
        return [one["text"] for one in room.ask(who, f"incidents/{of['incident_id']}")["orders"]]

    assert orders("Li", mine) == ["县里的指令"]
    assert orders("Qin", theirs) == ["另一县的指令"]
    done = {"incident_id": theirs["incident_id"], "order_id": order["order_id"], "at": room.clock.ago()}
    room.told("Qin", "acknowledge-order", done)
    (still,) = room.ask("Li", f"incidents/{mine['incident_id']}")["orders"]
    assert still["acknowledged_at"] is None
    unseen(room)


def test_no_seat_learns_how_much_others_asked_each_other(own_room: Room) -> None:
    room = own_room
    period = opened(room)
    room.told("Li", "take-joint-seat", taking(room, period, LULONG))
    request = {**period, "request_id": new_id(), "to": LULONG, "text": "请报雨量"}
    room.told("He", "ask-joint-request", {**request, "answer_within_min": 60})
    room.told(
        "Li",
        "leave-joint-seat",
        {**period, "seat": LULONG, "at": room.clock.ago(), "text": "夜间由县值班室接"},
    )
    room.told("Wu", "close-joint-duty", {**period, "reason": "汛情平稳"})
    for kind in ("joint_seat_left", "joint_duty_closed"):
        (said,) = happened(room, kind, "Qin")
        assert not [name for name, value in said.items() if isinstance(value, int)], said
    (rest,) = happened(room, "joint_rest_noted", "Li")
    assert [one["text"] for one in rest["items"]] == ["请报雨量"], "those whom it concerns are told"
