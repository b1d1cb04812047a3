"""The unit tree: the city, its county-rank desks, their townships, and the departments beside them. Pure.

Codes are division codes (行政区划代码): 6 digits for city and county rank, 9 for townships; `130300-qx` for a
department of the city. Actor codes of domain.md 1.1 (CTY_EMB, PRV_EMB) are worked out against the tree here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from schemas.terms import CHAIN_ACTORS


class Rank(StrEnum):
    """What a unit is in the tree."""

    CITY = "city"  # 市
    COUNTY = "county"  # 县(区), and the two zones that work as one
    TOWNSHIP = "township"  # 乡镇、街道
    DEPARTMENT = "department"  # 部门, beside the desks


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit. `abbr` goes into incident numbers; `also` are other codes published for the same place."""

    code: str
    name: str
    name_en: str
    rank: Rank
    parent: str | None
    abbr: str = ""
    pinyin: str = ""  # syllables with spaces: "hai gang qu"
    initials: str = ""  # "hgq"
    also: tuple[str, ...] = ()


#: Names of those who stand outside the tree or whose unit depends on the incident: (Chinese, English).
ACTORS: dict[str, tuple[str, str]] = {
    "SITE": ("事故现场有关人员", "Persons at the scene"),
    "UNIT": ("生产经营单位负责人", "Head of the production unit"),
    "VIL": ("村(居)委会、灾害信息员", "Village or community committee, disaster information officer"),
    "TWN": ("乡镇人民政府、街道办事处", "Township government or subdistrict office"),
    "CNT_EMB": ("县(区)应急管理局", "County emergency management bureau"),
    "CNT_GOV": ("县委、县政府(总值班室)", "County Party committee and government duty room"),
    "CNT_DEPT": ("县级行业主管部门", "County sector department"),
    "CTY_EMB": ("市应急管理局", "City emergency management bureau"),
    "CTY_GOV": ("市委、市政府总值班室", "City Party committee and government duty room"),
    "CTY_HQ": ("市专项指挥部", "City special command headquarters"),
    "PRV_EMB": ("河北省应急管理厅", "Hebei Department of Emergency Management"),
    "PRV_GOV": ("省委、省政府总值班室", "Provincial Party committee and government duty room"),
    "MEM": ("应急管理部", "Ministry of Emergency Management"),
    "SC": ("国务院总值班室", "State Council duty room"),
    "NTF": (
        "公安机关、劳动保障行政部门、工会、人民检察院",
        "Public security, labour administration, trade union, procuratorate",
    ),
}

_TOWNSHIP_OR_BELOW = re.compile(r"[0-9]{6,12}")


class UnitTree:
    """All units by code. Immutable once made; `ValueError` when the units are no tree."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._units: dict[str, Unit] = {}
        self._also: dict[str, str] = {}
        self._children: dict[str, list[str]] = {}
        for unit in units:
            if unit.code in self._units:
                raise ValueError(f"unit {unit.code} appears twice")
            self._units[unit.code] = unit
        roots = [unit for unit in self._units.values() if unit.parent is None]
        if len(roots) != 1:
            raise ValueError(f"a unit tree has one root, this has {len(roots)}")
        self.root: str = roots[0].code
        for unit in self._units.values():
            if unit.parent is not None:
                if unit.parent not in self._units:
                    raise ValueError(f"unit {unit.code} hangs under {unit.parent}, which does not exist")
                self._children.setdefault(unit.parent, []).append(unit.code)
            for other in unit.also:
                if other in self._units or self._also.setdefault(other, unit.code) != unit.code:
                    raise ValueError(f"unit {unit.code}: the other code {other} is taken")
        self._ancestors = {code: self._walk_up(code) for code in self._units}

    def _walk_up(self, code: str) -> tuple[str, ...]:
        chain = [code]
        while (parent := self._units[chain[-1]].parent) is not None:
            if parent in chain:
                raise ValueError(f"unit {code} is above itself")
            chain.append(parent)
        return tuple(chain)

    def __contains__(self, code: object) -> bool:
        return code in self._units

    def __iter__(self) -> Iterator[Unit]:
        return iter(self._units.values())

    def __len__(self) -> int:
        return len(self._units)

    def get(self, code: str) -> Unit | None:
        """The unit of exactly this code; other published codes are only for `nearest`."""
        return self._units.get(code)

    def ancestors(self, code: str) -> tuple[str, ...]:
        """The unit itself first, the root last; empty for a code that is not in the tree."""
        return self._ancestors.get(code, ())

    def children(self, code: str) -> tuple[str, ...]:
        """Units directly under this one, in the file's order."""
        return tuple(self._children.get(code, ()))

    def subtree(self, code: str) -> tuple[str, ...]:
        """The unit and everything under it; empty for a code that is not in the tree."""
        if code not in self._units:
            return ()
        found = [code]
        for one in found:
            found.extend(self._children.get(one, ()))
        return tuple(found)

    def covers(self, viewer: str, code: str) -> bool:
        """Whether `code` is `viewer` or lies under it."""
        return viewer in self._ancestors.get(code, ())

    def nearest(self, division_code: str) -> str | None:
        """The unit that answers for a division code: exact, another published code, or the longest known
        prefix (a 12-digit village, a township not in the file). None when not even the city matches."""
        if division_code in self._units:
            return division_code
        if not _TOWNSHIP_OR_BELOW.fullmatch(division_code):
            return None
        for length in (12, 9, 6):
            prefix = division_code[:length]
            if found := prefix if prefix in self._units else self._also.get(prefix):
                return found
        city = division_code[:4] + "00"
        return city if city in self._units else None

    def county_of(self, code: str) -> str | None:
        """The county-rank desk that the unit belongs to; None for the city, departments, strangers."""
        chain = self._ancestors.get(code, ())
        return next((one for one in chain if self._units[one].rank is Rank.COUNTY), None)

    def resolve(self, actor: str, place_unit: str) -> str:
        """Which unit an actor of a rule is for an incident at `place_unit`. Others come back as they are."""
        if actor == "CTY_EMB":
            return self.root
        if actor in ("CNT_EMB", "CNT_GOV"):
            return self.county_of(place_unit) or self.root
        return actor

    def in_chain(self, code: str) -> bool:
        """Whether what this actor knows is known in our chain (本级获知): the tree and its aliases."""
        return code in self._units or code in CHAIN_ACTORS

    def name_of(self, code: str, language: str = "zh") -> str:
        """The name of a unit or actor in Chinese or English (`en`); the code itself when it has none."""
        if unit := self._units.get(code):
            return unit.name_en if language == "en" else unit.name
        names = ACTORS.get(code)
        return names[language == "en"] if names else code
