"""What is published about the wire is what the classes say, what is kept, and what a running desk serves."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from starlette.routing import Route

from schemas.commands import COMMANDS
from schemas.documents import CLOSE_CODES, README_BEGINS, README_ENDS, asyncapi, openapi, tables
from schemas.events import EVENTS
from schemas.map_documents import OTHERS
from server.api.attachments import Attachments
from server.api.duties import routes as duty_routes
from server.api.feeds import routes as feed_routes
from server.api.field import routes as field_routes
from server.api.find import routes as find_routes
from server.api.map_layers import routes as layer_routes
from server.api.maps import routes as map_routes
from server.api.messages import routes as message_routes
from server.api.outposts import routes as outpost_routes
from server.api.receipts import routes as receipt_routes
from server.api.rest import MOST_ON_A_PAGE
from server.api.rest import routes as api_routes
from server.api.short_reports import routes as short_routes
from server.api.tablets import routes as tablet_routes
from server.api.uploads import Uploads
from server.delivery import stream
from server.desk import MOST_IN_A_BATCH
from server.domain import decide
from tests import outward, words
from tests.consultation_deeds import consult
from tests.deeds import opened
from tests.documents import Documents
from tests.duty_deeds import a_busy_duty
from tests.joint_deeds import a_busy_joint_duty
from tests.product import ROOT, FenghuoProcess
from tests.projections import DEEDS
from tests.room import Room
from tests.scene_deeds import scene_deeds
from tests.test_visibility import a_busy_day

KEPT = ROOT / "schemas"
REMEDY = "run scripts/documents"
OPENAPI: dict[str, Any] = json.loads(openapi())
ASYNCAPI: dict[str, Any] = json.loads(asyncapi())
DOCUMENTS = [pytest.param(OPENAPI, id="openapi"), pytest.param(ASYNCAPI, id="asyncapi")]


# ---------------------------------------------------------------- kept, made, served


@pytest.mark.parametrize(("name", "made"), [("openapi.json", openapi()), ("asyncapi.json", asyncapi())])
def test_the_kept_documents_are_those_that_the_classes_make(name: str, made: bytes) -> None:
    assert (KEPT / name).read_bytes() == made, REMEDY


def test_the_tables_of_the_readme_are_those_that_the_classes_make() -> None:
    text = (KEPT / "README.md").read_text(encoding="utf-8")
    assert text.partition(README_BEGINS)[2].partition(README_ENDS)[0].strip() == tables().strip(), REMEDY
    for name in (*COMMANDS, *EVENTS):
        assert f"| `{name}` |" in text


async def test_a_running_desk_serves_the_kept_documents_and_speaks_by_them(
    furnish: Callable[[str], FenghuoProcess],
) -> None:
    desk = furnish("sqlite")
    desk.start()
    documents = Documents(openapi(), asyncapi())
    try:
        for name in ("openapi.json", "asyncapi.json"):
            for path in (f"/api/v1/{name}", f"/{name}"):
                assert desk.phone(None).get(path).content == (KEPT / name).read_bytes(), "for everybody"
        heard: set[str] = set()
        async with desk.listen("Wu", {}) as live:
            await live.say({"type": "subscribe"})
            await live.say({"type": "hello", "epoch": None, "after": 0, "screen": "desk", "lang": "en"})
            body = words.open_incident(
                words="原话", device_at=words.at("08:36"), device_sent_at=words.at("08:37")
            )
            assert desk.tell("Li", "open-incident", body).status_code == 200
            while heard < {"error", "welcome", "entry", "beat", "fragment"}:
                message = await live.receive()
                documents.check_message(message)
                heard.add(message["type"])
    finally:
        desk.stop()


def test_every_word_of_a_refusal_of_a_command_is_published() -> None:
    """The words are what a program goes by: they are read from the code that says them."""
    said = re.findall(r'Refused\(\s*"([a-z-]+)"', Path(inspect.getfile(decide)).read_text(encoding="utf-8"))
    assert len(set(said)) > 15
    for word in {*said, "bad-body", "bad-query", "command-id-reused", "not-json", "not-your-post"}:
        assert f"`{word}`" in OPENAPI["info"]["description"], word


# ---------------------------------------------------------------- well formed


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "$ref":
                yield part
            else:
                yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_reference_of_the_documents_leads_somewhere(document: dict[str, Any]) -> None:
    wanted = set(references(document))
    assert wanted
    for reference in wanted:
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_schema_of_the_documents_is_one(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    used = {reference.rpartition("/")[2] for reference in references(document)}
    assert set(document["components"]["schemas"]) <= used, "a schema that nothing speaks of"


def test_the_openapi_document_has_the_form_of_one() -> None:
    """The parts that OpenAPI 3.1 requires, and that its readers trip over when they are missing."""
    assert OPENAPI["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(OPENAPI["info"])
    names = []
    for path, item in OPENAPI["paths"].items():
        assert path.startswith("/")
        for method, operation in item.items():
            assert method in ("get", "post", "head", "patch", "put", "delete")
            names.append(operation["operationId"])
            assert operation["summary"]
            drawn = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert drawn == {part[1:-1] for part in path.split("/") if part.startswith("{")}
            for one in operation.get("parameters", ()):
                assert one["in"] in ("path", "query", "header")
                assert one["schema"]
            assert all(one.get("required") for one in operation.get("parameters", ()) if one["in"] == "path")
            assert ("requestBody" in operation) == (method in ("post", "patch", "put"))
            for status, response in operation["responses"].items():
                assert 200 <= int(status) < 600
                assert response["description"]
                if method == "head" or status in ("204", "304"):  # answers without a body
                    assert "content" not in response
                    continue
                usual = "application/json" if status == "200" else "application/problem+json"
                others = OTHERS.get(path, {}) if method == "get" and status == "200" else {usual: {}}
                assert set(response["content"]) == set(others or {usual})
                assert all("schema" in one for one in response["content"].values())
            assert {"204" if method in ("head", "delete") else "200", "401", "429"} <= set(
                operation["responses"]
            )
    assert len(names) == len(set(names))
    schemes = OPENAPI["components"]["securitySchemes"]
    assert {name for choice in OPENAPI["security"] for name in choice} == set(schemes)
    assert schemes["bearer"] == {"type": "http", "scheme": "bearer"}


def test_the_asyncapi_document_has_the_form_of_one() -> None:
    assert ASYNCAPI["asyncapi"].startswith("3.0.")
    assert {"title", "version"} <= set(ASYNCAPI["info"])
    channel = ASYNCAPI["channels"]["live"]
    assert channel["address"] == "/api/v1/live"
    assert set(channel["messages"]) == set(ASYNCAPI["components"]["messages"])
    said = set()
    for operation in ASYNCAPI["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert operation["channel"] == {"$ref": "#/channels/live"}
        for message in operation["messages"]:
            assert message["$ref"].startswith("#/channels/live/messages/"), (
                "an operation names its channel's own"
            )
            said.add(message["$ref"].rpartition("/")[2])
    assert said == set(channel["messages"])
    assert all({"payload", "summary"} <= set(one) for one in ASYNCAPI["components"]["messages"].values())


def test_every_close_code_of_the_stream_is_told() -> None:
    ours = {
        stream.SESSION_ENDED, stream.RIGHT_CHANGED, stream.TOO_SLOW, stream.LIMIT_PASSED,
        stream.EPOCH_CHANGED, stream.DRAINING,
    }  # fmt: skip
    assert ours | {1007, 1009} == set(CLOSE_CODES)
    for code in CLOSE_CODES:
        assert str(code) in ASYNCAPI["info"]["description"]


# ---------------------------------------------------------------- complete


def test_every_route_of_the_api_is_in_the_document() -> None:
    routes = {
        route.path.removeprefix("/api/v1").replace(":uuid", "").replace(":path", "")
        for routes in (
            *(one() for one in (api_routes, message_routes, duty_routes, find_routes, receipt_routes)),
            field_routes(),
            tablet_routes(),
            outpost_routes(),
            map_routes(),
            layer_routes(),
            feed_routes(),
            short_routes(),
            Uploads(Attachments()).routes(),
        )
        for route in routes
        if isinstance(route, Route)
    }
    routes -= {"/openapi.json", "/asyncapi.json", "/commands/{name}"}
    drawn = {path for path in OPENAPI["paths"] if not path.startswith("/commands/")}
    assert drawn - {"/openapi.json", "/asyncapi.json"} == routes
    commands = {path.removeprefix("/commands/") for path in OPENAPI["paths"] if path.startswith("/commands/")}
    assert commands == set(COMMANDS)


def test_the_documents_name_the_limits_that_hold() -> None:
    batch = OPENAPI["paths"]["/commands"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert batch["properties"]["commands"]["maxItems"] == MOST_IN_A_BATCH
    for path in ("/incidents", "/log", "/obligations"):
        (limit,) = [one for one in OPENAPI["paths"][path]["get"]["parameters"] if one["name"] == "limit"]
        assert limit["schema"]["maximum"] == MOST_ON_A_PAGE


# What contract 3 says of each body: required, optional. Ours may have more that is optional.
CONTRACT = {
    "open-incident": (
        "incident_id title category place known_at known_by source drill",
        "occurred_at occurred_precision discovered_at nobody_could_know facts",
    ),
    "add-entry": ("incident_id entry_id kind text happened_at", ""),
    "strike-entry": ("incident_id entry_id reason", ""),
    "establish-facts": (
        "incident_id known_at known_by facts", "occurred_at discovered_at place source explanation",
    ),
    "judge-level": ("incident_id level scale judged_at basis", "possible"),  # no said is no
    "record-report": (
        "incident_id report_id stage channel recipient sent_at", "signed_by verbal_approval_by text",
    ),
    "record-receipt": ("incident_id report_id received_at received_by", "evidence"),
    "declare-concealed": ("incident_id concealed_by basis declared_at", ""),
    "share-incident": ("incident_id with", ""),
    "issue-order": ("incident_id order_id to text", "acknowledge_within_min report_within_min"),
    "acknowledge-order": ("incident_id order_id at", "text"),
    "report-on-order": ("incident_id order_id at", "text"),
    "merge-incident": ("incident_id into", ""),
    "close-incident": ("incident_id at reason", ""),
    "reopen-incident": ("incident_id at reason", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRACT)
def test_a_body_asks_for_what_the_contract_says_and_no_more(name: str) -> None:
    schema = OPENAPI["components"]["schemas"][COMMANDS[name].__name__]
    required, optional = (set(one.split()) for one in CONTRACT[name])
    common = {"device_at", "device_sent_at", "on_behalf_of", "words"}
    assert set(schema["required"]) == required | {"command_id"}
    assert optional | common <= set(schema["properties"]) - set(schema["required"])
    assert schema["additionalProperties"] is False


# What contract 4 says of each answer.
ANSWERS = {
    "Answer": "command_id epoch offset incident_id number recorded_at replayed",
    "Problem": "type title status detail errors",
    "Obligation": "rule rule_text source from to stage channel started_at due_at met_at met_by standing",
    "OneHourFigure": "applies case start start_basis known_at threshold_at end elapsed_s result phone "
    "desk_elapsed_s grading_lag_s discovery_delay_s sent_in_time",
    "PhoneFigure": "start end elapsed_s result",
    "OneHourRate": "numerator denominator rate incidents by_unit as_of",
    "LogPage": "stream epoch head entries",
    "IncidentWhole": "facts fact_history obligations one_hour entries orders",
    "LiveEntry": "type offset incident_id event by post unit recorded_at occurred_at",
}


@pytest.mark.parametrize("model", ANSWERS)
def test_an_answer_has_what_the_contract_says(model: str) -> None:
    assert set(ANSWERS[model].split()) <= set(OPENAPI["components"]["schemas"][model]["properties"])


# ---------------------------------------------------------------- what is really said


def one_ofs(value: Any) -> Iterator[dict[str, Any]]:
    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(value, dict) and "discriminator" in value:
        yield value
    for part in parts:
        yield from one_ofs(part)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_of_many_kinds_a_message_can_only_be_the_one_that_it_says(document: dict[str, Any]) -> None:
    """So that those who read it, and `tests/documents.py`, need look at that one alone."""
    found = list(one_ofs(document))
    assert found
    for kinds in found:
        mapping, field = kinds["discriminator"]["mapping"], kinds["discriminator"]["propertyName"]
        assert sorted(mapping.values()) == sorted(branch["$ref"] for branch in kinds["oneOf"])
        for kind, reference in mapping.items():
            shape = document["components"]["schemas"][reference.rpartition("/")[2]]
            assert shape["properties"][field]["const"] == kind


def test_a_message_that_is_not_what_it_says_is_noticed(one_room: Room) -> None:
    one_room.told("Wu", "open-incident", words.open_incident())
    entry = one_room.ask("Wu", "log")["entries"][-1]
    documents = Documents(openapi(), asyncapi())
    documents.check_message(entry)
    event = entry["event"]
    for wrong in (
        {**event, "type": "order_issued"},
        {**event, "type": "no-such"},
        {**event, "more": 1},
        None,
    ):
        with pytest.raises(AssertionError, match="is not as"):
            documents.check_message({**entry, "event": wrong})


def test_no_answer_has_a_field_that_the_document_does_not_know(rooms: Rooms) -> None:
    with rooms("sqlite") as room:
        traces = a_busy_day(room, "Li")
        told: list[httpx2.Response] = []
        room.said = told.append
        ids = [trace for trace in traces if len(trace) == 36]
        shown = [room.get("Wu", f"incidents/{one}") for one in ids]
        whole = next(one.json() for one in shown if one.status_code == 200 and one.json()["reports"])
        listed = room.ask("Wu", "incidents", state="all")
        documents = Documents(openapi(), asyncapi())
        for model, said in (
            ("IncidentWhole", whole), ("IncidentPage", listed), ("Incident", listed["incidents"][0]),
            ("Obligation", whole["obligations"][0]), ("OneHourFigure", whole["one_hour"]),
            ("PhoneFigure", whole["one_hour"]["phone"]), ("StatementShown", whole["fact_history"][0]),
            ("JudgementShown", whole["judgements"][0]), ("ReportShown", whole["reports"][0]),
            ("OrderShown", whole["orders"][0]), ("BreachCause", whole["breach_causes"][0]),
            ("InstructionShown", whole["instructions"][0]),
            ("AddresseeShown", whole["instructions"][0]["addressees"][0]),
            ("FieldShown", whole["field"]), ("InsideShown", whole["field"]["inside"]),
            ("PersonInField", whole["field"]["people"][0]), ("HeadCountShown", whole["field"]["counts"][0]),
            ("HelpShown", whole["field"]["requests"][0]),
            ("HelpAnswerShown", whole["field"]["requests"][0]["answers"][0]),
            ("Informer", whole["informer"]), ("EntryShown", whole["entries"][0]),
            ("LogPage", room.ask("Wu", "log", limit=1)), ("LiveEntry", room.ask("Wu", "log")["entries"][-1]),
            ("ObligationList", room.ask("Wu", "obligations")),
            ("ObligationListed", room.ask("Wu", "obligations")["obligations"][0]),
            ("OneHourRate", room.ask("Wu", "statistics/one-hour", **{"from": "2026-01-01"})),
            ("UnitRate", room.ask("Wu", "statistics/one-hour", **{"from": "2026-01-01"})["by_unit"][0]),
            ("Me", room.ask("Wu", "me")), ("UnitShown", room.ask("Wu", "units")["units"][0]),
            ("Presence", room.ask("Wu", "presence")), *a_duty_read(room),
        ):  # fmt: skip
            assert set(said) <= documents.fields_of(model), (
                f"{model}: {set(said) - documents.fields_of(model)}"
            )
        check = Documents(openapi(), asyncapi()).check
        for answer in told:
            check(answer)


def a_duty_read(room: Room) -> list[tuple[str, dict[str, Any]]]:
    """What is read of a duty, by the name the document has for it."""
    a_busy_duty(room)
    duty = room.ask("Wu", "duty")
    roll = room.ask("Wu", "roll-calls")["roll_calls"][0]
    figures = room.ask("Wu", "statistics/roll-calls")
    return [
        ("DutyShown", duty), ("ShiftShown", duty["on"]), ("HandoverShown", duty["handover"]),
        ("SheetItem", duty["handover"]["items"][0]), ("Signature", duty["handover"]["signed"]["to"]),
        ("ItemShown", duty["items"][0]), ("AskedShown", room.ask("Qin", "duty")["asked"][0]),
        ("ShiftList", room.ask("Wu", "shifts")), ("RollCallShown", roll),
        ("RollAnswerShown", roll["answers"][0]), ("RollStatistics", figures),
        ("DeskRolls", figures["by_unit"][0]), *a_joint_duty_read(room),
    ]  # fmt: skip


def a_joint_duty_read(room: Room) -> list[tuple[str, dict[str, Any]]]:
    """What is read of a joint duty and of a consultation, by the name the document has for it."""
    a_busy_joint_duty(room)
    consult(room)
    (conferred,) = [one["id"] for one in room.ask("Qin", "incidents")["incidents"]][:1]
    talk = room.ask("Wu", f"incidents/{conferred}")["consultations"][0]
    joint = room.ask("Wu", "joint-duties")
    one = joint["joint_duties"][0]
    return [
        ("JointDuties", joint), ("JointDutyShown", one), ("JointSeatShown", one["seats"][0]),
        ("JointDataShown", one["data"][0]), ("JointRequestShown", one["requests"][0]),
        ("ConsultationShown", talk), ("OpinionShown", talk["opinions"][0]),
        ("ConclusionShown", talk["conclusion"]), *what_is_read_of_a_scene(room),
    ]  # fmt: skip


def what_is_read_of_a_scene(room: Room) -> list[tuple[str, Any]]:
    one = opened(room)
    for name, body in scene_deeds(one):
        room.told("Wu", name, body)
    scene = room.ask("Wu", f"incidents/{one}")["scene"]
    (post,) = scene["posts"]
    return [
        ("SceneShown", scene), ("PostShown", post), ("TermShown", post["terms"][0]),
        ("TransferShown", post["transfers"][0]), ("SignatureShown", post["transfers"][1]["signed"][0]),
        ("GroupShown", scene["groups"][0]), ("ObjectiveShown", scene["objectives"][0]),
        ("PeriodShown", scene["periods"][0]), ("SitrepShown", scene["sitrep"]),
    ]  # fmt: skip


def an_alarm(room: Room) -> None:
    """Two major incidents call people: one alarm is taken, the other incident closed. A robot falls silent
    and answers again."""
    room.parts.store.channels = outward.book(room.folder.parent, "http://127.0.0.1:9", "dingtalk")
    taken, over = (opened(room, who="Wu", known_at=room.clock.ago(), facts={"dead": 11}) for _ in range(2))
    for alarm in room.ask("Wu", "duty")["alarms"]:
        if alarm["incident_id"] == taken:
            said = {"unit": "130300", "alarm_id": alarm["alarm_id"], "at": room.clock.ago()}
            room.told("Wu", "take-alarm", said)
    room.told("Wu", "close-incident", words.close_incident(over, at=room.clock.ago()))
    for fault in ("HTTP 500", None):
        room.parts.store.note_channel("dingtalk", fault).result(10)


Rooms = Callable[..., AbstractContextManager[Room]]


def test_every_event_happens_and_is_as_the_document_says(rooms: Rooms) -> None:
    """All kinds of event, from a busy day and the night after it."""
    with rooms("sqlite") as room:
        documents = Documents(openapi(), asyncapi())
        a_busy_day(room, "Li")
        a_busy_duty(room)
        now = room.clock.ago()
        one = opened(room, who="Li", known_at=now, occurred_at=now, category="flood", facts={"affected": 3})
        two = opened(room, who="Li", known_at=now, occurred_at=now, category="hazmat", facts={"dead": None})
        room.told("Li", "share-incident", {"incident_id": two, "with": ["130321"]})
        room.told("Wu", "issue-order", words.issue_order(one))
        room.told("Wu", "record-instruction", words.record_instruction(two, given_at=now))
        room.told("Song", "request-help", words.request_help(two, at=now))
        an_alarm(room)
        DEEDS["consultation_convened"](room)
        DEEDS["scene_post_set_up"](room)
        period = a_busy_joint_duty(room, hours=2)
        DEEDS["taken_along"](room)
        DEEDS["short_report_confirmed"](room)
        for _ in range(30):
            room.clock.pass_by(hours=1)
            room.watch()
        room.told("Wu", "close-joint-duty", {**period, "reason": "汛情平稳"})
        room.told("Wu", "close-incident", words.close_incident(one, at=room.clock.ago()))
        room.clock.at += timedelta(hours=1)
        room.watch()  # the clock was set an hour ahead
        entries = [*room.stream("Wu"), *room.ask("Wu", "log", stream="restricted")["entries"]]
        for entry in entries:
            documents.check_message(entry)
        assert {entry["event"]["type"] for entry in entries} == set(EVENTS), "let it happen here too"
