"""Figures on paper and in a spreadsheet: the same tables, one below the other or one a sheet.

Pure but for the typefaces. Words come in as data and are printed as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from schemas.forms import Typefaces
from server.documents.fonts import Shelf
from server.documents.sheet import one_line
from server.documents.spreadsheets import Cell, Sheet, pieces

_NAME, _FIGURE = 30, 14  # widths of columns, in characters


@dataclass(frozen=True, slots=True)
class FigureTable:
    """A table. Its first column is words, the others figures; `nothing` is said where it has no rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    nothing: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """A plot: of each column so many, and of these so many met."""

    title: str
    columns: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class FigureBook:
    """`about` stands above the tables: what, whose, of when. `page`: {page} and {pages} are put in."""

    title: str
    about: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    tables: tuple[FigureTable, ...]
    plots: tuple[Bars, ...]
    legend: tuple[str, str]
    page: tuple[str, str, str]
    lang: str
    at: datetime
    typefaces: Typefaces


def figures_xlsx(book: FigureBook) -> Iterator[bytes]:
    """A sheet for each table, piece by piece."""
    head = [list(one) for one in book.about] + [[note] for note in book.notes]
    return pieces(
        Sheet(
            table.title,
            table.columns,
            table.rows,
            head,
            [_NAME, *(_FIGURE for _ in table.columns[1:])],
        )
        for table in book.tables
    )


def figures_pdf(book: FigureBook, shelf: Shelf) -> bytes:
    """The same figures, the same bytes. Raises `NoChineseType` when nothing here could draw them."""
    said = asdict(book)
    said["faces"] = shelf.faces(book.typefaces)
    said["tables"] = [
        {
            "title": table.title,
            "columns": table.columns,
            "nothing": table.nothing,
            "rows": [["" if cell is None else one_line(str(cell)) for cell in row] for row in table.rows],
        }
        for table in book.tables
    ]
    del said["typefaces"], said["at"]
    return shelf.print("figures.typ", "book", said, book.at)
