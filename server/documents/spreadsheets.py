"""Tables as XLSX. What is text stays text: no cell is ever a formula, a link or a number that nobody meant.

Rows are written as they come and forgotten: a book of a hundred thousand rows takes no more memory than one
of ten. The finished file lies on disk until it has been read.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, Any

Cell = str | int | float | bool | None

#: What the format holds: so many characters in a cell, so many rows on a sheet, so long a name.
LONGEST_TEXT = 32_767
MOST_ROWS = 1_048_576
LONGEST_NAME = 31
#: Neither XML nor a reader of spreadsheets takes these.
_NEVER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
#: A number a spreadsheet would round is written as the text it is.
_EXACT = 10**15
_PIECE = 64 * 1024
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: lines that say what it is, the columns' names, the rows; `widths` in characters."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    head: Sequence[Sequence[Cell]] = ()
    widths: Sequence[int] = field(default=())


def workbook(sheets: Iterable[Sheet]) -> bytes:
    """The book as one piece, for what is known to be small."""
    whole = BytesIO()
    _write(whole, sheets)
    return whole.getvalue()


def pieces(sheets: Iterable[Sheet]) -> Iterator[bytes]:
    """The same, piece by piece, over a file that is gone afterwards."""
    with tempfile.TemporaryFile() as file:
        _write(file, sheets)
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def fitting(text: str) -> str:
    """The text without what a spreadsheet cannot hold; one that is too long says that it goes on."""
    text = _NEVER.sub("\ufffd", text)
    # The format counts in UTF-16: a character outside the first plane is two.
    if len(text) * 2 <= LONGEST_TEXT or len(text.encode("utf-16-le")) // 2 <= LONGEST_TEXT:
        return text
    units = text.encode("utf-16-le")[: (LONGEST_TEXT - 1) * 2]
    return units.decode("utf-16-le", "ignore") + "…"


def _write(target: IO[bytes], sheets: Iterable[Sheet]) -> None:
    import xlsxwriter  # read by the first who asks for a table

    with xlsxwriter.Workbook(target, _OPTIONS) as book:
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        plain = book.add_format({"valign": "top", "text_wrap": True})
        names: set[str] = set()
        for sheet in sheets:
            page = book.add_worksheet(_name(sheet.name, names))
            for column, width in enumerate(sheet.widths):
                page.set_column(column, column, width)
            at = 0
            for line in sheet.head:
                _row(page, at, line, None)
                at += 1
            if at:
                at += 1
            page.freeze_panes(at + 1, 0)
            _row(page, at, sheet.columns, bold)
            for row in sheet.rows:
                at += 1
                if at >= MOST_ROWS:
                    raise ValueError(f"a sheet holds {MOST_ROWS} rows")
                _row(page, at, row, plain)


def _row(page: Any, at: int, cells: Sequence[Cell], look: Any) -> None:
    for column, cell in enumerate(cells):
        if cell is None or cell == "":
            continue
        if isinstance(cell, bool):
            page.write_boolean(at, column, cell, look)
        elif isinstance(cell, (int, float)) and -_EXACT < cell < _EXACT:
            page.write_number(at, column, cell, look)
        else:
            text = fitting(str(cell)).replace("\r\n", "\n").replace("\r", "\n")
            page.write_string(at, column, text, look)


def _name(wanted: str, taken: set[str]) -> str:
    """A name the format allows and no other sheet of the book has."""
    clean = _NEVER.sub("", _NOT_IN_A_NAME.sub(" ", wanted)).strip(" '")[:LONGEST_NAME] or "1"
    name, number = clean, 2
    while name.casefold() in taken:
        ending = f" {number}"
        name, number = clean[: LONGEST_NAME - len(ending)] + ending, number + 1
    taken.add(name.casefold())
    return name
