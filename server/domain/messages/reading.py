"""Reading a pasted message whole: what it says, of how many incidents, and how sure each word of it is. Pure.

Nothing is made up: every finding names the words it stands in, a text that is silent gives none. What people
do with it (take, reject) is theirs; `draft` is what the findings shown as taken come to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from server.domain.decide import INFORMER_CHANNELS
from server.domain.messages import occurrence
from server.domain.messages.casualties import casualties
from server.domain.messages.findings import Finding, Span, Sure, blank, fold, sentences
from server.domain.messages.kinds import kind
from server.domain.messages.places import Places
from server.domain.messages.sources import source
from server.domain.messages.states import asides
from server.domain.messages.triggers import HAPPENED
from server.domain.units import UnitTree

MOST_READ = 5_000  # characters; what comes after them is kept, and not read
#: Runs that say nothing, and would take long to look through.
_NO_TEXT = re.compile(r"\d{24,}|[零一二两三四五六七八九十百千万]{14,}|[^\S\n]{8,}|(.)\1{14,}")
_ITEM = re.compile(
    r"(?:^|[\n。;!?])\s*(?:[一二三四五六七八九十]{1,2}、|\d{1,2}[.、](?!\d)"
    r"|\([一二三四五六七八九\d]{1,2}\)|[一二三四五]是)"
)
_PARAGRAPH = re.compile(r"\n\s*")
_SEVERAL = re.compile(r"(?:发生|接报|接连发生|出现)(?:了)?(?:两|[2-9]|[三四五六七八九]|多|数)起")
_DRILL = re.compile(r"演练|演习|拉动测试")
_DENIED = re.compile(r"不属实|谣言|系误报|虚假(?:信息|警情)|并未发生")
_ASIDE = re.compile(
    r"^(?:\s|,|报告|快报|首报|关于|【[^】]{0,20}】|[一二三四五六七八九十]{1,2}、"
    r"|\d{1,2}[.、])+"
)
_TITLE_MOST = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """`incidents` are the stretches of text that tell of one each; `notes` are slugs for people."""

    findings: tuple[Finding, ...]
    incidents: tuple[Span, ...]
    notes: tuple[str, ...]


class Reader:
    """Reads messages for a unit tree. Made once."""

    def __init__(self, tree: UnitTree) -> None:
        self._tree, self.places = tree, Places(tree)

    def read(self, text: str, sent_at: datetime) -> Reading:
        """What a message sent at that time says."""
        plain = _NO_TEXT.sub(lambda run: "\x00" * len(run[0]), fold(text[:MOST_READ]))
        blocks = self._incidents(plain, sent_at)
        findings: list[Finding] = []
        for number, block in enumerate(blocks):
            findings += [replace(one, incident=number) for one in self._of_one(plain, block, sent_at)]
        findings += source(plain, self._tree)
        findings.sort(key=lambda one: (one.incident, _ORDER.get(one.field, 99), not one.taken, one.span))
        return Reading(tuple(findings), tuple(blocks), tuple(_notes(text, plain, blocks)))

    def _of_one(self, text: str, block: Span, sent_at: datetime) -> list[Finding]:
        said = text[block.start : block.end]
        whole = block.end - block.start == len(text)
        moments = occurrence.times(said, sent_at)
        happened = next(
            (one for one in moments if one.field in ("occurred_at", "discovered_at", "alarm_at")), None
        )
        now = blank(said, asides(said))
        place = self.places.find(now, occurrence.spans(said, sent_at), happened.span if happened else None)
        found = [*moments, *place, *kind(now), *casualties(said)]
        if title := _title(now, place, happened):
            found.append(title)
        return found if whole else [_moved(one, block.start) for one in found]

    def _incidents(self, text: str, sent_at: datetime) -> list[Span]:
        """The parts of a text that tell of different incidents; all of it when there is one, or none."""
        for parts in (_items(text), _paragraphs(text)):
            if len(own := self._own(text, parts, sent_at)) > 1:
                return own
        own = self._own(text, list(sentences(text)), sent_at, strict=True)
        return own if len(own) > 1 else [Span(0, len(text))]

    def _own(
        self, text: str, parts: Sequence[Span], sent_at: datetime, *, strict: bool = False
    ) -> list[Span]:
        """Those parts that have a time and a place of occurrence of their own, each another than before."""
        own: list[Span] = []
        seen: list[tuple[datetime, str, str]] = []
        for part in parts:
            said = text[part.start : part.end]
            if len(parts) < 2 or not HAPPENED.search(said):
                continue
            moments = occurrence.times(said, sent_at)
            at = next((one for one in moments if one.field == "occurred_at"), None)
            if at is None or not isinstance(at.value, datetime):
                continue
            found = {
                one.field: str(one.value)
                for one in self.places.find(said, occurrence.spans(said, sent_at), at.span)
            }
            division, words = found.get("division", ""), found.get("place", "")
            if not words or (strict and not division):
                continue
            if any(
                (division and division == other_division)
                or (at.value == other_at)
                or (not (division and other_division) and _alike(words, other_words))
                for other_at, other_division, other_words in seen
            ):
                continue
            seen.append((at.value, division, words))
            own.append(part)
        return own


_ORDER = {
    name: order
    for order, name in enumerate(
        "occurred_at occurred_day discovered_at alarm_at received_at as_of place division category title "
        "dead missing trapped seriously_injured lightly_injured injured poisoned hospital_observed "
        "endangered to_evacuate evacuated resettled magnitude burnt_ha forest_ha loss_wan "
        "source.channel source.unit source.name source.phone".split()
    )
}
FACTS = frozenset(
    "dead missing trapped seriously_injured lightly_injured injured poisoned hospital_observed endangered "
    "to_evacuate evacuated resettled magnitude burnt_ha forest_ha loss_wan".split()
)


def _moved(finding: Finding, by: int) -> Finding:
    def shift(span: Span) -> Span:
        return Span(span.start + by, span.end + by)

    return replace(finding, span=shift(finding.span), also=tuple(shift(one) for one in finding.also))


def _items(text: str) -> list[Span]:
    """The numbered items of a text."""
    starts = [
        match.start() + len(match[0]) - len(match[0].lstrip("\n。;!? ")) for match in _ITEM.finditer(text)
    ]
    ends = [*starts[1:], len(text)][: len(starts)]
    return [Span(start, end) for start, end in zip(starts, ends, strict=True)]


def _paragraphs(text: str) -> list[Span]:
    found, at = [], 0
    for match in _PARAGRAPH.finditer(text):
        if match.start() > at:
            found.append(Span(at, match.start()))
        at = match.end()
    return [*found, Span(at, len(text))] if at < len(text) else found


def _alike(one: str, other: str) -> bool:
    first, second = ({text[i : i + 2] for i in range(len(text) - 1)} for text in (one, other))
    return bool(first & second) and len(first & second) >= 0.3 * min(len(first), len(second))


def _title(text: str, place: list[Finding], happened: Finding | None) -> Finding | None:
    """The text's own words for what happened, from the place to the word that says it."""
    first_line = text.split("\n", 1)[0]
    if (
        "\n" in text
        and 6 <= len(first_line) <= 45
        and HAPPENED.search(first_line)
        and not re.search(r"[。:,]", first_line)
    ):
        start = len(first_line) - len(_ASIDE.sub("", first_line))
        return Finding("title", first_line[start:], Span(start, len(first_line)), Sure.LIKELY)
    start = place[0].span.start if place else 0
    if happened is not None and happened.span.end <= start + 4 and place and start - happened.span.end > 40:
        start = happened.span.end
    hit = HAPPENED.search(text, place[0].span.end if place else start) or HAPPENED.search(text)
    if hit is None:
        return None
    if hit.start() - start > _TITLE_MOST or hit.start() < start:
        start = max(text.rfind(mark, 0, hit.start()) for mark in ",。;:!?\n") + 1
    ends = [at for mark in ",。;:!?\n(" if (at := text.find(mark, hit.end())) >= 0]
    end = min([*ends, len(text), start + _TITLE_MOST])
    while start < end and text[start] in " ,:。、":
        start += 1
    if end - start < 4:
        return None
    return Finding("title", text[start:end].strip(), Span(start, end), Sure.LIKELY)


def _notes(text: str, plain: str, blocks: list[Span]) -> list[str]:
    notes = []
    if len(blocks) > 1:
        notes.append("several")
    elif _SEVERAL.search(plain):
        notes.append("several_said")
    if _DRILL.search(plain):
        notes.append("drill")
    if _DENIED.search(plain):
        notes.append("denied")
    if len(text) > MOST_READ:
        notes.append("too_long")
    return notes


def taken(reading: Reading, incident: int = 0) -> dict[str, Finding]:
    """The findings of one incident that are shown as taken, by field; the source is the text's own."""
    found: dict[str, Finding] = {}
    for one in reading.findings:
        if one.taken and (one.incident == incident or one.field.startswith("source.")):
            found.setdefault(one.field, one)
    return found


def draft(text: str, reading: Reading, incident: int = 0) -> dict[str, Any]:
    """What the findings shown as taken come to, as fields of `open-incident`. Silence leaves a field out."""
    found = taken(reading, incident)
    body: dict[str, Any] = {}
    if "occurred_at" in found:
        body["occurred_at"] = found["occurred_at"].value
        body["occurred_precision"] = "exact" if "exact" in found["occurred_at"].notes else "about"
    elif seen := found.get("discovered_at") or found.get("alarm_at"):
        body["discovered_at"] = seen.value
    place = {
        key: found[name].value for key, name in (("division", "division"), ("text", "place")) if name in found
    }
    body |= {"place": place} if place else {}
    body |= {name: found[name].value for name in ("title", "category") if name in found}
    facts = {name: one.value for name, one in found.items() if name in FACTS}
    body |= {"facts": facts} if facts else {}
    told = {
        name.removeprefix("source."): one.value for name, one in found.items() if name.startswith("source.")
    }
    if told:
        body["source"] = told
        if "name" in told and told.get("channel") not in INFORMER_CHANNELS:
            behalf = {name: told[name] for name in ("name", "unit") if name in told}
            body["on_behalf_of"] = behalf | {"channel": told.get("channel", "message")}
    body["words"] = kept_words(text, told)
    return body


def kept_words(text: str, told: dict[str, Any]) -> str:
    """The message as it is kept in the open log: to the letter; of a tip, without who gave it."""
    if told.get("channel") not in INFORMER_CHANNELS:
        return text
    for part in ("name", "phone"):
        if told.get(part):
            text = text.replace(str(told[part]), "×××")
    return re.sub(r"(?<!\d)(?:1[3-9]\d{9}|0\d{2,3}-?\d{7,8})(?!\d)", "×××", text)
