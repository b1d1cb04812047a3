"""What a rule file's fields must say in view of each other.

Each complaint carries its place, so that the line can be named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas.rules import SUMS, GradeTable, Rule, RuleSet, Thresholds
from schemas.terms import CHAIN_ACTORS, FACTS, OUTSIDE_ACTORS, Category, ClockStart, Level

Loc = tuple[str | int, ...]
Complaint = tuple[Loc, str]

_CATEGORIES = frozenset(Category)
_ACTORS = frozenset(CHAIN_ACTORS) | frozenset(OUTSIDE_ACTORS)
_MEASURES = frozenset(FACTS) | frozenset(SUMS)


def complaints(rules: RuleSet) -> list[Complaint]:
    """Everything wrong with a rule set whose single fields are well formed."""
    return [
        *_groups(rules),
        *_one_hour(rules),
        *_grading(rules),
        *_twice("prompts", "stage", (prompt.stage for prompt in rules.prompts)),
        *_twice("hop_budget", "stage", (hop.stage for hop in rules.hop_budget)),
        *_twice("delay_causes", "cause", (cause.cause for cause in rules.delay_causes)),
        *_twice("rules", "id", (rule.id for rule in rules.rules)),
        *(found for index, rule in enumerate(rules.rules) for found in _rule(rules, index, rule)),
    ]


def _twice(where: str, key: str, values: Iterable[str]) -> Iterator[Complaint]:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield (where, index, key), f"{value} stands in {where} twice"
        seen.add(value)


def _groups(rules: RuleSet) -> Iterator[Complaint]:
    for name, members in rules.category_groups.items():
        if name == "any" or (name in _CATEGORIES and name not in members):
            yield ("category_groups", name), f"{name} is a category's own name"
        for index, member in enumerate(members):
            if member not in _CATEGORIES:
                yield ("category_groups", name, index), f"there is no category {member}"


def _one_hour(rules: RuleSet) -> Iterator[Complaint]:
    if rules.one_hour.phone_limit_min > rules.one_hour.limit_min:
        yield ("one_hour", "phone_limit_min"), "the phone limit is longer than the limit itself"
    if not rules.one_hour.recipients:
        yield ("one_hour", "recipients"), "needs at least one recipient"
    for index, recipient in enumerate(rules.one_hour.recipients):
        if recipient not in _ACTORS:
            yield ("one_hour", "recipients", index), f"there is no actor {recipient}"
    for index, hop in enumerate(rules.hop_budget):
        for key, actor in (("from", hop.sender), ("to", hop.to)):
            if actor not in _ACTORS:
                yield ("hop_budget", index, key), f"there is no actor {actor}"
    if "other" not in {cause.cause for cause in rules.delay_causes}:
        yield ("delay_causes",), "needs the cause `other`"


def _grading(rules: RuleSet) -> Iterator[Complaint]:
    for name, table in rules.grading.items():
        yield from _table(("grading", name), table)
    for category in sorted(_CATEGORIES - rules.grading_for.keys()):
        yield ("grading_for",), f"says nothing about {category}"
    for graded, assignment in rules.grading_for.items():
        if graded not in _CATEGORIES:
            yield ("grading_for", graded), f"there is no category {graded}"
        for scale, tables in (("reporting", assignment.reporting), ("final", assignment.final)):
            for index, table_name in enumerate(tables):
                if table_name not in rules.grading:
                    yield ("grading_for", graded, scale, index), f"there is no grading table {table_name}"
        if not assignment.reporting and not assignment.checklist:
            yield ("grading_for", graded), "without a table for reporting it needs a checklist"
        if len(assignment.checklist) != len(assignment.checklist_en):
            yield ("grading_for", graded, "checklist_en"), "checklist and checklist_en differ in length"


def _table(loc: Loc, table: GradeTable) -> Iterator[Complaint]:
    for level, row in table.levels.items():
        yield from _thresholds((*loc, "levels", level.value), row)
    yield from _thresholds((*loc, "near_miss"), table.near_miss or {})
    for lower, higher in zip(list(Level), list(Level)[1:], strict=False):
        for key, number in table.levels.get(higher, {}).items():
            below = table.levels.get(lower, {}).get(key)
            if below is not None and below >= number:
                place = (*loc, "levels", higher.value, key)
                yield place, f"{key} of {higher} ({number:g}) is not above that of {lower} ({below:g})"


def _thresholds(loc: Loc, row: Thresholds) -> Iterator[Complaint]:
    for key in row:
        if key.removesuffix("_ge") not in _MEASURES:
            yield (*loc, key), f"there is no fact {key.removesuffix('_ge')}"


def _rule(rules: RuleSet, index: int, rule: Rule) -> Iterator[Complaint]:
    """One rule: first what it says, then what it needs to open obligations."""

    def at(key: str, reason: str) -> Complaint:
        return ("rules", index, key), f"{rule.id}: {reason}"

    if rule.id != rule.origin and rule.id.rpartition(".")[0] != rule.origin:
        yield at("id", f"the id must be {rule.origin}, alone or with .1, .2 …")
    for place, name in enumerate(rule.category):
        if name != "any" and name not in _CATEGORIES and name not in rules.category_groups:
            yield ("rules", index, "category", place), f"{rule.id}: there is no category or group {name}"
    yield from _thresholds(("rules", index, "when"), rule.when or {})
    if (rule.trigger == "facts") != bool(rule.when):
        yield at("when", "`trigger: facts` and `when` go together")
    if "any" in rule.level and len(rule.level) > 1:
        yield at("level", "`any` stands alone")
    if rule.trigger == "level" and "any" in rule.level:
        yield at("level", "`trigger: level` needs levels; for every level say `trigger: always`")
    if rule.trigger == "near_miss" and rule.level != ("near_miss",):
        yield at("level", "`trigger: near_miss` needs `level: near_miss`")
    if rule.trigger == "stable" and rule.start is not ClockStart.STABLE:
        yield at("start", "`trigger: stable` needs `start: stable`")
    deadlines = [rule.deadline_min, rule.deadline_days, rule.recurring]
    if sum(one is not None for one in deadlines) > 1:
        yield at("deadline_min", "one of deadline_min, deadline_days, recurring, not several")
    if rule.recurring is not None:
        ways = [rule.recurring.per_day, rule.recurring.cutoff, rule.recurring.every_days]
        if sum(one is not None for one in ways) != 1:
            yield at("recurring", "needs exactly one of per_day, cutoff, every_days")
    if rule.opens:
        yield from _opening(index, rule)
    elif not rule.why_not or not rule.why_not_en:
        yield at("why_not", "a rule that opens nothing says why in why_not and why_not_en")


def _opening(index: int, rule: Rule) -> Iterator[Complaint]:
    """What a rule needs so that an obligation can be opened and counted from it."""
    if rule.why_not or rule.why_not_en:
        yield ("rules", index, "why_not"), f"{rule.id}: it opens obligations, so there is no why_not"
    if rule.trigger == "reference":
        yield ("rules", index, "trigger"), f"{rule.id}: `reference` sets nothing off, so it cannot open"
    if rule.start is None:
        yield ("rules", index, "start"), f"{rule.id}: says not from when the time counts"
    if not rule.to:
        yield ("rules", index, "to"), f"{rule.id}: has no recipient"
    if rule.trigger == "casualty_changed" and rule.window_days is None:
        yield ("rules", index, "window_days"), f"{rule.id}: `casualty_changed` needs window_days"
    for key, actors in (("from", (rule.sender,)), ("to", rule.to)):
        for actor in actors:
            if actor not in _ACTORS:
                yield ("rules", index, key), f"{rule.id}: there is no actor {actor}"
