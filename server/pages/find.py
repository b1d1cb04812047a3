"""The page that finds anything: one field, results by kind, each a link to where it stands.

The address is the search: words, kind, unit, days, drill or not. What it says that means nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.domain.finding import read_query
from server.domain.units import Rank
from server.pages import filters
from server.pages.asked import Asked, answered
from server.record.cursors import BadCursor
from server.screens import find_rows
from server.search import A_PAGE, ALL_KINDS, AT_ONCE, COME_BACK_S, FEW_OF_EACH, TooManySearches, Wanted

NAMES = ("q", "kind", "unit", "from", "to", "drill")


def wanted(asked: Asked) -> Wanted | None:
    """What the address asks for; None when it has no words."""
    said = asked.request.query_params
    query = read_query(said.get("q", ""))
    if query is None:
        return None
    kind, unit = said.get("kind", ""), said.get("unit", "")
    return Wanted(
        query=query,
        kind=kind if kind in ALL_KINDS else None,
        unit=unit if unit and asked.parts.tree.covers(asked.viewer, unit) else None,
        drill={"1": True, "0": False}.get(said.get("drill", "")),
        first=filters.day(said.get("from")),
        last=filters.day(said.get("to")),
        after=said.get("after") or None,
        limit=A_PAGE if kind in ALL_KINDS else FEW_OF_EACH,
    )


def link(one: Wanted, **over: object) -> str:
    """The address of this search, or of it changed a little."""
    values: dict[str, object] = {
        "q": one.query.text,
        "kind": one.kind,
        "unit": one.unit,
        "from": one.first,
        "to": one.last,
        "drill": None if one.drill is None else int(one.drill),
    } | over
    return "/search?" + urlencode({name: str(value) for name, value in values.items() if value is not None})


async def search(request: Request) -> Response:
    asked = Asked(request)
    if asked.principal.kind == "wall" or wanted(asked) is None:
        return await run_sync(answered, _shown, asked)
    try:
        return await asked.parts.searcher.in_turn(partial(answered, _shown, asked))
    except TooManySearches:
        return await run_sync(answered, _busy, asked)


def _busy(asked: Asked) -> Response:
    """The words stay in their field: Enter asks again."""
    answer = _page(asked, wanted(asked), 503, busy=True)
    answer.headers["Retry-After"] = str(COME_BACK_S)
    return answer


def _shown(asked: Asked) -> Response:
    if asked.principal.kind == "wall":
        return asked.page("refused.html", 403, said=asked.wording.say("refused.not_permitted"))
    one = wanted(asked)
    groups: list[find_rows.Group] = []
    complete = True
    if one is not None:
        if one.kind is None and one.after is not None:
            one = replace(one, after=None)
        try:
            found = asked.parts.searcher.search(asked.principal, one)
        except BadCursor:
            return RedirectResponse(link(one), 303)
        groups = find_rows.groups(found, one.query, asked.wording)
        complete = found["complete"]
    return _page(asked, one, groups=groups, complete=complete)


def _page(
    asked: Asked,
    one: Wanted | None,
    status: int = 200,
    *,
    groups: Sequence[find_rows.Group] = (),
    complete: bool = True,
    busy: bool = False,
) -> Response:
    tree = asked.parts.tree
    return asked.page(
        "find.html",
        status,
        wanted=one,
        groups=groups,
        found=sum(len(group.rows) for group in groups),
        complete=complete,
        busy=busy,
        link=link,
        kinds=ALL_KINDS,
        units=[
            code
            for code in tree.subtree(asked.viewer)
            if (unit := tree.get(code)) and unit.rank is not Rank.TOWNSHIP
        ],
    )


def everything(asked: Asked, one: Wanted) -> Iterator[dict[str, Any]]:
    """All that a search finds, kind by kind, page by page: for a file of it."""
    for kind in (one.kind,) if one.kind else ALL_KINDS:
        here = replace(one, kind=kind, limit=AT_ONCE, longest=20_000, after=None)
        while True:
            (group,) = asked.parts.searcher.search(asked.principal, here)["groups"]
            yield from group["results"]
            if group["next"] is None:
                break
            here = replace(here, after=group["next"])


def routes() -> list[Route]:
    return [Route("/search", search)]
