"""The made-up messages of `tests/messages/` and how the reader does on them, field by field."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from server.config.unit_file import default_units
from server.domain.messages.reading import Reader, Reading, draft, taken
from server.domain.periods import BEIJING

FOLDER = Path(__file__).parent / "messages"


@cache
def reader() -> Reader:
    return Reader(default_units())


def beijing(text: str) -> datetime:
    """`11-23 14:05`, of 2026 unless another year stands before it."""
    whole = text if len(text) > 12 else f"2026-{text}"
    return datetime.strptime(whole, "%Y-%m-%d %H:%M").replace(tzinfo=BEIJING)


def messages(name: str) -> list[dict[str, Any]]:
    found = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    assert isinstance(found, list)
    return found


def _clock(moment: Any, about: bool) -> str:
    assert isinstance(moment, datetime)
    return moment.astimezone(BEIJING).strftime("%m-%d %H:%M") + ("~" if about else "")


def read(text: str, sent: str = "11-23 15:10") -> Reading:
    return reader().read(text, beijing(sent))


def said(text: str, sent: str = "11-23 15:10") -> dict[str, Any]:
    """What the reader takes from a message, in the words of the corpus; `?` is an explicit unknown."""
    reading = read(text, sent)
    found, body = taken(reading), draft(text, reading)
    shown: dict[str, Any] = {}
    if "occurred_at" in body:
        shown["at"] = _clock(body["occurred_at"], body["occurred_precision"] == "about")
    else:
        for name, finding in (("discovered", "discovered_at"), ("alarm", "alarm_at")):
            if finding in found and not shown:
                shown[name] = _clock(found[finding].value, "about" in found[finding].notes)
    place = body.get("place", {})
    shown |= {name: place[key] for name, key in (("in", "division"), ("where", "text")) if key in place}
    shown |= {name: "?" if value is None else value for name, value in body.get("facts", {}).items()}
    shown |= {"category": body["category"]} if "category" in body else {}
    shown |= body.get("source", {})
    if len(reading.incidents) > 1:
        shown["parts"] = len(reading.incidents)
    return shown


@dataclass
class Score:
    """How often a field was right, wrong, missed, or found where the text is silent."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def note(self, name: str, verdict: str) -> None:
        self.counts.setdefault(name, Counter())[verdict] += 1

    def total(self, verdict: str, *names: str) -> int:
        return sum(count[verdict] for name, count in self.counts.items() if not names or name in names)

    def precision(self, *names: str) -> float:
        right = self.total("right", *names)
        return right / max(1, right + self.total("wrong", *names) + self.total("invented", *names))

    def recall(self, *names: str) -> float:
        right = self.total("right", *names)
        return right / max(1, right + self.total("wrong", *names) + self.total("missed", *names))


def score(name: str) -> Score:
    """The reader against one half of the corpus."""
    found = Score()
    for message in messages(name):
        wanted = {key: value for key, value in message["want"].items() if key != "sent"}
        got = said(message["text"], str(message["want"]["sent"]))
        for key in wanted | got:
            verdict = _verdict(key, wanted.get(key), got.get(key))
            found.note(key, verdict)
            if verdict != "right":
                what = f"{key} {verdict}: wanted {wanted.get(key)}, got {got.get(key)}"
                found.faults.append(f"{what} in {message['text'][:60]}")
    return found


def _verdict(key: str, wanted: Any, got: Any) -> str:
    if wanted is None:
        return "invented"
    if got is None:
        return "missed"
    agree = str(wanted) in str(got) if key == "where" else str(wanted) == str(got)
    return "right" if agree else "wrong"
