"""Bugs that were made somewhere, put into the real code: a simulation that does not find them is blind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from server.delivery.hub import Hub
from server.delivery.relay import Relay, read
from server.delivery.stream import Listener, Stream
from server.record import reading, store
from server.record.round import Round
from server.record.store import Store
from server.record.works import Work
from server.watch import Watch
from tests.simulation.disk import Disk
from tests.simulation.judge import judged
from tests.simulation.node import Wire
from tests.simulation.world import World

Bug = Callable[[], AbstractContextManager[None]]
PLANTED: dict[str, Bug] = {}
#: Bugs that show in few histories, and one in which they did: a test looks from there on.
LOOK_FROM = {
    "the doorbell is believed": 10,
    "the watch ends when the database is away once": 19,
    "who joins while something is published misses it": 9,
    "what other processes decided is not read again": 5,
    "listeners are told before the commit": 3,
    "a failed round leaves its states in memory": 3,
}


def planted(make: Callable[[], Iterator[None]]) -> Callable[[], Iterator[None]]:
    PLANTED[make.__name__.replace("_", " ")] = contextmanager(make)
    return make


def first_found(bug: str, disk: Disk, *, start: int, histories: int) -> tuple[int, str] | None:
    """The first seed in which a planted bug shows, and how; None when it shows in none."""
    with PLANTED[bug]():
        for seed in range(start, start + histories):
            if wrong := judged(seed, disk).wrong:
                return seed, wrong[0]
    return None


class _Told:
    """A caller that was told already; a refusal is news all the same."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def set_result(self, _answer: Any) -> None: ...

    def set_exception(self, failure: Any) -> None:
        if not self._future.done():
            self._future.set_exception(failure)


@planted
def the_answer_goes_out_before_the_commit() -> Iterator[None]:
    real = Store._write_round

    def hasty(self: Store, works: list[Work]) -> None:
        def at_once(work: Work) -> Callable[[Round], Any]:
            def do(round_: Round) -> Any:
                answer = work.do(round_)
                work.caller.set_result(answer)
                return answer

            return do

        told: Any = [replace(work, do=at_once(work), caller=_Told(work.caller)) for work in works]
        real(self, told)

    with patch.object(Store, "_write_round", hasty):
        yield


@planted
def listeners_are_told_before_the_commit() -> Iterator[None]:
    real = Round.flush

    def hasty(self: Round) -> None:
        real(self)
        tells[id(self._heads)](self.published)

    init = Store.__init__
    tells: dict[int, Any] = {}

    def remember(self: Store, *args: Any, **options: Any) -> None:
        init(self, *args, **options)
        tells[id(self._heads)] = lambda rows: self.on_commit(rows)

    with patch.object(Round, "flush", hasty), patch.object(Store, "__init__", remember):
        yield


@planted
def no_record_of_a_command_is_kept() -> Iterator[None]:
    with patch.object(Round, "remember", lambda self, record: None):
        yield


@planted
def the_record_of_a_command_is_kept_in_memory_only() -> Iterator[None]:
    kept: dict[str, Any] = {}
    real_flush, real_done = Round.flush, Round.done_before

    def flush(self: Round) -> None:
        self.__dict__.setdefault("_said", {}).update(self._records)
        kept.update({(id(self._heads), key): value for key, value in self._records.items()})
        self._records = {}
        real_flush(self)

    def done_before(self: Round, command_id: str) -> Any:
        return kept.get((id(self._heads), command_id)) or real_done(self, command_id)

    with patch.object(Round, "flush", flush), patch.object(Round, "done_before", done_before):
        yield


@planted
def resume_sends_from_the_entry_after_next() -> Iterator[None]:
    real = Hub._welcome

    def skipping(self: Hub, listener: Listener, after: int | None, epoch: str | None) -> None:
        real(self, listener, after + 1 if after and after < listener.stream.head else after, epoch)

    with patch.object(Hub, "_welcome", skipping):
        yield


@planted
def only_the_doorbell_tells_of_other_processes() -> Iterator[None]:
    async def never(self: Hub) -> None: ...

    with patch.object(Hub, "look_around", never):
        yield


@planted
def the_doorbell_is_believed() -> Iterator[None]:
    real = Relay._hear

    def believe(self: Relay, said: bytes) -> None:
        for name, offset in (read(said) or {}).items():
            stream = self._streams._streams.get(name)  # type: ignore[attr-defined]
            if stream is not None and stream.is_loaded and offset > stream.head:
                stream.head = stream._fanned = offset
                stream._ring.restart(offset)
        real(self, said)

    with patch.object(Relay, "_hear", believe):
        yield


@planted
def the_slow_are_thinned_instead_of_cut_off() -> Iterator[None]:
    real = Stream.advance

    def thinning(self: Stream, listener: Listener) -> None:
        if listener.was_level and self.head - listener.cursor > 3:
            listener.cursor = self.head - 1
        real(self, listener)

    with patch.object(Stream, "advance", thinning):
        yield


@planted
def a_restored_desk_keeps_its_epoch() -> Iterator[None]:
    with patch.object(World, "new_epoch", lambda self: None):
        yield


@planted
def offsets_are_given_out_before_the_commit_and_not_taken_back() -> Iterator[None]:
    real = Round._place

    def eager(self: Round, stream: str, seq: int, body: bytes) -> None:
        real(self, stream, seq, body)
        self._heads[stream] = self._fresh_heads[stream]

    class Keeping(dict):  # type: ignore[type-arg]
        def clear(self) -> None: ...

    init = Store.__init__

    def keeps(self: Store, *args: Any, **options: Any) -> None:
        init(self, *args, **options)
        self._heads = Keeping()

    with patch.object(Round, "_place", eager), patch.object(Store, "__init__", keeps):
        yield


@planted
def a_failed_round_leaves_its_states_in_memory() -> Iterator[None]:
    class Keeping(dict):  # type: ignore[type-arg]
        def clear(self) -> None: ...

        def move_to_end(self, _key: str) -> None: ...

    init = Store.__init__

    def keeps(self: Store, *args: Any, **options: Any) -> None:
        init(self, *args, **options)
        self._incidents = Keeping()  # type: ignore[assignment]

    with patch.object(Store, "__init__", keeps):
        yield


@planted
def a_unit_that_is_let_in_later_misses_the_past() -> Iterator[None]:
    with patch.object(Round, "_carry_past", lambda self, incident_id, units: None):
        yield


@planted
def what_one_county_writes_goes_into_the_stream_of_another() -> Iterator[None]:
    real = Round._place

    def leaking(self: Round, stream: str, seq: int, body: bytes) -> None:
        real(self, "130302" if stream == "130321" else stream, seq, body)

    with patch.object(Round, "_place", leaking):
        yield


@planted
def the_watch_sees_to_what_its_own_process_wrote_only() -> Iterator[None]:
    real = Watch._due

    def own(self: Watch) -> Any:
        return [(one, at) for one, at in real(self) if one in self._store._incidents]

    with patch.object(Watch, "_due", own):
        yield


@planted
def the_watch_ends_when_the_database_is_away_once() -> Iterator[None]:
    real = Watch.run

    async def fragile(self: Watch) -> None:
        try:
            await real(self)
        except Exception:
            await asyncio.Event().wait()

    with patch.object(Watch, "run", fragile):
        yield


@planted
def deadlines_are_called_missed_a_little_early() -> Iterator[None]:
    real = store.passing

    def early(incident: Any, setting: Any) -> Any:
        setting = type(setting)(setting.rules, setting.tree, setting.now + timedelta(seconds=3))
        return real(incident, setting)

    def due(self: Watch) -> Any:
        now = self._now
        self._now = lambda: now() + timedelta(seconds=3)
        try:
            return real_due(self)
        finally:
            self._now = now

    real_due = Watch._due
    with patch.object(store, "passing", early), patch.object(Watch, "_due", due):
        yield


@planted
def the_last_commit_is_not_synced() -> Iterator[None]:
    """A power cut takes it back: here, whenever a process dies."""
    real_notice, real_bury = Disk.notice, World._bury
    before: dict[str, Any] = {}

    def notice(self: Disk) -> None:
        before["last"] = before.get("this")
        before["this"] = self.snapshot()
        real_notice(self)

    def bury(self: World, node: Any) -> None:
        if self.is_busy and before.get("last") is not None and self.nodes:
            self.disk.load(before["last"])
        real_bury(self, node)

    with patch.object(Disk, "notice", notice), patch.object(World, "_bury", bury):
        yield


@planted
def a_page_of_the_log_begins_one_entry_late() -> Iterator[None]:
    real = reading.StreamLog.after

    def late(self: Any, stream: str, offset: int, limit: int) -> Any:
        rows = real(self, stream, offset, limit)
        return rows[1:] if offset and len(rows) > 1 else rows

    with patch.object(reading.StreamLog, "after", late):
        yield


@planted
def who_joins_while_something_is_published_misses_it() -> Iterator[None]:
    real = Hub._welcome

    def slowly(self: Hub, listener: Listener, after: int | None, epoch: str | None) -> None:
        stream, head = listener.stream, listener.stream.head

        def join() -> None:
            real(self, listener, stream.head if after == head else after, epoch)

        asyncio.get_running_loop().call_later(0.05, join)

    with patch.object(Hub, "_welcome", slowly):
        yield


@planted
def a_hole_in_what_comes_is_not_noticed() -> Iterator[None]:
    real = Stream.take

    def trusting(self: Stream, offset: int, body: bytes) -> None:
        if self.is_loaded and offset > self.head + 1:
            self._ring.restart(offset - 1)
            self.head = self._fanned = offset - 1
            for listener in self.level:
                listener.cursor = offset - 1
        real(self, offset, body)

    with patch.object(Stream, "take", trusting):
        yield


@planted
def what_other_processes_decided_is_not_read_again() -> Iterator[None]:
    with patch.object(Round, "catch_up", lambda self, last: self._heads.clear()):
        yield


@planted
def the_slow_are_never_cut_off() -> Iterator[None]:
    """Whoever stops reading stays until it reads again: for ever, if it does not."""

    def patient(self: Hub, listener: Listener, now: float) -> None:
        listener.arrived = listener.sent - listener.wire.buffered()

    with patch.object(Hub, "_judge", patient), patch.object(Wire, "thaw", lambda self: None):
        yield


@planted
def a_refused_command_leaves_its_traces_in_memory() -> Iterator[None]:
    real = store.decide

    def touch(incident: Any, command: Any, context: Any) -> Any:
        if incident is not None and command.name == "strike-entry":
            incident.version += 1
        return real(incident, command, context)

    with patch.object(store, "decide", touch), patch.object(Round, "forget_unwritten", lambda self: None):
        yield


@planted
def the_time_of_the_log_is_whatever_the_clock_says() -> Iterator[None]:
    real = Round.__init__

    def plainly(self: Round, turn: Any, pen: Any, tree: Any, now: Any, *rest: Any) -> None:
        real(self, turn, pen, tree, now, *rest)
        self.now = now.replace(microsecond=now.microsecond // 1000 * 1000)

    with patch.object(Round, "__init__", plainly):
        yield
