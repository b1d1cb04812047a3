"""How a few words find a text: of any width and case, by pinyin and initials, a phone in any form. Pure.

A text is *folded* before it is compared: width, case, accents and what nobody sees are gone. Beside what it
says itself it is found by what it is *spelled* as (卢龙 by `lulong` and `ll`) and by its digits without what
stands between them (138-1111 2222 by `13811112222`, and the other way round).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from server.domain.gazetteer import READINGS

LONGEST_QUERY = 200
MOST_TERMS = 8
MOST_SPANS = 20
#: So many digits, with something between them, may be a phone; a term of fewer means the text itself.
PHONE, FEWEST_DIGITS = 7, 3
LONGEST_SPELLED = 600

_SPREAD = re.compile(r"[0-9][0-9 \-\u2010-\u2015.()·+/]{5,40}[0-9]")
_ONLY_DIGITS = re.compile(r"[0-9+][0-9 \-\u2010-\u2015.()·+/]*")
_BETWEEN = re.compile(r"[^0-9]+")
_ABROAD = re.compile(r"(?:\+|00)?86(?=1[0-9]{10}$)")
_LATIN = re.compile(r"(?=.*[a-z])[a-z0-9]{2,}")
_CHINESE = re.compile(r"[㐀-䶿一-鿿]+")

Span = tuple[int, int]


class _Folding(dict[int, str]):
    """What a character comes to, worked out once; as many as a desk ever meets are remembered."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char in "üÜ":
            made = "v"
        elif unicodedata.category(char) == "Cf":
            made = ""
        else:
            plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
            made = "".join(one for one in plain if not unicodedata.combining(one))
        if len(self) < 50_000:
            self[code] = made
        return made


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Full width as half, capitals as small, no accents, nothing that nobody sees."""
    return text.translate(_FOLDING)


def _traced(text: str) -> tuple[str, list[int]]:
    """The same, and of each character where it came from."""
    folded, origin = [], []
    for place, char in enumerate(text):
        made = _FOLDING[ord(char)]
        folded.append(made)
        origin += [place] * len(made)
    return "".join(folded), origin


# ---------------------------------------------------------------- what a text is spelled as


def _unread(characters: str) -> Any:
    """What the dictionary does not have: one place for each."""
    return ["?"] * len(characters)


@lru_cache(maxsize=8_192)
def syllables(text: str) -> tuple[str, ...]:
    """One for each character of a folded text: the pinyin, the letter or digit itself, or nothing."""
    from pypinyin import lazy_pinyin  # a large table: read by the first who asks for letters

    made = [char if char.isascii() and char.isalnum() else "" for char in text]
    for run in _CHINESE.finditer(text):
        said = lazy_pinyin(run[0], errors=_unread)
        if len(said) == len(run[0]):
            made[run.start() : run.end()] = ["" if one == "?" else one.replace("ü", "v") for one in said]
        for characters, reading in READINGS.items():
            for match in re.finditer(characters, run[0]):
                at = run.start() + match.start()
                made[at : at + len(characters)] = [one.split("|")[0] for one in reading.split()]
    return tuple(made)


def _initials(said: tuple[str, ...]) -> tuple[str, list[int]]:
    kept = [(one[0], place) for place, one in enumerate(said) if one]
    return "".join(letter for letter, _ in kept), [place for _, place in kept]


def _letters(said: tuple[str, ...]) -> tuple[str, list[int]]:
    return "".join(said), [place for place, one in enumerate(said) for _ in one]


def searched(text: str, *, spelled: bool = False) -> str:
    """Everything that a text is found by, one below the other."""
    folded = fold(text)
    lines = [folded, *(_BETWEEN.sub("", one[0]) for one in _phones(folded))]
    if spelled and _CHINESE.search(folded[:LONGEST_SPELLED]):
        said = syllables(folded[:LONGEST_SPELLED])
        lines += [_initials(said)[0], _letters(said)[0]]
    return "\n".join(lines)


def _phones(folded: str) -> Iterator[re.Match[str]]:
    for found in _SPREAD.finditer(folded):
        digits = _BETWEEN.sub("", found[0])
        if PHONE <= len(digits) < len(found[0]):
            yield found


# ---------------------------------------------------------------- what is asked for


@dataclass(frozen=True)
class Query:
    """What somebody typed. A text is found when it has every term of one of the `options`."""

    text: str
    options: tuple[tuple[str, ...], ...]

    def spans(self, text: str, *, spelled: bool = False, also: str = "") -> list[Span] | None:
        """Where the text says it, as places in the text; None when it does not. `also`: said unseen."""
        view = _View(text, spelled, also)
        for terms in self.options:
            found = [view.find(term) for term in terms]
            if all(one is not None for one in found):
                return _joined([span for one in found for span in one or ()])
        return None


def read_query(typed: str) -> Query | None:
    """None when nothing is asked for."""
    text = " ".join(typed.replace("\x00", "").split())[:LONGEST_QUERY].strip()
    terms = tuple(dict.fromkeys(fold(text).split()))[:MOST_TERMS]
    if not terms:
        return None
    options = [terms]
    whole = fold(text)
    if _ONLY_DIGITS.fullmatch(whole):
        digits = _BETWEEN.sub("", _ABROAD.sub("", re.sub(r"[ \-()]", "", whole)))
        if len(digits) >= FEWEST_DIGITS and (digits,) != terms:
            options.append((digits,))
    return Query(text, tuple(options))


class _View:
    """A text, looked at in every way in which a term may stand in it."""

    def __init__(self, text: str, spelled: bool, also: str) -> None:
        self._text, self._spelled, self._also = text, spelled, also

    @cached_property
    def _folded(self) -> str:
        return fold(self._text)

    @cached_property
    def _origin(self) -> list[int]:
        return _traced(self._text)[1]

    def find(self, term: str) -> list[Span] | None:
        """Where it stands; None when nowhere, nothing when only in what is not seen."""
        found = [(at, at + len(term)) for at in _places(self._folded, term)]
        if not found and term.isdigit() and len(term) >= FEWEST_DIGITS:
            found = self._in_phones(term)
        if not found and self._spelled and _LATIN.fullmatch(term):
            found = self._in_letters(term)
        if found:
            return [(self._origin[first], self._origin[last - 1] + 1) for first, last in found]
        return [] if self._also and term in fold(self._also) else None

    def _in_phones(self, term: str) -> list[Span]:
        found = []
        for phone in _phones(self._folded):
            places = [phone.start() + at for at, char in enumerate(phone[0]) if "0" <= char <= "9"]
            at = _BETWEEN.sub("", phone[0]).find(term)
            if at >= 0:
                found.append((places[at], places[at + len(term) - 1] + 1))
        return found

    def _in_letters(self, term: str) -> list[Span]:
        if not _CHINESE.search(self._folded[:LONGEST_SPELLED]):
            return []
        said = syllables(self._folded[:LONGEST_SPELLED])
        letters, places = _initials(said)
        found = [(places[at], places[at + len(term) - 1] + 1) for at in _places(letters, term)]
        letters, places = _letters(said)
        for at in _places(letters, term):
            if at == 0 or places[at - 1] != places[at]:  # from the beginning of a syllable on
                found.append((places[at], places[at + len(term) - 1] + 1))
        return found


def _places(text: str, term: str) -> Iterator[int]:
    at, count = text.find(term), 0
    while at >= 0 and count < MOST_SPANS:
        yield at
        count += 1
        at = text.find(term, at + len(term))


def _joined(spans: list[Span]) -> list[Span]:
    """In their order, those that touch as one."""
    made: list[Span] = []
    for first, last in sorted(spans):
        if made and first <= made[-1][1]:
            made[-1] = (made[-1][0], max(last, made[-1][1]))
        else:
            made.append((first, last))
    return made


def cut_out(text: str, spans: list[Span], longest: int = 160) -> tuple[str, list[Span]]:
    """The piece of a text in which it was found, … where something was left out, and the places in it."""
    begin = 0
    if spans and spans[0][1] > longest * 2 // 3:
        begin = max(0, spans[0][0] - longest // 3)
    end = min(len(text), begin + longest)
    before, after = "…" if begin else "", "…" if end < len(text) else ""
    shift = len(before) - begin
    kept = [(first + shift, min(last, end) + shift) for first, last in spans if begin <= first < end]
    return before + text[begin:end] + after, kept
