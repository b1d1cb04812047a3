"""Whether a call is about something known: place, kind, time and words together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from server.config.unit_file import default_units
from server.domain.duplicates import MOST_SHOWN, Told, alike, similarity

TREE = default_units()
AT = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
KNOWN = Told("known", "港城大街在建商业楼支模架坍塌，12人被困 澜湾广场工地", "130302008", "work_safety", AT)


def told(words: str, unit: str | None = None, category: str | None = None, minutes: int = 10) -> Told:
    return Told("", words, unit, category, AT + timedelta(minutes=minutes))


def found(new: Told) -> list[str]:
    return [one.id for one in alike(new, [KNOWN], TREE)]


def test_the_same_in_other_words_is_found():
    assert found(told("群众反映港城大街工地塌了", "130302")) == ["known"]
    assert found(told("支模架倒了", "130302008", "work_safety")) == ["known"]


def test_place_and_kind_within_the_hour_are_enough_without_a_common_word():
    assert found(told("楼塌了", "130302008", "work_safety", 50)) == ["known"]
    assert found(told("楼塌了", "130302008", "work_safety", 70)) == []


def test_another_county_is_another_incident():
    assert found(told("港城大街工地塌了", "130321", "work_safety")) == []


def test_another_kind_with_nothing_else_in_common_is_another_incident():
    assert found(told("小区停水", "130302008", "public_health")) == []


def test_the_likeliest_come_first_and_not_too_many():
    same = [Told(str(n), KNOWN.words, KNOWN.unit, KNOWN.category, AT) for n in range(9)]
    shown = alike(told(KNOWN.words, "130302008", "work_safety"), [KNOWN, *same], TREE)
    assert len(shown) == MOST_SHOWN
    assert [one.score for one in shown] == sorted((one.score for one in shown), reverse=True)


def test_words_are_compared_without_what_every_report_says():
    assert similarity("发生事故", "发生一起事故") == 0.0
    assert similarity("氨气泄漏", "冷库氨气泄漏，有人晕倒") == 1.0
    assert similarity("", "氨气") == 0.0
