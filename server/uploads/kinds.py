"""What a file is, told by its first bytes and never by its name."""

from __future__ import annotations

from server.uploads.spoiled import Spoiled

_BRANDS = frozenset({b"M4A ", b"M4B ", b"mp41", b"mp42", b"isom", b"iso2", b"3gp4", b"3gp5", b"3gp6"})
_HEIC = frozenset({b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif"})


def kind_of(head: bytes) -> str:
    """JPEG, PNG, WEBP, pdf, wav, mp3, m4a or ogg."""
    if not head:
        raise Spoiled("file-empty")
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(b"%PDF-"):
        return "pdf"
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "wav"
    if head.startswith(b"OggS"):
        return "ogg"
    if head[4:8] == b"ftyp":
        if head[8:12] in _HEIC:
            raise Spoiled("file-heic")
        if head[8:12] in _BRANDS:
            return "m4a"
    is_frame = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6)
    if head.startswith(b"ID3") or is_frame:
        return "mp3"
    raise Spoiled("file-kind-unknown")
