"""Pages about oneself: signing in and out, one-time links, one's own account.

OWASP ASVS 5.0: 6.2.2, 6.2.3, 6.2.6, 6.2.7, 6.4.1, 7.2.4, 7.4.1, 7.4.3, 7.4.4, 7.5.1, 16.2.1, 16.3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from server.gate.auth import principal_of, safe_next
from server.gate.cookies import DEVICE, DEVICE_LASTS, SESSION, TABLET, delete_cookie, read_cookie, set_cookie
from server.pages.front import (
    Front,
    address_of,
    browser_of,
    form_of,
    guarded,
    in_thread,
    log,
    text_in,
    twice_in,
)
from server.people.accounts import SessionSecret
from server.people.people import AccountRefused, TryLater

P = ParamSpec("P")
T = TypeVar("T")

HASHES_AT_ONCE, HASHES_WAITING = 4, 32


class AccountPages:
    """The routes by which one comes in, looks after oneself, and goes."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self._hash_places = anyio.CapacityLimiter(HASHES_AT_ONCE)
        self._hashing = 0

    def routes(self) -> list[Route]:
        post = ["POST"]
        return [
            Route("/sign-in", self.sign_in_page),
            Route("/sign-in", self.sign_in, methods=post),
            Route("/sign-out", self.sign_out, methods=post),
            Route("/invitation/{secret}", self.invitation_page),
            Route("/invitation/{secret}", self.accept, methods=post),
            Route("/account", guarded(self.account_page)),
            Route("/account/language", guarded(self.change_language), methods=post),
            Route("/account/password", guarded(self.change_password), methods=post),
            Route("/account/sessions/end", guarded(self.end_own_session), methods=post),
        ]

    # --- signing in and out -------------------------------------------------------------------------------

    async def sign_in_page(self, request: Request) -> Response:
        return self._sign_in_again(request, safe_next(request.query_params.get("next")))

    async def sign_in(self, request: Request) -> Response:
        form = await form_of(request)
        name, target = text_in(form, "name"), safe_next(text_in(form, "next"))
        try:
            session = await self._hashed(
                self.front.people.sign_in,
                name,
                text_in(form, "password"),
                address_of(request),
                device=read_cookie(request.scope, DEVICE, self.front.is_secure(request)),
                label=browser_of(request),
            )
        except TryLater as wait:
            seconds = math.ceil(wait.seconds)
            log.warning("sign_in_delayed", address=address_of(request), seconds=seconds)
            said = self.front.say(request, "sign_in.wait", seconds=seconds)
            return self._sign_in_again(request, target, name, said, 429, {"Retry-After": str(seconds)})
        if session is None:
            known = await in_thread(
                self.front.people.get, name
            )  # what is no name may be a password: not logged
            log.warning("sign_in_failed", address=address_of(request), name=known.name if known else None)
            # A 401 needs a challenge; browsers know none for forms and ignore this one.
            challenge = {"WWW-Authenticate": 'Bearer realm="fenghuo"'}
            return self._sign_in_again(
                request, target, name, self.front.say(request, "sign_in.wrong"), 401, challenge
            )
        await self._end_previous_session(request)
        log.info("signed_in", name=name, session=session.session_id, address=address_of(request))
        response = RedirectResponse(target, 303)
        self._give(request, response, session)
        return response

    async def sign_out(self, request: Request) -> Response:
        principal = principal_of(request.scope)
        if principal.kind == "token":
            return self.front.refuse(request, 403, "not_permitted")
        on_tablet = await in_thread(self.front.people.sign_out, principal.session_id)
        on_tablet = on_tablet or "tablet" in request.query_params
        on_tablet = on_tablet or read_cookie(request.scope, TABLET, self.front.is_secure(request)) is not None
        log.info("signed_out", session=principal.session_id, name=principal.name)
        # A tablet's store is sealed by its person's PIN, and may hold what could not be sent yet.
        cleared = '"cache"' if on_tablet else '"cache", "storage"'
        response = RedirectResponse("/sign-in", 303, headers={"Clear-Site-Data": cleared})
        delete_cookie(response, SESSION, self.front.is_secure(request))
        return response

    # --- one-time links -----------------------------------------------------------------------------------

    async def invitation_page(self, request: Request) -> Response:
        return await self._invitation(request)

    async def accept(self, request: Request) -> Response:
        secret = request.path_params["secret"]
        invited = await in_thread(self.front.people.invited, secret)
        try:
            if invited is not None and invited.name is None:
                session = await in_thread(self.front.people.accept_wall, secret)
                await self._end_previous_session(request)
                log.info("wall_started", session=session.session_id, unit=invited.unit, label=invited.label)
                response = RedirectResponse("/wall", 303)
                self._give(request, response, session)
                return response
            password = twice_in(await form_of(request))
            person = await self._hashed(self.front.people.accept_invitation, secret, password)
        except AccountRefused as refused:
            return await self._invitation(request, self.front.say(request, f"refused.{refused.slug}"))
        except TryLater as wait:
            return await self._invitation(
                request, self.front.say(request, "sign_in.wait", seconds=math.ceil(wait.seconds))
            )
        log.info("invitation_accepted", name=person.name, address=address_of(request))
        return RedirectResponse("/sign-in", 303)

    # --- one's own account --------------------------------------------------------------------------------

    async def account_page(self, request: Request) -> Response:
        return await self._account(request, done=self.front.done(request, "account.session_ended"))

    async def change_language(self, request: Request) -> Response:
        principal, form = self.front.person(request), await form_of(request)
        try:
            await in_thread(self.front.people.change, principal.name, lang=text_in(form, "lang"))
        except AccountRefused as refused:
            return await self._account(request, self.front.say(request, f"refused.{refused.slug}"), 422)
        target = text_in(form, "next")  # the switch stands on every page
        return RedirectResponse(safe_next(target) if target else "/account", 303)

    async def change_password(self, request: Request) -> Response:
        principal, form = self.front.person(request), await form_of(request)
        try:
            await self._hashed(
                self.front.people.change_own_password, principal, text_in(form, "current"), twice_in(form)
            )
        except AccountRefused as refused:
            log.warning("password_not_changed", name=principal.name, why=refused.slug)
            return await self._account(request, self.front.say(request, f"refused.{refused.slug}"), 422)
        except TryLater as wait:
            seconds = math.ceil(wait.seconds)
            said = self.front.say(request, "sign_in.wait", seconds=seconds)
            return await self._account(request, said, 429, headers={"Retry-After": str(seconds)})
        log.info("password_changed", name=principal.name)
        return await self._account(request, done=self.front.say(request, "account.password_done"))

    async def end_own_session(self, request: Request) -> Response:
        principal, form = self.front.person(request), await form_of(request)
        which = text_in(form, "session")
        if which == "others":
            await in_thread(self.front.people.end_sessions, principal.name, keep=principal.session_id)
        else:
            own = await in_thread(self.front.people.sessions_of, principal.person_id)
            if which not in {line.id for line in own}:
                return self.front.refuse(request, 404, "not_found")
            await in_thread(self.front.people.sign_out, which)
        log.info("own_session_ended", name=principal.name, session=which)
        return RedirectResponse("/account?done=account.session_ended", 303)

    # --- inside -------------------------------------------------------------------------------------------

    async def _hashed(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what computes password hashes. Few at a time, so that guessing leaves the rest its threads."""
        if self._hashing >= HASHES_WAITING:
            raise TryLater(3)
        self._hashing += 1
        try:
            return await anyio.to_thread.run_sync(partial(call, *args, **kwargs), limiter=self._hash_places)
        finally:
            self._hashing -= 1

    async def _end_previous_session(self, request: Request) -> None:
        """A new session replaces the one this browser had: nothing that was known before signing in holds."""
        cookie = read_cookie(request.scope, SESSION, self.front.is_secure(request))
        previous = await in_thread(self.front.people.principal_for_session, cookie) if cookie else None
        if previous is not None:
            await in_thread(self.front.people.sign_out, previous.session_id)

    def _give(self, request: Request, response: Response, session: SessionSecret) -> None:
        secure = self.front.is_secure(request)
        if session.lasts is not None:
            set_cookie(response, SESSION, session.secret, session.lasts, secure)
        if session.device is not None:
            set_cookie(response, DEVICE, session.device, DEVICE_LASTS, secure)

    def _sign_in_again(
        self,
        request: Request,
        target: str,
        name: str = "",
        said: str = "",
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        return self.front.render(
            "sign_in.html", request, status=status, headers=headers, next=target, name=name, said=said
        )

    async def _invitation(self, request: Request, said: str = "") -> Response:
        invited = await in_thread(self.front.people.invited, request.path_params["secret"])
        name = self.front.unit_name(request, invited.unit) if invited else ""
        status = 410 if invited is None else 422 if said else 200
        return self.front.render(
            "invitation.html", request, status=status, invited=invited, unit_name=name, said=said
        )

    async def _account(
        self,
        request: Request,
        said: str = "",
        status: int = 200,
        done: str = "",
        headers: dict[str, str] | None = None,
    ) -> Response:
        principal = self.front.person(request)
        return await self.front.screen(
            "account.html",
            request,
            status=status,
            headers=headers,
            said=said,
            done=done,
            sessions=await in_thread(self.front.people.sessions_of, principal.person_id),
        )
