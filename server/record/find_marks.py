"""Which entries carry the tags of what is looked for: the index, read block by block from the newest on.

Each block that may have it is read once for all kinds that still want something; the rows of many blocks in
one statement, because each is a way to the database and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, select

from server.domain.finding import Query
from server.record.catalogue import descending, drill_tag, unpacked
from server.record.find_index import BLOCK, HAS_NEIGHBOURS, kind_tag, shelf_of, stream_tag, term_tags
from server.record.find_sums import Sums, is_summed
from server.record.find_tables import FIND_MARK

#: So many blocks are read first, then twice as many each time: what is often said is found in the newest.
FIRST_BLOCKS, MOST_BLOCKS = 4, 32
#: Tags that one term is narrowed down by; each costs a row of every block.
MOST_TAGS = 6

#: Of a block the rows by their tags.
Rows = Mapping[str, bytes]


class Sought(Protocol):
    """What is looked for, as far as the index knows it."""

    @property
    def query(self) -> Query: ...
    @property
    def streams(self) -> tuple[str, ...]: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def drill(self) -> bool | None: ...


class Marked:
    """Candidates of one search by kind, the newest first: entries from `highest` down to `lowest`."""

    def __init__(self, connection: Connection, sought: Sought, highest: int, lowest: int) -> None:
        self._connection = connection
        self._highest, self._lowest = highest, lowest
        self._own = tuple(map(stream_tag, sought.streams))
        self._narrowed: list[tuple[str, ...]] = []
        if sought.unit is not None:
            self._narrowed.append((stream_tag(sought.unit), stream_tag(f"{sought.unit}:r")))
        self._drill = sought.drill
        self._sums = Sums(connection) if is_summed(connection) else None
        if sought.drill is not None:
            self._narrowed.append((drill_tag(sought.drill),))
        self._query = sought.query
        self._block = highest // BLOCK
        self._span = FIRST_BLOCKS
        self._waiting: dict[str, Iterator[int]] = {}

    def next(self, kinds: Sequence[str], most: int) -> dict[str, list[int]]:
        """The next candidates of each of these kinds, at most so many; nothing when there are none any more.

        A kind that wants nothing any more is not to come back: its older blocks were not read.
        """
        while True:
            found = {kind: list(islice(self._waiting.get(kind, iter(())), most)) for kind in kinds}
            if any(found.values()):
                return {kind: places for kind, places in found.items() if places}
            if self._block < max(0, self._lowest // BLOCK) or self._highest < self._lowest:
                return {}
            self._read(kinds)

    def _read(self, kinds: Sequence[str]) -> None:
        """The next blocks; only when nothing of those before is left."""
        options = {
            shelf: [
                [tag for term in terms for tag in term_tags(shelf, term, max(2, MOST_TAGS // len(terms)))]
                for terms in self._query.options
            ]
            for shelf in dict.fromkeys(map(shelf_of, kinds))
        }
        blocks = self._next_blocks(kinds, options)
        sight = self._marks(self._own, blocks)
        own = {block: _either(sight[block], self._own) for block in blocks if block in sight}
        # Of blocks in which the asker has nothing, nothing more is read.
        mine = [block for block in blocks if own.get(block)]
        tags = {
            *(kind_tag(kind) for kind in kinds if shelf_of(kind) == HAS_NEIGHBOURS),
            *(tag for group in self._narrowed for tag in group),
            *(tag for of_shelf in options.values() for option in of_shelf for tag in option),
        }
        marks = self._marks(sorted(tags), mine)
        members = {block: self._in_sight(block, own[block], marks.get(block, {})) for block in mine}
        said = {
            (shelf, block): _any_of(marks.get(block, {}), of_shelf, members[block])
            for shelf, of_shelf in options.items()
            for block in mine
        }
        for kind in kinds:
            self._waiting[kind] = _places(kind, mine, said, marks)

    def _next_blocks(self, kinds: Sequence[str], options: Mapping[str, Sequence[Sequence[str]]]) -> list[int]:
        """So many blocks from where the search stands on downwards: those that can have what is sought."""
        lowest = max(0, self._lowest // BLOCK)
        if self._sums is None:
            blocks = list(range(self._block, max(lowest, self._block - self._span + 1) - 1, -1))
        else:
            likely = self._likely(self._sums, kinds, options) & ((2 << self._block) - 1)
            blocks = list(islice(descending(likely >> lowest << lowest), self._span))
        self._block = blocks[-1] - 1 if len(blocks) == self._span else lowest - 1
        self._span = min(2 * self._span, MOST_BLOCKS)
        return blocks

    def _likely(
        self, sums: Sums, kinds: Sequence[str], options: Mapping[str, Sequence[Sequence[str]]]
    ) -> int:
        tags = {tag for of_shelf in options.values() for option in of_shelf for tag in option}
        sums.read([*tags, *map(kind_tag, kinds), *map(drill_tag, (False, True))])
        likely = 0
        for shelf, of_shelf in options.items():
            said = 0
            for option in of_shelf:
                said |= sums.with_all(option)
            if shelf == HAS_NEIGHBOURS:
                said &= sums.with_any(kind_tag(kind) for kind in kinds if shelf_of(kind) == shelf)
            likely |= said
        if self._drill is not None:
            likely &= sums.with_all([drill_tag(self._drill)])
        return likely

    def _in_sight(self, block: int, members: int, here: Rows) -> int:
        if block == self._highest // BLOCK:
            members &= (2 << self._highest % BLOCK) - 1
        if block == self._lowest // BLOCK:
            members = members >> self._lowest % BLOCK << self._lowest % BLOCK
        for group in self._narrowed:
            members &= _either(here, group)
        return members

    def _marks(self, tags: Sequence[str], blocks: Sequence[int]) -> dict[int, dict[str, bytes]]:
        found: dict[int, dict[str, bytes]] = {}
        if not blocks:
            return found
        query = select(FIND_MARK.c.block, FIND_MARK.c.tag, FIND_MARK.c.members)
        query = query.where(FIND_MARK.c.tag.in_(tags), _among(blocks))
        for block, tag, members in self._connection.execute(query):
            found.setdefault(block, {})[tag] = members
        return found


def _among(blocks: Sequence[int]) -> ColumnElement[bool]:
    """Falling numbers. Of blocks in a row the first and last: a list of them makes PostgreSQL read a tag's
    rows of all blocks, to throw most of them away."""
    if blocks[0] - blocks[-1] == len(blocks) - 1:
        return FIND_MARK.c.block.between(blocks[-1], blocks[0])
    return FIND_MARK.c.block.in_(blocks)


def _places(
    kind: str, blocks: Iterable[int], said: Mapping[tuple[str, int], int], marks: Mapping[int, Rows]
) -> Iterator[int]:
    """Entries that say something of this kind and carry the tags, the highest first."""
    shelf = shelf_of(kind)
    for block in blocks:
        members = said[shelf, block]
        if members and shelf == HAS_NEIGHBOURS:
            members &= _either(marks[block], (kind_tag(kind),))
        for place in descending(members):
            yield block * BLOCK + place


def _either(here: Rows, tags: Iterable[str]) -> int:
    members = 0
    for tag in tags:
        if tag in here:
            members |= unpacked(here[tag])
    return members


def _any_of(here: Rows, options: Iterable[Sequence[str]], members: int) -> int:
    said = 0
    for option in options:
        said |= _all(here, option, members)
    return said


def _all(here: Rows, tags: Sequence[str], members: int) -> int:
    """The shortest first: mostly nothing is left before the long ones are unpacked."""
    if any(tag not in here for tag in tags):
        return 0
    for tag in sorted(tags, key=lambda one: len(here[one])):
        if not members:
            break
        members &= unpacked(here[tag])
    return members
