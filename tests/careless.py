"""The product with a safety off, for controls: the same fault must then do harm, or nothing is proven.

python -m tests.careless synchronous=NORMAL serve --data DIR …
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import DBAPIError

from server import app, migrations, watch
from server.cli import main
from server.delivery import door
from server.delivery.hub import Hub
from server.record import database
from server.record.tables import LEDGER
from server.record.turn import Hand, Turn
from server.safekeeping import backup
from server.settings import Settings

NEXT = '''"""What a version after this one adds."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "9001", "{head}", None, None


def upgrade() -> None:
    {deed}
'''
ADDS = 'op.execute("CREATE TABLE of_next_version (id text PRIMARY KEY)"); ' + "; ".join(
    f'op.execute("ALTER TABLE {table} ADD COLUMN later text")'
    for table in ("incident", "obligation", "ledger", "person", "credential")
)


def without_syncs() -> None:
    """SQLite does not wait for the disk at every commit."""
    prepare = database._prepare_sqlite

    def carelessly(engine: Engine) -> None:
        prepare(engine)

        @event.listens_for(engine, "connect")
        def _on_connect(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA synchronous=NORMAL")

    database._prepare_sqlite = carelessly


def without_looking() -> None:
    """News of other processes comes by the doorbell or not at all."""
    Settings.look_s = property(lambda self: 3_600.0)  # type: ignore[assignment,method-assign]


def without_cutting_off() -> None:
    """Who does not read is kept for ever, and the kernel is patient with them, too."""
    make = app.Limits
    app.Limits = lambda **said: replace(make(**said), send_s=9e9, waiting_s=9e9)  # type: ignore[assignment,misc]
    door.UNACKNOWLEDGED_MS = 3_600_000


def forgiving() -> None:
    """What the database could not take is answered as if it had."""
    real = Hand.turn

    @contextmanager
    def turn(self: Hand, command_ids: Sequence[str]) -> Iterator[Turn]:
        with suppress(DBAPIError, sqlite.Error), real(self, command_ids) as found:
            yield found

    Hand.turn = turn  # type: ignore[method-assign]


def patient_with_postgres() -> None:
    """A database that has vanished is waited for as long as TCP does."""
    database.POSTGRES_LINE = {"application_name": "fenghuo"}
    database.POSTGRES_LIMITS = dict.fromkeys(database.POSTGRES_LIMITS, "10min")


def without_watch() -> None:
    """This process writes down nothing that time brings."""

    async def never(self: watch.Watch) -> None:
        self._looked_at = self._steady() + 86_400
        await asyncio.Event().wait()

    watch.Watch.run = never  # type: ignore[method-assign]


def pacing_by_the_wall() -> None:
    """A clock that steps back puts off what was to come."""

    async def never(self: watch.Watch, was: Any, mono: float) -> None: ...

    watch.Watch._keep_pace = never  # type: ignore[method-assign]


def keeping_the_epoch() -> None:
    """A restored desk counts on as if nothing had been lost."""

    def same(copy: database.Database) -> str:
        with copy.reading() as connection:
            return str(connection.execute(select(LEDGER.c.epoch)).scalar_one())

    backup._new_epoch = same


def stalling() -> None:
    """Something blocks the loop for a third of a second, every second."""
    real = Hub.run

    async def run(self: Hub) -> None:
        def block() -> None:
            threading.Event().wait(0.33)
            asyncio.get_running_loop().call_later(0.67, block)

        asyncio.get_running_loop().call_later(1.0, block)
        await real(self)

    Hub.run = run  # type: ignore[method-assign]


def of_the_next_version(deed: str = ADDS) -> None:
    """One migration more than this version has."""
    folder = Path(tempfile.mkdtemp(prefix="fenghuo-next-")) / "migrations"
    shutil.copytree(migrations.HERE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    head = sorted((folder / "versions").glob("0*.py"))[-1].name[:4]
    (folder / "versions" / "9001_next.py").write_text(NEXT.format(head=head, deed=deed))
    migrations.HERE = folder


SAFETIES: dict[str, Callable[[], None]] = {
    "synchronous=NORMAL": without_syncs,
    "look=off": without_looking,
    "slow=kept": without_cutting_off,
    "errors=forgiven": forgiving,
    "database=waited-for": patient_with_postgres,
    "watch=off": without_watch,
    "pace=wall": pacing_by_the_wall,
    "epoch=kept": keeping_the_epoch,
    "loop=stalls": stalling,
    "version=next": of_the_next_version,
    "version=rash": lambda: of_the_next_version('op.execute("ALTER TABLE entry RENAME COLUMN body TO text")'),
}

if __name__ == "__main__":
    arguments = sys.argv[1:]
    while arguments and arguments[0] in SAFETIES:
        SAFETIES[arguments.pop(0)]()
    sys.exit(main(arguments))
