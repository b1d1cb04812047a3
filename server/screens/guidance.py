"""Help beside a rule: what it says here, and the law or standard that it is taken from. Pure.

The figures come from the rule file in force, never from here. Sources are cited by their Chinese names, with
how sure the reading is (`schemas/rules.py`, evidence).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.rules import GradeTable, RuleSet
from schemas.terms import Level
from server.screens.wording import Wording

ORDER_493 = "《生产安全事故报告和调查处理条例》（国务院令第493号）"
ORDER_708 = "《生产安全事故应急条例》（国务院令第708号）"
NOTICE_2015 = "国务院应急办《关于切实加强突发事件信息报告工作的通知》（2015-07-31）"
#: For each topic its sources: (law or standard, article or part, evidence). The sentences are texts `help.…`.
SOURCES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "hour": (
        (NOTICE_2015, "重特大事件发生后力争30分钟内电话报告、1小时内书面报告", "V[S2]"),
        (ORDER_493, "第九条至第十三条", "V[S1]"),
        ("《2025年全市应急管理工作要点》", "任务15：1小时内报送总体达标率（未给出算法）", "D"),
    ),
    "grading": ((ORDER_493, "第三条", "V[S1]"),),
    "obligations": ((ORDER_493, "第九条至第十三条", "V[S1]"), (NOTICE_2015, "", "V[S2]")),
    "intake": (
        (ORDER_493, "第十二条（报告内容，含下落不明的人数）", "V[S1]"),
        ("电话首报要素（外地规定）", "单位、类型、时间、地点、伤亡", "V-loc[S34]"),
    ),
    "report": (
        (ORDER_493, "第十二条（报告内容），第十三条（新情况及时补报）", "V[S1]"),
        ("GB/T 9704-2012《党政机关公文格式》", "版头、主体、版记各要素", "V[S25]"),
        ("GB/T 9704-2012《党政机关公文格式》", "页边、字体、每面22行每行28字", "M-high"),
    ),
    "roster": (
        (ORDER_493, "第十八条（值班制度，公布值班电话）", "V[S1]"),
        (ORDER_708, "第十四条（应急值班）", "V[S1]"),
        ("DB3713/T 309-2023《应急值班工作规范》", "岗位：市级不少于4岗，县级不少于3岗", "V-loc[S16]"),
        ("应急值班管理制度（外地）", "领导带班，节假日和汛期在岗带班", "V-loc[S18][S19]"),
    ),
    "handover": (
        ("交接时间（外地规定）", "8时30分", "V-loc[S34c]"),
        ("交接单内容、签字后责任转移、30分钟内到时的事项先接收", "本系统设计", "D"),
    ),
    "duty_log": (
        (ORDER_708, "第二十四条（完整准确记录救援重要事项）", "V[S1]"),
        ("应急值班管理制度（外地）", "痕迹化，精确到分钟", "V-loc[S19]"),
        ("GB/T 32905-2016 SM3; FIPS 180-4 SHA-256", "记录链", "D"),
    ),
    "roll_call": (("点名抽查（电话、视频、现场）", "应答时间和统计口径为本系统设计", "D"),),
    "consultation": (
        ("《突发事件应对法》（2024修订）", "第六十二条（会商评估，可能发生重大以上的立即报告）", "V[S1]"),
        ("会商类型、各部门意见、纪要格式", "本系统设计", "D"),
    ),
    "joint": (
        ("《2025年全市应急管理工作要点》", "任务15：联合值守（未给出办法）", "D"),
        ("席位、10分钟空席告警、报数和协办时限", "本系统设计", "D"),
    ),
}
#: How many sentences each topic has.
SENTENCES = {
    "hour": 5, "grading": 3, "obligations": 3, "intake": 2, "report": 4, "roster": 3, "handover": 3,
    "duty_log": 3, "roll_call": 2, "joint": 3,
    "consultation": 2,
}  # fmt: skip
_MARK = re.compile(r"V-loc|V(?=\[)|M-high|M-med|M-low|\bD\b")


@dataclass(frozen=True, slots=True)
class Source:
    """What a rule is taken from, and how sure that is, in words."""

    cite: str
    part: str
    evidence: str
    sure: str


@dataclass(frozen=True, slots=True)
class Grades:
    """A grading table: (level, its thresholds in words)."""

    title: str
    rows: tuple[tuple[str, str], ...]
    note: str
    source: Source


@dataclass(frozen=True, slots=True)
class Guidance:
    """The help on one topic."""

    topic: str
    title: str
    sentences: tuple[str, ...]
    tables: tuple[Grades, ...]
    checklist: tuple[str, ...]
    rules: tuple[tuple[str, str, Source], ...]
    sources: tuple[Source, ...]


def guidance(topic: str, category: str, rules: RuleSet, wording: Wording) -> Guidance | None:
    """The help on a topic as the rules in force have it; None when there is none. `category`: of the incident
    beside which it was asked for, if it was."""
    if topic not in SOURCES:
        return None
    hour, kind = rules.one_hour, category.partition("/")[0]
    figures = {
        "limit": hour.limit_min,
        "phone": hour.phone_limit_min,
        "window": hour.initial_window_min,
        "recipients": wording.say("list.comma").join(wording.short(one) for one in hour.recipients),
    }
    assigned = rules.grading_for.get(kind)
    names = tuple(dict.fromkeys((*assigned.reporting, *assigned.final))) if assigned else ()
    if topic == "grading" and not category:
        names = tuple(rules.grading)
    is_grading, english = topic == "grading", wording.lang == "en"
    return Guidance(
        topic=topic,
        title=wording.say(f"help.{topic}.title"),
        sentences=tuple(
            wording.texts.of[wording.lang][f"help.{topic}.{number}"].format(**figures)
            for number in range(1, SENTENCES[topic] + 1)
        ),
        tables=tuple(_grades(rules.grading[name], wording) for name in names) if is_grading else (),
        checklist=(assigned.checklist_en if english else assigned.checklist)
        if is_grading and assigned
        else (),
        rules=_duties(rules, kind, wording) if topic == "obligations" else (),
        sources=tuple(_source(*one, wording) for one in SOURCES[topic]),
    )


def _duties(rules: RuleSet, kind: str, wording: Wording) -> tuple[tuple[str, str, Source], ...]:
    here = [one for one in (rules.rules_for(kind) if kind else rules.rules) if one.opens]
    return tuple(
        (
            one.id,
            one.text_en if wording.lang == "en" else one.text,
            _source(one.cite or wording.say("help.own"), "", one.evidence, wording),
        )
        for one in here
    )


def _grades(table: GradeTable, wording: Wording) -> Grades:
    levels = sorted(table.levels.items(), key=lambda one: -one[0].rank)
    rows = [(wording.term("level", level), _thresholds(numbers, wording)) for level, numbers in levels]
    if table.otherwise is not None and Level.ORDINARY not in table.levels:
        rows.append((wording.term("level", table.otherwise), wording.say("help.otherwise")))
    if table.near_miss:
        rows.append((wording.say("level.near_miss"), _thresholds(table.near_miss, wording)))
    title = table.title_en if wording.lang == "en" else table.title
    return Grades(title, tuple(rows), table.note, _source(table.cite, "", table.evidence, wording))


def _thresholds(numbers: Mapping[str, float], wording: Wording) -> str:
    """死亡 ≥ 10 · 直接经济损失 ≥ 5000."""
    reached = ((wording.term("fact", name.removesuffix("_ge")), number) for name, number in numbers.items())
    return " · ".join(f"{name} ≥ {number:g}" for name, number in reached)


def _source(cite: str, part: str, evidence: str, wording: Wording) -> Source:
    marks = dict.fromkeys(_MARK.findall(evidence))
    sure = wording.say("list.comma").join(wording.say(f"evidence.{one}") for one in marks)
    return Source(cite, part, evidence, sure)
