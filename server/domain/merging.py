"""Two people change one text at the same time: what both meant, or that it cannot be told. Pure.

`merged(before, theirs, mine)`: `before` is the text that mine began from, `theirs` is what stands now.
Changes in different places are both taken. In the same place nobody's words are thrown away: the answer is
None, and the caller keeps both versions.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from server.domain.drafts import common_end, common_start

#: Paragraphs of two texts, multiplied, up to which they are compared one by one; above, as one stretch.
MOST_COMPARED = 40_000


class Hunk(NamedTuple):
    """`start`…`end` of the old text made way for `put`."""

    start: int
    end: int
    put: tuple[str, ...]


def merged(before: str, theirs: str, mine: str) -> str | None:
    if theirs == mine or mine == before:
        return theirs
    if theirs == before:
        return mine
    old = before.splitlines(keepends=True)
    found = _merged(old, _hunks(old, theirs.splitlines(keepends=True)), _hunks(old, mine.splitlines(True)))
    return None if found is None else "".join(found)


def _hunks(old: Sequence[str], new: Sequence[str]) -> list[Hunk]:
    if len(old) * len(new) > MOST_COMPARED:
        start = 0
        while start < min(len(old), len(new)) and old[start] == new[start]:
            start += 1
        end = 0
        while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
            end += 1
        return [Hunk(start, len(old) - end, tuple(new[start : len(new) - end]))]
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [Hunk(a, b, tuple(new[c:d])) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"]


def _merged(old: Sequence[str], theirs: list[Hunk], mine: list[Hunk]) -> list[str] | None:
    made: list[str] = []
    at = 0
    while theirs or mine:
        first = min((side[0] for side in (theirs, mine) if side), key=lambda hunk: (hunk.start, hunk.end))
        start, end = first.start, first.end
        took: tuple[list[Hunk], list[Hunk]] = ([], [])
        grew = True
        while grew:  # all hunks of both sides that lie in this stretch, and those that lie in those
            grew = False
            for side, taken in zip((theirs, mine), took, strict=True):
                while side and (side[0].start < end or side[0].start == side[0].end == start == end):
                    taken.append(side.pop(0))
                    end, grew = max(end, taken[-1].end), True
                if side and side[0] is first:  # a replacement that begins the stretch
                    taken.append(side.pop(0))
                    grew = True
        made += old[at:start]
        piece = _piece(old[start:end], start, took)
        if piece is None:
            return None
        made += piece
        at = end
    return made + list(old[at:])


def _piece(old: Sequence[str], start: int, took: tuple[list[Hunk], list[Hunk]]) -> list[str] | None:
    """One stretch that either or both changed."""
    versions = []
    for hunks in took:
        version: list[str] = []
        at = 0
        for hunk in hunks:
            version += [*old[at : hunk.start - start], *hunk.put]
            at = hunk.end - start
        versions.append("".join([*version, *old[at:]]))
    before, (theirs, mine) = "".join(old), versions
    if theirs == mine or mine == before:
        return [theirs]
    if theirs == before:
        return [mine]
    if not before:  # whole paragraphs, put in at the same place by both
        joint = "" if theirs.endswith("\n") else "\n"
        return [theirs + joint + mine]
    return _within(before, theirs, mine)


def _within(before: str, theirs: str, mine: str) -> list[str] | None:
    """The same, character by character: each side is one stretch, and they may not touch."""
    stretches = []
    for new in (theirs, mine):
        start = common_start(before, new)
        end = common_end(before[start:], new[start:])
        stretches.append((start, len(before) - end, new[start : len(new) - end]))
    stretches.sort()
    (a, b, one), (c, d, other) = stretches
    if b >= c:
        return None
    return [before[:a] + one + before[b:c] + other + before[d:]]
