"""The catalogue: by which words an incident is found, and how the finding is kept small. Pure.

Every incident that was opened has a place: 0, 1, 2 … in the order of lists (`opened_at`, then id). 4,096
places make a block. For each *tag* that an incident of a block carries, one row says which of the block's
places carry it. A list is then the intersection of a few such rows, read from the newest block on until the
page is full; whatever is found is read again from the incident's own row, so a tag may be true of too many,
never of too few.

Tags: the unit that may see it, its state, level, category, drill or not, the unit of its place and the county
in which that unit's code lies; and of its number, title and place every character, every pair of neighbours,
and of ASCII every three and four in a row (all pairs share 4,096 tags, as do all threes and fours: rare words
do not make the catalogue grow).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from struct import unpack
from typing import Any
from zlib import crc32

BLOCK = 4_096
#: Of letters and digits also so many in a row: any two digits stand in many numbers next to each other.
LONGER = (3, 4)
_PLAIN = re.compile(r"[!-~]{3,}")
#: So many tags of a text narrow the search enough; each costs a read per block.
MOST_OF_A_TEXT = 12
AREA = "a"


def words_of(row: Mapping[str, Any], units: Iterable[str]) -> str:
    """What an incident is found by, as text; `row` as `incident_row` makes it, `units` those that see it."""
    level = row["final_level"] or row["reporting_level"]
    kind, drill, seen_by = row["category"] or "", int(row["drill"]), ",".join(sorted(units))
    told = (row["state"], level, kind, row["unit"], drill, seen_by)
    return "|".join(map(str, told)) + "\n" + str(row["search"])


def tags_of(words: str) -> set[str]:
    told, _, text = words.partition("\n")
    state, level, category, unit, drill, units = told.split("|")
    tags = {state_tag(state == "open"), level_tag(int(level)), drill_tag(drill == "1"), place_tag(unit)}
    tags.add(area_tag(unit))
    tags.update(seen_tag(one) for one in units.split(",") if one)
    kinds = category.split("/") if category else []
    tags.update(category_tag("/".join(kinds[: length + 1])) for length in range(len(kinds)))
    tags.update(map("1".__add__, text))
    tags.update(map(pair_tag, text, text[1:]))
    for length in LONGER:
        tags.update(longer_tags(text, length))
    return tags


def text_tags(text: str) -> list[str]:
    """Tags that everything containing this text carries: pairs first, they say more."""
    tags = [tag for length in reversed(LONGER) for tag in longer_tags(text, length)]
    tags += [*map(pair_tag, text, text[1:]), *map("1".__add__, text)]
    return list(dict.fromkeys(tags))[:MOST_OF_A_TEXT]


def longer_tags(text: str, length: int) -> Iterator[str]:
    for plain in _PLAIN.findall(text):
        for start in range(len(plain) - length + 1):
            yield f"{length}{_hashed(plain[start : start + length])}"


@lru_cache(maxsize=65_536)
def _hashed(text: str) -> str:
    """One of 4,096 names."""
    return f"{crc32(text.encode()) & 0xFFF:03x}"


@lru_cache(maxsize=65_536)
def pair_tag(one: str, two: str) -> str:
    return "2" + _hashed(one + two)


def seen_tag(unit: str) -> str:
    return "v" + unit


def state_tag(is_open: bool) -> str:
    return "so" if is_open else "sc"


def level_tag(rank: int) -> str:
    return f"l{rank}"


def category_tag(category: str) -> str:
    return "c" + category


def drill_tag(drill: bool) -> str:
    return f"d{int(drill)}"


def place_tag(unit: str) -> str:
    return "p" + unit


def area_of(words: str) -> str:
    """The area's tag of an incident with these words."""
    return area_tag(words.split("|", 4)[3])


def area_tag(unit: str) -> str:
    """By six digits of a division code, so that no tree has to be asked: a county with its townships."""
    return AREA + unit[:6]


# ---------------------------------------------------------------- which places of a block carry a tag


def packed(members: int) -> bytes:
    """A block's places as bytes: as a list when they are few, else as a bitmap; whichever is shorter."""
    places = members.bit_count()
    if 2 * places < (members.bit_length() + 7) // 8:
        return b"l" + b"".join(place.to_bytes(2, "little") for place in reversed(list(descending(members))))
    return b"b" + members.to_bytes((members.bit_length() + 7) // 8, "little")


def unpacked(stored: bytes) -> int:
    if stored[:1] == b"l":
        return members_of(unpack(f"<{len(stored) // 2}H", stored[1:]))
    return int.from_bytes(stored[1:], "little")


def members_of(places: Collection[int]) -> int:
    """Places as one number: set in bytes, because a number grown bit by bit is copied for each."""
    bits = bytearray((max(places, default=-1) >> 3) + 1)
    for place in places:
        bits[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(bits, "little")


def descending(members: int) -> Iterator[int]:
    """The places, the highest first."""
    while members:
        place = members.bit_length() - 1
        yield place
        members ^= 1 << place
