"""How much anybody may send: bytes of a body, depth of its JSON, requests a second.

Every limit is a number that the settings may change. reliability.md 7, attackers 12 and 14.
"""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.gate.problems import problem

MAX_BODY = 1024 * 1024  # bytes
MAX_DEPTH = 32  # arrays and objects inside one another


class NotJSON(ValueError):
    """A body that is no JSON, or JSON that we do not take."""


def parse_json(body: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text. NaN, Infinity, broken UTF-8, half surrogates, deep nesting and a name that
    an object has twice are refused."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise NotJSON(str(problem)) from None
    if body.count(b"[") + body.count(b"{") > max_depth and _deeper_than(value, max_depth):
        raise NotJSON(f"more than {max_depth} arrays and objects inside one another")
    # The parser keeps the last of two members of one name. What it dropped shows in the colons that are left;
    # an escaped colon would hide it, so then, and when there are too few, every name is looked at.
    if b"\\u003" in body or body.count(b":") != orjson.dumps(value).count(b":"):
        json.loads(body, object_pairs_hook=_each_name_once)
    return value


def _each_name_once(members: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _value in members:
        if name in seen:  # which of the two was meant? the record is evidence: nothing is guessed
            raise NotJSON(f"the name {name[:100]!r} stands twice in one object")
        seen.add(name)


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return False
        level = [
            item
            for container in containers
            for item in (container.values() if isinstance(container, dict) else container)
        ]
    return True


@dataclass(frozen=True)
class Rates:
    """Requests a second, and how many at once after a pause.

    One token may replay a whole dispatch log, hence the generous figure per credential. What is refused for
    want of a credential is counted per address; it never slows a request that has one.
    """

    credential: float = 2_000.0
    credential_burst: float = 4_000.0
    stranger: float = 20.0
    stranger_burst: float = 60.0


class TokenBuckets:
    """A token bucket per key, for at most `remembered` keys: the least lately seen is forgotten first."""

    def __init__(
        self,
        rate: float,
        burst: float,
        monotonic: Callable[[], float] = time.monotonic,
        remembered: int = 10_000,
    ) -> None:
        self._rate, self._burst = rate, burst
        self._monotonic = monotonic
        self._remembered = remembered
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> int:
        """Take one token. 0: it may go on; otherwise the whole seconds until there will be one."""
        with self._lock:
            at = self._monotonic()
            tokens, seen_at = self._buckets.get(key, (self._burst, at))
            tokens = min(self._burst, tokens + (at - seen_at) * self._rate)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, at)
            self._buckets.move_to_end(key)
            if len(self._buckets) > self._remembered:
                self._buckets.popitem(last=False)
            return 0 if allowed else max(1, math.ceil((1 - tokens) / self._rate))


#: Where a body may be larger: the endpoint counts it itself, while it reads (`server/api/attachments.py`).
UPLOAD = re.compile(r"/api/v1/(incidents/[0-9a-fA-F-]{36}/attachments|map/layers)/[0-9a-fA-F-]{36}", re.ASCII)


class BodyTooLarge(HTTPException):
    """Raised inside the application when it reads on beyond the limit."""

    def __init__(self) -> None:
        super().__init__(413)


class BodyLimit:
    """No body over `limit` bytes gets in, whether its length is announced or not (413).

    Whatever the application made of it, the answer is 413: half a body is never acted upon.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"] == "PUT" and UPLOAD.fullmatch(scope["path"])):
            return await self.app(scope, receive, send)
        if self._announces_too_much(scope):
            return await self._refuse(scope, receive, send)
        taken, started, refused = 0, False, False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.limit:
                raise BodyTooLarge
            return message

        async def guarded(message: Message) -> None:
            nonlocal started, refused
            if taken > self.limit and not started:
                if not refused:
                    refused = True
                    await self._refuse(scope, receive, send)
                return
            started = True
            await send(message)

        try:
            await self.app(scope, counted, guarded)
        except BodyTooLarge:
            if started:
                raise
            if not refused:
                await self._refuse(scope, receive, send)

    def _announces_too_much(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"content-length":
                return not value.isdigit() or len(value) > 15 or int(value) > self.limit
        return False

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = problem(
            413,
            "too-large",
            detail=f"a body has at most {self.limit} bytes",
            headers={"Connection": "close"},
        )
        await answer(scope, receive, send)
