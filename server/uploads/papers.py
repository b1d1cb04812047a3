"""PDFs: only their pages are taken over into a new file, without anything that acts by itself.

No script, no action but "go to that page" and a plain link, no file inside, no form. What unpacks to more
than a page can need is refused, because the reader's machine would unpack it.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pikepdf

from server.uploads.spoiled import Made, Spoiled

MOST_PAGES = 500
MOST_UNPACKED = 256 * 1024 * 1024  # of all streams that are no pictures
MOST_PIXELS = 120_000_000
_ACTS = frozenset({"/GoTo", "/URI"})
_KINDS_OF_ACTION = frozenset(
    {
        "/JavaScript", "/Launch", "/SubmitForm", "/ResetForm", "/ImportData", "/Rendition", "/GoToR",
        "/GoToE",
        "/Movie", "/Sound", "/Hide", "/Named", "/SetOCGState", "/Trans", "/GoTo3DView", "/RichMediaExecute",
        "/Thread", "/GoToDp",
    }
)  # fmt: skip
_ANNOTATIONS = frozenset({"/Link", "/Text", "/FreeText", "/Highlight", "/Underline", "/StrikeOut",
                          "/Squiggly", "/Stamp", "/Ink", "/Line", "/Square", "/Circle", "/Polygon",
                          "/PolyLine", "/Popup"})  # fmt: skip
#: Keys that name something that acts or is hidden, and what their absence is called.
_TAKEN_OUT = {
    "/AA": "actions", "/OpenAction": "actions", "/JS": "script", "/EF": "files", "/RF": "files",
    "/AF": "files", "/XFA": "form", "/RichMediaContent": "files",
    "/PieceInfo": "rest", "/Metadata": "metadata",
}  # fmt: skip
_PACKED = frozenset({"/FlateDecode", "/Fl", "/LZWDecode", "/LZW", "/RunLengthDecode", "/RL"})
_PICTURES = frozenset({"/DCTDecode", "/DCT", "/JPXDecode", "/CCITTFaxDecode", "/CCF", "/JBIG2Decode"})


def remake(source: Path, file: Path) -> Made:
    """Write the pages into a new file."""
    try:
        return _remade(source, file)
    except Spoiled:
        raise
    except MemoryError:
        raise Spoiled("file-too-heavy") from None
    except pikepdf.PasswordError:
        raise Spoiled("pdf-locked") from None
    except (pikepdf.PdfError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, zlib.error):
        raise Spoiled("file-broken") from None


def _remade(source: Path, file: Path) -> Made:
    with pikepdf.open(source, attempt_recovery=True, suppress_warnings=True) as old, pikepdf.new() as new:
        count = len(old.pages)
        if not count:
            raise Spoiled("file-broken")
        if count > MOST_PAGES:
            raise Spoiled("pdf-too-long")
        removed = _left_behind(old)
        new.pages.extend(old.pages)
        for page in new.pages:
            _without_odd_annotations(page.obj, removed)
        unpacked = 0
        for one in new.objects:
            if isinstance(one, pikepdf.Stream):
                unpacked += _unpacked(one, MOST_UNPACKED - unpacked)
            _without_actions(one, removed, 0)
        new.remove_unreferenced_resources()
        new.save(file, static_id=True, object_stream_mode=pikepdf.ObjectStreamMode.disable)
        return Made("application/pdf", pages=count, removed=sorted(removed))


def _left_behind(old: pikepdf.Pdf) -> set[str]:
    """What stands in the file's root and is not taken over."""
    root, removed = old.Root, set()
    names = root.get("/Names")
    if isinstance(names, pikepdf.Dictionary):
        removed |= {"script"} if "/JavaScript" in names else set()
        removed |= {"files"} if "/EmbeddedFiles" in names else set()
    removed |= {"actions"} if "/OpenAction" in root or "/AA" in root else set()
    opening = root.get("/OpenAction")
    if isinstance(opening, pikepdf.Dictionary) and "/JS" in opening:
        removed.add("script")
    removed |= {"form"} if "/AcroForm" in root else set()
    removed |= {"files"} if "/AF" in root or "/Collection" in root else set()
    removed |= {"metadata"} if "/Metadata" in root or "/Info" in old.trailer else set()
    return removed


def _without_odd_annotations(page: Any, removed: set[str]) -> None:
    notes = page.get("/Annots")
    if notes is None:
        return
    kept = [
        note
        for note in (notes if isinstance(notes, pikepdf.Array) else [])
        if isinstance(note, pikepdf.Dictionary) and str(note.get("/Subtype")) in _ANNOTATIONS
    ]
    if len(kept) != len(notes):
        removed.add("form" if any(_is_field(note) for note in notes) else "files")
    page["/Annots"] = pikepdf.Array(kept)


def _is_field(note: Any) -> bool:
    return isinstance(note, pikepdf.Dictionary) and str(note.get("/Subtype")) == "/Widget"


def _without_actions(one: Any, removed: set[str], depth: int) -> None:
    """One object and whatever stands directly inside it."""
    if depth > 50:
        raise Spoiled("file-broken")
    if isinstance(one, pikepdf.Array):
        for inner in one:
            if not inner.is_indirect if isinstance(inner, pikepdf.Object) else False:
                _without_actions(inner, removed, depth + 1)
        return
    if not isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
        return
    for key, what in _TAKEN_OUT.items():
        if key in one:
            del one[key]
            removed.add(what)
    kind = str(one.get("/S", ""))
    if kind in _KINDS_OF_ACTION:
        removed.add("script" if kind == "/JavaScript" else "actions")
        for key in list(one.keys()):
            del one[key]
        return
    if "/A" in one and isinstance(one["/A"], pikepdf.Dictionary):
        if str(one["/A"].get("/S", "")) not in _ACTS:
            removed.add("script" if "/JS" in one["/A"] else "actions")
            del one["/A"]
    if kind in _ACTS and "/Next" in one:
        del one["/Next"]
        removed.add("actions")
    for key in list(one.keys()):
        inner = one[key]
        if isinstance(inner, pikepdf.Object) and not inner.is_indirect:
            _without_actions(inner, removed, depth + 1)


def _unpacked(stream: Any, room: int) -> int:
    """How many bytes a stream unpacks to; none for a picture, which says itself how large it is."""
    said = stream.get("/Filter")
    filters = [str(one) for one in said] if isinstance(said, pikepdf.Array) else [str(said)] if said else []
    if str(stream.get("/Subtype")) == "/Image":
        if int(stream.get("/Width", 0)) * int(stream.get("/Height", 0)) > MOST_PIXELS:
            raise Spoiled("picture-too-large")
    packed = sum(1 for one in filters if one in _PACKED)
    if packed > 1:
        raise Spoiled("file-too-heavy")
    raw = stream.read_raw_bytes()
    if not packed or filters[0] not in ("/FlateDecode", "/Fl"):
        if packed and filters[0] not in _PICTURES:
            if len(raw) > 1024 * 1024:
                raise Spoiled("file-too-heavy")
            return len(stream.read_bytes())
        return len(raw)
    size, unpacker, rest = 0, zlib.decompressobj(), bytes(raw)
    while rest and not unpacker.eof:
        size += len(unpacker.decompress(rest, 1024 * 1024))
        rest = unpacker.unconsumed_tail
        if size > room:
            raise Spoiled("file-too-heavy")
    return size
