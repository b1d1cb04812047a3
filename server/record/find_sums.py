"""Sums of the index: of each tag which blocks have it at all.

Without them a search for what was seldom or never said reads its tags' rows of every block there is, and at
five million entries that was most of its time. A sum is a row like the others, its block below 0: -1 tells
of blocks 0 to 4,095, -2 of the next. Tags of streams have none: being let into an incident marks its past, in
any block, and a search reads what its asker may see of each block anyway.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from server.record.catalogue import packed, unpacked
from server.record.find_tables import FIND_HEAD, FIND_MARK

#: Blocks that one sum tells of.
SUMMED = 4_096
STREAMS = "v"
CHUNK = 500
AT_ONCE = 10_000


def is_summed(connection: Connection) -> bool:
    """Whether the sums are of all that is in the index."""
    row = connection.execute(select(FIND_HEAD.c.seq, FIND_HEAD.c.summed)).first()
    return row is not None and row.seq == row.summed


def sum_of(block: int) -> int:
    return -1 - block // SUMMED


def with_block(connection: Connection, block: int, tags: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of sums as they are to be, now that a block has these tags."""
    tags = [tag for tag in tags if not tag.startswith(STREAMS)]
    stored: dict[str, int] = {}
    for start in range(0, len(tags), CHUNK):
        query = select(FIND_MARK.c.tag, FIND_MARK.c.members).where(
            FIND_MARK.c.block == sum_of(block), FIND_MARK.c.tag.in_(tags[start : start + CHUNK])
        )
        stored |= {tag: unpacked(bytes(members)) for tag, members in connection.execute(query)}
    return [
        {
            "tag": tag,
            "block": sum_of(block),
            "members": packed(stored.get(tag, 0) | 1 << block % SUMMED),
        }
        for tag in tags
    ]


def made_anew(connection: Connection, pace: Callable[[], None]) -> list[dict[str, Any]]:
    """All sums, of the blocks' own rows."""
    sums: defaultdict[tuple[str, int], int] = defaultdict(int)
    query = select(FIND_MARK.c.tag, FIND_MARK.c.block).where(
        FIND_MARK.c.block >= 0, func.substr(FIND_MARK.c.tag, 1, 1) != STREAMS
    )
    for rows in connection.execute(query.execution_options(yield_per=AT_ONCE)).partitions():
        for tag, block in rows:
            sums[tag, sum_of(block)] |= 1 << block % SUMMED
        pace()
    return [{"tag": tag, "block": block, "members": packed(blocks)} for (tag, block), blocks in sums.items()]


class Sums:
    """Sums as one search reads them: of each tag the blocks as one number."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, int] = {}

    def with_all(self, tags: Sequence[str]) -> int:
        """Blocks that have every one of these tags."""
        blocks = -1
        for tag in tags:
            blocks &= self._known[tag]
        return blocks

    def with_any(self, tags: Iterable[str]) -> int:
        blocks = 0
        for tag in tags:
            blocks |= self._known[tag]
        return blocks

    def read(self, tags: Collection[str]) -> None:
        """To be asked about."""
        if unread := [tag for tag in tags if tag not in self._known]:
            self._known |= dict.fromkeys(unread, 0)
            query = select(FIND_MARK.c.tag, FIND_MARK.c.block, FIND_MARK.c.members)
            query = query.where(FIND_MARK.c.tag.in_(unread), FIND_MARK.c.block < 0)
            for tag, block, members in self._connection.execute(query):
                self._known[tag] |= unpacked(bytes(members)) << (-1 - block) * SUMMED
