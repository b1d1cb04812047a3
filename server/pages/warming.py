"""What a first look would have to work out is worked out before anybody looks.

The board's rows, and the stage times of the statistics: these come from an incident's whole log, and two
hundred of them took a third of a second of the first page. Here a few are done at a time, and those that have
changed since again.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from contextlib import suppress
from datetime import datetime

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError

from server.domain.rates import Counted
from server.pages.statistics import TIMING
from server.parts import Parts
from server.record.breakdown import MOST_KEPT, MOST_TIMED, counted
from server.record.counted import Period
from server.screens.wording import BEIJING

#: A look so often. So many incidents at a time keep the thread that answers from its work for some ms.
EVERY_S, AT_ONCE, PAUSE_S = 60.0, 4, 0.05
#: So many incidents at once are a desk that has filled, or a process that has begun.
MUCH = 100


async def keep_warm(parts: Parts) -> None:
    """For ever. A database that is away is others' to report; whoever looks meanwhile waits as before."""
    with suppress(SQLAlchemyError):
        await run_sync(parts.views.cards, parts.tree.root, "zh")
    settling = Settling()
    while True:
        with suppress(SQLAlchemyError):
            settling.after(await warm(parts, parts.now()))
        await asyncio.sleep(EVERY_S)


async def warm(parts: Parts, now: datetime) -> int:
    """This month's, for the desk itself and each below it; how many were worked out."""
    rows = await run_sync(_of_this_month, parts, now)
    made = 0
    for start in range(0, len(wanted := TIMING.unkept(rows)), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        await run_sync(TIMING.spans, parts.database, part, now)
        made += len(part)
        await asyncio.sleep(PAUSE_S)
    return made


class Settling:
    """When much has come, what is there by now stays: Python's collector looked through all of it again and
    again, 0.1 s of whichever page was just made. Once in a process, and no more: what is frozen is never let
    go, and a busy month would freeze every minute what has just become waste."""

    def __init__(self) -> None:
        self._is_done = False

    def after(self, made: int) -> None:
        if made < MUCH or self._is_done:
            return
        self._is_done = True
        gc.collect()
        gc.freeze()


def _of_this_month(parts: Parts, now: datetime) -> list[Counted]:
    """What the statistics page of each desk times when nothing else is asked for, the newest first. Never
    more than is kept, with room for what pages ask for: or each round would work all of it out again."""
    today = now.astimezone(BEIJING).date()
    root = parts.tree.root
    rows = counted(parts.database, Period(parts.tree, root, root, today.replace(day=1), today))[::-1]
    found: list[Counted] = []
    of_desk: Counter[str] = Counter()
    for at, row in enumerate(rows):
        if len(found) >= MOST_KEPT - MOST_TIMED:
            break
        if at < MOST_TIMED or of_desk[row.desk] < MOST_TIMED:
            found.append(row)
            of_desk[row.desk] += 1
    return found
