"""Rosters as people have them, read into shifts; teams in turn."""

from __future__ import annotations

from collections import Counter
from datetime import date, time
from itertools import pairwise

import pytest

from server.config.calendar_file import default_calendar
from server.domain.roster_text import Person, people_of, read
from server.domain.rotation import rotate

LINES = """2026-12-01 值班长 张三 13900000001; 信息岗 李四; 带班 王局 0335-3036699
2026年12月2日 20:00-08:00 主班：赵某、副班：钱某

2026/12/3 08:30至次日08:30 孙某 13800000000，周某
"""


def test_lines_are_read_with_posts_phones_and_the_leader() -> None:
    found = read(LINES)
    assert found.problems == []
    first, second, third = found.shifts
    assert first.starts_at.isoformat() == "2026-12-01T08:30:00+08:00"
    assert first.ends_at.isoformat() == "2026-12-02T08:30:00+08:00"
    assert first.people == (
        Person("shift_leader", "张三", "13900000001"),
        Person("information", "李四"),
        Person(None, "王局", "0335-3036699"),
    )
    assert (second.starts_at.hour, second.ends_at.isoformat()) == (20, "2026-12-03T08:00:00+08:00")
    assert [one.post for one in second.people] == ["shift_leader", "information"]
    assert third.people == (Person("duty_officer", "孙某", "13800000000"), Person("duty_officer", "周某"))


def test_a_table_from_a_spreadsheet_has_posts_for_columns() -> None:
    text = (
        "日期\t星期\t时间\t带班领导\t值班长\t综合信息岗\t无人机岗\n"
        "2026-12-01\t二\t08:30-20:30\t王局 13900000000\t张三\t李四、王五\t\n"
        "2026-12-01\t二\t20:30-08:30\t孙局\t赵六\t钱七\t周八\n"
    )
    found = read(text)
    assert found.problems == []
    assert found.shifts[0].people == (
        Person(None, "王局", "13900000000"),
        Person("shift_leader", "张三"),
        Person("information", "李四"),
        Person("information", "王五"),
    )
    assert found.shifts[1].people[-1] == Person("无人机岗", "周八")
    assert found.shifts[1].ends_at.day == 2


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("张三 李四", "no-date"),
        ("12-01 张三", "no-date"),
        ("2026-13-01 张三", "no-such-time"),
        ("2026-02-29 张三", "no-such-time"),
        ("2026-12-01 25:00-26:00 张三", "no-such-time"),
        ("2026-12-01", "nobody"),
        ("2026-12-01 带班 王局", "nobody"),
        ("2026-12-01 值班长 张三; 带班 王局; 带班 孙局", "two-leaders"),
        ("2026-12-01 " + "张" * 61, "long-name"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_its_reason(line: str, code: str) -> None:
    found = read("2026-12-02 张三\n" + line)
    assert [(number, reason) for number, reason, _line in found.problems] == [(2, code)]
    assert len(found.shifts) == 1


def test_a_time_of_24_is_midnight() -> None:
    (one,) = read("2026-12-01 08:00-24:00 张三").shifts
    assert one.ends_at.isoformat() == "2026-12-02T00:00:00+08:00"


TEAMS = [
    tuple(people_of(line)) for line in ("值班长 甲; 带班 子", "值班长 乙; 带班 丑", "值班长 丙; 带班 寅")
]
CALENDAR = default_calendar()


def test_teams_go_round_and_free_days_fall_on_all_alike() -> None:
    made = rotate(TEAMS, date(2026, 1, 1), date(2026, 12, 31), CALENDAR)
    assert len(made) == 365
    assert all(one.ends_at == after.starts_at for one, after in pairwise(made))
    free: Counter[str] = Counter()
    for one in made:
        if CALENDAR.day(one.starts_at.date()).is_free:
            free[one.people[0].name] += 1
    assert max(free.values()) - min(free.values()) <= 1
    holiday = [one for one in made if CALENDAR.day(one.starts_at.date()).name == "春节"]
    assert len({one.people[0].name for one in holiday[:3]}) == 3


def test_a_year_that_nobody_has_published_is_not_told_apart() -> None:
    made = rotate(TEAMS, date(2027, 1, 1), date(2027, 1, 14), CALENDAR)
    assert [one.people[0].name for one in made] == ["甲", "乙", "丙"] * 4 + ["甲", "乙"]


def test_a_day_may_be_two_shifts() -> None:
    made = rotate(TEAMS, date(2026, 12, 1), date(2026, 12, 1), CALENDAR, change=time(8), hours=12)
    assert [(one.starts_at.hour, one.ends_at.hour) for one in made] == [(8, 20), (20, 8)]
    assert rotate([], date(2026, 12, 1), date(2026, 12, 2), CALENDAR) == []
    assert rotate(TEAMS, date(2026, 12, 2), date(2026, 12, 1), CALENDAR) == []
