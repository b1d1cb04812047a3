"""Nobody dead, nobody hurt; not known how many; no report yet: what a text denies or leaves open. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from server.domain.messages import states
from server.domain.messages.findings import Span
from server.domain.messages.tallies import Mention


def denials(text: str, within: Span) -> Iterator[tuple[Mention | None, Span]]:
    """Nobody (zero) and not known (None), with the words that say so."""
    taken: list[Span] = []

    def free(span: Span) -> bool:
        return not any(span.start < other.end and other.start < span.end for other in taken)

    for match in states.OPEN.finditer(text, within.start, within.end):
        taken.append(span := Span(match.start(), match.end()))
        yield Mention("dead", None, span, open_=True), span
        yield Mention("injured", None, span, open_=True), span
    for match in states.OPEN_ONE.finditer(text, within.start, within.end):
        span = Span(match.start(), match.end())
        if free(span) and (field := _field_of(match["word"] or match["word2"])):
            taken.append(span)
            yield Mention(field, None, span, open_=True), span
    for match in states.NOBODY.finditer(text, within.start, within.end):
        span = Span(match.start(), match.end("what"))
        if not free(span) or states.UNREAL.search(
            text, _clause_start(text, within, match.start()), match.start()
        ):
            continue
        taken.append(span)
        for field in _fields_of_list(match["what"]):
            if match["other"]:
                yield None, span
            elif "报告" in match["tail"]:
                yield Mention(field, None, span, open_=True), span
            else:
                yield Mention(field, 0, span), span
    for match in states.NO_DEAD.finditer(text, within.start, within.end):
        if free(span := Span(match.start(), match.end())):
            taken.append(span)
            yield Mention("dead", 0, span, likely=True), span
    for match in states.UNHURT.finditer(text, within.start, within.end):
        if free(span := Span(match.start(), match.end())):
            taken.append(span)
            yield Mention("injured", 0, span, likely=True), span


def _clause_start(text: str, within: Span, at: int) -> int:
    return max(within.start, *(text.rfind(mark, within.start, at) + 1 for mark in ",、"))


def _fields_of_list(what: str) -> list[str]:
    fields: list[str] = []
    for word in re.split(r"[、和及或与,]|以及", what):
        word = re.sub(r"^(?:无|没有?)|人员|群众|居民|人$", "", word)
        if "伤亡" in word or "死伤" in word:
            fields += ["dead", "injured"]
        elif field := _field_of(word):
            fields.append(field)
    return list(dict.fromkeys(fields))


def _field_of(word: str) -> str | None:
    words = {"亡人": "dead", "困": "trapped", "伤": "injured", "受困": "trapped", "涉险": "endangered"}
    if word in words:
        return words[word]
    match = states.STATE.match(word)
    return match.lastgroup if match else None
