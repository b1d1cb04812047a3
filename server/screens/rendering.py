"""Templates to HTML: one autoescaping environment for every page, so that no text is taken for markup."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

from jinja2 import BytecodeCache, Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from server.screens.texts import Texts, language_of

FOLDER = Path(__file__).resolve().parent.parent.parent / "web" / "templates"
BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")


def beijing(moment: datetime | None) -> str:
    """2026-11-23 14:05, as the people at the desk read their clock; a dash for never."""
    return "—" if moment is None else moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")


def compiled(folder: Path) -> BytecodeCache | None:
    """Where templates are kept compiled, beside them as Python keeps its modules; not where nobody may write.

    All of them took 0.8 s of a new process, each at the first look at its page. What was compiled from
    another text is not used; change the name with the environment's options.
    """
    kept = Path(sys.pycache_prefix or folder.parent) / "__pycache__"
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return FileSystemBytecodeCache(str(kept), "template1_%s.cache") if os.access(kept, os.W_OK) else None


class Renderer:
    """Renders a template for whoever asks. Every template has `t` (texts), `lang`, `principal`, `path`."""

    def __init__(self, texts: Texts | None = None, folder: Path = FOLDER) -> None:
        self.texts = texts or Texts()
        self.environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            auto_reload=False,  # they are the program's: a row of the board would look at its file each time
            bytecode_cache=compiled(folder),
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
