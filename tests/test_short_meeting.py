"""The same command by radio and by network: once in the log, whichever came first; what differs is said."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain.short_report.alphabet import incident_of
from server.domain.short_report.saying import encode
from server.safekeeping.verify import verify
from tests import words
from tests.deeds import opened, refused
from tests.room import Room
from tests.words import Body, new_id


def read(room: Room, *messages: str, who: str = "Wu") -> Body:
    answer = room.request(who, "POST", "short-reports/read", json={"text": "\n".join(messages)})
    assert answer.status_code == 200, answer.text
    said: Body = answer.json()
    return said


def heard(room: Room, name: str, body: Body, **over: Any) -> Body:
    """What the desk types of a command of Song that was said by radio, as it stores it."""
    said = read(room, *encode(name, body, "Song").messages)
    assert said["ready"], said
    ids = {one: new_id() for one in ("command_id", *said["makes"])}
    behalf = {**said["body"]["on_behalf_of"], "channel": "radio"}
    return {**said["body"], **ids, "on_behalf_of": behalf, **over}


def a_few(one: str, room: Room) -> list[tuple[str, Body]]:
    at = room.clock.ago(minutes=20)
    order = words.issue_order(one)
    room.told("Wu", "issue-order", order)
    taken = {"command_id": new_id(), "incident_id": one, "order_id": order["order_id"], "at": at}
    return [
        ("request-help", words.request_help(one, at=at, text="堤上三人")),
        ("count-heads", words.count_heads(one, "in", 5, at=at, team="一队")),
        ("set-field-status", words.set_field_status(one, "engaged", at=at, text="从东堤进入")),
        ("add-entry", words.add_entry(one, "堤防渗水加剧，" * 20, happened_at=at)),
        (
            "establish-facts",
            words.establish_facts(one, known_at=at, dead=1, missing=None, explanation="复核"),
        ),
        ("acknowledge-order", taken),
    ]


def deeds(room: Room, one: str) -> list[str]:
    """What was done by hand, in the order of the log."""
    return [entry["event"]["type"] for entry in room.entries(one) if "command_id" in entry]


@pytest.mark.parametrize("first", ["radio", "network"])
def test_what_was_said_by_radio_and_came_by_network_is_done_once(room: Room, first: str) -> None:
    one = opened(room)
    for name, said in a_few(one, room):
        told = [("Wu", heard(room, name, said)), ("Song", said)]
        before = deeds(room, one)
        for who, body in told if first == "radio" else reversed(told):
            done = room.told(who, name, body)
        fresh = deeds(room, one)[len(before) :]
        assert len(fresh) == 2, (name, fresh)
        assert fresh[1] == "short_report_confirmed", (name, fresh)
        confirmed = room.entries(one, "short_report_confirmed")[-1]
        assert confirmed["event"]["came"] == ("network" if first == "radio" else "short_report")
        assert room.told(who, name, body) == {**done, "replayed": True}
    field = room.ask("Wu", f"incidents/{one}")["field"]
    assert (field["inside"]["inside"], len(field["requests"]), len(field["people"])) == (5, 1, 1)
    assert verify(room.parts.database).faults == []


def test_what_differs_stands_beside_it_as_a_contradiction(room: Room) -> None:
    one = opened(room)
    said = words.count_heads(one, "in", 5, at=room.clock.ago(minutes=5))
    room.told("Wu", "count-heads", heard(room, "count-heads", said, people=9))
    room.told("Song", "count-heads", said)
    (differs,) = room.entries(one, "short_report_differs")
    assert (differs["event"]["fields"], differs["event"]["person"]) == (["people"], "Song")
    assert room.ask("Wu", f"incidents/{one}")["field"]["inside"]["went_in"] == 14, "both stand"
    assert "两者不同：人数" in room.request("Wu", "GET", f"/incidents/{one}").text


def test_another_persons_and_another_incidents_command_is_another_command(room: Room) -> None:
    one, other = opened(room), opened(room)
    said = words.count_heads(one, "in", 5, at=room.clock.ago(minutes=5))
    room.told("Wu", "count-heads", heard(room, "count-heads", said))
    room.told("Gao", "count-heads", _with_the_same_mark(said))
    room.told("Song", "count-heads", {**_with_the_same_mark(said), "incident_id": other})
    assert room.entries(one, "short_report_confirmed") == room.entries(other, "short_report_confirmed") == []
    twin = words.count_heads(other, "in", 2, at=room.clock.ago(minutes=3))
    room.told("Song", "count-heads", twin)
    room.told("Song", "count-heads", _with_the_same_mark(twin))
    assert room.entries(other, "short_report_confirmed") == [], "two by network are two, whatever they say"


def _with_the_same_mark(said: Body) -> Body:
    return {**said, "command_id": new_id()[:-12] + said["command_id"][-12:], "count_id": new_id()}


def test_an_incident_opened_offline_is_one_incident_and_what_was_left_out_is_added(room: Room) -> None:
    id_ = incident_of(str(int(new_id()[-8:], 16)))
    at = room.clock.ago(minutes=30)
    more = {"known_at": at, "occurred_at": at, "facts": {"trapped": 3}, "category": "flood/dam"}
    said = words.open_incident(incident_id=id_, **more)
    first = room.told("Wu", "open-incident", heard(room, "open-incident", said))
    room.told("Song", "report-position", words.report_position(id_, at=at))
    later = room.told("Song", "open-incident", said)
    assert (later["incident_id"], later["number"]) == (first["incident_id"], first["number"])
    shown = room.ask("Wu", f"incidents/{id_}")
    assert (shown["category"], shown["source"]["channel"], shown["facts"]) == (
        "flood/dam",
        "110",
        {"trapped": 3},
    )
    assert shown["known_at"] == "2026-11-23T05:35:00.000Z", "its clock starts when the tablet knew"
    assert deeds(room, id_) == ["incident_opened", "position_reported", "short_report_confirmed"]
    refused(room.tell("Gao", "open-incident", {**said, "command_id": new_id()}), 409, "incident-exists")
    assert verify(room.parts.database).faults == []


def test_the_desk_is_told_what_is_wrong_before_anything_is_stored(room: Room) -> None:
    one = opened(room)
    now = room.clock.ago()
    (message,) = encode("request-help", words.request_help(one, at=now, text="堤上三人"), "Song").messages
    good = read(room, message)
    assert (good["ready"], good["incidents"][0]["incident_id"]) == (True, one)
    assert (good["makes"], good["body"]["on_behalf_of"]) == (
        ["request_id"],
        {"name": "Song", "unit": "130324"},
    )
    assert {line["label"]: line["text"] for line in good["lines"]}["种类"] == "船艇"
    wrong, at = read(room, message.replace("船艇", "船挺")), message.index("船") + 1
    assert (wrong["ready"], wrong["code"], wrong["at"]) == (False, "check", at)
    assert f"第 {at} 字附近有误" in wrong["wrong"]
    assert read(room, message.replace("三人", "人"))["wrong"] == "少了 1 个字"
    long = encode("add-entry", words.add_entry(one, "一" * 90, happened_at=now), "Song").messages
    assert (read(room, *long[1:])["missing"], read(room, *reversed(long))["ready"]) == ([1], True)
    elsewhere = opened(room, who="Qin", place={"division": "130321", "text": "青龙"}, known_by="130321")
    status = words.set_field_status(elsewhere, "arrived", at=now)
    (foreign,) = encode("set-field-status", status, "Qin").messages
    assert (read(room, foreign, who="Li")["code"], read(room, foreign)["ready"]) == ("incident", True)
    refused(room.request("Wu", "POST", "short-reports/read", json={"txt": ""}), 422, "bad-body", "/txt")
    refused(room.request("Wu", "POST", "short-reports/read", content=b"{"), 400, "not-json")
