"""A small desk for the field (前方节点), made from this one: what people need there, and as little as that.

Taken along: the unit tree, rules, forms and calendar; the accounts of those who go, without any password or
token, for each a one-time link that holds as long as the outpost's word; public keys of their tablets; the
open incidents that the unit may see, entry by entry as the log here has them. Left at home: everybody else,
closed incidents, who gave a tip, the duty log, the channels and their secrets. Whoever steals the laptop has
these incidents, and can speak for these people until the outpost's word is ended here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from schemas.events import LOG_ENTRY, LogEntry
from schemas.outposts import TakenAlong
from server.clocks import utc_now
from server.config.rulebook import Rulebook, defaults, install_defaults, load_or_keep
from server.config.unit_file import default_units, load_units_or_keep
from server.domain.units import UnitTree
from server.migrations import open_database
from server.people.accounts import PERSON, Account, SessionLimits
from server.people.credentials import AccountRefused
from server.people.devices import DEVICE
from server.people.outposts import Outposts
from server.people.people import People
from server.record.attachments import FILE, PIECE_TABLE
from server.record.database import Database
from server.record.done import Done
from server.record.round import Round
from server.record.store import Store
from server.record.tables import COUNTER, ENTRY, IDEMPOTENCY, INCIDENT, INCIDENT_UNIT, LEDGER
from server.safekeeping.recount import Recount
from server.settings import Settings

TOKEN_FILE = "upstream.token"  # noqa: S105 (a name)
CONFIG = ("units.csv", "rules", "forms", "calendar.yaml")
MOST_DAYS = 90
PAGE = 500


class CannotTake(ValueError):
    """An outpost that cannot be made so, and why."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What went along. `links`: for each person the secret of a one-time link, good at the outpost alone."""

    incidents: int
    entries: int
    links: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Past:
    """An entry of this desk's log, and the record of its command."""

    body: bytes
    recorded_at: datetime
    record: Any | None


def take_along(
    database: Database,
    settings: Settings,
    folder: Path,
    *,
    name: str,
    unit: str,
    people: Sequence[str],
    days: int,
    now: Callable[[], datetime] = utc_now,
) -> Taken:
    """Make the outpost's folder, and its word here. The word comes last: what fails halfway has none."""
    if folder.exists() and any(folder.iterdir()):
        raise CannotTake(f"{folder} is not empty: name a new folder")
    if not 1 <= days <= MOST_DAYS:
        raise CannotTake(f"--days: 1 to {MOST_DAYS}")
    tree, rules = _config(settings)
    if unit not in tree:
        raise CannotTake(f"there is no unit {unit}")
    accounts = _those(People(database, tree.__contains__, now), people, tree, unit)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _copy_config(settings, folder / "config")
    with database.reading(patient=True) as here, closing(open_database(Settings(data=folder))) as there:
        chosen = _chosen(here, unit)
        entries = _lay_down(here, there, tree, rules, unit, chosen, now())
        _copy_people(here, there, accounts)
        _copy_files(here, there, chosen)
    with closing(open_database(Settings(data=folder))) as there:
        guests = People(there, tree.__contains__, now, limits=SessionLimits(invitation=timedelta(days=days)))
        links = {one.name: guests.invite(one.name) for one in accounts}
    secret = Outposts(database, now).make(name, unit, accounts, timedelta(days=days))
    handle = os.open(folder / TOKEN_FILE, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    return Taken(len(chosen), entries, links)


def _config(settings: Settings) -> tuple[UnitTree, Rulebook]:
    folder = settings.config_folder
    if folder is None or not (folder / "units.csv").exists():
        return default_units(), defaults()
    tree, wrong = load_units_or_keep(folder, None)
    rules, wrong_rules = load_or_keep(folder, None)
    if wrong or wrong_rules:
        raise CannotTake(f"mend the operator's files first: {[*wrong, *wrong_rules][0]}")
    return tree, rules


def _copy_config(settings: Settings, target: Path) -> None:
    """What the people there work by. Not the channels: the field speaks to the desk above alone."""
    target.mkdir(mode=0o700)
    source = settings.config_folder
    for name in CONFIG:
        if source is not None and (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        elif source is not None and (source / name).exists():
            shutil.copyfile(source / name, target / name)
    install_defaults(target)


def _those(people: People, names: Sequence[str], tree: UnitTree, unit: str) -> list[Account]:
    found = []
    for name in dict.fromkeys(names):
        account = people.get(name)
        if account is None:
            raise AccountRefused("unknown_person", f"there is nobody called {name}")
        if account.disabled_at is not None:
            raise AccountRefused("disabled", f"{account.name} is disabled")
        if not tree.covers(unit, account.unit):
            raise CannotTake(f"{account.name} is of {account.unit}, not of {unit} or below")
        found.append(account)
    if not found:
        raise CannotTake("say who goes along: --people")
    return found


def _chosen(here: Connection, unit: str) -> list[str]:
    """The open incidents that the unit may see."""
    query = (
        select(INCIDENT.c.id)
        .join(INCIDENT_UNIT, INCIDENT_UNIT.c.incident_id == INCIDENT.c.id)
        .where(INCIDENT_UNIT.c.unit == unit, INCIDENT.c.state == "open")
        .order_by(INCIDENT.c.opened_at, INCIDENT.c.id)
    )
    return list(here.execute(query).scalars())


def _past(here: Connection, chosen: Sequence[str]) -> list[_Past]:
    """Their entries in the order of the log, but for what is restricted; with the commands they came of."""
    found: list[tuple[int, bytes, datetime]] = []
    for start in range(0, len(chosen), PAGE):
        query = select(ENTRY.c.seq, ENTRY.c.body, ENTRY.c.recorded_at).where(
            ENTRY.c.incident_id.in_(chosen[start : start + PAGE]), ENTRY.c.restricted.is_(False)
        )
        found += [(seq, bytes(body), at) for seq, body, at in here.execute(query)]
    found.sort()
    asked = [LOG_ENTRY.validate_json(body).command_id for _seq, body, _at in found]
    ids = sorted({one for one in asked if one is not None})
    records: dict[str, Any] = {}
    for start in range(0, len(ids), PAGE):
        query = select(IDEMPOTENCY).where(IDEMPOTENCY.c.command_id.in_(ids[start : start + PAGE]))
        records |= {row.command_id: row for row in here.execute(query)}
    return [
        _Past(body, at, None if one is None else records.get(one))
        for (_seq, body, at), one in zip(found, asked, strict=True)
    ]


def _lay_down(
    here: Connection,
    there: Database,
    tree: UnitTree,
    rules: Rulebook,
    unit: str,
    chosen: Sequence[str],
    now: datetime,
) -> int:
    """The outpost's log: where it comes from, then the past of its incidents, each entry at its own time."""
    past = _past(here, chosen)
    ledger = here.execute(select(LEDGER)).one()
    origin = TakenAlong(
        deployment=ledger.deployment_id,
        head=bytes(ledger.chain_sha256).hex(),
        unit=unit,
        incidents=len(chosen),
    )
    moment = [past[0].recorded_at if past else now]
    store = Store(there, tree, lambda: rules, lambda: moment[0])
    store.start()
    try:
        store.submit(lambda round_: round_.note(origin)).result()
        for together in _by_moment(past):
            moment[0] = together[0].recorded_at
            store.submit(partial(_carry, some=together)).result()
    finally:
        store.stop()
    _count(there)
    return len(past)


def _by_moment(past: Sequence[_Past]) -> list[list[_Past]]:
    """A round has one moment, and so have the entries of one here."""
    made: list[list[_Past]] = []
    for one in past:
        if made and made[-1][0].recorded_at == one.recorded_at and len(made[-1]) < PAGE:
            made[-1].append(one)
        else:
            made.append([one])
    return made


def _carry(round_: Round, some: Sequence[_Past]) -> None:
    """Entries of one moment, and the records by which their commands, sent again, get their first answer."""
    records: dict[str, tuple[LogEntry, Any, str, int, int]] = {}
    for one in some:
        entry = LOG_ENTRY.validate_json(one.body)
        number, seq = round_.carry(entry, one.body)
        if entry.command_id is not None and one.record is not None:
            first = records[entry.command_id][3] if entry.command_id in records else seq
            records[entry.command_id] = (entry, one.record, number, first, seq)
    for entry, record, number, first, last in records.values():
        round_.remember(
            Done(
                record.command_id,
                bytes(record.body_sha256),
                record.person_id,
                entry.incident_id,
                number,
                first,
                last,
                entry.recorded_at,
            )
        )


def _count(there: Database) -> None:
    """The numbers that were given out already, as `verify` will count them."""
    recount = Recount()
    with there.reading() as connection:
        for seq, body in connection.execute(select(ENTRY.c.seq, ENTRY.c.body).order_by(ENTRY.c.seq)):
            recount.take(seq, LOG_ENTRY.validate_json(bytes(body)))
    rows = [{"prefix": prefix, "last": last} for prefix, (last, _seq) in recount.counters.items()]
    if rows:
        with there.writing() as connection:
            connection.execute(insert(COUNTER), rows)


def _copy_people(here: Connection, there: Database, accounts: Sequence[Account]) -> None:
    """Who they are, without what lets them in here: a stolen laptop has no password to guess at."""
    ids = [one.id for one in accounts]
    rows = [dict(row) for row in here.execute(select(PERSON).where(PERSON.c.id.in_(ids))).mappings()]
    for row in rows:
        row |= {"password_hash": None, "password_changed_at": None}
    known = select(DEVICE).where(DEVICE.c.person_id.in_(ids), DEVICE.c.revoked_at.is_(None))
    devices = [dict(row) for row in here.execute(known).mappings()]
    with there.writing() as connection:
        connection.execute(insert(PERSON), rows)
        if devices:
            connection.execute(insert(DEVICE), devices)


def _copy_files(here: Connection, there: Database, chosen: Sequence[str]) -> None:
    """The files that these incidents have, as the log there says that they are."""
    for incident_id in chosen:
        files = [
            dict(row)
            for row in here.execute(select(FILE).where(FILE.c.incident_id == incident_id)).mappings()
        ]
        digests = {one["sha256"] for one in files} | {one["preview_sha256"] for one in files}
        for file_digest in sorted(one for one in digests if one is not None):
            with there.writing() as connection:
                held = select(PIECE_TABLE.c.place).where(PIECE_TABLE.c.sha256 == file_digest)
                if connection.execute(held).first() is not None:
                    continue
                pieces = select(PIECE_TABLE).where(PIECE_TABLE.c.sha256 == file_digest)
                for row in here.execute(pieces).mappings():
                    connection.execute(insert(PIECE_TABLE).values(dict(row)))
        if files:
            with there.writing() as connection:
                connection.execute(insert(FILE), files)
