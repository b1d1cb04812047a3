"""Frames (嵌入) for the pages of other programs: one panel of a unit's wall each, live or veiled.

`/frame/ID/PANEL#TOKEN` is an empty page that says nothing of what a desk knows. Its script takes the token
from the fragment, which no browser sends, and asks for `/embed/PANEL` with it: the token stands in no log and
in no Referer, and no cookie is needed, which browsers keep from frames.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.fields import wire_instant
from server.gate.auth import principal_of
from server.gate.headers import CSP
from server.gate.problems import problem
from server.pages.asked import Asked
from server.pages.figures import picture
from server.parts import Parts
from server.people.accounts import Principal
from server.record import reading
from server.screens.texts import language_of
from server.screens.wall_scenes import PANELS

#: How long a question waits for news, how often it looks for them, and how many may wait in one process.
HOLD_S, LOOK_S, MOST_HELD = 5.0, 0.5, 500
_NOBODYS = "'none'"
_held = asyncio.Semaphore(MOST_HELD)
_Standing = tuple[bool, str, int]
_looks: dict[str, tuple[float, asyncio.Future[_Standing]]] = {}


@dataclass(frozen=True, slots=True)
class _Known:
    """What the frame has: where the stream stood when it was made."""

    epoch: str
    head: int


async def frame(request: Request) -> Response:
    """GET /frame/ID/PANEL: the empty page. A browser shows it within the pages alone that its token names."""
    parts: Parts = request.app.state.parts
    panel = request.path_params["panel"]
    origins = await run_sync(parts.embeds.framed_by, str(request.path_params["embed_id"]))
    is_there = origins is not None and panel in PANELS
    lang = language_of(request)
    theme = request.query_params.get("theme")
    given = {
        "panel": panel if is_there else "",
        "theme": theme if theme in ("day", "night") else "",
    }
    made = await run_sync(lambda: parts.views.render("embed.html", lang, **given))
    within = " ".join(origins or ()) or _NOBODYS
    headers = {
        "Content-Security-Policy": CSP.replace("frame-ancestors 'none'", f"frame-ancestors {within}"),
        "Referrer-Policy": "no-referrer",
    }
    return Response(made, 200 if is_there else 404, headers, "text/html; charset=utf-8")


async def panel(request: Request) -> Response:
    """GET /embed/PANEL?after=&epoch=: the panel, once there is more than the frame has; 204: there is not."""
    principal, parts = principal_of(request.scope), request.app.state.parts
    wanted = request.path_params["panel"]
    if principal.kind != "embed" or wanted not in principal.panels:
        return problem(404, "not-found", detail="there is no such frame, or not for you")
    known = _known(request)
    if known is not None:
        if _held.locked():  # as many wait here as may: this one asks again, and is veiled if that stays so
            return problem(503, "busy", detail="again in a few seconds", headers={"Retry-After": "3"})
        async with _held:
            ended = await _news(parts, principal, known)
        if ended is not None:
            return ended
    return await run_sync(_made, Asked(request), wanted)


async def _news(parts: Parts, principal: Principal, known: _Known) -> Response | None:
    """None as soon as there are news; else what is to be answered."""
    now = asyncio.get_running_loop().time
    until = now() + HOLD_S
    while True:
        ended, epoch, head = await _stands(parts, principal)
        if ended:
            return problem(401, "not-signed-in", detail="this token holds no more")
        if epoch != known.epoch or head > known.head:  # a look may be a little older than what it has
            return None
        if now() >= until:
            return Response(status_code=204, headers={"Fenghuo-Time": wire_instant(parts.now())})
        await asyncio.sleep(LOOK_S)


async def _stands(parts: Parts, principal: Principal) -> _Standing:
    """Whether a token holds, and how far its unit's stream is: asked once for all its frames that wait."""
    key, time = principal.credential_id, asyncio.get_running_loop().time()
    begun, look = _looks.get(key, (0.0, None))
    if look is None or time - begun >= LOOK_S or look.get_loop() is not asyncio.get_running_loop():
        if len(_looks) >= MOST_HELD:
            _looks.clear()
        look = asyncio.ensure_future(run_sync(_look, parts, principal))
        _looks[key] = (time, look)
    return await asyncio.shield(look)


def _look(parts: Parts, principal: Principal) -> _Standing:
    log = reading.StreamLog(parts.database)
    ended = parts.people.standing_of([principal])[principal.credential_id] is not None
    return ended, log.epoch(), log.head(principal.unit)


def _known(request: Request) -> _Known | None:
    after, epoch = request.query_params.get("after", ""), request.query_params.get("epoch", "")
    if not (after.isascii() and after.isdigit() and len(after) <= 18 and epoch):
        return None
    return _Known(epoch, int(after))


def _made(asked: Asked, wanted: str) -> Response:
    asked.note_head()
    said = picture(asked, only=wanted, large=asked.request.query_params.get("incident"))
    answer = asked.page("_embed.html", panel=wanted, **said)
    answer.headers["Fenghuo-Time"] = wire_instant(asked.now)
    return answer


def routes() -> list[BaseRoute]:
    return [Route("/frame/{embed_id:uuid}/{panel:str}", frame), Route("/embed/{panel:str}", panel)]
