"""ICS-201, 209 and 214 from the record, as it was on record at any moment."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import pytest
from pypdf import PdfReader

from tests import words
from tests.deeds import opened
from tests.room import Room
from tests.scene_deeds import scene_deeds


def text_of(room: Room, incident: str, code: str, who: str = "Wu", **asked: str) -> str:
    answer = room.get(who, f"/incidents/{incident}/forms/{code}.pdf", **asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    pages = PdfReader(io.BytesIO(answer.content)).pages
    return "".join(page.extract_text() for page in pages).replace("\n", "").replace(" ", "")


@pytest.fixture
def busy(own_room: Room) -> tuple[Room, str, str]:
    """An incident, a moment, and more after it."""
    room = own_room
    one = opened(
        room, title="柳河湾氯气泄漏", facts={"dead": 1}, place={"division": "130324", "text": "柳河湾"}
    )
    room.told(
        "Song", "set-field-status", words.set_field_status(one, "arrived", at=room.clock.ago(seconds=5))
    )
    room.clock.pass_by(minutes=10)
    moment = room.clock.now().isoformat()
    room.clock.pass_by(minutes=10)
    at = room.clock.ago(seconds=30)
    room.told(
        "Wu", "establish-facts", {**words.establish_facts(one, "09:00", dead=3, missing=2), "known_at": at}
    )
    room.told("Wu", "issue-order", words.issue_order(one, "Song", text="立即转移下游村民"))
    room.told("Gao", "add-entry", words.add_entry(one, "已到现场，设警戒线", happened_at=at))
    return room, one, moment


def test_a_summary_of_three_in_the_morning_is_printed_at_noon_as_it_stood_then(busy: Any) -> None:
    room, one, moment = busy
    now, then = text_of(room, one, "ics-209"), text_of(room, one, "ics-209", as_of=moment)
    assert "死亡3" in now
    assert "死亡1" in then
    assert "失联2" in now
    assert "失联未报" in then, "nobody had said it: not 0"
    assert "立即转移下游村民" in now
    assert "立即转移下游村民" not in then
    compared = text_of(room, one, "ics-209", since=moment)
    assert "死亡31" in compared.replace("失联", " "), "now, and at the beginning of the period"
    other = words.establish_facts(one, "09:05", dead=5, known_by="130324")
    other["known_at"] = room.clock.ago(seconds=5)
    room.told("Li", "establish-facts", other)
    assert "另有来源报" in text_of(room, one, "ics-209"), "two figures stand side by side until one is chosen"
    english = text_of(room, one, "ics-209", lang="en")
    assert "IncidentstatussummaryRecordasof" in english
    assert "MissingNotreported" in text_of(room, one, "ics-209", as_of=moment, lang="en")


def test_an_activity_log_has_what_one_person_or_unit_did_and_nothing_else(busy: Any) -> None:
    room, one, moment = busy
    gao, song = log_of(room, one, "Gao"), log_of(room, one, "Song")
    assert "设警戒线" in gao
    assert "立即转移" not in gao
    assert "立即转移下游村民" in song, "what names him is his, too"
    assert "设警戒线" not in song
    assert "设警戒线" in log_of(room, one, "130300")
    assert "设警戒线" not in log_of(room, one, "130324")
    assert "设警戒线" not in log_of(room, one, "", as_of=moment)


def log_of(room: Room, incident: str, of: str, **asked: str) -> str:
    answer = room.client.get(
        f"/incidents/{incident}/forms/ics-214.pdf", params={"who": of, **asked},
        headers={"Authorization": f"Bearer {room.tokens['Wu']}"},
    )  # fmt: skip
    assert answer.status_code == 200
    pages = PdfReader(io.BytesIO(answer.content)).pages
    return "".join(page.extract_text() for page in pages).replace("\n", "").replace(" ", "")


def test_a_briefing_says_what_is_known_who_is_there_and_what_was_ordered(busy: Any) -> None:
    room, one, _moment = busy
    said = text_of(room, one, "ics-201")
    for words_of in ("柳河湾氯气泄漏", "Song", "立即转移下游村民", "死亡3", "设警戒线", "卢龙"):
        assert words_of in said, words_of


def test_a_drill_says_so_on_every_page_and_an_empty_record_says_nothing_was_on_record(own_room: Room) -> None:
    room = own_room
    one = opened(room, title="一次演练", drill=True)
    for code in ("ics-201", "ics-209", "ics-214"):
        answer = room.get("Wu", f"/incidents/{one}/forms/{code}.pdf")
        for page in PdfReader(io.BytesIO(answer.content)).pages:
            assert "演练" in page.extract_text()
        assert 'filename="drill-' in answer.headers["content-disposition"]
    assert "无记录" in text_of(room, one, "ics-209")


def test_a_form_is_there_for_who_may_see_the_incident_at_moments_that_are_some(busy: Any) -> None:
    room, one, moment = busy
    base = f"/incidents/{one}/forms"
    assert room.get("Qin", base).status_code == 404
    assert room.get("Qin", f"{base}/ics-209.pdf").status_code == 404
    assert room.get("Wu", f"{base}/ics-205.pdf").status_code == 404
    for wrong in (
        "x",
        "1999-01-01T00:00",
        "9999-12-31T23:59:59-23:59",
        "2026-13-01T00:00",
        "0001-01-01T00:00",
    ):
        assert room.get("Wu", f"{base}/ics-209.pdf", as_of=wrong).status_code == 422, wrong
    later = datetime.fromisoformat(moment).replace(year=2030).isoformat()
    assert room.get("Wu", f"{base}/ics-209.pdf", since=later).status_code == 422
    assert room.get("Wu", f"{base}/ics-209.pdf", as_of=later).status_code == 200, "as of now"
    page = room.get("Wu", base)
    assert page.status_code == 200
    assert "ICS-209" in page.text
    assert 'value="Song"' in page.text
    assert f"/incidents/{one}/forms" in room.get("Wu", f"/incidents/{one}").text


def test_who_commanded_when_by_whose_signatures_and_the_objectives_stand_on_forms(
    own_room: Room,
) -> None:
    room = own_room
    one = opened(room)
    for name, body in scene_deeds(one, "标"):
        room.told("Wu", name, body)
    for code in ("ics-201", "ics-209"):
        said = text_of(room, one, code)
        for told in ("指挥部标", "甲标", "丙标", "目标标", "医疗组标", "组长标", "已达成"):
            assert told in said, (code, told)
        assert "电台,Wu" in said.replace("，", ","), "by what way it was signed, and who wrote it down"


def test_what_was_struck_later_stands_on_a_form_of_before_and_is_marked_after(busy: Any) -> None:
    room, one, _moment = busy
    entry = words.add_entry(one, "误记的一条", happened_at=room.clock.ago(seconds=20))
    room.told("Wu", "add-entry", entry)
    before = room.clock.now().isoformat()
    room.clock.pass_by(minutes=5)
    strike = {"incident_id": one, "entry_id": entry["entry_id"], "reason": "记错了"}
    room.told("Wu", "strike-entry", strike)
    assert "误记的一条" in text_of(room, one, "ics-209", as_of=before)
    assert "（已划去）" not in log_of(room, one, "", as_of=before)
    assert "（已划去）" in log_of(room, one, "")


def test_a_report_that_is_owed_is_marked_from_when_it_was_due(own_room: Room) -> None:
    room = own_room
    one = opened(room, facts={"dead": 11}, known_at=room.clock.ago(minutes=1), occurred_at=...)
    early = room.clock.now().isoformat()
    room.clock.pass_by(hours=2)
    assert "已逾期" in text_of(room, one, "ics-209")
    assert "已逾期" not in text_of(room, one, "ics-209", as_of=early), "then it was not due yet"


def test_what_came_late_from_the_field_is_on_the_form_of_the_period_in_which_it_came(busy: Any) -> None:
    room, one, _moment = busy
    happened = room.clock.ago(minutes=10)
    room.clock.pass_by(minutes=1)
    shift = room.clock.now().isoformat()
    room.clock.pass_by(minutes=5)
    room.told("Song", "add-entry", words.add_entry(one, "断网时记的一条", happened_at=happened))
    for code in ("ics-209", "ics-214"):
        assert "断网时记的一条" not in text_of(room, one, code, as_of=shift)
        assert "断网时记的一条" in text_of(room, one, code, since=shift), code


def test_an_agency_is_where_somebody_wrote_from_and_orders_to_a_unit_are_in_its_log(busy: Any) -> None:
    room, one, _moment = busy
    room.told("Song", "add-entry", words.add_entry(one, "村口已封", happened_at=room.clock.ago(seconds=9)))
    song = log_of(room, one, "Song")
    agency = song.partition("所属单位")[2].partition("在场人员")[0]
    assert "卢龙" in agency
    assert "秦皇岛" not in agency, "whoever gave the order is another's"
    room.told("Wu", "issue-order", words.issue_order(one, "130324", text="清点人数"))
    assert "清点人数" in log_of(room, one, "130324")
