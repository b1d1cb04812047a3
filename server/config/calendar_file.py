"""The calendar file: public holidays and make-up workdays, edited by an operator (`DIR/calendar.yaml`)."""

from __future__ import annotations

from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from server.config import marked_yaml
from server.config.marked_yaml import BadFile, BadRuleFile, Problem
from server.domain.workdays import SATURDAY, Calendar, Year, days

NAME = "calendar.yaml"
LONGEST_HOLIDAY = 31


class BadCalendar(BadFile):
    """A calendar file that cannot be used."""


class _Holiday(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=60)
    name_en: str = Field(min_length=1, max_length=60)
    first: date
    last: date


class _Year(BaseModel):
    model_config = ConfigDict(extra="forbid")

    year: int = Field(ge=1949, le=2999)
    source: str = Field(min_length=1, max_length=300)
    holidays: list[_Holiday]
    workdays: list[date]

    @model_validator(mode="after")
    def _fits(self) -> _Year:
        """Every day lies in the year, holidays do not overlap, a make-up workday is a weekend."""
        free: set[date] = set()
        for one in self.holidays:
            if not one.first <= one.last or (one.last - one.first).days >= LONGEST_HOLIDAY:
                raise ValueError(f"{one.name}: from {one.first} to {one.last} is no holiday")
            found = set(days(one.first, one.last))
            if found & free:
                raise ValueError(f"{one.name}: overlaps another holiday")
            free |= found
        for day in self.workdays:
            if day in free or day.weekday() < SATURDAY:
                raise ValueError(f"{day} is no weekend to work on")
        if any(day.year != self.year for day in [*free, *self.workdays]):
            raise ValueError(f"a day is not of {self.year}")
        return self

    def known(self) -> Year:
        return Year(
            self.year,
            self.source,
            {day: (one.name, one.name_en) for one in self.holidays for day in days(one.first, one.last)},
            frozenset(self.workdays),
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    years: list[_Year]


def parse_calendar(text: str, path: str = NAME) -> Calendar:
    """The calendar of a file's text. Raises BadCalendar naming every wrong line."""
    try:
        document = marked_yaml.parse(text, path)
        read = _File.model_validate(document.value)
    except BadRuleFile as bad:
        raise BadCalendar(bad.problems) from None
    except ValidationError as error:
        raise BadCalendar([_problem(path, document, one) for one in error.errors()]) from None
    calendar = Calendar(one.known() for one in read.years)
    if len(calendar.years) != len(read.years):
        raise BadCalendar([Problem(path, 1, "a year stands here twice")])
    return calendar


def _problem(path: str, document: marked_yaml.Document, one: Any) -> Problem:
    return Problem(path, document.line_of(one["loc"]), one["msg"].removeprefix("Value error, "))


def default_calendar() -> Calendar:
    """The calendar that the product came with."""
    with resources.as_file(resources.files("server") / "config") as directory:
        return parse_calendar(marked_yaml.read_text(directory / NAME, BadCalendar))


def load_calendar_or_default(directory: Path) -> tuple[Calendar, list[Problem]]:
    """The calendar of the operator's folder; if the file is bad, the one the product came with, and why."""
    path = directory / NAME
    try:
        return parse_calendar(marked_yaml.read_text(path, BadCalendar), str(path)), []
    except BadCalendar as bad:
        return default_calendar(), list(bad.problems)
