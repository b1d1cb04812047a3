"""The page of the map, and what its code asks once: words, signs, bases, where home is."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.field_work import DrawingKind
from schemas.map_layers import KEEPERS, LayerKind
from schemas.map_symbols import SYMBOLS
from server.pages.asked import Asked, page

#: What the map's own code says (`web/static/map/load.js`). Not with every page's texts: few pages have a map.
WORDS = ("map.", "layer_kind.")


def the_map(asked: Asked) -> Response:
    english = asked.lang == "en"
    return asked.page(
        "map.html",
        kinds=tuple(DrawingKind),
        symbols=[(code, one.en if english else one.zh) for code, one in SYMBOLS.items()],
        layer_kinds=tuple(LayerKind),
        may_keep=asked.principal.post in KEEPERS and not asked.principal.read_only,
    )


def words(asked: Asked) -> Response:
    """GET /map/words: in the person's language."""
    texts = asked.parts.views.texts.of[asked.lang]
    return _json({slug: text for slug, text in texts.items() if slug.startswith(WORDS)})


def about(asked: Asked) -> Response:
    """GET /map/about: where the map begins, and which character stands for which code."""
    return _json(
        {
            "home": [118.5, 39.3, 119.95, 40.65],
            "symbols": {code: symbol.sign for code, symbol in SYMBOLS.items()},
            "symbol_names": {
                code: symbol.en if asked.lang == "en" else symbol.zh for code, symbol in SYMBOLS.items()
            },
            "sources": [],
        }
    )


def _json(said: dict[str, Any]) -> Response:
    return Response(orjson.dumps(said), media_type="application/json")


def routes() -> list[BaseRoute]:
    return [
        Route("/map", page(the_map)),
        Route("/map/words", page(words)),
        Route("/map/about", page(about)),
    ]
