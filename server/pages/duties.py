"""The pages of the duty: the roster, the handover, the roll-call, and the pieces that stand on every page."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import orjson
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.duties import SHIFT_POSTS
from schemas.events import LOG_ENTRY, plain
from server.domain import roster_text
from server.domain.roster_text import Read, Unread, people_of
from server.domain.rotation import MOST_DAYS, rotate
from server.domain.units import Rank
from server.pages.asked import Asked, page
from server.pages.front import form_of, text_in
from server.record import duty_reading, roll_reading
from server.screens import handover_sheet, roster
from server.screens.duty_log import line as log_line
from server.screens.wording import BEIJING

MOST_LINES = 60
MOST_ROLLS = 10
ITEM_KINDS = (
    "instruction", "superior_requirement", "promise", "warning", "response", "force", "evacuation",
    "equipment", "material", "weather", "note",
)  # fmt: skip


def begins(day: date) -> datetime:
    """A Beijing day's first moment."""
    return datetime.combine(day, time(), BEIJING).astimezone(UTC)


# ---------------------------------------------------------------- on every page


def on_duty_piece(asked: Asked) -> Response:
    """Who is on, and what the duty has to say: for pages that get no fragments."""
    return asked.piece("_duty_pieces.html")


# ---------------------------------------------------------------- the roster


def _unit(asked: Asked) -> str:
    """The unit that the page is about: one's own, or one below it."""
    wanted = asked.request.query_params.get("unit", asked.viewer)
    return wanted if asked.parts.tree.covers(asked.viewer, wanted) else asked.viewer


def roster_page(asked: Asked) -> Response:
    return _roster(asked, "roster.html")


def roster_piece(asked: Asked) -> Response:
    return _roster(asked, "_roster.html")


def _roster(asked: Asked, template: str) -> Response:
    database, unit, now = asked.parts.database, _unit(asked), asked.now
    today = now.astimezone(BEIJING).date()
    month = _month(asked.request.query_params.get("month")) or today.replace(day=1)
    calendar, tree = asked.parts.calendar, asked.parts.tree
    first, last = date(month.year, 1, 1), date(month.year, 12, 31)
    year = duty_reading.shifts(database, unit, begins(first), begins(last + timedelta(days=1)))
    ahead = duty_reading.shifts(database, unit, now, now + timedelta(days=roster.LOOK_AHEAD + 1))
    own = unit == asked.viewer
    standing = duty_reading.duty(database, unit, now)
    place = tree.get(unit)
    current = standing["on"]["shift_id"] if standing["on"] and standing["taken_over"] else None
    below = [one for one in tree.children(asked.viewer)]
    return asked.page(
        template,
        unit=unit,
        own=own,
        month=month,
        before=(month - timedelta(days=1)).replace(day=1),
        after=(month + timedelta(days=31)).replace(day=1),
        lines=roster.month_lines(
            year, month, now, calendar, asked.wording, place.rank if place else None, current
        ),
        cells=roster.year_cells(year, month.year, now, calendar),
        bare=roster.bare_days(ahead, now) if standing["on"] or ahead else [],
        has_roster=bool(standing["on"] or ahead or year),
        unknown=calendar.unknown(first, last),
        source=calendar.years[month.year].source if month.year in calendar.years else "",
        standing=standing,
        people_text=roster.people_text,
        places=_places(ahead, asked),
        post_words=_post_words(asked),
        below=[one for one in below if (found := tree.get(one)) and found.rank is not Rank.TOWNSHIP] or below,
    )


def _places(shifts: list[dict[str, Any]], asked: Asked) -> list[tuple[str, str]]:
    """Everybody's place on the shifts ahead, to be taken in return: (`shift|post|name`, in words)."""
    made = []
    for one in shifts:
        people = [(person["post"], person["name"]) for person in one["posts"]]
        if one["leader"]:
            people.append(("leader", one["leader"]["name"]))
        at = asked.wording.moment(one["starts_at"], asked.now)
        for post, name in people:
            made.append(
                (
                    f"{one['shift_id']}|{post}|{name}",
                    f"{at} {name} {asked.wording.term('shift_post', post)}",
                )
            )
    return made


def _post_words(asked: Asked) -> str:
    """Words for the posts, for the page's own reading of edited lines."""
    words = dict(roster_text.POSTS) | {
        asked.wording.term("shift_post", slug): slug for slug in (*SHIFT_POSTS, "leader")
    }
    words |= dict.fromkeys(roster_text.LEADER_WORDS, "leader")
    return orjson.dumps(words).decode()


def _month(text: str | None) -> date | None:
    try:
        return date.fromisoformat(f"{text}-01") if text else None
    except ValueError:
        return None


async def roster_reading(request: Request) -> Response:
    """What pasted lines, or teams in turn, would be as shifts. Nothing is planned by this."""
    form = await form_of(request)
    said = {
        name: text_in(form, name) for name in ("text", "teams", "first", "last", "change", "hours", "apart")
    }
    return await run_sync(_read_roster, Asked(request), said)


def _read_roster(asked: Asked, said: dict[str, str]) -> Response:
    problems: list[tuple[int, str, str]] = []
    try:
        change = time.fromisoformat(said["change"] or "08:30")
    except ValueError:
        change = time(8, 30)
    unknown: list[int] = []
    if said["teams"].strip():
        found, problems, unknown = _rotated(asked, said, change)
    else:
        read = roster_text.read(said["text"], change)
        found, problems = read.shifts, read.problems
    shifts = [_said(one) for one in found]
    shown = [{**one, "taken_at": None, "ended_at": None, "leader": one.get("leader")} for one in shifts]
    return asked.piece(
        "_roster_preview.html",
        shifts=shown,
        body=orjson.dumps(shifts).decode(),
        problems=problems,
        unknown=unknown,
        hours=roster.hours,
        instant_day=lambda text: datetime.fromisoformat(text).astimezone(BEIJING).strftime("%Y-%m-%d"),
    )


def _rotated(
    asked: Asked, said: dict[str, str], change: time
) -> tuple[list[Read], list[tuple[int, str, str]], list[int]]:
    problems: list[tuple[int, str, str]] = []
    teams = []
    for number, line in enumerate(said["teams"].splitlines(), start=1):
        try:
            team = tuple(people_of(line))
        except Unread as unread:
            problems.append((number, str(unread), line.strip()[:80]))
            continue
        if any(one.post is not None for one in team):
            teams.append(team)
        elif line.strip():
            problems.append((number, "nobody", line.strip()[:80]))
    try:
        first, last = date.fromisoformat(said["first"]), date.fromisoformat(said["last"])
        hours = {"24": 24, "12": 12, "8": 8}[said["hours"] or "24"]
    except (ValueError, KeyError):
        return [], [*problems, (0, "no-date", f"{said['first']} {said['last']}")], []
    if last < first or (last - first).days >= MOST_DAYS:
        return [], [*problems, (0, "no-span", f"{said['first']} {said['last']}")], []
    calendar, apart = asked.parts.calendar, said["apart"] == "1"
    made = rotate(teams, first, last, calendar, change=change, hours=hours, apart=apart)
    return made, problems, calendar.unknown(first, last) if apart else []


def _said(one: Read) -> dict[str, Any]:
    """A shift that was read, as a command's body has it."""
    people = [
        {"post": person.post, "name": person.name} | ({"phone": person.phone} if person.phone else {})
        for person in one.people
    ]
    shift: dict[str, Any] = {
        "shift_id": str(uuid4()),
        "starts_at": one.starts_at.isoformat(),
        "ends_at": one.ends_at.isoformat(),
        "posts": [person for person in people if person["post"] is not None],
    }
    leader = next((person for person in people if person["post"] is None), None)
    if leader is not None:
        shift["leader"] = {name: value for name, value in leader.items() if name != "post"}
    return shift


# ---------------------------------------------------------------- the handover


def handover_page(asked: Asked) -> Response:
    return _handover(asked, "handover.html")


def handover_piece(asked: Asked) -> Response:
    return _handover(asked, "_handover.html")


def _handover(asked: Asked, template: str) -> Response:
    database, unit, now = asked.parts.database, asked.viewer, asked.now
    shown = duty_reading.duty(database, unit, now)
    sheet = shown["handover"]
    accepted = sheet["accepted"] if sheet else {}
    new = [
        one.model_dump(mode="json", exclude_none=True) for one in duty_reading.newly_due(database, unit, now)
    ]

    def lines(items: list[dict[str, Any]]) -> list[handover_sheet.Line]:
        return [
            handover_sheet.line(item, accepted.get(item["item_id"]), now, asked.wording) for item in items
        ]

    near = duty_reading.shifts(database, unit, now - timedelta(days=2), now + timedelta(days=3))
    coming = [
        one
        for one in near
        if one["taken_at"] is None
        and datetime.fromisoformat(one["ends_at"]) > now
        and datetime.fromisoformat(one["starts_at"]) <= now + timedelta(hours=6)
    ]
    bodies = duty_reading.duty_entries(database, unit, MOST_LINES)
    entries = [LOG_ENTRY.validate_json(body) for body in bodies]
    log = [
        log_line(
            one.model_dump(mode="json", exclude_none=True) | {"event": plain(one.event)},
            number,
            asked.wording,
            {},
            {},
        )
        for number, one in enumerate(entries)
    ]
    named = {one["shift_id"]: one for one in near}
    sheet_lines = lines(sheet["items"]) if sheet else []
    return asked.page(
        template,
        standing=shown,
        sheet=sheet,
        groups=handover_sheet.grouped(sheet_lines),
        new=lines(new),
        open_count=sum(not one.taken_by for one in sheet_lines),
        coming=coming,
        from_shift=named.get(sheet["from_shift"]) if sheet else None,
        to_shift=named.get(sheet["to_shift"]) if sheet else None,
        items=shown["items"],
        kinds=ITEM_KINDS,
        hours=roster.hours,
        log=log,
    )


# ---------------------------------------------------------------- the roll-call


def roll_page(asked: Asked) -> Response:
    return _roll(asked, "roll_call.html")


def roll_piece(asked: Asked) -> Response:
    return _roll(asked, "_roll_calls.html")


def _roll(asked: Asked, template: str) -> Response:
    database, now, tree = asked.parts.database, asked.now, asked.parts.tree
    rolls = roll_reading.roll_calls(database, asked.viewer, now, MOST_ROLLS)
    mine = [one for one in rolls if one["caller"] == asked.viewer]
    today = now.astimezone(BEIJING).date()
    month = _month(asked.request.query_params.get("month")) or today.replace(day=1)
    after = (month + timedelta(days=31)).replace(day=1)
    figures = {
        drill: roll_reading.by_desk(database, asked.viewer, begins(month), begins(after), now, drill=drill)
        for drill in (False, True)
    }
    under = tree.subtree(asked.viewer)[1:]
    below = {
        rank: [code for code in under if (one := tree.get(code)) and one.rank is rank]
        for rank in (Rank.COUNTY, Rank.DEPARTMENT, Rank.TOWNSHIP)
    }
    units = [one["unit"] for roll in mine for one in roll["answers"]]
    return asked.page(
        template,
        current=mine[0] if mine else None,
        earlier=mine[1:],
        asked_here=[one for one in rolls if one["caller"] != asked.viewer],
        below={str(rank): codes for rank, codes in below.items() if codes},
        phones=duty_reading.on_duty(database, list(dict.fromkeys(units)), now),
        month=month,
        before=(month - timedelta(days=1)).replace(day=1),
        after=after,
        figures=figures,
        outcomes=roll_reading.OUTCOMES,
    )


def routes() -> list[Route]:
    return [
        Route("/duty/pieces", page(on_duty_piece)),
        Route("/roster", page(roster_page)),
        Route("/roster/news", page(roster_piece)),
        Route("/roster/reading", roster_reading, methods=["POST"]),
        Route("/handover", page(handover_page)),
        Route("/handover/news", page(handover_piece)),
        Route("/roll-call", page(roll_page)),
        Route("/roll-call/news", page(roll_piece)),
    ]
