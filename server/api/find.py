"""GET /search: anything that the caller's unit may see, by a few words."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.api.rest import (
    BASE,
    BadQuery,
    asked_only,
    day,
    flag,
    json,
    language,
    not_found,
    one_of,
    parts_of,
    whole,
)
from server.domain.finding import LONGEST_QUERY, read_query
from server.gate.auth import principal_of
from server.gate.problems import problem
from server.record.cursors import BadCursor
from server.search import A_PAGE, ALL_KINDS, AT_ONCE, COME_BACK_S, FEW_OF_EACH, TooManySearches, Wanted
from server.sentences import sentence


async def search(request: Request) -> Response:
    principal, parts = principal_of(request.scope), parts_of(request)
    asked = asked_only(request, {"q", "kind", "unit", "drill", "from", "to", "after", "limit"})
    typed = asked.get("q", "")
    query = read_query(typed)
    if query is None:
        raise BadQuery("q", "says nothing to look for")
    if len(typed) > LONGEST_QUERY:
        raise BadQuery("q", f"has more than {LONGEST_QUERY} characters")
    kind = one_of(asked, "kind", ALL_KINDS)
    if "after" in asked and kind is None:
        raise BadQuery("after", "goes with one kind")
    unit = asked.get("unit")
    if unit is not None and not parts.tree.covers(principal.unit, unit):
        return not_found(request, principal)
    wanted = Wanted(
        query=query,
        kind=kind,
        unit=unit,
        drill=flag(asked, "drill"),
        first=day(asked, "from"),
        last=day(asked, "to"),
        after=asked.get("after"),
        limit=whole(asked, "limit", FEW_OF_EACH if kind is None else A_PAGE, 1, AT_ONCE),
    )
    try:
        found = await parts.searcher.in_turn(partial(parts.searcher.search, principal, wanted))
    except BadCursor:
        raise BadQuery("after", "is no cursor of this list") from None
    except TooManySearches:
        detail = sentence("searches-busy", language(request, principal))
        return problem(503, "searches-busy", detail=detail, headers={"Retry-After": str(COME_BACK_S)})
    return json(found)


def routes() -> list[Route]:
    return [Route(f"{BASE}/search", search)]
