"""Reports owed (报送时限): which rule opens what, from when, until when, and what fulfils it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests import words
from tests.deeds import opened
from tests.room import Room
from tests.words import at


def owed(room: Room, incident: str, rule: str = "") -> list[dict[str, Any]]:
    """The obligations of an incident, or those of a rule (`WS-03b` stands for WS-03b.1, .2 …)."""
    found = room.ask("Wu", f"incidents/{incident}")["obligations"]
    return [one for one in found if not rule or one["rule"] == rule or one["rule"].startswith(rule + ".")]


def only(room: Room, incident: str, rule: str) -> dict[str, Any]:
    found = owed(room, incident, rule)
    assert len(found) == 1, [one["rule"] for one in owed(room, incident)]
    return found[0]


def rules(room: Room, incident: str) -> set[str]:
    return {one["rule"] for one in owed(room, incident)}


def beijing(instant: str | None) -> str | None:
    """An answer's instant as the tests say it: 09:05 on day 1."""
    if instant is None:
        return None
    shown = datetime.fromisoformat(instant).astimezone(words.BEIJING)
    day = (shown - words.DAY_ONE).days + 1
    return f"{shown:%H:%M}" if day == 1 else f"{shown:%H:%M}+{day - 1}"


def today(room: Room, **over: Any) -> dict[str, Any]:
    """An incident of right now, known to the county this minute and told by it."""
    now = room.clock.ago()
    return {"known_at": now, "occurred_at": now, **over}


# ---------------------------------------------------------------- which rules open


OPENS = [
    ("work_safety", {"lightly_injured": 1}, "WS-03a"),
    ("coal_mine", {"dead": 3}, "WS-03b.1 WS-03b.2 WS-08.1 WS-08.2"),
    ("mine", {"dead": 10}, "WS-03c.1 WS-03c.2 WS-09.1 WS-09.2 GOV-01 GOV-02 HB-01 HB-02 HB-03"),
    ("hazmat/leak", {"missing": 3}, "WS-03b.1 WS-03b.2 WS-08.1 WS-08.2 WS-10"),
    ("hazmat/leak", {"evacuated": 500}, "WS-10"),
    ("fire_accident", {"dead": 10}, "GOV-01 GOV-02 HB-01 HB-02 HB-03"),
    ("road_traffic_accident", {"dead": 1}, ""),
    ("flood", {}, "ND-01 ND-02"),
    ("flood", {"trapped": 1}, "ND-01 ND-02 ND-07"),
    ("earthquake", {"dead": 4, "missing": 5}, "ND-01 ND-02 ND-07"),
    ("earthquake", {"dead": 4, "missing": 6}, "ND-01 ND-02 ND-03 ND-07"),
    ("public_health", {"poisoned": 300}, ""),
    ("environment", {"dead": 10}, "GOV-01 GOV-02 HB-01 HB-02 HB-03"),
    (None, {"dead": 10}, ""),
]


@pytest.mark.parametrize(("category", "facts", "expected"), OPENS)
def test_each_kind_of_incident_owes_what_its_rules_say(
    one_room: Room, category: str | None, facts: dict[str, int], expected: str
) -> None:
    room = one_room
    one = opened(room, who="Li", **today(room, category=category, facts=facts))
    assert rules(room, one) == set(expected.split())


def test_a_rule_owes_each_recipient_a_report_of_its_own_and_nobody_to_himself(one_room: Room) -> None:
    room = one_room
    quake = opened(room, **today(room, category="earthquake", facts={"dead": 12}))
    assert {(one["from"], one["to"]) for one in owed(room, quake, "ND-03")} == {
        ("130324", "PRV_EMB"),
        ("130324", "MEM"),
    }
    here = opened(room, **today(room, category="hazmat", facts={"dead": 3}, place=None, known_by="130300"))
    assert rules(room, here) == {"WS-03b.2", "WS-08.1", "WS-08.2"}
    assert all(one["from"] == "130300" for one in owed(room, here)), (
        "in the city itself the city is the county too"
    )


WITH_FIGURES = {
    # rule: (sender, recipient, channel, start, deadline): a mine accident at 08:00, known 08:10, told 08:20
    "WS-03c.1": ("130324", "130300", "any", "08:10", "10:10"),
    "WS-03c.2": ("130300", "PRV_EMB", "any", "08:20", "10:20"),
    "WS-09.1": ("130324", "MEM", "phone", "08:10", "09:10"),
    "WS-09.2": ("130300", "MEM", "phone", "08:20", "09:20"),
    "GOV-01": ("130300", "SC", "phone", "08:00", "08:30"),
    "GOV-02": ("130300", "SC", "written", "08:00", "09:00"),
    "HB-01": ("CTY_GOV", "PRV_GOV", "any", "08:00", "10:00"),
    "HB-02": ("130300", "PRV_EMB", "phone", "08:00", "08:30"),
    "HB-03": ("130300", "PRV_EMB", "written", "08:00", "09:00"),
}


def test_every_deadline_counts_from_the_moment_its_law_names(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("08:10")
    one = opened(room, who="Li", category="mine", known_at=at("08:10"), facts={"dead": 1})
    room.clock.at = words.moment("08:20")
    room.told("Li", "record-report", words.record_report(one, "08:20", recipient="CTY_EMB", channel="phone"))
    room.told("Li", "establish-facts", words.establish_facts(one, "08:20", dead=10))
    for rule, (sender, recipient, channel, start, due) in WITH_FIGURES.items():
        found = only(room, one, rule)
        assert (found["from"], found["to"], found["channel"]) == (sender, recipient, channel), rule
        assert (beijing(found["started_at"]), beijing(found["due_at"])) == (start, due), rule
        assert found["rule_text"]
        assert found["rule_text_en"]


def test_a_county_that_a_township_told_through_the_desk_has_received_it(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("08:30")
    place = {"division": "130324104", "text": "双望镇"}
    said = {"known_at": at("08:10"), "known_by": "130324104", "place": place, "facts": {"dead": 3}}
    one = opened(room, who="Tian", category="hazmat", **said)
    assert beijing(only(room, one, "WS-03b.1")["started_at"]) == "08:30"
    assert only(room, one, "WS-03b.1")["from"] == "130324"


def test_at_once_has_no_figure(one_room: Room) -> None:
    room = one_room
    one = opened(room, **today(room, category="flood", facts={"trapped": 2}))
    found = only(room, one, "ND-07")
    assert (found["due_at"], found["warn_at"], found["standing"]) == (None, None, "running")
    room.clock.pass_by(days=3)
    room.watch()
    assert only(room, one, "ND-07")["standing"] == "running", (
        "late cannot be told where the law names no minute"
    )
    done = words.record_report(one, recipient="CTY_EMB", sent_at=room.clock.ago(), channel="phone")
    room.told("Wu", "record-report", done)
    assert only(room, one, "ND-07")["standing"] == "met"


def test_what_may_become_major_is_told_upwards_at_once(one_room: Room) -> None:
    room = one_room
    one = opened(room, **today(room, category="flood"))
    judged = {"judged_at": room.clock.ago(), "possible": True}
    room.told("Wu", "judge-level", words.judge_level(one, "major", **judged))
    found = {(duty["from"], duty["to"], duty["due_at"]) for duty in owed(room, one, "RISK-01")}
    assert found == {("CNT_GOV", "CTY_GOV", None), ("CTY_GOV", "PRV_GOV", None)}


# ---------------------------------------------------------------- growing


def test_a_level_reached_later_adds_duties_and_leaves_those_that_run(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("08:20")
    one = opened(room, who="Li", category="mine", known_at=at("08:20"), facts={"dead": 1})
    before = owed(room, one)
    assert [duty["rule"] for duty in before] == ["WS-03a"]
    room.clock.at = words.moment("14:10")
    room.told("Li", "establish-facts", words.establish_facts(one, "14:10", dead=4))
    assert beijing(only(room, one, "WS-03b.1")["due_at"]) == "16:10", "it grew: two hours from then"
    room.clock.at = words.moment("15:00")
    room.told("Li", "establish-facts", words.establish_facts(one, "14:40", dead=12))
    after = owed(room, one)
    kept = only(room, one, "WS-03a")
    assert kept["standing"] == "overdue"
    assert {**kept, "standing": "running"} == before[0]
    assert len([duty for duty in after if duty["rule"].startswith("WS-03")]) == 5
    room.told("Li", "establish-facts", words.establish_facts(one, "15:00", dead=0, explanation="误报"))
    assert [duty["id"] for duty in owed(room, one)] == [duty["id"] for duty in after], "nothing is taken back"


def test_ten_dead_known_hours_later_count_from_then(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("08:15")
    one = opened(room, category="flood", known_at=at("08:00"), occurred_at=at("07:00"))
    early = words.record_report(one, "08:10", recipient="PRV_EMB")
    room.told("Wu", "record-report", early)
    room.told("Wu", "record-receipt", words.record_receipt(one, early["report_id"], "08:12"))
    room.clock.at = words.moment("15:00")
    room.told("Wu", "establish-facts", words.establish_facts(one, "15:00", dead=12))
    for duty in owed(room, one, "ND-03"):
        assert (beijing(duty["started_at"]), beijing(duty["due_at"])) == ("15:00", "17:00")
        assert duty["met_at"] is None, "the morning's report knew of no dead"


# ---------------------------------------------------------------- fulfilling


def standing(room: Room, incident: str, rule: str) -> str:
    found: str = only(room, incident, rule)["standing"]
    return found


def test_a_duty_goes_through_its_standings_to_the_second(one_room: Room) -> None:
    room = one_room
    one = opened(room, **today(room, category="mine", facts={"dead": 10}))
    for minutes, expected in ((0, "running"), (44, "running"), (1, "due_soon"), (15, "due_soon")):
        room.clock.pass_by(minutes=minutes)
        assert standing(room, one, "HB-03") == expected
    room.clock.pass_by(seconds=0.001)
    assert standing(room, one, "HB-03") == "overdue"
    listed = {name: {duty["id"] for duty in room.ask("Wu", "obligations", standing=name)["obligations"]}
              for name in ("running", "due_soon", "overdue", "met", "met_late", "excused")}  # fmt: skip
    mine = only(room, one, "HB-03")["id"]
    assert [name for name, ids in listed.items() if mine in ids] == ["overdue"]


@pytest.mark.parametrize(
    ("received", "expected"), [("60:00", "met"), ("60:01", "met_late"), (None, "overdue"), ("45:30", "met")]
)
def test_a_written_report_counts_when_received(one_room: Room, received: str | None, expected: str) -> None:
    room = one_room
    start = room.clock.now()
    one = opened(room, **today(room, category="mine", facts={"dead": 10}))
    room.clock.pass_by(minutes=40)
    report = words.record_report(one, sent_at=room.clock.ago())
    room.told("Wu", "record-report", report)
    room.clock.pass_by(minutes=30)
    if received is not None:
        minutes, seconds = map(int, received.split(":"))
        moment = (start + timedelta(minutes=minutes, seconds=seconds)).isoformat()
        room.told("Wu", "record-receipt", words.record_receipt(one, report["report_id"], received_at=moment))
        assert only(room, one, "HB-03")["met_by"] == report["report_id"]
    assert standing(room, one, "HB-03") == expected
    assert standing(room, one, "HB-02") == "overdue", "a letter is no phone call"


def test_a_call_fulfils_what_may_be_phoned_and_nothing_else(one_room: Room) -> None:
    room = one_room
    one = opened(room, **today(room, category="mine", facts={"dead": 10}))
    room.clock.pass_by(minutes=10)
    call = words.record_report(one, channel="phone", sent_at=room.clock.ago(), signed_by=None)
    room.told("Wu", "record-report", call)
    assert {duty["rule"] for duty in owed(room, one) if duty["standing"] == "met"} == {"HB-02", "WS-03c.2"}
    assert standing(room, one, "HB-03") == "running"


def test_what_is_invalid_or_goes_elsewhere_or_is_of_another_kind_fulfils_nothing(one_room: Room) -> None:
    room = one_room
    one = opened(room, **today(room, category="mine", facts={"dead": 10}))
    room.clock.pass_by(minutes=5)
    for over in (
        {"signed_by": None},
        {"recipient": "NTF"},
        {"stage": "follow_up"},
        {"stage": "daily"},
        {"stage": "final"},
    ):
        report = words.record_report(one, sent_at=room.clock.ago(), **over)
        room.told("Wu", "record-report", report)
        receipt = words.record_receipt(one, report["report_id"], received_at=room.clock.ago())
        room.told("Wu", "record-receipt", receipt)
    assert standing(room, one, "HB-03") == "running"


def test_an_upgrade_report_fulfils_what_the_new_level_asks_for(one_room: Room) -> None:
    room = one_room
    one = opened(room, **today(room, category="mine", facts={"dead": 1}))
    room.told("Wu", "judge-level", words.judge_level(one, "ordinary", judged_at=room.clock.ago()))
    first = words.record_report(one, sent_at=room.clock.ago())
    room.told("Wu", "record-report", first)
    room.clock.pass_by(hours=2)
    known = {"known_at": room.clock.ago()}
    room.told("Wu", "establish-facts", words.establish_facts(one, dead=11, **known))
    assert datetime.fromisoformat(only(room, one, "HB-03")["started_at"]) == room.clock.now()
    room.told(
        "Wu", "record-receipt", words.record_receipt(one, first["report_id"], received_at=room.clock.ago())
    )
    assert standing(room, one, "HB-03") == "running", "the report of one dead does not do for eleven"
    upgrade = words.record_report(one, stage="upgrade", sent_at=room.clock.ago())
    room.told("Wu", "record-report", upgrade)
    room.told(
        "Wu", "record-receipt", words.record_receipt(one, upgrade["report_id"], received_at=room.clock.ago())
    )
    assert standing(room, one, "HB-03") == "met"


def test_a_paper_log_entered_later_finds_its_reports_in_time(one_room: Room) -> None:
    room = one_room
    one = opened(room, category="mine", known_at=at("08:05"), facts={"dead": 10})
    assert standing(room, one, "HB-03") == "overdue"
    report = words.record_report(one, "08:40")
    room.told("Wu", "record-report", report)
    room.told("Wu", "record-receipt", words.record_receipt(one, report["report_id"], "08:50"))
    room.watch()
    assert standing(room, one, "HB-03") == "met"
    late = room.entries(one, "obligation_overdue")
    assert only(room, one, "HB-03")["id"] not in [entry["event"]["obligation_id"] for entry in late]


def test_closing_ends_follow_ups_but_not_what_was_owed_before(one_room: Room) -> None:
    room = one_room
    one = opened(room, **today(room, category="mine", facts={"dead": 10}))
    room.clock.pass_by(days=1, hours=2)
    room.watch()
    room.told("Wu", "close-incident", words.close_incident(one, at=room.clock.ago()))
    found = [(duty["rule"], duty["standing"]) for duty in owed(room, one)]
    assert ("HB-03", "overdue") in found
    assert ("WS-12.1", "excused") in found, "the period that was running"
    room.clock.pass_by(days=5)
    room.watch()
    assert [(duty["rule"], duty["standing"]) for duty in owed(room, one)] == found
    count = len(owed(room, one))
    reopen = {"incident_id": one, "at": room.clock.ago(), "reason": "复查"}
    room.told("Wu", "reopen-incident", reopen)
    room.watch()
    assert len(owed(room, one)) == count, "the days when it was closed owe nothing"
    room.clock.pass_by(days=1, hours=1)
    room.watch()
    assert len(owed(room, one)) > count
