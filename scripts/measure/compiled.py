"""C compiled on the spot, where there is a compiler; and on which of the processors each process runs."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


@functools.cache
def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fenghuo-compiled-"))


@functools.cache
def compiled(name: str) -> str | None:
    """The program made from `name`.c beside this file; None without a C compiler."""
    compiler = shutil.which(os.environ.get("CC") or "cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    program = folder() / name
    subprocess.run([compiler, "-O2", "-o", program, HERE / f"{name}.c"], check=True)
    return str(program)


def throw_away() -> None:
    """Delete what was compiled."""
    if folder.cache_info().currsize:
        shutil.rmtree(folder(), ignore_errors=True)
        folder.cache_clear()
        compiled.cache_clear()


def pinned(place: int) -> None:
    """Keep this process, and what it starts, on one processor: 0 for the server, 1 for its load."""
    mine = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {mine[place % len(mine)]})
