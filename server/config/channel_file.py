"""The channel file: how people outside the desk are reached, edited by an operator (`DIR/channels.yaml`).

Read at start, whole or not at all: a bad file is named by line and reason, and what was good last stays in
force. A secret is looked for where the file says it is, and its own text goes nowhere from here.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from schemas.channels import ChannelBook, Secret
from server.config import marked_yaml
from server.config.marked_yaml import BadFile, Problem
from server.config.rulebook import readable
from server.domain.units import UnitTree

NAME = "channels.yaml"
MOST_OF_A_SECRET = 4096


class BadChannelFile(BadFile):
    """A channel file that cannot be used."""


class NoSecret(Exception):
    """A secret is not where it is said to be. Says where and why, and never what was found."""


def read_secret(secret: Secret) -> str:
    """The secret itself, read anew each time: who changes it need not restart anything."""
    if secret.env is not None:
        text, where = os.environ.get(secret.env), f"the variable {secret.env}"
        if text is None:
            raise NoSecret(f"{where} is not set")
    else:
        where = str(secret.file)
        try:
            with Path(where).open("rb") as file:
                text = file.read(MOST_OF_A_SECRET + 1).decode()
        except OSError as error:
            raise NoSecret(f"{where} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise NoSecret(f"{where} is not UTF-8") from None
    text = text.strip()
    if not text or len(text) > MOST_OF_A_SECRET or not text.isprintable():
        raise NoSecret(f"{where} holds no secret of one line")
    return text


def parse_channels(text: str, path: str, tree: UnitTree) -> ChannelBook:
    """The channels of a file's text. Raises BadChannelFile naming every wrong line."""
    try:
        document = marked_yaml.parse(text, path)
        book = ChannelBook.model_validate(document.value, by_alias=True, by_name=False)
    except ValidationError as error:
        raise BadChannelFile(readable(error.errors(), document, path)) from None
    except BadFile as bad:
        raise BadChannelFile(bad.problems) from None
    wrong = list(book.complaints())
    for number, one in enumerate(book.channels):
        place = ("channels", number)
        wrong += [
            ((*place, "units", at), f"there is no unit {unit}")
            for at, unit in enumerate(one.units)
            if unit not in tree
        ]
        for name, secret in one.secrets():
            try:
                read_secret(secret)
            except NoSecret as missing:
                wrong.append(((*place, name), str(missing)))
        if one.ca_file is not None and not Path(one.ca_file).is_file():
            wrong.append(((*place, "ca_file"), f"there is no file {one.ca_file}"))
    wrong += [
        (("people", number, "leads", at), f"there is no unit {unit}")
        for number, person in enumerate(book.people)
        for at, unit in enumerate(person.leads)
        if unit not in tree
    ]
    if wrong:
        raise BadChannelFile([Problem(path, document.line_of(place), reason) for place, reason in wrong])
    return book


def default_channels(tree: UnitTree) -> ChannelBook:
    """What the product came with: no channel."""
    with resources.as_file(resources.files("server") / "config") as directory:
        return parse_channels(marked_yaml.read_text(directory / NAME, BadChannelFile), NAME, tree)


def load_channels_or_keep(
    directory: Path, last_good: Path, tree: UnitTree
) -> tuple[ChannelBook, list[Problem]]:
    """The channels of the operator's folder; if the file is bad, those that were good last, and why."""
    path = directory / NAME
    try:
        book = parse_channels(marked_yaml.read_text(path, BadChannelFile), str(path), tree)
    except BadChannelFile as bad:
        try:
            kept = ChannelBook.model_validate_json(last_good.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            kept = default_channels(tree)
        return kept, list(bad.problems)
    last_good.write_text(book.model_dump_json(by_alias=True), encoding="utf-8")
    return book, []
