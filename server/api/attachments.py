"""Attachments in and out: a file by PUT, counted while it is read; its bytes by GET, as a download only.

What is kept is never what came, but what a child process made of it (`server/uploads/`).
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import structlog
from anyio.to_thread import run_sync
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from server.api.rest import BASE, answer_shown, json, language, parts_of, refusal
from server.desk import Explained, NotYourPost, check, explain
from server.documents.press import DOWNLOAD, disposition
from server.domain.attachments import ENDINGS, MOST_BYTES
from server.gate.auth import principal_of
from server.parts import Parts
from server.people.accounts import Principal
from server.record import attachments as record
from server.record.store import StoreUnavailable
from server.sentences import sentence
from server.uploads.spoiled import Spoiled
from server.uploads.workshop import Workshop, WorkshopBusy

log = structlog.get_logger()

BLOCK = 256 * 1024  # written down at a time
SILENCE_S, LONGEST_S = 30.0, 900.0  # between two pieces of an upload; for the whole of it
MOST_AT_ONCE, MOST_OF_ONE = 12, 4  # uploads that are being received: in this process, of one person
SPARE_BYTES = 256 * 1024 * 1024  # what has to be free on the disk besides
_STATUS = {
    "file-too-large": 413,
    "attachment-exists": 409,
    "too-many-uploads": 429,
    "uploads-busy": 503,
    "upload-too-slow": 408,
    "disk-nearly-full": 507,
    "not-found": 404,
    "upload-piece-too-large": 413,
}


def status_of(code: str) -> int:
    """The status of a refused upload's word."""
    return _STATUS.get(code, 422)


class NotTaken(Exception):
    """An upload that goes no further. `code` is the fixed word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Attachments:
    """One for a process: who is sending files just now, and where they are opened."""

    def __init__(self, workshop: Workshop | None = None) -> None:
        self._workshop = workshop or Workshop()
        self._sending: dict[str, int] = {}

    async def put(self, request: Request) -> Response:
        """PUT …/attachments/{attachment_id}?command_id=…&file_name=…: the file itself is the body."""
        principal, parts = principal_of(request.scope), parts_of(request)
        lang = language(request, principal)
        incident_id, attachment_id = _ids(request)
        query = request.query_params
        body: dict[str, Any] = {"incident_id": incident_id, "attachment_id": attachment_id}
        body |= {name: query[name] for name in ("command_id", "file_name", "note") if name in query}
        try:
            if not await run_sync(parts.store.is_seen_by, principal.unit, incident_id):
                return _closing(refusal(Explained(404, "not-found", sentence("not-found", lang))))
            if principal.kind == "outpost":  # who attaches it, and that it is, the batch says
                await self._receive(request, parts, principal, incident_id, attachment_id)
                return json({"attachment_id": attachment_id, "incident_id": incident_id})
            check(principal, "add-attachment", body)
            await self._receive(request, parts, principal, incident_id, attachment_id)
            return json(answer_shown(await parts.desk.execute(principal, "add-attachment", body)))
        except (NotTaken, Spoiled, record.UploadRefused) as no:
            parts.desk.refusals[no.code] += 1
            said = sentence(no.code, lang, most=MOST_BYTES // 1024 // 1024)
            return _closing(refusal(Explained(status_of(no.code), no.code, said)))
        except (NotYourPost, ValidationError) as no:
            return _closing(refusal(explain(no, lang)))
        except SQLAlchemyError as away:
            return _closing(refusal(explain(StoreUnavailable(str(away)), lang)))
        except ClientDisconnect:  # a tablet's network was cut, which is no bug of ours: it sends again
            raise
        except Exception as error:
            return _closing(refusal(explain(error, lang)))

    async def _receive(
        self, request: Request, parts: Parts, principal: Principal, incident_id: str, attachment_id: str
    ) -> None:
        """Have the file on disk, checked and made anew; when it is there already, only listen to it."""
        announced = request.headers.get("content-length", "0")
        if not announced.isdecimal() or len(announced) > 15 or int(announced) > MOST_BYTES:
            raise NotTaken("file-too-large")
        person = principal.person_id
        if self._sending.get(person, 0) >= MOST_OF_ONE or sum(self._sending.values()) >= MOST_AT_ONCE:
            raise NotTaken("uploads-busy")
        self._sending[person] = self._sending.get(person, 0) + 1
        try:
            with tempfile.TemporaryDirectory(prefix="fenghuo-upload-") as name:
                await run_sync(refuse_without_room, parts, Path(name))
                came = Path(name) / "came"
                digest = await _written(request, came)
                await self.take(parts, person, incident_id, attachment_id, came, digest)
        finally:
            self._sending[person] -= 1
            if not self._sending[person]:
                del self._sending[person]

    async def take(
        self, parts: Parts, person: str, incident_id: str, attachment_id: str, came: Path, digest: str
    ) -> None:
        """A file that is whole: check it, make it anew, keep it. Nothing happens twice."""
        if await run_sync(record.received, parts.database, attachment_id, incident_id, digest):
            return
        await run_sync(record.refuse_beyond_a_persons_share, parts.database, person, parts.now())
        with tempfile.TemporaryDirectory(prefix="fenghuo-upload-") as name:
            file, preview = Path(name) / "file", Path(name) / "preview"
            try:
                made = await self._workshop.remade(came, file, preview)
            except WorkshopBusy:
                raise NotTaken("uploads-busy") from None
            if file.stat().st_size > MOST_BYTES:
                raise Spoiled("file-too-heavy")

            def keep() -> None:
                record.keep(
                    parts.database,
                    attachment_id=attachment_id,
                    incident_id=incident_id,
                    person_id=person,
                    now=parts.now(),
                    source_sha256=digest,
                    media_type=made.media_type,
                    file=file,
                    preview=preview if made.has_preview else None,
                    about=made.about(),
                )

            await run_sync(keep)

    def routes(self) -> list[Route]:
        one = f"{BASE}/incidents/{{incident_id:uuid}}/attachments/{{attachment_id:uuid}}"
        return [
            Route(one, self.put, methods=["PUT"]),
            Route(one, _download),
            Route(f"{one}/preview", _preview),
        ]


async def _written(request: Request, file: Path) -> str:
    """The body on disk, never more of it than is allowed. Answers its SHA-256."""
    sum_, taken, waiting = sha256(), 0, bytearray()
    stream = request.stream()
    try:
        async with asyncio.timeout(LONGEST_S):
            with await run_sync(file.open, "wb") as out:
                while True:
                    async with asyncio.timeout(SILENCE_S):
                        piece = await anext(stream, None)
                    taken += len(piece or b"")
                    if taken > MOST_BYTES:
                        raise NotTaken("file-too-large")
                    waiting += piece or b""
                    if len(waiting) >= BLOCK or piece is None:
                        sum_.update(waiting)
                        await run_sync(out.write, bytes(waiting))
                        waiting.clear()
                    if piece is None:
                        return sum_.hexdigest()
    except TimeoutError:
        raise NotTaken("upload-too-slow") from None


def refuse_without_room(parts: Parts, folder: Path) -> None:
    """A log that cannot be written any more is worse than a photo that comes later."""
    for place in (folder, parts.settings.data):
        if place is not None and shutil.disk_usage(place).free < SPARE_BYTES + 3 * MOST_BYTES:
            raise NotTaken("disk-nearly-full")


def _closing(answer: Response) -> Response:
    """The rest of the body is not wanted any more."""
    answer.headers["Connection"] = "close"
    return answer


def _ids(request: Request) -> tuple[str, str]:
    path = request.path_params
    return str(path["incident_id"]), str(path["attachment_id"])


async def _download(request: Request) -> Response:
    return await _bytes(request, preview=False)


async def _preview(request: Request) -> Response:
    return await _bytes(request, preview=True)


async def _bytes(request: Request, *, preview: bool) -> Response:
    principal, parts = principal_of(request.scope), parts_of(request)

    def look() -> record.Kept | None:
        return record.find(parts.database, principal.unit, *_ids(request), preview=preview)

    kept = await run_sync(look)
    if kept is None:
        lang = language(request, principal)
        return refusal(Explained(404, "not-found", sentence("not-found", lang)))
    media_type = "image/jpeg" if preview else kept.event.media_type
    plain = f"attachment-{kept.event.attachment_id[:8]}.{ENDINGS[media_type]}"
    name = plain if preview else kept.event.file_name
    headers = {
        **DOWNLOAD,
        "Content-Disposition": disposition(name, plain),
        "Content-Length": str(kept.size),
    }
    if preview:  # the same for ever, but only for who is still let in
        headers["Cache-Control"] = "private, max-age=600"
    return StreamingResponse(_pieces(parts, kept), headers=headers, media_type=media_type)


async def _pieces(parts: Parts, kept: record.Kept) -> AsyncIterator[bytes]:
    """The bytes, the last of them only when all are as the log says: nothing altered arrives whole."""
    sum_ = sha256()
    count = -(-kept.size // record.PIECE)
    for place in range(count):
        piece = await run_sync(record.piece, parts.database, kept.sha256, place)
        sum_.update(piece or b"")
        if piece is None or (place == count - 1 and sum_.hexdigest() != kept.sha256):
            log.error("an attachment is not as the log says", sha256=kept.sha256)
            raise RuntimeError("an attachment is not as the log says")
        yield piece
