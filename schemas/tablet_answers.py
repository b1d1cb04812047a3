"""What a field tablet reads: its unit's incidents, as it keeps them through a cut, and the book beside."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.bases import Shown
from schemas.fields import Frozen, Id, Instant, OnBehalfOf
from schemas.scene import Side
from schemas.terms import Level, Post


class FieldPerson(Shown):
    """Whose tablet it is while this session lasts."""

    person_id: str
    name: str
    post: Post
    unit: str
    unit_name: str
    lang: Literal["zh", "en"]
    commands: list[str]


class FieldOwed(Shown):
    """Something that is due, with its clock. `own`: by the unit that looks."""

    label: str
    by: str
    own: bool
    due_at: Instant | None


class FieldFact(Shown):
    """One fact as the latest word has it. `value` null: an explicit unknown."""

    slug: str
    name: str
    short: str
    value: int | float | None
    known_at: Instant | None


class FieldOrder(Shown):
    """An order. `mine`: it names this person or this unit."""

    order_id: str
    to: str
    text: str
    by: str
    issued_at: Instant
    acknowledge_by: Instant | None
    report_by: Instant | None
    acknowledged_at: Instant | None
    acknowledged_by: str | None
    reported_at: Instant | None
    report: str | None
    mine: bool


class FieldRequest(Shown):
    """A request for help, and what was answered last. `mine`: this person asked."""

    request_id: str
    words: str
    text: str | None
    at: Instant
    person: str
    accepted: bool | None
    answer: str | None
    mine: bool


class FieldTransfer(Shown):
    """Command that is being handed over. `mine`: the sides for which this person has still to sign."""

    transfer_id: str
    to: str
    at: Instant
    missing: list[Side]
    mine: list[Side]


class FieldPost(Shown):
    """A post on the spot that is open, and who commands it."""

    post_id: str
    title: str
    place: str
    commander: str
    phone: str | None
    since: Instant
    transfer: FieldTransfer | None


class FieldLine(Shown):
    """A line of the log in words; newest first. `command_id`: by which a tablet knows its own again."""

    offset: int | None
    type: str
    label: str
    words: str
    text: str | None
    at: Instant
    recorded_at: Instant
    by: str
    post: str
    unit: str
    struck: bool
    command_id: str | None
    device_at: Instant | None
    skew_ms: int | None
    on_behalf_of: OnBehalfOf | None


class FieldRow(Shown):
    """An open incident in one line."""

    id: str
    number: str
    title: str
    drill: bool
    state: Literal["open", "closed", "merged"]
    level: Level | None
    level_word: str
    place: str
    category: str
    known_at: Instant
    changed_at: Instant
    due_at: Instant | None
    version: int


class FieldIncident(FieldRow):
    """An incident as a tablet keeps it. `lines_left_out`: how many older lines it does not have."""

    owed: list[FieldOwed]
    facts: list[FieldFact]
    orders: list[FieldOrder]
    lines: list[FieldLine]
    lines_left_out: int
    photos: int
    inside: int
    requests: list[FieldRequest]
    posts: list[FieldPost]
    sitrep_due_at: Instant | None


class FieldState(Shown):
    """Everything that a tablet keeps. `incidents` whole, `others` in one line; `gone`: not seen any more.

    With `incidents=` only those are read, and `others` is empty.
    """

    person: FieldPerson
    stream: str
    epoch: str
    head: int
    time: Instant
    small: bool
    release: str
    incidents: list[FieldIncident]
    others: list[FieldRow]
    gone: list[str]


class FieldPlace(Shown):
    """A place with its code, and what it is found by."""

    code: str
    name: str
    name_en: str
    keys: str


class FieldReached(Shown):
    """Somebody on duty with a number."""

    post: str
    name: str
    phone: str
    dial: str


class FieldDesk(Shown):
    """Who is on duty at one unit."""

    unit: str
    name: str
    taken_over: bool
    people: list[FieldReached]


class FieldBook(Shown):
    """What changes seldom: places, who can be rung, words of the forms. Asked again with If-None-Match."""

    unit: str
    places: list[FieldPlace]
    desks: list[FieldDesk]
    categories: list[tuple[str, str]]
    facts: list[tuple[str, str]]
    help_kinds: list[tuple[str, str]]


class UploadAsked(Frozen):
    """A file that will come in pieces; `sha256` of the whole of it."""

    incident_id: Id
    attachment_id: Id
    size: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class UploadStands(Shown):
    """How much of a file is here. `complete`: it can be attached (`add-attachment`)."""

    attachment_id: str
    offset: int
    size: int
    complete: bool
