"""The unit file: the tree as a table that an operator edits in a spreadsheet (`DIR/units.csv`).

Columns: code, name, name_en, rank, parent, abbr, pinyin, initials, also. UTF-8, with or without a byte order
mark. A bad file is named by line and changes nothing.
"""

from __future__ import annotations

import csv
import io
import re
from importlib import resources
from pathlib import Path

from server.config.marked_yaml import BadUnitFile, Problem, read_text
from server.domain.gazetteer import initials_of, spell
from server.domain.units import Rank, Unit, UnitTree

COLUMNS = ("code", "name", "name_en", "rank", "parent", "abbr", "pinyin", "initials", "also")
_CODE = {
    Rank.CITY: re.compile(r"[0-9]{4}00"),
    Rank.COUNTY: re.compile(r"[0-9]{6}"),
    Rank.TOWNSHIP: re.compile(r"[0-9]{9}"),
    Rank.DEPARTMENT: re.compile(r"[0-9]{6}-[a-z0-9]{2,12}"),
}
_PARENT_RANK = {Rank.COUNTY: Rank.CITY, Rank.TOWNSHIP: Rank.COUNTY, Rank.DEPARTMENT: Rank.CITY}


def load_units(directory: Path) -> UnitTree:
    """The tree of `directory/units.csv`. Raises BadUnitFile naming every wrong line."""
    path = directory / "units.csv"
    return parse_units(read_text(path, BadUnitFile), str(path))


def load_units_or_keep(directory: Path, last_good: Path | None) -> tuple[UnitTree, list[Problem]]:
    """The tree of the directory; if the file is bad, that of the last good copy (a unit file as well) or,
    without one, the tree that the product came with; and what is wrong."""
    try:
        return load_units(directory), []
    except BadUnitFile as bad:
        problems = list(bad.problems)
    if last_good is not None and last_good.exists():
        try:
            return parse_units(read_text(last_good, BadUnitFile), str(last_good)), problems
        except BadUnitFile as bad:
            problems.extend(bad.problems)
    return default_units(), problems


def default_units() -> UnitTree:
    """The tree that the product came with."""
    with resources.as_file(resources.files("server") / "config") as directory:
        return load_units(directory)


def dump_units(tree: UnitTree) -> str:
    """The tree as a unit file; `parse_units` reads it back."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for unit in tree:
        row = (unit.code, unit.name, unit.name_en, unit.rank.value, unit.parent or "", unit.abbr)
        writer.writerow((*row, unit.pinyin, unit.initials, " ".join(unit.also)))
    return out.getvalue()


def parse_units(text: str, path: str = "units.csv") -> UnitTree:
    """The tree of a unit file's text. Raises BadUnitFile."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    problems: list[Problem] = []
    rows: list[tuple[int, Unit]] = []
    try:
        header = tuple(cell.strip() for cell in next(reader, []))
        if header != COLUMNS:
            raise BadUnitFile([Problem(path, 1, f"the first line must be: {','.join(COLUMNS)}")])
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            row = _row([cell.strip() for cell in cells])
            if isinstance(row, str):
                problems.append(Problem(path, reader.line_num, row))
            else:
                rows.append((reader.line_num, row))
    except csv.Error as error:
        problems.append(Problem(path, reader.line_num, f"is no CSV: {error}"))
    problems += [Problem(path, line, reason) for line, reason in _tree_faults(rows)]
    if problems:
        raise BadUnitFile(problems)
    return UnitTree(unit for _, unit in rows)


def _row(cells: list[str]) -> Unit | str:
    """One line as a unit, or what is wrong with it."""
    if len(cells) != len(COLUMNS):
        return f"has {len(cells)} columns, not {len(COLUMNS)}"
    code, name, name_en, rank_word, parent, abbr, pinyin, initials, also = cells
    try:
        rank = Rank(rank_word)
    except ValueError:
        return f"rank {rank_word!r} is none of {', '.join(Rank)}"
    if not _CODE[rank].fullmatch(code):
        return f"code {code!r} is not the code of a {rank}"
    if not name or not name_en:
        return f"{code} needs a name and a name_en"
    if bool(parent) == (rank is Rank.CITY):
        return f"{code}: every unit but the city has a parent"
    pinyin = pinyin or spell(name)
    if len(pinyin.split()) != len(name):
        return f"{code}: pinyin has {len(pinyin.split())} syllables, {name} has {len(name)}"
    others = tuple(also.split())
    if not all(re.fullmatch(r"[0-9]{6}|[0-9]{9}", other) for other in others):
        return f"{code}: `also` holds division codes of 6 or 9 digits, with spaces between"
    if rank in (Rank.CITY, Rank.COUNTY) and not re.fullmatch(r"[A-Z]{2,6}", abbr):
        return f"{code} needs an abbr of 2 to 6 capital letters for incident numbers"
    initials = initials or initials_of(pinyin)
    return Unit(code, name, name_en, rank, parent or None, abbr, pinyin, initials, others)


def _tree_faults(rows: list[tuple[int, Unit]]) -> list[tuple[int, str]]:
    """What is wrong with the lines taken together, by line."""
    faults: list[tuple[int, str]] = []
    units: dict[str, Unit] = {}
    taken: dict[str, str] = {}
    abbrs: dict[str, str] = {}
    for line, unit in rows:
        if unit.code in units:
            faults.append((line, f"{unit.code} appears twice"))
        units.setdefault(unit.code, unit)
        if unit.abbr and abbrs.setdefault(unit.abbr, unit.code) != unit.code:
            faults.append((line, f"{unit.code}: abbreviation {unit.abbr} belongs to {abbrs[unit.abbr]}"))
    if sum(unit.rank is Rank.CITY for unit in units.values()) != 1:
        faults.append((1, "needs exactly one city"))
    for line, unit in rows:
        parent = units.get(unit.parent) if unit.parent else None
        if unit.parent and (parent is None or parent.rank is not _PARENT_RANK[unit.rank]):
            faults.append((line, f"{unit.code}: {unit.parent} is no {_PARENT_RANK[unit.rank]} of this file"))
        for other in unit.also:
            if other in units or taken.setdefault(other, unit.code) != unit.code:
                faults.append((line, f"{unit.code}: the other code {other} is taken"))
    return faults
