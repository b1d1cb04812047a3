"""Reads a dispatch log in the CAD form: a row per unit and incident, eight time columns, local times.

The rows of an incident need not stand together, and the incidents not in order of time: a first pass over the
file keeps where each row begins and when its incident was first known, so memory grows with the number of
rows, by a few bytes each, and never holds their texts. Nothing is corrected: a blank stays blank, and a step
that stands before the step it follows is kept and marked.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from server.domain.periods import BEIJING

#: Columns as they are headed, in the order of a call's course.
TIMES = (
    "Received DtTm",
    "Entry DtTm",
    "Dispatch DtTm",
    "Response DtTm",
    "On Scene DtTm",
    "Transport DtTm",
    "Hospital DtTm",
    "Available DtTm",
)
NEEDED = ("Incident Number", "Unit ID", "RowID", "Call Type", "Address", *TIMES)
_FORMS = ("%m/%d/%Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f")
_POINT = re.compile(r"\(\s*(-?[0-9.]+)\s*,\s*(-?[0-9.]+)\s*\)")
_OFFSET = re.compile(r"([+-])([01][0-9]):?([0-5][0-9])")


class BadLog(ValueError):
    """The file is no dispatch log, or a line of it cannot be read."""


@dataclass(frozen=True, slots=True)
class Step:
    """One time column of one row. `before` is the step it should have followed, when it runs backwards."""

    column: str
    at: datetime
    said: str
    before: Step | None = None


@dataclass(frozen=True, slots=True)
class Turnout:
    """A row: one unit's course through one incident. `steps` holds the columns that are not blank."""

    row_id: str
    unit: str
    unit_type: str
    steps: tuple[Step, ...]

    @property
    def blanks(self) -> tuple[str, ...]:
        present = {step.column for step in self.steps}
        return tuple(column for column in TIMES if column not in present)


@dataclass(frozen=True, slots=True)
class Call:
    """One incident of the file with all its rows."""

    number: str
    kind: str
    address: str
    city: str
    lon: float | None
    lat: float | None
    turnouts: tuple[Turnout, ...]

    @property
    def received_at(self) -> datetime:
        """The earliest moment the file knows of: when the call came in."""
        received = [step.at for turnout in self.turnouts for step in turnout.steps if step.column == TIMES[0]]
        return min(received or [step.at for turnout in self.turnouts for step in turnout.steps])

    @property
    def over_at(self) -> datetime | None:
        """When the last unit was free again; None while the file says of some unit that it is not."""
        if any(not turnout.steps or turnout.steps[-1].column != TIMES[-1] for turnout in self.turnouts):
            return None
        return max(step.at for turnout in self.turnouts for step in turnout.steps)


def zone_named(name: str) -> tzinfo:
    """`Asia/Shanghai`, `America/Los_Angeles`, `+08:00`. ValueError when there is no such zone here."""
    if name == "Asia/Shanghai":
        return BEIJING  # needs no zone files, which a small machine may lack
    if offset := _OFFSET.fullmatch(name):
        span = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(-span if offset[1] == "-" else span)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name}; say it as +08:00") from None


class DispatchLog:
    """A file of calls, ready to be read in the order in which they came in."""

    def __init__(self, path: Path, zone: tzinfo = BEIJING) -> None:
        self.path, self._zone = path, zone
        self._columns: dict[str, int] = {}
        self.rows = 0
        places: dict[str, array[int]] = {}
        first: dict[str, datetime] = {}
        with path.open("rb") as file:
            for start, cells in self._records(file):
                if not self._columns:
                    self._columns = _columns(cells, path)
                    continue
                number = self._cell(cells, "Incident Number", start)
                places.setdefault(number, array("Q")).append(start)
                known = [at for at in (self._moment(cells, column, start) for column in TIMES) if at]
                if not known:
                    raise BadLog(f"{path}: the row at byte {start} has no time at all")
                first[number] = min(first.get(number, known[0]), known[0])
                self.rows += 1
        if not self._columns:
            raise BadLog(f"{path} is empty")
        self._order = sorted(first, key=lambda number: (first[number], number))
        self._places = places

    def __len__(self) -> int:
        return len(self._order)

    def calls(self, limit: int | None = None) -> Iterator[Call]:
        """The calls in the order in which they came in, one at a time."""
        with self.path.open("rb") as file:
            for number in self._order[:limit]:
                rows = []
                for start in self._places[number]:
                    file.seek(start)
                    _start, cells = next(self._records(file))
                    rows.append((start, cells))
                yield self._call(number, rows)

    def _records(self, file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
        """Each record with the byte at which it begins; a quoted cell may hold line breaks."""
        position = file.tell()

        def lines() -> Iterator[str]:
            nonlocal position
            for line in file:
                position += len(line)
                try:
                    yield line.decode("utf-8-sig" if position == len(line) else "utf-8")
                except UnicodeDecodeError as wrong:
                    raise BadLog(f"{self.path}: not UTF-8 before byte {position}") from wrong

        reader = csv.reader(lines(), strict=True)
        while True:
            start = position
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as wrong:
                raise BadLog(f"{self.path}: no CSV at byte {start}: {wrong}") from wrong
            if cells:
                yield start, cells

    def _call(self, number: str, rows: list[tuple[int, list[str]]]) -> Call:
        start, head = rows[0]
        point = _POINT.search(self._cell(head, "Location", start))
        lat, lon = (float(point[1]), float(point[2])) if point else (None, None)
        return Call(
            number,
            self._cell(head, "Call Type", start),
            self._cell(head, "Address", start),
            self._cell(head, "City", start),
            lon,
            lat,
            tuple(self._turnout(start, cells) for start, cells in rows),
        )

    def _turnout(self, start: int, cells: list[str]) -> Turnout:
        steps: list[Step] = []
        for column in TIMES:
            at = self._moment(cells, column, start)
            if at is None:
                continue
            before = steps[-1] if steps and at < steps[-1].at else None
            steps.append(Step(column, at, self._cell(cells, column, start), before))
        unit = self._cell(cells, "Unit ID", start)
        row_id = self._cell(cells, "RowID", start) or f"{self._cell(cells, 'Incident Number', start)}-{unit}"
        return Turnout(row_id, unit, self._cell(cells, "Unit Type", start), tuple(steps))

    def _cell(self, cells: list[str], column: str, start: int) -> str:
        index = self._columns.get(_squeezed(column))
        if index is None:
            return ""
        if index >= len(cells):
            raise BadLog(f"{self.path}: the row at byte {start} has {len(cells)} cells, too few")
        return cells[index].strip()

    def _moment(self, cells: list[str], column: str, start: int) -> datetime | None:
        said = self._cell(cells, column, start)
        if not said:
            return None
        for form in _FORMS:
            try:
                return datetime.strptime(said, form).replace(tzinfo=self._zone).astimezone(UTC)
            except ValueError:
                continue
        raise BadLog(f"{self.path}: {column} at byte {start} is no time: {said!r}")


def _squeezed(column: str) -> str:
    """Headings differ between years by spaces only ("Neighborhood  District")."""
    return re.sub(r"[\s_]+", " ", column).strip().casefold()


def _columns(cells: list[str], path: Path) -> dict[str, int]:
    columns = {_squeezed(cell): index for index, cell in enumerate(cells)}
    missing = [column for column in NEEDED if _squeezed(column) not in columns]
    if missing:
        raise BadLog(f"{path} is no dispatch log of the CAD form: it has no column {', '.join(missing)}")
    return columns
