"""What an outpost says of the desk above: a line over every screen, and a page with what was refused and why.

At a desk that has none above there is neither: 404.
"""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from schemas.terms import Post
from server.desk import explain
from server.gate.auth import principal_of
from server.pages.asked import Asked, page
from server.record import upward
from server.screens.texts import deed_named

MAY_SEND_AGAIN = frozenset({Post.DUTY_OFFICER, Post.DUTY_LEADER, Post.FIELD_COMMANDER, Post.ADMIN})


def _nothing(asked: Asked) -> Response:
    return asked.page("refused.html", 404, said=asked.wording.say("refused.not_found"))


def upstream_line(asked: Asked) -> Response:
    """The line alone, for a page that shows it already."""
    if asked.parts.upward is None:
        return _nothing(asked)
    return asked.piece("_upstream_bar.html")


def upstream_page(asked: Asked) -> Response:
    """What waits, what was refused, and what the desk above has."""
    above, database = asked.parts.upward, asked.parts.database
    if above is None:
        return _nothing(asked)
    return asked.page(
        "upstream.html",
        state=above.state(),
        above=above.url,
        sight=_sight(asked),
        not_taken=[
            {"incident_id": one.incident_id, "order": one.order, "why": explain(one.why, asked.lang).detail}
            for one in above.not_taken
        ],
        refused=_shown(upward.shown(database, "refused"), asked),
        handed=_shown(upward.shown(database, "handed", 50), asked),
        may_send_again=asked.principal.post in MAY_SEND_AGAIN and not asked.principal.read_only,
    )


def _sight(asked: Asked) -> dict[str, Any] | None:
    """How the incidents here stand above, in the words of this desk; None while nothing is known of it."""
    assert asked.parts.upward is not None
    sight = asked.parts.upward.sight
    if sight is None:
        return None
    rows = [
        {
            "id": one.id,
            "number": one.number,
            "title": one.title,
            "state": asked.wording.term("state", one.state),
            "level": asked.wording.term("level", one.level or "none"),
            "changed_at": one.changed_at,
            "orders": len(one.orders),
        }
        for one in sight.incidents
    ]
    return {"at": sight.at, "rows": rows, "gone": len(sight.gone)}


def _shown(rows: list[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
    return [one | {"deed": deed_named(asked.wording.texts, asked.lang, one["name"])} for one in rows]


async def send_again(request: Request) -> Response:
    """POST /upstream/again: what was refused is handed on once more, in its old place."""
    asked, person = Asked(request), principal_of(request.scope)
    if asked.parts.upward is None:
        return await run_sync(_nothing, asked)
    if person.post not in MAY_SEND_AGAIN:
        said = asked.wording.say("refused.not_permitted")
        return await run_sync(lambda: asked.page("refused.html", 403, said=said))
    await run_sync(upward.again, asked.parts.database)
    asked.parts.upward.ring()
    return RedirectResponse("/upstream", 303)


def routes() -> list[Route]:
    return [
        Route("/upstream", page(upstream_page)),
        Route("/upstream/line", page(upstream_line)),
        Route("/upstream/again", send_again, methods=["POST"]),
    ]
