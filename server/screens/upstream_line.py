"""The line that an outpost shows over its screens: how it stands with the desk above. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from server.screens.wording import Wording


class Standing(Protocol):
    """What is to be known of the desk above."""

    @property
    def fault(self) -> str | None: ...
    @property
    def since(self) -> datetime: ...
    @property
    def waiting(self) -> int: ...
    @property
    def refused(self) -> int: ...


def upstream_line(state: Standing, now: datetime, wording: Wording, not_taken: int = 0) -> str:
    """上级 断开 12 分钟, 37 条待送. Empty when all is well and nothing waits. `not_taken`: orders from above
    that do not ring here."""
    said = []
    if state.fault is not None:
        span = wording.span(max(0, int((now - state.since).total_seconds())))
        said.append(wording.say("upstream.away", span=span))
    if state.waiting:
        said.append(wording.say("upstream.waiting", count=state.waiting))
    if state.refused:
        said.append(wording.say("upstream.refused", count=state.refused))
    if not_taken:
        said.append(wording.say("upstream.not_taken", count=not_taken))
    return wording.say("list.comma").join(said)
