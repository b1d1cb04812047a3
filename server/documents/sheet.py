"""A report as a sheet of paper: what stands where, before any file format (GB/T 9704-2012, domain.md 4.4).

Pure. Text of people goes in as it is and comes out as text: both writers take strings, never markup. What no
printer can print (control characters, direction overrides that would turn a figure round) is left out here,
once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from schemas.forms import Form, FormBook, Page, Typefaces
from server.domain.drafts import Draft
from server.domain.incident import Incident
from server.domain.report_text import clock, day, fill, in_characters
from server.domain.units import UnitTree

Face = Literal["body", "hei", "kai"]

#: What XML cannot hold, what no font draws, and what would print words in another order than was written.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff0-\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_FIRST = re.compile(r"[一二三四五六七八九十]{1,3}、")
_SECOND = re.compile(r"[（(][一二三四五六七八九十]{1,3}[）)]")
MOST_OF_HEADING = 40


@dataclass(frozen=True, slots=True)
class Run:
    """Words in one typeface."""

    text: str
    face: Face


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything that is printed. `notice` stands on every page: 演练, or that it is not signed."""

    drill: bool
    notice: str
    secrecy: str
    urgency: str
    masthead: str
    issue: str
    signer: str
    title: str
    addressees: str
    paragraphs: tuple[tuple[Run, ...], ...]
    attachments: tuple[str, ...]
    issuer: str
    date: str
    drafter_line: str
    copy_to: str
    printed_by: str
    printed_on: str
    at: datetime  # when this version came to be: the date that the file carries
    typefaces: Typefaces
    page: Page


def printable(text: str) -> str:
    """The text without what cannot be printed; line ends of every kind are one kind."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return _UNPRINTABLE.sub("", text.replace("\t", "　"))


def one_line(text: str) -> str:
    return " ".join(printable(text).split())


def lines_of(text: str) -> tuple[str, ...]:
    return tuple(line.strip(" 　") for line in printable(text).split("\n") if line.strip(" 　"))


def sheet(incident: Incident, draft: Draft, book: FormBook, tree: UnitTree) -> Sheet:
    """The report as it stands, in its form."""
    form = book.forms.get(draft.form) or book.form_for(None, draft.stage)
    content = draft.content
    approved = draft.signed_at or draft.approved_at
    at = max(one for one in (draft.drafted_at, draft.edited_at, draft.signed_at, draft.approved_at) if one)
    printed_by = (
        fill(form.printed_by, {"issuer": draft.issuer, "unit": tree.name_of(draft.unit)}) if form else ""
    )
    return Sheet(
        drill=incident.drill,
        notice=" ".join(word for word in ("演练" if incident.drill else "", _state(draft)) if word),
        secrecy=one_line(content.get("secrecy", "")),
        urgency=one_line(content.get("urgency", "")),
        masthead=one_line(draft.masthead),
        issue=one_line(_issue(draft, form, at)),
        signer=one_line(_signer(draft)),
        title=("【演练】" if incident.drill else "") + one_line(content.get("title", "")),
        addressees=one_line(content.get("addressees", "")),
        paragraphs=tuple(runs_of(line) for line in lines_of(content.get("body", ""))),
        attachments=lines_of(content.get("attachments", "")),
        issuer=one_line(draft.issuer),
        date=day(approved) if approved else "",
        drafter_line=_drafter_line(draft, at),
        copy_to=one_line(content.get("copy_to", "")),
        printed_by=one_line(printed_by),
        printed_on=f"{day(approved)}印发" if approved else "",
        at=at,
        typefaces=book.common.typefaces,
        page=book.common.page,
    )


def issue_of(draft: Draft, form: Form | None, at: datetime) -> str:
    """The number, or the place that is left for it, and which report of the incident it is."""
    return one_line(_issue(draft, form, at))


def _state(draft: Draft) -> str:
    if draft.state == "discarded":
        return "作废"
    if draft.is_open:
        return "送审稿" if draft.state == "review" else "草稿"
    return ""


def _issue(draft: Draft, form: Form | None, at: datetime) -> str:
    ordinal = in_characters(draft.ordinal)
    mark = fill(form.marks.get(draft.stage, ""), {"ordinal": ordinal}) if form else ""
    if draft.issue is not None:
        return draft.issue.text + mark
    values: dict[str, str | None] = {"year": day(at).partition("年")[0], "number": "  ", "ordinal": ordinal}
    values |= {"issuer": draft.issuer, "unit": "", "mark": "", "date": ""}
    blank = fill(form.issue, values) if form else ""
    return blank.replace("  ", "　") + mark


def _signer(draft: Draft) -> str:
    if draft.signed_by:
        return draft.signed_by
    if draft.approved_by and draft.approved_at:
        return f"{draft.approved_by}（{clock(draft.approved_at)}口头批准）"
    return ""


def _drafter_line(draft: Draft, at: datetime) -> str:
    content = draft.content
    told = [f"报告时间：{clock(draft.signed_at or draft.approved_at or at)}"]
    for name, word in (("drafted_by", "编辑"), ("reviewed_by", "审核"), ("phone", "值班电话")):
        if content.get(name, "").strip():
            told.append(f"{word}：{content[name].strip()}")
    return "　".join(map(one_line, told))


def runs_of(line: str) -> tuple[Run, ...]:
    """一、… in 黑体, （一）… in 楷体: the whole line, or its first sentence when that is short."""
    for pattern, face in ((_FIRST, "hei"), (_SECOND, "kai")):
        if pattern.match(line):
            head, mark, rest = line.partition("。")
            if len(head) > MOST_OF_HEADING:
                break
            made = [Run(head + mark, face)]  # type: ignore[arg-type]
            return tuple(made + ([Run(rest, "body")] if rest else []))
    return (Run(line, "body"),)
