"""The one way in, as the shells call it: who, which command, which body; an answer or a refusal out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError

from schemas.bases import AnyCommand
from schemas.commands import COMMANDS, Command
from schemas.outposts import HandedItem, Via
from server.domain.decide import FIRST_YEAR, LAST_YEAR, Author, Refused
from server.domain.permissions import may
from server.people.accounts import Principal
from server.record.store import Answer, CommandIdReused, Store, StoreUnavailable
from server.record.works import Batch, Creation, CreationRefused, Work
from server.sentences import field_sentence, sentence

log = structlog.get_logger()

MOST_IN_A_BATCH = 1_000
ANSWER_S = 10.0  # more than the database may hold up a writer; then it is "unknown, send again"


class NoSuchCommand(Exception):
    """There is no command of this name."""


class NotYourPost(Exception):
    """The person's post may not send this command."""


class NotSpokenFor(Exception):
    """An outpost names somebody who did not go along with it, or may not act here any more."""


class BadItem(Exception):
    """An item of a batch that is no `{"name", "body"}`."""

    def __init__(self, pointer: str, code: str) -> None:
        super().__init__(pointer)
        self.pointer, self.code = pointer, code


@dataclass(frozen=True, slots=True)
class Explained:
    """A refusal as every shell shows it: status, fixed word, sentence, and what is wrong with which field."""

    status: int
    type: str
    detail: str
    errors: tuple[dict[str, str], ...] = ()
    is_bug: bool = False


#: Whose deed an item of a batch is, where its sender speaks for others: from what the item says.
Speaking = Callable[[Mapping[str, Any]], tuple[Principal, Author]]


class Desk:
    """Checks who may and what is said, then lets the store do it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.refusals: Counter[str] = Counter()  # by the fixed word that the caller gets

    async def execute(self, principal: Principal, name: str, body: Any) -> Answer:
        """Do one command. Returns when it is on disk; raises what `explain` can put into words."""
        try:
            return await self._execute(principal, name, body)
        except Exception as refusal:
            self.refusals[word_for(refusal)] += 1
            raise

    async def _execute(self, principal: Principal, name: str, body: Any) -> Answer:
        try:
            command = check(principal, name, body)
        except NotYourPost as refusal:
            raise await self._unless_unseen(principal, name, body, refusal) from None
        caller: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        author = author_of(principal)
        self._store.submit_all([self._store.work(caller, author, principal.person_id, command)])
        with _patience(caller):
            return await caller

    async def _unless_unseen(
        self, principal: Principal, name: str, body: Any, refusal: NotYourPost
    ) -> Exception:
        """What one may not see answers 404, what one may see but not do answers 403 (contract 2)."""
        named = _named(body) if name != "open-incident" else None
        if named is not None and not await asyncio.to_thread(self._store.is_seen_by, principal.unit, named):
            return Refused("no-such-incident", "/incident_id", kind="missing")
        return refusal

    async def execute_batch(
        self,
        principal: Principal,
        said: Sequence[Any],
        speaking: Speaking | None = None,
        *,
        says_via: bool = False,
    ) -> list[Answer | Exception]:
        """Do an ordered batch: a refused one does not stop the rest unless it names the same creation.

        Each item is `{"name", "body"}` as it came; one that is not is refused like any other. With
        `speaking` the sender hands on what others did; `says_via`: each item says whose deed it is.
        """
        checked: list[AnyCommand | Exception] = []
        items: list[tuple[str, Any]] = []
        whose: list[tuple[Principal, Author]] = []
        for one in said:
            name, body = "", None
            speaker, author = principal, author_of(principal)
            try:
                name, body = read_item(one, says_via)
                if speaking is not None:
                    speaker, author = speaking(one)
                checked.append(check(speaker, name, body))
            except NotYourPost as refusal:
                checked.append(await self._unless_unseen(speaker, name, body, refusal))
            except (BadItem, NoSuchCommand, NotSpokenFor, ValidationError) as refusal:
                checked.append(refusal)
            items.append((name, body))
            whose.append((speaker, author))
        works = self._works(whose, checked, items)
        callers = [caller for caller, _work in works if caller is not None]
        self._store.submit_all([work for _caller, work in works if work is not None])
        if callers:
            with _patience(*callers):
                await asyncio.wait(callers)
        results: list[Answer | Exception] = []
        for command, (caller, _work) in zip(checked, works, strict=True):
            if caller is None:
                assert isinstance(command, Exception)
                results.append(command)
            else:
                failure = caller.exception()
                assert failure is None or isinstance(failure, Exception)
                results.append(failure or caller.result())
        self.refusals.update(word_for(result) for result in results if isinstance(result, Exception))
        return results

    def _works(
        self,
        whose: list[tuple[Principal, Author]],
        checked: list[AnyCommand | Exception],
        items: list[tuple[str, Any]],
    ) -> list[tuple[asyncio.Future[Answer], Work] | tuple[None, None]]:
        """What is to be done of a batch, in its order. All may share a round: those that follow a creation
        learn in their turn whether it was refused."""
        loop = asyncio.get_running_loop()
        creations: dict[str, Creation] = {}
        batch = Batch()
        works: list[tuple[asyncio.Future[Answer], Work] | tuple[None, None]] = []
        for command, (name, body), (speaker, author) in zip(checked, items, whose, strict=True):
            opens = name == "open-incident"
            if isinstance(command, Exception):
                works.append((None, None))
                if opens and (named := _named(body)) is not None:
                    creations[named] = Creation(was_refused=True)
                continue
            caller: asyncio.Future[Answer] = loop.create_future()
            work = self._store.work(caller, author, speaker.person_id, command)
            work.batch = batch
            if isinstance(command, Command):
                work.needs = creations.get(command.incident_id)
                if opens:
                    work.creates = creations.setdefault(command.incident_id, Creation())
            works.append((caller, work))
        return works


@contextmanager
def _patience(*callers: asyncio.Future[Answer]) -> Iterator[None]:
    """No answer within ANSWER_S is an answer as well. What has not had its turn by then is not done, nor is
    what nobody waits for any more."""

    def give_up() -> None:
        for caller in callers:
            if not caller.done():
                caller.set_exception(StoreUnavailable(f"no answer within {ANSWER_S:g} s"))

    timer = asyncio.get_running_loop().call_later(ANSWER_S, give_up)
    try:
        yield
    finally:
        timer.cancel()
        for caller in callers:
            caller.cancel()


def check(principal: Principal, name: str, body: Any) -> AnyCommand:
    """The command that this person may send and this body says, or the refusal."""
    kind = COMMANDS.get(name)
    if kind is None:
        raise NoSuchCommand(name)
    if principal.read_only or not may(principal.post, name):
        raise NotYourPost(name)
    return kind.model_validate(body)


def author_of(principal: Principal) -> Author:
    return Author(principal.name, principal.post, principal.unit)


def spoken_by(outpost: Principal, people: Mapping[str, Principal], now: datetime) -> Speaking:
    """How an outpost speaks for `people`, those who went along with it and may act here still."""

    def speak(item: Mapping[str, Any]) -> tuple[Principal, Author]:
        said = HandedItem.model_validate({"via": item["via"]}).via
        for name, at in (("recorded_at", said.recorded_at), ("sent_at", said.sent_at)):
            if not FIRST_YEAR <= at.year <= LAST_YEAR:
                raise BadItem(f"/via/{name}", "instant_unreal")
        speaker = people.get(said.person)
        if speaker is None:
            raise NotSpokenFor
        skew_ms = int((now - said.sent_at).total_seconds() * 1000)
        via = Via(way="outpost", name=outpost.name, recorded_at=said.recorded_at, skew_ms=skew_ms)
        return speaker, replace(author_of(speaker), via=via, device_skew_ms=said.device_skew_ms)

    return speak


def read_item(said: Any, is_handed_on: bool = False) -> tuple[str, Any]:
    """The name and body of a batch's item, or `BadItem`. Only what is handed on says by what way."""
    if not isinstance(said, Mapping):
        raise BadItem("", "model_type")
    fields = ("name", "body", "via") if is_handed_on else ("name", "body")
    for unknown in said.keys() - set(fields):
        raise BadItem(f"/{pointer_part(unknown)}", "extra_forbidden")
    for needed in fields:
        if needed not in said:
            raise BadItem(f"/{needed}", "missing")
    if not isinstance(said["name"], str):
        raise BadItem("/name", "string_type")
    return said["name"], said["body"]


def _named(body: Any) -> str | None:
    """The incident that a body names, right or wrong as it may be otherwise."""
    said = body.get("incident_id") if isinstance(body, Mapping) else None
    return said.lower() if isinstance(said, str) and len(said) == 36 and "\x00" not in said else None


_STATUS = {"invalid": 422, "forbidden": 403, "missing": 404, "conflict": 409}


_WORD: dict[type[BaseException], str] = {
    ValidationError: "bad-body",
    BadItem: "bad-body",
    CommandIdReused: "command-id-reused",
    NotYourPost: "not-your-post",
    NoSuchCommand: "no-such-command",
    NotSpokenFor: "not-spoken-for",
    CreationRefused: "creation-refused",
    StoreUnavailable: "store-unavailable",
}


def word_for(error: BaseException) -> str:
    """The fixed word of a refusal, as `explain` gives it."""
    return error.code if isinstance(error, Refused) else _WORD.get(type(error), "internal-error")


def explain(error: BaseException, lang: str) -> Explained:
    """Put a refusal into words. What is no refusal is a bug: one fixed sentence, the rest into the log."""
    match error:
        case Refused():
            detail = sentence(error.code, lang, **error.values)
            errors = ({"pointer": error.pointer, "detail": detail},) if error.pointer else ()
            return Explained(_STATUS[error.kind], error.code, detail, errors)
        case ValidationError():
            return Explained(422, "bad-body", sentence("bad-body", lang), tuple(field_errors(error, lang)))
        case BadItem():
            errors = ({"pointer": error.pointer, "detail": sentence(error.code, lang)},)
            return Explained(422, "bad-body", sentence("bad-body", lang), errors)
        case CommandIdReused():
            return Explained(422, "command-id-reused", sentence("command-id-reused", lang))
        case NotYourPost():
            return Explained(403, "not-your-post", sentence("not-your-post", lang))
        case NoSuchCommand():
            return Explained(404, "no-such-command", sentence("no-such-command", lang))
        case NotSpokenFor():
            return Explained(403, "not-spoken-for", sentence("not-spoken-for", lang))
        case CreationRefused():
            return Explained(424, "creation-refused", sentence("creation-refused", lang))
        case StoreUnavailable():
            full = "disk is full" in str(error) or "No space left" in str(error)
            return Explained(507 if full else 503, "store-unavailable", sentence("store-unavailable", lang))
        case _:
            log.error("a bug", exc_info=error)
            return Explained(500, "internal-error", sentence("internal-error", lang), is_bug=True)


def pointer_part(name: object) -> str:
    """A name as it stands in a JSON pointer (RFC 6901)."""
    return str(name).replace("~", "~0").replace("/", "~1")


def field_errors(error: ValidationError, lang: str) -> list[dict[str, str]]:
    """`{"pointer": "/facts/dead", "detail"}` for each field that is wrong."""
    found: dict[str, str] = {}
    for one in error.errors(include_url=False, include_input=False):
        pointer = "".join(f"/{pointer_part(part)}" for part in one["loc"])
        found.setdefault(pointer, field_sentence(one["type"], one["msg"], dict(one.get("ctx") or {}), lang))
    return [{"pointer": pointer, "detail": detail} for pointer, detail in found.items()]
