"""Templates to HTML: one autoescaping environment for every page, so that no text is taken for markup."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from server.screens.texts import Texts, language_of

FOLDER = Path(__file__).resolve().parent.parent.parent / "web" / "templates"
BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")


def beijing(moment: datetime | None) -> str:
    """2026-11-23 14:05, as the people at the desk read their clock; a dash for never."""
    return "—" if moment is None else moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")


class Renderer:
    """Renders a template for whoever asks. Every template has `t` (texts), `lang`, `principal`, `path`."""

    def __init__(self, texts: Texts | None = None, folder: Path = FOLDER) -> None:
        self.texts = texts or Texts()
        self.environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            auto_reload=False,  # they are the program's: a row of the board would look at its file each time
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters["beijing"] = beijing

    def __call__(
        self,
        name: str,
        request: Request,
        /,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: object,
    ) -> HTMLResponse:
        language = language_of(request)
        html = self.environment.get_template(name).render(
            t=partial(self.texts.say, language),
            lang=language,
            principal=request.scope.get("state", {}).get("principal"),
            path=request.scope["path"],
            **context,
        )
        return HTMLResponse(html, status, headers=dict(headers or {}))
