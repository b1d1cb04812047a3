"""Tiles out of one file, PMTiles version 3: header, directories, a curve through the tiles. Blocking.

Pictures only (PNG, JPEG, WebP): what is drawn of vectors would be a base map that nobody approved.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

HEADER, MOST_OF_A_DIRECTORY = 127, 16 * 1024 * 1024
NONE, GZIP = 1, 2
PICTURES = {2: "image/png", 3: "image/jpeg", 4: "image/webp"}
MOST_LEVELS = 4


class BadTiles(ValueError):
    """The file is no PMTiles that can be shown. Says why."""


class Head(NamedTuple):
    root: tuple[int, int]
    leaves: int
    tiles: int
    packed: int
    media_type: str


class Entry(NamedTuple):
    tile: int
    offset: int
    length: int
    run: int  # 0: a directory


class TileFile:
    """One file. Any thread may ask; each look opens the file anew, so that it may be replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._directory = lru_cache(maxsize=64)(self._read_directory)

    def tile(self, z: int, x: int, y: int) -> tuple[bytes, str] | None:
        """A tile and what it is; None where there is none."""
        stamp = self._path.stat().st_mtime_ns
        with self._path.open("rb") as file:
            head = read_head(file.read(HEADER))
            wanted, (offset, length) = tile_id(z, x, y), head.root
            for _level in range(MOST_LEVELS):
                entry = _find(self._directory(stamp, offset, length, head.packed), wanted)
                if entry is None:
                    return None
                if entry.run:
                    file.seek(head.tiles + entry.offset)
                    return file.read(entry.length), head.media_type
                offset, length = head.leaves + entry.offset, entry.length
        raise BadTiles("its directories lie too deep")

    def _read_directory(self, _stamp: int, offset: int, length: int, packed: int) -> list[Entry]:
        if length > MOST_OF_A_DIRECTORY:
            raise BadTiles("a directory is too large")
        with self._path.open("rb") as file:
            file.seek(offset)
            raw = file.read(length)
        return entries(gzip.decompress(raw) if packed == GZIP else raw)


def read_head(raw: bytes) -> Head:
    if len(raw) < HEADER or raw[:7] != b"PMTiles" or raw[7] != 3:
        raise BadTiles("is no PMTiles of version 3")

    def number(at: int) -> int:
        return int.from_bytes(raw[at : at + 8], "little")

    if raw[97] not in (NONE, GZIP):
        raise BadTiles("its directories are packed in a way that is not known here")
    if raw[99] not in PICTURES:
        raise BadTiles("holds no pictures (PNG, JPEG or WebP)")
    return Head((number(8), number(16)), number(40), number(56), raw[97], PICTURES[raw[99]])


def entries(raw: bytes) -> list[Entry]:
    """A directory: its numbers stand in columns, ids as what they are more than the one before."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = raw[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise BadTiles("a number is too long")

    try:
        count = number()
        if count > len(raw):
            raise BadTiles("a directory is cut short")
        tiles, last = [], 0
        for _one in range(count):
            last += number()
            tiles.append(last)
        runs = [number() for _one in range(count)]
        lengths = [number() for _one in range(count)]
        offsets: list[int] = []
        for index in range(count):
            said = number()
            offsets.append(offsets[-1] + lengths[index - 1] if said == 0 and index else said - 1)
    except IndexError:
        raise BadTiles("a directory is cut short") from None
    return [Entry(*one) for one in zip(tiles, offsets, lengths, runs, strict=True)]


def _find(directory: list[Entry], wanted: int) -> Entry | None:
    """The last entry at or before; a run of tiles is as long as it says."""
    low, high = 0, len(directory)
    while low < high:
        middle = (low + high) // 2
        if directory[middle].tile <= wanted:
            low = middle + 1
        else:
            high = middle
    if not low:
        return None
    found = directory[low - 1]
    return found if found.run == 0 or wanted < found.tile + found.run else None


def tile_id(z: int, x: int, y: int) -> int:
    """The place of a tile on the Hilbert curve through all tiles of all levels."""
    base: int = ((1 << 2 * z) - 1) // 3
    side = 1 << z
    d, step = 0, side >> 1
    while step:
        right, below = int(x & step > 0), int(y & step > 0)
        d += step * step * ((3 * right) ^ below)
        if not below:
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        step >>= 1
    return base + d
