"""The process in which a file from outside is opened: little memory, little time, no more than two files.

`python -m server.uploads.child SOURCE FILE PREVIEW` says in one line of JSON what it made, or why not.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from dataclasses import asdict
from pathlib import Path

from server.uploads.kinds import kind_of
from server.uploads.spoiled import Made, Spoiled

MEMORY = 1024 * 1024 * 1024
CPU_S = 20
MOST_WRITTEN = 64 * 1024 * 1024


def confine() -> None:
    """From here on this process is stopped by the kernel when it takes too much."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    os.nice(10)


def remake(source: Path, file: Path, preview: Path) -> Made:
    with source.open("rb") as opened:
        kind = kind_of(opened.read(64))
    # Only what this file needs is loaded.
    if kind in ("JPEG", "PNG", "WEBP"):
        from server.uploads import photos

        return photos.remake(source, kind, file, preview)
    if kind == "pdf":
        from server.uploads import papers

        return papers.remake(source, file)
    from server.uploads import sounds

    return sounds.remake(source, kind, file)


def main(source: str, file: str, preview: str) -> None:
    confine()
    try:
        said = asdict(remake(Path(source), Path(file), Path(preview)))
    except Spoiled as why:
        said = {"refused": why.code}
    except MemoryError:
        said = {"refused": "file-too-heavy"}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:4])
