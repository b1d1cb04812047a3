"""The field tablet's app: a shell without anything personal in it, its worker and its manifest.

All three say the same to everybody, so a tablet may keep them, and whoever's session has ended still opens
it: what is a person's own comes from the tablet's store and from `/api/v1/field`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from server.screens.packing import packed, takes
from server.screens.static_files import DIGEST, FOLDER, STATIC_PATH
from server.screens.views import Views

#: What of the browser's own words the app says.
TEXTS = ("tablet.", "time.", "js.sound", "js.left", "js.over", "post.")
#: The door comes first; the rest of the program while the PIN is typed.
ENTRY, REST = "field/start.js", "field/app.js"
SHEETS = ("app.css", "signs.css", "field/field.css")
PICTURES = ("icon.svg",)
#: What a module loads by its address and not by an import.
BESIDE = ("field/recorder.js",)
#: A page of the app that is loaded when it is first wanted, and what reads codes where the browser cannot.
CARRY, READER = "field/carry.js", "vendor/jsqr/jsQR.js"
#: Brought after all else, while the line is good, with what the system wants when the app is installed.
LATER = ("field/icon-192.png", "field/icon-512.png", "field/icon-maskable.png", READER)
SCRIPTS = ("theme.js", "field/boot.js")
#: The map: kept apart, after the first visit. `MAP_ENTRY` and what it imports is added.
MAP_ENTRY = "map/panel.js"
MAP_BESIDE = ("map/map.css", "vendor/leaflet/leaflet.css", "vendor/leaflet/leaflet.js")
CODINGS = ("zstd", "gzip", "identity")
_IMPORT = re.compile(r"""^(?:import|export)\b[^'"]*?from\s+["'](\.[^"']+)["'];$""", re.MULTILINE)


@lru_cache(maxsize=8)
def modules(entry: str = ENTRY) -> tuple[str, ...]:
    """The module and all that it imports, below the folder of the browser's files."""
    found: dict[str, None] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = None
        path = FOLDER / name
        for target in _IMPORT.findall(path.read_text(encoding="utf-8")):
            waiting.append((path.parent / target).resolve().relative_to(FOLDER).as_posix())
    return tuple(sorted(found))


def first_files() -> tuple[str, ...]:
    """What a first visit brings, and every cold start needs."""
    first = [*SCRIPTS, *SHEETS, *PICTURES, *BESIDE, *modules(ENTRY), *modules(REST)]
    return tuple(dict.fromkeys(first))


def later_files() -> tuple[str, ...]:
    """What is brought when the line is there anyway."""
    return tuple(dict.fromkeys([*(name for name in modules(CARRY) if name not in first_files()), *LATER]))


@dataclass(frozen=True, slots=True)
class FieldApp:
    """The three answers, made once."""

    shell: bytes
    worker: bytes
    manifest: bytes

    @classmethod
    def made(cls, views: Views, pin_digits: int = 4, recovery_key: str = "") -> FieldApp:
        texts = {
            lang: orjson.dumps(
                {slug: text for slug, text in said.items() if slug.startswith(TEXTS)},
                option=orjson.OPT_SORT_KEYS,
            ).decode()
            for lang, said in views.texts.of.items()
        }
        files = first_files()
        shell = (
            views.environment.get_template("field.html")
            .render(
                texts=texts,
                release=DIGEST,
                sheets=SHEETS,
                scripts=modules(),
                entry=ENTRY,
                pin=pin_digits,
                recovery=recovery_key,
            )
            .encode()
        )
        paths = ["/field", *(f"{STATIC_PATH}/{name}" for name in files)]
        of_map = [name for name in (*MAP_BESIDE, *modules(MAP_ENTRY)) if name not in files]
        map_paths = [f"{STATIC_PATH}/{name}" for name in of_map]
        version = hashlib.sha256(shell + orjson.dumps(paths)).hexdigest()[:12]
        source = (FOLDER / "field" / "worker.js").read_bytes()
        later = orjson.dumps([f"{STATIC_PATH}/{name}" for name in later_files()]).decode()
        head = f'const VERSION = "{version}";\nconst FILES = {orjson.dumps(paths).decode()};\n'
        head += f"const MAP = {orjson.dumps(map_paths).decode()};\n"
        head += f"const LATER = {later};\n"
        return cls(shell, head.encode() + source, _manifest(views))

    def routes(self) -> list[BaseRoute]:
        answers = {
            "/field": Said(self.shell, "text/html; charset=utf-8"),
            "/field/sw.js": Said(
                self.worker, "text/javascript; charset=utf-8", {"Service-Worker-Allowed": "/field"}
            ),
            "/field/manifest.webmanifest": Said(self.manifest, "application/manifest+json"),
        }
        return [Route(path, answer, methods=["GET"]) for path, answer in answers.items()]


class Said:
    """An answer that is the same for everybody: packed once, and not sent again to whoever has it."""

    def __init__(self, body: bytes, media_type: str, headers: dict[str, str] | None = None) -> None:
        self._tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        self._media_type = media_type
        self._headers = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding", **(headers or {})}
        self._packed = {
            coding: packed(body, Headers({"accept-encoding": coding}), once=True) for coding in CODINGS
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope)
        coding = next((one for one in CODINGS if takes(asked, one)), "identity")
        body, name = self._packed[coding]
        tag = self._tag if name is None else f'{self._tag[:-1]}-{name}"'
        headers = {**self._headers, "ETag": tag, **({"Content-Encoding": name} if name else {})}
        if asked.get("if-none-match") == tag:
            await Response(status_code=304, headers=headers)(scope, receive, send)
        else:
            await Response(body, headers=headers, media_type=self._media_type)(scope, receive, send)


def _manifest(views: Views) -> bytes:
    def icon(name: str, size: int, purpose: str = "any") -> dict[str, str]:
        return {
            "src": f"{STATIC_PATH}/field/{name}.png",
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": purpose,
        }

    return orjson.dumps(
        {
            "id": "/field",
            "name": views.texts.say("zh", "tablet.app_name"),
            "short_name": views.texts.say("zh", "product.name"),
            "lang": "zh-CN",
            "start_url": "/field",
            "scope": "/field",
            "display": "standalone",
            "orientation": "any",
            "background_color": "#101315",
            "theme_color": "#24445f",
            "icons": [
                icon("icon-192", 192),
                icon("icon-512", 512),
                icon("icon-maskable", 512, "maskable"),
            ],
        }
    )
