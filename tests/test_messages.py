"""Reading a pasted message: what is found in it, with which words, and what is not."""

from __future__ import annotations

import time

import pytest

from server.domain.messages.findings import Sure
from server.domain.messages.moments import moments
from server.domain.messages.numbers import parse
from server.domain.messages.reading import Reading, draft, kept_words
from server.domain.periods import BEIJING
from tests.message_corpus import beijing, messages, read, said, score

CORE = ("at", "where", "in", "dead", "missing", "trapped", "injured", "seriously_injured", "lightly_injured")


def clock(text: str, sent: str = "11-23 15:10") -> str:
    """The first time in a text that has a clock; `~` is about."""
    moment = next(one for one in moments(text, beijing(sent)) if one.at is not None)
    assert moment.at is not None
    return moment.at.astimezone(BEIJING).strftime("%m-%d %H:%M") + ("~" if moment.about else "")


# ---------------------------------------------------------------- the measured figures


def test_the_half_that_was_written_before_the_reader_is_read_as_the_readme_says():
    held_out = score("held_out")
    assert held_out.precision() >= 0.99, held_out.faults
    assert held_out.recall() >= 0.99, held_out.faults
    assert held_out.precision(*CORE) >= 0.98, held_out.faults
    assert held_out.total("invented") <= 1, held_out.faults


def test_the_half_that_the_reader_was_tuned_by_is_read_without_an_invention():
    tuned = score("tuned")
    assert tuned.precision() >= 0.99, tuned.faults
    assert tuned.recall() >= 0.99, tuned.faults
    assert tuned.total("invented") == 0, tuned.faults


def test_those_written_later_in_other_manners_are_read_as_the_readme_says():
    later = score("later")
    assert later.precision() >= 0.96, later.faults
    assert later.recall() >= 0.94, later.faults
    assert later.precision(*CORE) >= 0.95, later.faults
    assert later.total("invented") <= 3, later.faults


def test_the_corpus_has_a_hundred_and_twenty_messages():
    assert len(messages("held_out")) + len(messages("tuned")) >= 120


# ---------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("昨天下午1点多", "11-22 13:00~"),
        ("今晨6点20左右", "11-23 06:20~"),
        ("11月23日14时许", "11-23 14:00~"),
        ("2026年11月20日22时37分许", "11-20 22:37~"),
        ("11月23日14时05分", "11-23 14:05"),
        ("昨天夜里十一点半", "11-22 23:30"),
        ("昨晚12点", "11-23 00:00~"),
        ("昨夜2点", "11-23 02:00~"),  # the night that began yesterday
        ("上周五下午5点", "11-20 17:00~"),
        ("半小时前", "11-23 14:40~"),
        ("11.22 23:10 抛石坡", "11-22 23:10"),
        ("中午12点半", "11-23 12:30"),
        ("23时50分", "11-22 23:50"),  # not yet today: yesterday's
        ("1点多", "11-23 13:00~"),  # of two the later one that has been
        ("12月3日8时10分", "12-03 08:10"),  # announced; who reads it decides that it is to come
    ],
)
def test_a_time_is_resolved_against_when_the_message_was_sent(text: str, wanted: str):
    assert clock(text) == wanted


@pytest.mark.parametrize(
    "text", ["22-24岁", "K263+400", "5.8级", "电话0335-3650012", "3点要求", "第3名", "1:1000", "鞍山三村25号"]
)
def test_what_is_no_time_is_taken_for_none(text: str):
    assert [one for one in moments(text, beijing("11-23 15:10"))] == []


def test_a_day_without_an_hour_is_shown_and_makes_no_instant():
    reading = read("11月22日夜，卢龙县石门镇一民房起火，无人员伤亡")
    assert [one.value for one in reading.findings if one.field == "occurred_day"] == ["2026-11-22"]
    assert "occurred_at" not in draft("", reading)


def test_the_time_of_an_alarm_or_of_the_state_is_not_that_of_the_occurrence():
    assert "at" not in said("8时47分接警，抚宁区一民房起火")
    assert "at" not in said("截至11月23日12时，石门镇火灾已致1人死亡")
    assert "at" not in said("11月24日9时将在海港区组织危化品泄漏演练")


# ---------------------------------------------------------------- people


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("三车相撞，1死3伤", {"dead": 1, "injured": 3}),
        ("造成3人死亡、2人受伤", {"dead": 3, "injured": 2}),
        ("死亡三人，失联两名，受伤十余人", {"dead": 3, "missing": 2, "injured": 10}),
        ("近百人受伤", {"injured": 100}),
        ("上百名群众被困", {"trapped": 100}),
        ("多人受伤", {"injured": "?"}),
        ("一人当场死亡，另一人经抢救无效死亡", {"dead": 2}),
        ("2名驾驶员和1名乘客受伤", {"injured": 3}),
        ("12人受伤，其中重伤4人", {"injured": 12, "seriously_injured": 4}),
        ("失联人数由2人上升至10人", {"missing": 10}),
        ("原报死亡2人，更正为3人死亡", {"dead": 3}),
        ("5人被埋，已全部救出，无人员伤亡", {"trapped": 0, "dead": 0, "injured": 0}),
        ("无人员伤亡", {"dead": 0, "injured": 0}),
        ("未造成人员死亡和失联", {"dead": 0, "missing": 0}),
        ("人员伤亡情况正在核实", {"dead": "?", "injured": "?"}),
        ("暂未接到人员伤亡报告", {"dead": "?", "injured": "?"}),
        ("尚无人员中毒报告", {"poisoned": "?"}),
        ("暂无人员伤亡和房屋倒塌的情况报告", {"dead": "?", "injured": "?"}),
        ("司机当场死亡", {"dead": 1}),
        ("已转移群众62户147人", {"evacuated": 147}),
        ("约560人正在疏散", {"to_evacuate": 560}),
        ("1人重伤，后经抢救无效死亡", {"dead": 1}),
    ],
)
def test_people_are_counted_as_the_text_counts_them(text: str, wanted: dict[str, object]):
    people = {name: value for name, value in said(f"石门镇发生事故，{text}。").items() if name in FACTS}
    assert people == wanted


FACTS = (
    "dead",
    "missing",
    "trapped",
    "injured",
    "seriously_injured",
    "lightly_injured",
    "poisoned",
    "evacuated",
    "to_evacuate",
    "resettled",
    "endangered",
)


@pytest.mark.parametrize(
    "text",
    [
        "出动消防车8辆、消防员35人",
        "过火面积46公顷，烧死鸡8000只",
        "110指挥中心，电话13803350001",
        "一辆核载53人、实载47人的大客车",
        "一名43岁的男子报警",
        "距村庄1.8公里，高3米",
        "要避免发生人员伤亡",
        "造成10人以上30人以下死亡的为重大事故",
        "该厂曾发生事故，致2人死亡",
        "今年以来全市发生事故14起，死亡16人",
        "关于死亡赔偿的请示",
        "第3名被告人",
    ],
)
def test_numbers_that_are_no_casualties_are_never_taken_for_any(text: str):
    assert not {name for name in said(text + "。") if name in FACTS}


# ---------------------------------------------------------------- places, sources, several incidents


def test_a_place_of_another_city_has_its_words_and_no_division_of_ours():
    found = said("云岭省南坪市石门镇一民房11月23日10时起火")
    assert "石门镇" in found["where"]
    assert "in" not in found


def test_every_finding_names_the_words_it_came_from_in_the_text_as_it_was_given():
    text = (
        "👷\u200d♂️【快报】１１月２３日１４时０５分，卢龙县石门镇西街村一民房起火，１人死亡。"
        "卢龙县应急管理局 李伟 13803350001"
    )
    reading = read(text)
    words = {one.field: text[one.span.start : one.span.end] for one in reading.findings if one.taken}
    assert words["occurred_at"] == "１１月２３日１４时０５分"
    assert words["dead"] == "１人死亡"
    assert words["division"] == "石门镇"
    assert words["source.name"] == "李伟"


def test_two_incidents_in_one_text_are_said_and_kept_apart():
    text = (
        "一、11月23日9时15分，昌黎县泥井镇大棚起火，无人员伤亡。"
        "二、11月23日10时40分，抚宁区榆关镇一辆轿车撞树，驾驶员当场死亡。"
    )
    reading = read(text)
    assert len(reading.incidents) == 2
    assert "several" in reading.notes
    assert draft(text, reading, 0)["facts"] == {"dead": 0, "injured": 0}
    assert draft(text, reading, 1)["facts"] == {"dead": 1}
    assert draft(text, reading, 1)["place"]["division"] == "130306102"


def test_a_numbered_report_on_one_incident_stays_one():
    text = "一、火情。11月23日14时，榆关镇后山起火。二、力量。出动120人。三、指挥。副区长15时到场。"
    assert len(read(text).incidents) == 1


def test_rumours_and_exercises_are_said():
    assert "denied" in read("石门镇火灾的情况不属实").notes
    assert "drill" in read("石门镇组织地震演练").notes


def test_what_is_not_sure_is_offered_and_not_taken():
    reading = read("石门镇煤矿透水，被困7人，已救出5人")
    trapped = [one for one in reading.findings if one.field == "trapped"]
    assert [one.sure for one in trapped] == [Sure.UNSURE]
    assert "trapped" not in draft("", reading).get("facts", {})


def test_a_tip_keeps_its_giver_out_of_the_words_of_the_open_log():
    text = "群众举报：石门镇私人作坊昨天爆炸，死2人。举报人王强，电话15033500028"
    body = draft(text, read(text))
    assert body["source"]["name"] == "王强"
    assert body["source"]["channel"] == "tip"
    assert "on_behalf_of" not in body
    assert "王强" not in body["words"]
    assert "15033500028" not in body["words"]
    assert kept_words(text, {"channel": "phone", "name": "王强"}) == text


# ---------------------------------------------------------------- what must not hurt


def test_a_text_that_says_nothing_gives_nothing():
    for text in ("", " ", "\n\n", "好的，收到。", "OK", "🔥🔥", "1234567890", "\x00"):
        reading: Reading = read(text)
        assert [one for one in reading.findings if one.taken] == [], text


@pytest.mark.parametrize(
    "piece", ["3人", "死亡", "在", "11月23日", "十", "1", "应急管理局", "县市区镇", " ", "13800000000"]
)
def test_a_text_made_to_take_long_does_not(piece: str):
    began = time.process_time()
    read(piece * (20_000 // len(piece)))
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("三", 3),
        ("十二", 12),
        ("二十", 20),
        ("一百零五", 105),
        ("两千三百", 2300),
        ("3万", 30_000),
        ("1,284", 1284),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, value: int):
    assert parse(text) == value


def test_two_or_three_is_no_number():
    assert parse("两三") is None
