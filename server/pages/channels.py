"""The channels by which people outside are reached: do they work, what became of the last messages, a test.

Duty officers, leaders and administrators see those of their own unit and below; only an administrator, in
person, sends a test. Nothing secret is on the page: the file names where secrets are kept, and so do we not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from schemas.channels import Base, Sms, Smtp
from schemas.terms import Post
from server.config.channel_file import NAME
from server.gate.auth import principal_of
from server.pages.front import Front, TurnedBack, form_of, guarded, in_thread, log, text_in
from server.parts import Parts
from server.people.accounts import Principal
from server.record import duty_reading, outbox

SEEN_BY = frozenset({Post.ADMIN, Post.DUTY_OFFICER, Post.DUTY_LEADER})
MOST_MESSAGES = 100
TEST_EVERY, TEST_EXPIRES = timedelta(seconds=10), timedelta(minutes=10)
_PHONE = re.compile(r"\+?[0-9]{5,15}")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A channel as the page shows it. `asks`: what a test needs to be told, `phone`, `email` or nothing."""

    channel: Base
    kind: str
    asks: str
    fault: str | None
    since: datetime | None
    sent_at: datetime | None
    waiting: int
    nonce: str


class ChannelPages:
    """The routes of the channels."""

    def __init__(self, front: Front) -> None:
        self.front = front

    def routes(self) -> list[Route]:
        return [
            Route("/channels", guarded(self.channels_page)),
            Route("/channels/{channel}/test", guarded(self.send_test), methods=["POST"]),
        ]

    async def channels_page(self, request: Request) -> Response:
        person = principal_of(request.scope)
        if person.post not in SEEN_BY:
            raise TurnedBack(self.front.refuse(request, 403, "not_permitted"))
        return await self._page(request, person, done=self.front.done(request, "channels.tested"))

    async def send_test(self, request: Request) -> Response:
        admin, parts = self.front.administrator(request), _parts(request)
        channel = parts.store.channels.channel(str(request.path_params["channel"]))
        unit = None if channel is None else next(iter(self._reached(admin, channel)), None)
        if channel is None or unit is None:
            raise TurnedBack(self.front.refuse(request, 404, "not_found"))
        form = await form_of(request)
        recipient = re.sub(r"[ ()-]", "", text_in(form, "recipient")) if isinstance(channel, Sms) else ""
        if isinstance(channel, Smtp):
            recipient = text_in(form, "recipient").strip()
        wanted = {"phone": _PHONE, "email": _EMAIL}.get(_asks(channel))
        try:
            message_id = str(UUID(text_in(form, "nonce")))
        except ValueError:
            return await self._page(request, admin, 422, self.front.say(request, "refused.not_found"))
        if wanted is not None and not wanted.fullmatch(recipient):
            return await self._page(request, admin, 422, self.front.say(request, "refused.bad_recipient"))
        now = parts.now()
        if await in_thread(outbox.tested_since, parts.database, channel.id, now - TEST_EVERY):
            return await self._page(request, admin, 429, self.front.say(request, "refused.tested_just_now"))
        row = outbox.fresh(
            message_id,
            f"test:{message_id}",
            now,
            now + TEST_EXPIRES,
            alarm_id=None,
            unit=unit,
            channel=channel.id,
            text=f"【烽火测试】{parts.tree.name_of(unit)} 外发渠道测试，收到无需处理。编号{message_id[:8]}",
            drill=False,
            recipient=recipient,
            recipient_name=admin.name if recipient else "",
        )
        await in_thread(outbox.add, parts.database, row)
        log.info("channel_tested", by=admin.name, channel=channel.id)
        return RedirectResponse("/channels?done=channels.tested", 303)

    def _reached(self, person: Principal, channel: Base) -> list[str]:
        """Those of a channel's units that a person sees."""
        return [unit for unit in channel.units if self.front.units.covers(person.unit, unit)]

    async def _page(
        self, request: Request, person: Principal, status: int = 200, said: str = "", done: str = ""
    ) -> Response:
        parts = _parts(request)
        book = parts.store.channels
        seen = [one for one in book.channels if self._reached(person, one)]
        units = list(self.front.units.subtree(person.unit))
        last = await in_thread(outbox.last_of_channels, parts.database)
        messages = await in_thread(outbox.last_messages, parts.database, units, MOST_MESSAGES)
        silent: dict[str, dict[str, Any]] = {}
        for unit in {unit for one in seen for unit in self._reached(person, one)}:
            for one in (await in_thread(duty_reading.calling, parts.database, unit))["silent"]:
                silent[one["channel"]] = one
        return await self.front.screen(
            "channels.html",
            request,
            status=status,
            said=said,
            done=done,
            problems=[one for one in parts.problems if NAME in one] if person.post is Post.ADMIN else [],
            channels=[_shown(one, last.get(one.id), silent.get(one.id)) for one in seen],
            names={one.id: one.name for one in book.channels},
            messages=[message | {"to": _masked(message)} for message in messages],
            may_test=person.post is Post.ADMIN and person.kind == "session",
            name_of=partial(self.front.unit_name, request),
        )


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


def _asks(channel: Base) -> str:
    return {Sms: "phone", Smtp: "email"}.get(type(channel), "")


def _shown(channel: Any, last: dict[str, Any] | None, silent: dict[str, Any] | None) -> Shown:
    return Shown(
        channel=channel,
        kind=channel.kind,
        asks=_asks(channel),
        fault=None if silent is None else silent["fault"],
        since=None if silent is None else datetime.fromisoformat(silent["since"]),
        sent_at=None if last is None else last["sent_at"],
        waiting=0 if last is None else last["waiting"],
        nonce=str(uuid4()),
    )


def _masked(message: dict[str, Any]) -> str:
    """Who was to get it: a number or an address is not for every eye."""
    recipient, name = str(message["recipient"]), str(message["recipient_name"])
    head, at, host = recipient.partition("@")
    if at:
        recipient = f"{head[:1]}•••@{host}"
    elif recipient:
        recipient = f"{recipient[:3]}••••{recipient[-2:]}"
    return " ".join(part for part in (name, recipient) if part)
