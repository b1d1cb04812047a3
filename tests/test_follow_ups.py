"""Follow-ups (续报、日报): how often, until when, and what a changed rule file leaves as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests import words
from tests.deeds import opened
from tests.room import Room
from tests.test_obligations import beijing, only, owed, today
from tests.words import at

# ---------------------------------------------------------------- follow-ups


def periods(room: Room, incident: str, rule: str) -> list[tuple[str | None, str | None, str]]:
    return [
        (beijing(one["started_at"]), beijing(one["due_at"]), one["standing"])
        for one in owed(room, incident, rule)
    ]


def pass_days(room: Room, days: int, look_every_h: int = 6) -> None:
    for _ in range(days * 24 // look_every_h):
        room.clock.pass_by(hours=look_every_h)
        room.watch()


def test_an_ordinary_accident_owes_one_follow_up_a_day_from_the_next_day_on(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("08:40")
    one = opened(room, category="mine", known_at=at("08:40"), facts={"dead": 1})
    assert periods(room, one, "WS-11") == []
    pass_days(room, 3)
    assert [(start, due) for start, due, _standing in periods(room, one, "WS-11.1")] == [
        ("00:00+1", "00:00+2"), ("00:00+2", "00:00+3"), ("00:00+3", "00:00+4"),
    ]  # fmt: skip


def test_a_major_one_owes_two_a_day(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("08:40")
    one = opened(room, category="mine", known_at=at("08:40"), facts={"dead": 10})
    pass_days(room, 2)
    assert [(start, due) for start, due, _standing in periods(room, one, "WS-12.2")] == [
        ("00:00+1", "12:00+1"), ("12:00+1", "00:00+2"), ("00:00+2", "12:00+2"),
    ]  # fmt: skip


def test_a_major_flood_is_told_daily_before_nine_and_ten(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("20:00")
    one = opened(room, category="flood", known_at=at("20:00"), occurred_at=at("19:00"))
    room.told("Wu", "judge-level", words.judge_level(one, "major", "20:00"))
    assert periods(room, one, "ND-04.1") == [("20:00", "09:00+1", "running")]
    assert periods(room, one, "ND-04.2") == [("20:00", "10:00+1", "running")]
    pass_days(room, 1)
    assert [due for _start, due, _standing in periods(room, one, "ND-04.1")] == ["09:00+1", "09:00+2"]


def test_nothing_new_is_a_report(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("08:40")
    one = opened(room, category="flood", known_at=at("08:40"), facts={"affected": 40, "dead": None})
    pass_days(room, 1)
    assert periods(room, one, "ND-08.2")[0][2] == "running"
    nothing = words.record_report(one, stage="daily", sent_at=room.clock.ago(), text="无变化")
    room.told("Wu", "record-report", nothing)
    assert periods(room, one, "ND-08.2")[0][2] == "met"
    pass_days(room, 1)
    assert [standing for _start, _due, standing in periods(room, one, "ND-08.2")] == ["met", "running"]


def test_damage_on_the_fifth_day_owes_nothing_for_the_four_before(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("08:40")
    one = opened(room, category="flood", known_at=at("08:40"))
    pass_days(room, 4)
    assert periods(room, one, "ND-08.1") == []
    damage = words.establish_facts(one, houses_collapsed=3, known_at=room.clock.ago())
    room.told("Wu", "establish-facts", damage)
    room.watch()
    assert periods(room, one, "ND-08.1") == []
    pass_days(room, 1)
    assert periods(room, one, "ND-08.1") == [("00:00+5", "00:00+6", "running")]


def test_daily_reports_end_when_the_disaster_is_stable_and_the_verified_one_is_owed(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("08:40")
    one = opened(room, category="flood", known_at=at("08:40"), facts={"affected": 40, "dead": 0})
    pass_days(room, 2)
    stable = {"incident_id": one, "at": room.clock.ago(), "basis": "三日无新增"}
    room.told("Wu", "declare-stable", stable)
    count = len(owed(room, one, "ND-08"))
    verified = only(room, one, "ND-05.1")
    assert (beijing(verified["started_at"]), beijing(verified["due_at"])) == ("08:40+2", "08:40+7")
    pass_days(room, 3)
    assert len(owed(room, one, "ND-08")) == count
    report = words.record_report(one, stage="verified", recipient="CTY_EMB", sent_at=room.clock.ago())
    room.told("Wu", "record-report", report)
    room.told(
        "Wu", "record-receipt", words.record_receipt(one, report["report_id"], received_at=room.clock.ago())
    )
    assert only(room, one, "ND-05.1")["standing"] == "met"


def test_a_drought_is_told_every_ten_days_however_long_it_lasts(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("08:40")
    one = opened(room, category="drought", known_at=at("08:40"))
    pass_days(room, 75, look_every_h=24)
    due = [due for _start, due, _standing in periods(room, one, "ND-06.1")]
    assert due == [f"00:00+{day}" for day in (11, 21, 31, 41, 51, 61, 71, 81)]


def test_days_without_a_desk_are_made_up_for_when_it_is_back(first_day: Room) -> None:
    room = first_day
    room.clock.at = words.moment("08:40")
    one = opened(room, category="mine", known_at=at("08:40"), facts={"dead": 1})
    room.stop()
    room.clock.pass_by(days=100)
    room.start()
    room.watch()
    found = owed(room, one, "WS-11.1")
    assert len(found) == 100
    assert [duty["standing"] for duty in found] == ["overdue"] * 99 + ["running"]


# ---------------------------------------------------------------- rules that change


def edit_rules(room: Room, before: str, after: str) -> None:
    path = room.folder / "config" / "rules" / "2025-01-01.yaml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_what_is_owed_stays_as_it_was_when_the_rules_are_edited(spare_room: Room) -> None:
    room = spare_room
    one = opened(room, **today(room, category="mine", facts={"dead": 1}))
    before = only(room, one, "WS-03a")
    edit_rules(
        room, "一般事故：县级应急管理部门接报后2小时内上报", "一般事故：县级应急管理部门接报后1小时内上报"
    )
    edit_rules(room, "  channel: any\n  deadline_min: 120\n", "  channel: any\n  deadline_min: 60\n")
    room.restart()
    assert room.ask("Wu", "incidents")["incidents"][0]["id"] == one
    room.told("Wu", "establish-facts", words.establish_facts(one, dead=2, known_at=room.clock.ago()))
    assert only(room, one, "WS-03a") == before
    two = opened(room, **today(room, category="mine", facts={"dead": 1}))
    fresh = only(room, two, "WS-03a")
    assert "1小时内" in fresh["rule_text"]
    assert datetime.fromisoformat(fresh["due_at"]) == room.clock.now() + timedelta(hours=1)
    accepted = [entry["event"] for entry in room.stream("Wu") if entry["event"]["type"] == "rules_accepted"]
    assert len(accepted) == 2
    assert accepted[0]["digest"] != accepted[1]["digest"]


def test_a_new_grading_table_regrades_nothing_by_itself(spare_room: Room) -> None:
    room = spare_room
    one = opened(room, category="mine", facts={"dead": 10}, known_at=at("08:10"))
    before = room.ask("Wu", f"incidents/{one}")["one_hour"]
    edit_rules(room, "major: {dead_ge: 10, endangered_ge: 10,", "major: {dead_ge: 20, endangered_ge: 20,")
    room.restart()
    room.told("Wu", "add-entry", words.add_entry(one, "补记"))
    shown = room.ask("Wu", f"incidents/{one}")
    assert (shown["reporting_level"], shown["one_hour"]) == ("major", before)
    assert (
        room.ask("Wu", f"incidents/{opened(room, category='mine', facts={'dead': 10})}")["level"] == "larger"
    )


def test_a_bad_rule_file_is_named_by_line_and_the_rules_in_force_stay(own_room: Room) -> None:
    room = own_room
    edit_rules(room, "  channel: any\n  deadline_min: 120\n", "  channel: any\n  deadline_min: 90\n")
    room.restart()
    edit_rules(room, "  channel: any\n  deadline_min: 90\n", "  channel: any\n  deadline_min: soon\n")
    room.restart()
    ready = room.get(None, "/readyz")
    assert ready.status_code == 200, "a desk with the rules of yesterday is a desk"
    problems = ready.json()["problems"]
    assert len(problems) == 1
    assert "2025-01-01.yaml:" in problems[0]
    line = int(problems[0].split(".yaml:")[1].split(":")[0])
    text = (room.folder / "config" / "rules" / "2025-01-01.yaml").read_text(encoding="utf-8")
    assert "soon" in text.splitlines()[line - 1]
    one = opened(room, **today(room, category="mine", facts={"dead": 1}))
    due = datetime.fromisoformat(only(room, one, "WS-03a")["due_at"])
    assert due == room.clock.now() + timedelta(minutes=90)


def test_the_rules_of_the_day_are_those_of_the_file_that_has_begun(spare_room: Room) -> None:
    room = spare_room
    folder = room.folder / "config" / "rules"
    text = (folder / "2025-01-01.yaml").read_text(encoding="utf-8")
    later = text.replace("effective_from: 2025-01-01", "effective_from: 2026-12-01")
    later = later.replace("  channel: any\n  deadline_min: 120\n", "  channel: any\n  deadline_min: 30\n")
    (folder / "2026-12-01.yaml").write_text(later, encoding="utf-8")
    room.restart()

    def minutes() -> float:
        one = opened(room, **today(room, category="mine", facts={"dead": 1}))
        duty = only(room, one, "WS-03a")
        span = datetime.fromisoformat(duty["due_at"]) - datetime.fromisoformat(duty["started_at"])
        return span.total_seconds() / 60

    assert minutes() == 120
    room.clock.at = datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC)
    assert minutes() == 120
    room.clock.at = datetime(2026, 11, 30, 16, 0, 0, tzinfo=UTC)  # midnight in Beijing
    assert minutes() == 30
