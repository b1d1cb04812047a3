"""From all that a text says of one number to the one it comes to: totals, parts, corrections. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from server.domain.messages.findings import Finding, Span, Sure


@dataclass(frozen=True, slots=True)
class Mention:
    """One place where the text gives a number of people of one kind, or says that it is not known."""

    field: str
    value: int | None
    span: Span
    word: str = ""
    open_: bool = False  # expressly not known
    about: bool = False
    likely: bool = False
    total: bool = False  # 共, 截至, 已造成
    further: bool = False  # 另有
    remaining: bool = False  # 仍, 其余
    part: bool = False  # 其中, in parentheses
    earlier: bool = False  # 原报
    corrected: bool = False  # 应为
    rescued: bool = False  # all of them are safe by now
    partly: bool = False  # some of them are
    if_said: bool = False  # counts only when the text names such people at all
    also: tuple[Span, ...] = ()
    sentence: int = 0


#: Words that only suggest a field; a plain word for it elsewhere overrules them.
_WEAK = ("冲走", "卷走", "还在找", "正在找", "遗体", "尸体", "死者")
_REMAIN = ("trapped", "missing")


def settle(mentions: Iterable[Mention]) -> list[Finding]:
    """One finding for each field that the text speaks of; what it does not come to is offered, not taken."""
    by_field: dict[str, list[Mention]] = {}
    for mention in _searched(list(mentions)):
        by_field.setdefault(mention.field, []).append(mention)
    found: list[Finding] = []
    for field, said in by_field.items():
        found += _settle_one(field, sorted(said, key=lambda one: one.span))
    return found


def _searched(mentions: list[Mention]) -> Iterator[Mention]:
    """仍在搜救: trapped, where the text spoke of trapped people before; else missing."""
    trapped = any(mention.field == "trapped" for mention in mentions)
    for mention in mentions:
        if mention.field != "searched":
            yield mention
        elif mention.value is not None:
            field = "trapped" if trapped else "missing"
            yield Mention(field, mention.value, mention.span, remaining=True, likely=True)


def _settle_one(field: str, said: list[Mention]) -> Iterator[Finding]:
    plain = [one for one in said if not one.if_said and not one.partly]
    if not plain:
        return
    strong = [one for one in plain if one.word not in _WEAK]
    if strong:
        dropped = [one for one in plain if one.word in _WEAK]
        plain = strong
    else:
        dropped = []
    said = [one for one in said if one not in dropped]
    numbers = [one for one in plain if one.value is not None]
    if not numbers:
        first = plain[0]
        sure = Sure.SURE if first.open_ else Sure.LIKELY
        yield Finding(field, None, first.span, sure, ("unknown" if first.open_ else "some",))
        return
    chosen, group = _choose(field, said, numbers)
    partly = any(one.partly and one.span > chosen.span for one in said) and not chosen.remaining
    value = sum(one.value or 0 for one in group)
    spans = sorted({span for one in group for span in (one.span, *one.also)})
    notes = []
    sure = Sure.SURE
    if len(group) > 1 or chosen.also:
        notes.append("summed")
        sure = Sure.LIKELY
    if any(one.about for one in group):
        notes.append("about")
        sure = Sure.LIKELY
    if any(one.likely for one in group):
        sure = Sure.LIKELY
    others = {one.value for one in numbers if one not in group and not one.part and not one.earlier} - {value}
    if others and not chosen.corrected and not chosen.total and not chosen.rescued:
        notes.append("differs")
        sure = Sure.LIKELY
    if chosen.rescued:
        notes.append("rescued")
    if chosen.corrected:
        notes.append("corrected")
    if partly:
        notes.append("partly_rescued")
        sure = Sure.UNSURE
    main = chosen.span
    yield Finding(field, value, main, sure, tuple(notes), tuple(one for one in spans if one != main))
    for one in numbers:
        if one.value in others:
            others.discard(one.value)
            yield Finding(field, one.value, one.span, Sure.UNSURE, ("other_number",))


def _choose(field: str, said: list[Mention], numbers: list[Mention]) -> tuple[Mention, list[Mention]]:
    """The mention that stands, and those that are added up in it."""
    if corrected := [one for one in numbers if one.corrected and not one.part]:
        return corrected[-1], [corrected[-1]]
    current = [one for one in numbers if not one.earlier] or numbers
    whole = [one for one in current if not one.part] or current
    if field in _REMAIN:
        remaining = [one for one in whole if one.remaining or one.rescued]
        late = remaining[-1] if remaining else None
        all_safe = [one for one in said if one.if_said and one.span > whole[-1].span]
        if all_safe:
            return all_safe[-1], [all_safe[-1]]
        last = late or whole[-1]
        return last, [last]
    if totals := [one for one in whole if one.total]:
        last = totals[-1]
        # 造成4人当场死亡, 1人经抢救无效死亡: the first is a total of its clause only.
        return _with_further(last, whole)
    return _with_further(whole[0], whole)


def _with_further(first: Mention, whole: list[Mention]) -> tuple[Mention, list[Mention]]:
    """The first and what is said to come on top of it in the same sentence (另有, 抢救无效)."""
    group = [first]
    for one in whole[whole.index(first) + 1 :]:
        if one.sentence != first.sentence or one.total:
            break
        if one.further or _on_top(group[-1].word, one.word):
            group.append(one)
    rest = [one for one in whole if one not in group]
    if len(group) == 1 and rest and not first.total:
        values = [one.value or 0 for one in rest]
        if first.value != sum(values) and max(values) > (first.value or 0):
            biggest = max(rest, key=lambda one: one.value or 0)
            return biggest, [biggest]
    return first, group


_ON_SPOT = ("当场死亡",)
_LATER = ("抢救无效", "不治", "送医")


def _on_top(before: str, word: str) -> bool:
    """Other people than those before: dead on the spot, dead later in hospital; 危重 beside 重伤."""
    if before in _ON_SPOT and any(part in word for part in _LATER):
        return True
    return {before, word} == {"危重", "重伤"}
