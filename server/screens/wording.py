"""How the screens say times, spans, units and terms, in Chinese and English. Pure but for its texts.

Times as people say them: 14:05 today, 昨 23:10, 11-20 08:00; the whole instant stands in the title. Spans as
a clock would: 剩 12:34, 已超 03:10. `web/static/clock.js` says the same in the browser, second by second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

from schemas.fields import parse_instant
from schemas.kinds import FINER_KINDS
from server.domain.units import Rank, UnitTree
from server.people.accounts import Language
from server.screens.texts import Texts

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
HOUR, DAY = 3600, 86400
#: When a clock changes its sign, in seconds left (screens.md): amber, red; it is grey above half an hour.
CALM, AMBER, RED = 30 * 60, 15 * 60, 5 * 60

_ENDING = re.compile(r"(满族自治县|街道办事处|街道|管理处|[市县镇乡]|(?<!开发)(?<!新)区)$")
_ENDING_EN = re.compile(r" (Manchu Autonomous County|County|District|Subdistrict|Town|Township)$")


class Countdown(NamedTuple):
    """A clock as shown: the word, the digits, and the sign as the end of a class name."""

    word: str
    digits: str
    sign: str


def instant(text: str | datetime | None) -> datetime | None:
    """The moment a wire text names; moments come back as they are."""
    return text if text is None or isinstance(text, datetime) else parse_instant(text)


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's way to say things."""

    lang: Language
    texts: Texts
    tree: UnitTree

    def say(self, slug: str, /, **values: object) -> str:
        return self.texts.say(self.lang, slug, **values)

    def term(self, group: str, value: str | None) -> str:
        """The word for a slug of a group (`term("level", "major")`); an unknown slug speaks for itself."""
        if value is None:
            return self.say("unknown")
        return self.texts.of[self.lang].get(f"{group}.{value}", value)

    def category(self, slug: str | None) -> str:
        """A finer kind is shown behind its category: 危险化学品 / 泄漏. One that has no name here is another
        program's own, and speaks for itself."""
        if slug is None:
            return self.say("category.none")
        kind, _, finer = slug.partition("/")
        return self.term("category", kind) + (f" / {self.finer_kind(slug)}" if finer else "")

    def finer_kind(self, slug: str) -> str:
        """The name of `hazmat/leak` alone: 泄漏."""
        known = FINER_KINDS.get(slug)
        if known is None:
            return slug.partition("/")[2].replace("_", " ").strip() or slug
        return known.name_en if self.lang == "en" else known.name

    # --- units ------------------------------------------------------------------------------------------

    def unit(self, code: str) -> str:
        return self.tree.name_of(code, self.lang)

    def short(self, code: str) -> str:
        """As people call it: 省厅, 卢龙, 海港; a township without its county."""
        named = self.texts.of[self.lang].get(f"actor.{code}")
        if named is not None:
            return named
        unit = self.tree.get(code)
        if unit is None:
            return self.tree.name_of(code, self.lang)
        if code == self.tree.root:
            return self.say("actor.CTY_EMB")
        if self.lang == "en":
            return _ENDING_EN.sub("", self._without_city(unit.name_en))
        name = self._without_city(unit.name)
        if unit.rank is Rank.DEPARTMENT or len(name) < 3:
            return name
        return _ENDING.sub("", name)

    def _without_city(self, name: str) -> str:
        """秦皇岛市经济技术开发区 without the city, whose desk this is."""
        city = self.unit(self.tree.root)
        return name.removeprefix(city).strip() or name

    def place(self, place: dict[str, Any]) -> tuple[str, str]:
        """The unit of a place and its text as it was said; no unit when the text already begins with it."""
        text = place.get("text") or ""
        county = self.tree.county_of(place["unit"]) or place["unit"]
        said_already = text.startswith((self.unit(county), self.short(county)))
        return "" if said_already else self.place_unit(place["unit"]), text

    def place_unit(self, code: str) -> str:
        county = self.tree.county_of(code)
        units = [unit for one in (county, code) if one is not None and (unit := self.tree.get(one))]
        parts = [unit.name_en if self.lang == "en" else self._without_city(unit.name) for unit in units]
        if len(parts) == 2 and parts[0] == parts[1]:
            parts.pop()
        return " ".join(parts) if self.lang == "zh" else ", ".join(reversed(parts))

    # --- times ------------------------------------------------------------------------------------------

    def moment(self, said: str | datetime | None, now: datetime) -> str:
        """14:05, 昨 23:10, 11-20 08:00, 2025-11-20 08:00; a dash for never."""
        at = instant(said)
        if at is None:
            return "—"
        local, today = at.astimezone(BEIJING), now.astimezone(BEIJING).date()
        clock = local.strftime("%H:%M")
        days = (today - local.date()).days
        if days == 0:
            return clock
        if days in (1, -1):
            return self.say("time.yesterday" if days == 1 else "time.tomorrow", clock=clock)
        return local.strftime("%m-%d %H:%M" if local.year == today.year else "%Y-%m-%d %H:%M")

    def exact(self, said: str | datetime | None) -> str:
        """The whole instant in Beijing time, as on hover and in print."""
        at = instant(said)
        return "" if at is None else at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S") + " UTC+8"

    def clock(self, said: str | datetime | None) -> str:
        at = instant(said)
        return "—" if at is None else at.astimezone(BEIJING).strftime("%H:%M:%S")

    def span(self, seconds: float) -> str:
        """12:34 below an hour, 3时05分 below a day, then days."""
        whole = max(0, int(seconds))
        if whole < HOUR:
            return f"{whole // 60:02d}:{whole % 60:02d}"
        if whole < DAY:
            return self.say("time.hours", hours=whole // HOUR, minutes=f"{whole % HOUR // 60:02d}")
        return self.say("time.days", days=whole // DAY)

    def countdown(self, due: str | datetime | None, now: datetime) -> Countdown:
        """What stands on a running clock. Without a deadline the law says "at once" (立即)."""
        at = instant(due)
        return self.countdowns([None if at is None else at.timestamp()], now)[0]

    def countdowns(self, dues: Iterable[float | None], now: datetime) -> list[Countdown]:
        """The same for many, each due at so many seconds since 1970: a board has a thousand."""
        since, over, left_word = now.timestamp(), self.say("js.over"), self.say("js.left")
        once = Countdown(self.say("js.at_once"), "", "once")
        long: dict[int, str] = {}  # spans of an hour and more, by their minutes
        made: list[Countdown] = []
        for due in dues:
            if due is None:
                made.append(once)
                continue
            left = round(due - since, 6)
            whole = int(abs(left))
            if whole < HOUR:
                digits = f"{whole // 60:02d}:{whole % 60:02d}"
            else:
                digits = long.get(whole // 60) or long.setdefault(whole // 60, self.span(whole))
            if left < 0:
                made.append(Countdown(over, digits, "past"))
            else:
                sign = (
                    "red" if left <= RED else "amber" if left <= AMBER else "near" if left <= CALM else "calm"
                )
                made.append(Countdown(left_word, digits, sign))
        return made

    def age(self, said: str | datetime | None, now: datetime) -> str:
        """How old a figure is: 3 分钟前, 2 小时前."""
        at = instant(said)
        if at is None:
            return ""
        minutes = max(0, int((now - at).total_seconds() // 60))
        if minutes < 60:
            return self.say("time.minutes_ago", minutes=minutes)
        if minutes < 48 * 60:
            return self.say("time.hours_ago", hours=minutes // 60)
        return self.say("time.days_ago", days=minutes // (24 * 60))


def beijing_day(now: datetime) -> str:
    return now.astimezone(BEIJING).strftime("%Y-%m-%d")


def utc_text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
