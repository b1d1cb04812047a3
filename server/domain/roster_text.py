"""A roster as people have it: pasted lines or a table from a spreadsheet, read into shifts. Pure.

    2026-12-01 08:30-08:30 值班长 张三 13900000001; 信息岗 李四; 带班 王局
    日期 ⇥ 时间 ⇥ 带班领导 ⇥ 值班长 ⇥ 综合信息岗      (a table: columns are posts)

Nothing is guessed: a line that cannot be read is named with its reason, and nothing of it is planned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
#: Words for the posts of a shift, as rosters have them.
POSTS = {
    "值班长": "shift_leader",
    "班长": "shift_leader",
    "主班": "shift_leader",
    "协调调度": "dispatcher",
    "协调调度岗": "dispatcher",
    "调度": "dispatcher",
    "调度岗": "dispatcher",
    "综合信息": "information",
    "综合信息岗": "information",
    "信息": "information",
    "信息岗": "information",
    "副班": "information",
    "技术保障": "technical",
    "技术保障岗": "technical",
    "技术": "technical",
    "值班员": "duty_officer",
    "值班": "duty_officer",
    "司机": "driver",
    "驾驶员": "driver",
}
LEADER_WORDS = ("带班", "带班领导", "领导带班", "带班局领导", "leader")
DEFAULT_POST = "duty_officer"
_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_SPAN = re.compile(
    r"(\d{1,2})[:：](\d{2})\s*(?:[-–—~～至到]+)\s*(?:次日|翌日|第二天)?\s*(\d{1,2})[:：](\d{2})"
)
_PHONE = re.compile(r"[+0-9][0-9\- ()转*#]{4,28}\Z")
_BETWEEN = re.compile(r"[;；,，、\n]+")
_CHANGE = time(8, 30)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on a line. `post` None: the leader."""

    post: str | None
    name: str
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """One shift that was read, from this line."""

    line: int
    starts_at: datetime
    ends_at: datetime
    people: tuple[Person, ...]


@dataclass(slots=True)
class Reading:
    """What was read, and which lines were not: (line, code of the reason, the line)."""

    shifts: list[Read] = field(default_factory=list)
    problems: list[tuple[int, str, str]] = field(default_factory=list)


class Unread(ValueError):
    """A line that says no shift; the code of the reason."""


def read(text: str, change: time = _CHANGE) -> Reading:
    """Every line of a pasted roster. `change`: when shifts change where a line names no time."""
    found = Reading()
    header: list[str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) > 1 and cells[0] in ("日期", "值班日期", "date", "Date"):
            header = cells
            continue
        try:
            found.shifts.append(
                _row(number, header, cells, change) if header else _line(number, line, change)
            )
        except Unread as unread:
            found.problems.append((number, str(unread), line.strip()[:80]))
    return found


def _line(number: int, line: str, change: time) -> Read:
    named = _DATE.search(line)
    if named is None:
        raise Unread("no-date")
    rest = line[: named.start()] + line[named.end() :]
    span = _SPAN.search(rest)
    if span is not None:
        rest = rest[: span.start()] + " ; " + rest[span.end() :]
    starts_at, ends_at = _times(named, span, change)
    people = tuple(_people(rest))
    return _made(number, starts_at, ends_at, people)


def _row(number: int, header: list[str], cells: list[str], change: time) -> Read:
    by_head = dict(zip(header, cells, strict=False))
    named = _DATE.search(cells[0])
    if named is None:
        raise Unread("no-date")
    span = _SPAN.search(by_head.get("时间", "") or by_head.get("time", ""))
    starts_at, ends_at = _times(named, span, change)
    people: list[Person] = []
    for head, cell in list(zip(header, cells, strict=False))[1:]:
        if head in ("时间", "time", "星期", "备注") or not cell:
            continue
        for one in _people(cell):
            post = None if head in LEADER_WORDS else POSTS.get(head, head[:60])
            people.append(Person(post, one.name, one.phone))
    return _made(number, starts_at, ends_at, tuple(people))


def _made(number: int, starts_at: datetime, ends_at: datetime, people: tuple[Person, ...]) -> Read:
    if not any(one.post is not None for one in people):
        raise Unread("nobody")
    if sum(one.post is None for one in people) > 1:
        raise Unread("two-leaders")
    return Read(number, starts_at, ends_at, people)


def _times(named: re.Match[str], span: re.Match[str] | None, change: time) -> tuple[datetime, datetime]:
    try:
        day = date(*(int(part) for part in named.groups()))
        first, last = change, change
        if span is not None:
            hours = [int(part) for part in span.groups()]
            extra = 1 if hours[2] == 24 else 0
            first, last = time(hours[0], hours[1]), time(hours[2] % 24, hours[3])
        else:
            extra = 0
    except ValueError:
        raise Unread("no-such-time") from None
    starts_at = datetime.combine(day, first, BEIJING)
    ends_at = datetime.combine(day, last, BEIJING) + timedelta(days=extra)
    if ends_at <= starts_at:
        ends_at += timedelta(days=1)
    return starts_at, ends_at


def people_of(text: str) -> list[Person]:
    """The people that a text names, as in a team's line."""
    return list(_people(text))


def _people(text: str) -> Iterator[Person]:
    for part in _BETWEEN.split(text):
        words = [word for word in re.split(r"[\s:：]+", part.strip()) if word]
        if not words:
            continue
        phone = words.pop() if len(words) > 1 and _PHONE.match(words[-1]) else None
        if len(words) == 1:
            yield Person(DEFAULT_POST, _name(words[0]), phone)
        elif words[0] in LEADER_WORDS:
            yield Person(None, _name(" ".join(words[1:])), phone)
        else:
            yield Person(POSTS.get(words[0], words[0][:60]), _name(" ".join(words[1:])), phone)


def _name(text: str) -> str:
    if len(text) > 60:
        raise Unread("long-name")
    return text
