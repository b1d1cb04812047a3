"""Desks that do not answer a roll-call call for whoever made it, until each is phoned or it is closed."""

from __future__ import annotations

from bs4 import BeautifulSoup

from server.safekeeping.verify import verify
from tests.duty_deeds import CITY, LULONG, QINGLONG, answer, happened, roll
from tests.room import Room
from tests.test_alarms import connected, manned, outbox, taking

FUNING = "130306"


def test_the_silent_ones_are_one_alarm_of_the_caller_with_their_names_until_all_were_phoned(
    own_room: Room,
) -> None:
    room = own_room
    connected(room)
    manned(room)
    called = roll(LULONG, QINGLONG, FUNING, within=3)
    room.told("Wu", "call-roll", called)
    room.told("Li", "answer-roll", answer(called["roll_id"], room))
    room.clock.pass_by(minutes=3)
    room.watch()
    assert happened(room, "alarm_raised") == [], "the third minute itself is in time"
    room.clock.pass_by(seconds=1)
    for _ in range(2):
        room.watch()
    (raised,) = happened(room, "alarm_raised")
    assert (raised["kind"], raised["unit"], raised["drill"]) == ("roll_call", CITY, False)
    assert raised["text"] == "点名无应答，请打电话：青龙满族自治县、抚宁区"
    assert raised["text_en"].endswith("Qinglong Manchu Autonomous County, Funing District")
    assert raised["causes"] == [QINGLONG, FUNING]
    assert [one["to"] for one in happened(room, "alarm_called")] == [["吴某", "李某"]]
    assert "点名无应答" in outbox(room)[0]["text"]
    assert happened(room, "alarm_raised", "Qin") == [], "whom it is about does not hear of the others"
    for unit in (QINGLONG, FUNING):
        assert happened(room, "alarm_settled") == []
        room.told("Wu", "answer-roll", answer(called["roll_id"], room, unit, channel="phone", by="值班员"))
    assert [one["reason"] for one in happened(room, "alarm_settled")] == ["done"]
    room.clock.pass_by(hours=1)
    room.watch()
    assert len(happened(room, "alarm_called")) == 1
    assert verify(room.parts.database).faults == []


def test_closing_it_is_the_end_and_a_named_person_takes_it_before(spare_room: Room) -> None:
    room = spare_room
    connected(room)
    manned(room)
    for taken in (False, True):
        called = roll(QINGLONG)
        room.told("Wu", "call-roll", called)
        room.clock.pass_by(minutes=6)
        room.watch()
        if taken:
            room.told("Wu", "take-alarm", taking(room))
        else:
            room.told("Wu", "close-roll", {"unit": CITY, "roll_id": called["roll_id"]})
        room.clock.pass_by(hours=1)
        room.watch()
    assert len(happened(room, "alarm_raised")) == len(happened(room, "alarm_called")) == 2
    assert len(happened(room, "alarm_settled")) == len(happened(room, "alarm_taken")) == 1


def test_a_drill_is_marked_and_many_are_counted(spare_room: Room) -> None:
    room = spare_room
    connected(room)
    manned(room)
    tree = room.parts.tree
    counties = [one.code for one in tree if one.parent == CITY and one.code.isdigit()]
    room.told("Wu", "call-roll", roll(*counties, drill=True))
    room.clock.pass_by(minutes=6)
    room.watch()
    (raised,) = happened(room, "alarm_raised")
    assert raised["drill"] is True
    assert raised["text"].endswith(f"等{len(counties)}个单位")
    assert raised["text"].count("、") == 4
    assert {one["channel"] for one in outbox(room)} == {"dingtalk", "sms"}, "which take drills"
    assert all(one["text"].startswith("【演练】") for one in outbox(room))


def test_without_a_channel_the_caller_s_desk_alone_is_told_aloud(spare_room: Room) -> None:
    room = spare_room
    room.told("Wu", "call-roll", roll(LULONG, QINGLONG))
    room.clock.pass_by(minutes=6)
    room.watch()
    assert happened(room, "alarm_raised") == []

    def bar(who: str) -> BeautifulSoup:
        return BeautifulSoup(room.get(who, "/duty/pieces").text, "lxml")

    (line,) = bar("Wu").select("#duty-bar .is-silent[data-aloud]")
    assert "青龙" in line.text
    assert "卢龙" in line.text
    assert bar("Qin").select(".is-silent") == []
    room.clock.pass_by(hours=12)
    assert bar("Wu").select(".is-silent") == [], "of half a day ago it is a figure"
