"""What a text says of people: how many dead, missing, trapped, hurt, moved; nobody; not known. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from server.domain.messages import states
from server.domain.messages.denials import denials
from server.domain.messages.findings import Finding, Span, blank, sentences
from server.domain.messages.measures import measures
from server.domain.messages.statements import Statement
from server.domain.messages.tallies import Mention, settle


def casualties(text: str) -> list[Finding]:
    """Findings for a folded text."""
    return [*settle(_mentions(text)), *measures(text)]


def _mentions(text: str) -> list[Mention]:
    found: list[Mention] = []
    asides = states.asides(text)
    for sentence in sentences(text):
        if sentence in asides:
            continue
        plain = text
        denied: list[Span] = []
        for mention, span in denials(text, sentence):
            denied.append(span)
            if mention is not None:
                found.append(mention)
        plain = blank(text, [*denied, *_matches(states.NO_STATE, text, sentence)])
        found += Statement(plain, sentence, found).mentions()
    return found


def _matches(pattern: re.Pattern[str], text: str, within: Span) -> Iterator[Span]:
    for match in pattern.finditer(text, within.start, within.end):
        yield Span(match.start(), match.end())
