"""An alarm calls people by the roster until a named one takes it; its messages are stored with its entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select, text

from server.outward.courier import Courier
from server.outward.payloads import Outcome
from server.record.alarms import NO_NUMBER
from server.record.outbox import OUTBOX
from server.safekeeping.verify import verify, verify_in
from tests import words
from tests.deeds import refused
from tests.duty_deeds import CITY, happened, plan, shift, take_over
from tests.outward import book
from tests.room import Room
from tests.words import new_id

URL = "http://127.0.0.1:9"


def connected(room: Room, *kinds: str, **options: Any) -> None:
    """The room's city desk with channels."""
    folder = Path(room.folder.parent)
    room.parts.store.channels = book(folder, URL, *(kinds or ("dingtalk", "sms")), **options)


def manned(room: Room) -> None:
    people = [
        {"post": "shift_leader", "name": "吴某", "phone": "139 0000 0001"},
        {"post": "information", "name": "李某", "phone": "0335-0000002"},
    ]
    one, _next = plan(room, shift(0, posts=people), shift(1))
    take_over(room, one)


def major(room: Room, **over: Any) -> str:
    """Eleven dead in Lulong, known now: that is 重大."""
    now = room.clock.ago()
    said = words.open_incident(known_at=now, occurred_at=now, facts={"dead": 11}, **over)
    room.told("Wu", "open-incident", said)
    return str(said["incident_id"])


def outbox(room: Room) -> list[dict[str, Any]]:
    with room.parts.database.reading() as connection:
        query = select(OUTBOX).order_by(OUTBOX.c.created_at, OUTBOX.c.dedup_key)
        return [dict(row) for row in connection.execute(query).mappings()]


def sent_to(room: Room) -> list[tuple[str, str, str]]:
    return [(one["channel"], one["recipient"], one["state"]) for one in outbox(room)]


def taking(room: Room, **over: Any) -> dict[str, Any]:
    alarm = room.ask("Wu", "duty")["alarms"][0]
    return {"unit": CITY, "alarm_id": alarm["alarm_id"], "at": room.clock.ago(), **over}


def test_a_major_incident_calls_who_is_on_duty_and_goes_up_until_somebody_takes_it(own_room: Room) -> None:
    room = own_room
    connected(room)
    manned(room)
    major(room)
    (raised,) = happened(room, "alarm_raised")
    assert (raised["kind"], raised["text"], raised["drill"]) == ("level", "研判达到重大级别", False)
    assert [(one["to"], one["names"]) for one in raised["steps"]] == [
        ("on_duty", []), ("leader", []), ("bureau", ["张局长"]), ("bureau", ["张局长"]),
    ]  # fmt: skip
    assert sent_to(room) == [
        ("dingtalk", "", "queued"),
        ("sms", "03350000002", "queued"),
        ("sms", "13900000001", "queued"),
    ]
    assert outbox(room)[0]["mentions"] == "13900000001", "a robot names mobile phones only"
    for minutes, to in ((5, ["王局"]), (5, ["张局长"]), (10, ["张局长"])):
        room.clock.pass_by(minutes=minutes, milliseconds=-1)
        room.watch()
        before = happened(room, "alarm_called")
        room.clock.pass_by(milliseconds=1)
        room.watch()
        room.watch()
        called = happened(room, "alarm_called")
        assert len(called) == len(before) + 1
        assert (called[-1]["to"], called[-1]["late_by_s"]) == (to, 0)
    room.clock.pass_by(hours=5)
    room.watch()
    called = [one for one in happened(room, "alarm_called") if one["alarm_id"] == raised["alarm_id"]]
    assert len(called) == 4, "the last step is repeated as often as the file says"
    told = [one["recipient"] for one in outbox(room) if one["alarm_id"] == raised["alarm_id"]]
    assert [one for one in told if one] == [
        "03350000002", "13900000001", "13900000000", "13700000000", "13700000000",
    ]  # fmt: skip
    standing = room.ask("Wu", "duty")["alarms"][0]
    assert (standing["alarm_id"], standing["next"]) == (raised["alarm_id"], None)
    assert verify(room.parts.database).faults == []


def test_who_takes_it_is_named_and_nobody_further_is_called(own_room: Room) -> None:
    room = own_room
    connected(room)
    manned(room)
    major(room)
    body = taking(room)
    refused(room.tell("Li", "take-alarm", body), 404, "no-such-unit")
    refused(room.tell("Zhao", "take-alarm", body), 403, "not-your-post")
    refused(room.tell("Wu", "take-alarm", {**body, "alarm_id": new_id()}), 404, "no-such-alarm")
    phoned = {"name": "王局", "post": "带班领导", "channel": "phone"}
    room.told("Wu", "take-alarm", {**body, "on_behalf_of": phoned, "text": "马上到"})
    (taken,) = happened(room, "alarm_taken")
    assert (taken["name"], taken["text"]) == ("王局", "马上到")
    assert {one["state"] for one in outbox(room)} == {"withdrawn"}, "what had not gone out stays in"
    refused(room.tell("Wang", "take-alarm", body), 409, "alarm-taken")
    head = room.ask("Wu", "log")["head"]
    room.told("Wu", "take-alarm", {**body, "on_behalf_of": phoned})
    assert room.ask("Wu", "log")["head"] == head, "the same person says it twice"
    room.clock.pass_by(minutes=30)
    room.watch()
    level = [one for one in happened(room, "alarm_called") if one["alarm_id"] == body["alarm_id"]]
    assert len(level) == 1
    assert verify(room.parts.database).faults == []


def test_what_is_done_calls_nobody_further(own_room: Room) -> None:
    room = own_room
    connected(room)
    manned(room)
    now = room.clock.ago()
    said = words.open_incident(known_at=now, occurred_at=now, category="hazmat", facts={"dead": None})
    room.told("Wu", "open-incident", said)
    one = said["incident_id"]
    order = words.issue_order(one)
    room.told("Wu", "issue-order", order)
    room.clock.pass_by(minutes=30)
    room.watch()
    kinds = {one["kind"] for one in room.ask("Wu", "duty")["alarms"]}
    assert {"prompt", "order"} <= kinds
    answer = {"incident_id": one, "order_id": order["order_id"], "at": room.clock.ago()}
    room.told("Li", "report-on-order", {**answer, "text": "已核实"})
    assert "order" not in {one["kind"] for one in room.ask("Wu", "duty")["alarms"]}
    room.told("Wu", "record-report", words.record_report(one, channel="phone", sent_at=room.clock.ago()))
    assert "prompt" not in {one["kind"] for one in room.ask("Wu", "duty")["alarms"]}
    assert {one["reason"] for one in happened(room, "alarm_settled")} == {"done"}
    room.told("Wu", "close-incident", words.close_incident(one, at=room.clock.ago()))
    open_still = {one["kind"] for one in room.ask("Wu", "duty")["alarms"]}
    assert not open_still - {"overdue"}, "only what is owed outlives the incident"
    assert verify(room.parts.database).faults == []


def test_with_nobody_on_duty_the_leaders_are_called_at_once(spare_room: Room) -> None:
    room = spare_room
    connected(room)
    major(room)
    (called,) = happened(room, "alarm_called")
    assert (called["called"], called["to"]) == ("bureau", ["张局长"])
    assert ("sms", "13700000000", "queued") in sent_to(room)


def test_nobody_on_duty_is_itself_called_out_until_somebody_takes_over(spare_room: Room) -> None:
    room = spare_room
    connected(room)
    room.clock.pass_by(hours=-6)
    (one,) = plan(room, shift(0))
    room.clock.pass_by(hours=1)
    room.watch()
    (raised,) = happened(room, "alarm_raised")
    assert (raised["kind"], raised["about"]) == ("unmanned", CITY)
    take_over(room, one)
    assert [one["reason"] for one in happened(room, "alarm_settled")] == ["done"]


def test_who_cannot_be_reached_by_a_channel_stands_there_by_name(spare_room: Room) -> None:
    room = spare_room
    connected(room, "sms", "smtp")
    one, _next = plan(room, shift(0, posts=[{"post": "shift_leader", "name": "无号"}]), shift(1))
    take_over(room, one)
    major(room)
    rows = outbox(room)
    failed = [(one["recipient_name"], one["fault"]) for one in rows if one["state"] == "failed"]
    assert failed == [("无号", NO_NUMBER)]
    room.clock.pass_by(minutes=10)
    room.watch()
    mails = {one["recipient"] for one in outbox(room) if one["channel"] == "smtp"}
    assert mails == {"leaders@mail.example.cn", "zhang@mail.example.cn"}


@pytest.mark.parametrize("full", [False, True])
def test_a_title_leaves_only_by_a_channel_that_may_have_it(spare_room: Room, full: bool) -> None:
    room = spare_room
    connected(room, "wecom", full=full)
    major(room, title="某厂爆炸")
    (row,) = outbox(room)
    assert ("某厂爆炸" in row["text"]) is full
    number = happened(room, "incident_opened")[0]["number"]
    assert number in row["text"]


def test_a_drill_stays_in_the_house_or_begins_with_its_word(spare_room: Room) -> None:
    room = spare_room
    connected(room, "dingtalk", drills=False)
    major(room, drill=True)
    (raised,) = happened(room, "alarm_raised")
    assert raised["drill"] is True
    assert outbox(room) == []
    connected(room, "dingtalk", "sms", "smtp", drills=True)
    major(room, drill=True)
    assert outbox(room)
    assert all(one["drill"] and one["text"].startswith("【演练】") for one in outbox(room))


def test_without_a_channel_nothing_is_raised_and_a_counties_alarms_are_its_own(spare_room: Room) -> None:
    room = spare_room
    major(room)
    assert happened(room, "alarm_raised") == []
    connected(room)
    major(room)
    assert len(happened(room, "alarm_raised")) == 1
    for who in ("Li", "Qin", "He", "Tian"):
        kinds = {one["event"]["type"] for one in room.stream(who)}
        assert not {one for one in kinds if one.startswith(("alarm_", "channel_"))}, who


def test_the_same_thing_never_calls_twice_also_after_a_restart(own_room: Room) -> None:
    room = own_room
    connected(room)
    manned(room)
    one = major(room)
    room.stop()
    room.clock.pass_by(minutes=17)
    room.start()
    connected(room)
    for _ in range(3):
        room.watch()
    level = happened(room, "alarm_raised")[0]["alarm_id"]
    calls = [
        (call["step"], call["late_by_s"])
        for call in happened(room, "alarm_called")
        if call["alarm_id"] == level
    ]
    assert calls == [(0, 0), (1, 720), (2, 420)]
    room.told("Wu", "judge-level", words.judge_level(one, "major", judged_at=room.clock.ago()))
    assert len([said for said in happened(room, "alarm_raised") if said["kind"] == "level"]) == 1
    keys = [row["dedup_key"] for row in outbox(room)]
    assert len(keys) == len(set(keys))


def test_a_bug_in_an_alarm_costs_the_alarm_and_never_the_entry(
    spare_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = spare_room
    connected(room)

    def broken(*_said: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("server.domain.alarming.raised", broken)
    one = major(room)
    assert room.ask("Wu", f"incidents/{one}")["level"]
    assert outbox(room) == []
    monkeypatch.undo()
    major(room)
    assert outbox(room)
    assert verify(room.parts.database).faults == []


def test_a_channel_that_is_silent_is_an_entry_once_and_again_when_it_speaks(own_room: Room) -> None:
    room = own_room
    connected(room, "dingtalk")
    manned(room)
    faults: list[str | None] = ["errcode 1", "errcode 2", "errcode 3", None]

    async def deliver(*_said: Any) -> Outcome:
        return Outcome(faults.pop(0))

    courier = Courier(room.parts.database, room.parts.store, room.clock.now, deliver)
    major(room)
    portal = room.client.portal
    assert portal is not None
    for _ in range(4):
        portal.call(courier.look)
        portal.call(courier.settled)
        (row,) = [
            one for one in outbox(room) if one["alarm_id"] == happened(room, "alarm_raised")[0]["alarm_id"]
        ]
        assert row["lease"] is None
        room.clock.pass_by(seconds=61)
    assert (row["state"], row["attempts"], row["fault"]) == ("sent", 4, None)
    assert [one["fault"] for one in happened(room, "channel_failed")] == ["errcode 2"]
    assert len(happened(room, "channel_restored")) == 1
    assert room.ask("Wu", "duty")["silent"] == []
    assert verify(room.parts.database).faults == []


def test_a_silent_channel_stands_over_the_desk_and_in_readyz_and_metrics(spare_room: Room) -> None:
    room = spare_room
    connected(room, "dingtalk")
    assert room.request(None, "GET", "/readyz").json()["checks"]["channels"] == "ok"
    room.parts.store.note_channel("dingtalk", "HTTP 500").result(10)
    body = room.request(None, "GET", "/readyz").json()
    assert (body["ready"], body["checks"]["channels"]) == (True, "degraded: no message gets out by dingtalk")
    assert "外发渠道不通：市局dingtalk" in room.get("Wu", "/roster").text
    assert "HTTP 500" in room.get("Wu", "/roster").text
    major(room)
    figures = room.request("Sun", "GET", "/metrics").text
    assert 'fenghuo_messages{channel="dingtalk",state="queued"} 1.0' in figures


def test_what_came_too_late_does_not_go_out_any_more_and_says_so(spare_room: Room) -> None:
    room = spare_room
    connected(room, "dingtalk")
    major(room)

    async def never(*_said: Any) -> Outcome:
        raise AssertionError("it is too old")

    room.clock.pass_by(minutes=61)
    courier = Courier(room.parts.database, room.parts.store, room.clock.now, never)
    portal = room.client.portal
    assert portal is not None
    portal.call(courier.look)
    portal.call(courier.settled)
    (row,) = [one for one in outbox(room) if one["state"] != "queued"]
    assert row["state"] == "failed"
    assert "too late" in row["fault"]


@pytest.mark.parametrize("column", ["alarms", "silent"])
def test_verify_names_a_duty_whose_alarms_were_bettered(spare_room: Room, column: str) -> None:
    room = spare_room
    connected(room)
    major(room)
    room.parts.store.note_channel("dingtalk", "HTTP 500").result(10)
    with room.parts.database.writing() as connection:
        connection.execute(text(f"UPDATE duty SET {column} = '[]' WHERE unit = '{CITY}'"))
        found = verify_in(connection).faults
        connection.rollback()
    assert [one for one in found if column in one]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_that_shows_the_log_has_a_line_for_each_of_it(spare_room: Room, lang: str) -> None:
    room = spare_room
    connected(room)
    manned(room)
    room.parts.people.change("Wu", lang=lang)
    one, other = major(room), major(room)
    room.parts.store.note_channel("dingtalk", "HTTP 500").result(10)
    room.parts.store.note_channel("dingtalk", None).result(10)
    for alarm in room.ask("Wu", "duty")["alarms"]:
        if alarm["incident_id"] == one:
            room.told("Wu", "take-alarm", taking(room, alarm_id=alarm["alarm_id"]))
    done = {"incident_id": other, "at": room.clock.ago(), "reason": "误报", "outcome": "false_alarm"}
    room.told("Wu", "close-incident", done)
    page = room.get("Wu", "/handover")
    assert page.status_code == 200
    said = ("研判达到重大级别", "Wu 接单", "不再呼叫", "HTTP 500") if lang == "zh" else (
        "The level has become major", "taken by Wu", "nobody further is called", "HTTP 500",
    )  # fmt: skip
    words_of = BeautifulSoup(page.text, "html.parser").get_text(" ", strip=True)
    words_of = " ".join(words_of.split())
    for text_said in said:
        assert text_said.replace(" ", "") in words_of.replace(" ", ""), text_said
    assert room.get("Wu", "/duty-log", day="2026-11-23").status_code == 200
