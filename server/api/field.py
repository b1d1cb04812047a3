"""What a field tablet reads (domain.md 5.5): one answer to keep through a cut, a book that seldom changes.

The state is small enough for a thin line, and smaller when it is asked to be; it is replaced, never patched.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.commands import COMMANDS
from schemas.field_work import HelpKind
from schemas.fields import wire_instant
from schemas.terms import FACTS, Category
from server.api.rest import BASE, BadQuery, asked_only, flag, parts_of
from server.domain.permissions import may
from server.domain.units import Rank
from server.gate.auth import principal_of
from server.parts import Parts
from server.people.accounts import Principal
from server.record import duty_reading, reading
from server.screens import around, field_view
from server.screens.packing import packed
from server.screens.static_files import DIGEST
from server.screens.wording import Wording

#: Incidents that are read whole, and those in one line; on a thin line.
WHOLE, LISTED = 20, 100
FEW_WHOLE, FEW_LISTED = 3, 15
MOST_ASKED = 20
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


async def state(request: Request) -> Response:
    """GET /field: what this person's tablet keeps."""
    principal, parts = principal_of(request.scope), parts_of(request)
    asked = asked_only(request, {"small", "incidents"})
    small = bool(flag(asked, "small"))
    wanted = ids_asked(asked.get("incidents"))
    return await run_sync(lambda: _packed(request, _state(parts, principal, wanted, small)))


def ids_asked(said: str | None) -> list[str] | None:
    """Incidents named in an address, up to twenty."""
    if said is None:
        return None
    ids = list(dict.fromkeys(said.lower().split(",")))
    if len(ids) > MOST_ASKED or not all(_ID.fullmatch(one) for one in ids):
        raise BadQuery("incidents", f"must be up to {MOST_ASKED} ids with commas between")
    return ids


def _state(parts: Parts, principal: Principal, wanted: list[str] | None, small: bool) -> dict[str, Any]:
    log = reading.StreamLog(parts.database)
    epoch, head = log.epoch(), log.head(principal.unit)  # before anything is read: nothing is missed
    now, viewer = parts.now(), principal.unit
    wording, rules = parts.views.wording(principal.lang), parts.views.rules_now()
    names = frozenset((principal.name, viewer, wording.unit(viewer), wording.short(viewer)))
    others: list[dict[str, Any]] = []
    ids = wanted
    if ids is None:
        first = [one for one, _version in reading.board_versions(parts.database, viewer, LISTED)]
        first = first[: FEW_LISTED if small else LISTED]
        ids = first[: FEW_WHOLE if small else WHOLE]
        rows = reading.board_rows(parts.database, viewer, first[len(ids) :], now)
        rest = [rows[one] for one in first[len(ids) :] if one in rows]
        others = [field_view.row(one, viewer, now, wording, rules) for one in rest]
    whole = []
    for one in ids:
        shown = reading.incident(parts.database, viewer, one, now, restricted=False)
        if shown is not None:
            whole.append(field_view.incident(shown, viewer, names, now, wording, rules, small=small))
    found = {one["id"] for one in whole}
    return {
        "person": {
            "person_id": principal.person_id,
            "name": principal.name,
            "post": principal.post,
            "unit": viewer,
            "unit_name": wording.unit(viewer),
            "lang": principal.lang,
            "commands": [name for name in COMMANDS if not principal.read_only and may(principal.post, name)],
        },
        "stream": viewer,
        "epoch": epoch,
        "head": head,
        "time": wire_instant(parts.now()),
        "small": small,
        "release": DIGEST,
        "lock_minutes": parts.settings.tablet_lock_minutes,
        "incidents": whole,
        "others": others,
        "gone": [one for one in ids if one not in found],
    }


async def book(request: Request) -> Response:
    """GET /field/book: places, phones, the words of forms. 304 while nothing of it changed."""
    principal, parts = principal_of(request.scope), parts_of(request)
    asked_only(request, set())
    return await run_sync(_book_answer, request, parts, principal)


def _book_answer(request: Request, parts: Parts, principal: Principal) -> Response:
    shown = _book(parts, principal)
    body = orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'  # of its own content: tells of nobody else's
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return _packed(request, shown, {"ETag": tag})


def _book(parts: Parts, principal: Principal) -> dict[str, Any]:
    tree, viewer = parts.tree, principal.unit
    wording = parts.views.wording(principal.lang)
    own = tree.subtree(viewer)
    county = tree.county_of(viewer)
    near = own if county is None else tree.subtree(county)
    wide = [unit.code for unit in tree if unit.rank in (Rank.CITY, Rank.COUNTY)]
    codes = list(dict.fromkeys((*near, *wide)))
    # A roster is its unit's own, and of those above it: a county reads no city's (`server/pages/around.py`).
    standing = duty_reading.on_duty(parts.database, list(own), parts.now())
    return {
        "unit": viewer,
        "places": [_place(parts, code) for code in codes if "-" not in code],
        "desks": _desks(standing, own, wording),
        "categories": [(str(one), wording.term("category", one)) for one in Category],
        "facts": [(name, wording.term("fact", name)) for name in FACTS],
        "help_kinds": [(one, wording.term("help_kind", one)) for one in HelpKind],
    }


def _desks(standing: dict[str, Any], units: tuple[str, ...], wording: Wording) -> list[dict[str, Any]]:
    made = []
    for unit in units:
        for desk in around.desks(standing, [unit], wording):
            people = [
                {"post": one.post, "name": one.name, "phone": one.phone, "dial": one.dial}
                for one in desk.people
            ]
            made.append({"unit": unit, "name": desk.name, "taken_over": desk.taken_over, "people": people})
    return made


def _place(parts: Parts, code: str) -> dict[str, str]:
    unit = parts.tree.get(code)
    assert unit is not None
    county = parts.tree.county_of(code)
    above = parts.tree.get(county) if county is not None and county != code else None
    name = f"{above.name} {unit.name}" if above else unit.name
    name_en = f"{unit.name_en}, {above.name_en}" if above else unit.name_en
    named = [one for one in (above, unit) if one is not None]
    keys = " ".join(f"{one.initials} {one.pinyin.replace(' ', '')}" for one in named)
    return {"code": code, "name": name, "name_en": name_en, "keys": keys}


def _packed(request: Request, shown: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """On a thin line every byte counts; the address says nothing but ids, so its length tells of nothing."""
    body = orjson.dumps(shown)
    given = {"Vary": "Accept-Encoding", **(headers or {})}
    body, coding = packed(body, request.headers)
    if coding is not None:
        given["Content-Encoding"] = coding
    return Response(body, headers=given, media_type="application/json")


def routes() -> list[Route]:
    return [Route(f"{BASE}/field", state), Route(f"{BASE}/field/book", book)]
