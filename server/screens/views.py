"""What the screens are made of: pages, and the pieces of them that the live stream sends.

One autoescaping environment for both, so that a page and its live update are the same markup and no text is
ever taken for markup. `Views` is synchronous and may be used from several threads at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import orjson
from markupsafe import Markup, escape

from schemas.rules import RuleSet
from server.config.rulebook import Rulebook, defaults
from server.domain.units import UnitTree
from server.people.accounts import Language
from server.record import duty_reading, reading
from server.record.database import Database
from server.record.in_force import InForce
from server.screens import actions, board
from server.screens.board_rows import BoardRows
from server.screens.duty_bar import notices
from server.screens.overview import Statements
from server.screens.rendering import FOLDER, Renderer
from server.screens.static_files import STATIC_PATH
from server.screens.texts import Texts
from server.screens.wording import Wording, beijing_day, instant, utc_text

#: Which template shows an incident's row on a kind of screen.
ROWS = {"desk": "_row.html", "joint": "_row.html", "wall": "_wall_row.html"}
#: What the browser's own code says (`web/static/texts.js`).
BROWSER_TEXTS = ("js.", "time.")


def is_of_duty(entry: Mapping[str, Any], unit: str) -> bool:
    """Whether an entry changes what the screens of this unit say of its duty."""
    event = entry["event"]
    if entry.get("incident_id"):
        return False
    is_joint = event["type"].startswith("joint_")  # its stream carries only what concerns it
    return is_joint or unit in (event.get("unit"), event.get("caller"))


def to_the_letter(value: object) -> object:
    """Escape a text so that a browser gives it back unchanged: parsers turn a bare CR into LF."""
    if not isinstance(value, str) or isinstance(value, Markup) or "\r" not in value:
        return value
    return Markup(str(escape(value)).replace("\r", "&#13;"))  # noqa: S704 escaped on the line itself


def option(value: str, text: str) -> Markup:
    """An option of a list: hundreds of them are too many for a loop of a template."""
    said = escape(to_the_letter(text))
    return Markup(f'<option value="{escape(value)}">{said}</option>')  # noqa: S704 escaped on these lines


class Views(Renderer):
    """Renders whole pages for whoever asks (as a `Renderer`), and rows for all who look at one stream."""

    def __init__(
        self,
        tree: UnitTree,
        database: Database,
        now: Callable[[], datetime],
        rules: Callable[[], Rulebook] | None = None,
        texts: Texts | None = None,
        folder: Path = FOLDER,
    ) -> None:
        super().__init__(texts, folder)
        self._tree, self._database, self._now = tree, database, now
        self._rules = rules or cache(defaults)
        self._browser_texts = {
            lang: orjson.dumps(
                {slug: text for slug, text in texts_.items() if slug.startswith(BROWSER_TEXTS)},
                option=orjson.OPT_SORT_KEYS,
            ).decode()
            for lang, texts_ in self.texts.of.items()
        }
        self._board_rows = BoardRows(database, self.render)
        self._unit_names: dict[Language, Markup] = {}
        self.statements = Statements()
        self.in_force = InForce(database)
        environment = self.environment
        environment.autoescape = True
        environment.finalize = to_the_letter
        environment.globals |= {
            "static": STATIC_PATH,
            "actions_path": f"/actions/{actions.digest(self.texts)}",
            "browser_texts": self._browser_texts,
            "utc_text": utc_text,
            "instant": instant,
        }

    def wording(self, lang: Language) -> Wording:
        return Wording(lang, self.texts, self._tree)

    def unit_names(self, lang: Language) -> Markup:
        """All units of the tree, by name, for a list to complete from. It does not change while we run."""
        if lang not in self._unit_names:
            names = ((unit.code, self._tree.name_of(unit.code, lang)) for unit in self._tree)
            line = Markup('<option value="{}" data-code="{}"></option>')
            self._unit_names[lang] = Markup("").join(line.format(name, code) for code, name in names)
        return self._unit_names[lang]

    def rules_now(self) -> RuleSet:
        return self._rules().in_force(self._now())

    def render(self, name: str, lang: Language, **context: object) -> str:
        """A template as text, for fragments: nobody in particular asks."""
        now = self._now()
        given: dict[str, Any] = {
            "t": partial(self.texts.say, lang),
            "lang": lang,
            "words": self.wording(lang),
            "now": now,
            "today": beijing_day(now),
            "principal": None,
            "path": "",
        }
        return self.environment.get_template(name).render(given | context)

    def cards(self, viewer: str, lang: Language) -> list[board.Card]:
        """The open incidents of a unit as cards, what is due next first."""
        return self._board_rows.cards(viewer, self._now(), self.wording(lang), self.rules_now())

    def rows(self, screen: str, cards: Iterable[board.Card], viewer: str, lang: Language) -> list[Markup]:
        """Those cards as a kind of screen shows them."""
        return self._board_rows.html(ROWS[screen], cards, viewer, self._now(), self.wording(lang))

    def fragments(
        self, stream: str, screen: str, lang: str, entries: Sequence[Mapping[str, Any]]
    ) -> Iterable[tuple[str, str]]:
        """What these entries changed, as it stands now: (element id, HTML). Rows of incidents, the duty.

        An empty text means that a row goes: the incident is not open any more. Restricted streams and
        screens that show no board get nothing.
        """
        template = ROWS.get(screen)
        if template is not None and any(is_of_duty(entry, stream) for entry in entries):
            return [*self._of_duty(stream, lang), *self._rows(stream, screen, lang, entries)]
        return self._rows(stream, screen, lang, entries)

    def _of_duty(self, unit: str, lang: str) -> list[tuple[str, str]]:
        """Who is on now and next, and what the duty has to say, as they stand now."""
        spoken: Language = "en" if lang == "en" else "zh"
        now = self._now()
        standing = duty_reading.on_duty(self._database, [unit], now).get(unit)
        said = notices(self._database, unit, now, self.wording(spoken))
        return [
            ("on-duty", self.render("_on_duty.html", spoken, duty=lambda: standing)),
            ("duty-bar", self.render("_duty_bar.html", spoken, notices=lambda: said, may=lambda name: True)),
        ]

    def _rows(
        self, stream: str, screen: str, lang: str, entries: Sequence[Mapping[str, Any]]
    ) -> list[tuple[str, str]]:
        template = ROWS.get(screen)
        touched = list(dict.fromkeys(entry["incident_id"] for entry in entries if entry.get("incident_id")))
        if template is None or not touched or stream.endswith(":r"):
            return []
        spoken: Language = "en" if lang == "en" else "zh"
        now, wording, rules = self._now(), self.wording(spoken), self.rules_now()
        rows = reading.board_rows(self._database, stream, touched, now)
        made = []
        for incident_id, row in rows.items():
            html = ""
            if row["state"] == "open":
                html = self.render(template, spoken, card=board.card(row, stream, now, wording, rules))
            made.append((f"incident-{incident_id}", html))
        return made
