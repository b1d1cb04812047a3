"""Which typefaces this machine has, and which a form gets. No Chinese type: said, not printed as boxes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
import typst

from schemas.forms import Typefaces

ROLES = ("title", "body", "hei", "kai", "song")
#: Families that draw Chinese, by their names: what else is there (DejaVu, Liberation) draws boxes.
_CHINESE = re.compile(
    r"CJK|Source Han|WenQuanYi|Droid Sans Fallback|SimSun|SimHei|FangSong|KaiTi|Song|YaHei|PingFang|Hei\b"
    r"|[\u4e00-\u9fff]",
    re.IGNORECASE,
)


class NoChineseType(Exception):
    """There is no typeface here that could print the report."""


class Shelf:
    """The machine's typefaces and those of the operator's folder. Looked through once, when first asked."""

    def __init__(self, folder: Path | None = None, *, system: bool = True) -> None:
        self._folder, self._system, self._lock = folder, system, Lock()

    @cached_property
    def fonts(self) -> typst.Fonts:
        folders = [str(self._folder)] if self._folder is not None and self._folder.is_dir() else []
        return typst.Fonts(
            include_system_fonts=self._system, include_embedded_fonts=False, font_paths=folders
        )

    @cached_property
    def _families(self) -> dict[str, str]:
        return {name.casefold(): name for name in self.fonts.families()}

    def faces(self, wanted: Typefaces) -> dict[str, list[str]]:
        """For each use the typefaces that are here, the wanted one first. Raises `NoChineseType`."""
        with self._lock:
            families = self._families
        chinese = [name for name in families.values() if _CHINESE.search(name)]
        if not chinese:
            raise NoChineseType
        return {role: self._of(getattr(wanted, role), families, chinese) for role in ROLES}

    def print(self, template: str, name: str, said: dict[str, Any], at: datetime) -> bytes:
        """What is said, under its name in a template beside this file, as PDF: the same in, the same out.

        Leaves other threads alone: call in one.
        """
        compiler = typst.Compiler(
            resources.files("server.documents").joinpath(template).read_bytes(),
            font_paths=self.fonts,
            ignore_system_fonts=True,
            sys_inputs={name: orjson.dumps(said).decode()},
        )
        made = compiler.compile(format="pdf", timestamp=int(at.timestamp()))
        assert isinstance(made, bytes)
        return made

    def _of(self, names: Iterable[str], families: dict[str, str], chinese: list[str]) -> list[str]:
        here = [families[name.casefold()] for name in names if name.casefold() in families]
        return here or chinese[:1]
