"""The words of the screens: `web/i18n/zh.json` and `en.json`, each one flat object keyed by slug."""

from __future__ import annotations

import json
from pathlib import Path

from starlette.requests import HTTPConnection

from server.people.accounts import LANGUAGES, Language, Principal

FOLDER = Path(__file__).resolve().parent.parent.parent / "web" / "i18n"


class Texts:
    """Both dictionaries, complete: what one language has, the other has, too."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.of: dict[Language, dict[str, str]] = {
            language: json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))
            for language in LANGUAGES
        }
        lonely = self.of["zh"].keys() ^ self.of["en"].keys()
        if lonely:
            raise ValueError(f"texts that only one language has: {', '.join(sorted(lonely))}")

    def say(self, language: Language, slug: str, /, **values: object) -> str:
        """The text with its {placeholders} filled in. An unknown slug is a mistake and raises KeyError."""
        text = self.of[language][slug]
        return text.format(**values) if values else text


def deed_named(texts: Texts, lang: Language, command: str) -> str:
    """A command as people call it: by its button at the desk, or on a tablet."""
    said = texts.of[lang]
    return said.get(f"form.{command}") or said.get(f"tablet.did.{command}") or command


def language_of(request: HTTPConnection) -> Language:
    """A person's own language; before anybody signed in `?lang=`, then what the browser prefers."""
    principal = request.scope.get("state", {}).get("principal")
    if isinstance(principal, Principal) and principal.kind not in ("wall", "embed"):
        return principal.lang
    asked = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return "en" if asked.strip().lower().startswith("en") else "zh"
