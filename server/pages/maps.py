"""The page of the map, and what its code asks once: words, signs, bases, where home is."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.field_work import DrawingKind
from schemas.map_layers import KEEPERS, LayerKind
from schemas.map_sources import Source
from schemas.map_symbols import SYMBOLS
from server.gate.problems import problem
from server.pages.asked import Asked, page
from server.parts import Parts
from server.sentences import sentence

MOST_ZOOM = 23  # the matrices of latitude and longitude count from one
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
            "home": asked.parts.map_book.home,
            "symbols": {code: symbol.sign for code, symbol in SYMBOLS.items()},
            "symbol_names": {
                code: symbol.en if asked.lang == "en" else symbol.zh for code, symbol in SYMBOLS.items()
            },
            "sources": [_source(one) for one in asked.parts.map_book.sources if not one.over],
        }
    )


def _source(one: Source) -> dict[str, Any]:
    """A base as a browser may know it: neither its address nor where its key is kept."""
    said = one.model_dump(
        include={"id", "name", "matrix", "datum", "min_zoom", "max_zoom", "approval", "attribution"}
    )
    return {**said, "over": one.labels}


async def tile(request: Request) -> Response:
    """GET /map/tiles/{source}/{z}/{x}/{y}: out of the cache, a file, or from the operator's host."""
    parts: Parts = request.app.state.parts
    path = request.path_params
    source = parts.map_book.source(path["source"])
    z, x, y = path["z"], path["x"], path["y"]
    columns = 1 << z if z <= MOST_ZOOM else 0
    if source is None or parts.tiles is None or not (x < columns and y < columns):
        return problem(404, "not-found", detail=sentence("not-found"))
    found = await parts.tiles.tile(source, z, x, y)
    if found is None:
        return problem(404, "no-tile", detail="this tile cannot be had now")
    kept = "no-cache" if found.is_old else f"private, max-age={86_400}"
    return Response(found.body, media_type=found.media_type, headers={"Cache-Control": kept})


def _json(said: dict[str, Any]) -> Response:
    return Response(orjson.dumps(said), media_type="application/json")


def routes() -> list[BaseRoute]:
    return [
        Route("/map", page(the_map)),
        Route("/map/words", page(words)),
        Route("/map/about", page(about)),
        Route("/map/tiles/{source}/{z:int}/{x:int}/{y:int}", tile),
    ]
