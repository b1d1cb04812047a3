"""Where files from outside are made anew: each in a child that is killed when it takes too long."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import anyio
import structlog

from server.uploads.spoiled import CODES, Made, Spoiled

log = structlog.get_logger()

AT_ONCE = 2
MOST_WAITING = 16
LONGEST_S = 40.0


class WorkshopBusy(Exception):
    """More wait than can be made in good time."""


class Workshop:
    """One for a process."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._room = anyio.CapacityLimiter(AT_ONCE)
        self._waiting = 0

    async def remade(self, source: Path, file: Path, preview: Path) -> Made:
        """What a file was made into. Raises `Spoiled` when it is not to be had, `WorkshopBusy`."""
        if self._waiting >= MOST_WAITING:
            raise WorkshopBusy
        self._waiting += 1
        try:
            async with self._room:
                return await self._in_a_child(source, file, preview)
        finally:
            self._waiting -= 1

    async def _in_a_child(self, source: Path, file: Path, preview: Path) -> Made:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            "server.uploads.child",
            str(source),
            str(file),
            str(preview),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=source.parent,
            env={"LANG": "C.UTF-8"},
        )
        try:
            said, _ = await asyncio.wait_for(child.communicate(), self._longest_s)
        except TimeoutError:
            log.warning("a file took too long to be opened", after_s=self._longest_s)
            raise Spoiled("file-too-heavy") from None
        finally:
            if child.returncode is None:
                child.kill()
                await asyncio.shield(child.wait())
        if child.returncode:  # stopped by its limits, or a decoder that fell over the file
            log.warning("a file could not be opened", exit=child.returncode)
            raise Spoiled("file-too-heavy" if child.returncode < 0 else "file-broken")
        told = json.loads(said)
        if (code := told.get("refused")) in CODES:
            raise Spoiled(code)
        return Made(**told)
