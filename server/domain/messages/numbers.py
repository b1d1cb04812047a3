"""Numbers as people write them: 3, 1,284, 三, 两, 十余, 二十来, 近百, 上百, 数十. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"两": 2, "俩": 2, "仨": 3}
_UNITS = {"十": 10, "百": 100, "千": 1_000}
HAN = "零一二两三四五六七八九十百千万"
NUMBER = rf"(?:\d+(?:,\d{{3}})+|\d+(?:\.\d+)?万?|[{HAN}]+)"
#: Before a number: it is rounded (or a lower bound).
_ABOUT_BEFORE = r"(?:大约|大概|将近|接近|超过|不少于|不下|至少|约|近|超|逾|上(?=[百千万])|过(?=[百千万]))"
_ABOUT_AFTER = r"(?:余|多|来|几|好几)"
#: A number of people that is not said: several, some, tens of.
_VAGUE = (
    r"(?:好几|数[十百千万]|几[十百千万]|成[百千]上[百千]|若干|不少|许多|众多|大量|部分|一些|多|数|几"
    r"|[一二两三四五六七八九][一二三四五六七八九](?=[十个名人位])十?"
    r"|\d+(?:至|到|-|~|、)\d+|[一二两三四五六七八九十]+(?:至|到|、)[一二三四五六七八九十]+)"
)
AMOUNT = re.compile(
    rf"(?P<vague>{_VAGUE})|(?P<before>{_ABOUT_BEFORE})?(?P<number>{NUMBER})(?P<after>{_ABOUT_AFTER})?"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of something. `value` None: some, how many is not said. `about`: rounded."""

    value: int | None
    about: bool
    start: int
    end: int


def parse(text: str) -> float | None:
    """The value of a number in digits or Chinese characters; None when the characters make no number."""
    plain = text.replace(",", "")
    if plain.endswith("万") and plain[:1].isdigit():
        return float(plain[:-1]) * 10_000
    if plain[:1].isdigit():
        return float(plain)
    return _parse_han(plain)


def _parse_han(text: str) -> float | None:
    total, section, digit = 0, 0, None
    if len(text) > 1 and all(char in _DIGITS for char in text):
        return float("".join(str(_DIGITS[char]) for char in text)) if "零" in text else None
    for char in text:
        if char in _DIGITS:
            if digit:  # 两三: a range, not a number
                return None
            digit = _DIGITS[char]
        elif char in _UNITS:
            section += (1 if digit is None else digit) * _UNITS[char]
            digit = None
        elif char == "万":
            total += max(section + (digit or 0), 1) * 10_000
            section, digit = 0, None
        else:
            return None
    return float(total + section + (digit or 0))


def amount_at(match: re.Match[str]) -> Amount | None:
    """What a match of AMOUNT says; None when its characters make no whole number."""
    if match["vague"]:
        return Amount(None, True, match.start(), match.end())
    value = parse(match["number"])
    if value is None:
        return Amount(None, True, match.start(), match.end())
    if value != int(value):
        return None
    return Amount(int(value), bool(match["before"] or match["after"]), match.start(), match.end())
