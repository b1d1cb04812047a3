"""Finding a place by a few keys: Chinese, pinyin, initials, or a mixture, of any part of its name. Pure.

`石门`, `shimen`, `smz`, `llsm`, `ll smz` and `卢龙shimen` all find 卢龙县 石门镇. The table is built once,
when the tree is loaded; a query looks only at the places that hold its first character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from server.domain.units import Rank, Unit, UnitTree

#: Readings that differ from the dictionary's, by local use or because the character has several. Two readings
#: with `|`: both are found, the first is the one shown.
READINGS: dict[str, str] = {
    "秦皇岛": "qin huang dao",
    "蛤泊": "ge|ha bo|po",
    "马圈子": "ma juan|quan zi",
    "都阳": "du|dou yang",
}
#: Endings that people leave out: 石门 for 石门镇.
_ENDING = re.compile(r"(满族自治县|管理处|街道|[省市县区镇乡])$")
_SEPARATORS = re.compile(r"[\s,，、;；/·.。\-_()()]+")
_MAX_QUERY = 60


class Place(NamedTuple):
    """A found place. `name` names the county as well: 卢龙县 石门镇."""

    unit: str
    name: str
    name_en: str


class _Hit(NamedTuple):
    """How well a query fits a place; smaller is better."""

    miss: int  # 0: from the beginning of the own name, 1: from its middle, 2: only the unit above was named
    skipped: int  # characters passed over inside a part
    loose: int  # how little was given of each character: initials are looser than syllables
    left: int  # characters of the own name that were not given


_Memo = dict[tuple[int, int, int, int], "_Hit | None"]
#: Characters of one part that must be given before the query may go on with the next: `llsm`, not `lsm`.
_BEFORE_A_JUMP = 2


@dataclass(frozen=True, slots=True)
class _Entry:
    """A place as characters: its county's name and its own."""

    unit: Unit
    place: Place
    chars: str
    readings: tuple[tuple[str, ...], ...]
    begins: tuple[int, ...]  # where a name begins; a query may jump from inside one name to the next
    own: int  # where the own name begins

    def hit(self, word: str, starts: list[int]) -> _Hit | None:
        """The best way to read `word` as this place, beginning at one of `starts`."""
        memo: _Memo = {}
        hits = []
        for start in starts:
            # Nobody starts inside the county's name, nor with a single letter inside the own one.
            inside = start not in self.begins
            if inside and (start < self.own or (len(word) == 1 and word.isascii())):
                continue
            if found := self._read(word, 0, start, -1, 0, memo):
                hits.append(found)
        return min(hits, default=None)

    def _read(self, word: str, i: int, j: int, first: int, run: int, memo: _Memo) -> _Hit | None:
        """Read `word[i:]` from character `j` on. `first`: the first character of the own name that was read
        so far; `run`: how many were read since the last jump."""
        if i == len(word):
            left = len(self.chars) - max(j, self.own)
            return _Hit(2 if first < 0 else int(first not in self.begins), 0, 0, left)
        if j >= len(self.chars):
            return None
        state = (i, j, first, min(run, _BEFORE_A_JUMP))
        if state not in memo:
            memo[state] = None
            memo[state] = min(self._ways(word, i, j, first, run, memo), default=None)
        return memo[state]

    def _ways(self, word: str, i: int, j: int, first: int, run: int, memo: _Memo) -> Iterator[_Hit]:
        now_first = j if first < 0 and j >= self.own else first
        for taken, loose in _eaten(word, i, self.chars[j], self.readings[j]):
            if rest := self._read(word, i + taken, j + 1, now_first, run + 1, memo):
                yield rest._replace(loose=rest.loose + loose)
        if run >= _BEFORE_A_JUMP:
            for begin in self.begins:
                if begin > j and (rest := self._read(word, i, begin, first, 0, memo)):
                    yield rest
        if first >= 0 and not word[i].isascii() and (ahead := self.chars.find(word[i], j + 1)) > 0:
            if rest := self._read(word, i, ahead, first, run, memo):
                yield rest._replace(skipped=rest.skipped + ahead - j)


def _eaten(word: str, i: int, char: str, readings: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """The ways in which `word[i:]` can begin with this character: (length, looseness)."""
    if word[i] == char:
        yield 1, 0
        return
    remaining = len(word) - i
    for reading in readings:
        if word.startswith(reading, i):
            yield len(reading), 0
        if word[i] != reading[0]:
            continue
        if 1 < remaining < len(reading) and reading.startswith(word[i:]):
            yield remaining, 1
        yield 1, 2
        if reading[:2] in ("zh", "ch", "sh") and word.startswith(reading[:2], i):
            yield 2, 2


def spell(name: str) -> str:
    """The pinyin of a name, one syllable a character, by the dictionary and `READINGS`."""
    from pypinyin import lazy_pinyin  # a large table, needed only for names without a pinyin column

    syllables = [lazy_pinyin(char)[0].lower() if _is_chinese(char) else char.lower() for char in name]
    for match in re.finditer(r"[㐀-鿿]+", name):
        syllables[match.start() : match.end()] = lazy_pinyin(match[0])
    for characters, reading in READINGS.items():
        for match in re.finditer(characters, name):
            syllables[match.start() : match.end()] = reading.split()
    return " ".join(syllables)


def initials_of(pinyin: str) -> str:
    """First letters of the first readings: `hai gang qu` gives `hgq`."""
    return "".join(syllable[0] for syllable in pinyin.split())


def _is_chinese(text: str) -> bool:
    return any("㐀" <= char <= "鿿" for char in text)


def _words(text: str) -> list[str]:
    """The query's words: full width to half, tones and apostrophes off, lower case."""
    plain = unicodedata.normalize("NFKC", text[: 2 * _MAX_QUERY]).lower().replace("ü", "v")
    bare = "".join(c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c))
    return [word for word in _SEPARATORS.split(re.sub(r"['’`]", "", bare)[:_MAX_QUERY]) if word]


class Gazetteer:
    """All places of a tree, ready to be searched."""

    def __init__(self, tree: UnitTree) -> None:
        root = next(unit for unit in tree if unit.code == tree.root)
        self._entries = [_entry(tree, root, unit) for unit in tree]
        self._city = _city_prefixes(root)
        self._starts: dict[str, dict[int, list[int]]] = {}
        for number, entry in enumerate(self._entries):
            for position, char in enumerate(entry.chars):
                for key in {char, *(reading[0] for reading in entry.readings[position])}:
                    self._starts.setdefault(key, {}).setdefault(number, []).append(position)

    def find(self, text: str, limit: int = 8, *, departments: bool = False) -> list[Place]:
        """The places that `text` may mean, the likeliest first; departments only when asked for."""
        words = self._without_city(_words(text))
        if not words:
            return []
        found: dict[int, _Hit] = {}
        for number in self._starts.get(words[0][0], {}):
            if hit := self._fit(number, words):
                found[number] = hit
        for number, entry in enumerate(self._entries):
            if _is_code(entry.unit, words):
                found[number] = _Hit(-1, 0, 0, 0)
        if not found and _is_chinese(text):
            found = self._named_in("".join(words))
        wanted = [
            number
            for number in sorted(found, key=lambda one: (found[one], one))
            if departments or self._entries[number].unit.rank is not Rank.DEPARTMENT
        ]
        return [self._entries[number].place for number in wanted[:limit]]

    def _without_city(self, words: list[str]) -> list[str]:
        """The words without the city's name before them, unless that is all there is."""
        if not words:
            return words
        for prefix in self._city:
            if words[0].startswith(prefix) and (words[0] != prefix or len(words) > 1):
                rest = words[0].removeprefix(prefix)
                return [rest, *words[1:]] if rest else words[1:]
        return words

    def _fit(self, number: int, words: list[str]) -> _Hit | None:
        """Every word must fit somewhere; together they are as good as the best and as loose as all."""
        entry = self._entries[number]
        hits = []
        for word in words:
            hit = entry.hit(word, self._starts.get(word[0], {}).get(number, []))
            if hit is None:
                return None
            hits.append(hit)
        miss = min(hit.miss for hit in hits)
        return _Hit(miss, *(sum(hit[part] for hit in hits) for part in (1, 2, 3)))

    def _named_in(self, address: str) -> dict[int, _Hit]:
        """The units named inside a whole address (卢龙县石门镇西街村3号), the lowest first."""
        counties = {
            entry.unit.code
            for entry in self._entries
            if entry.unit.rank is Rank.COUNTY and _stem(entry.unit.name) in address
        }
        found = {}
        for number, entry in enumerate(self._entries):
            unit, stem = entry.unit, _stem(entry.unit.name)
            if unit.rank is Rank.DEPARTMENT or len(stem) < 2 or stem not in address:
                continue
            if unit.rank is Rank.TOWNSHIP:
                if counties and unit.parent not in counties:
                    continue
                if unit.name not in address and entry.chars.startswith(stem):  # 卢龙镇 because of 卢龙县
                    continue
            depth = {Rank.TOWNSHIP: 0, Rank.COUNTY: 1}.get(unit.rank, 2)
            found[number] = _Hit(depth, int(unit.name not in address), 0, -len(stem))
        return found


def _stem(name: str) -> str:
    """A name without the ending that people leave out."""
    return _ENDING.sub("", name)


def _city_prefixes(root: Unit) -> list[str]:
    """The ways to write the city before a place, the longest first."""
    syllables = [syllable.split("|")[0] for syllable in (root.pinyin or spell(root.name)).split()]
    short = len(_stem(root.name))
    spelled = ["".join(syllables), "".join(syllables[:short]), "".join(one[0] for one in syllables[:short])]
    return [root.name, _stem(root.name), *spelled]


def _is_code(unit: Unit, words: list[str]) -> bool:
    """Whether the query is the unit's abbreviation, or its code from the beginning (at least 6 digits)."""
    word = "-".join(words)
    return word == unit.abbr.lower() or (len(word) >= 6 and unit.code.startswith(word))


def _entry(tree: UnitTree, root: Unit, unit: Unit) -> _Entry:
    """The unit with its county's name before its own, as characters."""
    above = tree.get(unit.parent) if unit.parent and unit.rank is Rank.TOWNSHIP else None
    line = [above, unit] if above else [unit]
    begins: list[int] = []
    chars = ""
    readings: list[tuple[str, ...]] = []
    for one in line:
        begins.append(len(chars))
        for city in (root.name, _stem(root.name)):  # 气象局 finds 秦皇岛市气象局
            if city in one.name and not one.name.endswith(city):
                begins.append(len(chars) + one.name.index(city) + len(city))
                break
        chars += one.name
        readings += [tuple(syllable.split("|")) for syllable in (one.pinyin or spell(one.name)).split()]
    place = Place(
        unit.code,
        " ".join(one.name for one in line),
        ", ".join(one.name_en for one in reversed(line)),
    )
    own = len(chars) - len(unit.name)
    return _Entry(unit, place, chars.lower(), tuple(readings), tuple(begins), own)
