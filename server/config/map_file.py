"""The map file: base maps and where home is, edited by an operator (`DIR/map.yaml`).

Read at start, whole or not at all: a bad file is named by line and reason, and what was good last stays in
force.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from schemas.map_sources import NO_SOURCES, MapBook
from server.config import marked_yaml
from server.config.channel_file import NoSecret, read_secret
from server.config.marked_yaml import BadFile, Problem
from server.config.rulebook import readable

NAME = "map.yaml"


class BadMapFile(BadFile):
    """A map file that cannot be used."""


def parse_map(text: str, path: str) -> MapBook:
    """The base maps of a file's text. Raises BadMapFile naming every wrong line."""
    try:
        document = marked_yaml.parse(text, path)
        book = MapBook.model_validate(document.value)
    except ValidationError as error:
        raise BadMapFile(readable(error.errors(), document, path)) from None
    except BadFile as bad:
        raise BadMapFile(bad.problems) from None
    wrong = list(book.complaints())
    for number, one in enumerate(book.sources):
        place = ("sources", number)
        if one.key is not None:
            try:
                read_secret(one.key)
            except NoSecret as missing:
                wrong.append(((*place, "key"), str(missing)))
        for name in ("file", "ca_file"):
            said = getattr(one, name)
            if said is not None and not Path(said).is_file():
                wrong.append(((*place, name), f"there is no file {said}"))
    if wrong:
        raise BadMapFile([Problem(path, document.line_of(place), reason) for place, reason in wrong])
    return book


def default_map() -> MapBook:
    """What the product came with: no base."""
    with resources.as_file(resources.files("server") / "config") as directory:
        return parse_map(marked_yaml.read_text(directory / NAME, BadMapFile), NAME)


def load_map_or_keep(directory: Path, last_good: Path) -> tuple[MapBook, list[Problem]]:
    """The operator's file; if it is bad, what was good last, and why."""
    path = directory / NAME
    if not path.exists():
        return NO_SOURCES, []
    try:
        book = parse_map(marked_yaml.read_text(path, BadMapFile), str(path))
    except BadMapFile as bad:
        try:
            kept = MapBook.model_validate_json(last_good.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            kept = NO_SOURCES
        return kept, list(bad.problems)
    last_good.write_text(book.model_dump_json(), encoding="utf-8")
    return book, []
