"""Blocks of the forms of the command system: what several forms have, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.terms import CASUALTIES, Level
from server.documents.form import Block, table_block, text_block
from server.domain.contradictions import contradicted
from server.domain.incident import Incident, Statement
from server.domain.units import UnitTree


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


def _none(words: Words) -> str:
    return words.say("ics.none")


def text(number: str, slug: str, lines: Sequence[str], words: Words) -> Block:
    return text_block(number, words.say(f"ics.{slug}"), lines, _none(words))


def table(
    number: str, slug: str, columns: Mapping[str, int], rows: Sequence[Sequence[str]], words: Words
) -> Block:
    head = [words.say(f"ics.col.{one}") for one in columns]
    return table_block(number, words.say(f"ics.{slug}"), head, rows, list(columns.values()), _none(words))


def is_of(one: Told, since: datetime | None) -> bool:
    """Of this period: it happened in it, or only came to be known in it, and is on no form of before."""
    return since is None or one.happened >= since or one.recorded >= since


def steps(number: str, slug: str, steps: Sequence[Told], most: int, words: Words) -> Iterator[Block]:
    """The latest of what people did, and how much more there is."""
    rows = [(one.at, one.what, one.by) for one in steps[-most:]]
    yield table(number, slug, {"time": 3, "action": 12, "by": 3}, rows, words)
    if len(steps) > most:
        yield text(number, "left_out", [words.say("ics.earlier", count=len(steps) - most)], words)


def is_force(slug: str) -> bool:
    return slug.startswith("forces_")


def figures(
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
    return table(number, slug, columns, rows, words)


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


def place(now: Incident, words: Words) -> Iterator[str]:
    place = now.place
    if place is None:
        yield words.say("ics.unknown")
        return
    yield " ".join(
        one for one in (words.unit(place.division) if place.division else "", place.text or "") if one
    )
    if place.lon is not None and place.lat is not None:
        yield f"{place.lat:.5f}, {place.lon:.5f} (CGCS2000)"


def levels(now: Incident, words: Words) -> Iterator[str]:
    level: Level | None = now.final_level or now.reporting_level
    yield words.term("level", level or "none")
    for one in sorted(now.judgements, key=lambda judged: judged.judged_at)[-3:]:
        yield f"{words.moment(one.judged_at)} {words.term('level', one.level)} {one.by} {one.basis}"


def summary(now: Incident, words: Words) -> Iterator[str]:
    level = now.final_level or now.reporting_level
    yield f"{words.term('category', now.category or 'none')}　{words.term('level', level or 'none')}"
    latest = _latest(now)
    yield words.say("list.comma").join(
        f"{words.term('fact', name)} {_value(latest.get(name), name, words)}" for name in CASUALTIES[:6]
    )
    inside = now.on_scene.inside()
    if inside.last_at:
        yield words.say("ics.inside", people=inside.inside)


def objectives(number: str, now: Incident, words: Words) -> Iterator[Block]:
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
    yield table(number, "objectives", columns, rows, words)
    lines = [
        f"{words.moment(one.concluded.at)} {one.concluded.text}"
        for one in now.consultations.values()
        if one.concluded is not None
    ]
    if lines:
        yield text(number, "concluded", lines, words)


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
    return table(number, "commanders", columns, rows, words)


def _groups(number: str, now: Incident, words: Words) -> Block:
    rows = [
        (one.group, one.leader or "—", one.unit or "", one.phone or "", one.forces or "")
        for one in now.scene.groups.values()
        if one.leader
    ]
    columns = {"group": 5, "leader": 3, "unit": 5, "phone": 3, "forces": 5}
    return table(number, "groups", columns, rows, words)


def organisation(number: str, now: Incident, words: Words) -> Iterator[Block]:
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
    yield table(number, "organisation", {"who": 4, "unit": 6, "status": 3, "since": 4}, rows, words)


def resources(number: str, now: Incident, words: Words, tree: UnitTree) -> Block:
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
    return table(
        number, "resources", {"to": 3, "order": 7, "ordered": 3, "taken": 3, "reported": 5}, rows, words
    )
