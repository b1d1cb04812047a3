"""Command on the spot of an incident: posts, who commands, transfers, groups, objectives, the next sitrep."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.scene import BY_WORD
from schemas.terms import Post
from server.config.scene_file import group_names
from server.domain.scene_shown import scene_shown
from server.pages.asked import Asked, page
from server.record.folded import incident_seen_by


def scene_page(asked: Asked) -> Response:
    return _shown(asked, "scene.html")


def scene_piece(asked: Asked) -> Response:
    return _shown(asked, "_scene.html")


def _shown(asked: Asked, template: str) -> Response:
    incident_id = str(asked.request.path_params["incident_id"])
    incident = incident_seen_by(asked.parts.database, asked.viewer, incident_id)
    if incident is None:
        return asked.page("missing.html", 404, said=asked.wording.say("refused.no_incident"))
    scene = scene_shown(incident.scene, asked.now)
    desk = asked.principal.post in (Post.DUTY_OFFICER, Post.DUTY_LEADER)
    me = asked.principal.name
    commanding = {one["commander"]["account"] for one in scene["posts"] if one["commander"]}
    scene["posts"] = [_with_rights(one, me, desk) for one in reversed(scene["posts"])]
    scene["objectives"].sort(key=lambda one: (one["outcome"] is not None, one["priority"], one["set_at"]))
    return asked.page(
        template,
        incident=incident,
        scene=scene,
        directs=incident.is_open and (desk or me in commanding),
        channels=BY_WORD,
        group_names=group_names(asked.lang),
        unit_names=asked.parts.views.unit_names(asked.lang),
    )


def _with_rights(post: dict[str, Any], me: str, desk: bool) -> dict[str, Any]:
    """What whoever looks can do here: for which side they can sign, and whether for another."""
    now = post["commander"]
    waiting = next((one for one in reversed(post["transfers"]) if one["state"] == "open"), None)
    signs = []
    if waiting and now:
        for side, who in (("outgoing", now), ("incoming", waiting["to"])):
            own = who["account"] is not None and who["account"] == me
            if side in waiting["missing"] and (own or desk):
                signs.append({"side": side, "name": who["name"], "own": own})
    directs = now is not None and (desk or now["account"] == me)
    return post | {"waiting": waiting, "signs": signs, "directs": directs}


def routes() -> list[BaseRoute]:
    base = "/incidents/{incident_id:uuid}/scene"
    return [Route(base, page(scene_page)), Route(f"{base}/news", page(scene_piece))]
