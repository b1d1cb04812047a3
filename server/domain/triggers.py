"""When a rule concerns an incident: whether it does, since when in fact, since which line of the log. Pure.

Three moments that must not be taken for one another: when what the rule is about became known (a report sent
before that did not know it), when the log first said so (follow-ups begin then, never back into a time
before), and the moment from which the law counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from schemas.rules import Rule
from schemas.terms import Channel, ClockStart, Level
from server.domain import grading
from server.domain.incident import Incident, Statement
from server.domain.onehour import official_start, threshold_at


def is_triggered(rule: Rule, incident: Incident) -> bool:
    """Whether the rule concerns the incident as it stands."""
    if "any" not in rule.level:
        level = incident.reporting_level
        near = "near_miss" in rule.level and incident.near_miss
        if not near and (level is None or level not in rule.level):
            return False
    match rule.trigger:
        case "always" | "level":
            return True
        case "near_miss":
            return incident.near_miss
        case "casualty_changed":
            changed = incident.casualty_changed_at
            occurred = incident.occurred()[0] or incident.known_at()
            if changed is None or occurred is None:
                return False
            in_window = rule.window_days is None or changed <= occurred + timedelta(days=rule.window_days)
            return in_window and any(r.sent_at < changed for r in incident.reports.values())
        case "possible_major":
            return any(j.possible and j.level.is_major for j in incident.judgements)
        case "facts":
            return _is_reached(rule, incident.facts())
        case "stable":
            return incident.stable_at is not None
        case "reference":
            return False


def _is_reached(rule: Rule, facts: Mapping[str, int | float | None]) -> bool:
    return rule.when is not None and bool(grading.reached(rule.when, facts))


def _first_reached(rule: Rule, statements: Iterable[Statement]) -> Statement | None:
    """The first of these statements with which the latest word on each fact, by when it was known, reaches
    the rule's numbers."""
    latest: dict[str, int | float | None] = {}
    known_at: dict[str, datetime] = {}
    for said in statements:
        for name, value in said.facts.items():
            if name not in known_at or said.known_at >= known_at[name]:
                latest[name], known_at[name] = value, said.known_at
        if _is_reached(rule, latest):
            return said
    return None


def _lowest(rule: Rule) -> Level | None:
    levels = [level for level in rule.level if isinstance(level, Level)]
    return min(levels, key=lambda level: level.rank, default=None)


def reached_at(rule: Rule, incident: Incident) -> datetime | None:
    """When what the rule is about became known; None when it is about every incident."""
    if rule.trigger == "facts":
        said = _first_reached(rule, sorted(incident.statements, key=lambda one: one.known_at))
        return said.known_at if said is not None else None
    if rule.trigger == "possible_major":
        return min(j.judged_at for j in incident.judgements if j.possible and j.level.is_major)
    lowest = _lowest(rule)
    moments = [incident.level_reached_at(lowest) if lowest is not None else None]
    moments.append(incident.near_miss_at if "near_miss" in rule.level else None)
    return min((moment for moment in moments if moment is not None), default=None)


def applied_since(rule: Rule, incident: Incident) -> datetime | None:
    """Since when the log says that the rule concerns the incident; after a reopening, since then."""
    since = incident.opened_at
    lowest = _lowest(rule)
    if rule.trigger == "facts":
        said = _first_reached(rule, incident.statements)  # in the order of writing
        since = said.recorded_at if said is not None else None
    elif lowest is not None or "near_miss" in rule.level:
        least = lowest.rank if lowest is not None else 5  # no level at all, only the near miss
        moments = [at for level, at in incident.level_since.items() if level.rank >= least]
        if "near_miss" in rule.level and incident.near_miss_since is not None:
            moments.append(incident.near_miss_since)
        since = min(moments, default=None)
    if since is None or incident.reopened_at is None:
        return since
    return max(since, incident.reopened_at)


def answers_from(rule: Rule, incident: Incident, start: datetime) -> datetime:
    """From when on a report can fulfil the duty: it must have known what the duty is about.

    A phone call of the initial case counts from the start, as in the one-hour figure.
    """
    if rule.start in (ClockStart.FACT_CHANGED, ClockStart.STABLE):
        return start
    begun = official_start(incident)
    if rule.channel == Channel.PHONE and begun is not None and begun[0] == "initial":
        return begun[1]
    return reached_at(rule, incident) or incident.known_at() or start


def clock_start(rule: Rule, incident: Incident, sender: str) -> datetime | None:
    """The instant the rule counts from; None while that fact is missing.

    Where the situation grew into the rule only after the initial window, it counts from that moment at the
    earliest, as for the upgrade of the one-hour figure.
    """
    known, lowest = incident.known_at(), _lowest(rule)
    begun = official_start(incident)
    start: datetime | None
    match rule.start:
        case ClockStart.OCCURRED if lowest is not None and lowest.is_major and begun is not None:
            return begun[1]
        case ClockStart.OCCURRED:
            occurred = None if incident.nobody_could_know else incident.occurred()[0]
            start = occurred or incident.discovered_at() or known
        case ClockStart.DISCOVERED:
            start = incident.discovered_at() or known
        case ClockStart.RECEIVED:
            start = incident.received_at(sender)
        case ClockStart.FACT_CHANGED:
            return incident.casualty_changed_at
        case ClockStart.STABLE:
            return incident.stable_at
        case ClockStart.GRADED:
            return threshold_at(incident)
        case ClockStart.KNOWN_IN_CHAIN | ClockStart.DISCOVERED_OR_KNOWN | None:
            start = known
        case ClockStart.UNIT_HEAD_INFORMED | ClockStart.ORDER_RECEIVED:
            return None
    reached = reached_at(rule, incident)
    if start is None or reached is None or known is None or incident.one_hour is None:
        return start
    grew = (reached - known).total_seconds() > incident.one_hour.window_s
    return max(start, reached) if grew else start
