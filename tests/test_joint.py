"""Joint duty (联合值守): seats signed in to, data and requests in time, none learns what is not theirs."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from schemas import joint as jd
from server.safekeeping.verify import verify, verify_in
from tests.deeds import refused
from tests.duty_deeds import happened, shift
from tests.joint_deeds import (
    BEHALF,
    CITY,
    LULONG,
    QINGLONG,
    WEATHER,
    a_busy_joint_duty,
    asking,
    data,
    opened,
    opening,
    seats,
    taking,
    the_duty,
)
from tests.outward import book
from tests.room import Room
from tests.test_visibility import answers
from tests.words import new_id


def test_a_period_is_known_to_who_has_a_seat_in_it_and_to_nobody_else(own_room: Room) -> None:
    room = own_room
    opened(room, WEATHER, LULONG, others=[])
    for who in ("Wu", "He", "Li"):
        assert the_duty(room, who)["title"] == "主汛期联合值守"
        assert len(happened(room, "joint_duty_opened", who)) == 1
    for who in ("Qin", "Tian"):
        assert room.ask(who, "joint-duties")["joint_duties"] == []
        assert happened(room, "joint_duty_opened", who) == []
    period = {"unit": CITY, "period_id": the_duty(room)["period_id"]}
    stranger = taking(room, period, QINGLONG)
    refused(room.tell("Qin", "take-joint-seat", stranger), 404, "no-such-joint-duty", "/period_id")
    refused(room.tell("He", "close-joint-duty", {**period, "reason": "x"}), 403, "not-your-post")
    refused(room.tell("Li", "close-joint-duty", {**period, "reason": "x"}), 403, "not-your-joint-duty")
    refused(room.tell("Wu", "open-joint-duty", opening(room, CITY)), 422, "not-below", "/required/0")
    refused(room.tell("Li", "open-joint-duty", opening(room)), 404, "no-such-joint-duty")


def test_a_seat_is_signed_in_to_on_its_own_screen_and_all_seats_see_who_is_there(own_room: Room) -> None:
    room = own_room
    period = opened(room)
    refused(room.tell("Li", "take-joint-seat", taking(room, period)), 403, "not-your-seat", "/seat")
    refused(room.tell("Wu", "take-joint-seat", taking(room, period)), 403, "not-your-seat", "/seat")
    room.told("He", "take-joint-seat", taking(room, period))
    room.told("Wu", "take-joint-seat", taking(room, period, LULONG, on_behalf_of=BEHALF))
    for who in ("Wu", "He", "Li", "Qin"):
        board = seats(room, who)
        assert (board[WEATHER]["name"], board[WEATHER]["phone"]) == ("He", "0335-1234567")
        assert (board[LULONG]["name"], board[LULONG]["state"]) == ("刘某", "here")
        assert board[QINGLONG]["state"] == "empty", "it may come, it need not"
    assert seats(room, "Qin")[WEATHER]["asked"] is None, "what is asked of others is not theirs to count"
    assert seats(room, "Qin")[QINGLONG]["asked"] == 0
    head = room.ask("Wu", "log")["head"]
    room.told("He", "take-joint-seat", taking(room, period))
    assert room.ask("Wu", "log")["head"] == head, "signing in twice changes nothing"
    assert verify(room.parts.database).faults == []


def test_a_screen_that_listens_is_told_apart_from_none_and_unknown_is_neither(own_room: Room) -> None:
    room = own_room
    opened(room)
    assert seats(room)[WEATHER]["present"] is False

    async def unknown() -> None:
        return None

    room.parts.presence.manned = unknown  # type: ignore[method-assign]
    assert seats(room)[WEATHER]["present"] is None
    page = room.request("Wu", "GET", "/joint").text
    assert "未知" in page
    assert "未打开" not in page


def test_a_required_seat_that_is_empty_is_said_once_and_calls_until_somebody_comes(own_room: Room) -> None:
    room = own_room
    room.parts.store.channels = book(room.folder.parent, "http://127.0.0.1:9", "dingtalk")
    period = opened(room)
    room.told("Li", "take-joint-seat", taking(room, period, LULONG))
    room.clock.pass_by(minutes=10)
    room.clock.pass_by(seconds=-1)
    room.watch()
    assert happened(room, "joint_seat_empty") == []
    room.stop()
    room.clock.pass_by(hours=1)
    room.start()
    room.parts.store.channels = book(room.folder.parent, "http://127.0.0.1:9", "dingtalk")
    for _ in range(2):
        room.watch()
    (empty,) = happened(room, "joint_seat_empty")
    assert (empty["seat"], empty["late_by_s"]) == (WEATHER, 3599)
    assert [one["seat"] for one in happened(room, "joint_seat_empty", "He")] == [WEATHER]
    assert [one["kind"] for one in room.ask("Wu", "duty")["alarms"]] == ["unmanned"]
    assert "联合值守：本席无人" in room.request("He", "GET", "/duty/pieces").text
    room.told("He", "take-joint-seat", taking(room, period))
    assert room.ask("Wu", "duty")["alarms"] == [], "somebody came: nobody further is called"
    assert "本席无人" not in room.request("He", "GET", "/duty/pieces").text
    assert seats(room)[WEATHER]["state"] == "here"
    assert verify(room.parts.database).faults == []


def test_a_drill_calls_only_as_a_drill(spare_room: Room) -> None:
    room = spare_room
    before = room.parts.store.channels
    room.parts.store.channels = book(room.folder.parent, "http://127.0.0.1:9", "dingtalk")
    period = opened(room, WEATHER, drill=True)
    room.clock.pass_by(minutes=11)
    room.watch()
    alarms = [one for one in room.ask("Wu", "duty")["alarms"] if one["kind"] == "unmanned"]
    assert [one["drill"] for one in alarms] == [True]
    room.told("Wu", "close-joint-duty", {**period, "reason": "演练结束"})
    assert [one for one in room.ask("Wu", "duty")["alarms"] if one["kind"] == "unmanned"] == []
    room.parts.store.channels = before


def test_data_is_due_at_set_times_and_a_night_without_the_program_is_one_entry(own_room: Room) -> None:
    room = own_room
    period = opened(room)
    asked = data(room, period)
    room.told("Wu", "ask-joint-data", asked)
    of = {**period, "data_id": asked["data_id"]}
    assert the_duty(room, "He")["data"] == [], "it is not shared with the weather office"
    stranger = {**of, "text": "1", "at": room.clock.ago()}
    refused(room.tell("He", "hand-in-joint-data", stranger), 404, "no-such-joint-data", "/data_id")
    room.told("Li", "hand-in-joint-data", {**of, "text": "57.2 米", "at": room.clock.ago()})
    (shown,) = the_duty(room)["data"]
    assert (shown["value"], shown["handed_by"], shown["standing"]) == ("57.2 米", "Li", "due")
    assert shown["due_at"] == "2026-11-23T07:35:00.000Z", "half an hour early counts for the time to come"
    room.clock.pass_by(minutes=90)
    room.watch()
    assert happened(room, "joint_data_late") == [], "the set time itself is in time"
    room.stop()
    room.clock.pass_by(hours=5)
    room.start()
    for _ in range(2):
        room.watch()
    (late,) = happened(room, "joint_data_late", "Li")
    assert (late["missed"], late["late_by_s"]) == (5, 5 * 3600)
    assert happened(room, "joint_data_late", "He") == []
    assert (the_duty(room)["data"][0]["missed"], seats(room)[LULONG]["late"]) == (5, 1)
    room.clock.pass_by(seconds=1)
    room.watch()
    assert [one["missed"] for one in happened(room, "joint_data_late")] == [5, 6]
    room.told("Li", "hand-in-joint-data", {**of, "text": "58.0 米", "at": room.clock.ago()})
    assert the_duty(room)["data"][0]["due_at"] == "2026-11-23T13:35:00.000Z"
    assert seats(room)[LULONG]["late"] == 0
    assert verify(room.parts.database).faults == []


def test_what_is_shared_is_seen_by_all_seats(own_room: Room) -> None:
    room = own_room
    period = opened(room)
    asked = data(room, period, shared=True)
    room.told("Wu", "ask-joint-data", asked)
    given = {**period, "data_id": asked["data_id"], "at": room.clock.ago()}
    room.told("Li", "hand-in-joint-data", {**given, "text": "57.2 米"})
    assert [one["value"] for one in the_duty(room, "He")["data"]] == ["57.2 米"]
    refused(room.tell("He", "hand-in-joint-data", {**given, "text": "1"}), 403, "not-your-seat", "/data_id")


def test_a_request_is_between_two_seats_and_who_called_them(own_room: Room) -> None:
    room = own_room
    period = opened(room)
    asked = asking(period)
    room.told("He", "ask-joint-request", asked)
    of = {**period, "request_id": asked["request_id"]}
    for who, seen in (("Wu", 1), ("He", 1), ("Li", 1), ("Qin", 0)):
        assert len(the_duty(room, who)["requests"]) == seen, who
        assert len(happened(room, "joint_request_asked", who)) == seen, who
    taken = {**of, "at": room.clock.ago()}
    refused(room.tell("Qin", "take-joint-request", taken), 404, "no-such-joint-request", "/request_id")
    refused(room.tell("He", "take-joint-request", taken), 403, "not-your-seat", "/request_id")
    assert "气象局 请办" in room.request("Li", "GET", "/duty/pieces").text
    room.clock.pass_by(minutes=16)
    room.watch()
    room.watch()
    (late,) = happened(room, "joint_request_late", "Li")
    assert (late["waits_for"], late["late_by_s"]) == ("take", 60)
    assert happened(room, "joint_request_late", "Qin") == [], "a third department does not hear of it"
    room.told("Li", "take-joint-request", {**of, "at": room.clock.ago()})
    room.clock.pass_by(minutes=60)
    room.watch()
    assert [one["waits_for"] for one in happened(room, "joint_request_late")] == ["take", "answer"]
    assert the_duty(room)["requests"][0]["standing"] == "late"
    again = {**of, "text": "请速报", "answer_within_min": 10}
    refused(room.tell("Li", "chase-joint-request", again), 403, "not-your-request", "/request_id")
    room.told("He", "chase-joint-request", again)
    assert the_duty(room)["requests"][0]["standing"] == "taken"
    room.told("Li", "answer-joint-request", {**of, "at": room.clock.ago(), "text": "上游 3 站均超 80 毫米"})
    (answer,) = the_duty(room, "He")["requests"]
    assert (answer["answer"], answer["answered_by"], answer["chased"]) == ("上游 3 站均超 80 毫米", "Li", 1)
    refused(room.tell("He", "chase-joint-request", again), 409, "joint-request-answered")
    room.clock.pass_by(hours=2)
    room.watch()
    assert len(happened(room, "joint_request_late")) == 2, "what is answered is not chased"
    assert verify(room.parts.database).faults == []


def test_who_leaves_says_who_takes_on_what_remains_or_what_becomes_of_it(own_room: Room) -> None:
    room = own_room
    period = opened(room)
    room.told("Li", "take-joint-seat", taking(room, period, LULONG))
    room.told("He", "ask-joint-request", asking(period))
    left = {**period, "seat": LULONG, "at": room.clock.ago()}
    refused(room.tell("Li", "leave-joint-seat", left), 422, "say-what-remains", "/text")
    refused(room.tell("Li", "leave-joint-seat", {**left, "text": " "}), 422, "say-what-remains", "/text")
    room.told("Li", "leave-joint-seat", {**left, "to": {"name": "赵某", "phone": "138"}})
    assert (seats(room)[LULONG]["name"], seats(room)[LULONG]["last"]) == ("赵某", "Li")
    (rest,) = happened(room, "joint_rest_noted", "Li")
    assert ([one["text"] for one in rest["items"]], rest["to"]) == (["请报洋河上游雨量"], "赵某")
    assert happened(room, "joint_rest_noted", "Qin") == []
    assert [one["name"] for one in happened(room, "joint_seat_left", "Qin")] == ["Li"]
    room.told("Li", "leave-joint-seat", {**left, "text": "夜间由县值班室接"})
    assert (seats(room)[LULONG]["state"], seats(room)[LULONG]["rest"]) == ("missing", "夜间由县值班室接")
    refused(room.tell("Li", "leave-joint-seat", {**left, "text": "x"}), 409, "seat-empty", "/seat")
    assert verify(room.parts.database).faults == []


def test_the_city_extends_and_closes_and_the_clock_says_when_nobody_did(own_room: Room) -> None:
    room = own_room
    period = opened(room, others=[])
    more = {**period, "ends_at": room.clock.ago(hours=-50), "required": [QINGLONG], "reason": "降雨持续"}
    room.told("Wu", "extend-joint-duty", more)
    assert the_duty(room, "Qin")["ends_at"] == "2026-11-25T08:05:00.000Z"
    nothing = {**period, "reason": "x"}
    refused(room.tell("Wu", "extend-joint-duty", nothing), 422, "nothing-to-change", "/ends_at")
    room.clock.pass_by(hours=51)
    for _ in range(3):
        room.watch()
    assert len(happened(room, "joint_duty_ran_out")) == 1
    assert the_duty(room)["state"] == "ran_out"
    count = len(happened(room, "joint_seat_empty"))
    room.told("Wu", "close-joint-duty", {**period, "reason": "汛情平稳"})
    assert the_duty(room, "Qin")["state"] == "closed"
    refused(room.tell("He", "take-joint-seat", taking(room, period)), 409, "joint-duty-closed", "/period_id")
    room.clock.pass_by(hours=10)
    room.watch()
    assert len(happened(room, "joint_seat_empty")) == count == 3
    assert verify(room.parts.database).faults == []


def test_to_who_has_no_seat_every_answer_is_as_if_there_were_no_joint_duty(own_room: Room) -> None:
    room, unseen = own_room, new_id()
    before = answers(room, "Tian", unseen)
    a_busy_joint_duty(room)
    room.clock.pass_by(minutes=11)
    room.watch()
    room.clock.pass_by(minutes=-11)
    after = answers(room, "Tian", unseen)
    assert {url: told for url, told in after.items() if told != before[url]} == {}
    texts = [told for _status, told in answers(room, "Qin", unseen).values()]
    assert any("主汛期联合值守" in one for one in texts), "it has a seat"
    secrets = (f"协办{LULONG}", f"协办{CITY}", "57.0 米", "已派车", "夜间由局总值班接")
    assert [secret for secret in secrets if any(secret in one for one in texts)] == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE joint_seat SET empty_since = NULL, name = '某'",
        "UPDATE joint_request SET late_answer = NOT late_answer",
        "UPDATE joint_data SET missed = 7",
        "UPDATE joint_duty SET title = 'x'",
        "DELETE FROM joint_request",
    ],
)
def test_verification_finds_a_board_that_was_bettered_behind_the_program(one_room: Room, sql: str) -> None:
    if not one_room.ask("Wu", "joint-duties")["joint_duties"]:
        a_busy_joint_duty(one_room)
    assert verify(one_room.parts.database).faults == []
    with one_room.parts.database.engine.connect() as connection:
        connection.execute(text(sql))
        faults = verify_in(connection).faults
        connection.rollback()
    assert faults


def test_a_seat_that_opens_a_duty_under_an_id_it_knows_takes_over_nobodys(own_room: Room) -> None:
    room = own_room
    city = opened(room)
    room.told("He", "ask-joint-request", asking(city, CITY, text="只给市里"))
    own = opening(room, "130324105", unit=LULONG, period_id=city["period_id"], title="县里自己的", others=[])
    room.told("Li", "open-joint-duty", own)
    at_the_county = {one["unit"]: one for one in room.ask("Li", "joint-duties")["joint_duties"]}
    assert {unit: one["sees_all"] for unit, one in at_the_county.items()} == {CITY: False, LULONG: True}
    assert [one["requests"] for one in at_the_county.values()] == [[], []]
    (at_the_city,) = [one for one in room.ask("Wu", "joint-duties")["joint_duties"] if one["unit"] == CITY]
    assert (at_the_city["title"], at_the_city["is_own"]) == ("主汛期联合值守", True)
    assert [one["text"] for one in at_the_city["requests"]] == ["只给市里"]
    assert verify(room.parts.database).faults == []


def test_the_same_id_of_data_in_two_periods_is_two(own_room: Room) -> None:
    room = own_room
    first, second = opened(room), opened(room)
    same = new_id()
    for period in (first, second):
        room.told("Wu", "ask-joint-data", data(room, period, data_id=same))
    handed = {**first, "data_id": same, "at": room.clock.ago(), "text": "41.2"}
    room.told("Li", "hand-in-joint-data", handed)
    values = {
        one["period_id"]: one["data"][0]["value"] for one in room.ask("Wu", "joint-duties")["joint_duties"]
    }
    assert values == {first["period_id"]: "41.2", second["period_id"]: None}
    assert verify(room.parts.database).faults == []


def test_times_that_nobody_can_mean_are_refused_and_the_field_is_named(one_room: Room) -> None:
    room = one_room
    late, early = "9999-12-31T23:59:59.999Z", "0001-01-02T00:00:00.000Z"
    refused(
        room.tell("Wu", "open-joint-duty", opening(room, ends_at=late)), 422, "time-out-of-range", "/ends_at"
    )
    period = opened(room)
    asked = data(room, period, first_due_at=early)
    refused(room.tell("Wu", "ask-joint-data", asked), 422, "time-out-of-range", "/first_due_at")
    for outside in (room.clock.ago(minutes=1), room.clock.ago(hours=-48)):
        asked = data(room, period, first_due_at=outside)
        refused(room.tell("Wu", "ask-joint-data", asked), 422, "joint-data-outside", "/first_due_at")
    item = {"unit": CITY, "item_id": new_id(), "kind": "promise", "text": "到期", "due_at": late}
    refused(room.tell("Wu", "add-duty-item", item), 422, "time-out-of-range", "/due_at")
    shifts = [{**shift(0), "ends_at": late}]
    refused(
        room.tell("Wu", "plan-shifts", {"unit": CITY, "shifts": shifts}),
        422,
        "time-out-of-range",
        "/shifts/0/ends_at",
    )


def test_a_seat_that_is_required_from_now_on_has_its_ten_minutes(own_room: Room) -> None:
    room = own_room
    period = opened(room)
    room.told("Li", "take-joint-seat", taking(room, period, LULONG))
    room.told("He", "take-joint-seat", taking(room, period))
    room.clock.pass_by(hours=5)
    room.told("Wu", "extend-joint-duty", {**period, "required": [QINGLONG], "reason": "上游暴雨"})
    room.clock.pass_by(minutes=9)
    room.watch()
    assert happened(room, "joint_seat_empty") == []
    room.clock.pass_by(minutes=2)
    room.watch()
    (empty,) = happened(room, "joint_seat_empty")
    assert (empty["seat"], empty["late_by_s"]) == (QINGLONG, 60)
    room.clock.pass_by(hours=48)
    room.watch()
    assert happened(room, "joint_duty_ran_out", "Qin"), "all seats hear that it is over"


def test_a_period_has_its_most_seats_however_they_were_called(
    spare_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = spare_room
    monkeypatch.setattr(jd, "MOST_SEATS", 3)
    many = opening(room, WEATHER, LULONG, others=[QINGLONG, "130324104"])
    refused(room.tell("Wu", "open-joint-duty", many), 422, "too-many-seats", "/others")
    period = opened(room)
    more = {**period, "required": ["130324104"], "reason": "增补"}
    refused(room.tell("Wu", "extend-joint-duty", more), 422, "too-many-seats", "/required")
    room.told("Wu", "extend-joint-duty", {**period, "required": [QINGLONG], "reason": "已有席位"})
