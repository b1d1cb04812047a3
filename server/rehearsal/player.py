"""Plays a scenario on a desk: each person says their steps through the public API, when the hour has come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from time import monotonic

from server.domain.units import UnitTree
from server.rehearsal.caller import Caller, DeskAway, DeskRefused
from server.rehearsal.scenario import Scenario, Step
from server.screens.texts import Texts

#: What a person does, in a word for whoever watches the play.
DEEDS = {
    "open-incident": "接报",
    "add-entry": "记事",
    "strike-entry": "更正",
    "establish-facts": "核实",
    "judge-level": "研判",
    "record-report": "报送",
    "record-receipt": "签收",
    "share-incident": "共享",
    "issue-order": "下达指令",
    "acknowledge-order": "收到指令",
    "report-on-order": "反馈",
    "merge-incident": "并案",
    "close-incident": "办结",
    "declare-stable": "宣布稳定",
}
_TELLING = ("title", "text", "basis", "reason", "received_by")


class Stopped(Exception):
    """The desk is being shut down while the play is on."""


class Player:
    """The people of a scenario at one desk. `tokens` holds each person's bearer token by key."""

    def __init__(
        self,
        scenario: Scenario,
        url: str,
        tokens: Mapping[str, str],
        tree: UnitTree,
        stop: threading.Event,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._scenario, self._url, self._tokens, self._tree = scenario, url, tokens, tree
        self._stop, self._say = stop, say
        self._texts = Texts()
        self._people = {person.key: person for person in scenario.people}

    def play(self, key: str, minutes_a_minute: float, at: datetime | None = None) -> list[str]:
        """Play it once from beginning to end; returns what was refused, in words.

        `minutes_a_minute` is the scenario's minutes in a real minute, 0 for no waiting at all. `at`: what is
        "now" for every step; the present without it. The same `key` and `at` again add nothing.
        """
        refused: list[str] = []
        began = monotonic()
        with ExitStack() as doors:
            callers = {
                who: doors.enter_context(Caller(self._url, token, wait=self._wait))
                for who, token in self._tokens.items()
            }
            for index, step in enumerate(self._scenario.steps):
                if minutes_a_minute > 0:
                    gone = step.minute - self._scenario.steps[0].minute
                    self._wait(began + gone * 60 / minutes_a_minute - monotonic())
                name, body = self._scenario.compose(index, key, at or datetime.now(UTC))
                self._say(self._line(step))
                try:
                    callers[step.who].tell(name, body)
                except DeskRefused as refusal:
                    refused.append(f"{step.time} {step.who} {name} ({step.incident}): {refusal}")
                except DeskAway:
                    self._wait(0)  # told to stop? then that is why nobody answered
                    raise
        return refused

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(max(0.0, seconds)):
            raise Stopped

    def _line(self, step: Step) -> str:
        """08:20 卢龙县 李强 接报 · 卢龙县石门镇宏岳化工有限公司液氨储罐阀门泄漏"""
        person = self._people[step.who]
        said = step.model_extra or {}
        facts = "，".join(
            f"{self._texts.say('zh', f'fact.{name}')}{'核实中' if figure is None else figure}"
            for name, figure in (said.get("facts") or {}).items()
        )
        about = next((str(said[name]) for name in _TELLING if said.get(name)), facts)
        first = about.partition("\n")[0]
        line = f"{step.time} {self._tree.name_of(person.unit)} {person.name} {DEEDS.get(step.do, step.do)}"
        return f"{line} · {first[:48]}{'…' if len(first) > 48 else ''}" if first else line
