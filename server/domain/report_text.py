"""What a report says of itself: its text, drafted from the record in the bureau's own forms. Pure.

Every place of a text is worked out here, in Chinese, for that is what is sent. What nobody has said yet is
None, and prints as 核实中 (being checked).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from string import Formatter
from typing import Any

from schemas.forms import Common, Drafted, Form, Paragraph
from schemas.kinds import FINER_KINDS
from schemas.reports import FIELDS
from schemas.terms import EntryKind, Scale, Stage
from server.domain.contradictions import contradicted
from server.domain.drafts import DONE, Draft
from server.domain.incident import Incident
from server.domain.periods import BEIJING
from server.domain.units import UnitTree

UNKNOWN = "核实中"
#: Figures of people, in the order in which a report tells them; the first three are told even when unsaid.
_HURT = (
    "dead",
    "missing",
    "trapped",
    "seriously_injured",
    "lightly_injured",
    "injured",
    "poisoned",
    "hospital_observed",
    "endangered",
)
_ALWAYS = ("dead", "missing", "trapped")
_MOVED = ("evacuated", "to_evacuate", "resettled", "to_resettle")
_LOST = (
    "affected",
    "houses_collapsed",
    "houses_damaged",
    "crops_ha",
    "burnt_ha",
    "forest_ha",
    "magnitude",
    "loss_wan",
)
_FORCES = ("forces_people", "forces_vehicles")
_YES_NO = ("serious_pollution", "important_place_endangered")
#: How many lines of the log a draft tells of, and how much of each.
MOST_TOLD, MOST_OF_ONE = 12, 400
_DIGITS = "零一二三四五六七八九"

Figures = Mapping[str, int | float | None]
#: What other sources say of a fact, where no officer has chosen yet.
Doubts = Mapping[str, tuple[int | float | None, ...]]


def in_characters(number: int) -> str:
    """1 to 99 as they are counted: 一, 十, 十二, 二十三."""
    if not 0 < number < 100:
        return str(number)
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else _DIGITS[tens] + "十"
    return head + (_DIGITS[ones] if ones else "")


def clock(at: datetime) -> str:
    local = at.astimezone(BEIJING)
    return f"{local.hour}时{local.minute:02d}分"


def day(at: datetime) -> str:
    """2026年11月24日: Arabic numerals without leading zeros (GB/T 9704)."""
    local = at.astimezone(BEIJING)
    return f"{local.year}年{local.month}月{local.day}日"


def moment(at: datetime, now: datetime) -> str:
    same = at.astimezone(BEIJING).date() == now.astimezone(BEIJING).date()
    return clock(at) if same else day(at) + clock(at)


def issuer(form: Form, tree: UnitTree, unit: str) -> str:
    """The body that issues it: 秦皇岛市应急管理局."""
    found = tree.get(unit)
    rank = found.rank if found is not None else "department"
    return fill(form.issuers[rank], {"unit": tree.name_of(unit)})  # type: ignore[index]


def fill(text: str, values: Mapping[str, str | None]) -> str:
    """A text with its places filled in. Values are words and are never read as a text themselves."""
    parts = []
    for literal, name, _spec, _conversion in Formatter().parse(text):
        parts.append(literal)
        if name is not None:
            value = values.get(name)
            parts.append(UNKNOWN if value is None else value)
    return "".join(parts)


def written(text: Drafted, values: dict[str, str | None]) -> tuple[str, str]:
    """Title and body of a draft."""
    title = _tidy(fill(text.title, values)).rstrip("，、：")
    return title[: FIELDS["title"]], "\n".join(told(text.body, values))[: FIELDS["body"]]


def told(paragraphs: Iterable[Paragraph], values: Mapping[str, str | None]) -> list[str]:
    """The paragraphs that have something to say, with their places filled in."""
    lines = []
    for paragraph in paragraphs:
        if paragraph.when and not any(values.get(name) for name in paragraph.when):
            continue
        known = {**values, **{name: values.get(name) or "" for name in paragraph.when}}
        lines.append(_tidy(fill(paragraph.text, known)))
    return lines


def _tidy(text: str) -> str:
    """Where a place was empty, two marks meet."""
    for two, one in (("。。", "。"), ("，。", "。"), ("：。", "："), ("；。", "。")):
        text = text.replace(two, one)
    return text


# ---------------------------------------------------------------- figures in words


def figure(common: Common, name: str, value: float | None) -> str:
    """死亡2人, 失联核实中."""
    said = UNKNOWN if value is None else f"{value:g}{common.units_of_facts.get(name, '')}"
    if name in _YES_NO and value is not None:
        return ("有" if value else "无") + common.facts[name]
    return f"{common.facts[name]}{said}"


def doubted(common: Common, name: str, figures: Figures, doubts: Doubts) -> str:
    """死亡3人（另报5人，正在核实）: a figure on which sources differ says so, until an officer has chosen."""
    said = figure(common, name, figures.get(name))
    unit = common.units_of_facts.get(name, "")
    others = "、".join(f"{value:g}{unit}" for value in doubts.get(name, ()) if value is not None)
    return f"{said}（另报{others}，正在核实）" if others else said


def doubts_of(incident: Incident) -> dict[str, tuple[int | float | None, ...]]:
    return {
        name: tuple(dict.fromkeys(one.facts[name] for one in others))
        for name, (_latest, others) in contradicted(incident.statements).items()
    }


def _listed(common: Common, names: tuple[str, ...], figures: Figures, doubts: Doubts) -> str | None:
    said = [doubted(common, name, figures, doubts) for name in names if name in figures]
    return "、".join(said) or None


def casualties(common: Common, figures: Figures, doubts: Doubts) -> str:
    told = [doubted(common, name, figures, doubts) for name in _HURT if name in figures or name in _ALWAYS]
    return "、".join(told)


def toll(common: Common, figures: Figures) -> str:
    """For a title: what is known to have happened to people, and nothing else."""
    known = [figure(common, name, figures[name]) for name in _HURT if figures.get(name)]
    if known:
        return "、".join(known)
    certain = all(figures.get(name) == 0 for name in ("dead", "missing"))
    return "无人员死亡失联" if certain else "伤亡情况" + UNKNOWN


def changed(common: Common, before: Figures, now: Figures) -> str:
    """What became of each figure between two reports; 无新增变化 when nothing did."""
    told = []
    for name in common.facts:
        if name not in now or (name in before and before[name] == now[name]):
            continue
        old, new = before.get(name), now[name]
        unit, word = common.units_of_facts.get(name, ""), common.facts[name]
        if name not in before:
            told.append(figure(common, name, new))
        elif new is None:
            told.append(f"{word}{UNKNOWN}（原报{old:g}{unit}）")
        elif old is None:
            told.append(f"{word}由{UNKNOWN}核实为{new:g}{unit}")
        else:
            told.append(f"{word}由{old:g}{unit}{'增至' if new > old else '更正为'}{new:g}{unit}")
    return "；".join(told) or "无新增变化"


# ---------------------------------------------------------------- the places of a text


def where(incident: Incident, tree: UnitTree) -> str | None:
    """卢龙县石门镇 and what was said of the place, nothing twice."""
    place = incident.place
    if place is None:
        return None
    text = place.text or ""
    names = []
    county = tree.county_of(place.unit)
    for code in (county, place.unit):
        name = tree.name_of(code) if code else ""
        if name and name not in names and name[:2] not in text[:6] and name not in text:
            names.append(name)
    if not text and place.division is None:
        return None
    return "".join(names) + text


def event_name(incident: Incident, tree: UnitTree) -> str:
    """The incident's title, led by its place when it does not say it."""
    place = incident.place
    county = tree.county_of(place.unit) if place is not None else None
    name = tree.name_of(county) if county else ""
    if not name or name[:2] in incident.title:
        return incident.title
    township = tree.name_of(place.unit) if place is not None and place.unit != county else ""
    return name + ("" if township in incident.title else township) + incident.title


def _source(incident: Incident, common: Common) -> str | None:
    said = incident.source
    if not said:
        return None
    channel = said.get("channel") or ""
    words = common.sources.get(channel, channel)
    return f"{said.get('unit') or ''}{said.get('name') or ''}{words or '报告'}"


def _occurred(incident: Incident, now: datetime) -> str | None:
    at, about = incident.occurred()
    if at is not None:
        return day(at) + clock(at) + ("许" if about else "")
    found = incident.discovered_at()
    return None if found is None else f"{day(found)}{clock(found)}发现"


def _told(incident: Incident, kinds: frozenset[str], now: datetime) -> str | None:
    lines = sorted((one for one in incident.deeds.values() if one.kind in kinds), key=lambda one: one.at)
    told = []
    for one in lines[-MOST_TOLD:]:
        words = " ".join(one.text.split())
        words = words if len(words) <= MOST_OF_ONE else words[:MOST_OF_ONE] + "……"
        told.append(f"{moment(one.at, now)}，{words.rstrip('。；;.')}")
    return "；".join(told) + "。" if told else None


def _level(incident: Incident, common: Common) -> tuple[str | None, str]:
    """The level's word, and the sentence that says why."""
    if incident.final_level is not None:
        word, scale = common.levels[incident.final_level], Scale.FINAL
    elif incident.reporting_level is not None:
        word, scale = common.levels[incident.reporting_level], Scale.REPORTING
    else:
        return ("较大涉险" if incident.near_miss else None), ""
    judged = incident.judged(scale)
    if judged is None or common.levels[judged.level] != word:
        return word, "依据：已知数据达到分级标准。"
    possible = "可能达到，" if judged.possible else ""
    basis = judged.basis.strip().rstrip("。")
    return word, f"依据：{possible}{basis}。" if basis or possible else ""


def name_of_report(draft: Draft, common: Common, now: datetime) -> str:
    """首报（14时52分）."""
    word = common.stages[draft.stage]
    if draft.stage is Stage.FOLLOW_UP:
        word += in_characters(draft.ordinal)
    sent = min((one.sent_at for one in draft.sends.values()), default=None)
    return f"{word}（{moment(sent or draft.signed_at or draft.approved_at or draft.drafted_at, now)}）"


def kind_of(category: str | None, common: Common) -> str | None:
    """What happened, as a noun: 危险化学品泄漏事故; by its category where the finer kind has no name."""
    if category is None:
        return None
    if (finer := FINER_KINDS.get(category)) is not None:
        return finer.event
    return common.categories.get(category.partition("/")[0])  # type: ignore[call-overload,no-any-return]


def places(
    incident: Incident,
    common: Common,
    tree: UnitTree,
    now: datetime,
    *,
    issued_by: str,
    unit: str,
    ordinal: int,
    mark: str,
    drafter: str,
    phone: str,
    previous: Draft | None,
) -> dict[str, str | None]:
    """Every place that a text may have (`schemas.forms.PLACES`), but the number, which comes with signing."""
    figures = incident.facts()
    known = max((said.known_at for said in incident.statements), default=None)
    level, basis = _level(incident, common)
    doubts = doubts_of(incident)
    moved = _listed(common, _MOVED, figures, doubts)
    progress = figures.get("evacuated")
    values: dict[str, Any] = {
        "unit": tree.name_of(unit),
        "issuer": issued_by,
        "year": str(now.astimezone(BEIJING).year),
        "number": None,
        "ordinal": in_characters(ordinal),
        "mark": mark,
        "place": where(incident, tree),
        "what": incident.title,
        "event": event_name(incident, tree),
        "kind": kind_of(incident.category, common),
        "toll": toll(common, figures),
        "progress": f"，已疏散转移{progress:g}人" if progress else "",
        "source": _source(incident, common),
        "received": None if (at := incident.known_at()) is None else moment(at, now),
        "occurred": _occurred(incident, now),
        "as_of": None if known is None else moment(known, now),
        "casualties": casualties(common, figures, doubts),
        "people": moved,
        "losses": _listed(common, _LOST, figures, doubts),
        "forces": _listed(common, _FORCES, figures, doubts),
        "measures": _told(incident, frozenset(map(str, DONE)), now),
        "instructions": _told(incident, frozenset({str(EntryKind.INSTRUCTION)}), now),
        "level": level,
        "basis": basis,
        # Reports that were only recorded, as one by telephone, have no name to call them by.
        "previous": "前次报告" if previous is None else name_of_report(previous, common, now),
        "changes": None if previous is None else changed(common, previous.figures, figures),
        "now": clock(now),
        "date": day(now),
        "phone": phone,
        "drafter": drafter,
    }
    return values
