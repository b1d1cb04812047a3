"""From an outpost to the desk above: what was done here is handed on, in the order of the log, word for word.

By the batch endpoint that tablets use, with the outpost's own secret; each command goes with its id, so one
whose answer was lost is sent again and nothing happens twice. An answer that says "later" (503, 429, a cut
line) leaves everything where it is; a refusal is kept with its words and holds up nothing that does not need
it. A file goes up just before the command that attaches it.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson
import structlog

from schemas.fields import parse_instant, wire_instant
from server.outward.downward import Downward, OrderNotTaken, Sight
from server.people.credentials import TOKEN_PREFIX, looks_like_secret
from server.record import attachments, upward
from server.record.store import Store
from server.record.upward import Settled, Waiting
from server.settings import Settings

log = structlog.get_logger()

MOST, MOST_BYTES = 200, 512 * 1024  # of one batch: what a thin line carries before it is cut again
EVERY_S = 1.0
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
TRY_S, FILE_S, WAIT_S = 60.0, 900.0, 20.0
MOST_OF_AN_ANSWER = 2 * 1024 * 1024
LATER = frozenset({401, 408, 425, 429, 500, 502, 503, 504, 507})  # of one command: it may be taken yet
_THERE = frozenset({200, 409})  # 409: the tablet itself was quicker; whether all is well says the command
ASKED_EVERY = timedelta(seconds=15)  # with nothing to hand on: is the desk above there?


class NotTaken(Exception):
    """The desk above did not answer, or not as a desk does: nothing is known to have been refused."""


@dataclass(frozen=True, slots=True)
class UpwardState:
    """How it stands with the desk above. `since`: of the fault, or of the unbroken line."""

    fault: str | None
    since: datetime
    waiting: int
    handed: int
    refused: int
    oldest: datetime | None
    skew_ms: int | None

    def shown(self) -> dict[str, Any]:
        """For programs."""
        return {
            "fault": self.fault,
            "since": wire_instant(self.since),
            "waiting": self.waiting,
            "handed": self.handed,
            "refused": self.refused,
            "oldest": None if self.oldest is None else wire_instant(self.oldest),
            "skew_ms": self.skew_ms,
        }


class Upward:
    """Hands on for ever. One for a process; two on one database would only send the same twice."""

    transport: httpx2.AsyncBaseTransport | None = None  # a line of the tests' own

    def __init__(self, settings: Settings, store: Store, now: Any) -> None:
        assert settings.upstream is not None
        self.url = exact_upstream(settings.upstream)
        self._settings, self._store, self._now = settings, store, now
        self._database = store.database
        self._fault: str | None = "尚未连接 not connected yet"
        self._since = now()
        self._asked_at: datetime | None = None
        self._skew_ms: int | None = None
        self._epoch: str | None = None  # of the desk above, since the line last broke
        self._looked_for: str | None = (
            None  # the epoch under which all that was handed on is known to be there
        )
        self._down = Downward(store, urlsplit(self.url).netloc)
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """Something may have come to be handed on: do not wait any longer."""
        self._bell.set()

    def state(self) -> UpwardState:
        """Synchronous: reads the database."""
        found = upward.counts(self._database)
        return UpwardState(
            self._fault, self._since, found.waiting, found.handed, found.refused, found.oldest, self._skew_ms
        )

    async def run(self) -> None:
        wait = FIRST_WAIT_S
        async with self._client() as client:
            while True:
                try:
                    moved = await self.pass_on(client)
                except NotTaken as fault:
                    self._epoch = None
                    self._note(str(fault))
                    await self._rest(wait * random.uniform(0.5, 1))  # noqa: S311
                    wait = min(LONGEST_WAIT_S, wait * 2)
                    continue
                self._note(None)
                wait = FIRST_WAIT_S
                if not moved:
                    await self._rest(EVERY_S)

    async def pass_on(self, client: httpx2.AsyncClient) -> int:
        """One batch; how many commands were settled. With nothing to hand on it asks whether it could.
        Whenever the line is there again it asks first whether the desk above is still the one it was."""
        if self._epoch is None:
            await self._meet(client)
        waiting = await asyncio.to_thread(upward.next_waiting, self._database, MOST, MOST_BYTES)
        if not waiting:
            if self._asked_at is None or self._now() - self._asked_at >= ASKED_EVERY or self._fault:
                await self._meet(client)
                await self._look_up(client)
            return 0
        batch = _before_the_first_file(waiting)
        if not batch:
            refused = await self._hand_on_file(client, waiting[0])
            if refused is not None:
                await asyncio.to_thread(upward.settle, self._database, [refused], self._now())
                return 1
            batch = waiting[:1]
        settled = await self._hand_on(client, batch)
        await asyncio.to_thread(upward.settle, self._database, settled, self._now())
        self._asked_at = self._now()
        if len(settled) < len(batch):
            raise NotTaken("上级暂时不收 the desk above takes nothing just now")
        return len(settled)

    async def _meet(self, client: httpx2.AsyncClient) -> None:
        """Is it there, and has it been restored? Then what it had before comes to it again, in order."""
        said = await self._ask(client, "GET", "/api/v1/me")
        epoch = said.get("epoch") if isinstance(said, dict) else None
        self._epoch = epoch if isinstance(epoch, str) else ""  # one of an older version does not say
        self._asked_at = self._now()
        if not self._epoch or self._epoch == self._looked_for:
            return
        count = await asyncio.to_thread(upward.lost, self._database, self._epoch)
        self._looked_for = self._epoch
        if count:
            log.warning("the desk above was restored", handed_on_again=count)
            self.ring()

    @property
    def sight(self) -> Sight | None:
        """How the incidents here stand above, as far as it is known."""
        return self._down.sight

    @property
    def not_taken(self) -> tuple[OrderNotTaken, ...]:
        """Orders from above that do not ring here."""
        return self._down.not_taken

    async def _look_up(self, client: httpx2.AsyncClient) -> None:
        """Only when all is handed on: what is asked about is known above as it is known here."""
        ids = await asyncio.to_thread(upward.still_open, self._database)
        if not ids:
            return
        try:
            said = await self._ask(client, "GET", f"/api/v1/outposts/seen?incidents={','.join(ids)}")
        except (
            NotTaken
        ):  # one of the version before does not tell; whether the line is cut is found out anyway
            return
        at = self._now()
        if isinstance(said, dict) and isinstance(said.get("time"), str):
            skew_ms = int((parse_instant(said["time"]) - at).total_seconds() * 1000)
            await self._down.take(said, at, skew_ms)

    async def _hand_on(self, client: httpx2.AsyncClient, batch: list[Waiting]) -> list[Settled]:
        sent_at = self._now()
        items = [one.item(wire_instant(sent_at), wire_instant(one.recorded_at)) for one in batch]
        body = orjson.dumps({"commands": items})
        said = await self._ask(client, "POST", "/api/v1/commands", body)
        results = said.get("results") if isinstance(said, dict) else None
        if not isinstance(results, list) or len(results) != len(batch):
            raise NotTaken("上级的回答看不懂 the desk above answers with something else")
        settled: list[Settled] = []
        for one, result in zip(batch, results, strict=True):
            made = _settled(one, result)
            if made is None:
                break  # it and what follows: later, in this order
            settled.append(made)
        fresh = (one for one in results if isinstance(one, dict) and one.get("replayed") is False)
        if isinstance(at := next(fresh, {}).get("recorded_at"), str):
            self._skew_ms = int((parse_instant(at) - sent_at).total_seconds() * 1000)
        return settled

    async def _hand_on_file(self, client: httpx2.AsyncClient, one: Waiting) -> Settled | None:
        """The bytes that an attachment is about; a refusal of them is one of the command."""
        incident_id, attachment_id = one.body["incident_id"], one.body["attachment_id"]

        def look() -> tuple[str, int] | None:
            with self._database.reading() as connection:
                found = attachments.upload(connection, attachment_id)
            return None if found is None else (found.sha256, found.size)

        kept = await asyncio.to_thread(look)
        if kept is None:
            return Settled(one.position, word="no-such-upload", detail="本机已没有这个文件 the file is gone")
        path = f"/api/v1/incidents/{incident_id}/attachments/{attachment_id}"
        pieces = _pieces(self._database, *kept)
        try:
            async with asyncio.timeout(FILE_S):
                answer = await client.put(
                    self.url + path,
                    content=pieces,
                    headers={"Content-Length": str(kept[1]), **self._bearer()},
                )
        except (TimeoutError, httpx2.HTTPError, OSError) as error:
            raise NotTaken(_in_words(error)) from None
        if answer.status_code in _THERE:
            return None
        if answer.status_code in LATER or answer.status_code == 403:
            raise NotTaken(f"HTTP {answer.status_code}")
        return _refusal(one, _read(answer.content))

    async def _ask(
        self, client: httpx2.AsyncClient, method: str, path: str, body: bytes | None = None
    ) -> Any:
        headers = {**self._bearer(), "Content-Type": "application/json"}
        if self._epoch and method == "POST":
            headers["Fenghuo-Epoch"] = self._epoch
        try:
            async with (
                asyncio.timeout(TRY_S),
                client.stream(method, self.url + path, content=body, headers=headers) as answer,
            ):
                read = bytearray()
                async for piece in answer.aiter_bytes():
                    read += piece
                    if len(read) > MOST_OF_AN_ANSWER:
                        raise NotTaken("上级的回答过大 the answer is too large")
        except (TimeoutError, httpx2.HTTPError, OSError) as error:
            raise NotTaken(_in_words(error)) from None
        if answer.status_code in (401, 403):
            raise NotTaken("上级不认这个节点，已收回或过期 the desk above does not know this outpost")
        if answer.status_code != 200:
            raise NotTaken(f"HTTP {answer.status_code}")
        return _read(bytes(read))

    def _bearer(self) -> dict[str, str]:
        path = self._settings.upstream_token
        try:
            secret = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise NotTaken(f"读不到 {path.name} it cannot be read: {type(error).__name__}") from None
        if not looks_like_secret(secret, TOKEN_PREFIX):
            raise NotTaken(f"{path.name} 里不是节点密钥 holds no secret of an outpost")
        return {"Authorization": f"Bearer {secret}"}

    def _client(self) -> httpx2.AsyncClient:
        ca = self._settings.upstream_ca
        secure = self.url.startswith("https:")
        verify = ssl.create_default_context(cafile=ca) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        headers = {"Accept-Encoding": "identity", "User-Agent": "fenghuo"}
        return httpx2.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            verify=verify,
            transport=self.transport,
            timeout=httpx2.Timeout(WAIT_S),
            headers=headers,
        )

    async def _rest(self, seconds: float) -> None:
        self._bell.clear()
        try:
            await asyncio.wait_for(self._bell.wait(), seconds)
        except TimeoutError:
            pass

    def _note(self, fault: str | None) -> None:
        if (fault is None) != (self._fault is None):
            self._since = self._now()
            log.warning("the desk above", reached=fault is None, fault=fault)
        self._fault = fault


def exact_upstream(text: str) -> str:
    """The address of the desk above: scheme, host and port, nothing after."""
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(f"not the address of a desk: {text!r}; write https://desk.example:8443")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"not the address of a desk: {text!r}; it ends after the host and port")
    return text.strip().rstrip("/")


def _before_the_first_file(waiting: list[Waiting]) -> list[Waiting]:
    """What can go at once: all up to the first command that needs a file above; that one stands alone."""
    for place, one in enumerate(waiting):
        if one.name == "add-attachment":
            return waiting[:place]
    return waiting


async def _pieces(database: Any, digest: str, size: int) -> AsyncIterator[bytes]:
    for place in range(-(-size // attachments.PIECE)):
        found = await asyncio.to_thread(attachments.piece, database, digest, place)
        if found is None:
            raise OSError("a piece of the file is missing")
        yield found


def _settled(one: Waiting, result: Any) -> Settled | None:
    """What one answer of a batch means; None: nothing yet."""
    status = result.get("status") if isinstance(result, dict) else None
    if status == 200:
        number = result.get("number")
        epoch = result.get("epoch")
        return Settled(
            one.position,
            number=number if isinstance(number, str) else None,
            epoch=epoch if isinstance(epoch, str) else None,
        )
    if not isinstance(status, int) or status in LATER:
        return None
    return _refusal(one, result)


def _refusal(one: Waiting, said: Any) -> Settled:
    said = said if isinstance(said, dict) else {}
    errors = said.get("errors") or []
    told = "; ".join(f"{one.get('pointer')}: {one.get('detail')}" for one in errors if isinstance(one, dict))
    detail = " ".join(part for part in (str(said.get("detail") or ""), told) if part)
    return Settled(one.position, word=str(said.get("type") or "refused")[:60], detail=detail[:2000])


def _read(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _in_words(error: BaseException) -> str:
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return "上级没有回答 the desk above does not answer"
    return f"连不上 no connection: {type(error).__name__}"
