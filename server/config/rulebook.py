"""The reporting rules in force: dated files that an operator edits, read whole or not at all.

`DIR/rules/2025-01-01.yaml` is in force from that day (Beijing) until the day of the next file. A file with
anything wrong in it changes nothing: every wrong place is named with file and line, and the rules that
were in force before stay in force.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.rules import RuleSet
from server.config import marked_yaml, rule_checks
from server.config.marked_yaml import BadFile, BadRuleFile, Problem

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
#: Dumps of other forms than this are not read.
_FORM = 1


@dataclass(frozen=True)
class Rulebook:
    """All dated rule sets, the oldest first."""

    rule_sets: tuple[RuleSet, ...]

    def in_force(self, at: datetime) -> RuleSet:
        """The rules of a moment: the latest that began on its Beijing day or before. Before the first: the
        first, so that an incident of long ago has rules at all."""
        day = at.astimezone(BEIJING).date()
        begun = [rules for rules in self.rule_sets if rules.effective_from <= day]
        return begun[-1] if begun else self.rule_sets[0]

    def dump(self) -> str:
        """The whole book as JSON, the same text for the same rules; `parse` reads it back."""
        sets = [rules.model_dump(mode="json", by_alias=True) for rules in self.rule_sets]
        return json.dumps({"form": _FORM, "rule_sets": sets}, ensure_ascii=False, sort_keys=True)

    @classmethod
    def parse(cls, text: str) -> Rulebook:
        """A book from its dump. ValueError when it is none."""
        content = json.loads(text)
        if not isinstance(content, dict) or content.get("form") != _FORM or not content.get("rule_sets"):
            raise ValueError("no rulebook of this form")
        sets = [RuleSet.model_validate(one, by_alias=True) for one in content["rule_sets"]]
        return cls(tuple(sorted(sets, key=lambda one: one.effective_from)))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the dump: two books with the same digest say the same."""
        return hashlib.sha256(self.dump().encode()).hexdigest()


def load(directory: Path) -> Rulebook:
    """The book of `directory/rules/*.yaml`. Raises BadRuleFile naming every wrong place of every file."""
    folder = directory / "rules"
    problems = [
        Problem(str(path), 1, "is not read: a rule file is named YYYY-MM-DD.yaml")
        for path in sorted(folder.glob("[!.]*.yml"))
    ]
    sets: list[RuleSet] = []
    for path in sorted(folder.glob("[!.]*.yaml")):
        try:
            sets.append(read_rule_file(path))
        except BadRuleFile as bad:
            problems.extend(bad.problems)
    if not sets and not problems:
        problems.append(Problem(str(folder), 1, "holds no rule file (YYYY-MM-DD.yaml)"))
    if problems:
        raise BadRuleFile(problems)
    return Rulebook(tuple(sorted(sets, key=lambda one: one.effective_from)))


def load_or_keep(directory: Path, last_good: Path | None) -> tuple[Rulebook, list[Problem]]:
    """The book of the directory; if anything is wrong there, the last good book (a file holding a dump) and
    what is wrong. Without a last good book, the rules that the product came with."""
    try:
        return load(directory), []
    except BadRuleFile as bad:
        problems = list(bad.problems)
    if last_good is not None and last_good.exists():
        try:
            return Rulebook.parse(last_good.read_text(encoding="utf-8")), problems
        except (OSError, ValueError) as error:
            problems.append(Problem(str(last_good), 1, f"the last good rules cannot be read: {error}"))
    return defaults(), problems


def defaults() -> Rulebook:
    """The rules that the product came with."""
    with resources.as_file(resources.files("server") / "config") as directory:
        return load(directory)


def install_defaults(directory: Path) -> list[Path]:
    """Put the files that the product came with where the operator edits them. What is there is never
    touched: rules and forms only into a folder without any, the unit file and the guide only when missing.
    Returns what was written."""
    written: list[Path] = []
    with resources.as_file(resources.files("server") / "config") as source:
        rules = directory / "rules"
        rules.mkdir(parents=True, exist_ok=True)
        wanted = [
            source / name for name in ("units.csv", "calendar.yaml", "channels.yaml", "map.yaml", "README.md")
        ]
        if not any(rules.glob("*.y*ml")):
            wanted += sorted((source / "rules").glob("*.yaml"))
        forms = directory / "forms"
        forms.mkdir(exist_ok=True)
        if not any(forms.glob("*.y*ml")):
            wanted += sorted((source / "forms").glob("*.yaml"))
        for path in wanted:
            target = directory / path.relative_to(source)
            try:
                with target.open("xb") as file:
                    file.write(path.read_bytes())
            except FileExistsError:
                continue
            written.append(target)
    return written


def read_rule_file(path: Path) -> RuleSet:
    """One rule file, checked whole. Raises BadRuleFile."""
    text = marked_yaml.read_text(path, BadRuleFile)
    try:
        return _understood(text, path.name)
    except BadRuleFile as bad:
        raise BadRuleFile([one._replace(path=str(path)) for one in bad.problems]) from None


@lru_cache(maxsize=8)
def _understood(text: str, name: str) -> RuleSet:
    """What a file of this name says. Reading it takes longer than all else at a start: once a process."""
    document = marked_yaml.parse(text, name)
    try:
        rules = RuleSet.model_validate(document.value, by_alias=True, by_name=False)
    except ValidationError as error:
        raise BadRuleFile(readable(error.errors(), document, name)) from None
    problems = [Problem(name, document.line_of(loc), reason) for loc, reason in rule_checks.complaints(rules)]
    stem = Path(name).stem
    if stem != rules.effective_from.isoformat():
        line = document.line_of(("effective_from",))
        reason = f"effective_from is {rules.effective_from}, the file's name says {stem}"
        problems.append(Problem(name, line, reason))
    if problems:
        raise BadRuleFile(problems)
    return rules


_SAID = {"extra_forbidden": "there is no such field", "missing": "is missing"}


def readable(errors: Sequence[ErrorDetails], document: marked_yaml.Document, path: str) -> list[Problem]:
    """Pydantic's complaints by line, those about the same place (branches of a union) told as one."""
    told: dict[tuple[int, str], list[str]] = {}
    for error in errors:
        loc = error["loc"]
        known = [part for depth, part in enumerate(loc) if loc[: depth + 1] in document.lines]
        if error["type"] == "missing":
            known.append(loc[-1])
        place = ".".join(map(str, known)) or "the file"
        reasons = told.setdefault((document.line_of(loc), place), [])
        reasons.append(_SAID.get(error["type"], error["msg"][:1].lower() + error["msg"][1:]))
    return [
        Problem(path, line, f"{place}: {' or '.join(reasons)}") for (line, place), reasons in told.items()
    ]


__all__ = ["BadFile", "BadRuleFile", "Problem", "Rulebook", "load", "load_or_keep"]
