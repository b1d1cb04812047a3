"""A request for a page, with what every page needs of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

from anyio.to_thread import run_sync
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from schemas.commands import COMMANDS
from server.domain.permissions import READS_RESTRICTED, may
from server.gate.auth import principal_of
from server.parts import Parts
from server.people.accounts import Language, Principal
from server.record import duty_reading, reading
from server.screens.board import Card
from server.screens.dossier import Dossier, dossier
from server.screens.duty_bar import Notice, notices
from server.screens.packing import packed
from server.screens.texts import language_of
from server.screens.upstream_line import upstream_line
from server.screens.wording import BEIJING, Wording

MOST_LINES = 300  # of the log, unless all are asked for
#: From so many bytes on a page travels packed: a megabyte of five hundred incidents is a twentieth then.
WORTH_PACKING = 16 * 1024


class Asked:
    """A request with what every page needs of it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.parts: Parts = request.app.state.parts
        self.principal: Principal = principal_of(request.scope)
        self.lang: Language = language_of(request)
        self.now: datetime = self.parts.now()
        self.wording: Wording = self.parts.views.wording(self.lang)
        self.epoch, self.head = "", 0

    def note_head(self) -> None:
        """Where the stream stands before anything is read: a page listens on from here and misses nothing."""
        log = reading.StreamLog(self.parts.database)
        self.epoch, self.head = log.epoch(), log.head(self.viewer)

    @property
    def viewer(self) -> str:
        return self.principal.unit

    def may(self, command: str) -> bool:
        return not self.principal.read_only and may(self.principal.post, command)

    @property
    def reads_restricted(self) -> bool:
        """Whether who gave a tip is told to whoever looks."""
        return self.principal.post in READS_RESTRICTED and not self.principal.read_only

    def dossier(self, incident_id: str) -> Dossier | None:
        """An incident worked out for printing; None when there is none that this unit may see."""
        shown = reading.incident(
            self.parts.database,
            self.viewer,
            incident_id,
            self.now,
            restricted=self.reads_restricted,
        )
        if shown is None:
            return None
        limit = None if self.request.query_params.get("all") == "1" else MOST_LINES
        rules = self.parts.views.rules_now()
        return dossier(shown, self.viewer, self.now, self.wording, rules, limit)

    def rows(self, screen: str, cards: Iterable[Card]) -> list[Markup]:
        """Cards of the board as rows of a kind of screen."""
        return self.parts.views.rows(screen, cards, self.viewer, self.lang)

    def page(self, name: str, status: int = 200, **context: Any) -> HTMLResponse:
        """A whole page. Blocking; call in a thread."""
        return self.parts.views(name, self.request, status=status, **self._given(), **context)

    def piece(self, name: str, **context: Any) -> HTMLResponse:
        """Pieces of a page, each with its id."""
        return self.page(name, **context)

    def _duty(self) -> dict[str, Any] | None:
        """Who is on now and next, for the head of a page; None for a unit without a roster."""
        return duty_reading.on_duty(self.parts.database, [self.viewer], self.now).get(self.viewer)

    def _notices(self) -> list[Notice]:
        return notices(self.parts.database, self.viewer, self.now, self.wording)

    def _upstream_line(self) -> str:
        """How it stands with the desk above; empty when all is well."""
        above = self.parts.upward
        return (
            ""
            if above is None
            else upstream_line(above.state(), self.now, self.wording, len(above.not_taken))
        )

    def _given(self) -> dict[str, Any]:
        unit = self.parts.tree.get(self.viewer)
        return {
            "words": self.wording,
            "now": self.now,
            "today": self.now.astimezone(BEIJING).strftime("%Y-%m-%d"),
            "viewer": self.viewer,
            "unit_name": self.wording.unit(self.viewer),
            "unit_rank": unit.rank if unit else "department",
            "may": self.may,
            "epoch": self.epoch,
            "head": self.head,
            "clock_age_ms": self.parts.clock_age_ms(),
            "duty": self._duty,
            "notices": self._notices,
            "upstream_line": None if self.parts.upward is None else self._upstream_line,
            "commands": tuple(name for name in COMMANDS if self.may(name)),
        }


def no_such_page(asked: Asked) -> Response:
    return asked.page("missing.html", 404, said=asked.wording.say("missing.page"))


def page(render: Callable[[Asked], Response]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that reads and renders in a worker thread."""

    async def endpoint(request: Request) -> Response:
        return await run_sync(answered, render, Asked(request))

    return endpoint


def answered(render: Callable[[Asked], Response], asked: Asked) -> Response:
    """What such an endpoint answers. Blocking."""
    asked.note_head()
    answer = render(asked)
    if isinstance(answer, HTMLResponse):
        _pack(answer, asked.request)
    return answer


def _pack(answer: Response, request: Request) -> None:
    """In the worker thread, because a large page takes longer than the event loop may stand still.

    A page whose address says anything stays as it is: where words of a stranger's choosing are packed with
    the desk's own, the length tells of those (BREACH).
    """
    answer.headers.add_vary_header("Accept-Encoding")
    if len(answer.body) < WORTH_PACKING or request.url.query:
        return
    answer.body, coding = packed(bytes(answer.body), request.headers)
    if coding is None:
        return
    answer.headers["Content-Encoding"] = coding
    answer.headers["Content-Length"] = str(len(answer.body))
