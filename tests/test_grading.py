"""Numbers become levels by the shipped tables: at, just below and just above each number."""

from __future__ import annotations

import pytest

from schemas.rules import SUMS, RuleSet
from schemas.terms import Category, Level
from server.config.rulebook import defaults
from server.domain.grading import Grade, checklist, final_grade, grade, reached, reporting_grade

ACCIDENTS = (
    "work_safety",
    "hazmat",
    "coal_mine",
    "mine",
    "road_traffic_accident",
    "fire_accident",
    "marine",
    "other",
)
OFFICER_JUDGED = ("flood", "drought", "public_health", "animal_epidemic", "social_security")


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return defaults().rule_sets[0]


def reporting(rules: RuleSet, category: str = "work_safety", **facts: float | None) -> Level | None:
    return reporting_grade(rules, category, facts).level


def final(rules: RuleSet, category: str = "work_safety", **facts: float | None) -> Level | None:
    return final_grade(rules, category, facts).level


@pytest.mark.parametrize("category", ACCIDENTS)
@pytest.mark.parametrize(
    ("dead", "level"),
    [
        (1, "ordinary"),
        (2, "ordinary"),
        (3, "larger"),
        (9, "larger"),
        (10, "major"),
        (29, "major"),
        (30, "especially_major"),
        (31, "especially_major"),
    ],
)
def test_deaths_grade_an_accident_the_number_itself_included(rules, category, dead, level):
    assert reporting(rules, category, dead=dead) == level
    assert final(rules, category, dead=dead) == level


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"seriously_injured": 9}, "ordinary"),
        ({"seriously_injured": 10}, "larger"),
        ({"seriously_injured": 49}, "larger"),
        ({"seriously_injured": 50}, "major"),
        ({"seriously_injured": 99}, "major"),
        ({"seriously_injured": 100}, "especially_major"),
        ({"poisoned": 40, "seriously_injured": 10}, "major"),
        ({"poisoned": 40, "seriously_injured": 9}, "larger"),
        ({"poisoned": 50}, "major"),
        ({"loss_wan": 999.99}, None),
        ({"loss_wan": 1000}, "larger"),
        ({"loss_wan": 4999.9999}, "larger"),
        ({"loss_wan": 5000}, "major"),
        ({"loss_wan": 9999.5}, "major"),
        ({"loss_wan": 10000}, "especially_major"),
        ({"endangered": 9}, None),
        ({"endangered": 10}, "major"),
        ({"endangered": 29}, "major"),
        ({"endangered": 30}, "especially_major"),
        ({"resettled": 49_999}, None),
        ({"resettled": 50_000}, "major"),
        ({"to_resettle": 99_999}, "major"),
        ({"resettled": 100_000}, "especially_major"),
        ({"lightly_injured": 1}, "ordinary"),
        ({"injured": 1}, "ordinary"),
        ({"poisoned": 1}, "ordinary"),
        ({"dead": 0, "injured": 0}, None),
    ],
)
def test_every_number_of_the_accident_reporting_table(rules, facts, level):
    assert reporting(rules, **facts) == level


@pytest.mark.parametrize("injury", ["seriously_injured", "poisoned"])
@pytest.mark.parametrize(
    ("number", "level"),
    [
        (9, "ordinary"),
        (10, "larger"),
        (49, "larger"),
        (50, "major"),
        (99, "major"),
        (100, "especially_major"),
    ],
)
def test_acute_poisoning_counts_as_serious_injury_for_the_final_level(rules, injury, number, level):
    assert final(rules, **{injury: number}) == level


@pytest.mark.parametrize(
    ("loss", "level"),
    [
        (0, "ordinary"),
        (999.9, "ordinary"),
        (1000, "larger"),
        (5000, "major"),
        (9999, "major"),
        (10000, "especially_major"),
    ],
)
def test_direct_loss_grades_the_final_level(rules, loss, level):
    assert final(rules, loss_wan=loss) == level


@pytest.mark.parametrize(
    "facts",
    [
        {"dead": 9, "missing": 3},
        {"trapped": 12},
        {"missing": 10},
        {"dead": 4, "missing": 3, "trapped": 3},
        {"dead": None, "missing": 10, "trapped": None},
    ],
)
@pytest.mark.parametrize("category", [*ACCIDENTS, "forest_fire", "geological_disaster", "environment"])
def test_missing_and_trapped_count_as_dead_for_the_reporting_level_in_every_table(rules, category, facts):
    assert reporting(rules, category, **facts) == "major"


def test_missing_and_trapped_count_as_dead_in_an_earthquake_too(rules):
    assert reporting(rules, "earthquake", dead=30, missing=15, trapped=5) == "major"
    assert reporting(rules, "earthquake", dead=30, missing=15, trapped=4) == "larger"


def test_missing_and_trapped_do_not_count_for_the_final_level(rules):
    assert final(rules, dead=9, missing=3, trapped=5) == "larger"
    assert final(rules, "forest_fire", dead=2, missing=8) == "ordinary"
    assert final(rules, "earthquake", dead=30, missing=20) == "major", "the 2012 plan counts the missing"


def test_nine_dead_and_three_missing_are_major_until_the_missing_are_found(rules):
    assert reporting(rules, dead=9, missing=3) == "major"
    assert reporting(rules, dead=9, missing=0) == "larger"
    assert final(rules, dead=9, missing=0) == "larger"


@pytest.mark.parametrize("category", sorted(Category))
@pytest.mark.parametrize("facts", [{}, {"dead": None, "missing": None}, {"forces_people": 40}])
def test_nothing_known_about_harm_gives_no_level_and_not_the_lowest(rules, category, facts):
    assert reporting_grade(rules, category, facts) == Grade()
    assert final_grade(rules, category, facts) == Grade()


def test_a_known_zero_is_known_where_the_table_has_a_lowest_level(rules):
    assert final(rules, dead=0) == "ordinary"
    assert reporting(rules, "forest_fire", dead=0, missing=None) == "ordinary"


def test_what_is_unknown_is_left_out_of_a_sum_and_never_taken_for_zero(rules):
    found = reporting_grade(rules, "work_safety", {"dead": None, "missing": 2, "trapped": None})
    assert found.level == "ordinary"
    assert found.because[0].value == 2


@pytest.mark.parametrize(
    ("facts", "is_near_miss"),
    [
        ({"endangered": 9}, False),
        ({"endangered": 10}, True),
        ({"trapped": 2}, False),
        ({"trapped": 3}, True),
        ({"trapped": 1, "missing": 2}, True),
        ({"evacuated": 499}, False),
        ({"evacuated": 500}, True),
        ({"evacuated": 501}, True),
        ({"hospital_observed": 9}, False),
        ({"hospital_observed": 10}, True),
        ({"serious_pollution": 0}, False),
        ({"serious_pollution": 1}, True),
        ({"important_place_endangered": 1}, True),
        ({"dead": 2}, False),
    ],
)
def test_each_number_and_flag_of_the_near_miss_class(rules, facts, is_near_miss):
    assert reporting_grade(rules, "hazmat/leak", facts).near_miss is is_near_miss


def test_a_near_miss_without_casualties_has_no_level_of_its_own_and_says_why(rules):
    found = reporting_grade(rules, "hazmat", {"evacuated": 600})
    assert found == Grade(None, True, found.because)
    assert found.because == (("evacuated", 600, 500),)


def test_the_final_level_knows_no_near_miss(rules):
    assert final_grade(rules, "work_safety", {"trapped": 5, "evacuated": 900, "dead": 0}).near_miss is False


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"forest_ha": 0.9999}, "ordinary"),
        ({"forest_ha": 1}, "larger"),
        ({"forest_ha": 99.9}, "larger"),
        ({"forest_ha": 100}, "major"),
        ({"forest_ha": 999.9}, "major"),
        ({"forest_ha": 1000}, "especially_major"),
        ({"dead": 1}, "ordinary"),
        ({"dead": 3}, "larger"),
        ({"dead": 10}, "major"),
        ({"dead": 30}, "especially_major"),
        ({"seriously_injured": 9}, "ordinary"),
        ({"seriously_injured": 10}, "larger"),
        ({"seriously_injured": 50}, "major"),
        ({"seriously_injured": 100}, "especially_major"),
        ({"burnt_ha": 5000}, None),
    ],
)
def test_a_forest_fire_is_graded_by_damaged_forest_not_by_burnt_area(rules, facts, level):
    assert reporting(rules, "forest_fire", **facts) == level
    assert final(rules, "forest_fire", **facts) == level


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"loss_wan": 99}, "ordinary"),
        ({"loss_wan": 100}, "larger"),
        ({"loss_wan": 499.9}, "larger"),
        ({"loss_wan": 500}, "major"),
        ({"loss_wan": 999}, "major"),
        ({"loss_wan": 1000}, "especially_major"),
        ({"dead": 2}, "ordinary"),
        ({"dead": 3}, "larger"),
        ({"dead": 10}, "major"),
        ({"dead": 30}, "especially_major"),
        ({"to_evacuate": 99}, "ordinary"),
        ({"to_evacuate": 100}, "larger"),
        ({"to_evacuate": 499}, "larger"),
        ({"to_evacuate": 500}, "major"),
        ({"to_evacuate": 999}, "major"),
        ({"to_evacuate": 1000}, "especially_major"),
        ({"dead": 1, "to_evacuate": 600}, "major"),
        ({"dead": 12, "to_evacuate": 20}, "major"),
    ],
)
def test_a_landslide_is_reported_by_the_higher_of_damage_and_danger(rules, facts, level):
    assert reporting(rules, "geological_disaster", **facts) == level


def test_danger_alone_gives_no_final_level(rules):
    assert final(rules, "geological_disaster", to_evacuate=2000) is None
    assert final(rules, "geological_disaster", to_evacuate=2000, dead=0) == "ordinary"


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"magnitude": 3.9}, None),
        ({"magnitude": 4.0}, "ordinary"),
        ({"magnitude": 4.9}, "ordinary"),
        ({"magnitude": 5.0}, "larger"),
        ({"magnitude": 5.9}, "larger"),
        ({"magnitude": 6.0}, "major"),
        ({"magnitude": 6.9}, "major"),
        ({"magnitude": 7.0}, "especially_major"),
        ({"dead": 9}, "ordinary"),
        ({"dead": 10}, "larger"),
        ({"dead": 49}, "larger"),
        ({"dead": 50}, "major"),
        ({"dead": 299}, "major"),
        ({"dead": 300}, "especially_major"),
        ({"magnitude": 5.2, "dead": 60}, "major"),
    ],
)
def test_an_earthquake_is_first_graded_by_magnitude_then_by_deaths(rules, facts, level):
    assert reporting(rules, "earthquake", **facts) == level


def test_magnitude_does_not_make_a_final_level(rules):
    assert final(rules, "earthquake", magnitude=7.5) is None
    assert final(rules, "earthquake", magnitude=7.5, dead=0) == "ordinary"


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"dead": 2}, "ordinary"),
        ({"dead": 3}, "larger"),
        ({"dead": 30}, "especially_major"),
        ({"poisoned": 99}, "major"),
        ({"poisoned": 100}, "especially_major"),
        ({"evacuated": 4_999}, "ordinary"),
        ({"evacuated": 5_000}, "larger"),
        ({"evacuated": 10_000}, "major"),
        ({"evacuated": 49_999}, "major"),
        ({"evacuated": 50_000}, "especially_major"),
        ({"loss_wan": 499}, "ordinary"),
        ({"loss_wan": 500}, "larger"),
        ({"loss_wan": 2000}, "major"),
        ({"loss_wan": 10_000}, "especially_major"),
    ],
)
def test_every_number_of_the_environment_table(rules, facts, level):
    assert reporting(rules, "environment", **facts) == level


def test_weather_has_numbers_for_the_highest_level_only(rules):
    assert reporting(rules, "weather", dead=30) == "especially_major"
    assert reporting(rules, "weather", loss_wan=5000) == "especially_major"
    assert reporting(rules, "weather", dead=29, loss_wan=4999) is None
    assert final(rules, "weather", dead=30) is None


@pytest.mark.parametrize("category", OFFICER_JUDGED)
def test_what_an_officer_judges_has_a_checklist_and_no_number(rules, category):
    assert reporting(rules, category, dead=500) is None
    assert final(rules, category, dead=500) is None
    assert checklist(rules, category)
    assert len(checklist(rules, category, "en")) == len(checklist(rules, category))


def test_a_finer_kind_is_graded_as_its_category_and_a_stranger_not_at_all(rules):
    assert reporting(rules, "hazmat/leak", dead=10) == "major"
    assert reporting(rules, "earthquake/tsunami", dead=10) == "larger"
    assert reporting(rules, "meteorite", dead=10) is None
    assert checklist(rules, "meteorite") == ()


def test_the_reason_names_the_facts_the_sum_and_the_number_reached(rules):
    found = reporting_grade(rules, "work_safety", {"dead": 9, "missing": 3, "trapped": 0, "loss_wan": 6000})
    assert found.level is Level.MAJOR
    assert found.because == (("dead+missing", 12, 10), ("loss_wan", 6000, 5000))


def test_a_condition_of_a_rule_counts_dead_and_missing_but_not_the_trapped(rules):
    condition = {"dead_plus_missing_ge": 10.0}
    assert reached(condition, {"dead": 4, "missing": 6}) == (("dead+missing", 10, 10),)
    assert reached(condition, {"dead": 4, "missing": 5, "trapped": 9}) == ()
    assert reached(condition, {}) == ()


def test_every_named_sum_is_used_by_a_table_or_a_rule(rules):
    rows = [
        row for table in rules.grading.values() for row in (*table.levels.values(), table.near_miss or {})
    ]
    rows += [rule.when or {} for rule in rules.rules]
    used = {key.removesuffix("_ge") for row in rows for key in row}
    assert set(SUMS) <= used


def test_every_threshold_in_every_table_is_crossed_exactly_at_its_number(rules):
    """The tables as they are, not as this file remembers them: at the number yes, a hair below no."""
    for table in rules.grading.values():
        for level, row in table.levels.items():
            for key, number in row.items():
                measure = key.removesuffix("_ge")
                fact = SUMS.get(measure, (measure,))[0]
                assert grade(table, {fact: number}, reporting=False).level is level
                below = grade(table, {fact: number - 0.0001}, reporting=False).level
                assert below is None or below.rank < level.rank
