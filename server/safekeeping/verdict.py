"""What a verification found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PAGE = 2_000
#: More than these are counted and not listed: whoever renumbers a log alters every entry after it.
MOST_LISTED = 10_000


@contextmanager
def readable(verdict: Verdict, what: str) -> Iterator[None]:
    """A value that is none of its column's kind, as after a bit has flipped: a fault, no crash."""
    try:
        yield
    except (ValueError, TypeError) as error:  # no moment, or a number where a name should be
        verdict.fault("table", f"{what} cannot be read: {error}")


@dataclass(slots=True)
class Verdict:
    """What was found. `head` is the SHA-256 chain's, in hex; `bad` are the entries that faults name."""

    entries: int = 0
    head: str = ""
    head_sm3: str = ""
    layers: int = 0  # changes of the map's layers, and where their chain stands
    layers_head: str = ""
    first_bad: int | None = None
    faults: list[str] = field(default_factory=list)
    bad: set[int] = field(default_factory=set)
    unlisted: int = 0

    def fault(self, kind: str, what: str, seq: int | None = None) -> None:
        if seq is not None:
            self._name(seq)
        self._list(f"{kind}: {what}" if seq is None else f"{kind}: entry {seq}: {what}")

    def told(self) -> dict[str, Any]:
        """The faults as plain values."""
        return {"faults": self.faults, "bad": sorted(self.bad), "unlisted": self.unlisted}

    def hear(self, told: dict[str, Any]) -> None:
        """The faults that another has found as well."""
        for seq in told["bad"]:
            self._name(seq)
        for fault in told["faults"]:
            self._list(fault)
        self.unlisted += told["unlisted"]

    def _name(self, seq: int) -> None:
        self.bad.add(seq)
        self.first_bad = seq if self.first_bad is None else min(seq, self.first_bad)

    def _list(self, fault: str) -> None:
        if len(self.faults) < MOST_LISTED:
            self.faults.append(fault)
        else:
            self.unlisted += 1
