"""Recordings: not decoded, but taken apart by their container and put together from what is sound.

Whatever stands before, between and behind (tags, pictures, another file) is left out; it is served as a
download only.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from server.uploads.spoiled import Made, Spoiled


def remake(source: Path, kind: str, file: Path) -> Made:
    """Write the recording anew."""
    media_type, take_apart = _KINDS[kind]
    data = source.read_bytes()
    try:
        made, rest = take_apart(data)
    except (struct.error, IndexError, ValueError):
        raise Spoiled("file-broken") from None
    file.write_bytes(made)
    return Made(media_type, removed=["metadata"] if rest else [])


def _wav(data: bytes) -> tuple[bytes, bool]:
    """RIFF: the format, and the samples."""
    parts: dict[bytes, bytes] = {}
    at, rest = 12, False
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        body = data[at + 8 : at + 8 + size]
        if name in (b"fmt ", b"data") and name not in parts:
            parts[name] = body
        else:
            rest = True
        at += 8 + size + size % 2
    form, samples = parts.get(b"fmt ", b""), parts.get(b"data", b"")
    if not 16 <= len(form) <= 64 or not samples:
        raise ValueError
    codec, channels, rate = struct.unpack_from("<HHI", form)
    if codec not in (1, 3, 6, 7, 0x11, 0xFFFE) or not 1 <= channels <= 8 or not 1000 <= rate <= 384_000:
        raise ValueError
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for name, body in ((b"fmt ", form), (b"data", samples))
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks, rest or at < len(data)


_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_BITS = {
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _frame(data: bytes, at: int) -> int:
    """The length of the MPEG frame that begins here; 0 when none does."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return 0
    version, layer = data[at + 1] >> 3 & 3, data[at + 1] >> 1 & 3
    bits, rate, padding = data[at + 2] >> 4, data[at + 2] >> 2 & 3, data[at + 2] >> 1 & 1
    if version == 1 or layer == 0 or bits in (0, 15) or rate == 3:
        return 0
    table = _BITS[3, layer] if version == 3 else _BITS[2, 3 if layer == 3 else 2]
    speed, hertz = table[bits - 1] * 1000, _RATES[version][rate]
    if layer == 3:
        return (12 * speed // hertz + padding) * 4
    samples = 72 if layer == 1 and version != 3 else 144
    return samples * speed // hertz + padding


def _mp3(data: bytes) -> tuple[bytes, bool]:
    """The frames, one after the other."""
    at, end = 0, len(data)
    while data[at : at + 3] == b"ID3":
        size = data[at + 6 : at + 10]
        at += 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    frames: list[bytes] = []
    strayed = 0
    while at < end:
        length = _frame(data, at)
        whole = length and at + length <= end
        if whole and (at + length == end or _frame(data, at + length) or frames):
            frames.append(data[at : at + length])
            at += length
        else:
            strayed += 1
            at += 1
            if strayed > 65_536 and len(frames) < 10:
                raise ValueError
    if len(frames) < 3:
        raise ValueError
    made = b"".join(frames)
    return made, len(made) != len(data)


def _ogg(data: bytes) -> tuple[bytes, bool]:
    """The pages whose sums are right, of an audio stream."""
    at, pages = 0, []
    while data[at : at + 4] == b"OggS":
        count = data[at + 26]
        length = 27 + count + sum(data[at + 27 : at + 27 + count])
        page = data[at : at + length]
        if len(page) != length or _crc(page[:22] + b"\0\0\0\0" + page[26:]) != page[22:26]:
            raise ValueError
        pages.append(page)
        at += length
    body = pages[0][27 + pages[0][26] :]
    if not body.startswith((b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC")) or len(pages) < 2:
        raise ValueError
    return b"".join(pages), at != len(data)


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        value <<= 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7) if value & 0x80000000 else value << 1
        table.append(value & 0xFFFFFFFF)
    return tuple(table)


_CRC = _crc_table()


def _crc(page: bytes) -> bytes:
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _CRC[value >> 24 ^ byte]
    return struct.pack("<I", value)


_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"styp", b"free", b"skip", b"wide"})


def _m4a(data: bytes) -> tuple[bytes, bool]:
    """Boxes stay where they are, because others point at them; what is no sound becomes empty space."""
    made, rest, at, seen = bytearray(data), False, 0, set()
    while at < len(data):
        size, head, name = _box(data, at, len(data))
        seen.add(name)
        if name not in _BOXES or name in (b"free", b"skip"):
            rest |= any(data[at + head : at + size])
            _blank(made, at, size, head)
        elif name == b"moov":
            rest |= _blank_inside(made, at + head, at + size, 0)
        at += size
    if not {b"moov", b"mdat"} <= seen or b"soun" not in data or b"vide" in bytes(made):
        raise ValueError
    return bytes(made), rest


def _box(data: bytes | bytearray, at: int, end: int) -> tuple[int, int, bytes]:
    size, name = struct.unpack_from(">I4s", data, at)
    head = 8
    if size == 1:
        size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
    elif size == 0:
        size = end - at
    if size < head or at + size > end:
        raise ValueError
    return size, head, name


def _blank_inside(made: bytearray, at: int, end: int, depth: int) -> bool:
    found = False
    while at + 8 <= end:
        size, head, name = _box(made, at, end)
        if name in (b"udta", b"meta", b"uuid"):
            _blank(made, at, size, head)
            found = True
        elif name in (b"trak", b"mdia") and depth < 4:
            found |= _blank_inside(made, at + head, at + size, depth + 1)
        at += size
    return found


def _blank(made: bytearray, at: int, size: int, head: int) -> None:
    made[at + 4 : at + 8] = b"free"
    made[at + head : at + size] = bytes(size - head)


_KINDS: dict[str, tuple[str, Callable[[bytes], tuple[bytes, bool]]]] = {
    "wav": ("audio/wav", _wav),
    "mp3": ("audio/mpeg", _mp3),
    "m4a": ("audio/mp4", _m4a),
    "ogg": ("audio/ogg", _ogg),
}
