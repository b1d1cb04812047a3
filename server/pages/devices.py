"""Tablets and outposts of a unit: whose they are, when they were last heard of, and taking them back.

Administrators and duty leaders see and revoke those of their own unit and below; others are not there (404).
"""

from __future__ import annotations

from functools import partial

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from schemas.commands import COMMANDS
from schemas.terms import Post
from server.gate.auth import principal_of
from server.pages.front import Front, TurnedBack, guarded, in_thread, log
from server.parts import Parts
from server.people.accounts import Principal
from server.screens.texts import deed_named, language_of

SEEN_BY = frozenset({Post.ADMIN, Post.DUTY_LEADER})


class DevicePages:
    """The routes of the page."""

    def __init__(self, front: Front) -> None:
        self.front = front

    def routes(self) -> list[Route]:
        post = ["POST"]
        return [
            Route("/devices", guarded(self.devices_page)),
            Route("/carry", guarded(self.carry_page)),
            Route("/devices/{device_id:uuid}/revoke", guarded(self.revoke), methods=post),
            Route("/devices/outposts/{outpost_id:uuid}/end", guarded(self.end_outpost), methods=post),
        ]

    async def devices_page(self, request: Request) -> Response:
        person, parts = self._person(request), _parts(request)
        devices = await in_thread(parts.devices.all)
        outposts = await in_thread(parts.outposts.all)
        return self.front.render(
            "devices.html",
            request,
            done=self.front.done(request, "devices.revoked", "devices.outpost_ended"),
            devices=[one for one in devices if self._reaches(person, one.unit)],
            outposts=[one for one in outposts if self._reaches(person, one.unit)],
            unit_name=partial(self.front.unit_name, request),
        )

    async def carry_page(self, request: Request) -> Response:
        """Whoever is signed in may carry: what is taken over is the deed of whose tablet signed it."""
        person = principal_of(request.scope)
        if person.read_only:
            return self.front.refuse(request, 403, "not_permitted")
        return self.front.render(
            "carry.html", request, texts=partial(self._text, request), names=self._names(request)
        )

    def _text(self, request: Request, slug: str) -> str:
        """A text with its places still in it: the page fills them in."""
        return self.front.texts.of[language_of(request)][slug]

    def _names(self, request: Request) -> str:
        """What each command is called, for the page's own code."""
        lang = language_of(request)
        return orjson.dumps({one: deed_named(self.front.texts, lang, one) for one in COMMANDS}).decode()

    async def revoke(self, request: Request) -> Response:
        person, parts = self._person(request), _parts(request)
        device = await in_thread(parts.devices.get, str(request.path_params["device_id"]))
        if device is None or not self._reaches(person, device.unit):
            return self.front.refuse(request, 404, "not_found")
        await in_thread(parts.devices.revoke, device.id, person.name)
        parts.people.forget()
        log.info("device_revoked", by=person.name, device=device.id, person=device.person)
        return RedirectResponse("/devices?done=devices.revoked", 303)

    async def end_outpost(self, request: Request) -> Response:
        person, parts = self._person(request), _parts(request)
        outpost_id = str(request.path_params["outpost_id"])
        outposts = await in_thread(parts.outposts.all)
        if not any(one.id == outpost_id and self._reaches(person, one.unit) for one in outposts):
            return self.front.refuse(request, 404, "not_found")
        await in_thread(parts.outposts.end, outpost_id)
        parts.people.forget()
        log.info("outpost_ended", by=person.name, outpost=outpost_id)
        return RedirectResponse("/devices?done=devices.outpost_ended", 303)

    def _person(self, request: Request) -> Principal:
        person = self.front.person(request)
        if person.post not in SEEN_BY:
            raise TurnedBack(self.front.refuse(request, 403, "not_permitted"))
        return person

    def _reaches(self, person: Principal, unit: str) -> bool:
        return self.front.units.covers(person.unit, unit)


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts
