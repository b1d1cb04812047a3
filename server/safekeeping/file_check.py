"""The database's own look at its file."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from server.record.database import Database


def look_beside(database: Database) -> Future[list[str]]:
    """Begin to look from a connection and a thread of its own; SQLite needs no Python meanwhile."""

    def look() -> list[str]:
        with database.reading(patient=True) as connection:
            return faults_of_file(connection)

    pool = ThreadPoolExecutor(1, "fenghuo-file")
    looking = pool.submit(look)
    pool.shutdown(wait=False)
    return looking


def faults_of_file(connection: Connection) -> list[str]:
    """What is wrong with it: what is read by an index is what stands in the table, and the like.

    PostgreSQL guards its pages by checksums of its own, which its administrator switches on.
    """
    if connection.dialect.name != "sqlite":
        return []
    try:
        said = connection.execute(text("PRAGMA integrity_check(20)")).scalars().all()
    except DatabaseError as error:
        said = [str(error.orig)]
    return [" ".join(str(one).split()) for one in said if one != "ok"]
