"""OpenAPI and AsyncAPI documents, made from the classes of this package and nothing else."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas import answers
from schemas.commands import ALL as COMMANDS

VERSION = "1.0.0"
CLOSE_CODES = {
    1007: "a message that is no JSON",
    1009: "a message over 64 KiB",
    4001: "session ended; do not come back",
    4003: "right or post changed; do not come back",
    4008: "too slow; nothing is lost, come back with `after`",
    4009: "limit passed; come back later",
    4010: "epoch changed; read the state again",
    4012: "draining; come back",
}
_READS: tuple[tuple[str, str, type[BaseModel], tuple[tuple[str, dict[str, Any]], ...]], ...] = (
    (
        "/incidents",
        "Incidents that the caller's unit may see, newest first",
        answers.IncidentPage,
        (
            ("state", {"type": "string", "enum": ["open", "closed", "all"], "default": "open"}),
            ("level", {"type": "string"}),
            ("unit", {"type": "string"}),
            ("category", {"type": "string"}),
            ("drill", {"type": "boolean"}),
            ("q", {"type": "string"}),
            ("after", {"type": "string"}),
            ("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
        ),
    ),
    ("/incidents/{incident_id}", "One incident, whole", answers.IncidentWhole, ()),
    (
        "/log",
        "The caller's stream, in order",
        answers.LogPage,
        (
            ("after", {"type": "integer", "minimum": 0, "default": 0}),
            ("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 500}),
            ("stream", {"type": "string", "enum": ["restricted"]}),
        ),
    ),
    (
        "/obligations",
        "Reports owed, those due first",
        answers.ObligationList,
        (
            (
                "standing",
                {
                    "type": "string",
                    "enum": ["running", "due_soon", "overdue", "met", "met_late", "excused"],
                },
            ),
        ),
    ),
    (
        "/statistics/one-hour",
        "The one-hour on-time rate; days are Beijing days, both included",
        answers.OneHourRate,
        (
            ("from", {"type": "string", "format": "date"}),
            ("to", {"type": "string", "format": "date"}),
            ("unit", {"type": "string"}),
            ("scope", {"type": "string", "enum": ["final", "initial", "drill"], "default": "final"}),
        ),
    ),
)


def _components(models: tuple[type[BaseModel], ...], mode: Any) -> dict[str, Any]:
    _map, definitions = models_json_schema(
        [(model, mode) for model in models], ref_template="#/components/schemas/{model}"
    )
    found: dict[str, Any] = definitions.get("$defs", {})
    return found


def _content(model: str, media: str = "application/json") -> dict[str, Any]:
    return {media: {"schema": {"$ref": f"#/components/schemas/{model}"}}}


_PROBLEMS = {
    status: {"description": words, "content": _content("Problem", "application/problem+json")}
    for status, words in {
        "400": "Not JSON",
        "401": "Not signed in",
        "403": "Seen, but not yours to do",
        "404": "There is no such thing that you may see",
        "409": "It is there already, or closed",
        "413": "Too large",
        "422": "A field is not right, or the command_id was used with another body",
        "429": "Too often; see Retry-After",
        "503": "Cannot be written now; send the same command again",
    }.items()
}


def openapi() -> bytes:
    """The OpenAPI 3.1 document of contract 3 and 4, as canonical JSON."""
    said = tuple(answers.__dict__[name] for name in ("Answer", "Problem", "BatchAnswer"))
    read = tuple(model for _path, _words, model, _query in _READS)
    schemas = _components(COMMANDS, "validation") | _components(said + read, "validation")
    paths: dict[str, Any] = {}
    for command in COMMANDS:
        paths[f"/commands/{command.name}"] = {
            "post": {
                "operationId": command.name,
                "summary": (command.__doc__ or "").strip().splitlines()[0],
                "requestBody": {"required": True, "content": _content(command.__name__)},
                "responses": {
                    "200": {"description": "Done and on disk", "content": _content("Answer")},
                    **_PROBLEMS,
                },
            }
        }
    paths["/commands"] = {
        "post": {
            "operationId": "batch",
            "summary": "An ordered batch; each command has its own result",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _batch_schema()}},
            },
            "responses": {
                "200": {"description": "A result for each", "content": _content("BatchAnswer")},
                **_PROBLEMS,
            },
        }
    }
    for path, words, model, query in _READS:
        parameters: list[dict[str, Any]] = [
            {"name": name, "in": "query", "schema": schema} for name, schema in query
        ]
        if "{incident_id}" in path:
            parameters.append(
                {"name": "incident_id", "in": "path", "required": True, "schema": {"type": "string"}}
            )
        paths[path] = {
            "get": {
                "operationId": path.strip("/").replace("/", "-").replace("{", "").replace("}", ""),
                "summary": words,
                "parameters": parameters,
                "responses": {
                    "200": {"description": words, "content": _content(model.__name__)},
                    **{code: _PROBLEMS[code] for code in ("401", "403", "404", "422", "429")},
                },
            }
        }
    return _bytes(
        {
            "openapi": "3.1.0",
            "info": {"title": "Fenghuo 烽火", "version": VERSION, "description": openapi_words()},
            "servers": [{"url": "/api/v1"}],
            "security": [{"bearer": []}, {"session": []}],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "session": {"type": "apiKey", "in": "cookie", "name": "fenghuo_session"},
                },
            },
        }
    )


def openapi_words() -> str:
    return (
        "Every change is a command with an id made by the client: the same id and body do nothing twice and "
        "get the first answer again. 2xx means on disk. No answer means unknown: send it again."
    )


def _batch_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["commands"],
        "properties": {
            "commands": {
                "type": "array",
                "maxItems": 1000,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name", "body"],
                    "properties": {
                        "name": {"type": "string", "enum": [command.name for command in COMMANDS]},
                        "body": {"type": "object"},
                    },
                },
            }
        },
    }


def asyncapi() -> bytes:
    """The AsyncAPI 3.0 document of contract 5, as canonical JSON."""
    models: tuple[type[BaseModel], ...] = (answers.Hello, *answers.FROM_SERVER)
    schemas = _components(models, "validation")
    names = {model.__name__: model for model in models}
    messages = {name: {"$ref": f"#/components/messages/{name}"} for name in names}
    return _bytes(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "Fenghuo 烽火, live",
                "version": VERSION,
                "description": "One stream per unit, dense offsets, subprotocol fenghuo.v1, text frames. "
                + "Close codes: "
                + "; ".join(f"{code} {words}" for code, words in CLOSE_CODES.items())
                + ".",
            },
            "channels": {"live": {"address": "/api/v1/live", "messages": messages}},
            "operations": {
                "hello": {
                    "action": "receive",
                    "channel": {"$ref": "#/channels/live"},
                    "messages": [{"$ref": "#/channels/live/messages/Hello"}],
                },
                "news": {
                    "action": "send",
                    "channel": {"$ref": "#/channels/live"},
                    "messages": [
                        {"$ref": f"#/channels/live/messages/{model.__name__}"}
                        for model in answers.FROM_SERVER
                    ],
                },
            },
            "components": {
                "messages": {
                    name: {
                        "summary": (model.__doc__ or name).strip().splitlines()[0],
                        "payload": {"$ref": f"#/components/schemas/{name}"},
                    }
                    for name, model in names.items()
                },
                "schemas": schemas,
            },
        }
    )


def _bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
