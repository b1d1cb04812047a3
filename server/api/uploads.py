"""A file in pieces, for a line that breaks: whoever comes back is told how much is here and goes on.

POST says what will come, HEAD how much of it is here, PATCH brings the next piece (at most 256 KiB); the last
one has the file checked and made anew, as a PUT would, and `add-attachment` attaches it. What arrived of a
piece before the line broke is kept. The bytes lie in a folder of this machine: at another
one the file begins anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import orjson
from anyio.to_thread import run_sync
from pydantic import ValidationError
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
from server.record.store import StoreUnavailable
from server.sentences import sentence
from server.uploads.spoiled import Spoiled

MOST_OF_A_PIECE = 256 * 1024
#: Files of one person that are not whole yet; their bytes; the bytes of all.
MOST_OPEN, MOST_OPEN_BYTES, MOST_BYTES_OF_ALL = 60, 300 * 1024 * 1024, 2 * 1024 * 1024 * 1024
STALE_S = 7 * 24 * 3600.0  # a tablet may be cut off for days
CLEARED_EVERY_S = 3600.0
SILENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Coming:
    """A file that is on its way: where its bytes lie, and what was said of it."""

    folder: Path
    incident_id: str
    attachment_id: str
    size: int
    sha256: str

    @property
    def part(self) -> Path:
        return self.folder / f"{self.attachment_id}.part"

    @property
    def note(self) -> Path:
        return self.folder / f"{self.attachment_id}.json"

    @property
    def offset(self) -> int:
        try:
            return self.part.stat().st_size
        except FileNotFoundError:
            return 0

    def forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def written_down(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        said = {"incident_id": self.incident_id, "size": self.size, "sha256": self.sha256}
        fresh = self.note.with_suffix(".new")
        fresh.write_bytes(orjson.dumps(said))
        fresh.replace(self.note)


class Uploads:
    """One for a process."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments
        self._busy: set[tuple[str, str]] = set()
        self._cleared_at = 0.0

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
            coming = self._named(parts, principal, asked)
            if await run_sync(
                record.received, parts.database, asked.attachment_id, asked.incident_id, asked.sha256
            ):
                return json(_stands(coming, asked.size, complete=True))
            await run_sync(self._make_room, parts, principal, coming)
            return json(_stands(coming, coming.offset, complete=False))
        except Exception as no:
            return self._refused(no, parts, lang)

    async def look(self, request: Request) -> Response:
        """HEAD /uploads/{id}: how much of it is here."""
        principal, parts = principal_of(request.scope), parts_of(request)
        coming = await run_sync(self._found, parts, principal, str(request.path_params["attachment_id"]))
        if coming is None:
            return Response(status_code=404)
        return Response(status_code=204, headers=_headers(coming))

    async def append(self, request: Request) -> Response:
        """PATCH /uploads/{id}: the next piece, from `Upload-Offset` on; the last one has the file checked."""
        principal, parts = principal_of(request.scope), parts_of(request)
        lang = language(request, principal)
        if (refused := other_person(request, principal)) is not None:
            return refused
        coming = await run_sync(self._found, parts, principal, str(request.path_params["attachment_id"]))
        if coming is None:
            return refusal(Explained(404, "not-found", sentence("not-found", lang)))
        key = (principal.person_id, coming.attachment_id)
        try:
            if key in self._busy:
                raise NotTaken("uploads-busy")
            self._busy.add(key)
            try:
                await self._check(parts, principal, coming.incident_id)
                if (early := await self._write(request, coming)) is not None:
                    return early
                complete = coming.offset >= coming.size
                if complete:
                    await self._finish(parts, principal, coming)
                return json(_stands(coming, coming.size if complete else coming.offset, complete=complete))
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

    def _named(self, parts: Parts, principal: Principal, asked: UploadAsked) -> Coming:
        if asked.size > MOST_BYTES:
            raise NotTaken("file-too-large")
        folder = folder_of(parts) / principal.person_id
        return Coming(folder, asked.incident_id, asked.attachment_id, asked.size, asked.sha256)

    def _make_room(self, parts: Parts, principal: Principal, coming: Coming) -> None:
        """The file is known from now on, unless too much is on its way already."""
        before = self._found(parts, principal, coming.attachment_id)
        if before is not None:
            if before != coming:
                raise record.UploadRefused("attachment-exists")
            return
        self._clear(parts)
        record.refuse_beyond_a_persons_share(parts.database, principal.person_id, parts.now())
        refuse_without_room(parts, folder_of(parts))
        mine = _sizes(coming.folder)
        if len(mine) >= MOST_OPEN or sum(mine) + coming.size > MOST_OPEN_BYTES:
            raise record.UploadRefused("too-many-uploads")
        folders = [one for one in folder_of(parts).iterdir() if one.is_dir()]
        if sum(sum(_sizes(one)) for one in folders) + coming.size > MOST_BYTES_OF_ALL:
            raise NotTaken("uploads-busy")
        coming.written_down()

    def _found(self, parts: Parts, principal: Principal, attachment_id: str) -> Coming | None:
        """A person's own; of another's nothing is said."""
        folder = folder_of(parts) / principal.person_id
        try:
            said = orjson.loads((folder / f"{attachment_id}.json").read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        return Coming(folder, said["incident_id"], attachment_id, said["size"], said["sha256"])

    async def _write(self, request: Request, coming: Coming) -> Response | None:
        """What comes goes to the disk as it comes: of a piece that is cut short the beginning stays."""
        there = coming.offset
        if request.headers.get("upload-offset") != str(there):
            return problem(409, "upload-offset", detail=f"the next byte is {there}", headers=_headers(coming))
        announced = request.headers.get("content-length", "")
        most = min(MOST_OF_A_PIECE, coming.size - there)
        if announced.isdecimal() and int(announced[:12]) > most:
            raise NotTaken("upload-piece-too-large")
        taken, stream = 0, request.stream()
        with await run_sync(coming.part.open, "ab") as out:
            while True:
                try:
                    async with asyncio.timeout(SILENCE_S):
                        piece = await anext(stream, b"")
                except TimeoutError:
                    raise NotTaken("upload-too-slow") from None
                except ClientDisconnect:
                    return Response(status_code=400)  # nobody reads it; the bytes are kept
                if not piece:
                    return None
                taken += len(piece)
                if taken > most:
                    raise NotTaken("upload-piece-too-large")
                await run_sync(out.write, piece)

    async def _finish(self, parts: Parts, principal: Principal, coming: Coming) -> None:
        """All is here: is it what was said, and what is in it? Then it waits to be attached."""
        digest = await run_sync(_sha256_of, coming.part)
        if digest != coming.sha256:
            await run_sync(coming.forget)  # to be sent from its beginning
            raise NotTaken("upload-garbled")
        try:
            await self._attachments.take(
                parts, principal.person_id, coming.incident_id, coming.attachment_id, coming.part, digest
            )
        except Spoiled:
            await run_sync(coming.forget)
            raise
        await run_sync(coming.forget)

    def _refused(self, no: Exception, parts: Parts, lang: str) -> Response:
        if isinstance(no, NotTaken | Spoiled | record.UploadRefused):
            parts.desk.refusals[no.code] += 1
            said = sentence(no.code, lang, most=MOST_BYTES // 1024 // 1024)
            answer = refusal(Explained(status_of(no.code), no.code, said))
        elif isinstance(no, OSError):
            answer = refusal(explain(StoreUnavailable(str(no)), lang))
        else:
            answer = refusal(explain(no, lang))
        answer.headers["Connection"] = "close"  # the rest of the body is not wanted
        return answer

    def _clear(self, parts: Parts) -> None:
        """What nobody went on with for a week goes. Looked for when something new comes, hourly at most."""
        if time.monotonic() - self._cleared_at < CLEARED_EVERY_S:
            return
        self._cleared_at = time.monotonic()
        clear_stale(folder_of(parts), time.time() - STALE_S)

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


def folder_of(parts: Parts) -> Path:
    """Where files on their way lie: in the desk's folder, or in this machine's folder for passing things."""
    base = parts.settings.data
    if base is None:
        name = hashlib.sha256(parts.store.deployment_id.encode()).hexdigest()[:16]
        base = Path(tempfile.gettempdir()) / f"fenghuo-{os.getuid()}-{name}"
    folder = base / "uploads"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def clear_stale(folder: Path, before: float) -> int:
    """Let go what was last written before this moment. How many files that were."""
    gone = 0
    for person in folder.iterdir():
        if not person.is_dir():
            continue
        for note in person.glob("*.json"):
            part = note.with_suffix(".part")
            last = max(one.stat().st_mtime for one in (note, part) if one.exists())
            if last < before:
                note.unlink(missing_ok=True)
                part.unlink(missing_ok=True)
                gone += 1
        if not any(person.iterdir()):
            shutil.rmtree(person, ignore_errors=True)
    return gone


def _sizes(folder: Path) -> list[int]:
    """What was announced of each file on its way: room is kept for all of it."""
    if not folder.is_dir():
        return []
    found = []
    for note in folder.glob("*.json"):
        try:
            found.append(int(orjson.loads(note.read_bytes())["size"]))
        except (FileNotFoundError, orjson.JSONDecodeError):
            continue
    return found


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _headers(coming: Coming) -> dict[str, str]:
    return {"Upload-Offset": str(coming.offset), "Upload-Length": str(coming.size)}


def _stands(coming: Coming, offset: int, *, complete: bool) -> dict[str, object]:
    return {
        "attachment_id": coming.attachment_id,
        "offset": offset,
        "size": coming.size,
        "complete": complete,
    }
