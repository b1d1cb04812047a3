"""Which of a text's times is that of the occurrence, the discovery, the alarm, the reception. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from server.domain.messages.findings import Finding, Span, Sure, sentences
from server.domain.messages.moments import Moment, moments
from server.domain.messages.states import ELSEWHEN
from server.domain.messages.triggers import HAPPENED, earliest
from server.domain.periods import BEIJING

_AS_OF = re.compile(r"(?:截[至止](?:到|目前)?|统计至|数据截至|自|从)[:,\s]*$|(?:^|[,。;])至$")
_LABEL = re.compile(
    r"(?:(?:事[发故件]|发生|案发|起火|出险|爆炸|事情|发病)(?:的)?(?:时间|约|在|是)"
    r"|(?<![告送布报警话编写])时间)[:是为,约在大概\s]*$"
)
_OTHER_LABEL = re.compile(
    r"(?:(?:报告|报送|发布|填报|编发|签发|接报|接警|来电|发文"
    r"|成文)(?:的)?时间)[:是为,约在\s]*$"
)
_ALARM_LABEL = re.compile(r"(?:转警|接警|报警)[:\s]*$")
_COMING = re.compile(
    r"(?:预计|计划|拟|将于|定于|最后(?:一次)?[一-鿿]{0,4}(?:联系|通话|定位)[一-鿿]{0,2}"
    r"|须于|务必于)[:是为,在\s]*$"
)
_DEADLINE = re.compile(r"^(?:之?前|以前|内)(?!后)")
_RANGE = re.compile(r"[至到\-~—]+$")
_SIGNED = re.compile(r"^[\s。)]*$")
_BY = timedelta(minutes=2)


def times(text: str, sent_at: datetime) -> list[Finding]:
    """Findings for a folded text: occurred_at, discovered_at, alarm_at, received_at, as_of."""
    found = moments(text, sent_at)
    parts = list(sentences(text))
    roles = [(moment, _role(text, parts, found, at, sent_at)) for at, moment in enumerate(found)]
    happened = _first(roles, "label") or _first(roles, "happened")
    sure = Sure.SURE
    discovered = _first(roles, "discovered")
    if happened is None and not _first(roles, "alarmed") and not discovered and HAPPENED.search(text):
        happened, sure = _first(roles, ""), Sure.LIKELY
    if happened is not None:
        results = [_occurred(happened, _range_end(text, found, happened), sure)]
    else:
        results = list(_vague(text, roles))
    for field, role in (
        ("discovered_at", "discovered"),
        ("alarm_at", "alarmed"),
        ("received_at", "received"),
        ("as_of", "as_of"),
    ):
        moment = _first(roles, role)
        if moment is not None and moment.at is not None and not (role == "discovered" and happened):
            likely = Sure.LIKELY if field != "received_at" else Sure.UNSURE
            results.append(
                Finding(
                    field, moment.at.astimezone(UTC), Span(moment.start, moment.end), likely, _notes(moment)
                )
            )
    return results


def spans(text: str, sent_at: datetime) -> list[Span]:
    """Where the text names times, whatever they are of."""
    return [Span(one.start, one.end) for one in moments(text, sent_at)]


def _first(roles: list[tuple[Moment, str]], role: str) -> Moment | None:
    return next((moment for moment, given in roles if given == role and moment.at is not None), None)


def _role(text: str, parts: list[Span], found: list[Moment], at: int, sent_at: datetime) -> str:
    moment = found[at]
    head, tail = text[max(0, moment.start - 16) : moment.start], text[moment.end : moment.end + 4]
    sentence = next(one for one in parts if one.start <= moment.start < one.end)
    if moment.at is not None and moment.at > sent_at.astimezone(BEIJING) + _BY:
        return "coming"
    if _COMING.search(head) or _DEADLINE.match(tail):
        return "coming"
    if ELSEWHEN.search(text, sentence.start, sentence.end):
        return "elsewhen"
    if _OTHER_LABEL.search(head):
        return "received"
    if _ALARM_LABEL.search(head):
        return "alarmed"
    if _LABEL.search(head):
        return "label"
    if _AS_OF.search(head):
        return "as_of"
    if at and _RANGE.search(text[found[at - 1].end : moment.start]) and moment.start - found[at - 1].end <= 2:
        return "range_end"
    end = sentence.end
    if at + 1 < len(found) and found[at + 1].start < end and found[at + 1].at is not None:
        end = found[at + 1].start
        if _RANGE.search(text[moment.end : end]):
            end = sentence.end
    role = earliest(text, moment.end, end)
    if role == "happened" and text[moment.end : moment.end + 1] in ("起", "以来"):
        return "since"
    if not role and _SIGNED.match(text[moment.end :]) and moment.at is not None and moment.start > 0:
        # A time at the very end: a signature when something stands before it that ends a sentence.
        return "" if not re.search(r"(?:局|办|府|队|中心|部|委|站|室)\s*$", head) else "signed"
    return role


def _range_end(text: str, found: list[Moment], first: Moment) -> Moment | None:
    """The other end of 22时10分至23时."""
    following = next((one for one in found if one.start >= first.end), None)
    if following is None or following.at is None or following.start - first.end > 2:
        return None
    return following if _RANGE.search(text[first.end : following.start]) else None


def _notes(moment: Moment) -> tuple[str, ...]:
    notes = ["about"] if moment.about else ["exact"]
    if moment.ambiguous:
        notes.append("half_day")
    return tuple(notes)


def _occurred(moment: Moment, end: Moment | None, sure: Sure) -> Finding:
    assert moment.at is not None
    notes = _notes(moment)
    span = Span(moment.start, moment.end)
    if end is not None:
        notes = ("about", "range")
        span = Span(moment.start, end.end)
    if moment.ambiguous:
        sure = Sure.LIKELY
    return Finding("occurred_at", moment.at.astimezone(UTC), span, sure, notes)


def _vague(text: str, roles: list[tuple[Moment, str]]) -> Iterator[Finding]:
    """Only a day or a part of one is said: shown, and no instant made of it."""
    for moment, role in roles:
        if moment.at is None and role in ("happened", "label", "discovered", "") and HAPPENED.search(text):
            day = moment.earliest.date().isoformat()
            yield Finding("occurred_day", day, Span(moment.start, moment.end), Sure.UNSURE, ("day_only",))
            return
