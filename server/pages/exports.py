"""What the lists show, as files: XLSX, CSV, JSON, by the very link that shows it and with the same sight.

A file says what it is, what was asked for, by whom and when, and where the record stood then. Rows are read
and written piece by piece; two files are made at once in a process, and no file has more than `MOST` rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from threading import BoundedSemaphore
from typing import Any

import structlog
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from schemas.fields import parse_instant
from schemas.terms import Standing
from server.documents.press import DOWNLOAD, disposition
from server.documents.tables import MEDIA, Table, Value, written
from server.pages import filters, find
from server.pages.asked import Asked, page
from server.record import duty_reading, exporting, lists, owed, reading
from server.record.statistics import rate
from server.screens import export_rows, find_rows
from server.screens.export_rows import Columns
from server.screens.wording import BEIJING

log = structlog.get_logger()

MOST = 100_000
AT_ONCE = 500
SCOPES = ("final", "initial", "drill")
_places = BoundedSemaphore(2)

Rows = Iterator[Sequence[Value]]
#: The columns, the rows, and what they were narrowed to, in words.
Made = tuple[Columns, Rows, list[str]]


# ---------------------------------------------------------------- the lists


def _incidents(asked: Asked) -> Made:
    parts, words = asked.parts, asked.wording
    first = filters.wanted(asked.request.query_params, parts.tree, asked.viewer, AT_ONCE)

    def rows() -> Rows:
        wanted = first
        while True:
            found = lists.incidents(parts.database, parts.tree, asked.viewer, wanted, asked.now)
            for one in found["incidents"]:
                yield export_rows.incident(one, words)
            if found["next"] is None:
                return
            wanted = replace(wanted, after=found["next"])

    said = [words.say(f"state.{first.state}")]
    said += [words.term("level", first.level)] if first.level else []
    said += [words.category(first.category)] if first.category else []
    said += [words.unit(first.unit)] if first.unit else []
    said += [words.say("drill" if first.drill else "export.real")] if first.drill is not None else []
    said += [f"“{first.q}”"] if first.q else []
    return export_rows.INCIDENT, rows(), said


def _obligations(asked: Asked) -> Made:
    words, text = asked.wording, asked.request.query_params.get("standing", "")
    standing = Standing(text) if text in tuple(Standing) else None

    def rows() -> Rows:
        after: str | None = None
        while True:
            found = owed.obligations(
                asked.parts.database, asked.viewer, standing, asked.now, after=after, limit=AT_ONCE
            )
            for one in found["obligations"]:
                yield export_rows.obligation(one, words)
            after = found["next"]
            if after is None:
                return

    return export_rows.OBLIGATION, rows(), [words.term("standing", standing) if standing else _all(asked)]


def _log(asked: Asked) -> Made:
    """A day of the unit's log, as it was written down."""
    today = asked.now.astimezone(BEIJING).date()
    day = filters.day(asked.request.query_params.get("day")) or today
    first, last = filters.begins(day), filters.begins(day + timedelta(days=1))
    database, viewer = asked.parts.database, asked.viewer

    def shown(incident_id: str) -> dict[str, Any] | None:
        return reading.incident(database, viewer, incident_id, asked.now, restricted=False)

    entries = exporting.recorded_between(database, viewer, first, last)
    return export_rows.LOG, export_rows.log(entries, shown, asked.wording), [day.isoformat()]


def _roster(asked: Asked) -> Made:
    query, tree = asked.request.query_params, asked.parts.tree
    unit = query.get("unit", asked.viewer)
    if not tree.covers(asked.viewer, unit):
        unit = asked.viewer
    month = _month(asked)
    after = (month + timedelta(days=31)).replace(day=1)
    first, last = filters.begins(month), filters.begins(after)
    shifts = duty_reading.shifts(asked.parts.database, unit, first, last)
    return (
        export_rows.SHIFT,
        export_rows.shifts(
            [one for one in shifts if parse_instant(one["starts_at"]) >= first], asked.wording
        ),
        [asked.wording.unit(unit), month.strftime("%Y-%m")],
    )


def _roll_calls(asked: Asked) -> Made:
    month = _month(asked)
    first = filters.begins(month)
    last = filters.begins((month + timedelta(days=31)).replace(day=1))
    answers = exporting.roll_answers(asked.parts.database, asked.viewer, first, last, asked.now, MOST + 1)
    rows = (export_rows.roll(one, asked.wording) for one in answers)
    return export_rows.ROLL, rows, [month.strftime("%Y-%m")]


def _one_hour(asked: Asked) -> Made:
    """The incidents that the rate counts, each with its result."""
    query, tree, words = asked.request.query_params, asked.parts.tree, asked.wording
    span = filters.span(query, asked.now.astimezone(BEIJING).date())
    unit = query.get("unit", asked.viewer)
    if not tree.covers(asked.viewer, unit):
        unit = asked.viewer
    database = asked.parts.database

    def rows() -> Rows:
        for scope in SCOPES:
            figure = rate(
                database, tree, asked.viewer, first=span.first, last=span.last, unit=unit, scope=scope,
                now=asked.now,
            )  # fmt: skip
            counted = iter(figure["incidents"])
            while ids := list(islice(counted, AT_ONCE)):
                found = reading.plain_rows(database, asked.viewer, ids, asked.now)
                passed = exporting.passed(database, list(found))
                for one in ids:
                    if one in found:
                        yield export_rows.counted(found[one], scope, passed[one], words)

    return export_rows.COUNTED, rows(), [words.unit(unit), f"{span.first} – {span.last}"]


def _search(asked: Asked) -> Made:
    """What the search finds, of every kind or of one."""
    words, wanted = asked.wording, find.wanted(asked)
    if wanted is None:
        return find_rows.FOUND, iter(()), []
    said = [f"“{wanted.query.text}”"]
    said += [words.say(f"find.kind.{wanted.kind}")] if wanted.kind else []
    said += [words.unit(wanted.unit)] if wanted.unit else []
    said += [f"{wanted.first or '…'} – {wanted.last or '…'}"] if wanted.first or wanted.last else []
    said += [words.say("drill" if wanted.drill else "export.real")] if wanted.drill is not None else []
    return find_rows.FOUND, (find_rows.row(one, words) for one in find.everything(asked, wanted)), said


LISTS: dict[str, Callable[[Asked], Made]] = {
    "incidents": _incidents,
    "obligations": _obligations,
    "log": _log,
    "roster": _roster,
    "roll-calls": _roll_calls,
    "one-hour": _one_hour,
    "search": _search,
}


def _month(asked: Asked) -> date:
    today = asked.now.astimezone(BEIJING).date()
    return filters.month(asked.request.query_params.get("month")) or today.replace(day=1)


def _all(asked: Asked) -> str:
    return asked.wording.say("state.all")


# ---------------------------------------------------------------- a file of them


def _table(asked: Asked, what: str) -> Table:
    words, principal = asked.wording, asked.principal
    columns, rows, narrowed = LISTS[what](asked)
    about: list[tuple[str, str, Value]] = [
        ("what", words.say("export.what"), words.say(f"export.of.{what}")),
        ("filter", words.say("export.filter"), " · ".join(narrowed)),
        ("unit", words.say("field.unit"), words.unit(asked.viewer)),
        ("by", words.say("export.by"), f"{words.say('post.' + principal.post)} {principal.name}"),
        ("at", words.say("export.at"), asked.now),
        ("zone", words.say("export.zone_is"), words.say("export.zone")),
        ("stands", words.say("export.stands"), _stands(asked)),
    ]
    return Table(
        name=words.say(f"export.of.{what}"),
        columns=[(name, words.say(slug)) for name, slug in columns],
        rows=rows,
        about=about,
        most=MOST,
        more=words.say("export.more", count=MOST),
    )


def _stands(asked: Asked) -> str:
    """Where the record stood. How much all write is the city's to know; others have their stream."""
    if asked.viewer == asked.parts.tree.root:
        count, head = exporting.chain_head(asked.parts.database)
        return asked.wording.say("export.chain", count=count, head=head)
    return asked.wording.say("export.stream", stream=asked.viewer, offset=asked.head)


class _Download(StreamingResponse):
    """A file on its way; its place is free again, and it is noted, whether it came to its end or not."""

    def __init__(self, table: Table, what: str, kind: str, asked: Asked) -> None:
        local = asked.now.astimezone(BEIJING)
        plain = f"{what}-{local:%Y%m%d-%H%M}.{kind}"
        named = f"{table.name}-{local:%Y%m%d-%H%M}.{kind}"
        super().__init__(
            written(table, kind),
            media_type=MEDIA[kind],
            headers=DOWNLOAD | {"Content-Disposition": disposition(named, plain)},
        )
        self._note = {
            "what": what, "kind": kind, "unit": asked.viewer, "by": asked.principal.person_id,
            "asked": str(asked.request.query_params)[:500],
        }  # fmt: skip
        self._table = table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        complete = False
        try:
            await super().__call__(scope, receive, send)
            complete = True
        finally:
            _places.release()
            log.info(
                "exported", rows=self._table.written, cut=self._table.cut, complete=complete, **self._note
            )


async def export(request: Request) -> Response:
    return await run_sync(_export, Asked(request))


def _export(asked: Asked) -> Response:
    what, kind = asked.request.url.path.rpartition("/")[2], asked.request.query_params.get("as", "xlsx")
    asked.note_head()
    if kind not in MEDIA:
        return asked.page("missing.html", 404, said=asked.wording.say("export.none"))
    if asked.principal.kind == "wall":
        return asked.page("refused.html", 403, said=asked.wording.say("refused.not_permitted"))
    if not _places.acquire(blocking=False):
        answer = asked.page("refused.html", 503, said=asked.wording.say("export.busy"))
        answer.headers["Retry-After"] = "5"
        return answer
    try:
        return _Download(_table(asked, what), what, kind, asked)
    except BaseException:
        _places.release()
        raise


def exports_page(asked: Asked) -> Response:
    """Everything that can be had as a file, with what it can be narrowed to."""
    tree = asked.parts.tree
    today = asked.now.astimezone(BEIJING).date()
    return asked.page(
        "exports.html",
        month=today.strftime("%Y-%m"),
        first=today.replace(day=1),
        standings=[str(one) for one in Standing],
        units=tree.subtree(asked.viewer)[:1] + tree.children(asked.viewer),
    )


def routes() -> list[Route]:
    return [Route("/exports", page(exports_page)), *(Route(f"/export/{what}", export) for what in LISTS)]
