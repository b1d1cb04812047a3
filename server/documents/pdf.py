"""The sheet as PDF, by typst. The same sheet gives the same bytes, and every typeface is embedded."""

from __future__ import annotations

from dataclasses import asdict

from server.documents.fonts import Shelf
from server.documents.sheet import Sheet


def pdf(sheet: Sheet, shelf: Shelf) -> bytes:
    """Raises `NoChineseType` when nothing here could draw it. Leaves other threads alone: call in one."""
    said = asdict(sheet)
    said["faces"] = shelf.faces(sheet.typefaces)
    said["page"] = sheet.page.model_dump()
    del said["typefaces"], said["at"]
    return shelf.print("report.typ", "sheet", said, sheet.at)
