"""Where reports are printed: off the event loop, two at a time, what was printed before at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import anyio
import orjson
from anyio.to_thread import run_sync

from server.documents.book import Book, book_pdf
from server.documents.figures import FigureBook, figures_pdf
from server.documents.fonts import Shelf
from server.documents.form import Form, form_pdf
from server.documents.pdf import pdf
from server.documents.sheet import Sheet

Kind = Literal["docx", "pdf"]
TYPES: dict[str, str] = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
}
#: A download is a file and nothing else, whatever a browser thinks of its content.
DOWNLOAD = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
AT_ONCE = 2
MOST_WAITING = 16
LONGEST_S = 30.0
MOST_KEPT = 16 * 1024 * 1024  # bytes
MOST_OF_NAME = 80


class Busy(Exception):
    """More are waiting to be printed than can be printed in good time."""


class Press:
    """Prints sheets. One for a process; `folder` holds typefaces of the operator's own."""

    def __init__(self, folder: Path | None = None) -> None:
        self.shelf = Shelf(folder)
        self._room = anyio.CapacityLimiter(AT_ONCE)
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._waiting = 0

    async def printed(self, kind: Kind, sheet: Sheet) -> bytes:
        """The file. Raises `Busy`, `NoChineseType`, or TimeoutError when it takes too long."""
        return await self._made(kind, sheet, partial(self._print, kind, sheet))

    async def bound(self, book: Book) -> bytes:
        """A day of the duty log as PDF. Raises the same."""
        return await self._made("book", book, partial(book_pdf, book, self.shelf))

    async def tabled(self, figures: FigureBook) -> bytes:
        """Figures as PDF. Raises the same."""
        return await self._made("figures", figures, partial(figures_pdf, figures, self.shelf))

    async def formed(self, form: Form) -> bytes:
        """A form of the command system as PDF. Raises the same."""
        return await self._made("form", form, partial(form_pdf, form, self.shelf))

    async def _made(
        self, kind: str, said: Sheet | Book | FigureBook | Form, make: Callable[[], bytes]
    ) -> bytes:
        key = sha256(kind.encode() + orjson.dumps(asdict(said), default=_plain)).digest()
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            with anyio.fail_after(LONGEST_S):
                made = await run_sync(make, limiter=self._room, abandon_on_cancel=True)
        finally:
            self._waiting -= 1
        self._keep(key, made)
        return made

    def _print(self, kind: Kind, sheet: Sheet) -> bytes:
        if kind == "pdf":
            return pdf(sheet, self.shelf)
        from server.documents.docx import docx  # its library is read by the first who asks for one

        return docx(sheet)

    def _keep(self, key: bytes, made: bytes) -> None:
        self._kept[key] = made
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > MOST_KEPT:
            self._kept.popitem(last=False)


def _plain(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(type(value).__name__)
    return dump()


def file_name(sheet: Sheet, kind: str) -> str:
    """演练 秦皇岛市应急管理局值班快报〔2026〕第1期（首报） 卢龙县….pdf: what no file system refuses."""
    words = f"{sheet.notice} {sheet.masthead}{sheet.issue} {sheet.title}".strip()
    kept = "".join("_" if character in '\\/:*?"<>|%' else character for character in words)
    kept = kept.strip(" .")[:MOST_OF_NAME].strip(" .")
    return f"{kept}.{kind}"


def disposition(name: str, plain: str) -> str:
    """As a download under its own name (RFC 6266, 5987), and a plain one for what knows only ASCII."""
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
