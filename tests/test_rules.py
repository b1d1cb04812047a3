"""The reporting rules that come with the product: all there, each with its number, source and evidence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from schemas.rules import Rule, RuleSet
from schemas.terms import Category, Channel, ClockStart, Stage
from server.config.rulebook import defaults

DOMAIN = Path(__file__).resolve().parent.parent.parent / "shared" / "domain.md"

# Every rule of domain.md 1.3 and its evidence mark, so that one that is lost is missed everywhere.
EVIDENCE = {
    "WS-01": "V[S1]",
    "WS-02": "V[S1]",
    "WS-03a": "V[S1]",
    "WS-03b": "V[S1]",
    "WS-03c": "V[S1]",
    "WS-04": "V[S1]",
    "WS-05": "V[S1]",
    "WS-06": "V[S1]",
    "WS-07": "M-high",
    "WS-08": "M-high",
    "WS-09": "M-high",
    "WS-10": "M-high",
    "WS-11": "M-high",
    "WS-12": "M-high",
    "WS-13": "V[S1]",
    "WS-14": "V[S1]",
    "GOV-01": "V[S2]",
    "GOV-02": "V[S2]",
    "GOV-03": "V[S2]",
    "GOV-04": "V[S2]",
    "GOV-05": "V[S1]",
    "GOV-06": "M-high",
    "GOV-07": "V[S36]-fragment / rest M-med",
    "HB-01": "V[S9]",
    "HB-02": "D",
    "HB-03": "D",
    "LOC-HEN": "V-loc[S10]",
    "LOC-CQ": "V-loc[S1]",
    "ND-01": (
        "V[S7] (earlier edition, via provincial plans); 2020 text existence V[S6]; figure in 2020 text M-high"
    ),
    "ND-02": "V[S7]",
    "ND-03": "V[S7] (earlier edition)",
    "ND-04": "V[S7] (earlier edition)",
    "ND-05": "M-med",
    "ND-06": "V[S7]",
    "ND-07": "V[S1]",
    "ND-08": "V[S1]",
    "FF-01": "V[S1]",
    "FF-02": "V[S1]",
    "FF-03": "V-loc[S20b]",
    "FF-04": "V-loc[S20c]",
    "FL-01": "V[S1]",
    "FL-02": "V[S1]",
    "FL-03": "V[S12]",
    "FL-04": "V-loc[S20d]",
    "EQ-01": "V[S1]",
    "GEO-01": "V[S1]",
    "ENV-01": "V[S5]",
    "ENV-02": "V[S5]",
    "ENV-03": "M-high",
    "ENV-04": "M-high",
    "PH-01": "V[S1]",
    "PH-02": "V[S1]",
    "AN-01": "V[S1]",
    "SOC-01": "V[S1]",
    "RISK-01": "V[S1]",
    "DESK-01": "V-loc[S17]",
    "DESK-02": "V-loc[S17]",
    "DESK-03": "D",
}
OPENING = {
    *("WS-03a", "WS-03b", "WS-03c", "WS-05", "WS-06", "WS-08", "WS-09", "WS-10", "WS-11", "WS-12"),
    *("GOV-01", "GOV-02", "HB-01", "HB-02", "HB-03", "RISK-01"),
    *(f"ND-0{number}" for number in range(1, 9)),
}


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return defaults().rule_sets[0]


def rule(rules: RuleSet, rule_id: str) -> Rule:
    found = rules.rule(rule_id)
    assert found is not None, rule_id
    return found


# --- what is in the file ----------------------------------------------------------------------------------
def test_every_rule_of_the_collection_is_there_with_its_evidence_mark(rules):
    assert {one.origin for one in rules.rules} == set(EVIDENCE)
    for one in rules.rules:
        assert one.evidence == EVIDENCE[one.origin], one.id


def test_the_list_of_rules_in_this_test_is_that_of_the_domain_reference():
    if not DOMAIN.exists():
        pytest.skip("no domain.md here: ids and evidence are compared with this file's own list only")
    section = DOMAIN.read_text().split("### 1.3")[1].split("### 1.4")[0]
    block = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert block
    listed = {one["id"]: one for one in yaml.safe_load(block[1])["rules"]}
    assert set(listed) == set(EVIDENCE)
    for rule_id, one in listed.items():
        assert one["evidence"] == EVIDENCE[rule_id]


def test_every_source_of_the_domain_reference_is_kept(rules):
    if not DOMAIN.exists():
        pytest.skip("no domain.md here: sources cannot be compared")
    section = DOMAIN.read_text().split("### 1.3")[1].split("### 1.4")[0]
    block = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert block
    for one in yaml.safe_load(block[1])["rules"]:
        cite = one.get("cite", "")
        if cite and not cite.startswith("同上"):
            assert {atom.cite for atom in rules.rules if atom.origin == one["id"]} == {cite}, one["id"]
        elif cite:  # 同上 is spelled out, its article kept
            assert all(
                atom.cite.endswith(cite[2:].strip()) for atom in rules.rules if atom.origin == one["id"]
            )


def test_which_rules_open_obligations_here_and_why_the_others_do_not(rules):
    assert {one.origin for one in rules.rules if one.opens} == OPENING
    for one in rules.rules:
        assert bool(one.why_not) is not one.opens, one.id
        assert bool(one.why_not_en) is not one.opens, one.id


def test_no_rule_of_another_locality_binds_here(rules):
    assert not [one.id for one in rules.rules if one.evidence.startswith("V-loc") and one.opens]


def test_only_desks_of_the_city_and_its_counties_owe_reports_here(rules):
    owing = {one.sender for one in rules.rules if one.opens}
    assert owing == {"CNT_EMB", "CTY_EMB", "CNT_GOV", "CTY_GOV"}


@pytest.mark.parametrize(
    ("rule_id", "sender", "to", "channel", "minutes", "start"),
    [
        ("WS-03a", "CNT_EMB", "CTY_EMB", Channel.ANY, 120, ClockStart.RECEIVED),
        ("WS-03b.1", "CNT_EMB", "CTY_EMB", Channel.ANY, 120, ClockStart.RECEIVED),
        ("WS-03b.2", "CTY_EMB", "PRV_EMB", Channel.ANY, 120, ClockStart.RECEIVED),
        ("WS-03c.1", "CNT_EMB", "CTY_EMB", Channel.ANY, 120, ClockStart.RECEIVED),
        ("WS-03c.2", "CTY_EMB", "PRV_EMB", Channel.ANY, 120, ClockStart.RECEIVED),
        ("WS-08.1", "CNT_EMB", "PRV_EMB", Channel.PHONE, 60, ClockStart.RECEIVED),
        ("WS-08.2", "CTY_EMB", "PRV_EMB", Channel.PHONE, 60, ClockStart.RECEIVED),
        ("WS-09.1", "CNT_EMB", "MEM", Channel.PHONE, 60, ClockStart.RECEIVED),
        ("WS-09.2", "CTY_EMB", "MEM", Channel.PHONE, 60, ClockStart.RECEIVED),
        ("WS-10", "CNT_EMB", "CTY_EMB", Channel.ANY, 120, ClockStart.RECEIVED),
        ("GOV-01", "CTY_EMB", "SC", Channel.PHONE, 30, ClockStart.OCCURRED),
        ("GOV-02", "CTY_EMB", "SC", Channel.WRITTEN, 60, ClockStart.OCCURRED),
        ("HB-01", "CTY_GOV", "PRV_GOV", Channel.ANY, 120, ClockStart.OCCURRED),
        ("HB-02", "CTY_EMB", "PRV_EMB", Channel.PHONE, 30, ClockStart.OCCURRED),
        ("HB-03", "CTY_EMB", "PRV_EMB", Channel.WRITTEN, 60, ClockStart.OCCURRED),
        ("ND-01", "CNT_EMB", "CTY_EMB", Channel.WRITTEN, 120, ClockStart.OCCURRED),
        ("ND-02", "CTY_EMB", "PRV_EMB", Channel.WRITTEN, 120, ClockStart.RECEIVED),
    ],
)
def test_the_numbers_of_the_rules_that_count(rules, rule_id, sender, to, channel, minutes, start):
    one = rule(rules, rule_id)
    assert (one.sender, one.to, one.channel, one.deadline_min, one.start) == (
        sender,
        (to,),
        channel,
        minutes,
        start,
    )


@pytest.mark.parametrize(
    ("rule_id", "per_day", "cutoff", "every_days"),
    [
        ("WS-11.1", 1, None, None),
        ("WS-11.2", 1, None, None),
        ("WS-12.1", 2, None, None),
        ("WS-12.2", 2, None, None),
        ("ND-04.1", None, "09:00", None),
        ("ND-04.2", None, "10:00", None),
        ("ND-06.1", None, None, 10),
        ("ND-08.1", 1, None, None),
    ],
)
def test_how_often_follow_ups_are_due(rules, rule_id, per_day, cutoff, every_days):
    found = rule(rules, rule_id).recurring
    assert (found.per_day, found.cutoff, found.every_days) == (per_day, cutoff, every_days)


def test_casualties_are_followed_for_thirty_days_on_the_road_and_in_fires_for_seven(rules):
    assert {one.window_days for one in rules.rules_for("hazmat/leak") if one.window_days} == {30}
    assert {one.window_days for one in rules.rules_for("road_traffic_accident") if one.window_days} == {7}
    assert {one.window_days for one in rules.rules_for("fire_accident") if one.window_days} == {7}


def test_ten_dead_and_missing_go_to_province_and_ministry_at_once(rules):
    one = rule(rules, "ND-03")
    assert one.when == {"dead_plus_missing_ge": 10}
    assert one.to == ("PRV_EMB", "MEM")
    assert one.bypass


def test_verified_losses_are_due_five_days_after_stability(rules):
    one = rule(rules, "ND-05.1")
    assert (one.trigger, one.stage, one.deadline_days, one.start) == (
        "stable",
        Stage.VERIFIED,
        5,
        ClockStart.STABLE,
    )


@pytest.mark.parametrize(
    ("category", "has", "has_not"),
    [
        ("hazmat/leak", {"WS-03b.1", "WS-13.1", "GOV-01", "HB-03"}, {"ND-01", "WS-14", "WS-06.1"}),
        ("coal_mine", {"WS-03a", "WS-14"}, {"WS-13.1"}),
        ("road_traffic_accident", {"WS-06.1", "GOV-02"}, {"WS-03a", "WS-05.1"}),
        ("flood", {"ND-01", "ND-08.1", "FL-01", "RISK-01.1"}, {"WS-03a", "ND-06.1"}),
        ("drought", {"ND-01", "ND-06.1"}, {"ND-08.1"}),
        ("forest_fire", {"ND-02", "FF-01"}, {"FL-01"}),
        ("public_health", {"PH-01.1", "HB-02"}, {"ND-01", "AN-01"}),
        ("other", {"GOV-01", "HB-03"}, {"WS-03a", "ND-01"}),
    ],
)
def test_which_rules_concern_a_category(rules, category, has, has_not):
    found = {one.id for one in rules.rules_for(category)}
    assert has <= found
    assert not has_not & found


def test_the_prompts_of_the_hour_stand_at_their_minutes(rules):
    assert [(one.stage, one.after_min, one.until) for one in rules.prompts] == [
        ("judge_level", 5, "judged"),
        ("call_leader", 10, "phoned"),
        ("phone_due_soon", 20, "phoned"),
        ("phone_limit", 30, "phoned"),
        ("draft_in_approval", 40, "written"),
        ("target", 50, "written"),
        ("send_now", 55, "written"),
        ("breach", 60, "written"),
    ]


def test_the_figures_of_the_one_hour_rate(rules):
    one_hour = rules.one_hour
    assert (one_hour.limit_min, one_hour.phone_limit_min, one_hour.initial_window_min) == (60, 30, 30)
    assert one_hour.recipients == ("PRV_EMB", "PRV_GOV", "MEM", "SC")
    assert rules.due_soon_min == 15


def test_the_hop_budget_fits_the_chain_into_the_hour(rules):
    assert [(hop.sender, hop.to, hop.within_min) for hop in rules.hop_budget] == [
        ("TWN", "CNT_EMB", 10),
        ("CNT_EMB", "CTY_EMB", 20),
        ("CTY_EMB", "PRV_EMB", 30),
        ("CNT_EMB", "CTY_EMB", 40),
        ("CTY_EMB", "PRV_EMB", 50),
        ("CTY_EMB", "PRV_EMB", 60),
    ]


def test_the_six_causes_of_a_breach(rules):
    assert [cause.text for cause in rules.delay_causes] == [
        "获知晚",
        "核实慢",
        "审批慢",
        "通信中断",
        "系统故障",
        "其他",
    ]


def test_every_category_has_a_grading_and_every_text_stands_in_both_languages(rules):
    assert set(rules.grading_for) == set(Category)
    for one in (*rules.rules, *rules.prompts, *rules.hop_budget, *rules.delay_causes):
        assert re.search(r"[一-鿿]", one.text), one
        assert not re.search(r"[一-鿿]", one.text_en), one
