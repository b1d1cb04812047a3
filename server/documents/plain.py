"""The same report as plain words: to copy, to say on the phone, to type into another system. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.forms import Form, FormBook, Paragraph
from schemas.terms import CASUALTIES, COUNTS, MEASURES
from server.documents.sheet import Sheet, issue_of, one_line, printable
from server.domain.drafts import Draft
from server.domain.incident import Incident
from server.domain.periods import BEIJING
from server.domain.report_drafts import mark_of
from server.domain.report_text import UNKNOWN, figure, places, told
from server.domain.units import UnitTree


def text(sheet: Sheet) -> str:
    """Everything that is on the paper, top to bottom, one line each."""
    made = [
        f"【{sheet.notice}】" if sheet.notice else "",
        sheet.masthead,
        "　".join(
            part
            for part in (
                sheet.issue,
                f"紧急程度：{sheet.urgency}" if sheet.urgency else "",
                f"密级：{sheet.secrecy}" if sheet.secrecy else "",
                f"签发人：{sheet.signer}" if sheet.signer else "",
            )
            if part
        ),
        sheet.title,
        sheet.addressees,
        *("".join(run.text for run in runs) for runs in sheet.paragraphs),
        *(("附件：" if index == 0 else "") + one for index, one in enumerate(sheet.attachments)),
        sheet.issuer,
        sheet.date,
        sheet.drafter_line,
        f"抄送：{sheet.copy_to}" if sheet.copy_to else "",
    ]
    return "\n".join(line for line in made if line) + "\n"


def script(
    incident: Incident, draft: Draft, book: FormBook, tree: UnitTree, now: datetime
) -> tuple[str, ...]:
    """What is said on the phone (电话稿), sentence by sentence, from the record as it stands now."""
    form = _form(draft, book)
    values = _values(incident, draft, book, form, tree, now)
    asked = form.texts.get(draft.stage)
    lines = asked.script if asked is not None and asked.script else _any_script(book)
    said = told(lines, values)
    return tuple(("【演练】" if incident.drill else "") + one_line(line) for line in said)


def fields(
    incident: Incident, draft: Draft, book: FormBook, tree: UnitTree, now: datetime
) -> list[tuple[str, str]]:
    """Field by field, as the national system asks for it: the label, and what to put there."""
    form, common = _form(draft, book), book.common
    values = _values(incident, draft, book, form, tree, now)
    content, place, said = draft.content, incident.place, incident.facts()

    def value(name: str) -> str:
        return values.get(name) or UNKNOWN

    made = [
        ("标题", one_line(content.get("title", ""))),
        ("报告类型", common.stages[draft.stage] + mark_of(form, draft.stage, draft.ordinal)),
        ("期号", issue_of(draft, book.forms.get(draft.form), now)),
        ("紧急程度", content.get("urgency", "")),
        ("事件类别", value("kind")),
        ("事发时间", value("occurred")),
        ("接报时间", value("received")),
        ("信息来源", value("source")),
        ("事发地点", value("place")),
        ("行政区划", (place.division or place.unit) if place else UNKNOWN),
        ("经度", f"{place.lon:g}" if place and place.lon is not None else ""),
        ("纬度", f"{place.lat:g}" if place and place.lat is not None else ""),
        ("初判级别", value("level")),
        ("定级依据", values.get("basis") or ""),
    ]
    for name in (*CASUALTIES, *COUNTS, *MEASURES):
        if name in said or name in ("dead", "missing", "trapped"):
            words = figure(common, name, said.get(name)).removeprefix(common.facts[name])
            made.append((common.facts[name], words))
    made += [
        ("正文", printable(content.get("body", ""))),
        ("处置措施", values.get("measures") or ""),
        ("报送单位", draft.issuer),
        ("签发人", draft.signed_by or draft.approved_by or ""),
        ("审核", content.get("reviewed_by", "")),
        ("编辑", content.get("drafted_by", "")),
        ("联系电话", content.get("phone", "")),
        ("报告时间", f"{(draft.signed_at or draft.approved_at or now).astimezone(BEIJING):%Y-%m-%d %H:%M}"),
    ]
    return made


def _form(draft: Draft, book: FormBook) -> Form:
    """Its form, or whatever form there is when the bureau has taken that one away."""
    found = book.forms.get(draft.form) or book.form_for(None, draft.stage)
    return found or next(iter(book.forms.values()))


def _any_script(book: FormBook) -> tuple[Paragraph, ...]:
    for form in book.forms.values():
        for written in form.texts.values():
            if written.script:
                return written.script
    return ()


def _values(
    incident: Incident, draft: Draft, book: FormBook, form: Form, tree: UnitTree, now: datetime
) -> dict[str, str | None]:
    return places(
        incident,
        book.common,
        tree,
        now,
        issued_by=draft.issuer,
        unit=draft.unit,
        ordinal=draft.ordinal,
        mark=mark_of(form, draft.stage, draft.ordinal),
        drafter=draft.content.get("drafted_by") or draft.drafted_by,
        phone=draft.content.get("phone") or "",
        previous=incident.drafts.get(draft.previous) if draft.previous else None,
    )
