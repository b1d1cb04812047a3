"""From numbers to a level, by the tables of the rule file (domain.md 2.3). Pure.

Null and absent mean *not known* and never zero: nothing known gives no level, not 一般.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from schemas.rules import SUMS, GradeTable, RuleSet, Thresholds
from schemas.terms import Level

Facts = Mapping[str, int | float | None]


class Because(NamedTuple):
    """One number that was reached. `fact` is a slug, or slugs joined by `+` when several were added up."""

    fact: str
    value: float
    threshold: float


@dataclass(frozen=True)
class Grade:
    """What the numbers say; `level` None when they cannot. `near_miss`: 较大涉险, domain.md 2.3.2."""

    level: Level | None = None
    near_miss: bool = False
    because: tuple[Because, ...] = ()


#: Counted with the dead wherever a table asks for the dead, but for the reporting level only (contract 3).
COUNTED_AS_DEAD = ("missing", "trapped")


def _parts(measure: str, *, reporting: bool) -> tuple[str, ...]:
    """The facts that a threshold's measure adds up."""
    parts = SUMS.get(measure, (measure,))
    if not reporting or "dead" not in parts:
        return parts
    return parts + tuple(fact for fact in COUNTED_AS_DEAD if fact not in parts)


def reached(thresholds: Thresholds, facts: Facts, *, reporting: bool = False) -> tuple[Because, ...]:
    """Every number of the row that the facts reach, itself included; empty when none is."""
    found = []
    for key, threshold in thresholds.items():
        parts = _parts(key.removesuffix("_ge"), reporting=reporting)
        known = [(fact, value) for fact in parts if (value := facts.get(fact)) is not None]
        total = sum(value for _, value in known)
        if total >= threshold:  # thresholds are above 0, so nothing known reaches none
            named = "+".join(fact for fact, value in known if value)
            found.append(Because(named, total, threshold))
    return tuple(found)


def _says_something(table: GradeTable, facts: Facts, *, reporting: bool) -> bool:
    """Whether any fact is known that this table looks at."""
    rows = [*table.levels.values(), table.near_miss or {}]
    measures = {key.removesuffix("_ge") for row in rows for key in row}
    asked = {fact for measure in measures for fact in _parts(measure, reporting=reporting)}
    return any(facts.get(fact) is not None for fact in asked)


def grade(table: GradeTable, facts: Facts, *, reporting: bool) -> Grade:
    """The highest level one of whose numbers is reached, and why; the near miss apart from it."""
    near = reached(table.near_miss, facts, reporting=reporting) if table.near_miss else ()
    for level in sorted(table.levels, key=lambda one: one.rank, reverse=True):
        if because := reached(table.levels[level], facts, reporting=reporting):
            return Grade(level, bool(near), because)
    if table.otherwise is not None and _says_something(table, facts, reporting=reporting):
        return Grade(table.otherwise, bool(near), near)
    return Grade(None, bool(near), near)


def _highest(grades: list[Grade]) -> Grade:
    """The highest of several tables' answers; a near miss in any of them is one."""
    if not grades:
        return Grade()
    best = max(grades, key=lambda one: one.level.rank if one.level else 0)
    return Grade(best.level, any(one.near_miss for one in grades), best.because)


def _tables(rules: RuleSet, category: str, *, reporting: bool) -> list[GradeTable]:
    """The tables that grade a category (`hazmat/leak` is graded as `hazmat`); none when an officer judges."""
    assignment = rules.grading_for.get(category.partition("/")[0])
    if assignment is None:
        return []
    return [rules.grading[name] for name in (assignment.reporting if reporting else assignment.final)]


def reporting_grade(rules: RuleSet, category: str, facts: Facts) -> Grade:
    """The reporting level (信息报送口径): missing and trapped people count as dead in every table."""
    tables = _tables(rules, category, reporting=True)
    return _highest([grade(table, facts, reporting=True) for table in tables])


def final_grade(rules: RuleSet, category: str, facts: Facts) -> Grade:
    """The final level (核定级别): confirmed deaths, injuries and losses only."""
    tables = _tables(rules, category, reporting=False)
    return _highest([grade(table, facts, reporting=False) for table in tables])


def checklist(rules: RuleSet, category: str, language: str = "zh") -> tuple[str, ...]:
    """What an officer weighs where numbers do not decide. Empty when the file has none for the category."""
    assignment = rules.grading_for.get(category.partition("/")[0])
    if assignment is None:
        return ()
    return assignment.checklist_en if language == "en" else assignment.checklist
