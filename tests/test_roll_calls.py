"""The roll-call (点名): one press asks all, each answers for itself, and no unit learns of the others."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from server.safekeeping.verify import verify, verify_in
from tests.deeds import refused
from tests.duty_deeds import CITY, LULONG, QINGLONG, answer, happened, roll
from tests.room import Room
from tests.words import new_id

TOWNSHIP = "130324104"


def outcomes(room: Room, who: str = "Wu") -> dict[str, str]:
    newest = room.ask(who, "roll-calls")["roll_calls"][0]
    return {one["unit"]: one["outcome"] for one in newest["answers"]}


def test_every_unit_asked_is_told_at_once_and_only_of_itself(own_room: Room) -> None:
    room = own_room
    called = roll(LULONG, QINGLONG, TOWNSHIP, text="晚间抽查")
    room.told("Wu", "call-roll", called)
    for who, unit in (("Li", LULONG), ("Qin", QINGLONG), ("Tian", TOWNSHIP)):
        entries = [one for one in room.stream(who) if one["event"]["type"].startswith("roll_")]
        assert [(one["event"]["type"], one["event"]["unit"]) for one in entries] == [("roll_asked", unit)]
        assert (entries[0]["event"]["text"], entries[0]["event"]["caller"]) == ("晚间抽查", CITY)
        assert entries[0]["event"]["answer_by"] == "2026-11-23T06:10:00.000Z"
        mine = room.ask(who, "duty")["asked"]
        assert [one["roll_id"] for one in mine] == [called["roll_id"]]
    assert len(happened(room, "roll_asked")) == 3, "the caller sees each of them"
    assert len(happened(room, "roll_asked", "Wang")) == 3
    assert happened(room, "roll_asked", "He") == []


def test_answers_come_with_their_delay_and_no_unit_learns_whether_others_answered(own_room: Room) -> None:
    room = own_room
    called = roll()
    room.told("Wu", "call-roll", called)
    room.clock.pass_by(seconds=37)
    room.told("Li", "answer-roll", answer(called["roll_id"], room, at=room.clock.ago(seconds=30)))
    (said,) = happened(room, "roll_answered")
    assert (said["unit"], said["delay_s"], said["answered_by"], said["channel"]) == (
        LULONG,
        37,
        "Li",
        "screen",
    )
    assert outcomes(room) == {QINGLONG: "waiting", LULONG: "in_time"}
    assert outcomes(room, "Qin") == {QINGLONG: "waiting"}
    assert happened(room, "roll_answered", "Qin") == []
    head = room.ask("Wu", "log")["head"]
    room.told("Li", "answer-roll", answer(called["roll_id"], room))
    assert room.ask("Wu", "log")["head"] == head, "saying it twice changes nothing"
    refused(room.tell("Qin", "answer-roll", answer(called["roll_id"], room)), 404, "no-such-roll")
    assert verify(room.parts.database).faults == []


def test_who_does_not_answer_goes_to_phone_once_and_the_caller_writes_down_what_was_said(
    own_room: Room,
) -> None:
    room = own_room
    called = roll(within=3)
    room.told("Wu", "call-roll", called)
    room.told("Li", "answer-roll", answer(called["roll_id"], room))
    room.clock.pass_by(minutes=3)
    room.watch()
    assert happened(room, "roll_unanswered") == [], "the third minute itself is in time"
    room.stop()
    room.clock.pass_by(minutes=2)
    room.start()
    for _ in range(2):
        room.watch()
    (late,) = happened(room, "roll_unanswered")
    assert (late["unit"], late["late_by_s"]) == (QINGLONG, 120)
    assert len(happened(room, "roll_unanswered", "Qin")) == 1
    assert happened(room, "roll_unanswered", "Li") == []
    assert outcomes(room)[QINGLONG] == "unanswered"
    spoken = answer(called["roll_id"], room, QINGLONG, channel="phone", by="青龙 秦某")
    for who in ("Qin", "Qi"):
        refused(room.tell(who, "answer-roll", spoken), 403, "not-your-answer", "/channel")
    screen = answer(called["roll_id"], room, QINGLONG)
    refused(room.tell("Wu", "answer-roll", screen), 403, "not-your-answer", "/channel")
    room.told("Wu", "answer-roll", {**spoken, "at": room.clock.ago(seconds=60)})
    assert outcomes(room)[QINGLONG] == "by_phone"
    said = happened(room, "roll_answered", "Qin")[0]
    assert (said["answered_by"], said["delay_s"]) == ("青龙 秦某", 240)
    assert verify(room.parts.database).faults == []


def test_a_late_answer_is_an_answer_until_the_roll_call_is_closed(spare_room: Room) -> None:
    room = spare_room
    called = roll()
    room.told("Wu", "call-roll", called)
    room.clock.pass_by(minutes=9)
    room.told("Li", "answer-roll", answer(called["roll_id"], room))
    assert outcomes(room)[LULONG] == "late"
    room.told("Wu", "close-roll", {"unit": CITY, "roll_id": called["roll_id"]})
    (closed,) = happened(room, "roll_closed")
    assert (closed["answered"], closed["absent"]) == (1, [QINGLONG])
    assert outcomes(room) == {QINGLONG: "missed", LULONG: "late"}
    assert [one["unit"] for one in happened(room, "roll_missed", "Qin")] == [QINGLONG]
    assert happened(room, "roll_missed", "Li") == []
    refused(room.tell("Qin", "answer-roll", answer(called["roll_id"], room, QINGLONG)), 409, "roll-closed")
    room.clock.pass_by(hours=1)
    room.watch()
    assert happened(room, "roll_unanswered") == [], "what is closed is not chased"
    head = room.ask("Wu", "log")["head"]
    room.told("Wu", "close-roll", {"unit": CITY, "roll_id": called["roll_id"]})
    assert room.ask("Wu", "log")["head"] == head


@pytest.mark.parametrize("stranger", [CITY, "999999", "130300x"])
def test_only_units_below_may_be_called(spare_room: Room, stranger: str) -> None:
    refused(spare_room.tell("Wu", "call-roll", roll(LULONG, stranger)), 422, "not-below", "/units/1")
    assert spare_room.ask("Wu", "roll-calls")["roll_calls"] == []


def test_a_county_calls_its_townships_and_the_city_is_not_in_it(spare_room: Room) -> None:
    called = roll(TOWNSHIP) | {"unit": LULONG}
    spare_room.told("Li", "call-roll", called)
    spare_room.told("Tian", "answer-roll", answer(called["roll_id"], spare_room, TOWNSHIP))
    assert outcomes(spare_room, "Li") == {TOWNSHIP: "in_time"}
    assert [one for one in spare_room.stream("Wu") if one["event"]["type"].startswith("roll")] == []
    refused(
        spare_room.tell("Li", "call-roll", roll(QINGLONG) | {"unit": LULONG}), 422, "not-below", "/units/0"
    )


def test_a_liaison_answers_for_their_department(spare_room: Room) -> None:
    called = roll("130300-qx")
    spare_room.told("Wu", "call-roll", called)
    spare_room.told("He", "answer-roll", answer(called["roll_id"], spare_room, "130300-qx"))
    assert outcomes(spare_room) == {"130300-qx": "in_time"}


def test_the_months_figures_by_desk_with_drills_apart(own_room: Room) -> None:
    room = own_room
    for delay, drill in ((10, False), (20, False), (90, False), (3, True)):
        called = roll(drill=drill)
        room.told("Wu", "call-roll", called)
        room.clock.pass_by(seconds=delay)
        room.told("Li", "answer-roll", answer(called["roll_id"], room))
        room.told("Wu", "close-roll", {"unit": CITY, "roll_id": called["roll_id"]})
    late = roll(within=1)
    room.told("Wu", "call-roll", late)
    room.clock.pass_by(seconds=75)
    room.told("Li", "answer-roll", answer(late["roll_id"], room))

    def figures(**asked: Any) -> dict[str, dict[str, Any]]:
        return {one["unit"]: one for one in room.ask("Wu", "statistics/roll-calls", **asked)["by_unit"]}

    lulong, qinglong = figures()[LULONG], figures()[QINGLONG]
    assert (lulong["asked"], lulong["in_time"], lulong["late"], lulong["missed"]) == (4, 3, 1, 0)
    assert (lulong["median_delay_s"], lulong["longest_delay_s"]) == (47.5, 90)
    assert (qinglong["asked"], qinglong["missed"], qinglong["unanswered"]) == (4, 3, 1)
    assert qinglong["median_delay_s"] is None, "nobody answered: no figure, not 0"
    assert figures(drill="true")[LULONG]["median_delay_s"] == 3
    assert figures(**{"from": "2026-10-01", "to": "2026-10-31"}) == {}
    assert room.ask("Li", "statistics/roll-calls")["by_unit"] == [], "what the city asks is the city's"


def test_verification_finds_an_answer_that_was_bettered_behind_the_program(own_room: Room) -> None:
    room = own_room
    called = roll()
    room.told("Wu", "call-roll", called)
    room.clock.pass_by(minutes=4)
    room.told("Li", "answer-roll", answer(called["roll_id"], room))
    for sql in ("UPDATE roll_answer SET delay_s = 3", "DELETE FROM roll_answer"):
        with room.parts.database.engine.connect() as connection:
            connection.execute(text(sql))
            faults = verify_in(connection).faults
            connection.rollback()
        assert faults, sql


def test_the_same_roll_call_is_made_once(spare_room: Room) -> None:
    called = roll()
    spare_room.told("Wu", "call-roll", called)
    again = {**called, "command_id": new_id()}
    refused(spare_room.tell("Wu", "call-roll", again), 409, "roll-exists", "/roll_id")
