"""ICS-201, 209 and 214 of an incident as it was on record at a moment. Pure: it comes in as it was then.

The block numbers and names follow the forms of the National Incident Management System (FEMA, ICS Forms
Booklet, 502-2); the Chinese names say the same and stand for no form of the country's own. What nobody said
stands as not reported and never as 0; every figure has the time at which it was known and who said it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from schemas.forms import Typefaces
from schemas.terms import FACTS
from server.documents import ics_blocks as blocks
from server.documents.form import Block, Form
from server.documents.ics_blocks import Told, Words
from server.domain.field_work import Help
from server.domain.incident import Incident
from server.domain.units import UnitTree

Code = Literal["ics-201", "ics-209", "ics-214"]
CODES: tuple[Code, ...] = ("ics-201", "ics-209", "ics-214")
#: So much of a log on one form: what is more is said to be left out.
MOST_LINES = 1_000
MOST_STEPS, MOST_EVENTS = 40, 60


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be printed: of which moment, over which period, whose log, and who asks."""

    as_of: datetime
    since: datetime | None
    person: str
    prepared_by: str
    prepared_at: datetime


def form(
    code: Code,
    now: Incident,
    before: Incident | None,
    log: Sequence[Told],
    asked: Asked,
    words: Words,
    tree: UnitTree,
    faces: Typefaces,
) -> Form:
    """A form filled in. `now`: the record as of then; `before`: as of the beginning of the period."""
    make = {"ics-201": _briefing, "ics-209": _status, "ics-214": _activity}[code]
    say = words.say
    period = ""
    if asked.since is not None:
        period = say("ics.period_of", since=words.moment(asked.since), until=words.moment(asked.as_of))
    under = [say("ics.as_of", at=words.exact(asked.as_of)), period, say("ics.follows", code=code.upper())]
    return Form(
        code=code.upper(),
        name=say(f"ics.{code}"),
        lang=words.lang,
        incident=f"{now.title}　{now.number}",
        under="　".join(one for one in under if one),
        notice=say("drill") if now.drill else "",
        foot=say("ics.prepared", by=asked.prepared_by, at=words.exact(asked.prepared_at)),
        blocks=tuple(make(now, before, log, asked, words, tree)),
        at=asked.as_of,
        typefaces=faces,
    )


# ------------------------------------------------------------------ ICS-201


def _briefing(
    now: Incident, _before: Incident | None, log: Sequence[Told], asked: Asked, words: Words, tree: UnitTree
) -> Iterator[Block]:
    yield blocks.text("1", "name", [now.title], words)
    yield blocks.text("2", "number", [now.number], words)
    yield blocks.text("3", "initiated", [words.exact(now.opened_at)], words)
    yield blocks.text("4", "sketch", list(blocks.place(now, words)), words)
    yield blocks.text("5", "summary", list(blocks.summary(now, words)), words)
    yield blocks.text("6", "prepared_by", [asked.prepared_by], words)
    yield from blocks.objectives("7", now, words)
    yield from blocks.steps("8", "actions", [one for one in log if one.is_step], MOST_STEPS, words)
    yield from blocks.organisation("9", now, words)
    yield blocks.resources("10", now, words, tree)


# ------------------------------------------------------------------ ICS-209


def _status(
    now: Incident, before: Incident | None, log: Sequence[Told], asked: Asked, words: Words, tree: UnitTree
) -> Iterator[Block]:
    say = words.say
    yield blocks.text("1", "name", [now.title], words)
    yield blocks.text("2", "number", [now.number], words)
    version = "final" if not now.is_open else "update" if now.reports else "initial"
    yield blocks.text("3", "version", [say(f"ics.version.{version}")], words)
    yield from blocks.organisation("4-5", now, words)
    occurred, about = now.occurred()
    start = f"{say('ics.about')} {words.exact(occurred)}" if about else words.exact(occurred)
    yield blocks.text("6", "start", [start if occurred else say("ics.unknown")], words)
    yield blocks.text("9", "definition", [words.term("category", now.category or "none")], words)
    yield blocks.text("10", "level", list(blocks.levels(now, words)), words)
    since = words.exact(asked.since) if asked.since else words.exact(now.opened_at)
    yield blocks.text("11", "for_period", [f"{since} – {words.exact(asked.as_of)}"], words)
    yield blocks.text(
        "12-13", "prepared_by", [f"{asked.prepared_by}　{words.exact(asked.prepared_at)}"], words
    )
    due = now.scene.sitrep_due()
    yield blocks.text("", "next_sitrep", [words.exact(due)] if due else [], words)
    yield blocks.text("16-22", "location", list(blocks.place(now, words)), words)
    steps = [one for one in log if one.is_step and blocks.is_of(one, asked.since)]
    yield from blocks.steps("28", "significant", steps, MOST_EVENTS, words)
    yield blocks.figures(
        "30-31", "public", now, before, words, [one for one in FACTS if not blocks.is_force(one)]
    )
    # 32: the facts do not tell responders' casualties apart
    yield blocks.text("32", "responder_status", [say("ics.not_reported")], words)
    inside = now.on_scene.inside()
    threat = [say("ics.inside", people=inside.inside)] if inside.last_at else []
    yield blocks.text("33", "safety", threat, words)
    yield from blocks.objectives("37", now, words)
    requests = [
        (
            words.moment(one.at),
            words.term("help_kind", one.kind) + (f" {one.quantity}" if one.quantity is not None else ""),
            one.person,
            say(f"ics.{_answer(one)}"),
        )
        for one in now.on_scene.requests.values()
    ]
    columns = {"time": 3, "needed": 7, "asked_by": 4, "answer": 3}
    yield blocks.table("39", "needs", columns, requests, words)
    owed = [
        (
            words.moment(one.due_at)
            + (f" {say('ics.overdue')}" if one.due_at and one.due_at < asked.as_of else ""),
            one.rule_text if words.lang == "zh" else one.rule_text_en,
            words.unit(one.sender),
        )
        for one in now.obligations.values()
        if one.is_open
    ]
    yield blocks.table("41", "planned", {"due": 3, "action": 12, "by": 3}, owed, words)
    yield blocks.figures(
        "48-52", "responders", now, before, words, [one for one in FACTS if blocks.is_force(one)]
    )
    yield blocks.resources("48-52", now, words, tree)
    others = [words.unit(unit) for unit in now.units]
    yield blocks.text("53", "cooperating", [say("list.comma").join(others)] if others else [], words)


def _answer(one: Help) -> str:
    if one.is_open:
        return "open"
    return "accepted" if one.answers[-1].accepted else "declined"


# ------------------------------------------------------------------ ICS-214


def _activity(
    now: Incident, _before: Incident | None, log: Sequence[Told], asked: Asked, words: Words, tree: UnitTree
) -> Iterator[Block]:
    say = words.say
    since = asked.since or now.opened_at
    yield blocks.text("1", "name", [f"{now.title}　{now.number}"], words)
    yield blocks.text("2", "period", [f"{words.exact(since)} – {words.exact(asked.as_of)}"], words)
    named = asked.person
    is_unit = named in tree
    yield blocks.text("3", "whose", [words.unit(named) if is_unit else named or say("ics.everybody")], words)
    mine = [
        one
        for one in log
        if blocks.is_of(one, since) and (not named or named in one.names or (is_unit and one.unit == named))
    ]
    posts = list(dict.fromkeys(words.unit(one.unit) for one in mine if one.author == named and one.unit))
    yield blocks.text("4", "position", _positions(now, named), words)
    yield blocks.text("5", "agency", posts, words)
    assigned = [
        f"{one.person}　{words.unit(one.unit) if one.unit else ''}"
        for one in now.on_scene.people
        if is_unit and one.unit == named
    ]
    yield blocks.text("6", "assigned", assigned, words)
    kept = mine[:MOST_LINES]
    rows = [(one.at, one.recorded_at, one.what, one.by) for one in kept]
    yield blocks.table("7", "log", {"happened": 3, "recorded": 3, "activity": 11, "by": 3}, rows, words)
    if len(mine) > len(kept):
        yield blocks.text("7", "left_out", [say("ics.more", count=len(mine) - len(kept))], words)
    yield blocks.text("8", "prepared_by", [f"{asked.prepared_by}　{words.exact(asked.prepared_at)}"], words)


def _positions(now: Incident, named: str) -> list[str]:
    """The posts that somebody commanded or commands, and the groups that they lead."""
    held = [
        post.title
        for post in now.scene.posts.values()
        if any(named in (term.commander.name, term.commander.account) for term in post.terms)
    ]
    return held + [one.group for one in now.scene.groups.values() if named and one.leader == named]


#: Where an event says whom it is about: a name, or somebody with one.
_NAMES = (
    "person", "to", "asked_by", "approved_by", "received_by", "name", "commander", "outgoing", "leader",
    "who",
)  # fmt: skip


def told(line: Any, entry: Mapping[str, Any], words: Words) -> Told:
    """A line of the log (`duty_log.Line`) with what the forms choose by."""
    event, behalf = entry["event"], entry.get("on_behalf_of") or {}
    named = [event.get(one) for one in _NAMES] + [behalf.get("name")]
    named += [one.get("name") for one in named if isinstance(one, Mapping)]
    happened, recorded = (datetime.fromisoformat(one) for one in (line.at, line.recorded_at))
    text = "".join(part.text for part in line.parts)
    struck = words.say("ics.struck") if line.struck else ""
    what = " ".join(one for one in (struck, line.label, text, line.text or "") if one)
    by = f"{line.by} ({behalf['name']})" if behalf.get("name") else line.by
    return Told(
        at=words.moment(happened),
        recorded_at=words.moment(recorded),
        what=what,
        by=by,
        unit=str(entry.get("unit") or ""),
        names=frozenset(one for one in named if isinstance(one, str)) | {line.by},
        happened=happened,
        recorded=recorded,
        author=str(behalf.get("name") or line.by),
        is_step=bool(entry.get("by")) and not line.struck and not line.quiet,
    )
