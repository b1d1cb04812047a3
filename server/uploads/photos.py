"""Photos: decoded within a limit of pixels and encoded anew, so that nothing of the file itself is kept.

What the camera noted of when and where goes out of the picture and is told beside it, as a proposal.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from server.uploads.spoiled import Made, Spoiled

MOST_PIXELS = 120_000_000  # as the file announces them; a JPEG is decoded at a fraction
MOST_DECODED = 60_000_000  # really decoded
LONGEST_EDGE, PREVIEW_EDGE = 4096, 320
_TAKEN = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
_OFFSET = re.compile(r"[+-]\d\d:\d\d", re.ASCII)


def remake(source: Path, kind: str, file: Path, preview: Path) -> Made:
    """Write the photo anew, and a small one of it."""
    Image.MAX_IMAGE_PIXELS = None  # we count ourselves, before anything is decoded
    try:
        with Image.open(source, formats=[kind]) as image:
            width, height = image.size
            if width * height > MOST_PIXELS or max(width, height) > 65_000:
                raise Spoiled("picture-too-large")
            removed = ["frames"] if getattr(image, "n_frames", 1) > 1 else []
            if kind == "JPEG":
                image.draft("RGB", (LONGEST_EDGE, LONGEST_EDGE))
            if image.size[0] * image.size[1] > MOST_DECODED:
                raise Spoiled("picture-too-large")
            exif = image.getexif()
            made = _noted(exif)
            turn = exif.get(ExifTags.Base.Orientation, 1)
            image.load()
            pixels = _plain(image)
    except Spoiled:
        raise
    except MemoryError:
        raise Spoiled("file-too-heavy") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, ArithmeticError, LookupError):
        raise Spoiled("file-broken") from None
    pixels = _turned(pixels, turn)
    pixels.thumbnail((LONGEST_EDGE, LONGEST_EDGE))
    lossless = kind == "PNG"
    if lossless:
        pixels.save(file, "PNG", optimize=False)
    else:
        pixels.save(file, "JPEG", quality=88)
    small = pixels.convert("RGB")
    small.thumbnail((PREVIEW_EDGE, PREVIEW_EDGE))
    small.save(preview, "JPEG", quality=75)
    made.media_type = "image/png" if lossless else "image/jpeg"
    made.width, made.height = pixels.size
    made.removed += removed
    made.has_preview = True
    return made


def _plain(image: Image.Image) -> Image.Image:
    """Only the pixels, on white where they are transparent."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        return ground
    plain = image.convert("L" if image.mode in ("1", "L") else "RGB")
    fresh = Image.new(plain.mode, plain.size)
    fresh.paste(plain)
    return fresh


def _turned(pixels: Image.Image, turn: Any) -> Image.Image:
    """Upright, since the note that says how it was held goes out with the rest."""
    if turn not in range(2, 9):
        return pixels
    exif = pixels.getexif()
    exif[ExifTags.Base.Orientation] = turn
    upright = ImageOps.exif_transpose(pixels)
    upright.info.clear()
    return upright


def _noted(exif: Image.Exif) -> Made:
    made = Made("", removed=["metadata"] if len(exif) else [])
    try:
        told = exif.get_ifd(ExifTags.IFD.Exif)
        where = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except (KeyError, ValueError, TypeError, SyntaxError, OSError, ArithmeticError):
        return made
    made.taken = _moment(told.get(ExifTags.Base.DateTimeOriginal), told.get(ExifTags.Base.OffsetTimeOriginal))
    if where:
        made.removed.append("position")
        tag = ExifTags.GPS
        lat = _degrees(where.get(tag.GPSLatitude), where.get(tag.GPSLatitudeRef), "S", 90)
        lon = _degrees(where.get(tag.GPSLongitude), where.get(tag.GPSLongitudeRef), "W", 180)
        if lat is not None and lon is not None:
            made.lat, made.lon = lat, lon
    return made


def _moment(said: Any, offset: Any) -> str | None:
    """2026-11-23T14:05:00, with an offset where the camera knew it."""
    found = _TAKEN.fullmatch(said.strip("\x00 ")) if isinstance(said, str) else None
    if found is None or not 1 <= int(found[2]) <= 12 or not 1 <= int(found[3]) <= 31:
        return None
    zone = offset.strip("\x00 ") if isinstance(offset, str) else ""
    return "{}-{}-{}T{}:{}:{}".format(*found.groups()) + (zone if _OFFSET.fullmatch(zone) else "")


def _degrees(said: Any, side: Any, negative: str, most: int) -> float | None:
    try:
        degrees, minutes, seconds = (float(one) for one in said)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value) or not 0 <= value <= most:
        return None
    return round(-value if str(side).strip("\x00 ").upper() == negative else value, 6)
