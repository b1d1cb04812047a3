"""The watch: time is one more officer. What falls due is written down once, in order, watched or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.events import ClockStepped
from server.api.health import CLOCK_MS
from server.record.database import Database
from server.record.store import Store
from server.watch import AT_ONCE, Watch
from tests import words
from tests.deeds import opened
from tests.product import FenghuoProcess
from tests.room import Clock, Room
from tests.waiting import eventually

CLOCK_EVENTS = ("prompt_due", "obligation_due_soon", "obligation_overdue", "order_overdue")


def rung(entries: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """What the clock wrote: (kind, stage or rule, late by)."""
    found = []
    for entry in entries:
        event = entry["event"]
        if event["type"] in CLOCK_EVENTS:
            what = event.get("stage") or event.get("rule") or event["what"]
            found.append((event["type"], what, event["late_by_s"]))
    return found


def unjudged(room: Room, **over: Any) -> str:
    """An incident known this minute, whose level nobody can tell yet."""
    now = room.clock.ago()
    said = {"known_at": now, "occurred_at": now, "category": "hazmat", "facts": {"dead": None}}
    return opened(room, **{**said, **over})


# ---------------------------------------------------------------- the countdown


STAGES = [
    (5, "judge_level"), (10, "call_leader"), (20, "phone_due_soon"), (30, "phone_limit"),
    (40, "draft_in_approval"), (50, "target"), (55, "send_now"), (60, "breach"),
]  # fmt: skip


def test_the_countdown_says_each_stage_when_it_comes_and_once(one_room: Room) -> None:
    room = one_room
    one = unjudged(room)
    begun = room.clock.now()
    for minutes, stage in STAGES:
        room.clock.at = begun + timedelta(minutes=minutes) - timedelta(milliseconds=1)
        room.watch()
        assert stage not in str(rung(room.entries(one)))
        room.clock.at += timedelta(milliseconds=1)
        room.watch()
        room.watch()
        assert rung(room.entries(one))[-1] == ("prompt_due", stage, 0)
    assert len(room.entries(one, "prompt_due")) == len(STAGES)
    entry = room.entries(one, "prompt_due")[-1]
    assert (entry["by"], entry["post"]) == ("fenghuo", "clock")
    assert (entry["event"]["anchor"], entry["event"]["text"]) == ("known", "已超过1小时，请记录原因")


@pytest.mark.parametrize(
    ("deed", "silenced"),
    [
        ("judge", {"judge_level"}),
        ("phone", {"call_leader", "phone_due_soon", "phone_limit"}),
        ("written", {stage for _minutes, stage in STAGES}),
    ],
)
def test_what_was_done_is_not_asked_for(one_room: Room, deed: str, silenced: set[str]) -> None:
    room = one_room
    one = unjudged(room)
    room.clock.pass_by(minutes=1)
    now = room.clock.ago()
    if deed == "judge":
        room.told("Wu", "judge-level", words.judge_level(one, "larger", judged_at=now))
    else:
        room.told("Wu", "record-report", words.record_report(one, channel=deed, sent_at=now))
    room.clock.pass_by(minutes=62)
    room.watch()
    said = {stage for kind, stage, _late in rung(room.entries(one)) if kind == "prompt_due"}
    assert said == {stage for _minutes, stage in STAGES} - silenced


def test_an_incident_judged_ordinary_has_no_countdown(one_room: Room) -> None:
    room = one_room
    one = unjudged(room)
    room.told("Wu", "judge-level", words.judge_level(one, "ordinary", judged_at=room.clock.ago()))
    room.clock.pass_by(minutes=62)
    room.watch()
    assert room.entries(one, "prompt_due") == []


def test_a_paper_log_entered_later_is_not_prompted_for_what_is_over(one_room: Room) -> None:
    room = one_room
    one = unjudged(room, known_at=room.clock.ago(minutes=52), occurred_at=room.clock.ago(minutes=60))
    room.clock.pass_by(minutes=20)
    room.watch()
    said = [stage for kind, stage, _late in rung(room.entries(one)) if kind == "prompt_due"]
    assert said == ["send_now", "breach"]


def test_an_upgrade_begins_a_countdown_of_its_own(one_room: Room) -> None:
    room = one_room
    one = unjudged(room)
    room.told("Wu", "judge-level", words.judge_level(one, "ordinary", judged_at=room.clock.ago()))
    room.told("Wu", "record-report", words.record_report(one, sent_at=room.clock.ago()))
    room.clock.pass_by(hours=3)
    room.told(
        "Wu", "establish-facts", words.establish_facts(one, dead=12, known_at=room.clock.ago(minutes=12))
    )
    room.clock.pass_by(minutes=9)
    room.watch()
    prompts = [entry["event"] for entry in room.entries(one, "prompt_due")]
    assert [(event["anchor"], event["stage"]) for event in prompts] == [("threshold", "phone_due_soon")]


def test_an_order_nobody_answered_is_overdue_after_its_minute(one_room: Room) -> None:
    room = one_room
    one = unjudged(room)
    answered, ignored = words.issue_order(one), words.issue_order(one)
    for order in (answered, ignored):
        room.told("Wu", "issue-order", order)
    room.clock.pass_by(minutes=5)
    room.watch()
    assert room.entries(one, "order_overdue") == [], "the fifth minute itself is in time"
    said = {"incident_id": one, "order_id": answered["order_id"], "at": room.clock.ago()}
    room.told("Li", "report-on-order", said)
    room.clock.pass_by(seconds=1)
    room.watch()
    late = [entry["event"] for entry in room.entries(one, "order_overdue")]
    assert [(event["order_id"], event["what"], event["late_by_s"]) for event in late] == [
        (ignored["order_id"], "acknowledge", 1)
    ]
    assert room.ask("Wu", f"incidents/{one}")["orders"][1]["overdue"] == ["acknowledge"]


# ---------------------------------------------------------------- down and back


def test_after_a_night_without_power_everything_is_made_up_for_in_order(own_room: Room) -> None:
    room = own_room
    first = unjudged(room, facts={"dead": 10})
    room.clock.pass_by(minutes=7)
    second = unjudged(room, category="mine", facts={"dead": 30})
    room.stop()
    room.clock.pass_by(hours=3)
    room.start()
    head = room.ask("Wu", "log", limit=1)["head"]
    room.watch()
    entries = room.stream("Wu", after=head)
    late = [late_by for _kind, _what, late_by in rung(entries)]
    assert late == sorted(late, reverse=True), "in the order in which it fell due"
    assert min(late) > 0
    prompts = [entry for entry in entries if entry["event"]["type"] == "prompt_due"]
    assert len(prompts) == 16
    assert [entry["incident_id"] for entry in prompts][:3] == [first, first, second], "across incidents too"
    for entry in prompts:
        due, written = (
            datetime.fromisoformat(one) for one in (entry["event"]["due_at"], entry["recorded_at"])
        )
        assert entry["event"]["late_by_s"] == (written - due).total_seconds()
    room.watch()
    assert room.ask("Wu", "log", limit=1)["head"] == entries[-1]["offset"]


def test_hundreds_of_incidents_are_brought_up_to_date_in_one_order(rooms: Rooms) -> None:
    with rooms("sqlite") as room:
        batch = []
        for number in range(AT_ONCE + 50):
            at = (room.clock.now() - timedelta(seconds=number)).isoformat()
            body = words.open_incident(known_at=at, occurred_at=at, category="hazmat", facts={"dead": None})
            batch.append({"name": "open-incident", "body": body})
        room.request("Wu", "POST", "commands", json={"commands": batch})
        head = room.ask("Wu", "log", limit=1)["head"]
        room.clock.pass_by(minutes=12)
        room.watch()
        prompts = [entry["event"] for entry in room.stream("Wu", after=head)]
        moments = [event["due_at"] for event in prompts if event["type"] == "prompt_due"]
        assert len(moments) == 2 * (AT_ONCE + 50)
        assert moments == sorted(moments)


Rooms = Callable[..., AbstractContextManager[Room]]


async def test_a_stage_that_fell_due_while_the_desk_was_dead_is_written_when_it_is_back(
    furnish: Callable[[str], FenghuoProcess],
) -> None:
    """With a real process, a real kill and a real clock: the sixtieth minute is two seconds away."""
    desk = furnish("sqlite")
    desk.start()
    try:
        at = words.just_now(seconds_ago=60 * 60 - 2)
        body = words.open_incident(known_at=at, occurred_at=at, category="hazmat", facts={"dead": None})
        assert desk.tell("Wu", "open-incident", body).status_code == 200
        desk.kill9()
        breach = datetime.fromisoformat(at) + timedelta(minutes=60)
        await eventually(lambda: datetime.now(UTC) > breach + timedelta(seconds=1.2))
        desk.start()
        path = f"incidents/{body['incident_id']}"

        def breaches() -> list[tuple[str, str, int]]:
            return [one for one in rung(desk.ask("Wu", path)["entries"]) if one[1] == "breach"]

        await eventually(breaches)
        (kind, _stage, late), *more = breaches()
        assert (kind, more) == ("prompt_due", [])
        assert 1 <= late <= 60
        async with desk.listen("Wu") as live:
            beat = await live.next("beat")
            assert 0 <= beat["clock_age_ms"] < CLOCK_MS
        assert desk.fenghuo("verify").stdout.startswith("ok: ")
    finally:
        desk.stop()


# ---------------------------------------------------------------- the clock itself


class _Stub:
    """A store that notes what it is told and does nothing."""

    def __init__(self, last: datetime | None = None, fails: str = "") -> None:
        self.noted: list[ClockStepped] = []
        self.ticked: list[tuple[str, ...]] = []
        self.last_recorded_at, self.fails = last, fails

    def note(self, event: ClockStepped) -> Any:
        self.noted.append(event)
        return _done(None)

    def to_come(self, incident_ids: list[str]) -> Any:
        return _done(set())

    def tick(self, *incident_ids: str, until: datetime | None = None) -> Any:
        if self.fails in incident_ids:
            raise RuntimeError("its log cannot be read")
        self.ticked.append(incident_ids)
        return _done(len(incident_ids))


def _done(value: Any) -> Any:
    from concurrent.futures import Future

    future: Future[Any] = Future()
    future.set_result(value)
    return future


def watch_of(clock: Clock, store: Any, due: list[str] | None = None) -> Watch:
    class Quiet(Watch):
        def _due(self) -> list[tuple[str, datetime]]:
            found, due_[:] = [(one, clock.now()) for one in due_], []
            return found

        def _armed(self) -> list[str]:
            return []

    due_ = list(due or [])
    return Quiet(_NO_DATABASE, store, clock.now, clock.monotonic)


_NO_DATABASE: Any = None


async def test_a_clock_that_is_set_is_noticed_and_written_down() -> None:
    clock, store = Clock(), _Stub()
    watch = watch_of(clock, store)
    await watch.look()
    clock.pass_by(seconds=30)
    clock.at += timedelta(seconds=1.9)  # NTP at work
    await watch.look()
    assert store.noted == []
    for step in (timedelta(minutes=5), timedelta(hours=-2)):
        clock.at += step
        await watch.look()
        await watch.look()
        assert store.noted.pop() == ClockStepped(by_s=step.total_seconds(), noticed="running")
        assert store.noted == []


async def test_a_clock_that_stands_before_the_log_is_noticed_at_the_start() -> None:
    clock = Clock()
    for ahead, noted in ((timedelta(seconds=2), 0), (timedelta(seconds=90), 1)):
        store = _Stub(last=clock.now() + ahead)
        await watch_of(clock, store).start()
        assert len(store.noted) == noted
    assert store.noted[0] == ClockStepped(by_s=-90.0, noticed="at_start")


async def test_an_incident_whose_log_cannot_be_read_holds_up_no_other() -> None:
    clock, store = Clock(), _Stub(fails="b")
    watch = watch_of(clock, store, ["a", "b", "c"])
    await watch.look()
    assert store.ticked == [("a",), ("c",)]
    assert watch.fired == 2


async def test_the_age_of_the_clock_grows_while_it_cannot_look() -> None:
    clock = Clock()
    watch = watch_of(clock, _Stub())
    await watch.look()
    assert watch.age_ms() == 0
    clock.pass_by(seconds=3.5)
    assert watch.age_ms() == 3500

    def broken() -> Any:
        raise OSError("the disk is gone")

    watch._due = broken  # type: ignore[method-assign]
    with pytest.raises(OSError, match="the disk is gone"):
        await watch.look()
    assert watch.age_ms() == 3500, "a look that failed is no look"


def test_a_desk_whose_clock_has_stopped_is_not_ready(own_room: Room) -> None:
    room = own_room
    room.watch()
    assert room.get(None, "/readyz").status_code == 200
    room.clock.running_s += CLOCK_MS / 1000
    assert room.get(None, "/readyz").status_code == 200
    room.clock.running_s += 0.1
    answer = room.get(None, "/readyz")
    assert answer.status_code == 503
    said = answer.json()
    assert (said["ready"], said["checks"]["store"], said["checks"]["bus"]) == (False, "ok", "ok")
    assert said["checks"]["clock"] == "last looked 10.1 s ago"
    room.clock.pass_by(seconds=0)
    room.watch()
    assert room.get(None, "/readyz").status_code == 200


def test_the_time_of_recording_never_falls_when_the_clock_is_set_back(own_room: Room) -> None:
    room = own_room
    first = room.told("Wu", "open-incident", words.open_incident())
    room.clock.at -= timedelta(hours=1)
    room.watch()
    second = room.told("Wu", "open-incident", words.open_incident())
    assert second["recorded_at"] == first["recorded_at"]
    stepped = [entry["event"] for entry in room.stream("Wu") if entry["event"]["type"] == "clock_stepped"]
    assert [(event["by_s"], event["noticed"]) for event in stepped] == [(-3600.0, "running")]
    assert room.stream("Li")[-1]["event"]["type"] != "clock_stepped", "the city's business"


def test_a_clock_that_is_set_back_or_runs_slow_puts_no_deadline_off(own_room: Room) -> None:
    room = own_room
    one = unjudged(room)
    begun = room.clock.now()
    room.clock.pass_by(minutes=2)
    room.watch()
    room.clock.at -= timedelta(minutes=30)  # as when somebody sets it by hand
    room.watch()
    later = unjudged(room)  # by the clock as it now stands: nothing of it may come early
    for _ in range(60):
        room.clock.running_s += 60
        room.clock.at += timedelta(seconds=50)  # and from here on it is a sixth too slow
        room.watch()
    said = [stage for kind, stage, _late in rung(room.entries(one)) if kind == "prompt_due"]
    assert said == [stage for _minutes, stage in STAGES], "an hour has passed, whatever the clock says"
    assert room.clock.now() < begun + timedelta(minutes=25)
    told = [stage for kind, stage, _late in rung(room.entries(later)) if kind == "prompt_due"]
    assert told == [stage for minutes, stage in STAGES if minutes >= 30], "those before it was written down"
    times = [entry["recorded_at"] for entry in room.entries(one)]
    assert times == sorted(times)
    room.clock.at = begun + timedelta(minutes=70)
    room.watch()
    assert len(room.entries(one, "prompt_due")) == len(STAGES), "once, although its time came twice"


async def test_two_watches_on_one_database_write_each_moment_once(own_room: Room) -> None:
    """As with two processes: each has its own store, and both see the same incident fall due."""
    room = own_room
    one = unjudged(room)
    room.clock.pass_by(minutes=61)
    settings = room.settings
    url = settings.database_url or f"sqlite:///{room.folder / 'fenghuo.db'}"
    database = Database(url)
    other = Store(database, room.parts.tree, room.parts.rules, room.clock.now)
    other.start()
    try:
        watches = [
            Watch(room.parts.database, room.parts.store, room.clock.now, room.clock.monotonic),
            Watch(database, other, room.clock.now, room.clock.monotonic),
        ]
        await asyncio.gather(*(watch.look() for watch in watches), *(watch.look() for watch in watches))
    finally:
        other.stop()
        database.close()
    stages = [stage for kind, stage, _late in rung(room.entries(one)) if kind == "prompt_due"]
    assert stages == [stage for _minutes, stage in STAGES]
