"""Leaders' instructions (批示) as the log tells them: where each addressee stands, what is owed when. Pure.

Every addressee goes the way alone: passed on (传达), signed for (签收), answered (反馈), looked at (办结).
An answer ends nothing unless it says that all is done, and then the desk owes its look; so there is a clock
until it is done. A limit that was passed is said again every hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from schemas import instructions as ins
from schemas.instructions import Step, Waits
from schemas.terms import EntryKind
from server.domain.drafts import Told
from server.domain.entered import Entered

#: A limit is near so long before it, or for the second half of a shorter one.
SOON = timedelta(minutes=10)
#: The desk looks at what is said to be done within this (our own word: no rule has one).
CHECK_WITHIN = timedelta(minutes=30)
#: What is late is said again so often, for a day; afterwards it stands on the screens as late.
CHASED_EVERY, MOST_CHASES = timedelta(hours=1), 24
#: What was late before it was entered is called so only after this: its receipt may come in the same batch.
GRACE = timedelta(seconds=5)


class Feedback(NamedTuple):
    """What an addressee said of it (反馈)."""

    at: datetime
    text: str
    done: bool
    by: str
    unit: str


class Press(NamedTuple):
    """It was asked for again (督办)."""

    at: datetime
    text: str
    by: str
    feedback_by: datetime


class Clock(NamedTuple):
    """The limit that runs: for what, until when, since when the log knows."""

    waits_for: Waits
    due_at: datetime
    since: datetime

    @property
    def key(self) -> str:
        return f"{self.waits_for}:{self.due_at.isoformat()}"


@dataclass(slots=True)
class Addressee:
    """One addressee's way."""

    addressee_id: str
    unit: str
    post: str | None
    receive_by: datetime
    feedback_by: datetime
    since: datetime  # when the log came to the present step
    check_by: datetime | None = None
    conveyed_at: datetime | None = None
    conveyed_by: str | None = None
    conveyed_medium: str | None = None
    told: str | None = None
    signed_at: datetime | None = None
    received_by: str | None = None
    feedback: list[Feedback] = field(default_factory=list)
    presses: list[Press] = field(default_factory=list)
    finished_at: datetime | None = None
    finished_by: str | None = None
    finding: str | None = None
    warned: set[str] = field(default_factory=set)
    chased: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    @property
    def has_it(self) -> bool:
        """Whoever answers has received it."""
        return self.signed_at is not None or bool(self.feedback)

    @property
    def step(self) -> Step:
        """What comes next."""
        if self.finished_at is not None:
            return "done"
        if self.check_by is not None:
            return "check"
        if self.has_it:
            return "feedback"
        return "convey" if self.conveyed_at is None else "sign"

    @property
    def clock(self) -> Clock | None:
        match self.step:
            case "convey" | "sign":
                return Clock("receive", self.receive_by, self.since)
            case "feedback":
                return Clock("feedback", self.feedback_by, self.since)
            case "check":
                assert self.check_by is not None
                return Clock("check", self.check_by, self.since)
            case "done":
                return None

    @property
    def times_overdue(self) -> int:
        return sum(times for times, _last in self.chased.values())


@dataclass(slots=True)
class Instruction:
    """What a leader said, to the letter, and its addressees. `unit` is the desk that recorded it."""

    instruction_id: str
    leader: str
    leader_post: str | None
    given_at: datetime
    medium: str
    text: str
    by: str
    unit: str
    recorded_at: datetime
    addressees: dict[str, Addressee]

    def owner(self, one: Addressee) -> str:
        """Who owes the next step."""
        return one.unit if one.step in ("sign", "feedback") else self.unit


Book = dict[str, Instruction]


def unfinished(book: Book) -> list[tuple[Instruction, Addressee]]:
    """Every addressee who is not done."""
    return [
        (whole, one)
        for whole in book.values()
        for one in whole.addressees.values()
        if one.finished_at is None
    ]


def apply(book: Book, deeds: dict[str, Told], event: ins.InstructionEvent, entry: Entered) -> None:
    """Fold one entry. A report that is drafted may tell of the instruction, as of a line of the log."""
    if isinstance(event, ins.InstructionRecorded):
        book[event.instruction_id] = Instruction(
            event.instruction_id,
            event.leader,
            event.leader_post,
            event.given_at,
            event.medium,
            event.text,
            entry.by,
            entry.unit,
            entry.recorded_at,
            {
                one.addressee_id: Addressee(
                    one.addressee_id,
                    one.unit,
                    one.post,
                    event.receive_by,
                    event.feedback_by,
                    entry.recorded_at,
                )
                for one in event.to
            },
        )
        deeds[event.instruction_id] = Told(EntryKind.INSTRUCTION, event.text, event.given_at)
        return
    assert isinstance(event, ins.AddresseeEvent)
    one = book[event.instruction_id].addressees[event.addressee_id]
    before = one.clock
    _step(one, event, entry)
    after = one.clock
    if after is not None and before is not None and after.key != before.key:
        one.since = entry.recorded_at


def _step(one: Addressee, event: ins.AddresseeEvent, entry: Entered) -> None:
    match event:
        case ins.InstructionConveyed():
            one.conveyed_at, one.conveyed_by = event.at, entry.by
            one.conveyed_medium, one.told = event.medium, event.told
        case ins.InstructionSignedFor():
            one.signed_at, one.received_by = event.at, event.received_by
        case ins.InstructionAnswered():
            one.feedback.append(Feedback(event.at, event.text, event.done, entry.by, entry.unit))
            one.check_by = event.check_by
            one.feedback_by = event.feedback_by or one.feedback_by
        case ins.InstructionFinished():
            one.finished_at, one.finished_by, one.finding = event.at, entry.by, event.text
        case ins.InstructionPressed():
            one.presses.append(Press(event.at, event.text, entry.by, event.feedback_by))
            one.check_by, one.feedback_by = None, event.feedback_by
            one.receive_by = event.receive_by or one.receive_by
        case ins.InstructionDueSoon():
            one.warned.add(_key(event))
        case ins.InstructionOverdue():
            one.chased[_key(event)] = (event.times, entry.recorded_at)


def _key(event: ins.InstructionDueSoon | ins.InstructionOverdue) -> str:
    return Clock(event.waits_for, event.due_at, event.due_at).key


def moments(book: Book) -> Iterator[tuple[datetime, Callable[[datetime], ins.InstructionEvent]]]:
    """Every moment still to be written down: the limit near, passed, and passed still."""
    for whole, one in unfinished(book):
        clock = one.clock
        if clock is None:
            continue
        times, last = one.chased.get(clock.key, (0, clock.due_at))
        half = (clock.due_at - clock.since) // timedelta(milliseconds=2)  # the log keeps whole milliseconds
        if not times and half > 0 and clock.key not in one.warned:
            near = clock.due_at - min(SOON, timedelta(milliseconds=half))
            yield near, _due_soon(whole, one, clock, near)
        if times >= MOST_CHASES:
            continue
        at = clock.due_at + timedelta(milliseconds=1)
        if times:  # what downtime swallowed is not said once for each hour of it
            at = clock.due_at + max(times, (last - clock.due_at) // CHASED_EVERY + 1) * CHASED_EVERY
        elif clock.due_at <= clock.since:
            at = clock.since + GRACE
        yield at, _overdue(whole, one, clock, times + 1)


def _due_soon(
    whole: Instruction, one: Addressee, clock: Clock, near: datetime
) -> Callable[[datetime], ins.InstructionEvent]:
    return lambda now: ins.InstructionDueSoon(**_named(whole, one, clock), late_by_s=_late(near, now))


def _overdue(
    whole: Instruction, one: Addressee, clock: Clock, times: int
) -> Callable[[datetime], ins.InstructionEvent]:
    return lambda now: ins.InstructionOverdue(
        **_named(whole, one, clock), late_by_s=_late(clock.due_at, now), times=times
    )


def _named(whole: Instruction, one: Addressee, clock: Clock) -> dict[str, Any]:
    return {
        "instruction_id": whole.instruction_id,
        "addressee_id": one.addressee_id,
        "unit": one.unit,
        "waits_for": clock.waits_for,
        "owner": whole.owner(one),
        "due_at": clock.due_at,
    }


def _late(due_at: datetime, now: datetime) -> int:
    return max(0, int((now - due_at).total_seconds()))
