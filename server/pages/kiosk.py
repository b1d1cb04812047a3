"""What a wall screen keeps for the time when its server is away: a page that says so, a worker to show it.

Both say the same to everybody, and nothing of what a desk knows. A browser keeps a worker only where the
address is a safe one (https, or this machine itself): docs/walls.md says what to do elsewhere.
"""

from __future__ import annotations

import hashlib

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.people.accounts import LANGUAGES, Language
from server.screens.static_files import FOLDER, STATIC_PATH
from server.screens.texts import language_of
from server.screens.views import Views

WAITING = "/wall/waiting"
SHEETS = ("app.css", "signs.css", "wall.css")
FILES = (*SHEETS, "theme.js", "wall_waiting.js")


class Kiosk:
    """The two answers, made once."""

    def __init__(self, views: Views) -> None:
        self._pages: dict[Language, bytes] = {
            lang: views.render("wall_waiting.html", lang, sheets=SHEETS).encode() for lang in LANGUAGES
        }
        files = [WAITING, *(f"{STATIC_PATH}/{name}" for name in FILES)]
        source = (FOLDER / "wall_worker.js").read_bytes()
        kept = b"".join((orjson.dumps(files), source, *self._pages.values()))
        version = hashlib.sha256(kept).hexdigest()[:12]
        head = f'const VERSION = "{version}";\nconst FILES = {orjson.dumps(files).decode()};\n'
        self._worker = head.encode() + source

    def routes(self) -> list[BaseRoute]:
        async def waiting(request: Request) -> Response:
            return _said(self._pages[language_of(request)], "text/html; charset=utf-8")

        async def worker(_request: Request) -> Response:
            return _said(self._worker, "text/javascript; charset=utf-8")

        return [Route(WAITING, waiting), Route("/wall/sw.js", worker)]


def _said(body: bytes, media_type: str) -> Response:
    headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/wall"}
    return Response(body, headers=headers, media_type=media_type)
