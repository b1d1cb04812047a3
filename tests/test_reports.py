"""A report from its first word to its receipt: who may, what it says, what counts, its number."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.terms import Stage
from server.domain import report_review, report_text
from server.domain.reporting import ANSWERS
from server.record.folded import incident_seen_by
from tests import words
from tests.deeds import opened, refused
from tests.room import Room
from tests.words import new_id


def leak(room: Room, **over: Any) -> str:
    return opened(
        room,
        category="hazmat",
        known_at=room.clock.ago(minutes=9),
        occurred_at=room.clock.ago(minutes=21),
        occurred_precision="about",
        source={"channel": "phone", "unit": "卢龙县应急管理局", "name": "值班员李某"},
        **{
            "title": "柳河湾镇宏远化工公司液氨泄漏",
            "facts": {"dead": 0, "missing": None, "hospital_observed": 4},
            **over,
        },
    )


def begun(room: Room, incident: str, who: str = "Wu", **over: Any) -> str:
    body = words.draft_report(incident, **over)
    room.told(who, "draft-report", body)
    return str(body["report_id"])


def say(room: Room, name: str, incident: str, report: str, who: str = "Wu", **over: Any) -> Any:
    return room.tell(who, name, {"incident_id": incident, "report_id": report, **over})


def said(room: Room, name: str, incident: str, report: str, who: str = "Wu", **over: Any) -> None:
    answer = say(room, name, incident, report, who, **over)
    assert answer.status_code == 200, answer.text


def kept(room: Room, incident: str, report: str) -> dict[str, Any]:
    drafts = room.ask("Wu", f"incidents/{incident}")["drafts"]
    return next(one for one in drafts if one["report_id"] == report)


def edit(field: str, before: str, after: str) -> dict[str, Any]:
    return {"changes": [{"field": field, "before": before, "after": after}]}


def sent(room: Room, recipient: str = "PRV_EMB", means: str = "fax", **over: Any) -> dict[str, Any]:
    return {
        "send_id": new_id(),
        "recipient": recipient,
        "means": means,
        "sent_at": room.clock.ago(),
        **over,
    }


# ---------------------------------------------------------------- what is drafted


def test_a_first_report_is_drafted_from_the_record_and_says_what_is_being_checked(one_room: Room) -> None:
    room = one_room
    one = leak(room)
    deed = words.add_entry(
        one, "消防2车12人正在稀释堵漏。", kind="arrival", happened_at=room.clock.ago(minutes=4)
    )
    wrong = words.add_entry(one, "写错的一条", kind="feedback", happened_at=room.clock.ago(minutes=3))
    for line in (deed, wrong):
        room.told("Wu", "add-entry", line)
    room.told("Wu", "strike-entry", {"incident_id": one, "entry_id": wrong["entry_id"], "reason": "误"})
    content = kept(room, one, begun(room, one))["content"]
    assert content["title"] == "卢龙县柳河湾镇宏远化工公司液氨泄漏，留院观察4人"
    assert content["body"].splitlines()[:3] == [
        "据卢龙县应急管理局值班员李某电话报告：2026年11月23日13时44分许，卢龙县卢龙镇永平大街发生一起危险化学品事故"
        "（柳河湾镇宏远化工公司液氨泄漏）。接报时间13时56分。",
        "截至13时56分，死亡0人、失联核实中、被困核实中、留院观察4人。",
        "现场处置：14时01分，消防2车12人正在稀释堵漏。",
    ]
    assert "写错" not in content["body"]
    assert "初判：核实中。" in content["body"]
    assert (content["urgency"], content["drafted_by"]) == ("特急", "Wu")


def test_a_follow_up_says_what_changed_since_the_last_report(one_room: Room) -> None:
    room = one_room
    one = leak(room)
    first = begun(room, one)
    said(room, "sign-report", one, first, "Wang", signed_at=room.clock.ago())
    room.clock.pass_by(minutes=20)
    facts = {"dead": 1, "missing": 0, "hospital_observed": 3, "evacuated": 430}
    changed = words.establish_facts(one, known_at=room.clock.ago(), facts=facts)
    room.told("Wu", "establish-facts", changed)
    second = kept(room, one, begun(room, one, stage="follow_up"))
    assert second["previous"] == first
    assert "续报一：死亡1人、留院观察3人，已疏散转移430人" in second["content"]["title"]
    assert (
        "死亡由0人增至1人；失联由核实中核实为0人；留院观察由4人更正为3人；已疏散转移430人。"
        in second["content"]["body"]
    )
    said(room, "approve-report", one, second["report_id"], approved_by="王某",
         approved_at=room.clock.ago(), way="phone")  # fmt: skip
    third = kept(room, one, begun(room, one, stage="daily"))
    assert "无新增变化" in third["content"]["body"], "a daily report is sent when there is nothing new, too"
    assert third["form"] == "daily"


@pytest.mark.parametrize("stage", ["follow_up", "daily"])
def test_what_follows_a_report_by_telephone_compares_with_nothing_and_says_so(
    one_room: Room, stage: str
) -> None:
    """The first one was only recorded: there are no figures of it to compare with."""
    room = one_room
    one = leak(room)
    draft = kept(room, one, begun(room, one, stage=stage))
    assert "前次报告以来" in draft["content"]["body"]
    assert "变化。" not in draft["content"]["body"]
    script = room.request("Wu", "GET", f"/incidents/{one}/reports/{draft['report_id']}").text
    assert "变化：" not in script


def test_a_brace_in_somebodys_words_is_a_brace(one_room: Room) -> None:
    one = leak(one_room, title="{issuer}{0}{drafter!r}")
    content = kept(one_room, one, begun(one_room, one))["content"]
    assert "{issuer}{0}{drafter!r}" in content["title"]


@pytest.mark.parametrize(
    ("number", "counted"), [(1, "一"), (10, "十"), (12, "十二"), (20, "二十"), (35, "三十五")]
)
def test_follow_ups_are_counted_as_people_count(number: int, counted: str) -> None:
    assert report_text.in_characters(number) == counted


# ---------------------------------------------------------------- its life


def test_it_is_written_reviewed_returned_signed_sent_and_received(one_room: Room) -> None:
    room = one_room
    one = leak(room)
    room.told("Wu", "judge-level", words.judge_level(one, "larger", judged_at=room.clock.ago(minutes=5)))
    report = begun(room, one, recipients=["PRV_EMB"])
    title = kept(room, one, report)["content"]["title"]
    said(room, "edit-report", one, report, **edit("title", title, "新标题"))
    said(room, "submit-report", one, report)
    refused(say(room, "submit-report", one, report), 409, "not-in-draft")
    said(room, "return-report", one, report, "Wang", reason="补充指挥")
    refused(say(room, "return-report", one, report, "Wang", reason="x"), 409, "not-in-review")
    said(room, "submit-report", one, report)
    seen = kept(room, one, report)["version"]
    said(room, "edit-report", one, report, **edit("phone", "", "0335"))
    stale = say(room, "sign-report", one, report, "Wang", signed_at=room.clock.ago(), version=seen)
    refused(stale, 409, "draft-changed", "/version")
    room.clock.pass_by(minutes=3)
    said(room, "sign-report", one, report, "Wang", signed_at=room.clock.ago(), version=seen + 1)
    refused(say(room, "edit-report", one, report, **edit("title", "新标题", "x")), 409, "draft-final")
    room.clock.pass_by(minutes=2)
    send = sent(room)
    said(room, "send-report", one, report, **send)
    room.clock.pass_by(minutes=1)
    receipt = {"incident_id": one, "report_id": send["send_id"], "received_at": room.clock.ago(),
               "received_by": "省厅张某", "evidence": "回执 A1"}  # fmt: skip
    room.told("Wu", "record-receipt", receipt)
    said(room, "enter-report", one, report, entered_at=room.clock.ago(), reference="G-1")
    refused(say(room, "enter-report", one, report, entered_at=room.clock.ago()), 409, "report-entered")
    refused(say(room, "discard-report", one, report, reason="x"), 409, "report-sent")
    done = kept(room, one, report)
    assert (done["state"], done["signed_by"]) == ("signed", "Wang")
    assert done["issue"]["text"] == f"〔2026〕第{done['issue']['number']}期"
    assert done["returns"][0]["reason"] == "补充指挥"
    whole = room.ask("Wu", f"incidents/{one}")
    (counted,) = whole["reports"]
    assert (counted["valid"], counted["signed_by"], counted["text"]) == (True, "Wang", "新标题")
    assert [owed for owed in whole["obligations"] if owed["met_by"] == counted["report_id"]]
    incident = incident_seen_by(room.parts.database, "130300", one)
    assert incident is not None
    steps = report_review.steps(incident, incident.drafts[report])
    assert {step.slug: step.took_s for step in steps} == {
        "known": None, "judged": 240.0, "drafted": 300.0, "submitted": 0.0,
        "approved": 180.0, "sent": 120.0, "received": 60.0,
    }  # fmt: skip


def test_an_unsigned_report_may_be_sent_and_ends_no_clock_until_a_leader_gave_his_word(
    one_room: Room,
) -> None:
    room = one_room
    one = leak(room)
    report = begun(room, one)
    said(room, "send-report", one, report, **sent(room))
    (unsigned,) = room.ask("Wu", f"incidents/{one}")["reports"]
    assert (unsigned["valid"], unsigned["lacks"]) == (False, ["approval"])
    said(room, "approve-report", one, report, approved_by="王某", approved_at=room.clock.ago(), way="phone")
    said(room, "send-report", one, report, **sent(room))
    said(room, "send-report", one, report, **sent(room, means="system"))
    said(room, "send-report", one, report, **sent(room, means="phone"))
    said(room, "send-report", one, report, **sent(room, "CTY_GOV"))
    told = room.ask("Wu", f"incidents/{one}")["reports"]
    assert [(one["recipient"], one["channel"], one["valid"]) for one in told] == [
        ("PRV_EMB", "written", False),
        ("PRV_EMB", "written", True),
        ("PRV_EMB", "phone", True),
        ("CTY_GOV", "written", True),
    ], "the first valid one to each counts; the same by another means is a mark beside it"
    marks = kept(room, one, report)["sends"]
    assert [mark["counts"] for mark in marks] == [True, True, False, True, True]
    assert told[1]["verbal_approval_by"] == "王某"
    number = kept(room, one, report)["issue"]
    said(room, "sign-report", one, report, "Wang", signed_at=room.clock.ago())
    assert kept(room, one, report)["issue"] == number, "the signature that came later takes no number"


def test_whoever_writes_does_not_sign_and_another_unit_only_reads(one_room: Room) -> None:
    room = one_room
    one = leak(room)
    report = begun(room, one)
    refused(say(room, "sign-report", one, report, signed_at=room.clock.ago()), 403, "not-your-post")
    for name, more in (("submit-report", {}), ("edit-report", edit("title", "", "x")),
                       ("sign-report", {"signed_at": room.clock.ago()})):  # fmt: skip
        who = "Liang" if name == "sign-report" else "Li"
        refused(say(room, name, one, report, who, **more), 403, "not-your-draft")
    assert room.ask("Li", f"incidents/{one}")["drafts"][0]["report_id"] == report
    refused(say(room, "submit-report", one, new_id()), 404, "no-such-draft", "/report_id")
    refused(room.tell("Wu", "draft-report", words.draft_report(one, report_id=report)), 409, "report-exists")
    refused(
        room.tell("Wu", "draft-report", words.draft_report(one, form="poem")), 422, "no-such-form", "/form"
    )
    strange = words.draft_report(one, recipients=["PRV_EMB", "NOBODY"])
    refused(room.tell("Wu", "draft-report", strange), 422, "no-such-unit", "/recipients/1")


def test_numbers_have_no_gap_within_a_unit_a_form_and_a_year_and_drills_have_their_own(room: Room) -> None:
    given: dict[str, list[str]] = {}
    for number in range(3):
        for drill in (False, True):
            one = leak(room, drill=drill)
            for stage, form in (("initial", "quick"), ("initial", "special")):
                report = begun(room, one, stage=stage, form=form)
                said(room, "sign-report", one, report, "Wang", signed_at=room.clock.ago())
                stale = say(room, "sign-report", one, report, "Wang", signed_at=room.clock.ago())
                refused(stale, 409, "report-signed")
                issue = kept(room, one, report)["issue"]
                given.setdefault(issue["series"], []).append(issue["text"])
            county = begun(room, one, "Li")
            said(room, "approve-report", one, county, "Li", approved_by="县局",
                 approved_at=room.clock.ago(), way="phone")  # fmt: skip
            if number == 1 and not drill:
                gone = begun(room, one)
                said(room, "discard-report", one, gone, reason="重复")
    ours = {series: texts for series, texts in given.items() if series.startswith("report:130300:")}
    assert len(ours) == 4
    for texts in ours.values():
        first = int(texts[0].partition("第")[2][:-1])
        assert texts == [f"〔2026〕第{first + index}期" for index in range(3)]
    room.clock.pass_by(days=60)
    one = leak(room)
    report = begun(room, one)
    said(room, "sign-report", one, report, "Wang", signed_at=room.clock.ago())
    assert kept(room, one, report)["issue"]["text"] == "〔2027〕第1期"


# ---------------------------------------------------------------- two at once


def test_two_who_change_the_same_words_find_both_versions_and_choose(one_room: Room) -> None:
    room = one_room
    one = leak(room)
    report = begun(room, one, content={"title": "死亡2人", "body": "一。\n二。"})
    said(room, "edit-report", one, report, **edit("title", "死亡2人", "死亡3人"))
    said(room, "edit-report", one, report, "Wang", **edit("title", "死亡2人", "死亡4人"))
    said(room, "edit-report", one, report, "Wang", **edit("title", "死亡4人", "死亡4人（核实）"))
    said(room, "edit-report", one, report, **edit("body", "一。\n二。", "一改。\n二。"))
    said(room, "edit-report", one, report, "Wang", **edit("body", "一。\n二。", "一。\n二改。"))
    now = kept(room, one, report)
    assert now["content"]["title"] == "死亡3人"
    assert now["content"]["body"] == "一改。\n二改。"
    assert [(other["text"], other["by"]) for other in now["others"]] == [("死亡4人（核实）", "Wang")]
    chosen = {**edit("title", "死亡3人", "死亡4人（核实）"), "settles": [now["others"][0]["version_id"]]}
    said(room, "edit-report", one, report, **chosen)
    now = kept(room, one, report)
    assert (now["content"]["title"], now["others"]) == ("死亡4人（核实）", [])
    events = room.entries(one, "report_edited")
    assert any(kept_["text"] == "死亡4人" for entry in events for kept_ in entry["event"]["kept"]), (
        "nothing is lost"
    )


def test_a_field_holds_no_more_than_its_length_even_after_two_wrote_in_it(one_room: Room) -> None:
    room = one_room
    one = leak(room)
    report = begun(room, one, content={"title": "甲" * 100})
    answer = say(room, "edit-report", one, report, **edit("title", "甲" * 100, "甲" * 201))
    refused(answer, 422, "string_too_long", "/changes/0/after")
    said(room, "edit-report", one, report, **edit("title", "甲" * 100, "乙" * 90 + "甲" * 100))
    said(room, "edit-report", one, report, "Wang", **edit("title", "甲" * 100, "甲" * 100 + "丙" * 90))
    now = kept(room, one, report)
    assert len(now["content"]["title"]) == 190
    assert now["others"][0]["text"] == "甲" * 100 + "丙" * 90


# ---------------------------------------------------------------- what it lacks


def test_what_is_missing_is_listed_and_blocks_nothing(one_room: Room) -> None:
    room = one_room
    one = opened(room, place=None, category=None, source=None, facts=None)
    report = begun(room, one, content={"body": "", "title": ""})
    incident = incident_seen_by(room.parts.database, "130300", one)
    assert incident is not None
    book = room.parts.forms
    draft = incident.drafts[report]
    lacks = report_review.missing(incident, draft, book.forms["quick"], book.common)
    assert {"title", "category", "source", "casualties", "situation", "measures", "level", "approval"} <= set(
        lacks
    )
    assert "time" not in lacks, "when it was known is a time"
    said(room, "approve-report", one, report, approved_by="王某", approved_at=room.clock.ago(), way="paper")
    said(room, "send-report", one, report, **sent(room))


def test_a_check_back_answers_those_above_and_meets_no_follow_up(room: Room):
    incident = leak(room)
    asked = begun(room, incident, stage="check_back")
    draft = kept(room, incident, asked)
    assert draft["content"]["title"].endswith("有关情况的核查反馈")
    assert "核查结果" in draft["content"]["body"]
    assert say(room, "sign-report", incident, asked, signed_at=room.clock.ago()).status_code == 403
    assert Stage.CHECK_BACK not in ANSWERS[Stage.FOLLOW_UP]
