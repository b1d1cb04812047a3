"""The duty log of a day as a bound book, to be downloaded."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.events import LOG_ENTRY, plain
from server.documents import book as bound
from server.documents.press import DOWNLOAD, disposition
from server.pages.asked import Asked
from server.pages.duties import begins
from server.pages.printed import pressed, refused
from server.record import book as record
from server.record import duty_reading
from server.screens.duty_log import line as log_line
from server.screens.duty_log import without_keystrokes
from server.screens.wording import BEIJING, Wording, utc_text


async def duty_log(request: Request) -> Response:
    """`/duty-log?day=2026-11-23`: today's until now, when no day is named."""
    asked = Asked(request)
    day = _day(request.query_params.get("day"), asked.now)
    if day is None or asked.principal.kind == "wall":
        return await run_sync(refused, asked, 404, "book.no_day")
    try:
        book = await run_sync(_book, asked, day)
    except record.TooLong:
        return await run_sync(refused, asked, 422, "book.too_long")
    name = disposition(f"{asked.wording.unit(asked.viewer)}值班日志 {day}.pdf", f"duty-log-{day}.pdf")
    headers = {**DOWNLOAD, "Content-Disposition": name}
    return await pressed(asked, asked.parts.press.bound(book), headers)


def _day(said: str | None, now: datetime) -> date | None:
    """A Beijing day that has begun."""
    today = now.astimezone(BEIJING).date()
    try:
        day = date.fromisoformat(said) if said else today
    except ValueError:
        return None
    return day if date(2000, 1, 1) <= day <= today else None


def _book(asked: Asked, day: date) -> bound.Book:
    words = Wording("zh", asked.parts.views.texts, asked.parts.tree)
    first, ends = begins(day), begins(day + timedelta(days=1))
    is_over = asked.now >= ends
    as_of = ends if is_over else asked.now
    is_root = asked.viewer == asked.parts.tree.root
    found = record.day_of(asked.parts.database, asked.viewer, first, ends, asked.now, is_root=is_root)
    numbered = [(kept, _shown(kept)) for kept in found.entries]
    places = {kept.position: kept for kept, _entry in numbered}
    printed = without_keystrokes([(kept.position, entry) for kept, entry in numbered])
    lines = tuple(_line(position, places[position], entry, found.owed, words) for position, entry in printed)
    sums = found.head.sha256.hex(), found.head.sm3.hex()
    positions = [kept.position for kept in found.entries] or [0]
    shifts = duty_reading.shifts(asked.parts.database, asked.viewer, first, ends)
    return bound.Book(
        unit=words.unit(asked.viewer),
        day=f"{day.year}年{day.month}月{day.day}日",
        notice="" if is_over else "（当日未完）",
        shifts=tuple(_shift(one, as_of, words) for one in shifts),
        lines=lines,
        signatures=tuple(
            _signature(entry, words)
            for _kept, entry in numbered
            if entry["event"]["type"] == "handover_signed"
        ),
        before_sha256=found.before.sha256.hex(),
        sha256=sums[0],
        sm3=sums[1],
        as_of=words.exact(as_of),
        qr=bound.qr_text(asked.viewer, str(day), utc_text(as_of), min(positions), max(positions), *sums),
        at=as_of,
        typefaces=asked.parts.forms.common.typefaces,
    )


def _shown(kept: record.Kept) -> dict[str, Any]:
    entry = LOG_ENTRY.validate_json(kept.body)
    return entry.model_dump(mode="json", exclude_none=True) | {"event": plain(entry.event)}


def _line(
    position: int, kept: record.Kept, entry: dict[str, Any], owed: dict[str, Any], words: Wording
) -> bound.BookLine:
    shown = log_line(entry, position, words, owed, {})
    text = "".join(part.text for part in shown.parts)
    said = [text, shown.text or "", f"原话：{shown.words}" if shown.words else ""]
    by = " ".join(one for one in (shown.by, shown.unit) if one)
    if shown.behalf:
        by = f"{by}（代 {shown.behalf['name']}）"
    drill = "【演练】" if kept.drill else ""
    return bound.line(
        position,
        words.clock(shown.recorded_at),
        _clock(shown.at, shown.recorded_at),
        f"{drill}{kept.number} {kept.title}".strip(),
        shown.label,
        " ".join(one for one in said if one),
        by,
    )


def _clock(at: str, recorded_at: str) -> str:
    """When it happened, to the minute; with its day when that is another one."""
    moment, stored = (datetime.fromisoformat(one).astimezone(BEIJING) for one in (at, recorded_at))
    return moment.strftime("%H:%M" if moment.date() == stored.date() else "%m-%d %H:%M")


def _shift(one: dict[str, Any], now: datetime, words: Wording) -> tuple[str, str, str]:
    people = [f"{words.term('shift_post', who['post'])} {who['name']}" for who in one["posts"]]
    if one["leader"]:
        people.append(f"带班领导 {one['leader']['name']}")
    hours = " - ".join(words.moment(one[name], now) for name in ("starts_at", "ends_at"))
    taken = f"{one['taken_by']} {words.moment(one['taken_at'], now)} 接班" if one["taken_at"] else "未接班"
    return hours, "　".join(people), taken


def _signature(entry: dict[str, Any], words: Wording) -> tuple[str, str, str]:
    side = words.say(f"handover.{entry['event']['side']}")
    behalf = entry.get("on_behalf_of")
    who = f"{behalf['name']}（由 {entry['by']} 代签）" if behalf else entry["by"]
    return side, who, words.exact(entry["recorded_at"])


def routes() -> list[BaseRoute]:
    return [Route("/duty-log", duty_log)]
