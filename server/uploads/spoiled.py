"""Why a file is not taken, and what came of one that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Every code that a file can be refused with; `server/sentences.py` says each to the person.
CODES = (
    "file-empty",
    "file-kind-unknown",
    "file-heic",
    "file-broken",
    "file-too-heavy",
    "picture-too-large",
    "pdf-locked",
    "pdf-too-long",
)


class Spoiled(Exception):
    """The file is not taken. `code` is one of CODES."""

    def __init__(self, code: str) -> None:
        assert code in CODES
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Made:
    """What a file was made into: its kind, what was seen in it, and what was left out."""

    media_type: str
    width: int | None = None
    height: int | None = None
    pages: int | None = None
    taken: str | None = None
    lon: float | None = None
    lat: float | None = None
    removed: list[str] = field(default_factory=list)
    has_preview: bool = False

    def about(self) -> dict[str, Any]:
        names = ("width", "height", "pages", "taken", "lon", "lat")
        said = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return {**said, "removed": self.removed}
