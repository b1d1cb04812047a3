"""The product with one safety off, for controls: the same fault must then do harm, or nothing is proven.

python -m tests.careless synchronous=NORMAL serve --data DIR …
"""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import Engine, event

from server.cli import main
from server.record import database


def with_synchronous(mode: str) -> None:
    """SQLite does not wait for the disk at every commit."""
    prepare = database._prepare_sqlite

    def carelessly(engine: Engine) -> None:
        prepare(engine)

        @event.listens_for(engine, "connect")
        def _on_connect(connection: Any, _record: Any) -> None:
            connection.execute(f"PRAGMA synchronous={mode}")

    database._prepare_sqlite = carelessly


if __name__ == "__main__":
    name, _, value = sys.argv[1].partition("=")
    assert (name, value) == ("synchronous", "NORMAL")
    with_synchronous(value)
    sys.exit(main(sys.argv[2:]))
