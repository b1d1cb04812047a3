"""A fictitious day as data: who is at which desk, and what they say when. Everything in it is a drill.

A scenario is a folder of YAML files (see `config/demo/README.md`). A step names a person, a command and the
command's own fields; where the wire wants an id it says an alias, and where it wants a moment it says nothing
(now) or minutes before now. `compose` makes the command of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.commands import COMMANDS
from schemas.fields import wire_instant
from schemas.terms import Post

_SPACE = UUID("9b0e5b5a-63cf-5a0d-8a70-2f6d0a3f7c11")
#: Fields of commands that hold a moment. The first group is filled in when a step says nothing: the present.
_SAID_NOW = {
    "open-incident": "known_at",
    "add-entry": "happened_at",
    "establish-facts": "known_at",
    "judge-level": "judged_at",
    "record-report": "sent_at",
    "record-receipt": "received_at",
    "declare-concealed": "declared_at",
    "acknowledge-order": "at",
    "report-on-order": "at",
    "close-incident": "at",
    "reopen-incident": "at",
    "declare-stable": "at",
}
_MOMENTS = frozenset({*_SAID_NOW.values(), "occurred_at", "discovered_at", "device_at"})
#: What stands for an id, by its name in a step; those that a command needs get one by themselves.
_ALIASES = {"entry": "entry_id", "report": "report_id", "order": "order_id"}
_OWN_ID = {"add-entry": "entry", "record-report": "report", "issue-order": "order"}


class BadScenario(ValueError):
    """A scenario's file that cannot be played; says where."""


class Person(BaseModel):
    """Somebody at a desk. Invented."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    name: str
    post: Post
    unit: str


class Step(BaseModel):
    """Somebody says something. What is not named here is a field of the command.

    `time` is the scenario's clock (HH:MM), `ago` how many real minutes before the step it was done: what came
    by paper or radio is entered later than the deed.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    time: str = Field("00:00", pattern=r"^[0-2][0-9]:[0-5][0-9]$")
    ago: float = Field(0, ge=0)
    who: str
    do: str
    incident: str

    @property
    def minute(self) -> int:
        hours, minutes = self.time.split(":")
        return int(hours) * 60 + int(minutes)


@dataclass(frozen=True, slots=True)
class Scenario:
    """People, and their steps in the order in which they are said."""

    people: tuple[Person, ...]
    steps: tuple[Step, ...]

    def compose(self, index: int, key: str, now: datetime) -> tuple[str, dict[str, Any]]:
        """The command of a step, said at `now`. `key` names this playing: another key, other ids."""
        step = self.steps[index]
        then = now - timedelta(minutes=step.ago)

        def make_id(kind: str, alias: str) -> str:
            return str(uuid5(_SPACE, f"{key}|{kind}|{alias}"))

        said = dict(step.model_extra or {})
        body: dict[str, Any] = {
            "command_id": make_id("command", str(index)),
            "incident_id": make_id("incident", step.incident),
        }
        if (own := _OWN_ID.get(step.do)) is not None:
            said.setdefault(own, f"step {index}")
        if (moment := _SAID_NOW.get(step.do)) is not None:
            said.setdefault(moment, 0)
        if step.do == "open-incident":
            body["drill"] = True
            said.setdefault("nobody_could_know", False)
        for name, value in said.items():
            if name in _ALIASES:
                body[_ALIASES[name]] = make_id(name, str(value))
            elif name == "into":
                body[name] = make_id("incident", str(value))
            elif name in _MOMENTS and isinstance(value, int | float):
                body[name] = wire_instant(then - timedelta(minutes=value))
            else:
                body[name] = value
        return step.do, body


def load(folder: Path) -> Scenario:
    """The scenario of `folder/*.yaml`, with the people of `people.yaml` beside it. Raises BadScenario.

    The steps of all files are merged by their time; at the same time they are said in the order in which
    they stand. The steps of one incident stand in order.
    """
    people = _people(_read(folder.parent / "people.yaml"), folder.parent / "people.yaml")
    known = {person.key for person in people}
    steps: list[Step] = []
    for path in sorted(folder.glob("*.yaml")):
        last: dict[str, int] = {}
        for number, one in enumerate(_list(_read(path), path), 1):
            where = f"{path.name}, step {number}"
            try:
                step = Step.model_validate(one)
            except ValidationError as wrong:
                raise BadScenario(f"{where}: {wrong}") from None
            if step.who not in known or step.do not in COMMANDS or "drill" in one:
                raise BadScenario(
                    f"{where}: unknown person {step.who} or command {step.do}, or it says drill"
                )
            if step.minute < last.get(step.incident, 0):
                raise BadScenario(f"{where}: {step.time} is before the incident's step above")
            last[step.incident] = step.minute
            steps.append(step)
    scenario = Scenario(people, tuple(sorted(steps, key=lambda step: step.minute)))
    _check(scenario)
    return scenario


def shipped(name: str) -> Scenario:
    """One that the product came with: `day` or `newcomer`."""
    with resources.as_file(resources.files("server") / "config" / "demo" / name) as folder:
        return load(folder)


def _check(scenario: Scenario) -> None:
    """Every step makes a command that the desk would read."""
    for index, step in enumerate(scenario.steps):
        name, body = scenario.compose(index, "check", datetime.now().astimezone())
        try:
            COMMANDS[name].model_validate(body)
        except ValidationError as wrong:
            raise BadScenario(f"{step.time} {step.who} {name} ({step.incident}): {wrong}") from None


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as wrong:
        raise BadScenario(f"{path}: {wrong}") from wrong


def _list(content: Any, path: Path) -> list[Mapping[str, Any]]:
    if not isinstance(content, list) or not all(isinstance(one, Mapping) for one in content):
        raise BadScenario(f"{path}: is no list of steps")
    return content


def _people(content: Any, path: Path) -> tuple[Person, ...]:
    try:
        return tuple(Person.model_validate(one) for one in _list(content, path))
    except ValidationError as wrong:
        raise BadScenario(f"{path}: {wrong}") from None
