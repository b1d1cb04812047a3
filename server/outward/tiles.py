"""Tiles of the operator's base maps: fetched by this server alone, kept on disk, given on without the key.

A tile that cannot be had anew is given as it was; one that was never had is none. Nothing of the environment,
no redirects; what comes must be a picture.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
import zlib
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import httpx2
import structlog

from schemas.map_sources import MapBook, Source
from server.config.channel_file import NoSecret, read_secret
from server.outward.pmtiles import BadTiles, TileFile

log = structlog.get_logger()
TRY_S, AT_ONCE = 8.0, 8
MOST_OF_A_TILE = 1024 * 1024
SILENT_S = 15.0  # after a failure nobody waits for this host again for so long, where a tile is kept
LOOK_EVERY = 400  # tiles, between looks at how much is kept
_MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


class Tile(NamedTuple):
    body: bytes
    media_type: str
    is_old: bool = False


def picture_type(body: bytes) -> str | None:
    """What kind of picture this is; None for anything else, an error page among them."""
    for magic, media_type in _MAGIC:
        if body.startswith(magic):
            return media_type
    return "image/webp" if body[:4] == b"RIFF" and body[8:12] == b"WEBP" else None


def address(source: Source, key: str, z: int, x: int, y: int) -> str:
    """Where a tile is fetched. TMS counts rows from below."""
    assert source.url is not None
    places = {"{z}": z, "{x}": x, "{y}": y, "{-y}": (1 << z) - 1 - y, "{key}": key}
    made = source.url
    for place, value in places.items():
        made = made.replace(place, str(value))
    return made


class Tiles:
    """The base maps of a desk. `folder` None: nothing is kept."""

    def __init__(
        self, book: MapBook, folder: Path | None, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._book, self._transport = book, transport
        self._folder = folder if book.cache_mb else None
        self._files = {one.id: TileFile(Path(one.file)) for one in book.sources if one.file is not None}
        self._clients: dict[str, httpx2.AsyncClient] = {}
        self._coming: dict[str, asyncio.Task[Tile | None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._silent: dict[str, float] = {}
        self._written = 0

    async def tile(self, source: Source, z: int, x: int, y: int) -> Tile | None:
        """A tile, or None. Who asks for the same at the same time waits for the same answer.

        What no map of ours asks for is not asked of the host: its tiles are counted there, by the day.
        """
        further = 1 if source.matrix == "c" else 0
        if not source.min_zoom + further <= z <= source.max_zoom + further:
            return None
        if source.id in self._files:
            try:
                found = await asyncio.to_thread(self._files[source.id].tile, z, x, y)
            except (OSError, BadTiles, EOFError, zlib.error) as wrong:
                log.warning("a file of tiles cannot be read", source=source.id, error=str(wrong))
                return None
            return None if found is None else Tile(*found)
        name = f"{source.id}/{z}/{x}/{y}"
        task = self._coming.get(name)
        if task is None:
            task = self._coming[name] = asyncio.create_task(self._tile(source, z, x, y))
            task.add_done_callback(lambda _done: self._coming.pop(name, None))
        return await asyncio.shield(task)

    async def _tile(self, source: Source, z: int, x: int, y: int) -> Tile | None:
        kept = self._place(source, z, x, y)
        old = await asyncio.to_thread(_read, kept)
        if old is not None:
            tile, age_s = old
            is_old = age_s >= source.keep_days * 86_400
            if not is_old or self._is_silent(source):
                return tile._replace(is_old=is_old)
        elif self._is_silent(source):  # the others' places are not for waiting on a host that is away
            return None
        body = await self._fetched(source, z, x, y)
        if body is None:
            return None if old is None else old[0]._replace(is_old=True)
        media_type = picture_type(body)
        if media_type is None:
            self._fail(source, "what came is no picture")
            return None if old is None else old[0]._replace(is_old=True)
        await asyncio.to_thread(self._keep, kept, body)
        return Tile(body, media_type)

    async def _fetched(self, source: Source, z: int, x: int, y: int) -> bytes | None:
        try:
            key = await asyncio.to_thread(read_secret, source.key) if source.key is not None else ""
            url = address(source, key, z, x, y)
            async with self._places, asyncio.timeout(TRY_S):
                client = await self._client(source)
                async with client.stream("GET", url, headers={"User-Agent": "fenghuo"}) as answer:
                    if answer.status_code != 200:
                        self._fail(source, f"answered {answer.status_code}")
                        return None
                    body = bytearray()
                    async for piece in answer.aiter_bytes():
                        body += piece
                        if len(body) > MOST_OF_A_TILE:
                            self._fail(source, "a tile is too large")
                            return None
        except (TimeoutError, NoSecret, httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            self._fail(source, type(error).__name__)  # its text may hold the address, and that the key
            return None
        self._silent.pop(source.id, None)
        return bytes(body)

    async def _client(self, source: Source) -> httpx2.AsyncClient:
        """One for a source, as long as the process lives: whom it trusts takes 26 ms to read, and each new
        line a handshake."""
        if (known := self._clients.get(source.id)) is not None:
            return known
        trust: ssl.SSLContext | bool = True
        if self._transport is None:
            trust = await asyncio.to_thread(ssl.create_default_context, cafile=source.ca_file)
        return self._clients.setdefault(
            source.id,
            httpx2.AsyncClient(
                trust_env=False,
                follow_redirects=False,
                verify=trust,
                transport=self._transport,
                timeout=httpx2.Timeout(TRY_S),
            ),
        )

    def _fail(self, source: Source, why: str) -> None:
        if not self._is_silent(source):
            log.warning("a base map does not come", source=source.id, why=why)
        self._silent[source.id] = time.monotonic()

    def _is_silent(self, source: Source) -> bool:
        since = self._silent.get(source.id)
        return since is not None and time.monotonic() - since < SILENT_S

    # ------------------------------------------------------------ on disk

    def _place(self, source: Source, z: int, x: int, y: int) -> Path | None:
        """Apart by the address, too: another map under the same id is another map."""
        if self._folder is None:
            return None
        mark = sha256(str(source.url).encode()).hexdigest()[:12]
        return self._folder / f"{source.id}-{mark}" / str(z) / str(x) / str(y)

    def _keep(self, place: Path | None, body: bytes) -> None:
        if place is None:
            return
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            unfinished = place.with_name(f"{place.name}.{uuid4().hex[:8]}")
            unfinished.write_bytes(body)
            os.replace(unfinished, place)
        except OSError as error:  # a full disk: the tile is shown all the same
            log.warning("a tile cannot be kept", error=str(error))
            return
        self._written += 1
        if self._written % LOOK_EVERY == 0:
            self._make_room()

    def _make_room(self) -> None:
        """What was fetched longest ago goes first, until it is a tenth below the limit."""
        assert self._folder is not None
        kept = []
        for path in self._folder.rglob("*"):
            with suppress(OSError):  # another process makes room, too
                if path.is_file():
                    stat = path.stat()
                    kept.append((stat.st_mtime, stat.st_size, path))
        spare = sum(size for _at, size, _path in kept) - self._book.cache_mb * 1024 * 1024
        if spare <= 0:
            return
        spare += self._book.cache_mb * 1024 * 1024 // 10
        for _at, size, path in sorted(kept):
            if spare <= 0:
                return
            with suppress(OSError):
                path.unlink(missing_ok=True)
                spare -= size


def _read(place: Path | None) -> tuple[Tile, float] | None:
    if place is None:
        return None
    try:
        body = place.read_bytes()
        age_s = max(0.0, time.time() - place.stat().st_mtime)
    except OSError:
        return None
    media_type = picture_type(body)
    return None if media_type is None else (Tile(body, media_type), age_s)
