"""A form of the incident command system (事故指挥系统表格): numbered blocks on paper, PDF by typst.

Pure but for the typefaces. Words come in as data and are printed as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from schemas.forms import Typefaces
from server.documents.fonts import Shelf
from server.documents.sheet import one_line, printable


@dataclass(frozen=True, slots=True)
class Block:
    """A block: lines of text, or a table with a head. `none`: what stands there when there is nothing."""

    number: str
    name: str
    lines: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    widths: tuple[int, ...] = ()
    none: str = "—"


@dataclass(frozen=True, slots=True)
class Form:
    """A form filled in. `notice`: drill, over every page; `at`: of what moment of the record it is."""

    code: str
    name: str
    lang: str
    incident: str
    under: str
    notice: str
    foot: str
    blocks: tuple[Block, ...]
    at: datetime
    typefaces: Typefaces


def text_block(number: str, name: str, lines: Iterable[str], none: str) -> Block:
    said = tuple(printable(one) for one in lines if one and one.strip())
    return Block(number, name, lines=said, none=none)


def table_block(
    number: str,
    name: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    widths: Sequence[int],
    none: str,
) -> Block:
    """`widths`: the share of the paper that each column has."""
    made = tuple(tuple(printable(cell) for cell in row) for row in rows)
    if len(widths) != len(head) or any(len(row) != len(head) for row in made):
        raise ValueError(f"block {number}: every row has as many cells as the head")
    return Block(number, name, head=tuple(head), rows=made, widths=tuple(widths), none=none)


def form_pdf(form: Form, shelf: Shelf) -> bytes:
    """The same form, the same bytes. Raises `NoChineseType` when nothing here could draw it."""
    said = asdict(form)
    said["faces"] = shelf.faces(form.typefaces)
    said["incident"] = one_line(form.incident)
    said["region"] = "cn" if form.lang == "zh" else "us"
    del said["typefaces"], said["at"]
    return shelf.print("form.typ", "form", said, form.at)
