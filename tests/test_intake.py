"""The intake line's helpers through the gate: reading a message, what is known already, drafts."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from server.record.drafts import MOST_PER_PERSON
from tests import words
from tests.room import Room

TEXT = "卢龙县应急管理局：昨天下午1点多，石门镇西街村一民房起火，1人死亡、2人受伤。李伟 13803350001"
TIP = "群众举报：石门镇一作坊昨天爆炸，死2人。举报人王强，电话15033500028"


def read(room: Room, who: str | None = "Wu", **body: Any) -> Any:
    return room.request(who, "POST", "messages/read", json={"text": TEXT, **body})


# ---------------------------------------------------------------- reading


def test_a_message_is_read_against_when_it_was_sent(room: Room):
    said = read(room, sent_at="2026-11-23T14:00:00+08:00")
    assert said.status_code == 200
    (draft,) = said.json()["drafts"]
    assert draft["occurred_at"] == "2026-11-22T05:00:00.000Z"
    assert draft["occurred_precision"] == "about"
    assert draft["facts"] == {"dead": 1, "injured": 2}
    assert draft["place"]["division"] == "130324105"
    assert draft["words"] == TEXT
    found = {one["field"]: one for one in said.json()["findings"] if one["taken"]}
    assert TEXT[found["dead"]["start"] : found["dead"]["end"]] == found["dead"]["words"] == "1人死亡"


def test_what_was_read_can_be_filed_as_it_is(room: Room):
    (draft,) = read(room).json()["drafts"]
    needed = {"incident_id": words.new_id(), "known_at": room.clock.ago(minutes=1), "known_by": "130300"}
    told = room.told("Wu", "open-incident", {"drill": False, **needed, **draft})
    shown = room.ask("Wu", f"incidents/{told['incident_id']}")
    assert shown["facts"]["dead"] == 1
    assert shown["category"] == "fire_accident"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"text": ""}, "/text"),
        ({"text": "长" * 20_001}, "/text"),
        ({"text": None}, "/text"),
        ({"sent_at": "yesterday"}, "/sent_at"),
        ({"sent_at": "2027-01-01T00:00:00Z"}, "/sent_at"),
        ({"incident_id": "x"}, "/incident_id"),
    ],
)
def test_what_is_no_message_is_refused_by_its_field(room: Room, body: dict[str, Any], pointer: str):
    said = read(room, **body)
    assert said.status_code == 422
    assert [one["pointer"] for one in said.json()["errors"]] == [pointer]


def test_nobody_reads_without_being_let_in(room: Room):
    assert read(room, None).status_code == 401
    for path in ("/intake/reading", "/intake/alike"):
        turned_back = room.request(None, "POST", path, json={"text": TEXT}, follow_redirects=False)
        assert turned_back.status_code in (303, 401)


def test_the_screen_shows_the_text_with_its_words_marked_and_nothing_of_it_as_markup(room: Room):
    text = TEXT + "<script>alert(1)</script>"
    shown = room.request("Wu", "POST", "/intake/reading", json={"text": text})
    assert shown.status_code == 200
    assert "<mark" in shown.text
    assert 'data-field="dead"' in shown.text
    assert "<script>" not in shown.text
    assert "&lt;script&gt;" in shown.text


def test_a_tip_is_shown_with_words_that_may_stand_in_the_open_log(room: Room):
    shown = room.request("Wu", "POST", "/intake/reading", json={"text": TIP}).text
    open_words = shown.split('data-open-words="')[1].split('"')[0]
    assert "王强" not in open_words
    assert "15033500028" not in open_words


# ---------------------------------------------------------------- known already


def alike(room: Room, who: str = "Wu", **about: Any) -> str:
    return room.request(who, "POST", "/intake/alike", json=about).text


def test_a_call_about_a_known_incident_finds_it_by_other_words(room: Room):
    title = "港城大街在建商业楼支模架坍塌，12人被困"
    place = {"division": "130302008", "text": "港城大街澜湾广场项目工地"}
    body = words.open_incident(
        title=title, place=place, category="work_safety", known_at=room.clock.ago(minutes=9)
    )
    room.told("Wu", "open-incident", body)
    shown = alike(room, title="群众反映港城大街工地塌了", division="130302")
    assert body["incident_id"] in shown
    assert body["incident_id"] not in alike(room, title="青龙祖山后山起火", division="130321")
    assert body["incident_id"] not in alike(
        room, title="群众反映港城大街工地塌了", division="130302", drill=True
    )


def test_another_county_is_shown_nothing_that_it_may_not_see(room: Room):
    place = {"division": "130321109", "text": "采石场"}
    body = words.open_incident(
        title="隔河头镇采石场塌方埋人", place=place, known_at=room.clock.ago(minutes=5)
    )
    room.told("Qin", "open-incident", body)
    assert body["incident_id"] in alike(room, "Qin", title="隔河头采石场塌方")
    assert body["incident_id"] not in alike(room, "Li", title="隔河头采石场塌方")


def test_what_is_no_question_is_refused(room: Room):
    assert room.request("Wu", "POST", "/intake/alike", content=b"[").status_code == 422
    assert room.request("Wu", "POST", "/intake/alike", json={"title": 3, "division": []}).status_code == 200


# ---------------------------------------------------------------- drafts


def keep(room: Room, who: str, draft: str, title: str = "港城大街着火", **values: str) -> Any:
    body = {"title": title, "values": {"title": title, **values}, "place": None}
    return room.request(who, "PUT", f"/intake/drafts/{draft}", json=body)


def drafts(room: Room, who: str) -> str:
    return room.get(who, "/intake/drafts").text


def test_a_draft_is_seen_by_the_unit_taken_over_by_name_and_gone_when_filed(room: Room):
    draft = str(uuid4())
    assert keep(room, "Wu", draft).status_code == 204
    assert "Wu 正在接报" in drafts(room, "Wang")
    assert draft not in drafts(room, "Li"), "another unit's desk"
    taken = room.request("Wang", "POST", f"/intake/drafts/{draft}/take").json()
    assert (taken["body"]["values"]["title"], taken["taken_from"]) == ("港城大街着火", "Wu")
    assert "自 Wu 处接手" in drafts(room, "Wang")
    refused = keep(room, "Wu", draft, "港城大街着火，有人被困")
    assert refused.status_code == 409
    assert refused.json()["type"] == "draft-taken"
    assert "Wang" in refused.json()["detail"]
    room.request("Wu", "DELETE", f"/intake/drafts/{draft}")
    assert draft in drafts(room, "Wang"), "only who has it gives it up"
    assert room.request("Wang", "DELETE", f"/intake/drafts/{draft}").status_code == 204
    assert draft not in drafts(room, "Wang")


def test_a_draft_survives_the_server_and_is_no_part_of_the_record(room: Room):
    head = room.ask("Wu", "log")["head"]
    draft = str(uuid4())
    keep(room, "Wu", draft, "写到一半")
    room.restart()
    assert "写到一半" in drafts(room, "Wang")
    assert room.ask("Wu", "log")["head"] == head
    room.request("Wu", "DELETE", f"/intake/drafts/{draft}")


def test_a_draft_of_another_unit_is_not_there(room: Room):
    draft = str(uuid4())
    keep(room, "Li", draft)
    assert room.request("Wu", "POST", f"/intake/drafts/{draft}/take").status_code == 404
    assert keep(room, "Wu", draft).status_code == 404
    room.request("Li", "DELETE", f"/intake/drafts/{draft}")


def test_an_informer_in_a_draft_is_seen_only_by_who_may_read_that(room: Room):
    draft = str(uuid4())
    keep(room, "Wu", draft, "王强举报作坊爆炸", **{"source.channel": "12350", "source.name": "王强"})
    assert draft in drafts(room, "Wang")
    assert "王强" not in drafts(room, "Wang"), "the list names no informer, not even in a title"
    assert draft not in drafts(room, "Gao"), "a field commander reads no restricted stream"
    assert room.request("Gao", "POST", f"/intake/drafts/{draft}/take").status_code == 404
    room.request("Wu", "DELETE", f"/intake/drafts/{draft}")


def test_who_may_not_open_an_incident_has_no_drafts(room: Room):
    for who in ("Zhao", "Sun", "Luo"):
        assert keep(room, who, str(uuid4())).status_code == 403
        assert room.get(who, "/intake/drafts").status_code == 403


def test_drafts_are_few_small_and_not_kept_for_long(room: Room):
    many = [str(uuid4()) for _ in range(MOST_PER_PERSON + 1)]
    assert [keep(room, "Wu", draft).status_code for draft in many] == [204] * MOST_PER_PERSON + [409]
    assert keep(room, "Wu", many[0], words="长" * 20_000).status_code == 413
    assert room.request("Wu", "PUT", f"/intake/drafts/{many[0]}", json=[1]).status_code == 422
    room.clock.pass_by(hours=25)
    assert many[0] not in drafts(room, "Wu")
    assert keep(room, "Wu", many[-1]).status_code == 204, "the old ones made room"
    room.request("Wu", "DELETE", f"/intake/drafts/{many[-1]}")
