"""The minutes of a consultation (会商纪要) as a sheet of paper: the same record as on the screen. Pure.

Opinions stand there to the letter, each with who said it and when; what was not said is named as missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from schemas.forms import FormBook
from server.documents.sheet import Sheet, lines_of, one_line, runs_of
from server.domain.consultations import Consultation
from server.domain.incident import Incident
from server.domain.report_text import clock, day
from server.domain.units import UnitTree


def minutes(incident: Incident, one: Consultation, book: FormBook, tree: UnitTree, kind: str) -> Sheet:
    """The minutes as they stand: a draft until there is a conclusion. `kind`: its word."""
    told, concluded = one.told, one.concluded
    said = [opinion.recorded_at for opinion in one.opinions.values()]
    at = max([one.recorded_at, *said, *([concluded.at] if concluded else [])])
    issuer = tree.name_of(told.convener)
    notice = ["演练"] if incident.drill else []
    notice += [] if concluded else ["未结论"]
    lines = [line for text in _lines(incident, one, tree) for line in lines_of(text)]
    return Sheet(
        drill=bool(incident.drill),
        notice=" ".join(notice),
        secrecy="",
        urgency="",
        masthead=one_line(f"{issuer}会商纪要"),
        issue=one_line(f"{kind}　{incident.number}"),
        signer="",
        title=("【演练】" if incident.drill else "") + one_line(told.topic),
        addressees="",
        paragraphs=tuple(runs_of(line) for line in lines),
        attachments=(),
        issuer=one_line(issuer),
        date=day(concluded.at) if concluded else "",
        drafter_line=one_line(f"记录：{one.by}"),
        copy_to=one_line("、".join(tree.name_of(unit) for unit in told.participants)),
        printed_by=one_line(issuer),
        printed_on=f"{day(concluded.at)}印发" if concluded else "",
        at=at,
        typefaces=book.common.typefaces,
        page=book.common.page,
    )


def _moment(at: datetime) -> str:
    return f"{day(at)}{clock(at)}"


def _lines(incident: Incident, one: Consultation, tree: UnitTree) -> Iterator[str]:
    told, concluded, meeting = one.told, one.concluded, one.meeting
    names = "、".join(tree.name_of(unit) for unit in told.participants)
    yield f"时间：{_moment(told.convened_at)}"
    yield f"事件：{incident.title}（{incident.number}）"
    if told.host:
        yield f"主持：{told.host}"
    yield f"参加单位：{names}"
    if meeting is not None:
        parts = [
            f"{word}{value}"
            for word, value in (
                ("", meeting.system),
                ("会议号", meeting.number),
                ("录像编号", meeting.recording),
            )
            if value
        ]
        if parts:
            yield f"视频会议：{'，'.join(parts)}"
    if told.input:
        yield "一、会商材料"
        yield told.input
    yield f"{'二' if told.input else '一'}、各部门意见"
    for number, said in enumerate(one.opinions.values(), start=1):
        late = "（结论后补）" if said.is_late else ""
        yield f"{number}. {tree.name_of(said.part_of)} {said.name}（{clock(said.at)}）{late}：{said.text}"
    if missing := one.missing():
        yield f"未发表意见：{'、'.join(tree.name_of(unit) for unit in missing)}"
    yield f"{'三' if told.input else '二'}、会商结论"
    if concluded is None:
        yield "尚无结论。"
        return
    yield concluded.text
    if concluded.area:
        yield f"范围：{concluded.area}"
    if concluded.until:
        yield f"时段：至{_moment(concluded.until)}"
    if concluded.may_become_major:
        yield "研判：可能发展为重大突发事件，按规定报告。"
    orders = [incident.orders[order] for order in concluded.orders if order in incident.orders]
    if orders:
        yield f"{'四' if told.input else '三'}、工作措施"
    for number, order in enumerate(orders, start=1):
        to = tree.name_of(order.to) if order.to in tree else order.to
        until = f"（{_moment(order.report_by)}前反馈）" if order.report_by else ""
        yield f"{number}. {to}：{order.text}{until}"
