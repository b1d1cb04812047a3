"""The shape of a dated rule file: who must tell whom what, how, and by when (报送规则).

A rule file is data that an operator reads and edits (`config/rules/YYYY-MM-DD.yaml`); this module says what
may stand in it. Nothing here knows a number of any law. What one field may say in view of another (an unknown
category, a missing grading table) is checked by `server.config.rule_checks`, so that the line can be named.

Source: domain.md 1.1-1.3, 1.5.5, 2.3. Evidence marks: domain.md 0.1.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictInt,
    model_serializer,
)

from schemas.terms import Category, Channel, ClockStart, Level, Stage

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
#: An actor code of domain.md 1.1 (CTY_EMB), or a plain word for a party outside this system (coal_regulator).
Actor = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=80)]
Text = Annotated[str, Field(min_length=1, max_length=600)]
Minutes = Annotated[StrictInt, Field(ge=0, le=525_600)]
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]

#: What sets a rule off.
#: `always`: every incident of the category. `level`: the reporting level is one of `level` (`near_miss` in
#: it: a near miss too). `near_miss`: the near-miss class 较大涉险 (domain.md 2.3.2). `casualty_changed`:
#: a count of dead or missing changed. `possible_major`: somebody judged that it may reach 重大. `facts`: a
#: number of `when` is reached. `stable`: the disaster was declared stable. `reference`: nothing does.
Trigger = Literal[
    "always", "level", "near_miss", "casualty_changed", "possible_major", "facts", "stable", "reference"
]
RuleLevel = Literal["any", "near_miss"] | Level


def _listed(value: object) -> object:
    """A single word may stand where a list is meant: `category: hazmat`."""
    return [value] if isinstance(value, str) else value


Words = Annotated[tuple[Slug, ...], BeforeValidator(_listed)]
Actors = Annotated[tuple[Actor, ...], BeforeValidator(_listed)]
RuleLevels = Annotated[tuple[RuleLevel, ...], BeforeValidator(_listed)]

#: Numbers to be reached, any one of which suffices: `{dead_ge: 10, loss_wan_ge: 5000}`. A key is a fact (or a
#: sum of facts, see `SUMS`) followed by `_ge`: at least. 以上 includes the number itself.
Thresholds = dict[
    Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*_ge$")], Annotated[float, Field(gt=0, allow_inf_nan=False)]
]
Condition = Thresholds

#: Names of sums of facts that thresholds may use beside the facts themselves.
SUMS: dict[str, tuple[str, ...]] = {
    "dead_plus_missing": ("dead", "missing"),
    "trapped_or_missing": ("trapped", "missing"),
    "poisoned_or_serious": ("poisoned", "seriously_injured"),
}


#: Where the file does not say it.
HELP_WITHIN_MIN = 10


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class OneHourRule(_Frozen):
    """The figures of the one-hour on-time rate (domain.md 1.5.2)."""

    limit_min: Annotated[StrictInt, Field(ge=1)] = 60
    phone_limit_min: Annotated[StrictInt, Field(ge=1)] = 30
    initial_window_min: Minutes = 30
    recipients: Actors = ("PRV_EMB", "PRV_GOV", "MEM", "SC")
    evidence: Text = "D"


class Prompt(_Frozen):
    """A reminder so many minutes after the chain knew (domain.md 1.5.5), until something makes it moot."""

    stage: Slug
    after_min: Minutes
    text: Text
    text_en: Text
    until: Literal["judged", "phoned", "written", "never"]


class HopBudget(_Frozen):
    """What one hop may use of the hour, counted from when the chain first knew (DESK-03)."""

    stage: Slug
    sender: Actor = Field(alias="from")
    to: Actor
    channel: Channel
    within_min: Minutes
    text: Text
    text_en: Text


class DelayCause(_Frozen):
    """Why a limit was missed, as a code beside the free text (domain.md 1.5.5)."""

    cause: Slug
    text: Text
    text_en: Text


class GradeTable(_Frozen):
    """Thresholds of the levels, evaluated from the highest down; any one number suffices (domain.md 2.3)."""

    title: Text
    title_en: Text
    levels: dict[Level, Thresholds]
    near_miss: Thresholds | None = None
    otherwise: Literal[Level.ORDINARY] | None = None
    cite: Text
    evidence: Text
    note: str = ""


class GradeAssignment(_Frozen):
    """Which tables grade a category: of several the highest counts; with none an officer judges."""

    reporting: Words = ()
    final: Words = ()
    checklist: tuple[Text, ...] = ()
    checklist_en: tuple[Text, ...] = ()
    evidence: str = ""


class Recurring(_Frozen):
    """A duty that comes back: so many times a day, daily before a Beijing time, or every so many days."""

    per_day: Annotated[StrictInt, Field(ge=1, le=24)] | None = None
    cutoff: ClockTime | None = None
    every_days: Annotated[StrictInt, Field(ge=1, le=366)] | None = None


class Rule(_Frozen):
    """One duty: one sender, its recipients, one channel, one deadline.

    `to`: each is owed its own report. `also`: told at the same time, not counted. `notify`: 通报, not 报告.
    `deadline_min` and `deadline_days` both absent mean 立即, without a number in the text.
    `opens`: whether an incident opens an obligation from this rule here; if not, `why_not` says why.
    """

    id: Annotated[str, Field(pattern=r"^[A-Z]+-[A-Z0-9]+[a-z]?(\.[0-9]+)?$")]
    origin: Annotated[str, Field(pattern=r"^[A-Z]+-[A-Z0-9]+[a-z]?$")]
    text: Text
    text_en: Text
    category: Words
    level: RuleLevels = ("any",)
    trigger: Trigger
    when: Condition | None = None
    sender: Actor = Field(alias="from")
    to: Actors
    also: Actors = ()
    notify: Actors = ()
    bypass: StrictBool = False
    stage: Stage = Stage.INITIAL
    channel: Channel = Channel.ANY
    via: str = ""
    deadline_min: Minutes | None = None
    deadline_days: Annotated[StrictInt, Field(ge=1, le=366)] | None = None
    start: ClockStart | None = None
    recurring: Recurring | None = None
    until: Literal["closed", "stable"] = "closed"
    window_days: Annotated[StrictInt, Field(ge=1, le=366)] | None = None
    opens: StrictBool
    why_not: str = ""
    why_not_en: str = ""
    cite: str = ""
    evidence: Text
    note: str = ""


class RuleSet(_Frozen):
    """One dated rule file, in force from `effective_from` (Beijing date) until the next one begins."""

    schema_version: Literal[1]
    effective_from: date
    title: Text
    title_en: Text
    category_groups: dict[Slug, Words]
    one_hour: OneHourRule
    due_soon_min: Minutes
    help_within_min: Annotated[StrictInt, Field(ge=1, le=1440)] | None = None
    prompts: tuple[Prompt, ...]
    hop_budget: tuple[HopBudget, ...]
    delay_causes: tuple[DelayCause, ...]
    grading: dict[Slug, GradeTable]
    grading_for: dict[Slug, GradeAssignment]
    rules: tuple[Rule, ...]

    @model_serializer(mode="wrap")
    def _as_said(self, plainly: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A file of before help could be asked for is the same file still, and has the same digest."""
        said: dict[str, Any] = plainly(self)
        if self.help_within_min is None:
            del said["help_within_min"]
        return said

    @property
    def help_limit_min(self) -> int:
        """Within how many minutes a request for help is to be answered (our own word: no rule has one)."""
        return self.help_within_min or HELP_WITHIN_MIN

    def categories(self, names: tuple[str, ...]) -> frozenset[str]:
        """Category slugs meant by a rule's `category`: slugs, group names, `any` (kept as it is)."""
        return frozenset(slug for name in names for slug in self.category_groups.get(name, (name,)))

    def rules_for(self, category: str) -> tuple[Rule, ...]:
        """Every rule that concerns a category; a finer kind (`hazmat/leak`) counts as its category."""
        return self._by_category.get(category.partition("/")[0], self._by_category["any"])

    def recurring_for(self, category: str) -> tuple[Rule, ...]:
        """Those of them that come back, where they open obligations."""
        return self._recurring.get(category.partition("/")[0], self._recurring["any"])

    def rule(self, rule_id: str) -> Rule | None:
        """The rule of that id, None when this file has none."""
        return self._by_id.get(rule_id)

    @cached_property
    def _by_category(self) -> dict[str, tuple[Rule, ...]]:
        """Looked up at every command, so it is worked out once."""
        meant = [(rule, self.categories(rule.category)) for rule in self.rules]
        return {
            category: tuple(rule for rule, categories in meant if {"any", category} & categories)
            for category in ("any", *Category)
        }

    @cached_property
    def _recurring(self) -> dict[str, tuple[Rule, ...]]:
        return {
            category: tuple(rule for rule in rules if rule.opens and rule.recurring is not None)
            for category, rules in self._by_category.items()
        }

    @cached_property
    def _by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}
