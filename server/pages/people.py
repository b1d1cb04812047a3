"""The people of a unit, for its administrator: who there is, one-time links, wall screens.

An administrator reaches the people of their own unit and of those under it; all others are not there (404).
An administrator never learns or chooses a password: there are only one-time links.

OWASP ASVS 5.0: 6.4.1, 6.4.6, 7.4.2, 7.4.5, 8.2.1, 8.2.2, 8.4.1, 16.2.1.
"""

from __future__ import annotations

from functools import partial

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from schemas.terms import Post
from server.pages.front import Front, TurnedBack, form_of, guarded, in_thread, log, text_in
from server.people.accounts import Account, Principal
from server.people.people import AccountRefused


class PeoplePages:
    """The routes of the people page. Only for the post of administrator, and only in person."""

    def __init__(self, front: Front) -> None:
        self.front = front

    def routes(self) -> list[Route]:
        post = ["POST"]
        return [
            Route("/people", guarded(self.people_page)),
            Route("/people", guarded(self.add_person), methods=post),
            Route("/people/walls", guarded(self.add_wall), methods=post),
            Route("/people/walls/{wall_id:uuid}/end", guarded(self.end_wall), methods=post),
            Route("/people/{person_id:uuid}/{action}", guarded(self.change_person), methods=post),
        ]

    async def people_page(self, request: Request) -> Response:
        done = self.front.done(request, "people.changed", "people.sessions_ended", "people.wall_ended")
        return await self._people(request, self.front.administrator(request), done=done)

    async def add_person(self, request: Request) -> Response:
        admin, form = self.front.administrator(request), await form_of(request)
        try:
            unit = self._reached(admin, text_in(form, "unit"))
            person = await in_thread(
                self.front.people.add, text_in(form, "name"), text_in(form, "post"), unit
            )
            log.info("person_added", by=admin.name, name=person.name, post=person.post, unit=person.unit)
            return await self._show_link(request, admin, person)
        except AccountRefused as refused:
            return await self._people(request, admin, self.front.say(request, f"refused.{refused.slug}"), 422)

    async def change_person(self, request: Request) -> Response:
        admin, form = self.front.administrator(request), await form_of(request)
        action, name = request.path_params["action"], (await self._access_person(request, admin)).name
        try:
            match action:
                case "change":
                    unit = self._reached(admin, text_in(form, "unit"))
                    await in_thread(self.front.people.change, name, post=text_in(form, "post"), unit=unit)
                case "disable" | "enable":
                    await in_thread(self.front.people.change, name, disabled=action == "disable")
                case "end-sessions":
                    await in_thread(self.front.people.end_sessions, name)
                case "invitation":
                    return await self._show_link(request, admin, await self._access_person(request, admin))
                case _:
                    return self.front.refuse(request, 404, "not_found")
        except AccountRefused as refused:
            return await self._people(request, admin, self.front.say(request, f"refused.{refused.slug}"), 422)
        log.info("person_changed", by=admin.name, name=name, action=action, **shown_in(form))
        done = "people.sessions_ended" if action == "end-sessions" else "people.changed"
        return RedirectResponse(f"/people?done={done}", 303)

    async def add_wall(self, request: Request) -> Response:
        admin, form = self.front.administrator(request), await form_of(request)
        try:
            unit = self._reached(admin, text_in(form, "unit"))
            secret = await in_thread(self.front.people.invite_wall, unit, text_in(form, "label"))
        except AccountRefused as refused:
            return await self._people(request, admin, self.front.say(request, f"refused.{refused.slug}"), 422)
        log.info("wall_invited", by=admin.name, unit=unit, label=text_in(form, "label"))
        return await self._people(request, admin, link=secret, link_for=text_in(form, "label"))

    async def end_wall(self, request: Request) -> Response:
        admin, wall_id = self.front.administrator(request), str(request.path_params["wall_id"])
        walls = await in_thread(self.front.people.walls)
        if not any(
            line.id == wall_id and self.front.units.covers(admin.unit, line.unit or "") for line in walls
        ):
            return self.front.refuse(request, 404, "not_found")
        await in_thread(self.front.people.sign_out, wall_id)
        log.info("wall_ended", by=admin.name, session=wall_id)
        return RedirectResponse("/people?done=people.wall_ended", 303)

    async def _access_person(self, request: Request, admin: Principal) -> Account:
        """The person in the path, if this administrator reaches them. Otherwise they are not there."""
        person = await in_thread(self.front.people.with_id, str(request.path_params["person_id"]))
        if person is None or not self.front.units.covers(admin.unit, person.unit):
            raise TurnedBack(self.front.refuse(request, 404, "not_found"))
        return person

    def _reached(self, admin: Principal, unit: str) -> str:
        if not self.front.units.covers(admin.unit, unit):
            raise AccountRefused("unknown_unit", f"there is no unit {unit} under {admin.unit}")
        return unit

    async def _show_link(self, request: Request, admin: Principal, person: Account) -> Response:
        secret = await in_thread(self.front.people.invite, person.name)
        log.info("invited", by=admin.name, name=person.name)
        return await self._people(request, admin, link=secret, link_for=person.name)

    async def _people(
        self,
        request: Request,
        admin: Principal,
        said: str = "",
        status: int = 200,
        done: str = "",
        link: str = "",
        link_for: str = "",
    ) -> Response:
        reached = set(self.front.units.subtree(admin.unit))
        everybody = await in_thread(self.front.people.all)
        walls = await in_thread(self.front.people.walls)
        return await self.front.screen(
            "people.html",
            request,
            status=status,
            said=said,
            done=done,
            link=f"{self.front.origin}/invitation/{link}" if link else "",
            link_for=link_for,
            link_hours=int(self.front.people.limits.invitation.total_seconds() // 3600),
            people=[person for person in everybody if person.unit in reached],
            walls=[line for line in walls if line.unit in reached],
            units=[unit for unit in self.front.units if unit.code in reached],
            name_of=partial(self.front.unit_name, request),
            all_posts=list(Post),
        )


def shown_in(form: FormData) -> dict[str, str]:
    """What of a form may stand in the operator's log."""
    return {field: text_in(form, field)[:64] for field in ("post", "unit") if field in form}
