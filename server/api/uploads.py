"""A file in pieces, for a line that breaks: whoever comes back is told how much is here and goes on.

POST says what will come, HEAD how much of it is here, PATCH brings the next piece (at most 256 KiB); the last
one has the file checked and made anew, as a PUT would, and `add-attachment` attaches it. What arrived of a
piece before the line broke is kept. The pieces lie in the database: the next one may come to another process,
or to another machine.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from anyio.to_thread import run_sync
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.tablet_answers import UploadAsked
from server.api.attachments import Attachments, NotTaken, refuse_without_room, status_of
from server.api.rest import BASE, json, language, other_person, parts_of, refusal
from server.desk import Explained, NotYourPost, explain
from server.domain.attachments import MOST_BYTES
from server.domain.permissions import may
from server.gate.auth import principal_of
from server.gate.limits import NotJSON, parse_json
from server.gate.problems import problem
from server.parts import Parts
from server.people.accounts import Principal
from server.record import attachments as record
from server.record import coming as pieces
from server.record.coming import Coming
from server.record.store import StoreUnavailable
from server.sentences import sentence
from server.uploads.spoiled import Spoiled

MOST_OF_A_PIECE = 256 * 1024
#: Files of one person that are not whole yet; their bytes; the bytes of all.
MOST_OPEN, MOST_OPEN_BYTES, MOST_BYTES_OF_ALL = 60, 300 * 1024 * 1024, 2 * 1024 * 1024 * 1024
SILENCE_S = 30.0


class Uploads:
    """One for a process."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments
        self._busy: set[tuple[str, str]] = set()

    # ------------------------------------------------------------ the three questions

    async def begin(self, request: Request) -> Response:
        """POST /uploads: a file will come. Asked again, it says how much of it is here."""
        principal, parts = principal_of(request.scope), parts_of(request)
        lang = language(request, principal)
        if (refused := other_person(request, principal)) is not None:
            return refused
        try:
            asked = UploadAsked.model_validate(parse_json(await request.body()))
        except NotJSON as wrong:
            return problem(400, "not-json", detail=str(wrong))
        except ValidationError as wrong:
            return refusal(explain(wrong, lang))
        try:
            await self._check(parts, principal, asked.incident_id)
            coming = self._named(principal, asked)
            if await run_sync(
                record.received, parts.database, asked.attachment_id, asked.incident_id, asked.sha256
            ):
                await run_sync(
                    pieces.forget, parts.database, coming
                )  # it came in one: what lies here is nobody's
                return json(_stands(coming, asked.size, complete=True))
            stands = await run_sync(self._make_room, parts, principal, coming)
            return json(_stands(stands, stands.there, complete=False))
        except Exception as no:
            return self._refused(no, parts, lang)

    async def look(self, request: Request) -> Response:
        """HEAD /uploads/{id}: how much of it is here."""
        principal, parts = principal_of(request.scope), parts_of(request)
        coming = await run_sync(_found, parts, principal, request)
        if coming is None:
            return Response(status_code=404)
        return Response(status_code=204, headers=_headers(coming))

    async def append(self, request: Request) -> Response:
        """PATCH /uploads/{id}: the next piece, from `Upload-Offset` on; the last one has the file checked."""
        principal, parts = principal_of(request.scope), parts_of(request)
        lang = language(request, principal)
        if (refused := other_person(request, principal)) is not None:
            return refused
        coming = await run_sync(_found, parts, principal, request)
        if coming is None:
            return refusal(Explained(404, "not-found", sentence("not-found", lang)))
        key = (principal.person_id, coming.attachment_id)
        try:
            if key in self._busy:
                raise NotTaken("uploads-busy")
            self._busy.add(key)
            try:
                await self._check(parts, principal, coming.incident_id)
                stands = await self._write(request, parts, coming)
                if isinstance(stands, Response):
                    return stands
                complete = stands >= coming.size
                if complete:
                    await self._finish(parts, principal, coming)
                return json(_stands(coming, stands, complete=complete))
            finally:
                self._busy.discard(key)
        except Exception as no:
            return self._refused(no, parts, lang)

    # ------------------------------------------------------------ what they do

    async def _check(self, parts: Parts, principal: Principal, incident_id: str) -> None:
        """What one may not see is not found; what one may see but not do is refused."""
        if not await run_sync(parts.store.is_seen_by, principal.unit, incident_id):
            raise NotTaken("not-found")
        if principal.read_only or not may(principal.post, "add-attachment"):
            raise NotYourPost("add-attachment")

    def _named(self, principal: Principal, asked: UploadAsked) -> Coming:
        if asked.size > MOST_BYTES:
            raise NotTaken("file-too-large")
        return Coming(principal.person_id, asked.attachment_id, asked.incident_id, asked.size, asked.sha256)

    def _make_room(self, parts: Parts, principal: Principal, coming: Coming) -> Coming:
        """The file is known from now on, unless too much is on its way already. As it stands."""
        before = pieces.find(parts.database, coming.person_id, coming.attachment_id)
        if before is None:
            record.refuse_beyond_a_persons_share(parts.database, principal.person_id, parts.now())
            refuse_without_room(parts, Path(tempfile.gettempdir()))
        room = pieces.Room(MOST_OPEN, MOST_OPEN_BYTES, MOST_BYTES_OF_ALL)
        try:
            return pieces.begin(parts.database, coming, room, parts.now())
        except pieces.NoRoom:
            raise NotTaken("uploads-busy") from None

    async def _write(self, request: Request, parts: Parts, coming: Coming) -> Response | int:
        """Write what comes; how much is there then. Of a piece that is cut short the beginning stays."""
        if request.headers.get("upload-offset") != str(coming.there):
            return _elsewhere(coming)
        most = min(MOST_OF_A_PIECE, coming.size - coming.there)
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:12]) > most:
            raise NotTaken("upload-piece-too-large")
        came, broke = bytearray(), None
        stream = request.stream()
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    some = await anext(stream, b"")
            except (TimeoutError, ClientDisconnect) as silence:
                broke = silence
                break
            if not some:
                break
            came += some
            if len(came) > most:
                raise NotTaken("upload-piece-too-large")
        if not await run_sync(pieces.append, parts.database, coming, bytes(came), parts.now()):
            stands = await run_sync(_found, parts, principal_of(request.scope), request)
            return _elsewhere(stands or coming)
        if isinstance(broke, TimeoutError):
            raise NotTaken("upload-too-slow")
        if broke is not None:
            return Response(status_code=400)  # nobody reads it; the bytes are kept
        return coming.there + len(came)

    async def _finish(self, parts: Parts, principal: Principal, coming: Coming) -> None:
        """All is here: is it what was said, and what is in it? Then it waits to be attached."""
        with tempfile.TemporaryDirectory(prefix="fenghuo-upload-") as name:
            whole = Path(name) / "came"
            digest = await run_sync(pieces.put_together, parts.database, coming, whole)
            try:
                if digest != coming.sha256:
                    raise NotTaken("upload-garbled")
                await self._attachments.take(
                    parts, principal.person_id, coming.incident_id, coming.attachment_id, whole, digest
                )
            except NotTaken as no:
                if no.code == "upload-garbled":  # to be sent from its beginning
                    await run_sync(pieces.forget, parts.database, coming)
                raise
            except Spoiled:
                await run_sync(pieces.forget, parts.database, coming)
                raise
        await run_sync(pieces.forget, parts.database, coming)

    def _refused(self, no: Exception, parts: Parts, lang: str) -> Response:
        if isinstance(no, NotTaken | Spoiled | record.UploadRefused):
            parts.desk.refusals[no.code] += 1
            said = sentence(no.code, lang, most=MOST_BYTES // 1024 // 1024)
            answer = refusal(Explained(status_of(no.code), no.code, said))
        elif isinstance(no, OSError | SQLAlchemyError):
            answer = refusal(explain(StoreUnavailable(str(no)), lang))
        else:
            answer = refusal(explain(no, lang))
        answer.headers["Connection"] = "close"  # the rest of the body is not wanted
        return answer

    def routes(self) -> list[Route]:
        one = f"{BASE}/uploads/{{attachment_id:uuid}}"
        return [
            Route(f"{BASE}/uploads", self.begin, methods=["POST"]),
            _only(Route(one, self.look, methods=["HEAD"])),
            Route(one, self.append, methods=["PATCH"]),
        ]


def _only(route: Route) -> Route:
    """HEAD alone: starlette adds it to GET, and nothing is to be read here."""
    route.methods = {"HEAD"}
    return route


def _found(parts: Parts, principal: Principal, request: Request) -> Coming | None:
    return pieces.find(parts.database, principal.person_id, str(request.path_params["attachment_id"]))


def _elsewhere(coming: Coming) -> Response:
    return problem(409, "upload-offset", detail=f"the next byte is {coming.there}", headers=_headers(coming))


def _headers(coming: Coming) -> dict[str, str]:
    return {"Upload-Offset": str(coming.there), "Upload-Length": str(coming.size)}


def _stands(coming: Coming, offset: int, *, complete: bool) -> dict[str, object]:
    return {
        "attachment_id": coming.attachment_id,
        "offset": offset,
        "size": coming.size,
        "complete": complete,
    }
