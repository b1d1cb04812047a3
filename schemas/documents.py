"""OpenAPI and AsyncAPI documents and the tables of the README, made from the classes of this package alone.

`scripts/documents` writes them beside this file; a test holds what is written, what is made and what the
server serves to be the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas import (
    answers,
    duty_answers,
    find_answers,
    joint_answers,
    map_documents,
    outpost_answers,
    tablet_answers,
)
from schemas.bases import AnyCommand
from schemas.commands import ALL as COMMANDS
from schemas.document_words import CLOSE_CODES as CLOSE_CODES
from schemas.document_words import LIVE_WORDS, PROBLEM_WORDS, WORDS
from schemas.events import ALL as EVENTS
from schemas.map_layers import LayerTaken
from schemas.messages import MessageReading, ReadMessage
from schemas.outposts import HandedOn
from schemas.receipts import MessageReceipt, MessageStands
from schemas.short_reports import ReadShortReport, ShortReportRead
from schemas.tablets import BundleAnswer, DeviceEnrolled, EnrolDevice
from schemas.terms import Category, Level, Standing

VERSION = "1.0.0"
MOST_IN_A_BATCH = 1_000
#: Between these two lines of README.md stand the tables.
README_BEGINS, README_ENDS = "<!-- tables: made by scripts/documents -->", "<!-- tables end -->"
Query = tuple[tuple[str, dict[str, Any]], ...]
_TEXT: dict[str, Any] = {"type": "string"}
_PAGE: Query = (
    ("after", {"type": "string", "description": "`next` of the page before"}),
    ("limit", {"type": "integer", "minimum": 1, "maximum": 1000}),
)
_STREAM_OFFSET = {"type": "integer", "minimum": 0, "default": 0}
_OWN_OR_BELOW = ("unit", {**_TEXT, "description": "the caller's unit, or one below it"})
_DAYS: Query = (("from", {"type": "string", "format": "date"}), ("to", {"type": "string", "format": "date"}))
_READS: tuple[tuple[str, str, type[BaseModel] | None, Query], ...] = (
    (
        "/incidents",
        "Incidents that the caller's unit may see, newest first",
        answers.IncidentPage,
        (
            ("state", {"type": "string", "enum": ["open", "closed", "all"], "default": "open"}),
            ("level", {"type": "string", "enum": [str(level) for level in Level]}),
            ("unit", {**_TEXT, "description": "a unit code: incidents whose place is in its area"}),
            ("category", {**_TEXT, "description": "a slug of " + ", ".join(Category) + "; a finer kind too"}),
            ("drill", {"type": "boolean"}),
            ("q", {**_TEXT, "description": "a part of the number, the title or the place"}),
            *_PAGE,
        ),
    ),
    ("/incidents/{incident_id}", "One incident, whole", answers.IncidentWhole, ()),
    (
        "/log",
        "The caller's stream, in order",
        answers.LogPage,
        (
            ("after", _STREAM_OFFSET),
            ("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 500}),
            ("stream", {"type": "string", "enum": ["restricted"]}),
        ),
    ),
    (
        "/obligations",
        "Reports owed, those due first, those owed at once last",
        answers.ObligationList,
        (("standing", {"type": "string", "enum": [str(one) for one in Standing]}), *_PAGE),
    ),
    (
        "/statistics/one-hour",
        "The one-hour on-time rate of the days in Beijing on which the hour began, both included; this "
        "month, or from the first of the month of `to`, or until today",
        answers.OneHourRate,
        (
            ("from", {"type": "string", "format": "date"}),
            ("to", {"type": "string", "format": "date"}),
            ("unit", {**_TEXT, "description": "the caller's unit, or one below it"}),
            (
                "scope",
                {
                    "type": "string",
                    "enum": ["final", "initial", "drill"],
                    "default": "final",
                    "description": "final: finally judged 重大 or above; initial: the reporting level ever "
                    "was; drill: of drills. Duplicates, false alarms and what is outside never count",
                },
            ),
        ),
    ),
    (
        "/duty",
        "A unit's duty: who is on now and next, the handover sheet, open items, swaps to decide, who asks",
        duty_answers.DutyShown,
        (_OWN_OR_BELOW,),
    ),
    (
        "/shifts",
        "The roster of some days; this month and the next six weeks unless said otherwise",
        duty_answers.ShiftList,
        (_OWN_OR_BELOW, *_DAYS),
    ),
    (
        "/roll-calls",
        "The last roll-calls that the caller's unit made or was asked in, newest first",
        duty_answers.RollCalls,
        (("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),),
    ),
    (
        "/joint-duties",
        "The joint duties (联合值守) in which the caller's unit has a seat, or that it opened, latest first",
        joint_answers.JointDuties,
        (),
    ),
    (
        "/statistics/roll-calls",
        "What the roll-calls of the caller's unit came to, by desk; this month unless said otherwise",
        duty_answers.RollStatistics,
        (*_DAYS, ("drill", {"type": "boolean", "default": False})),
    ),
    (
        "/search",
        "Anything that the caller's unit may see, by a few words (Chinese from one character, pinyin, "
        "initials, numbers, phones); a few of each kind, or a page of one",
        find_answers.SearchAnswer,
        (
            ("q", {**_TEXT, "minLength": 1, "maxLength": 200}),
            ("kind", {"type": "string", "enum": list(get_args(find_answers.FoundKind))}),
            ("unit", {**_TEXT, "description": "the caller's unit, or one below it: what that may see, too"}),
            ("drill", {"type": "boolean"}),
            *_DAYS,
            ("after", {"type": "string", "description": "`next` of the page before; goes with `kind`"}),
            ("limit", {"type": "integer", "minimum": 1, "maximum": 200}),
        ),
    ),
    *map_documents.READS,
    (
        "/field",
        "What a field tablet keeps: open incidents in the person's words, those due next whole. A tablet "
        "replaces what it has by this; `small` is for a thin line",
        tablet_answers.FieldState,
        (
            ("small", {"type": "boolean", "default": False}),
            ("incidents", {**_TEXT, "description": "up to 20 ids with commas between: only these, whole"}),
        ),
    ),
    (
        "/outposts/seen",
        "For outposts: how the incidents that it names stand here, with the orders that wait",
        outpost_answers.SeenAbove,
        (("incidents", {**_TEXT, "description": "up to 20 ids with commas between"}),),
    ),
    (
        "/field/book",
        "Places with their codes, who is on duty and can be rung, the words of the forms; has an ETag",
        tablet_answers.FieldBook,
        (),
    ),
    ("/presence", "Who listens in the caller's area", answers.Presence, (("unit", _TEXT),)),
    ("/me", "Whom the server takes the caller for", answers.Me, ()),
    ("/units", "The unit tree", answers.Units, ()),
    ("/openapi.json", "This document", None, ()),
    ("/asyncapi.json", "The document of the live stream", None, ()),
)
_OF_A_READ = ("401", "403", "404", "422", "429", "503")


_BESIDE = (
    LayerTaken,
    ReadShortReport,
    ShortReportRead,
    ReadMessage,
    MessageReading,
    MessageReceipt,
    MessageStands,
    tablet_answers.UploadAsked,
    tablet_answers.UploadStands,
    EnrolDevice,
    DeviceEnrolled,
    BundleAnswer,
    HandedOn,
)


def _components(models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    _map, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    found: dict[str, Any] = definitions.get("$defs", {})
    return found


def _content(model: str, media: str = "application/json") -> dict[str, Any]:
    return {media: {"schema": {"$ref": f"#/components/schemas/{model}"}}}


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or model.__name__).strip().splitlines()[0]


_PROBLEMS = {
    status: {"description": words, "content": _content("Problem", "application/problem+json")}
    for status, words in PROBLEM_WORDS.items()
    if status != "424"
}


def _post(operation: str, summary: str, request: dict[str, Any], words: str, answer: str) -> dict[str, Any]:
    return {
        "post": {
            "operationId": operation,
            "summary": summary,
            "requestBody": {"required": True, "content": request},
            "responses": {"200": {"description": words, "content": _content(answer)}, **_PROBLEMS},
        }
    }


def _pieces() -> dict[str, Any]:
    """HEAD and PATCH of a file that comes in pieces."""
    which = {"name": "attachment_id", "in": "path", "required": True, "schema": _TEXT}
    where = {"name": "Upload-Offset", "in": "header", "required": True, "schema": {"type": "integer"}}
    return {
        "head": {
            "operationId": "look-at-upload",
            "summary": "How much of the file is here: `Upload-Offset` of `Upload-Length`",
            "parameters": [which],
            "responses": {
                "204": {"description": "Said in the headers"},
                "401": {"description": "Nobody is signed in"},
                "404": {"description": "Nothing of it is on its way from this person; begin it (again)"},
                "429": {"description": "Too much at once; `Retry-After`"},
            },
        },
        "patch": {
            "operationId": "append-to-upload",
            "summary": "The next piece, at most 256 KiB, from `Upload-Offset` on. What came of a piece that "
            "was cut short stays. With the last one the file is checked; then `add-attachment` attaches it",
            "parameters": [which, where],
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
            "responses": {
                "200": {"description": "It is here", "content": _content("UploadStands")},
                **_PROBLEMS,
            },
        },
    }


_KEPT = ("/field/book", "/map/layers/{layer_id}")
_ANY: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}


def _get(path: str, words: str, model: type[BaseModel] | None, query: Query) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [{"name": name, "in": "query", "schema": one} for name, one in query]
    for name in re.findall(r"\{(\w+)\}", path):
        parameters.append({"name": name, "in": "path", "required": True, "schema": _TEXT})
    content = _content(model.__name__) if model else map_documents.OTHERS.get(path, _ANY)
    return {
        "get": {
            "operationId": path.strip("/").replace("/", "-").replace("{", "").replace("}", ""),
            "summary": words,
            "parameters": parameters,
            "responses": {
                "200": {"description": words, "content": content},
                **({"304": {"description": "As you have it"}} if path in _KEPT else {}),
                **({"400": _PROBLEMS["400"]} if path in map_documents.AS_THE_STANDARD_HAS_IT else {}),
                **{code: _PROBLEMS[code] for code in _OF_A_READ},
            },
        }
    }


@cache
def openapi() -> bytes:
    """The OpenAPI 3.1 document of contract 3 and 4, as canonical JSON."""
    said = (answers.Answer, answers.Problem, answers.BatchAnswer)
    read = tuple(model for _path, _words, model, _query in _READS if model is not None)
    paths: dict[str, Any] = {
        f"/commands/{command.name}": _post(
            command.name, _first_line(command), _content(command.__name__), "Done and on disk", "Answer"
        )
        for command in COMMANDS
    }
    paths["/commands"] = _post(
        "batch",
        "An ordered batch; each command has its own result",
        {"application/json": {"schema": _batch_schema()}},
        "A result for each",
        "BatchAnswer",
    )
    paths["/short-reports/read"] = _post(
        "read-short-report",
        "What a short report (短报) says, and which incident it means; changes nothing",
        _content("ReadShortReport"),
        "What it says, or what is wrong with it",
        "ShortReportRead",
    )
    paths["/messages/read"] = _post(
        "read-message",
        "What a pasted message says; nothing changes",
        _content("ReadMessage"),
        "What it says, each with its words",
        "MessageReading",
    )
    paths["/outbox/receipts"] = _post(
        "message-receipt",
        "A gateway's word on a message that it was handed; for an administrator's token",
        _content("MessageReceipt"),
        "How far the message is known to have come",
        "MessageStands",
    )
    paths["/uploads"] = _post(
        "begin-upload",
        "A file will come in pieces, for a line that breaks; asked again, how much of it is here",
        _content("UploadAsked"),
        "How much of it is here",
        "UploadStands",
    )
    paths["/uploads/{attachment_id}"] = _pieces()
    paths["/devices"] = _post(
        "enrol-device",
        "A tablet in the hands of whoever is signed in: from now on it is theirs, by its public key (P-256, "
        "the uncompressed point in base64url)",
        _content("EnrolDevice"),
        "It is known",
        "DeviceEnrolled",
    )
    paths["/devices"]["post"]["responses"]["410"] = {
        "description": "Revoked: forget everything",
        "content": _content("Problem", "application/problem+json"),
    }
    paths["/bundles"] = _post(
        "bundle",
        "Commands that somebody carries in, signed by the tablet of whoever gave them (docs/bundles.md); with"
        " `look=true` nothing is taken",
        {"application/x-ndjson": {"schema": _TEXT}},
        "Whose it is, and a result for each",
        "BundleAnswer",
    )
    paths["/bundles"]["post"]["parameters"] = [
        {"name": "look", "in": "query", "schema": {"type": "boolean", "default": False}}
    ]
    paths |= {path: _get(path, words, model, query) for path, words, model, query in _READS}
    paths["/map/layers/{layer_id}"] |= map_documents.layer_deeds(_content("LayerTaken"), _PROBLEMS)
    return _bytes(
        {
            "openapi": "3.1.0",
            "info": {"title": "Fenghuo 烽火", "version": VERSION, "description": WORDS},
            "servers": [{"url": "/api/v1"}],
            "security": [{"bearer": []}, {"session": []}],
            "paths": paths,
            "components": {
                "schemas": _components((*COMMANDS, *said, *read, *_BESIDE)),
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "session": {"type": "apiKey", "in": "cookie", "name": "fenghuo_session"},
                },
            },
        }
    )


def _batch_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["commands"],
        "properties": {
            "commands": {
                "type": "array",
                "maxItems": MOST_IN_A_BATCH,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name", "body"],
                    "properties": {
                        "name": {"type": "string", "enum": [command.name for command in COMMANDS]},
                        "body": {"type": "object"},
                        "via": {
                            "description": "of an outpost alone, and then of each",
                            "$ref": "#/components/schemas/HandedOn",
                        },
                    },
                },
            }
        },
    }


@cache
def asyncapi() -> bytes:
    """The AsyncAPI 3.0 document of contract 5, as canonical JSON."""
    models: tuple[type[BaseModel], ...] = (answers.Hello, *answers.FROM_SERVER)
    names = {model.__name__: model for model in models}
    closes = "; ".join(f"{code} {words}" for code, words in CLOSE_CODES.items())

    def messages(some: Iterable[type[BaseModel]]) -> list[dict[str, str]]:
        return [{"$ref": f"#/channels/live/messages/{model.__name__}"} for model in some]

    return _bytes(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "Fenghuo 烽火, live",
                "version": VERSION,
                "description": f"{LIVE_WORDS}\n\nClose codes: {closes}.",
            },
            "channels": {
                "live": {
                    "address": "/api/v1/live",
                    "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
                }
            },
            "operations": {
                "hello": {
                    "action": "receive",
                    "channel": {"$ref": "#/channels/live"},
                    "messages": messages([answers.Hello]),
                },
                "news": {
                    "action": "send",
                    "channel": {"$ref": "#/channels/live"},
                    "messages": messages(answers.FROM_SERVER),
                },
            },
            "components": {
                "messages": {
                    name: {
                        "summary": _first_line(model),
                        "payload": {"$ref": f"#/components/schemas/{name}"},
                    }
                    for name, model in names.items()
                },
                "schemas": _components(models),
            },
        }
    )


# ---------------------------------------------------------------- tables for people


def tables() -> str:
    """Every command and every event in one line each, as README.md beside this file shows them."""
    lines = ["| command | body, beside the common fields | what it says |", "| --- | --- | --- |"]
    common = {*AnyCommand.model_fields, "short_mark"}
    for command in COMMANDS:
        fields = [
            _shown(field.alias or name, field.is_required())
            for name, field in command.model_fields.items()
            if name not in common
        ]
        lines.append(f"| `{command.name}` | {', '.join(fields)} | {_first_line(command)} |")
    lines += ["", "| event | fields | what it says |", "| --- | --- | --- |"]
    for event in EVENTS:
        fields = [
            _shown(name, field.is_required()) for name, field in event.model_fields.items() if name != "type"
        ]
        words = (event.__doc__ or "").strip().splitlines()[:1]
        lines.append(f"| `{event.model_fields['type'].default}` | {', '.join(fields)} | {' '.join(words)} |")
    return "\n".join(lines) + "\n"


def _shown(name: str, required: bool) -> str:
    return f"`{name}`" if required else f"`{name}?`"


def _bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
