"""Accounts for a fictitious city's people: random passwords, as a table. Nobody has a default one."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from server.domain.units import UnitTree
from server.people.people import People
from server.rehearsal.scenario import Person
from server.screens.texts import Texts

#: No letter or figure that is taken for another when it is copied from a screen.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 4, 4


@dataclass(frozen=True, slots=True)
class SignIn:
    """How one person gets in. The token is for the program that plays them, and is never shown."""

    person: Person
    password: str
    token: str


def new_password() -> str:
    """79 bits, in groups that can be typed: `k7wq-3xfd-mn8e-pz4a`."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def seat(people: People, persons: Iterable[Person], label: str) -> list[SignIn]:
    """Give each their account with a fresh password, and a token. Who has an account keeps it."""

    def one(person: Person) -> SignIn:
        password = new_password()
        if people.get(person.name) is None:
            people.add(person.name, person.post, person.unit, password)
        else:
            people.set_password(person.name, password)
            for earlier in people.tokens_of(person.name):
                if earlier.label == label:  # of a play that was killed
                    people.revoke_token(earlier.id)
        return SignIn(person, password, people.add_token(person.name, label))

    with ThreadPoolExecutor(2) as clerks:  # a password's hash is made to take time
        return list(clerks.map(one, persons))


def unseat(people: People, sign_ins: Iterable[SignIn]) -> None:
    """End the tokens; the passwords stay."""
    for sign_in in sign_ins:
        people.revoke_token(sign_in.token)


def table(sign_ins: Sequence[SignIn], tree: UnitTree) -> str:
    """Name, post, unit and password, one person a line."""
    texts = Texts()
    rows = [("姓名 Name", "岗位 Post", "单位 Unit", "密码 Password")]
    for sign_in in sign_ins:
        person = sign_in.person
        post = texts.say("zh", f"post.{person.post}")
        rows.append((person.name, post, f"{tree.name_of(person.unit)} {person.unit}", sign_in.password))
    widths = [max(_width(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def _width(text: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
