"""Files as people send them, and as they had better not: made here, none of them kept in the repository."""

from __future__ import annotations

import io
import random
import struct
import zlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pikepdf
from PIL import ExifTags, Image

from server.record import attachments
from tests.room import Room
from tests.words import new_id


@cache
def photo(kind: str = "JPEG", size: tuple[int, int] = (640, 480), *, noted: bool = False) -> bytes:
    """A picture; `noted`: with what a phone writes into it."""
    exif = Image.Exif()
    if noted:
        exif[ExifTags.Base.Make] = "SECRETPHONE"
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:11:23 14:05:00"
        place = {1: "N", 2: (39.0, 53.0, 24.0), 3: "E", 4: (118.0, 51.0, 0.0)}
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(place)
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, kind, exif=exif)
    return out.getvalue()


@cache
def noisy_photo(size: tuple[int, int] = (1600, 1200)) -> bytes:
    """A picture that no canvas makes much smaller."""
    out = io.BytesIO()
    Image.effect_noise(size, 40).convert("RGB").save(out, "JPEG", quality=90)
    return out.getvalue()


@cache
def png_bomb(edge: int = 30_000) -> bytes:
    """Some hundred kilobytes that say they are 900 million pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(50_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@cache
def noise(side: int = 1000) -> bytes:
    """A picture that nothing makes smaller: about 3 MiB."""
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(side).randbytes(3 * side * side)).save(out, "PNG")
    return out.getvalue()


def paper(*, acts: bool = False, bomb: int = 0) -> bytes:
    """A page of PDF; `acts`: a script, a launch and a file in it; `bomb`: what its page unpacks to."""
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page()
        page.Contents = pdf.make_stream(b"0 0 m " + b" " * bomb)
        if acts:
            script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
            launch = pikepdf.Dictionary(S=pikepdf.Name.Launch, F=pikepdf.String("calc.exe"))
            pdf.Root.OpenAction = pdf.make_indirect(script)
            pdf.attachments["evil.exe"] = b"MZEVILEVIL"
            page.AA = pikepdf.Dictionary(O=pdf.make_indirect(launch))
            link = pikepdf.Dictionary(
                Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9], A=launch
            )
            page.Annots = pikepdf.Array([pdf.make_indirect(link)])
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


def wav(seconds: int = 1) -> bytes:
    samples = bytes(8000 * seconds)
    form = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    parts = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(parts)) + parts


def mp3(frames: int = 20) -> bytes:
    return (b"\xff\xfb\x90\x00" + bytes(413)) * frames


def ogg() -> bytes:
    """Two pages of Opus with their sums, worked out here bit by bit."""

    def page(number: int, body: bytes) -> bytes:
        head = b"OggS" + struct.pack("<BBqIIIBB", 0, 2 * (number == 0), number, 7, number, 0, 1, len(body))
        whole, total = head + body, 0
        for byte in whole:
            total ^= byte << 24
            for _ in range(8):
                total = (total << 1 ^ 0x04C11DB7 if total >> 31 else total << 1) & 0xFFFFFFFF
        return whole[:22] + struct.pack("<I", total) + whole[26:]

    return page(0, b"OpusHead" + bytes(11)) + page(1, bytes(100))


def m4a(tag: bytes = b"") -> bytes:
    """The boxes of a recording; `tag`: what a phone writes beside the sound."""

    def box(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body) + 8) + name + body

    handler = box(b"hdlr", bytes(8) + b"soun" + bytes(13))
    tags = box(b"udta", tag) if tag else b""
    movie = box(b"moov", box(b"trak", box(b"mdia", handler)) + tags)
    return box(b"ftyp", b"M4A \0\0\0\0isom") + movie + box(b"mdat", bytes(400))


def receive(room: Room, incident_id: str, data: bytes | None = None) -> dict[str, Any]:
    """A file that was received for an incident and waits: the id under which."""
    attachment_id = new_id()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        file.write_bytes(photo() if data is None else data)
        attachments.keep(
            room.parts.database,
            attachment_id=attachment_id,
            incident_id=incident_id,
            person_id="p",
            now=room.parts.now(),
            source_sha256="0" * 64,
            media_type="image/jpeg",
            file=file,
            preview=file,
            about={"width": 640, "height": 480, "removed": []},
        )
    return {"attachment_id": attachment_id}
