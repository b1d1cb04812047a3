"""What was given out to other programs: tokens of frames and of feeds. Only for the administrator, in person.

An administrator reaches what was given out for their own unit and those under it; others are not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.gate.auth import exact_origin
from server.pages.asked import Asked
from server.pages.front import Front, form_of, guarded, in_thread, log, text_in
from server.people.embeds import Embeds
from server.people.people import AccountRefused
from server.screens.wall_scenes import PANELS


class GivenPages:
    """The routes of the page."""

    def __init__(self, front: Front) -> None:
        self.front = front

    def routes(self) -> list[Route]:
        post = ["POST"]
        return [
            Route("/embeds", guarded(self.page)),
            Route("/embeds", guarded(self.give), methods=post),
            Route("/embeds/{given_id:uuid}/end", guarded(self.end), methods=post),
        ]

    async def page(self, request: Request) -> Response:
        return await self._page(request, done=self.front.done(request, "embeds.ended"))

    async def give(self, request: Request) -> Response:
        admin, form, embeds = self.front.administrator(request), await form_of(request), _embeds(request)
        try:
            kind, unit = text_in(form, "kind"), text_in(form, "unit")
            if not self.front.units.covers(admin.unit, unit):
                raise AccountRefused("unknown_unit", f"there is no unit {unit} under {admin.unit}")
            panels = [one for one in PANELS if one in form.getlist("panels")]
            made = await in_thread(
                embeds.give, kind, text_in(form, "label"), unit, panels, _origins(form), _days(form)
            )
        except AccountRefused as refused:
            said = self.front.say(request, f"refused.{refused.slug}")
            return await self._page(request, said=said, status=422, typed=form)
        log.info("given_out", by=admin.name, kind=kind, unit=unit, id=made[0], panels=" ".join(panels))
        return await self._page(request, made=(kind, *made), panels=panels)

    async def end(self, request: Request) -> Response:
        admin, given_id = self.front.administrator(request), str(request.path_params["given_id"])
        embeds = _embeds(request)
        mine = [one for one in await in_thread(embeds.given) if self.front.units.covers(admin.unit, one.unit)]
        if not any(one.id == given_id for one in mine):
            return self.front.refuse(request, 404, "not_found")
        await in_thread(embeds.end, given_id)
        self.front.people.forget()
        log.info("given_ended", by=admin.name, id=given_id)
        return RedirectResponse("/embeds?done=embeds.ended", 303)

    async def _page(
        self,
        request: Request,
        *,
        said: str = "",
        done: str = "",
        status: int = 200,
        made: tuple[str, str, str] | None = None,
        panels: Sequence[str] = (),
        typed: FormData | None = None,
    ) -> Response:
        admin = self.front.administrator(request)
        reached = set(self.front.units.subtree(admin.unit))
        given = [one for one in await in_thread(_embeds(request).given) if one.unit in reached]
        links = []
        if made is not None and made[0] == "embed":
            links = [(one, f"{self.front.origin}/frame/{made[1]}/{one}#{made[2]}") for one in panels]
        return await self.front.screen(
            "embeds.html",
            request,
            status=status,
            said=said,
            done=done,
            made=made,
            links=links,
            given=given,
            origin=self.front.origin,
            typed=typed or {},
            chosen=set(typed.getlist("panels")) if typed is not None else set(),
            all_panels=PANELS,
            units=[unit for unit in self.front.units if unit.code in reached],
            name_of=partial(self.front.unit_name, request),
        )


def _embeds(request: Request) -> Embeds:
    return Asked(request).parts.embeds


def _origins(form: FormData) -> list[str]:
    found = []
    for one in text_in(form, "origins").split():
        try:
            found.append(exact_origin(one))
        except ValueError:
            raise AccountRefused("embed_origins", f"{one[:100]} is not an origin") from None
    return list(dict.fromkeys(found))


def _days(form: FormData) -> int:
    said = text_in(form, "days").strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 5 else 0
