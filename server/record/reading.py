"""Reading: streams, incidents, obligations and the one-hour rate, as far as a unit may see them.

Every function takes the unit that asks; what it may not see is not there. Synchronous: call in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, and_, select

from schemas.events import LOG_ENTRY, InformerNamed, LogEntry
from schemas.fields import wire_instant
from schemas.terms import Level
from server.domain.attachments import shown as attachment_shown
from server.domain.consultations_shown import consultation_shown
from server.domain.field_shown import shown as field_shown
from server.domain.incident import Incident, Obligation, fold
from server.domain.onehour import OneHour, one_hour
from server.domain.reporting import standing
from server.domain.scene_shown import scene_shown
from server.record.database import Database
from server.record.folded import draft_shown, instruction_shown
from server.record.tables import (
    ENTRY,
    INCIDENT,
    INCIDENT_FIELD,
    INCIDENT_UNIT,
    INSTRUCTION_STEP,
    LEDGER,
    OBLIGATION,
    STREAM_ENTRY,
    STREAM_HEAD,
)

LEVELS: dict[int, str] = {level.rank: str(level) for level in Level}


class StreamLog:
    """The unit streams on disk, as the hub reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def epoch(self) -> str:
        with self._database.reading() as connection:
            return str(connection.execute(select(LEDGER.c.epoch)).scalar_one())

    def head(self, stream: str) -> int:
        with self._database.reading() as connection:
            return head_of(connection, stream)

    def heads(self, streams: Sequence[str]) -> tuple[str, dict[str, int]]:
        """The epoch and the last offsets of many streams, in one look."""
        query = select(STREAM_HEAD.c.stream, STREAM_HEAD.c.head).where(STREAM_HEAD.c.stream.in_(streams))
        with self._database.reading() as connection:
            epoch = str(connection.execute(select(LEDGER.c.epoch)).scalar_one())
            found = {row.stream: int(row.head) for row in connection.execute(query)}
        return epoch, {stream: found.get(stream, 0) for stream in streams}

    def after(self, stream: str, offset: int, limit: int) -> list[tuple[int, bytes]]:
        """Entries after an offset, in order: (offset, stored bytes)."""
        with self._database.reading() as connection:
            return stream_after(connection, stream, offset, limit)


def head_of(connection: Connection, stream: str) -> int:
    """The last offset of a stream; 0 when nothing was ever put into it."""
    query = select(STREAM_HEAD.c.head).where(STREAM_HEAD.c.stream == stream)
    return int(connection.execute(query).scalar() or 0)


def stream_after(connection: Connection, stream: str, offset: int, limit: int) -> list[tuple[int, bytes]]:
    rows = connection.execute(
        select(STREAM_ENTRY.c.position, ENTRY.c.body)
        .join(ENTRY, ENTRY.c.seq == STREAM_ENTRY.c.seq)
        .where(STREAM_ENTRY.c.stream == stream, STREAM_ENTRY.c.position > offset)
        .order_by(STREAM_ENTRY.c.position)
        .limit(limit)
    )
    return [(position, bytes(body)) for position, body in rows]


def first_since(connection: Connection, moment: datetime) -> int:
    """The first entry recorded then or later: found by halving, since time never falls along the log."""

    def is_before(seq: int) -> bool:
        at = connection.execute(select(ENTRY.c.recorded_at).where(ENTRY.c.seq == seq)).scalar()
        return at is not None and at < moment

    after = int(connection.execute(select(LEDGER.c.seq)).scalar() or 0) + 1
    before, step = after - 1, 256
    while before > 0 and not is_before(before):
        after, before, step = before, max(0, before - step), 4 * step
    while after - before > 1:
        middle = (before + after) // 2
        if is_before(middle):
            before = middle
        else:
            after = middle
    return after


def log_page(database: Database, stream: str, offset: int, limit: int) -> dict[str, Any]:
    """A page of a stream: `{"stream", "epoch", "head", "entries"}`, all of one moment."""
    with database.reading() as connection:
        epoch = connection.execute(select(LEDGER.c.epoch)).scalar_one()
        rows = stream_after(connection, stream, offset, limit)
        return {
            "stream": stream,
            "epoch": epoch,
            "head": head_of(connection, stream),
            "entries": [entry_shown(position, body) for position, body in rows],
        }


def entry_shown(offset: int | None, body: bytes) -> orjson.Fragment:
    """An entry as on the socket, from its stored bytes."""
    place = b"null" if offset is None else b"%d" % offset
    return orjson.Fragment(b'{"type":"entry","offset":' + place + b"," + body[1:])


# ---------------------------------------------------------------- rows


def board_versions(database: Database, viewer: str, limit: int = 500) -> list[tuple[str, int]]:
    """Id and version of the open incidents: what is due next first, without a deadline last, newest first.

    Whatever changes what a board shows of an incident, its obligations too, is an entry and makes a version.
    """
    query = open_ones(visible(viewer)).with_only_columns(INCIDENT.c.id, INCIDENT.c.version)
    with database.reading() as connection:
        return [(row.id, row.version) for row in connection.execute(_by_deadline(query).limit(limit))]


def board_rows(
    database: Database, viewer: str, ids: Iterable[str], now: datetime
) -> dict[str, dict[str, Any]]:
    """Some incidents as the board shows them, closed ones too, by id."""
    query = visible(viewer).where(INCIDENT.c.id.in_(list(ids)))
    with database.reading() as connection:
        rows = connection.execute(query).mappings().all()
        owed = open_obligations(connection, [row["id"] for row in rows])
        steps = open_steps(connection, [row["id"] for row in rows])
        spots = on_the_spot(connection, [row["id"] for row in rows])
    shown = [incident_shown(row, owed.get(row["id"], []), now) for row in rows]
    beside = ((one, one["id"]) for one in shown)
    return {at: one | {"instructions": steps.get(at, []), "on_the_spot": spots.get(at)} for one, at in beside}


def plain_rows(
    database: Database, viewer: str, ids: Iterable[str], now: datetime
) -> dict[str, dict[str, Any]]:
    """The same without what is owed."""
    query = visible(viewer).where(INCIDENT.c.id.in_(list(ids)))
    with database.reading() as connection:
        return {row["id"]: incident_shown(row, [], now) for row in connection.execute(query).mappings()}


def open_ones(query: Select[Any]) -> Select[Any]:
    return query.where(INCIDENT.c.state == "open")


def _by_deadline(query: Select[Any]) -> Select[Any]:
    due = INCIDENT.c.next_due_at
    return query.order_by(due.is_(None), due, INCIDENT.c.opened_at.desc())


def visible(viewer: str) -> Select[Any]:
    return select(INCIDENT).where(seen_by(viewer, INCIDENT.c.id))


def seen_by(viewer: str, incident_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the unit may see the incident: asked row by row, of what was found otherwise.

    A subquery with a value, because no planner makes a join of it: one that began with all that a unit has
    ever seen would read a million rows to show five hundred.
    """
    its_sight = select(INCIDENT_UNIT.c.unit).where(
        INCIDENT_UNIT.c.unit == viewer, INCIDENT_UNIT.c.incident_id == incident_id
    )
    return its_sight.scalar_subquery().is_not(None)


def open_obligations(connection: Connection, ids: list[str]) -> dict[str, list[Any]]:
    owed: dict[str, list[Any]] = {}
    query = (
        select(OBLIGATION)
        .where(OBLIGATION.c.met_at.is_(None), OBLIGATION.c.excused.is_(None))
        .order_by(OBLIGATION.c.due_at.is_(None), OBLIGATION.c.due_at)
    )
    for start in range(0, len(ids), 500):
        chunk = query.where(OBLIGATION.c.incident_id.in_(ids[start : start + 500]))
        for row in connection.execute(chunk).mappings():
            owed.setdefault(row["incident_id"], []).append(row)
    return owed


def open_steps(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """What addressees of leaders' instructions come to next, by incident."""
    found: dict[str, list[dict[str, Any]]] = {}
    query = select(INSTRUCTION_STEP).where(INSTRUCTION_STEP.c.step != "done")
    for start in range(0, len(ids), 500):
        chunk = query.where(INSTRUCTION_STEP.c.incident_id.in_(ids[start : start + 500]))
        for row in connection.execute(chunk).mappings():
            found.setdefault(row["incident_id"], []).append(_plain(dict(row)))
    return found


def on_the_spot(connection: Connection, ids: list[str]) -> dict[str, dict[str, Any]]:
    """How many are inside, and which requests for help wait, by incident."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(ids), 500):
        query = select(INCIDENT_FIELD).where(INCIDENT_FIELD.c.incident_id.in_(ids[start : start + 500]))
        for row in connection.execute(query).mappings():
            found[row["incident_id"]] = {**row, "waiting": orjson.loads(row["waiting"])}
    return found


def incident_shown(row: Any, owed: list[Any], now: datetime) -> dict[str, Any]:
    """A row of the list as the wire has it; instants as texts, levels as slugs."""
    level = LEVELS.get(row["final_level"] or row["reporting_level"])
    return {
        "id": row["id"],
        "number": row["number"],
        "title": row["title"],
        "category": row["category"],
        "place": orjson.loads(row["place"]),
        "unit": row["unit"],
        "drill": row["drill"],
        "state": row["state"],
        "outcome": row["outcome"],
        "merged_into": row["merged_into"],
        "level": level,
        "reporting_level": LEVELS.get(row["reporting_level"]),
        "final_level": LEVELS.get(row["final_level"]),
        "near_miss": row["near_miss"],
        "judged": row["judged"],
        "known_at": _wire(row["known_at"]),
        "occurred_at": _wire(row["occurred_at"]),
        "opened_at": _wire(row["opened_at"]),
        "opened_by": row["opened_by"],
        "changed_at": _wire(row["changed_at"]),
        "closed_at": _wire(row["closed_at"]),
        "facts": orjson.loads(row["facts"]),
        "next_due_at": _wire(row["next_due_at"]),
        "version": row["version"],
        "obligations": [obligation_shown(one, now) for one in owed],
    }


def _wire(moment: datetime | None) -> str | None:
    return None if moment is None else wire_instant(moment)


def obligation_shown(row: Any, now: datetime) -> dict[str, Any]:
    """An obligation as contract 4 has it, with its id."""
    owed = Obligation(
        row["obligation_id"],
        row["rule"],
        row["rule_text"],
        row["rule_text_en"],
        row["source"],
        row["evidence"],
        row["sender"],
        row["recipient"],
        row["stage"],
        row["channel"],
        row["started_at"],
        row["due_at"],
        row["warn_at"],
        row["period"],
        row["started_at"],
        row["started_at"],
        row["met_at"],
        row["met_by"],
        row["excused"],
    )
    return {
        "id": owed.obligation_id,
        "incident_id": row["incident_id"],
        "rule": owed.rule,
        "rule_text": owed.rule_text,
        "rule_text_en": owed.rule_text_en,
        "source": owed.source,
        "evidence": owed.evidence,
        "from": owed.sender,
        "to": owed.recipient,
        "stage": owed.stage,
        "channel": owed.channel,
        "started_at": _wire(owed.started_at),
        "due_at": _wire(owed.due_at),
        "warn_at": _wire(owed.warn_at),
        "met_at": _wire(owed.met_at),
        "met_by": owed.met_by,
        "excused": owed.excused,
        "standing": str(standing(owed, now)),
    }


# ---------------------------------------------------------------- one incident


def incident(
    database: Database, viewer: str, incident_id: str, now: datetime, *, restricted: bool
) -> dict[str, Any] | None:
    """An incident whole, or None when there is none that this unit may see."""
    with database.reading() as connection:
        may = connection.execute(
            select(INCIDENT_UNIT.c.unit).where(
                INCIDENT_UNIT.c.unit == viewer, INCIDENT_UNIT.c.incident_id == incident_id
            )
        ).first()
        if may is None:
            return None
        rows = connection.execute(
            select(ENTRY.c.seq, ENTRY.c.restricted, ENTRY.c.body, STREAM_ENTRY.c.position)
            .outerjoin(STREAM_ENTRY, and_(STREAM_ENTRY.c.seq == ENTRY.c.seq, STREAM_ENTRY.c.stream == viewer))
            .where(ENTRY.c.incident_id == incident_id)
            .order_by(ENTRY.c.seq)
        ).all()
        row = connection.execute(select(INCIDENT).where(INCIDENT.c.id == incident_id)).mappings().one()
        owed = (
            connection.execute(
                select(OBLIGATION)
                .where(OBLIGATION.c.incident_id == incident_id)
                .order_by(OBLIGATION.c.started_at, OBLIGATION.c.due_at.is_(None), OBLIGATION.c.due_at)
            )
            .mappings()
            .all()
        )
    lines = [(bool(hidden), bytes(body), position) for _seq, hidden, body, position in rows]
    parsed = [LOG_ENTRY.validate_json(body) for _hidden, body, _position in lines]
    state = fold(incident_id, parsed)
    informers = [
        one.event
        for one in parsed
        if restricted and isinstance(one.event, InformerNamed) and viewer in one.event.units
    ]
    shown = incident_shown(row, [], now)
    shown["obligations"] = [obligation_shown(one, now) for one in owed]
    shown["one_hour"] = one_hour_shown(one_hour(state, now))
    shown["fact_history"] = [_statement_shown(said) for said in reversed(state.statements)]
    shown["judgements"] = [_plain(asdict(judgement)) for judgement in state.judgements]
    shown["because"] = list(state.because)
    shown["source"] = state.source
    shown["informer"] = informers[-1].model_dump(include={"name", "phone"}) if informers else None
    shown["nobody_could_know"] = state.nobody_could_know
    shown["discovered_at"] = _wire(state.discovered_at())
    shown["reports"] = [_plain(asdict(report)) for report in state.reports.values()]
    shown["drafts"] = [draft_shown(draft) for draft in state.drafts.values()]
    shown["orders"] = [_order_shown(asdict(order)) for order in state.orders.values()]
    shown["instructions"] = [instruction_shown(one) for one in state.instructions.values()]
    shown["consultations"] = [consultation_shown(one) for one in state.consultations.values()]
    shown["scene"] = scene_shown(state.scene, now)
    shown["field"] = field_shown(state.on_scene, now)
    shown["attachments"] = [attachment_shown(one) for one in state.attachments.values()]
    shown["concealed_by"] = state.concealed_by
    shown["breach_causes"] = [
        {"cause": cause, "text": text, "by": by} for cause, text, by in state.breach_causes
    ]
    shown["units"] = list(state.units)
    shown["entries"] = [
        _line_shown(entry, position, state)
        for entry, (hidden, _body, position) in zip(parsed, lines, strict=True)
        if not hidden
    ]
    return shown


def _line_shown(entry: LogEntry, position: int | None, state: Incident) -> dict[str, Any]:
    """A line of the incident's log: as on the socket, and for a person's entry its own fields beside."""
    shown: dict[str, Any] = {"type": "entry", "offset": position}
    shown |= entry.model_dump(mode="json", exclude_none=True)
    event = shown["event"]
    facts = getattr(entry.event, "facts", None)
    if facts is not None:
        event["facts"] = facts.model_dump(mode="json", exclude_unset=True)
    if event["type"] == "entry_added":
        shown |= {name: event[name] for name in ("entry_id", "kind", "text", "happened_at")}
        shown["struck"] = state.entries.get(event["entry_id"], False)
    return shown


def _statement_shown(said: Any) -> dict[str, Any]:
    return _plain(asdict(said))


def _order_shown(order: dict[str, Any]) -> dict[str, Any]:
    order["overdue"] = sorted(order["overdue"])
    return _plain(order)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: wire_instant(value) if isinstance(value, datetime) else value for name, value in values.items()
    }


def one_hour_shown(figure: OneHour) -> dict[str, Any]:
    """The figure as contract 4 has it."""
    shown = _plain(asdict(figure))
    shown["phone"] = _plain(shown["phone"])
    return shown
