"""The one-hour figure: the thirteen vectors of domain.md 1.5.4, and their neighbours, driven through HTTP."""

from __future__ import annotations

from typing import Any

from tests.product import FenghuoProcess
from tests.words import (
    at,
    establish_facts,
    judge_level,
    new_id,
    open_incident,
    record_receipt,
    record_report,
)


def told(desk: FenghuoProcess, name: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = desk.tell("Wu", name, body)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def opened(desk: FenghuoProcess, **over: Any) -> str:
    body = open_incident(**over)
    told(desk, "open-incident", body)
    return str(body["incident_id"])


def reported(desk: FenghuoProcess, incident: str, sent: str, received: str | None, **over: Any) -> str:
    body = record_report(incident, sent, **over)
    told(desk, "record-report", body)
    if received is not None:
        told(desk, "record-receipt", record_receipt(incident, str(body["report_id"]), received))
    return str(body["report_id"])


def figure(desk: FenghuoProcess, incident: str) -> dict[str, Any]:
    found: dict[str, Any] = desk.ask("Wu", f"incidents/{incident}")["one_hour"]
    return found


def minutes(seconds: int) -> float:
    return seconds / 60


def test_tv1_twelve_trapped_are_reported_fifty_eight_minutes_after_it_happened(desk: FenghuoProcess) -> None:
    one = opened(desk, category="work_safety", facts={"trapped": 12})
    reported(desk, one, "08:50", "08:58")
    found = figure(desk, one)
    assert (found["case"], found["start_basis"], found["result"]) == ("initial", "occurred", "pass")
    assert minutes(found["elapsed_s"]) == 58
    assert minutes(found["desk_elapsed_s"]) == 23


def upgraded(desk: FenghuoProcess, received: str) -> dict[str, Any]:
    """TV2 and TV3: two dead, reported as 一般; eleven dead or missing known at 14:10; level set at 14:40."""
    one = opened(desk, category="work_safety", known_at=at("08:20"), facts={"dead": 2})
    told(desk, "judge-level", judge_level(one, "ordinary", "08:40"))
    reported(desk, one, "08:50", "08:55")
    told(desk, "establish-facts", establish_facts(one, "14:10", dead=8, missing=3))
    told(desk, "judge-level", judge_level(one, "major", "14:40"))
    reported(desk, one, "14:58", received, stage="upgrade")
    return figure(desk, one)


def test_tv2_an_upgrade_counts_from_the_crossing_fact_not_from_the_click(desk: FenghuoProcess) -> None:
    found = upgraded(desk, "15:05")
    assert (found["case"], found["start_basis"], found["result"]) == ("upgrade", "threshold", "pass")
    assert (minutes(found["elapsed_s"]), minutes(found["grading_lag_s"])) == (55, 30)
    assert found["threshold_at"] == found["start"]


def test_tv3_an_upgrade_received_after_sixty_one_minutes_fails(desk: FenghuoProcess) -> None:
    found = upgraded(desk, "15:11")
    assert (found["case"], minutes(found["elapsed_s"]), found["result"]) == ("upgrade", 61, "fail")


def test_tv4_a_concealed_accident_counts_from_its_occurrence_the_desk_from_when_it_learned(
    desk: FenghuoProcess,
) -> None:
    one = opened(
        desk,
        category="mine",
        occurred_at=at("02:00"),
        known_at=at("10:00", day=3),
        facts={"dead": 10},
    )
    concealed = {
        "incident_id": one,
        "concealed_by": "矿方",
        "basis": "媒体报道后查实",
        "declared_at": at("10:20", 3),
    }
    told(desk, "declare-concealed", {"command_id": new_id(), **concealed})
    body = record_report(one, "10:35", day=3)
    told(desk, "record-report", body)
    told(desk, "record-receipt", record_receipt(one, str(body["report_id"]), "10:40", day=3))
    found = figure(desk, one)
    assert (found["case"], found["result"]) == ("concealed", "fail")
    assert minutes(found["elapsed_s"]) == 56 * 60 + 40
    assert minutes(found["desk_elapsed_s"]) == 40


def test_tv5_a_hot_spot_judged_possibly_major_counts_from_the_judgement(desk: FenghuoProcess) -> None:
    one = opened(
        desk,
        category="forest_fire",
        occurred_at=None,
        occurred_precision="unknown",
        discovered_at=at("13:20"),
        known_at=at("13:25"),
        nobody_could_know=True,
        facts={"dead": None},
    )
    told(desk, "judge-level", judge_level(one, "larger", "13:40"))
    reported(desk, one, "13:45", "13:50")
    told(desk, "judge-level", judge_level(one, "major", "14:20", possible=True, basis="威胁居民区, 可能重大"))
    reported(desk, one, "15:00", "15:10", stage="upgrade")
    found = figure(desk, one)
    assert (found["case"], minutes(found["elapsed_s"]), found["result"]) == ("upgrade", 50, "pass")


def test_tv6_three_found_alive_leave_the_official_count_but_not_the_initial_one(desk: FenghuoProcess) -> None:
    one = opened(
        desk,
        category="work_safety",
        occurred_at=at("09:00"),
        known_at=at("09:05"),
        facts={"dead": 9, "missing": 3},
    )
    reported(desk, one, "09:40", "09:50")
    found_alive = establish_facts(one, "12:00", missing=0, explanation="3 名失联人员生还")
    told(desk, "establish-facts", found_alive)
    told(desk, "judge-level", judge_level(one, "larger", "18:00", scale="final"))
    found = figure(desk, one)
    assert (found["case"], minutes(found["elapsed_s"]), found["result"]) == ("initial", 50, "pass")
    month = {"from": at("00:00")[:10], "to": at("00:00", 3)[:10]}
    assert one in desk.ask("Wu", "statistics/one-hour", scope="initial", **month)["incidents"]
    assert one not in desk.ask("Wu", "statistics/one-hour", scope="final", **month)["incidents"]


def fifteen_dead(desk: FenghuoProcess, **over: Any) -> str:
    said = {"category": "work_safety", "occurred_at": at("09:00"), "known_at": at("09:05")}
    return opened(desk, **{**said, "facts": {"dead": 15}, **over})


def test_tv7_sixty_minutes_exactly_are_in_time(desk: FenghuoProcess) -> None:
    one = fifteen_dead(desk)
    reported(desk, one, "09:50", "10:00:00")
    found = figure(desk, one)
    assert (found["elapsed_s"], found["result"]) == (3600, "pass")


def test_one_second_more_than_sixty_minutes_is_late(desk: FenghuoProcess) -> None:
    one = fifteen_dead(desk)
    reported(desk, one, "09:50", "10:00:01")
    found = figure(desk, one)
    assert (found["elapsed_s"], found["result"]) == (3601, "fail")


def test_tv8_sent_in_time_but_received_late_fails_and_says_so(desk: FenghuoProcess) -> None:
    one = fifteen_dead(desk)
    reported(desk, one, "09:59:30", "10:00:40")
    found = figure(desk, one)
    assert (found["elapsed_s"], found["result"], found["sent_in_time"]) == (3640, "fail", True)


def test_tv9_the_phone_in_time_does_not_save_the_written_report(desk: FenghuoProcess) -> None:
    one = fifteen_dead(desk)
    reported(desk, one, "09:25", None, channel="phone")
    reported(desk, one, "10:05", "10:10")
    found = figure(desk, one)
    assert (minutes(found["elapsed_s"]), found["result"]) == (70, "fail")
    assert (minutes(found["phone"]["elapsed_s"]), found["phone"]["result"]) == (25, "pass")


def test_tv10_nothing_due_is_no_percentage(desk: FenghuoProcess) -> None:
    found = desk.ask("Wu", "statistics/one-hour", **{"from": "2019-02-01", "to": "2019-02-28"})
    assert (found["numerator"], found["denominator"], found["rate"]) == (0, 0, None)


def test_tv11_casualties_unknown_at_first_count_from_the_occurrence(desk: FenghuoProcess) -> None:
    one = opened(desk, category="hazmat", known_at=at("08:10"), facts={"dead": None})
    told(desk, "establish-facts", establish_facts(one, "08:35", dead=12))
    reported(desk, one, "08:50", "08:57")
    found = figure(desk, one)
    assert (found["case"], minutes(found["elapsed_s"]), found["result"]) == ("initial", 57, "pass")


def test_tv12_a_small_report_inside_the_window_does_not_win_time(desk: FenghuoProcess) -> None:
    one = opened(desk, category="work_safety", known_at=at("08:10"), facts={"lightly_injured": 1})
    told(desk, "judge-level", judge_level(one, "ordinary", "08:15"))
    reported(desk, one, "08:20", "08:22")
    told(desk, "establish-facts", establish_facts(one, "08:35", dead=12))
    reported(desk, one, "09:00", "09:05", stage="upgrade")
    found = figure(desk, one)
    assert (found["case"], minutes(found["elapsed_s"]), found["result"]) == ("initial", 65, "fail")


def test_tv13_an_unseen_landslide_counts_from_its_discovery(desk: FenghuoProcess) -> None:
    one = opened(
        desk,
        category="geological_disaster",
        occurred_at=at("02:00"),
        discovered_at=at("06:05"),
        known_at=at("06:10"),
        nobody_could_know=True,
        facts={"trapped": 11},
    )
    reported(desk, one, "06:50", "06:58")
    found = figure(desk, one)
    assert (found["case"], found["start_basis"], minutes(found["elapsed_s"])) == ("initial", "discovered", 53)
    assert (found["result"], minutes(found["discovery_delay_s"])) == ("pass", 4 * 60 + 5)


# ---------------------------------------------------------------- neighbours of the vectors


def crossing(desk: FenghuoProcess, known: str, judged: bool = True, reported_: bool = True) -> str:
    one = opened(desk, category="work_safety", known_at=at("08:10"), facts={"dead": 1})
    if judged:
        told(desk, "judge-level", judge_level(one, "ordinary", "08:12"))
    if reported_:
        reported(desk, one, "08:20", "08:21")
    told(desk, "establish-facts", establish_facts(one, known, dead=12))
    case: str = figure(desk, one)["case"]
    return case


def test_the_window_of_thirty_minutes_includes_its_last_second(desk: FenghuoProcess) -> None:
    assert crossing(desk, "08:40:00") == "initial"
    assert crossing(desk, "08:40:01") == "upgrade"


def test_only_judged_and_reported_together_make_an_upgrade(desk: FenghuoProcess) -> None:
    assert crossing(desk, "14:10", judged=False) == "initial"
    assert crossing(desk, "14:10", reported_=False) == "initial"


def test_an_invalid_report_is_kept_says_what_it_lacks_and_ends_no_clock(desk: FenghuoProcess) -> None:
    one = fifteen_dead(desk, source=None)
    reported(desk, one, "09:20", "09:30", signed_by=None)
    whole = desk.ask("Wu", f"incidents/{one}")
    assert sorted(whole["reports"][0]["lacks"]) == ["approval", "source"]
    assert whole["one_hour"]["end"] is None
    assert whole["one_hour"]["result"] == "fail"


def test_a_verbal_approval_is_as_good_as_a_signature(desk: FenghuoProcess) -> None:
    one = fifteen_dead(desk)
    reported(desk, one, "09:20", "09:30", signed_by=None, verbal_approval_by="带班领导 王")
    assert figure(desk, one)["result"] == "pass"


def test_a_report_to_the_county_does_not_end_the_citys_hour(desk: FenghuoProcess) -> None:
    one = fifteen_dead(desk)
    reported(desk, one, "09:20", "09:30", recipient="130324")
    assert figure(desk, one)["end"] is None


def test_a_report_past_the_province_ends_it_too(desk: FenghuoProcess) -> None:
    one = fifteen_dead(desk)
    reported(desk, one, "09:20", "09:30", recipient="MEM")
    assert figure(desk, one)["result"] == "pass"


def test_what_outsiders_knew_is_not_known_in_our_chain(desk: FenghuoProcess) -> None:
    one = opened(desk, category="work_safety", known_at=at("08:05"), known_by="UNIT", facts={"dead": 12})
    assert figure(desk, one)["applies"] is False
    told(desk, "establish-facts", establish_facts(one, "08:35", known_by="130324104", dead=12))
    found = figure(desk, one)
    assert found["applies"] is True
    assert found["known_at"] == found["threshold_at"]


def test_where_only_the_minute_is_known_whole_minutes_compare(desk: FenghuoProcess) -> None:
    one = fifteen_dead(desk, occurred_precision="about")
    reported(desk, one, "09:50", "10:00:40")
    found = figure(desk, one)
    assert (found["elapsed_s"], found["result"]) == (3640, "pass")


def test_a_revised_time_of_occurrence_recomputes_the_figure_and_keeps_both(desk: FenghuoProcess) -> None:
    one = fifteen_dead(desk)
    reported(desk, one, "09:50", "09:59")
    told(desk, "establish-facts", establish_facts(one, "11:00", occurred_at=at("08:50")))
    whole = desk.ask("Wu", f"incidents/{one}")
    assert (minutes(whole["one_hour"]["elapsed_s"]), whole["one_hour"]["result"]) == (69, "fail")
    assert len([said for said in whole["fact_history"] if said["occurred_at"]]) == 2


def test_below_major_the_hour_does_not_apply(desk: FenghuoProcess) -> None:
    one = opened(desk, category="work_safety", facts={"dead": 9})
    found = figure(desk, one)
    assert (found["applies"], found["result"], found["case"]) == (False, "not_applicable", None)


def test_a_merged_duplicate_keeps_the_earliest_knowledge_and_is_counted_once(desk: FenghuoProcess) -> None:
    early = opened(desk, category="work_safety", known_at=at("08:05"), known_by="130324104")
    main = opened(desk, category="work_safety", known_at=at("08:35"), facts={"dead": 12})
    told(desk, "merge-incident", {"command_id": new_id(), "incident_id": early, "into": main})
    assert figure(desk, main)["known_at"] == "2026-11-01T00:05:00.000Z" or figure(desk, main)[
        "known_at"
    ].endswith("T00:05:00.000Z")


def merged(desk: FenghuoProcess, duplicate: str, main: str) -> dict[str, Any]:
    told(desk, "merge-incident", {"command_id": new_id(), "incident_id": duplicate, "into": main})
    return figure(desk, main)


def test_what_a_duplicate_had_reported_counts_for_the_incident_it_is_merged_into(
    desk: FenghuoProcess,
) -> None:
    duplicate, main = fifteen_dead(desk), fifteen_dead(desk)
    reported(desk, duplicate, "09:20", "09:30")
    on_its_way = reported(desk, duplicate, "09:21", None, recipient="MEM")
    found = merged(desk, duplicate, main)
    assert (minutes(found["elapsed_s"]), found["result"]) == (30, "pass")
    owed = desk.ask("Wu", f"incidents/{main}")["obligations"]
    assert [one["standing"] for one in owed if one["rule"] == "HB-03"] == ["met"]
    told(desk, "record-receipt", record_receipt(main, on_its_way, "09:26"))
    assert minutes(figure(desk, main)["elapsed_s"]) == 26, "the receipt came after the merging"
    again = fifteen_dead(desk, known_at=at("09:28"))
    assert minutes(merged(desk, main, again)["elapsed_s"]) == 26, "and it is handed on"
    owed = desk.ask("Wu", f"incidents/{again}")["obligations"]
    assert [one["standing"] for one in owed if one["rule"] == "HB-03"] == ["met"], "as was known first"


def test_a_lower_level_that_a_duplicate_had_reported_makes_it_an_upgrade(desk: FenghuoProcess) -> None:
    duplicate = opened(desk, category="work_safety", known_at=at("08:10"), facts={"dead": 1})
    told(desk, "judge-level", judge_level(duplicate, "ordinary", "08:12"))
    reported(desk, duplicate, "08:20", "08:21")
    main = opened(desk, category="work_safety", known_at=at("12:00"), facts={"dead": 12})
    assert figure(desk, main)["case"] == "initial"
    found = merged(desk, duplicate, main)
    assert (found["case"], found["start"]) == ("upgrade", found["threshold_at"])
    assert found["end"] is None, "the small report does not answer for the great one"


def test_the_rate_counts_drills_apart(desk: FenghuoProcess) -> None:
    drill = fifteen_dead(desk, drill=True)
    reported(desk, drill, "09:50", "09:59")
    day = at("00:00")[:10]
    asked = {"from": day, "to": day}
    assert drill not in desk.ask("Wu", "statistics/one-hour", scope="initial", **asked)["incidents"]
    found = desk.ask("Wu", "statistics/one-hour", scope="drill", **asked)
    assert drill in found["incidents"]
    assert found["rate"] == found["numerator"] / found["denominator"]
