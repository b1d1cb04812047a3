"""The page of the joint duty: the board of all seats, what is to be handed in, and what one asks another."""

from __future__ import annotations

from typing import Any, get_args

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.joint import JointKind
from server.domain.units import Rank
from server.pages.asked import Asked, answered
from server.record import joint_reading


async def joint_page(request: Request) -> Response:
    return await _joint(request, "joint.html")


async def joint_piece(request: Request) -> Response:
    return await _joint(request, "_joint.html")


async def _joint(request: Request, template: str) -> Response:
    """Who has a screen open is asked first: of other processes, too."""
    asked = Asked(request)
    manned = await asked.parts.presence.manned()
    return await run_sync(answered, lambda one: _render(one, template, manned), asked)


def _render(asked: Asked, template: str, manned: set[str] | None) -> Response:
    tree, viewer = asked.parts.tree, asked.viewer
    periods = joint_reading.joint_duties(asked.parts.database, tree, viewer, asked.now, manned)
    open_ones = [one for one in periods if one["state"] != "closed"]
    under = tree.subtree(viewer)[1:]
    below = {
        str(rank): codes
        for rank in (Rank.DEPARTMENT, Rank.COUNTY, Rank.TOWNSHIP)
        if (codes := [code for code in under if (one := tree.get(code)) and one.rank is rank])
    }
    return asked.page(
        template,
        periods=periods,
        own=[one for one in open_ones if one["is_own"]],
        seated=[one for one in open_ones if _own_seat(one) is not None],
        own_seat=_own_seat,
        to_ask=_to_ask(open_ones, viewer),
        below=below,
        kinds=get_args(JointKind),
        manned_known=manned is not None,
    )


def _own_seat(period: dict[str, Any]) -> dict[str, Any] | None:
    return next((one for one in period["seats"] if one["is_own"]), None)


def _to_ask(periods: list[dict[str, Any]], viewer: str) -> dict[str, list[str]]:
    """Of each period whom this unit may ask: every seat and who opened it, but itself."""
    made = {}
    for period in periods:
        seats = [one["seat"] for one in period["seats"]]
        if viewer in seats or period["is_own"]:
            named = dict.fromkeys([period["unit"], *seats])
            made[period["period_id"]] = [one for one in named if one != viewer]
    return made


def routes() -> list[Route]:
    return [Route("/joint", joint_page), Route("/joint/news", joint_piece)]
