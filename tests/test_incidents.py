"""What may happen to an incident, through the API: figures that fall, strikes, merging, orders, levels."""

from __future__ import annotations

from typing import Any

import pytest

from tests import words
from tests.deeds import entry_of, opened, refused
from tests.room import Room
from tests.words import new_id


def establish(room: Room, incident: str, clock: str, **over: Any) -> Any:
    return room.tell("Wu", "establish-facts", words.establish_facts(incident, clock, **over))


def whole(room: Room, incident: str) -> dict[str, Any]:
    found: dict[str, Any] = room.ask("Wu", f"incidents/{incident}")
    return found


# ---------------------------------------------------------------- figures that fall


@pytest.mark.parametrize("figure", ["dead", "missing"])
def test_when_dead_or_missing_fall_somebody_has_to_say_why(one_room: Room, figure: str) -> None:
    room = one_room
    one = opened(room, facts={figure: 5})
    falls: dict[str, Any] = {figure: 4}
    refused(establish(room, one, "09:00", **falls), 422, "explanation-needed", "/explanation")
    refused(establish(room, one, "09:00", **falls, explanation=""), 422, "explanation-needed", "/explanation")
    assert establish(room, one, "09:00", **falls, explanation="一人系重复统计").status_code == 200
    assert establish(room, one, "09:10", **{figure: 4}).status_code == 200, "the same is no fall"
    assert establish(room, one, "09:20", **{figure: None}).status_code == 200, "unknown again is no fall"
    refused(establish(room, one, "09:30", **{figure: 3}), 422, "explanation-needed")
    assert establish(room, one, "09:30", **{figure: 6}).status_code == 200
    said = whole(room, one)
    assert said["facts"][figure] == 6
    assert [one["explanation"] for one in said["fact_history"] if one["explanation"]] == ["一人系重复统计"]


def test_other_figures_may_fall_without_a_word(one_room: Room) -> None:
    one = opened(one_room, facts={"trapped": 5, "seriously_injured": 5, "evacuated": 900, "loss_wan": 10.5})
    fewer = {"trapped": 0, "seriously_injured": 4, "evacuated": 800, "loss_wan": 9.9}
    assert establish(one_room, one, "09:00", **fewer).status_code == 200


def test_what_is_entered_late_may_make_a_fall_before_or_behind_it(one_room: Room) -> None:
    room = one_room
    one = opened(room, known_at=words.at("08:00"), facts={"dead": 2})
    assert establish(room, one, "10:00", dead=3).status_code == 200
    refused(establish(room, one, "09:00", dead=1), 422, "explanation-needed")
    refused(establish(room, one, "09:00", dead=4), 422, "explanation-needed")
    assert establish(room, one, "09:00", dead=3).status_code == 200
    assert establish(room, one, "07:00", dead=2).status_code == 200
    refused(establish(room, one, "07:30", dead=3), 422, "explanation-needed")
    said = whole(room, one)
    assert said["facts"]["dead"] == 3
    known = [statement["known_at"] for statement in said["fact_history"]]
    assert len(known) == 4, "every statement is kept, in the order in which it was written down"


def test_only_another_figure_is_a_change_that_has_to_be_reported_again(one_room: Room) -> None:
    room = one_room
    one = opened(room, category="hazmat", facts={"dead": 1})
    room.told("Wu", "record-report", words.record_report(one, recipient="CTY_EMB"))

    def owed() -> list[str]:
        return [owed["rule"] for owed in whole(room, one)["obligations"] if owed["rule"].startswith("WS-05")]

    establish(room, one, "09:00", dead=1, evacuated=30)
    assert owed() == []
    establish(room, one, "09:10", dead=2)
    assert owed() == ["WS-05.1"]


# ---------------------------------------------------------------- lines of the log


def test_a_line_struck_out_stays_and_is_shown_struck(one_room: Room) -> None:
    room = one_room
    one = opened(room)
    line = words.add_entry(one, "写错的一行")
    room.told("Wu", "add-entry", line)
    refused(room.tell("Wu", "add-entry", {**line, "command_id": new_id()}), 409, "entry-exists", "/entry_id")
    strike = {"incident_id": one, "entry_id": line["entry_id"], "reason": "地名写错"}
    assert room.told("Wu", "strike-entry", strike)["offset"] is not None
    assert room.told("Wu", "strike-entry", strike)["offset"] is None, "struck is struck"
    shown = room.entries(one, "entry_added")[0]
    assert (shown["struck"], shown["text"]) == (True, "写错的一行")
    assert len(room.entries(one, "entry_struck")) == 1
    refused(room.tell("Wu", "strike-entry", {**strike, "entry_id": new_id()}), 404, "no-such-entry")
    elsewhere = {**strike, "incident_id": opened(room)}
    refused(room.tell("Wu", "strike-entry", elsewhere), 404, "no-such-entry", "/entry_id")


# ---------------------------------------------------------------- beginning and end


def test_an_incident_is_closed_and_opened_again_and_stays_open_for_late_lines(one_room: Room) -> None:
    room = one_room
    body = words.open_incident()
    one = str(room.told("Wu", "open-incident", body)["incident_id"])
    twice = {**body, "command_id": new_id()}
    refused(room.tell("Wu", "open-incident", twice), 409, "incident-exists", "/incident_id")
    reopen = {"incident_id": one, "at": words.at("19:00"), "reason": "复燃"}
    refused(room.tell("Wu", "reopen-incident", reopen), 409, "incident-open", "/incident_id")
    room.told("Wu", "close-incident", words.close_incident(one))
    shown = whole(room, one)
    assert (shown["state"], shown["closed_at"]) == ("closed", "2026-03-02T10:00:00.000Z")
    refused(room.tell("Wu", "close-incident", words.close_incident(one)), 409, "incident-closed")
    assert room.tell("Wu", "add-entry", words.add_entry(one, "补记")).status_code == 200
    assert room.tell("Wu", "judge-level", words.judge_level(one, "larger", scale="final")).status_code == 200
    room.told("Wu", "reopen-incident", reopen)
    assert (whole(room, one)["state"], whole(room, one)["closed_at"]) == ("open", None)


def test_a_false_alarm_owes_nothing_and_counts_nowhere(one_room: Room) -> None:
    room = one_room
    one = opened(room, category="mine", facts={"dead": 10})
    assert any(owed["standing"] == "overdue" for owed in whole(room, one)["obligations"])
    room.told("Wu", "close-incident", words.close_incident(one, outcome="false_alarm"))
    assert {owed["standing"] for owed in whole(room, one)["obligations"]} == {"excused"}
    asked = {"from": "2026-03-02", "to": "2026-03-02", "scope": "initial"}
    assert one not in room.ask("Wu", "statistics/one-hour", **asked)["incidents"]


# ---------------------------------------------------------------- merging


def test_a_merged_incident_keeps_the_earliest_knowledge_and_takes_no_more(one_room: Room) -> None:
    room = one_room
    early = opened(room, known_at=words.at("08:05"), known_by="130324104")
    middle = opened(room, known_at=words.at("08:20"))
    main = opened(room, known_at=words.at("08:35"))
    merge = {"incident_id": early, "into": middle}
    refused(room.tell("Wu", "merge-incident", {**merge, "into": early}), 422, "merge-into-itself", "/into")
    room.told("Wu", "merge-incident", merge)
    room.told("Wu", "merge-incident", {"incident_id": middle, "into": main})
    assert whole(room, main)["known_at"] == "2026-03-02T00:05:00.000Z"
    shown = whole(room, early)
    assert (shown["state"], shown["merged_into"]) == ("merged", middle)
    assert {owed["standing"] for owed in shown["obligations"]} <= {"excused"}
    for name, body in (
        ("add-entry", words.add_entry(early, "x")), ("judge-level", words.judge_level(early, "larger")),
        ("close-incident", words.close_incident(early)),
        ("merge-incident", {"incident_id": early, "into": main}),
    ):  # fmt: skip
        refused(room.tell("Wu", name, body), 409, "incident-merged", "/incident_id")
    into = {"incident_id": opened(room), "into": early}
    refused(room.tell("Wu", "merge-incident", into), 409, "incident-merged", "/into")


def test_the_level_of_a_duplicate_is_not_lost_with_it(one_room: Room) -> None:
    room = one_room
    grave = opened(room, category="mine", facts={"dead": 12}, known_at=words.at("08:10"))
    main = opened(room, category="mine", known_at=words.at("08:30"), facts={"dead": None})
    assert whole(room, main)["level"] is None
    room.told("Wu", "merge-incident", {"incident_id": grave, "into": main})
    shown = whole(room, main)
    assert (shown["level"], shown["judged"]) == ("major", False)
    assert shown["one_hour"]["threshold_at"] == "2026-03-02T00:10:00.000Z"
    assert {owed["rule"] for owed in shown["obligations"]} >= {"HB-03", "GOV-02", "WS-09.2"}
    room.told("Wu", "judge-level", words.judge_level(main, "larger", judged_at=room.clock.ago()))
    assert whole(room, main)["level"] == "larger", "an officer has judged both together"


def test_a_drill_is_a_drill_for_ever_and_merges_with_drills_only(one_room: Room) -> None:
    room = one_room
    drill, real = opened(room, drill=True), opened(room)
    for pair in ({"incident_id": drill, "into": real}, {"incident_id": real, "into": drill}):
        refused(room.tell("Wu", "merge-incident", pair), 422, "drill-and-real", "/into")
    for name in ("establish-facts", "reopen-incident", "add-entry"):
        answer = room.tell("Wu", name, {"incident_id": drill, "drill": False})
        assert "/drill" in [error["pointer"] for error in answer.json()["errors"]]
    assert whole(room, drill)["drill"] is True


# ---------------------------------------------------------------- orders


def test_an_order_is_acknowledged_and_answered(one_room: Room) -> None:
    room = one_room
    one = opened(room)
    order = words.issue_order(one)
    room.told("Wu", "issue-order", order)
    refused(
        room.tell("Wu", "issue-order", {**order, "command_id": new_id()}), 409, "order-exists", "/order_id"
    )
    said = {"incident_id": one, "order_id": order["order_id"], "at": room.clock.ago(seconds=1)}
    room.told("Li", "acknowledge-order", {**said, "text": "收到"})
    assert room.told("Li", "acknowledge-order", said)["offset"] is None, "saying it twice is no error"
    room.told("Song", "report-on-order", {**said, "text": "已核实"})
    shown = whole(room, one)["orders"][0]
    assert (shown["acknowledged_by"], shown["reported_by"], shown["report"]) == ("Li", "Song", "已核实")
    assert (shown["acknowledge_by"], shown["report_by"]) == (
        "2026-11-23T06:10:00.000Z",
        "2026-11-23T06:25:00.000Z",
    )
    for name in ("acknowledge-order", "report-on-order"):
        refused(room.tell("Wu", name, {**said, "order_id": new_id()}), 404, "no-such-order", "/order_id")


def test_an_order_may_go_to_a_person_without_any_limit(one_room: Room) -> None:
    one = opened(one_room)
    order = words.issue_order(one, "消防支队 王支队长", acknowledge_within_min=None, report_within_min=None)
    one_room.told("Wu", "issue-order", order)
    shown = whole(one_room, one)["orders"][0]
    assert (shown["to"], shown["acknowledge_by"], shown["report_by"]) == ("消防支队 王支队长", None, None)


# ---------------------------------------------------------------- levels


LEVELS = [
    ("work_safety", {"lightly_injured": 1}, "ordinary"), ("work_safety", {"dead": 2}, "ordinary"),
    ("work_safety", {"dead": 3}, "larger"), ("hazmat/leak", {"dead": 9}, "larger"),
    ("hazmat/leak", {"dead": 10}, "major"), ("mine", {"dead": 29}, "major"),
    ("mine", {"dead": 30}, "especially_major"),
    ("mine", {"dead": 3, "missing": 3, "trapped": 3}, "larger"),
    ("mine", {"dead": 4, "missing": 3, "trapped": 3}, "major"),
    ("mine", {"trapped": 10}, "major"), ("mine", {"endangered": 9}, None),
    ("mine", {"endangered": 10}, "major"),
    ("fire_accident", {"poisoned": 25, "seriously_injured": 24}, "larger"),
    ("fire_accident", {"poisoned": 25, "seriously_injured": 25}, "major"),
    ("fire_accident", {"loss_wan": 4999.9999}, "larger"), ("fire_accident", {"loss_wan": 5000}, "major"),
    ("forest_fire", {"forest_ha": 0.9999}, "ordinary"), ("forest_fire", {"forest_ha": 1}, "larger"),
    ("forest_fire", {"forest_ha": 99.9999}, "larger"), ("forest_fire", {"forest_ha": 100}, "major"),
    ("forest_fire", {"burnt_ha": 5000}, None), ("earthquake", {"magnitude": 5.9}, "larger"),
    ("earthquake", {"magnitude": 6.0}, "major"), ("earthquake", {"dead": 49}, "larger"),
    ("geological_disaster", {"to_evacuate": 500}, "major"), ("flood", {"dead": 40}, None),
    ("drought", {"affected": 100_000}, None), ("work_safety", {"dead": None}, None),
    ("work_safety", {}, None),
]  # fmt: skip


@pytest.mark.parametrize(("category", "facts", "level"), LEVELS)
def test_figures_amount_to_a_level_from_the_number_itself_on(
    one_room: Room, category: str, facts: dict[str, Any], level: str | None
) -> None:
    shown = whole(one_room, opened(one_room, category=category, facts=facts))
    assert (shown["reporting_level"], shown["level"], shown["final_level"]) == (level, level, None)
    if level not in (None, "ordinary"):
        assert shown["because"], "a level that was computed says by which figure"
    assert shown["one_hour"]["applies"] == (level in ("major", "especially_major"))


@pytest.mark.parametrize(
    ("facts", "near"),
    [
        ({"missing": 2}, False), ({"missing": 3}, True), ({"trapped": 1, "missing": 2}, True),
        ({"evacuated": 499}, False), ({"evacuated": 500}, True), ({"hospital_observed": 10}, True),
        ({"serious_pollution": 1}, True), ({"important_place_endangered": 0}, False),
    ],
)  # fmt: skip
def test_a_near_miss_is_known_as_one(one_room: Room, facts: dict[str, Any], near: bool) -> None:
    assert whole(one_room, opened(one_room, category="hazmat", facts=facts))["near_miss"] is near


def test_a_flood_has_the_level_that_an_officer_judges(one_room: Room) -> None:
    room = one_room
    one = opened(room, category="flood", facts={"dead": 12})
    assert whole(room, one)["level"] is None
    room.told("Wu", "judge-level", words.judge_level(one, "major", "09:00", basis="水库出现险情"))
    shown = whole(room, one)
    assert (shown["reporting_level"], shown["judged"]) == ("major", True)
    assert shown["one_hour"]["threshold_at"] == "2026-03-02T01:00:00.000Z"


def test_the_higher_of_judgement_and_figures_is_reported(one_room: Room) -> None:
    room = one_room
    one = opened(room, category="mine", facts={"dead": 4})
    room.told("Wu", "judge-level", words.judge_level(one, "ordinary"))
    assert whole(room, one)["reporting_level"] == "larger"
    room.told("Wu", "judge-level", words.judge_level(one, "major", possible=True))
    assert whole(room, one)["reporting_level"] == "major"
    room.told("Wu", "judge-level", words.judge_level(one, "larger", scale="final"))
    shown = whole(room, one)
    assert (shown["reporting_level"], shown["final_level"], shown["level"]) == ("major", "larger", "larger")
    assert [one["level"] for one in shown["judgements"]] == ["ordinary", "major", "larger"]


def test_an_incident_whose_kind_is_learned_later_is_graded_then(one_room: Room) -> None:
    room = one_room
    one = opened(room, category=None, facts={"dead": 11})
    assert (whole(room, one)["level"], whole(room, one)["obligations"]) == (None, [])
    establish(room, one, "09:00", category="mine/collapse")
    shown = whole(room, one)
    assert (shown["category"], shown["level"]) == ("mine/collapse", "major")
    assert {owed["rule"] for owed in shown["obligations"]} >= {"HB-03", "WS-09.2"}


# ---------------------------------------------------------------- reports


@pytest.mark.parametrize(
    ("over", "report", "lacks"),
    [
        ({}, {}, []),
        ({"place": None}, {}, ["place"]),
        ({"place": {"lon": 119.5, "lat": 39.9}}, {}, []),
        ({"category": None}, {}, ["category"]),
        ({"source": None}, {}, ["source"]),
        ({"source": {}}, {}, ["source"]),
        ({"facts": None}, {}, ["casualties"]),
        ({"facts": {"loss_wan": 5, "evacuated": 3}}, {}, ["casualties"]),
        ({"facts": {"missing": None}}, {}, []),
        ({"occurred_at": None}, {}, []),
        ({}, {"signed_by": None}, ["approval"]),
        ({}, {"signed_by": "  "}, ["approval"]),
        ({}, {"signed_by": None, "verbal_approval_by": "王局长"}, []),
        ({"category": None, "source": None}, {"signed_by": None}, ["category", "source", "approval"]),
    ],
)
def test_a_written_report_says_what_it_lacks(
    one_room: Room, over: dict[str, Any], report: dict[str, Any], lacks: list[str]
) -> None:
    one = opened(one_room, **{"facts": {"dead": 1}, **over})
    one_room.told("Wu", "record-report", words.record_report(one, **report))
    shown = whole(one_room, one)["reports"][0]
    assert (shown["valid"], shown["lacks"]) == (not lacks, lacks)
    phone = words.record_report(one, channel="phone", signed_by=None)
    one_room.told("Wu", "record-report", phone)
    assert whole(one_room, one)["reports"][1]["valid"] is True, "a phone call needs nothing"


def test_a_report_is_received_once(one_room: Room) -> None:
    room = one_room
    one = opened(room)
    report = words.record_report(one, "08:50")
    room.told("Wu", "record-report", report)
    refused(room.tell("Wu", "record-report", {**report, "command_id": new_id()}), 409, "report-exists")
    receipt = words.record_receipt(one, report["report_id"], "08:58")
    early = {**receipt, "command_id": new_id(), "received_at": words.at("08:49")}
    refused(room.tell("Wu", "record-receipt", early), 422, "received-before-sent", "/received_at")
    room.told("Wu", "record-receipt", receipt)
    refused(room.tell("Wu", "record-receipt", {**receipt, "command_id": new_id()}), 409, "receipt-exists")
    lost = words.record_receipt(one, new_id())
    refused(room.tell("Wu", "record-receipt", lost), 404, "no-such-report", "/report_id")


def test_whoever_is_outside_the_city_has_a_code_too(one_room: Room) -> None:
    room = one_room
    one = opened(room)
    for recipient, kept in (
        ("PRV_EMB", "PRV_EMB"), ("PRV_GOV", "PRV_GOV"), ("MEM", "MEM"), ("SC", "SC"), ("NTF", "NTF"),
        ("CTY_EMB", "130300"), ("CNT_EMB", "130324"), ("130300", "130300"), ("CTY_GOV", "CTY_GOV"),
    ):  # fmt: skip
        done = room.told("Wu", "record-report", words.record_report(one, recipient=recipient))
        assert entry_of(room, done)["event"]["recipient"] == kept
    for unknown in ("NASA", "999999", "prv_emb"):
        answer = room.tell("Wu", "record-report", words.record_report(one, recipient=unknown))
        refused(answer, 422, "no-such-unit", "/recipient")
