"""A table as a file that another program opens: XLSX, CSV, JSON; row by row, whatever their number.

Nothing in a CSV is ever a formula: a spreadsheet that opens one takes a text that begins with one of a few
characters for code, so such a text gets an apostrophe before it. It begins with a byte order mark, without
which WPS and Excel show Chinese as noise. An instant is local time with its zone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO

import orjson

from server.documents.spreadsheets import Cell, Sheet, fitting, pieces
from server.domain.periods import BEIJING

Value = Cell | datetime
MEDIA = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}
#: How a formula begins, in a spreadsheet of whatever country: also in full width.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")
_AT_ONCE = 200  # rows in a piece
_WIDTH, _WIDE = 18, 40


@dataclass(slots=True)
class Table:
    """What is exported. `columns`: a name for programs and a word for people. `about` stands above the rows.

    `more` is said below them when `most` were written and there are more.
    """

    name: str
    columns: Sequence[tuple[str, str]]
    rows: Iterable[Sequence[Value]]
    about: Sequence[tuple[str, str, Value]] = ()
    most: int = 100_000
    more: str = ""
    written: int = field(default=0)
    cut: bool = field(default=False)

    def taken(self) -> Iterator[Sequence[Value]]:
        """The rows, no more than so many."""
        for row in self.rows:
            if self.written >= self.most:
                self.cut = True
                return
            self.written += 1
            yield row


def written(table: Table, kind: str) -> Iterator[bytes]:
    """The table as a file of a kind, piece by piece."""
    return {"xlsx": _xlsx, "csv": _csv, "json": _json}[kind](table)


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula, also one that skips what stands before it."""
    text = fitting(text)
    if text[:1] in ("\t", "\r", "\n") or text.lstrip().startswith(_FORMULA):
        return "'" + text
    return text


def local(at: datetime) -> str:
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S") + " UTC+8"


def _xlsx(table: Table) -> Iterator[bytes]:
    def rows() -> Iterator[Sequence[Cell]]:
        for row in table.taken():
            yield [_plain(cell) for cell in row]
        if table.cut:
            yield [table.more]

    head = [(word, _plain(value)) for _name, word, value in table.about]
    widths = [_WIDE if name in ("title", "text", "place", "rule") else _WIDTH for name, _ in table.columns]
    return pieces([Sheet(table.name, [word for _, word in table.columns], rows(), head, widths)])


def _csv(table: Table) -> Iterator[bytes]:
    buffer = StringIO()
    # Every text in quotes: a program that splits at something else than commas makes no new cell of a text.
    out = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC)

    def line(cells: Iterable[Value]) -> None:
        plain = (_plain(cell) for cell in cells)
        out.writerow(
            [safe(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in plain]
        )

    def drained() -> bytes:
        made = buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
        return made

    for _name, word, value in table.about:
        line((word, value))
    buffer.write("\r\n")
    line(word for _, word in table.columns)
    yield b"\xef\xbb\xbf" + drained()
    for number, row in enumerate(table.taken(), start=1):
        line(row)
        if number % _AT_ONCE == 0:
            yield drained()
    if table.cut:
        line((table.more,))
    yield drained()


def _json(table: Table) -> Iterator[bytes]:
    about = {name: _wire(value) for name, _word, value in table.about}
    yield b'{"about":' + orjson.dumps(about) + b',"rows":['
    names = [name for name, _ in table.columns]
    waiting: list[bytes] = []
    for number, row in enumerate(table.taken()):
        made = orjson.dumps(dict(zip(names, map(_wire, row), strict=True)))
        waiting.append(made if number == 0 else b"," + made)
        if len(waiting) >= _AT_ONCE:
            yield b"".join(waiting)
            waiting.clear()
    yield b"".join(waiting) + b'],"more":' + (orjson.dumps(table.more) if table.cut else b"null") + b"}"


def _plain(value: Value) -> Cell:
    return local(value) if isinstance(value, datetime) else value


def _wire(value: Value) -> Cell:
    return value.astimezone(BEIJING).isoformat() if isinstance(value, datetime) else value
