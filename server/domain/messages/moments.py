"""Times as people write them, resolved against when the message was sent. Pure.

`昨天下午1点多`, `今晨6点20左右`, `11月23日14时许`, `22日23:10`, `半小时前`. All are Beijing time. A date
without a year is the latest one that is not after the message; a clock without a day takes the day named
before it in the text, else the latest that is not after the message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain.messages.numbers import parse
from server.domain.periods import BEIJING

_N = r"(?:\d{1,2}|[零一二两三四五六七八九十]{1,3})"
_DATE = (
    r"(?P<y>(?:19|20)\d\d)\s*[年/.\-]\s*(?P<ym>\d{1,2})\s*[月/.\-]\s*(?P<yd>\d{1,2})(?:\s*[日号]|(?!\d))"
    rf"|(?P<m>{_N})月(?P<md>{_N})(?:[日号]|(?!\d|[份底初中]))"
    r"|(?<![\d.:])(?P<sm>1[0-2]|0?[1-9])[./\-](?P<sd>[0-3]?\d)(?=\s+\d{1,2}[:时点])"
    r"|(?<![\d.村路街巷弄楼区园院道])(?P<d>[0-3]?\d)(?:日(?![内前后])"
    r"|号(?=\s*(?:凌晨|清晨|早|上午|中午|下午|傍晚|晚|夜|深夜|\d{1,2}[时点:]|零时|[,。、]|起|在|的|发生)))"
    r"|(?P<rel>大前天|前[天日儿]|昨[天日儿]|今[天日儿]|明[天日]|当[天日]|同日|次日|昨(?=[晚夜晨早])"
    r"|今(?=[晚夜晨早午])|前(?=晚)"
    r"|当(?=晚)|明(?=[晚早晨]))"
    r"|(?P<week>上|这|本)?(?:周|星期|礼拜)(?P<wd>[一二三四五六日天])"
)
_PERIOD = (
    r"凌晨|清晨|早晨|早上|早间|上午|中午|正午|午间|晌午|午后|下午|傍晚|晚上|晚间|夜间|夜里|深夜|半夜|午夜"
    r"|[晚夜早晨](?![饭会点餐班报])"
)
_CLOCK = (
    rf"(?<![\d.])(?P<h>{_N})(?:(?P<colon>:)(?P<cm>[0-5]\d)(?::[0-5]\d)?(?![\d时点])"
    rf"|(?P<mark>[时点])(?!钟?[要建意希措方])(?:(?P<half>半)|(?P<quarter>[一三])刻|(?P<whole>整)"
    rf"|(?P<min>[0-5]?\d|[零一二三四五]?十?[零一二三四五六七八九十])(?:分(?:\d+秒)?|(?![\d\w]"
    rf"|[{{%％])|(?=[左前许送来]))?)?钟?)"
)
_AFTER = r"(?P<about>许|左右|前后|上下|多钟?|来钟|来(?=钟))?"
MOMENT = re.compile(
    rf"(?P<before>大约在?|大概|大致|约在?|将近|接近|快)?(?P<date>{_DATE})?(?:\((?:星期"
    rf"|周).\))?\s{{0,3}},?\s{{0,3}}(?:的)?(?P<period>{_PERIOD})?,?\s{{0,3}}"
    rf"(?:的)?(?P<before2>大约|大概|约)?(?P<clock>{_CLOCK})?{_AFTER}"
)
_AGO = re.compile(
    r"(?P<n>\d{1,3}|[一二两三四五六七八九十半]+)个?(?P<half>半)?(?P<unit>分钟|小时|钟头)(?P<more>多)?(?:之?前)"
    r"|刚刚|刚才"
)
_DATELINE = re.compile(r"(?:(?P<y>20\d\d)年)?(?P<m>\d{1,2})月(?P<d>\d{1,2})日(?:电|讯|消息[,:])")
_MOST = 60  # times in a text
_EARLY = {"凌晨", "清晨", "早晨", "早上", "早间", "上午", "早", "晨"}
_LATE = {"下午", "午后", "傍晚", "晚上", "晚间", "晚"}
_NIGHT = {"夜间", "夜里", "深夜", "半夜", "午夜", "夜"}
_NOON = {"中午", "正午", "午间", "晌午"}
_SPANS = {
    "凌晨": (0, 6),
    "清晨": (5, 8),
    "早晨": (5, 9),
    "早上": (5, 9),
    "早间": (5, 9),
    "早": (5, 9),
    "晨": (0, 9),
}
_SPANS |= {
    "上午": (6, 12),
    "中午": (11, 14),
    "正午": (11, 13),
    "午间": (11, 14),
    "晌午": (11, 14),
    "午后": (12, 18),
    "下午": (12, 18),
}
_SPANS |= {"傍晚": (17, 20), "晚上": (18, 24), "晚间": (18, 24), "晚": (18, 24)}


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in the text. `at` is None when only a day or a part of it was said: see `earliest`, `latest`."""

    start: int
    end: int
    at: datetime | None
    about: bool
    earliest: datetime
    latest: datetime
    ambiguous: bool = False
    says_day: bool = True


def base_of(text: str, sent_at: datetime) -> datetime:
    """What "today" is in a text: the day of its dateline (石城11月8日电), else of sending."""
    sent = sent_at.astimezone(BEIJING)
    found = _DATELINE.search(text[:400])
    if found is None:
        return sent
    day = _latest_day(sent, int(found["m"]), int(found["d"]), int(found["y"]) if found["y"] else None)
    if day is None or day.date() == sent.date():
        return sent
    return day.replace(hour=23, minute=59)


def moments(text: str, sent_at: datetime) -> list[Moment]:
    """Every time in a folded text, in order."""
    base = base_of(text, sent_at)
    found: list[Moment] = []
    day: datetime | None = None  # the day last named
    for match in MOMENT.finditer(text):
        if len(found) >= _MOST:
            break
        if match["date"] is None and match["clock"] is None:
            continue
        named = _day(match, base, day) if match["date"] else None
        if match["date"] and named is None:
            continue
        if named is not None:
            day = named
        if (moment := _moment(match, base, named, day)) is not None:
            found.append(moment)
            if moment.at is not None and match["clock"]:
                day = moment.at.replace(hour=0, minute=0)
    found += [ago for match in _AGO.finditer(text) if (ago := _ago(match, base))]
    return sorted(found, key=lambda one: one.start)


def _number(text: str) -> int:
    return int(parse(text) or 0)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _latest_day(base: datetime, month: int, day: int, year: int | None = None) -> datetime | None:
    """That day of the year, or of the latest year in which it is not in the future."""
    try:
        if year is not None:
            return _midnight(base).replace(year=year, month=month, day=day)
        found = _midnight(base).replace(month=month, day=day)
        return found if found <= base + timedelta(days=60) else found.replace(year=found.year - 1)
    except ValueError:
        return None


def _day(match: re.Match[str], base: datetime, last: datetime | None) -> datetime | None:
    today = _midnight(base)
    if match["y"]:
        return _latest_day(base, int(match["ym"]), int(match["yd"]), int(match["y"]))
    if match["m"]:
        return _latest_day(base, _number(match["m"]), _number(match["md"]))
    if match["sm"]:
        return _latest_day(base, int(match["sm"]), int(match["sd"]))
    if match["d"]:
        return _day_of_month(int(match["d"]), last or today, base)
    if word := match["rel"]:
        if word[0] == "当" or word == "同日":
            return last or today
        if word == "次日":
            return (last or today) + timedelta(days=1)
        return today + timedelta(days={"大": -3, "前": -2, "昨": -1, "今": 0, "明": 1}[word[0]])
    weekday = "一二三四五六日".index(match["wd"].replace("天", "日"))
    back = today.weekday() - weekday
    if match["week"] == "上":
        back += 7
    elif back < 0:
        back += 7
    return today - timedelta(days=back)


def _day_of_month(day: int, near: datetime, base: datetime) -> datetime | None:
    """The 12th: of the month that the text speaks of, else the latest one."""
    for month_back in range(3):
        first = near.replace(day=1)
        for _ in range(month_back):
            first = (first - timedelta(days=1)).replace(day=1)
        try:
            found = first.replace(day=day)
        except ValueError:
            continue
        if found <= base:
            return found
    return None


def _moment(
    match: re.Match[str], base: datetime, named: datetime | None, last: datetime | None
) -> Moment | None:
    about = bool(match["before"] or match["before2"] or match["about"])
    if match["clock"] is None:
        return _part_of_day(match, named) if named is not None else None
    hour = _number(match["h"])
    minute, stated = _minute(match)
    if hour > 24 or minute > 59 or (match["colon"] and hour > 23):
        return None
    period = match["period"] or ""
    ambiguous = False
    if named is None and not period and match["mark"] == "点" and hour <= 12:
        at = _nearest_past(base, last, hour, minute)
        ambiguous = not stated
    else:
        day = named or _day_for_clock(base, last, *_hour_of(hour, period), minute)
        hour24, more = _hour_of(hour, period)
        if period in _NIGHT | {"晚上", "晚"} and 0 < hour < 5:  # 昨夜2点: the morning after, if that has been
            after = _midnight(day) + timedelta(days=1)
            hour24, more = hour, int(after + timedelta(hours=hour) <= base)
        if named is not None and not period and match["mark"] == "点" and hour <= 12 and match["rel"]:
            later = _midnight(day) + timedelta(hours=hour + 12, minutes=minute)
            ambiguous = hour < 12 and later <= base
        at = _midnight(day) + timedelta(days=more, hours=hour24, minutes=minute)
        if at > base + timedelta(minutes=2) and last is day and match["rel"] and match["rel"][0] == "当":
            at -= timedelta(days=1)  # 当晚, where no day was named before
    precise = stated and not about
    start = match.start()
    while match.string[start : start + 1] in (" ", ","):
        start += 1
    return Moment(start, match.end(), at, not precise, at, at, ambiguous, match["date"] is not None)


def _minute(match: re.Match[str]) -> tuple[int, bool]:
    """The minute, and whether it was said."""
    if match["colon"]:
        return int(match["cm"]), True
    if match["half"]:
        return 30, True
    if match["quarter"]:
        return (15 if match["quarter"] == "一" else 45), True
    if match["whole"]:
        return 0, True
    if match["min"]:
        return _number(match["min"]), True
    return 0, False


def _hour_of(hour: int, period: str) -> tuple[int, int]:
    """The hour of 24 and how many days it carries over, by the part of the day that was named."""
    if period in _NOON:
        return (hour + 12 if 1 <= hour <= 3 else hour), 0
    if period in _LATE | _NIGHT and 5 <= hour < 12:
        return hour + 12, 0
    if period in _LATE and 1 <= hour < 5:
        return hour + 12, 0
    if period in _LATE | _NIGHT and hour == 12:
        return (12, 0) if period in ("下午", "午后") else (0, 1)
    if period in _EARLY and hour == 12 and period != "上午":
        return 0, 0
    return (0, 1) if hour == 24 else (hour, 0)


def _day_for_clock(base: datetime, last: datetime | None, hour: int, more: int, minute: int) -> datetime:
    """The day of a clock without one: the day last named, else the latest on which it is past."""
    if last is not None:
        return last
    today = _midnight(base) + timedelta(hours=hour, days=more, minutes=minute)
    return _midnight(base) - timedelta(days=int(today > base + timedelta(minutes=2)))


def _nearest_past(base: datetime, last: datetime | None, hour: int, minute: int) -> datetime:
    """3点 without more: the later of 3 and 15 o'clock that is not in the future."""
    day = last or _midnight(base)
    both = [_midnight(day) + timedelta(hours=hour % 12 + half, minutes=minute) for half in (12, 0)]
    if hour == 12:
        both = [both[0]]
    past = [one for one in both if one <= base + timedelta(minutes=2)]
    if past:
        return past[0]
    return both[0] - timedelta(days=1) if last is None else both[-1]


def _part_of_day(match: re.Match[str], day: datetime) -> Moment:
    """A day, or a part of one: no instant, but between when and when."""
    first, past = _SPANS.get(match["period"] or "", (0, 24))
    if match["period"] in _NIGHT:
        first, past = 18, 30
    earliest, latest = _midnight(day) + timedelta(hours=first), _midnight(day) + timedelta(hours=past)
    end = match.end("period") if match["period"] else match.end("date")
    return Moment(match.start(), end, None, True, earliest, latest)


def _ago(match: re.Match[str], base: datetime) -> Moment | None:
    if match["n"] is None:
        at = base.replace(second=0, microsecond=0)
        return Moment(match.start(), match.end(), at, True, at, at, ambiguous=True)
    minutes = 0.5 if match["n"] == "半" else parse(match["n"])
    if minutes is None:
        return None
    if match["half"]:
        minutes += 0.5
    if match["unit"] != "分钟":
        minutes *= 60
    at = (base - timedelta(minutes=minutes)).replace(second=0, microsecond=0)
    return Moment(match.start(), match.end(), at, True, at, at)
