"""What helps people: the list of everything that can be done, the card of the keys, help beside a rule."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.pages.asked import Asked, page
from server.screens import actions
from server.screens.guidance import guidance


async def action_list(request: Request) -> Response:
    """For the palette. Its address changes with it, so a browser asks once."""
    asked = Asked(request)
    texts = asked.parts.views.texts
    is_current = request.path_params["digest"] == actions.digest(texts)
    keep = "private, max-age=31536000, immutable" if is_current else "no-cache"
    made = actions.as_json(texts)
    return Response(made, media_type="application/json", headers={"Cache-Control": keep})


def card(asked: Asked) -> Response:
    """The keys on one sheet of A4, both languages beside each other."""
    texts = asked.parts.views.texts
    groups = [
        (
            place,
            [
                (
                    actions.shown_key(one.key) or "Ctrl K",
                    actions.name_of(one, "zh", texts),
                    actions.name_of(one, "en", texts),
                )
                for one in found
            ],
        )
        for place, found in actions.by_place().items()
    ]
    return asked.page("keys.html", groups=groups, both=texts.of)


def help_piece(asked: Asked) -> Response:
    """Help on one topic, for the dialog; the category of the incident beside it narrows it."""
    topic = str(asked.request.path_params["topic"])
    category = asked.request.query_params.get("category", "")[:80]
    found = guidance(topic, category, asked.parts.views.rules_now(), asked.wording)
    if found is None:
        return asked.page("missing.html", 404, said=asked.wording.say("refused.not_found"))
    return asked.piece("_help.html", help=found)


def routes() -> list[BaseRoute]:
    return [
        Route("/actions/{digest}", action_list),
        Route("/keys", page(card)),
        Route("/help/{topic}", page(help_piece)),
    ]
