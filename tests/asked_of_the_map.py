"""What of the map and its feeds a stranger could hope to learn from: rows of the matrix of visibility."""

_ITEMS = "/api/v1/feeds/ogc/collections/{collection}/items"
ASKED_OF_THE_MAP: dict[str, tuple[str, ...]] = {
    "/map": ("", "?incident=1"),
    "/api/v1/map": ("",),
    "/api/v1/map/around": ("?lon=118.89&lat=39.89&m=200000",),
    "/api/v1/map/layers": ("",),
    "/api/v1/map/layers/{layer_id:uuid}": ("",),
    "/api/v1/map/replay/{incident_id}": ("",),
    "/api/v1/feeds/cap": ("",),
    _ITEMS: ("",),
    f"{_ITEMS}/{{feature:path}}": ("",),
}
SAME_OF_THE_MAP = {
    "/map/words", "/map/about", "/map/tiles/{source}/{z:int}/{x:int}/{y:int}", "/api/v1/feeds/ogc",
    "/api/v1/feeds/ogc/conformance", "/api/v1/feeds/ogc/collections",
    "/api/v1/feeds/ogc/collections/{collection}",
}  # fmt: skip
