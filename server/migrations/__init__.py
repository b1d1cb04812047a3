"""The schema, step by step (alembic), on both databases. Run at every start; harmless when up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from server.database import Database

HERE = Path(__file__).parent


def migrate(database: Database) -> None:
    """Bring the schema up to date, in one transaction; several processes may start at once."""
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    with database.writing(patient=True) as connection:
        database.lock_ledger(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
