"""Reading a message that was pasted: what is asked and what is answered. It changes nothing."""

from __future__ import annotations

from typing import Any, Literal

from schemas.bases import Shown
from schemas.fields import Frozen, Instant, Said20000


class ReadMessage(Frozen):
    """A message (chat, SMS, e-mail, a superior's text), and when it was sent: now, unless said otherwise.

    Words like "yesterday" count from then.
    """

    text: Said20000
    sent_at: Instant | None = None


class Stretch(Shown):
    """Characters of the text, in code points; `end` is excluded."""

    start: int
    end: int
    words: str


class Found(Stretch):
    """One thing that the text says, with the words that say it.

    `field` is a field of `open-incident` (`occurred_at`, `title`, `category`, `dead`, `source.phone` …), or
    `place`, `division`, `occurred_day` (no hour was said), `alarm_at`, `received_at`, `as_of`. A `value` of
    null is an explicit unknown. `taken`: it is in the draft; what is `unsure` is offered and is not. `also`:
    other words that it was put together from. `notes` say why it is not sure.
    """

    field: str
    value: str | int | float | None
    sure: Literal["sure", "likely", "unsure"]
    taken: bool
    incident: int
    also: list[Stretch]
    notes: list[str]


class MessageReading(Shown):
    """What a text says. Nothing is made up: of what it does not say there is nothing here.

    `incidents` are the stretches that tell of one each, `drafts` the body of `open-incident` that the taken
    findings of each come to, with `words` as they may stand in the open log. `notes`: `several`,
    `several_said`, `drill`, `denied`, `too_long`.
    """

    sent_at: Instant
    incidents: list[Stretch]
    findings: list[Found]
    drafts: list[dict[str, Any]]
    notes: list[str]
