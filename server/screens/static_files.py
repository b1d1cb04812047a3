"""The browser's files, under an address that changes when they do: kept for a year, and never stale.

`/static/<digest of all files>/desk.js` and `/static/desk.js` are the same file; only the first may be kept
without asking again, so a screen that was left open through an upgrade gets the new files at its next load.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from functools import lru_cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from server.screens.packing import takes

#: Kinds that get much smaller, under an address that never changes its content.
PACKED = frozenset({".js", ".mjs", ".css", ".svg"})
FOLDER = Path(__file__).resolve().parent.parent.parent / "web" / "static"


def digest_of(folder: Path) -> str:
    """Twelve characters that change with any file's name or content."""
    sum_ = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            sum_.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return sum_.hexdigest()[:12]


DIGEST = digest_of(FOLDER)
STATIC_PATH = f"/static/{DIGEST}"


class BrowserFiles(StaticFiles):
    """`Mount("/static", BrowserFiles())`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__(directory=folder)

    def get_path(self, scope: Scope) -> str:
        path = super().get_path(scope)
        first, _, rest = path.partition(os.sep)
        return rest if first == DIGEST else path

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        fresh = f"/{DIGEST}/" in scope["path"]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fresh else "no-cache"
        asked = Headers(scope=scope)
        small = (
            fresh and response.status_code == 200 and Path(path).suffix in PACKED and scope["method"] == "GET"
        )
        if not small or "range" in asked:
            return response
        if not takes(asked, "gzip"):
            response.headers["Vary"] = "Accept-Encoding"
            return response
        return Response(
            _packed(path),
            media_type=response.media_type,
            headers={
                "Cache-Control": response.headers["Cache-Control"],
                "Content-Encoding": "gzip",
                "Vary": "Accept-Encoding",
            },
        )


@lru_cache(maxsize=256)
def _packed(path: str) -> bytes:
    """Only the program's own files: nothing in them is secret, so their length may tell of them."""
    return gzip.compress((FOLDER / path).read_bytes(), 9, mtime=0)
