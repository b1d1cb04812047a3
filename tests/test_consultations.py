"""Consultation (会商): each opinion to the letter, measures that are orders, and the duty to report."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest

from server.safekeeping.verify import verify
from tests import words
from tests.consultation_deeds import concluding, convening, good_consultation
from tests.deeds import opened, refused
from tests.room import Room
from tests.words import Body, new_id

WEATHER, LULONG, QINGLONG = "130300-qx", "130324", "130321"


def convened(room: Room, *units: str, **over: Any) -> Body:
    body = convening(opened(room), *units, **over)
    room.told("Wu", "convene-consultation", body)
    return body


def opinion(of: Body, text: str, **over: Any) -> Body:
    said = {name: of[name] for name in ("incident_id", "consultation_id")}
    return {**said, "opinion_id": new_id(), "text": text, "at": words.at("09:10"), **over}


def shown(room: Room, of: Body, who: str = "Wu") -> dict[str, Any]:
    (one,) = room.ask(who, f"incidents/{of['incident_id']}")["consultations"]
    return dict(one)


def test_who_takes_part_sees_the_incident_and_says_what_it_thinks_to_the_letter(own_room: Room) -> None:
    room = own_room
    body = convening(opened(room), WEATHER)
    refused(room.tell("He", "give-opinion", opinion(body, "x")), 404, "no-such-incident", "/incident_id")
    room.told("Wu", "convene-consultation", body)
    words_said = "  第一行\n<b>24小时</b>雨量 100—150 毫米  "
    room.told("He", "give-opinion", opinion(body, words_said))
    one = shown(room, body, "He")
    (said,) = one["opinions"]
    assert (said["part_of"], said["name"], said["text"], said["is_late"]) == (
        WEATHER,
        "He",
        words_said,
        False,
    )
    assert one["missing"] == []
    page = room.request("He", "GET", f"/incidents/{body['incident_id']}/consultations").text
    assert "&lt;b&gt;24小时&lt;/b&gt;" in page
    assert room.tell("Qin", "give-opinion", opinion(body, "x")).status_code == 404
    away = room.request("Qin", "GET", f"/incidents/{body['incident_id']}/consultations")
    assert away.status_code == 404
    assert verify(room.parts.database).faults == []


def test_nobody_speaks_for_another_but_the_convener_writes_down_what_was_said_aloud(own_room: Room) -> None:
    room = own_room
    body = convened(room, WEATHER, LULONG)
    aloud = opinion(body, "可以泄洪", part_of=WEATHER)
    refused(room.tell("Li", "give-opinion", aloud), 403, "not-your-opinion", "/part_of")
    refused(room.tell("Wu", "give-opinion", aloud), 403, "not-your-opinion", "/part_of")
    room.told("Wu", "give-opinion", {**aloud, "on_behalf_of": {"name": "刘台长", "channel": "video"}})
    (said,) = shown(room, body)["opinions"]
    assert (said["part_of"], said["name"], said["by"]) == (WEATHER, "刘台长", "Wu")
    room.told("Wu", "share-incident", {"incident_id": body["incident_id"], "with": [QINGLONG]})
    refused(room.tell("Qin", "give-opinion", opinion(body, "x")), 403, "not-taking-part", "/part_of")
    early = opinion(body, "x", at=words.at("08:00"))
    refused(room.tell("He", "give-opinion", early), 422, "before-consultation", "/at")


def test_the_measures_are_orders_with_limits_in_the_same_step(own_room: Room) -> None:
    room = own_room
    body = convened(room, WEATHER)
    done = concluding(body, (LULONG, "转移低洼地带群众"), (QINGLONG, "队伍前置"), (QINGLONG, "巡查水库"))
    done["command_id"] = new_id()
    refused(room.tell("He", "conclude-consultation", done), 403, "not-your-post")
    answer = room.told("Wu", "conclude-consultation", done)
    incident = room.ask("Qin", f"incidents/{body['incident_id']}")
    orders = {one["text"]: one for one in incident["orders"]}
    assert list(orders) == ["转移低洼地带群众", "队伍前置", "巡查水库"]
    assert orders["队伍前置"]["report_by"] == "2026-11-23T07:05:00.000Z"
    entries = [one for one in room.stream("Wu") if one.get("command_id") == done["command_id"]]
    assert len(entries) == 1, "what was said belongs to the conclusion"
    assert answer["incident_id"] == body["incident_id"]
    ends = shown(room, body)["conclusion"]
    assert ends["orders"] == [one["order_id"] for one in done["measures"]]
    refused(room.tell("Wu", "conclude-consultation", {**done, "command_id": new_id()}), 409,
            "consultation-concluded")  # fmt: skip
    room.told("He", "give-opinion", opinion(body, "补充"))
    assert shown(room, body)["opinions"][0]["is_late"] is True
    room.clock.pass_by(minutes=61)
    room.watch()
    late = [one for one in room.stream("Qin") if one["event"]["type"] == "order_overdue"]
    assert late, "the existing clock chases them"
    assert verify(room.parts.database).faults == []


def test_a_measure_that_cannot_be_an_order_leaves_everything_as_it_was(own_room: Room) -> None:
    room = own_room
    body = convened(room, WEATHER)
    done = concluding(body, (LULONG, "一"), (LULONG, "二"))
    done["measures"][1]["order_id"] = done["measures"][0]["order_id"]
    refused(room.tell("Wu", "conclude-consultation", done), 409, "order-exists", "/measures/1/order_id")
    assert shown(room, body)["conclusion"] is None
    assert room.ask("Wu", f"incidents/{body['incident_id']}")["orders"] == []


@pytest.mark.parametrize("major", [False, True])
def test_may_become_major_starts_the_duty_to_report(own_room: Room, major: bool) -> None:
    room = own_room
    now = room.clock.ago(minutes=2)
    one = opened(room, known_at=now, occurred_at=now, category="flood")
    body = convening(one, WEATHER, convened_at=now)
    room.told("Wu", "convene-consultation", body)
    done = concluding(body, at=room.clock.ago(), may_become_major=major, measures=[])
    room.told("Wu", "conclude-consultation", done)
    incident = room.ask("Wu", f"incidents/{one}")
    rules = {owed["rule"] for owed in incident["obligations"]}
    assert any(rule.startswith("RISK-01") for rule in rules) is major
    assert [(said["level"], said["possible"]) for said in incident["judgements"]] == (
        [("major", True)] if major else []
    )
    assert incident["one_hour"]["applies"] is major
    room.told("Wu", "judge-level", words.judge_level(one, "especially_major", judged_at=room.clock.ago()))
    again = convening(one, WEATHER, convened_at=now)
    room.told("Wu", "convene-consultation", again)
    ends = concluding(again, at=room.clock.ago(), may_become_major=True, measures=[])
    room.told("Wu", "conclude-consultation", ends)
    assert room.ask("Wu", f"incidents/{one}")["judgements"][-1]["level"] == "especially_major"


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "//evil", "ftp://a", "https://a b", 'https://a"onclick=1',
     "https://a<b>", " https://a", "HTTPS://a\n"],
)  # fmt: skip
def test_only_addresses_of_the_web_are_links(one_room: Room, link: str) -> None:
    body = convening(opened(one_room), meeting={"link": link})
    refused(one_room.tell("Wu", "convene-consultation", body), 422, "bad-body", "/meeting/link")


def test_the_meeting_is_linked_to_and_its_number_and_recording_are_kept(own_room: Room) -> None:
    room = own_room
    body = convened(room, meeting={"link": "https://meet.example/x?a=1&b=2", "number": "770011"})
    said = {name: body[name] for name in ("incident_id", "consultation_id")}
    room.told("Wu", "note-meeting", {**said, "meeting": {"recording": "REC-7"}})
    refused(room.tell("Li", "note-meeting", {**said, "meeting": {"number": "1"}}), 403,
            "not-your-consultation")  # fmt: skip
    assert shown(room, body)["meeting"] == {
        "system": None, "number": "770011", "link": "https://meet.example/x?a=1&b=2", "recording": "REC-7",
    }  # fmt: skip
    page = room.request("Wu", "GET", f"/incidents/{body['incident_id']}/consultations").text
    assert 'href="https://meet.example/x?a=1&amp;b=2" target="_blank" rel="noopener noreferrer"' in page


def test_the_minutes_say_who_said_what_what_was_concluded_and_who_does_what(own_room: Room) -> None:
    room = own_room
    body = convened(room, WEATHER, LULONG)
    room.told("He", "give-opinion", opinion(body, "上游仍有强降雨"))
    base = f"/incidents/{body['incident_id']}/consultations/{body['consultation_id']}"

    def text() -> str:
        answer = room.request("He", "GET", f"{base}/minutes.docx")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-disposition"].startswith("attachment")
        return zipfile.ZipFile(io.BytesIO(answer.content)).read("word/document.xml").decode()

    before = text()
    assert "尚无结论" in before
    ends = concluding(body, (LULONG, "转移低洼地带群众"), area="柳河湾", until=room.clock.ago(hours=-24))
    room.told("Wu", "conclude-consultation", ends)
    after = text()
    for words_of_it in (
        "上游仍有强降雨",
        "He",
        "未发表意见",
        "风险高",
        "柳河湾",
        "转移低洼地带群众",
        "770011",
    ):
        assert words_of_it in after, words_of_it
    assert "专题会商" in after, "its kind, as the screen has it"
    assert "视频会议：市视频会议，会议号770011" in re.sub("<[^>]*>", "", after)
    pdf = room.request("He", "GET", f"{base}/minutes.pdf")
    assert pdf.content.startswith(b"%PDF")
    assert room.request("Qin", "GET", f"{base}/minutes.pdf").status_code == 404
    elsewhere = good_consultation(room, "convene-consultation", opened(room))
    other = f"/incidents/{elsewhere['incident_id']}/consultations/{body['consultation_id']}/minutes.pdf"
    assert room.request("Wu", "GET", other).status_code == 404
