"""Taking in what the log has brought, step by step, outside the commands' transactions.

For what may lag because whoever reads it looks at the rest by itself: the catalogue, the index of what was
said. Any number of processes may do it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy import Connection, select

from server.record.database import Database
from server.record.tables import LEDGER


async def follow(
    database: Database,
    until: Callable[[Connection], int],
    take_in: Callable[[Database], bool],
    *,
    calm: int,
    few: int,
    many: int,
    every_s: float,
    rest_s: float,
) -> None:
    """For ever. While much is written it waits for a quiet moment, but not for long.

    `until` is the last entry that was taken in, `take_in` one step: False when there was nothing to do. `few`
    entries may wait while nobody writes much, which is fewer than `calm` from one look to the next, and
    `many` while somebody does: each reading looks over them. After a step it rests `rest_s`: others want the
    processor and the writer.
    """

    def waiting() -> tuple[int, int]:
        with database.reading() as connection:
            seq = int(connection.execute(select(LEDGER.c.seq)).scalar() or 0)
            return seq - until(connection), seq

    before = 0
    while True:
        wait, seq = await asyncio.to_thread(waiting)
        is_quiet = seq - before < calm
        before = seq
        if wait > many or (wait > few and is_quiet):
            if await asyncio.to_thread(take_in, database):
                await asyncio.sleep(rest_s)
                before = seq + many
                continue
        await asyncio.sleep(every_s)
