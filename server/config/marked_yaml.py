"""YAML read so that whatever is wrong with it can be named by line.

Safe subset: plain mappings, lists and scalars. Duplicate keys, anchors with aliases, and tags are refused: a
duplicate silently drops a rule, an alias can blow a small file up, a tag can run code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

#: No rule file is near this; a larger one is a mistake or an attack.
MAX_BYTES = 1024 * 1024

Loc = tuple[str | int, ...]
_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class Problem(NamedTuple):
    """One wrong place in a file that an operator edits. `line` counts from 1."""

    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


class BadFile(Exception):
    """A file that cannot be used. Says every wrong place, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(sorted(problems, key=lambda one: (one.path, one.line)))
        self.path, self.line, self.reason = self.problems[0]


class BadRuleFile(BadFile):
    """A rule file that cannot be used."""


class BadUnitFile(BadFile):
    """A unit file that cannot be used."""


def read_text(path: Path, refusal: type[BadFile]) -> str:
    """The file as UTF-8 text, a byte order mark taken off. Raises `refusal`."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise refusal([Problem(str(path), 1, f"cannot be read: {error.strerror}")]) from None
    if len(raw) > MAX_BYTES:
        raise refusal([Problem(str(path), 1, f"is larger than {MAX_BYTES // 1024} KiB")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise refusal([Problem(str(path), line, "is not UTF-8 here; save the file as UTF-8")]) from None


class _Loader(yaml.SafeLoader):
    """SafeLoader without aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed here", mark)
        return super().compose_node(parent, index)


class Document(NamedTuple):
    """A YAML file's value and the line each part of it stands on."""

    value: object
    lines: dict[Loc, int]
    digest: str

    def line_of(self, loc: Sequence[str | int]) -> int:
        """The line of the deepest part of `loc` that exists. Parts that are no key (pydantic's names of
        union branches) are passed over."""
        here: Loc = ()
        for part in loc:
            if (*here, part) in self.lines:
                here = (*here, part)
        return self.lines.get(here, 1)


def parse(text: str, path: str) -> Document:
    """Read one YAML document. Raises BadRuleFile with each wrong place that can be found."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise BadRuleFile([Problem(path, 1, "is empty")])
            lines: dict[Loc, int] = {(): node.start_mark.line + 1}
            problems: list[Problem] = []
            value = _build(loader, node, (), lines, problems, path)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise BadRuleFile([Problem(path, line, error.problem or "is no YAML")]) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise BadRuleFile(
            [Problem(path, line, f"holds a character that YAML forbids: {error.reason}")]
        ) from None
    except RecursionError:
        raise BadRuleFile([Problem(path, 1, "is nested too deeply")]) from None
    if problems:
        raise BadRuleFile(problems)
    return Document(value, lines, hashlib.sha256(text.encode()).hexdigest())


def _build(
    loader: _Loader,
    node: yaml.Node,
    loc: Loc,
    lines: dict[Loc, int],
    problems: list[Problem],
    path: str,
) -> object:
    """The node's plain value; notes the line of every part, collects duplicate keys and tags."""
    if isinstance(node, yaml.ScalarNode):
        try:
            return loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:  # a tag, or a date like 2025-02-30
            reason = getattr(error, "problem", None) or str(error)
            problems.append(Problem(path, node.start_mark.line + 1, f"{node.value!r}: {reason}"))
            return None
    if node.tag not in _PLAIN_TAGS:
        problems.append(Problem(path, node.start_mark.line + 1, f"the tag {node.tag} is not allowed here"))
        return None
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            lines[(*loc, index)] = item.start_mark.line + 1
            items.append(_build(loader, item, (*loc, index), lines, problems, path))
        return items
    mapping: dict[object, object] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = key_node.value
        if not isinstance(key, str):
            problems.append(Problem(path, line, "a key must be a plain word"))
            continue
        if key in mapping:
            first = lines[(*loc, key)]
            problems.append(Problem(path, line, f"{key!r} stands here twice (first on line {first})"))
            continue
        lines[(*loc, key)] = line
        mapping[key] = _build(loader, value_node, (*loc, key), lines, problems, path)
    return mapping
