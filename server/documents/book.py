"""A day of the duty log as a bound book (值班日志): PDF by typst, pages numbered under the chain's head.

Pure but for the typefaces. Words come in as data and are printed as they are.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from datetime import datetime

import segno

from schemas.forms import Typefaces
from server.documents.fonts import Shelf
from server.documents.sheet import one_line, printable


@dataclass(frozen=True, slots=True)
class BookLine:
    """An entry: its number in the unit's stream, when it was stored and when it happened."""

    number: str
    stored: str
    happened: str
    incident: str
    label: str
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that is printed. `notice`: that the day is not over yet, or nothing."""

    unit: str
    day: str
    notice: str
    shifts: tuple[tuple[str, str, str], ...]
    lines: tuple[BookLine, ...]
    signatures: tuple[tuple[str, str, str], ...]
    before_sha256: str
    sha256: str
    sm3: str
    as_of: str
    qr: str
    at: datetime
    typefaces: Typefaces


def line(number: int, stored: str, happened: str, incident: str, label: str, text: str, by: str) -> BookLine:
    """A line without what no printer prints."""
    return BookLine(
        str(number), stored, happened, one_line(incident), one_line(label), printable(text), one_line(by)
    )


def qr_text(unit: str, day: str, as_of: str, first: int, last: int, sha256: str, sm3: str) -> str:
    """What the code says: enough to ask `fenghuo verify --head`, without the book."""
    return (
        f"FENGHUO-DUTYLOG 1\nunit={unit}\nday={day}\nas-of={as_of}\nentries={first}-{last}\n"
        f"sha256={sha256}\nsm3={sm3}"
    )


def qr_svg(text: str) -> str:
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=4, xmldecl=False)
    return out.getvalue().decode()


def book_pdf(book: Book, shelf: Shelf) -> bytes:
    """The same book, the same bytes. Raises `NoChineseType` when nothing here could draw it."""
    said = asdict(book)
    said["faces"] = shelf.faces(book.typefaces)
    said["code"] = qr_svg(book.qr)
    del said["typefaces"], said["at"]
    return shelf.print("book.typ", "book", said, book.at)
