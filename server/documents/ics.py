"""ICS-201, 209 and 214 of an incident as it was on record at a moment. Pure: it comes in as it was then.

The block numbers and names follow the forms of the National Incident Management System (FEMA, ICS Forms
Booklet, 502-2); the Chinese names say the same and stand for no form of the country's own. What nobody said
stands as not reported and never as 0; every figure has the time at which it was known and who said it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from schemas.forms import Typefaces
from schemas.terms import CASUALTIES, FACTS, Level
from server.documents.form import Block, Form, table_block, text_block
from server.domain.contradictions import contradicted
from server.domain.field_work import Help
from server.domain.incident import Incident, Statement
from server.domain.units import UnitTree

Code = Literal["ics-201", "ics-209", "ics-214"]
CODES: tuple[Code, ...] = ("ics-201", "ics-209", "ics-214")
#: So much of a log on one form: what is more is said to be left out.
MOST_LINES = 1_000
MOST_STEPS, MOST_EVENTS = 40, 60


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the log in words, with who wrote it, of which unit, and whom it names."""

    at: str
    recorded_at: str
    what: str
    by: str
    unit: str
    names: frozenset[str]
    happened: datetime
    recorded: datetime
    author: str  # who wrote it down, or whose words they were
    is_step: bool  # something that a person did or said, not a clock


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be printed: of which moment, over which period, whose log, and who asks."""

    as_of: datetime
    since: datetime | None
    person: str
    prepared_by: str
    prepared_at: datetime


class Words:
    """How the forms speak: `say` by slug, `term` by group and value, moments in Beijing time."""

    def __init__(
        self,
        lang: str,
        say: Callable[..., str],
        term: Callable[[str, str | None], str],
        exact: Callable[[datetime | None], str],
        unit: Callable[[str], str],
    ) -> None:
        self.lang, self.say, self.term, self.exact, self.unit = lang, say, term, exact, unit

    def moment(self, at: datetime | None) -> str:
        """2026-11-23 14:05, for cells; a dash for never."""
        return self.exact(at)[:16] or "—"


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


def _none(words: Words) -> str:
    return words.say("ics.none")


def _text(number: str, slug: str, lines: Sequence[str], words: Words) -> Block:
    return text_block(number, words.say(f"ics.{slug}"), lines, _none(words))


def _table(
    number: str, slug: str, columns: Mapping[str, int], rows: Sequence[Sequence[str]], words: Words
) -> Block:
    head = [words.say(f"ics.col.{one}") for one in columns]
    return table_block(number, words.say(f"ics.{slug}"), head, rows, list(columns.values()), _none(words))


# ------------------------------------------------------------------ ICS-201


def _briefing(
    now: Incident, _before: Incident | None, log: Sequence[Told], asked: Asked, words: Words, tree: UnitTree
) -> Iterator[Block]:
    yield _text("1", "name", [now.title], words)
    yield _text("2", "number", [now.number], words)
    yield _text("3", "initiated", [words.exact(now.opened_at)], words)
    yield _text("4", "sketch", list(_place(now, words)), words)
    yield _text("5", "summary", list(_summary(now, words)), words)
    yield _text("6", "prepared_by", [asked.prepared_by], words)
    yield from _objectives("7", now, words)
    yield from _steps("8", "actions", [one for one in log if one.is_step], MOST_STEPS, words)
    yield from _organisation("9", now, words)
    yield _resources("10", now, words, tree)


# ------------------------------------------------------------------ ICS-209


def _status(
    now: Incident, before: Incident | None, log: Sequence[Told], asked: Asked, words: Words, tree: UnitTree
) -> Iterator[Block]:
    say = words.say
    yield _text("1", "name", [now.title], words)
    yield _text("2", "number", [now.number], words)
    version = "final" if not now.is_open else "update" if now.reports else "initial"
    yield _text("3", "version", [say(f"ics.version.{version}")], words)
    yield from _organisation("4-5", now, words)
    occurred, about = now.occurred()
    start = f"{say('ics.about')} {words.exact(occurred)}" if about else words.exact(occurred)
    yield _text("6", "start", [start if occurred else say("ics.unknown")], words)
    yield _text("9", "definition", [words.term("category", now.category or "none")], words)
    yield _text("10", "level", list(_levels(now, words)), words)
    since = words.exact(asked.since) if asked.since else words.exact(now.opened_at)
    yield _text("11", "for_period", [f"{since} – {words.exact(asked.as_of)}"], words)
    yield _text("12-13", "prepared_by", [f"{asked.prepared_by}　{words.exact(asked.prepared_at)}"], words)
    due = now.scene.sitrep_due()
    yield _text("", "next_sitrep", [words.exact(due)] if due else [], words)
    yield _text("16-22", "location", list(_place(now, words)), words)
    steps = [one for one in log if one.is_step and _is_of(one, asked.since)]
    yield from _steps("28", "significant", steps, MOST_EVENTS, words)
    yield _figures("30-31", "public", now, before, words, [one for one in FACTS if not _is_force(one)])
    yield _text("32", "responder_status", [say("ics.not_reported")], words)  # facts do not tell them apart
    inside = now.on_scene.inside()
    threat = [say("ics.inside", people=inside.inside)] if inside.last_at else []
    yield _text("33", "safety", threat, words)
    yield from _objectives("37", now, words)
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
    yield _table("39", "needs", columns, requests, words)
    owed = [
        (
            words.moment(one.due_at),
            one.rule_text if words.lang == "zh" else one.rule_text_en,
            words.unit(one.sender),
        )
        for one in now.obligations.values()
        if one.is_open
    ]
    yield _table("41", "planned", {"due": 3, "action": 12, "by": 3}, owed, words)
    yield _figures("48-52", "responders", now, before, words, [one for one in FACTS if _is_force(one)])
    yield _resources("48-52", now, words, tree)
    others = [words.unit(unit) for unit in now.units]
    yield _text("53", "cooperating", [say("list.comma").join(others)] if others else [], words)


def _is_of(one: Told, since: datetime | None) -> bool:
    """Of this period: it happened in it, or only came to be known in it, and is on no form of before."""
    return since is None or one.happened >= since or one.recorded >= since


def _steps(number: str, slug: str, steps: Sequence[Told], most: int, words: Words) -> Iterator[Block]:
    """The latest of what people did, and how much more there is."""
    rows = [(one.at, one.what, one.by) for one in steps[-most:]]
    yield _table(number, slug, {"time": 3, "action": 12, "by": 3}, rows, words)
    if len(steps) > most:
        yield _text(number, "left_out", [words.say("ics.earlier", count=len(steps) - most)], words)


def _answer(one: Help) -> str:
    if one.is_open:
        return "open"
    return "accepted" if one.answers[-1].accepted else "declined"


def _is_force(slug: str) -> bool:
    return slug.startswith("forces_")


def _figures(
    number: str,
    slug: str,
    now: Incident,
    before: Incident | None,
    words: Words,
    names: Sequence[str],
) -> Block:
    """Figures with their age and source; those of casualties stand there whether anybody said one or not."""
    latest, earlier = _latest(now), {} if before is None else _latest(before)
    differ = contradicted(now.statements)
    rows = []
    for name in names:
        said = latest.get(name)
        if said is None and name not in CASUALTIES[:6]:
            continue
        cells = [words.term("fact", name), _value(said, name, words)]
        if before is not None:
            cells.append(_value(earlier.get(name), name, words))
        cells.append(words.moment(said.known_at) if said else "—")
        source = words.unit(said.known_by) if said else ""
        if name in differ:
            others = (_value(one, name, words) for one in differ[name][1])
            source += " " + words.say("ics.differs", others=words.say("list.comma").join(others))
        rows.append((*cells, source))
    columns = {"what": 5, "figure": 3, "before": 3, "known": 4, "source": 4}
    if before is None:
        del columns["before"]
    return _table(number, slug, columns, rows, words)


def _latest(incident: Incident) -> dict[str, Statement]:
    found: dict[str, Statement] = {}
    for said in sorted(incident.statements, key=lambda one: one.known_at):
        for name in said.facts:
            found[name] = said
    return found


def _value(said: Statement | None, name: str, words: Words) -> str:
    if said is None:
        return words.say("ics.not_reported")
    value = said.facts[name]
    return words.say("ics.unknown") if value is None else f"{value:,}"


# ------------------------------------------------------------------ ICS-214


def _activity(
    now: Incident, _before: Incident | None, log: Sequence[Told], asked: Asked, words: Words, tree: UnitTree
) -> Iterator[Block]:
    say = words.say
    since = asked.since or now.opened_at
    yield _text("1", "name", [f"{now.title}　{now.number}"], words)
    yield _text("2", "period", [f"{words.exact(since)} – {words.exact(asked.as_of)}"], words)
    named = asked.person
    is_unit = named in tree
    yield _text("3", "whose", [words.unit(named) if is_unit else named or say("ics.everybody")], words)
    mine = [
        one
        for one in log
        if _is_of(one, since) and (not named or named in one.names or (is_unit and one.unit == named))
    ]
    posts = list(dict.fromkeys(words.unit(one.unit) for one in mine if one.author == named and one.unit))
    yield _text("4", "position", _positions(now, named), words)
    yield _text("5", "agency", posts, words)
    assigned = [
        f"{one.person}　{words.unit(one.unit) if one.unit else ''}"
        for one in now.on_scene.people
        if is_unit and one.unit == named
    ]
    yield _text("6", "assigned", assigned, words)
    kept = mine[:MOST_LINES]
    rows = [(one.at, one.recorded_at, one.what, one.by) for one in kept]
    yield _table("7", "log", {"happened": 3, "recorded": 3, "activity": 11, "by": 3}, rows, words)
    if len(mine) > len(kept):
        yield _text("7", "left_out", [say("ics.more", count=len(mine) - len(kept))], words)
    yield _text("8", "prepared_by", [f"{asked.prepared_by}　{words.exact(asked.prepared_at)}"], words)


# ------------------------------------------------------------------ what several have


def _positions(now: Incident, named: str) -> list[str]:
    """The posts that somebody commanded or commands, and the groups that they lead."""
    held = [
        post.title
        for post in now.scene.posts.values()
        if any(named in (term.commander.name, term.commander.account) for term in post.terms)
    ]
    return held + [one.group for one in now.scene.groups.values() if named and one.leader == named]


def _place(now: Incident, words: Words) -> Iterator[str]:
    place = now.place
    if place is None:
        yield words.say("ics.unknown")
        return
    yield " ".join(
        one for one in (words.unit(place.division) if place.division else "", place.text or "") if one
    )
    if place.lon is not None and place.lat is not None:
        yield f"{place.lat:.5f}, {place.lon:.5f} (CGCS2000)"


def _levels(now: Incident, words: Words) -> Iterator[str]:
    level: Level | None = now.final_level or now.reporting_level
    yield words.term("level", level or "none")
    for one in sorted(now.judgements, key=lambda judged: judged.judged_at)[-3:]:
        yield f"{words.moment(one.judged_at)} {words.term('level', one.level)} {one.by} {one.basis}"


def _summary(now: Incident, words: Words) -> Iterator[str]:
    level = now.final_level or now.reporting_level
    yield f"{words.term('category', now.category or 'none')}　{words.term('level', level or 'none')}"
    latest = _latest(now)
    yield words.say("list.comma").join(
        f"{words.term('fact', name)} {_value(latest.get(name), name, words)}" for name in CASUALTIES[:6]
    )
    inside = now.on_scene.inside()
    if inside.last_at:
        yield words.say("ics.inside", people=inside.inside)


def _objectives(number: str, now: Incident, words: Words) -> Iterator[Block]:
    """The objectives of command on the spot, and what became of them; then what consultations concluded."""
    rows = [
        (
            str(one.told.priority),
            one.told.text,
            one.told.who or "",
            words.moment(one.told.due),
            words.say(f"ics.outcome.{one.ended.outcome}") + f" {one.ended.why}"
            if one.ended
            else words.say("ics.outcome.open"),
        )
        for one in sorted(now.scene.objectives.values(), key=lambda one: (one.told.priority, one.told.at))
    ]
    columns = {"priority": 2, "objective": 8, "who": 3, "due": 3, "outcome": 4}
    yield _table(number, "objectives", columns, rows, words)
    lines = [
        f"{words.moment(one.concluded.at)} {one.concluded.text}"
        for one in now.consultations.values()
        if one.concluded is not None
    ]
    if lines:
        yield _text(number, "concluded", lines, words)


def _commanders(number: str, now: Incident, words: Words) -> Block:
    """Who commanded which post, from when until when, and who signed each transfer."""
    rows = []
    for post in now.scene.posts.values():
        for term in post.terms:
            until = term.until or post.closed_at
            transfer = post.transfers.get(term.transfer_id or "")
            signed = [] if transfer is None else list(transfer.signed.values())
            who = [term.commander.name, term.commander.role or "", term.commander.phone or ""]
            rows.append(
                (
                    post.title,
                    " ".join(one for one in who if one),
                    words.moment(term.since),
                    words.moment(until) if until else words.say("ics.still"),
                    words.say("list.comma").join(
                        f"{one.name} {words.moment(one.at)}"
                        + (f" ({words.say('scene.channel.' + one.channel)}, {one.by})" if one.channel else "")
                        for one in signed
                    ),
                )
            )
    columns = {"post": 4, "commander": 5, "since": 3, "until": 3, "signed": 6}
    return _table(number, "commanders", columns, rows, words)


def _groups(number: str, now: Incident, words: Words) -> Block:
    rows = [
        (one.group, one.leader or "—", one.unit or "", one.phone or "", one.forces or "")
        for one in now.scene.groups.values()
        if one.leader
    ]
    columns = {"group": 5, "leader": 3, "unit": 5, "phone": 3, "forces": 5}
    return _table(number, "groups", columns, rows, words)


def _organisation(number: str, now: Incident, words: Words) -> Iterator[Block]:
    """Who commands, the groups, and who is there, of which unit, and how they stand."""
    yield _commanders(number, now, words)
    yield _groups(number, now, words)
    rows = [
        (
            one.person,
            words.unit(one.unit) if one.unit else "",
            words.term("field_status", str(one.status.status)) if one.status else "—",
            words.moment(one.status.at) if one.status else "—",
        )
        for one in now.on_scene.people
        if one.is_there
    ]
    yield _table(number, "organisation", {"who": 4, "unit": 6, "status": 3, "since": 4}, rows, words)


def _resources(number: str, now: Incident, words: Words, tree: UnitTree) -> Block:
    """Orders given, taken and answered: what was sent for, and whether it came."""
    rows = [
        (
            words.unit(one.to) if one.to in tree else one.to,
            one.text,
            words.moment(one.issued_at),
            words.moment(one.acknowledged_at),
            f"{words.moment(one.reported_at)} {one.report or ''}" if one.reported_at else "—",
        )
        for one in now.orders.values()
    ]
    return _table(
        number, "resources", {"to": 3, "order": 7, "ordered": 3, "taken": 3, "reported": 5}, rows, words
    )


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
