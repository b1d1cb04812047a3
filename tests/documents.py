"""Holds what goes over the wire against the published documents. `Documents(…).check(answer)`."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any
from urllib.parse import urlsplit

import httpx2
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

BASE = "/api/v1"
OFTEN = 12  # so many answers of a kind are checked; the rest of a test run says nothing new
WIRE_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time")
def _is_instant(value: object) -> bool:
    """The server writes instants in one form only: UTC with milliseconds."""
    return not isinstance(value, str) or WIRE_INSTANT.fullmatch(value) is not None


def _one_of(validator: Any, branches: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    """Of a hundred kinds of event, the one it says it is; `test_documents` asks that no two say the same."""
    named = schema.get("discriminator", {})
    kinds = named.get("mapping", {})
    kind = value.get(named.get("propertyName")) if isinstance(value, dict) else None
    if isinstance(kind, str) and kind in kinds:
        yield from validator.descend(value, {"$ref": kinds[kind]}, schema_path=kind)
    else:
        yield from Draft202012Validator.VALIDATORS["oneOf"](validator, branches, value, schema)


Validator: Any = extend(Draft202012Validator, {"oneOf": _one_of})


def _pointer(*parts: str) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


class Documents:
    """The two documents as something to check messages with."""

    def __init__(self, openapi: bytes, asyncapi: bytes) -> None:
        self.openapi: dict[str, Any] = json.loads(openapi)
        self.asyncapi: dict[str, Any] = json.loads(asyncapi)
        self._registry: Registry[Any] = Registry().with_resources(
            [
                (name, Resource(contents=document, specification=DRAFT202012))
                for name, document in (("urn:openapi", self.openapi), ("urn:asyncapi", self.asyncapi))
            ]
        )
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in self.openapi["paths"]
        ]
        self._validators: dict[tuple[str, bool], Any] = {}
        self.seen: Counter[tuple[str, str, str]] = Counter()  # (method, path, status)

    def afresh(self) -> Documents:
        """The same, read once, for another desk: it has said nothing yet."""
        other = copy(self)
        other.seen = Counter()
        return other

    def _validator(self, pointer: str, formats: bool) -> Any:
        if (pointer, formats) not in self._validators:
            checker = FORMATS if formats else None
            made = Validator({"$ref": pointer}, registry=self._registry, format_checker=checker)
            self._validators[pointer, formats] = made
        return self._validators[pointer, formats]

    def _conforms(self, document: str, pointer: str, value: Any, what: str, formats: bool = True) -> None:
        validator = self._validator(f"{document}#{pointer}", formats)
        wrong = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]
        assert not wrong, f"{what} is not as {document}{pointer} says: {wrong[:5]}"

    def path_of(self, path: str) -> str | None:
        return next((name for form, name in self._paths if form.fullmatch(path)), None)

    def check(self, answer: httpx2.Response) -> None:
        """An answer of the API, and the body that was taken, are as the document says."""
        path = urlsplit(str(answer.request.url)).path
        if not path.startswith(BASE + "/"):
            return
        method, status = answer.request.method.lower(), str(answer.status_code)
        name = self.path_of(path.removeprefix(BASE))
        operation: Mapping[str, Any] = self.openapi["paths"].get(name, {}).get(method, {}) if name else {}
        if not operation:
            assert status in ("307", "401", "404", "405"), f"{method} {path} {status} is in no document"
            return
        if method == "head" or status in ("204", "304"):  # no body goes with these
            assert status in operation["responses"], f"{method} {path} {status} is in no document"
            return
        media = answer.headers.get("content-type", "").partition(";")[0]
        content = operation["responses"].get(status, {}).get("content", {})
        assert media in content, f"{method} {path} answers {status} {media}, which the document does not know"
        schema = content[media]["schema"]
        self.seen[method, str(name), status] += 1
        if self.seen[method, str(name), status] > OFTEN:
            return
        place = ["paths", str(name), method]
        if schema != {"type": "object"}:
            said = answer.json() if "json" in media else answer.text
            where = _pointer(*place, "responses", status, "content", media, "schema")
            self._conforms("urn:openapi", where, said, f"{method} {path} {status}")
        if status == "200" and method == "post" and "application/json" in operation["requestBody"]["content"]:
            taken = json.loads(answer.request.content)
            if name == "/commands":
                for item, result in zip(taken["commands"], answer.json()["results"], strict=True):
                    if result["status"] == 200:
                        self._taken(f"/commands/{item['name']}", item["body"])
            else:
                self._taken(str(name), taken)

    def _taken(self, path: str, body: Any) -> None:
        """What the server took is what the document lets one say: a looser server would take it to no end."""
        where = _pointer("paths", path, "post", "requestBody", "content", "application/json", "schema")
        self._conforms("urn:openapi", where, body, f"what {path} took", formats=False)

    def check_message(self, message: Mapping[str, Any]) -> None:
        """A message of the live stream."""
        kinds = {"welcome": "Welcome", "entry": "LiveEntry", "beat": "Beat", "fragment": "Fragment"}
        name = kinds.get(str(message.get("type")), "LiveError")
        self._conforms("urn:asyncapi", f"/components/schemas/{name}", message, f"a {message.get('type')}")

    def fields_of(self, model: str) -> set[str]:
        """The documented fields of an answer."""
        return set(self.openapi["components"]["schemas"][model]["properties"])
