"""The schema, step by step (alembic), on both databases. Run at every start; harmless when up to date.

Steps only add: a process of the version before goes on serving while a newer one brings the schema forward,
and may be started again beside it.
"""

from __future__ import annotations

from pathlib import Path

import structlog
from sqlalchemy import Connection, inspect, text

from server.record.database import Database
from server.settings import Settings

log = structlog.get_logger()

HERE = Path(__file__).parent


def open_database(settings: Settings) -> Database:
    """The database that the settings name, its schema brought up to date."""
    if settings.database_url:
        database = Database(settings.database_url)
    elif settings.data is not None:
        database = Database.in_folder(settings.data)
    else:
        raise ValueError("neither --data nor --database-url was given")
    migrate(database)
    return database


def newest_step() -> str:
    """The schema's newest step: the files are numbered in their order."""
    return max(file.name for file in (HERE / "versions").glob("[0-9]*.py"))[:4]


def _stands_at(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    return str(found[0]) if len(found) == 1 else None


def migrate(database: Database) -> None:
    """Bring the schema up to date, in one transaction; several processes may start at once."""
    with database.reading() as connection:
        if _stands_at(connection) == newest_step():
            return
    # Alembic takes a while to be read, and most starts find nothing to do.
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    steps = ScriptDirectory.from_config(config)
    with database.reading() as connection:
        stands_at = MigrationContext.configure(connection).get_current_revision()
    if stands_at == steps.get_current_head():
        return
    if stands_at is not None and stands_at not in {step.revision for step in steps.walk_revisions()}:
        log.warning("the schema is of a newer version than this program; going on with it", step=stands_at)
        return
    with database.writing(patient=True) as connection:
        database.lock_ledger(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
