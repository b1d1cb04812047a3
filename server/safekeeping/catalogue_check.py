"""The catalogue against a recount of the log: an incident that lost a mark would not be found any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from server.domain.incident import Incident
from server.record.catalogue import AREA, BLOCK, descending, tags_of, unpacked, words_of
from server.record.find_tables import FIND_HEAD
from server.record.projections import incident_row
from server.record.tables import CATALOGUE_HEAD, CATALOGUE_MARK, CATALOGUE_PLACE
from server.safekeeping.recount import Recount
from server.safekeeping.verdict import PAGE, Verdict


def check_catalogue(connection: Connection, recount: Recount, verdict: Verdict) -> None:
    """Everything opened up to the catalogue's head has its place, and the marks are those of its words."""
    rows = connection.execute(select(CATALOGUE_HEAD.c.seq, CATALOGUE_HEAD.c.areas)).all()
    heads = [row.seq for row in rows]
    head = heads[0] if heads else 0
    has_areas = all(row.areas == row.seq for row in rows)
    if any(row.areas > row.seq for row in rows):
        verdict.fault("table", "catalogue_head: more areas than entries", head or None)
    if len(heads) > 1 or head > verdict.entries:
        verdict.fault("table", "catalogue_head is not where the log was", verdict.entries or None)
    found = connection.execute(select(FIND_HEAD.c.seq)).scalars().all()
    if len(found) > 1 or any(seq > verdict.entries for seq in found):
        verdict.fault("table", "find_head is not where the log was", verdict.entries or None)
    blocks: set[int] = set()
    for block, ids, words in _blocks(connection, recount, head, verdict):
        blocks.add(block)
        _check_marks(connection, recount, block, ids, words, verdict, has_areas=has_areas)
    for block in connection.execute(select(CATALOGUE_MARK.c.block).distinct()).scalars():
        if block not in blocks:
            verdict.fault("table", f"catalogue_mark: nothing has its place in block {block}", head or None)


def _blocks(
    connection: Connection, recount: Recount, head: int, verdict: Verdict
) -> Iterator[tuple[int, list[str], list[str | None]]]:
    """Block by block the incidents and the words that stand there, which are checked on the way."""
    opened = [state for key, state in recount.incidents.items() if recount.first_seq[key] <= head]
    opened.sort(key=lambda state: (state.opened_at, state.id))
    ids: list[str] = []
    words: list[str | None] = []
    placed = _placed(connection, opened, recount, verdict)
    for position, (state, row) in enumerate(zip(opened, placed, strict=True)):
        seq = recount.last_seq[state.id]
        if row is None or row.incident_id != state.id:
            verdict.fault("table", f"catalogue_place {position}: incident {state.id} is not there", seq)
        elif seq <= head and row.words != words_of(incident_row(state), state.units):
            verdict.fault("table", f"catalogue_place {position}: words", seq)
        ids.append(state.id)
        words.append(None if row is None else row.words)
        if len(ids) == BLOCK or position == len(opened) - 1:
            yield position // BLOCK, ids, words
            ids, words = [], []


def _placed(
    connection: Connection, opened: Sequence[Incident], recount: Recount, verdict: Verdict
) -> Iterator[Row[Any] | None]:
    """What stands at each place, None where nothing does; who stands beside them is a fault."""
    at = 0
    query = select(CATALOGUE_PLACE).order_by(CATALOGUE_PLACE.c.position)
    for row in connection.execute(query.execution_options(yield_per=PAGE)):
        while at < min(row.position, len(opened)):
            yield None
            at += 1
        if row.position == at and at < len(opened):
            yield row
            at += 1
        else:
            what = f"catalogue_place {row.position}: nobody's place"
            verdict.fault("table", what, recount.last_seq.get(row.incident_id))
    yield from (None for _ in range(at, len(opened)))


def _check_marks(
    connection: Connection,
    recount: Recount,
    block: int,
    ids: list[str],
    words: list[str | None],
    verdict: Verdict,
    *,
    has_areas: bool,
) -> None:
    """`has_areas`: no program from before those marks has taken anything in that was not made good."""
    expected: defaultdict[str, int] = defaultdict(int)
    for place, one in enumerate(words):
        try:
            tags = set() if one is None else tags_of(one)
        except ValueError:  # no words of ours: named already, or the log has more of it
            verdict.fault("table", f"catalogue_place {block * BLOCK + place}", recount.last_seq[ids[place]])
            continue
        for tag in tags:
            expected[tag] |= 1 << place
    stored = {
        row.tag: unpacked(bytes(row.members))
        for row in connection.execute(select(CATALOGUE_MARK).where(CATALOGUE_MARK.c.block == block))
    }
    wrong = 0
    for tag in expected.keys() | stored.keys():
        if tag.startswith(AREA) and not has_areas:
            continue
        wrong |= expected.get(tag, 0) ^ stored.get(tag, 0)
    for place in descending(wrong):
        named = recount.last_seq[ids[place]] if place < len(ids) else None
        verdict.fault("table", f"catalogue_mark: place {block * BLOCK + place}", named)
