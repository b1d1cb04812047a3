"""What the pages about people share: answering in the asker's words, forms, and turning back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

import anyio.to_thread
import structlog
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from schemas.terms import Post
from server.domain.units import UnitTree
from server.gate.auth import principal_of
from server.gate.cookies import is_secure
from server.pages.asked import Asked
from server.people.people import AccountRefused, People, Principal
from server.screens.texts import Texts, language_of

P = ParamSpec("P")
T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger("fenghuo.people")


class Render(Protocol):
    """A template for whoever asks: `views.render`."""

    def __call__(
        self, name: str, request: Request, /, *, status: int = 200, headers: Any = None, **context: Any
    ) -> Response: ...


class TurnedBack(Exception):
    """An answer to give at once, from wherever it is found out."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


class Front:
    """The people and units of the desk, and how to speak to whoever asks about them.

    `origin` is the desk's own address as browsers write it; one-time links begin with it.
    """

    def __init__(
        self,
        people: People,
        units: UnitTree,
        texts: Texts,
        render: Render,
        *,
        origin: str = "",
        secure: bool = False,
    ) -> None:
        self.people = people
        self.units = units
        self.texts = texts
        self.render = render
        self.origin = origin
        self._always_secure = secure

    def person(self, request: Request) -> Principal:
        """Somebody in person: no token, no wall. A leaked token must not make itself an account."""
        principal = principal_of(request.scope)
        if principal.kind != "session":
            raise TurnedBack(self.refuse(request, 403, "not_permitted"))
        return principal

    def administrator(self, request: Request) -> Principal:
        """The same, of the one post that lets people and programs in."""
        principal = self.person(request)
        if principal.post is not Post.ADMIN:
            raise TurnedBack(self.refuse(request, 403, "not_permitted"))
        return principal

    def is_secure(self, request: Request) -> bool:
        return is_secure(request.scope, self._always_secure)

    def say(self, request: Request, slug: str, /, **values: object) -> str:
        return self.texts.say(language_of(request), slug, **values)

    def unit_name(self, request: Request, code: str) -> str:
        return self.units.name_of(code, language_of(request))

    def done(self, request: Request, *allowed: str) -> str:
        """What was just done, named in the address; only what may stand there is ever shown."""
        done = request.query_params.get("done")
        return self.say(request, done) if done in allowed else ""

    async def screen(
        self,
        name: str,
        request: Request,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A page of somebody signed in, with what stands over all of theirs: who is on duty, what calls."""
        asked = Asked(request)

        def made() -> Response:
            asked.note_head()
            return asked.page(name, status, **context)

        answer = await in_thread(made)
        answer.headers.update(headers or {})
        return answer

    def refuse(self, request: Request, status: int, slug: str) -> Response:
        return self.render("refused.html", request, status=status, said=self.say(request, f"refused.{slug}"))


def guarded(endpoint: Endpoint) -> Endpoint:
    """The endpoint, whose TurnedBack is its answer."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except TurnedBack as turned_back:
            return turned_back.answer

    return answer


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await anyio.to_thread.run_sync(partial(call, *args, **kwargs))


async def form_of(request: Request) -> FormData:
    return await request.form(max_files=0, max_fields=20, max_part_size=64 * 1024)


def text_in(form: FormData, field: str) -> str:
    value = form.get(field, "")
    return value if isinstance(value, str) else ""


def twice_in(form: FormData) -> str:
    """A new password, typed twice alike."""
    if text_in(form, "password") != text_in(form, "again"):
        raise AccountRefused("password_differs", "the two passwords differ")
    return text_in(form, "password")


def address_of(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def browser_of(request: Request) -> str:
    """How the browser calls itself, for the list of sessions; nothing is decided by it."""
    text = request.headers.get("user-agent", "")
    return "".join(character for character in text if character.isprintable())[:120]
