"""GET /api/v1/live: who may listen, to what, and for how long. The hub does the talking.

A socket only listens: commands never come this way. Everything sent goes through the connection's own
`Wire`, which never waits for a client that does not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from starlette.websockets import WebSocket

from server.delivery.frames import Wire, text_frame
from server.delivery.hub import LIMIT_PASSED, RIGHT_CHANGED, SESSION_ENDED, Hub, Listener
from server.delivery.wire import wire_of
from server.gate.auth import principal_of
from server.gate.problems import problem
from server.people.accounts import Principal

SUBPROTOCOL = "fenghuo.v1"
HELLO_S = 5.0
RIGHTS_S = 0.75  # with the question itself well within the 2 s of contract 5

SCREENS = ("desk", "field", "wall", "joint")
LANGUAGES = ("zh", "en")
HELLO_FIELDS = {"type", "epoch", "after", "screen", "stream", "lang"}
DEVICE_REVOKED = "device-revoked"  # the reason of a 4001: forget everything
RESTRICTED_POSTS = ("duty_officer", "duty_leader", "auditor")


class Misunderstood(Exception):
    """What the client said is answered by an error; the socket goes on."""


def live_endpoint(hub: Hub, *, hello_s: float = HELLO_S) -> Callable[[WebSocket], Awaitable[None]]:
    """The endpoint for `WebSocketRoute("/api/v1/live", …)`, behind the gate of `server.gate.auth`."""

    async def live(websocket: WebSocket) -> None:
        scope = websocket.scope
        principal = principal_of(scope)
        offered = scope.get("subprotocols") or []
        if offered and SUBPROTOCOL not in offered:
            detail = f"the subprotocol here is {SUBPROTOCOL}"
            await websocket.send_denial_response(problem(400, "unknown-subprotocol", detail=detail))
            return
        wire = wire_of(scope)
        if wire is None:
            raise RuntimeError("the live stream needs a server started with wire.uvicorn_options()")
        await websocket.accept(subprotocol=SUBPROTOCOL if offered else None)
        if not hub.enter(principal):
            wire.close(LIMIT_PASSED, "too many sockets for one person")
            return
        wire.adopt(Conversation(wire, hub, principal, hello_s))

    return live


class Conversation:
    """What one socket says: a hello, and nothing after it."""

    __slots__ = ("_deadline", "_hub", "_listener", "_principal", "_wire")

    def __init__(self, wire: Wire, hub: Hub, principal: Principal, hello_s: float) -> None:
        self._wire, self._hub, self._principal = wire, hub, principal
        self._listener: Listener | None = None
        loop = asyncio.get_running_loop()
        self._deadline: asyncio.TimerHandle | None = loop.call_later(
            hello_s, wire.close, LIMIT_PASSED, "no hello in time"
        )

    def heard(self, text: str | None) -> None:
        if text is None:
            self._wire.close(1007, "text frames only")
            return
        try:
            told = orjson.loads(text)
        except orjson.JSONDecodeError:
            self._wire.close(1007, "JSON only")
            return
        try:
            if self._listener is not None:
                raise Misunderstood("After the hello a socket only listens; commands go by POST.")
            self._listener = _listen(self._hub, self._wire, self._principal, told)
            self._stop_waiting()
        except Misunderstood as error:
            if not self._wire.is_paused:
                self._wire.write(text_frame(orjson.dumps({"type": "error", "detail": str(error)})))

    def gone(self) -> None:
        self._stop_waiting()
        self._hub.leave(self._principal)
        if self._listener is not None:
            self._listener.lost()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _listen(hub: Hub, wire: Wire, principal: Principal, told: Any) -> Listener:
    """Check a hello by hand: five fields, and an answer that names what is wrong."""
    if not isinstance(told, dict) or told.get("type") != "hello":
        raise Misunderstood('Say hello first: {"type": "hello", "epoch": null, "after": null}.')
    if unknown := sorted(set(told) - HELLO_FIELDS):
        raise Misunderstood(f"A hello has no field {', '.join(unknown)}.")
    epoch, after, screen = told.get("epoch"), told.get("after"), told.get("screen")
    stream, lang = told.get("stream"), told.get("lang")
    if not (epoch is None or isinstance(epoch, str)):
        raise Misunderstood("epoch is a string or null.")
    if not (after is None or (type(after) is int and after >= 0)):
        raise Misunderstood("after is an offset (0, 1, 2 …) or null.")
    if screen is not None and screen not in SCREENS:
        raise Misunderstood(f"screen is one of {', '.join(SCREENS)}.")
    if lang is not None and lang not in LANGUAGES:
        raise Misunderstood(f"lang is one of {', '.join(LANGUAGES)}.")
    if stream not in (None, "restricted"):
        raise Misunderstood('stream is "restricted" or left out: one listens to one\'s own unit only.')
    is_restricted = stream == "restricted"
    if is_restricted and principal.post not in RESTRICTED_POSTS:
        raise Misunderstood("Your post may not hear the restricted stream.")
    return hub.listen(
        wire,
        f"{principal.unit}:r" if is_restricted else principal.unit,
        principal,
        after=after,
        epoch=epoch,
        screen=screen,
        lang=lang or principal.lang,
        restricted=is_restricted,
    )


Revoked = Callable[[list[str]], set[str]]
Check = Callable[[Sequence[Principal]], Mapping[str, int | None]]


async def watch_rights(
    hub: Hub, check: Check, revoked: Revoked | None = None, *, every_s: float = RIGHTS_S
) -> None:
    """For ever: ask whether those who listen still may, and end the sockets of those who may not.

    `check` is given one principal per credential and answers, by credential_id, None (all is well),
    4001 (the session or token has ended) or 4003 (post or unit changed): `People.standing_of`. It is called
    in a thread, and looks at the database itself. `revoked` names those sessions that end because their
    tablet was revoked: it learns so from the reason, and forgets everything.
    """
    reasons = {SESSION_ENDED: "session ended", RIGHT_CHANGED: "right or post changed"}
    while True:
        await asyncio.sleep(every_s)
        people = {
            listener.person.credential_id: listener.person
            for listener in hub.listeners()
            if isinstance(listener.person, Principal)
        }
        if not people:
            continue
        standing = await hub.in_thread(check, list(people.values()))
        ended = [one for one, code in standing.items() if code == SESSION_ENDED]
        lost: set[str] = set()
        if ended and revoked is not None:
            lost = await hub.in_thread(revoked, [one.partition("@")[0] for one in ended])
        for listener in hub.listeners():
            code = standing.get(listener.person.credential_id)
            if code is not None:
                is_lost = listener.person.credential_id.partition("@")[0] in lost
                listener.close(code, DEVICE_REVOKED if is_lost else reasons.get(code, ""))
