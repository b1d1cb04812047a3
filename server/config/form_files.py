"""The form files: how reports look and what is drafted into them (`DIR/forms/*.yaml`), edited by the bureau.

They are read at start, whole or not at all: a bad file is named by line and reason, and the forms that were
good last stay in force.
"""

from __future__ import annotations

from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from schemas.forms import Common, Form, FormBook, FormPart
from server.config import marked_yaml
from server.config.marked_yaml import MAX_BYTES, BadFile, Document, Problem
from server.config.rulebook import readable

COMMON = "common"
MOST_FORMS = 40
Part = TypeVar("Part", bound=FormPart)


class BadFormFile(BadFile):
    """A form file that cannot be used."""


def load_forms(directory: Path) -> FormBook:
    """The forms of `directory/forms`. Raises BadFormFile naming every wrong place of every file."""
    folder = directory / "forms"
    problems: list[Problem] = []
    documents: dict[str, tuple[Path, Document]] = {}
    forms: dict[str, Form] = {}
    common: Common | None = None
    paths = sorted(folder.glob("[!.]*.yaml"))
    if len(paths) > MOST_FORMS:
        raise BadFormFile([Problem(str(folder), 1, f"holds more than {MOST_FORMS} files")])
    for path in paths:
        try:
            document = marked_yaml.parse(marked_yaml.read_text(path, BadFormFile), str(path))
            documents[path.stem] = (path, document)
            if path.stem == COMMON:
                common = _checked(Common, document, path)
            else:
                forms[path.stem] = _checked(Form, document, path)
                if forms[path.stem].form != path.stem:
                    line = document.line_of(("form",))
                    reason = f"form is {forms[path.stem].form}, the file's name says {path.stem}"
                    problems.append(Problem(str(path), line, reason))
        except BadFile as bad:
            problems.extend(bad.problems)
    if common is None and not problems:
        problems.append(Problem(str(folder / f"{COMMON}.yaml"), 1, "is missing"))
    if not forms and not problems:
        problems.append(Problem(str(folder), 1, "holds no form"))
    if common is None or problems:
        raise BadFormFile(problems)
    book = FormBook(common=common, forms=forms)
    for name, place, reason in book.complaints():
        path, document = documents[name]
        problems.append(Problem(str(path), document.line_of(place), reason))
    if problems:
        raise BadFormFile(problems)
    return book


def _checked(kind: type[Part], document: Document, path: Path) -> Part:
    try:
        return kind.model_validate(document.value)
    except ValidationError as error:
        raise BadFormFile(readable(error.errors(), document, str(path))) from None


def load_forms_or_keep(directory: Path, last_good: Path) -> tuple[FormBook, list[Problem]]:
    """The forms of the directory; if anything is wrong there, the last good ones, or those that the product
    came with; and what is wrong. `last_good` holds the forms that were read last and the hash of their files:
    while nobody has touched these, nothing is read and checked again."""
    kept = _Kept.read(last_good)
    digest = _digest(directory / "forms")
    if kept is not None and kept.digest == digest:
        return kept.book, []
    try:
        book = load_forms(directory)
    except BadFormFile as bad:
        return (default_forms() if kept is None else kept.book), list(bad.problems)
    last_good.write_text(_Kept(digest=digest, book=book).model_dump_json(), encoding="utf-8")
    return book, []


class _Kept(FormPart):
    """The forms that were good, and the hash of the files they were in."""

    digest: str
    book: FormBook

    @classmethod
    def read(cls, path: Path) -> _Kept | None:
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def _digest(folder: Path) -> str:
    told = sha256()
    for path in sorted(folder.glob("[!.]*.yaml")):
        with path.open("rb") as file:
            told.update(b"%s\0%s\0" % (path.name.encode(), sha256(file.read(MAX_BYTES + 1)).digest()))
    return told.hexdigest()


def default_forms() -> FormBook:
    """The forms that the product came with."""
    with resources.as_file(resources.files("server") / "config") as directory:
        return load_forms(directory)
