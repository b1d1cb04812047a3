"""Where pasted messages are read: what was asked is checked, few are read at once, none in the event loop."""

from __future__ import annotations

from datetime import datetime, timedelta

import anyio
from anyio.to_thread import run_sync
from pydantic import ValidationError

from schemas.messages import ReadMessage
from server.desk import Explained, explain
from server.domain.messages.reading import Reader, Reading
from server.domain.units import UnitTree
from server.gate.limits import NotJSON, parse_json
from server.sentences import sentence

#: A text takes some milliseconds; one that was made to take long, a third of a second.
READINGS_AT_ONCE = 2
_AHEAD = timedelta(minutes=2)


class WrongMessage(Exception):
    """What was asked is no message to read."""

    def __init__(self, explained: Explained) -> None:
        super().__init__(explained.type)
        self.explained = explained


class ReadingRoom:
    """One for a desk."""

    def __init__(self, tree: UnitTree) -> None:
        self.reader = Reader(tree)
        self._limit: anyio.CapacityLimiter | None = None  # belongs to the loop in which it is first asked

    async def read(self, text: str, sent_at: datetime) -> Reading:
        if self._limit is None:
            self._limit = anyio.CapacityLimiter(READINGS_AT_ONCE)
        return await run_sync(self.reader.read, text, sent_at, limiter=self._limit)


def asked_to_read(body: bytes, now: datetime, lang: str) -> tuple[str, datetime]:
    """The message in a request's body, and when it was sent."""
    try:
        message = ReadMessage.model_validate(parse_json(body))
    except NotJSON as wrong:
        raise WrongMessage(Explained(400, "not-json", sentence("not-json", lang, why=wrong))) from None
    except ValidationError as wrong:
        raise WrongMessage(explain(wrong, lang)) from None
    if message.sent_at is not None and message.sent_at > now + _AHEAD:
        errors = ({"pointer": "/sent_at", "detail": sentence("time-in-the-future", lang)},)
        raise WrongMessage(Explained(422, "bad-body", sentence("bad-body", lang), errors))
    return message.text, message.sent_at or now
