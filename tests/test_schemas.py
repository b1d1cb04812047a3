"""Nothing is half there: a command, event, fact or refusal without its counterparts fails here, by name."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import (
    alarms,
    attachments,
    commands,
    consultations,
    duties,
    events,
    field_work,
    joint,
    outposts,
    reports,
    scene,
    terms,
    walls,
)
from schemas import instructions as ins
from schemas.bases import AnyCommand
from schemas.commands import COMMANDS, Command
from schemas.events import EVENTS, LOG_ENTRY, AnyEvent, Event, LogEntry
from schemas.fields import Facts, parse_instant, wire_instant
from schemas.terms import Level, Post
from server import sentences
from server.domain import (
    alarm_state,
    attaching,
    consultation_decide,
    decide,
    drafts,
    duty,
    duty_decide,
    field_decide,
    incident,
    instruction_decide,
    instructions,
    joint_decide,
    permissions,
    report_drafts,
    scene_decide,
)
from server.domain import attachments as folded_attachments
from server.domain import consultations as folded_consultations
from server.domain import field_work as folded_field_work
from server.domain import joint as folded_joint
from server.domain import scene as folded_scene
from server.domain.decide import Author
from server.domain.incident import Incident
from server.record.lines import line_of
from server.sentences import sentence
from tests import words
from tests.product import ROOT
from tests.words import new_id

LANGUAGES = ("zh", "en")


def source(module: Any) -> ast.Module:
    return ast.parse(Path(module.__file__).read_text(encoding="utf-8"))


def cases(module: Any, prefix: str) -> set[str]:
    """Class names that the module's `match` statements name: `case ev.EntryAdded()` or `case A() | B()`."""
    found = set()
    for node in ast.walk(source(module)):
        if isinstance(node, ast.MatchClass) and isinstance(node.cls, ast.Attribute):
            if isinstance(node.cls.value, ast.Name) and node.cls.value.id == prefix:
                found.add(node.cls.attr)
    return found


def named(module: Any, prefix: str) -> set[str]:
    """Class names that the module asks for, in a `match` or by `isinstance`."""
    asked = cases(module, prefix)
    for node in ast.walk(source(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            asked |= {one.attr for one in ast.walk(node.args[1]) if isinstance(one, ast.Attribute)}
    return asked


MODULES = (
    *(commands, events, reports, duties, ins, attachments, alarms, field_work, outposts, joint),
    *(consultations, walls, scene),
)


# ---------------------------------------------------------------- commands


def test_every_command_is_in_the_list_and_named_after_its_class() -> None:
    told = (one for module in MODULES for one in vars(module).values())
    classes = {one for one in told if isinstance(one, type) and issubclass(one, AnyCommand)}
    bases = {AnyCommand, Command, reports.ReportCommand, duties.DutyCommand, attachments.AttachmentCommand}
    bases |= {ins.InstructionCommand, ins.AddresseeCommand, field_work.FieldCommand}
    bases |= {joint.JointCommand, joint.SeatCommand, joint.RequestCommand}
    bases |= {consultations.ConsultationCommand, scene.SceneCommand, scene.PostCommand, scene.TransferCommand}
    assert set(commands.ALL) == classes - bases
    for command in commands.ALL:
        words = "".join(part.capitalize() for part in command.name.split("-"))
        assert words == command.__name__


def test_every_command_is_decided() -> None:
    asked = {
        node.args[1].attr
        for node in ast.walk(source(decide))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance"
        if isinstance(node.args[1], ast.Attribute)
    }
    decided = (
        cases(instruction_decide, "ins")
        | {"RecordInstruction"}
        | cases(decide, "cmd")
        | cases(report_drafts, "rep")
        | {"DraftReport"}
        | cases(duty_decide, "du")
        | cases(duty_decide, "al")
        | cases(duty_decide, "wa")
        | named(joint_decide, "jd")
        | named(consultation_decide, "con")
        | named(scene_decide, "sc")
        | cases(attaching, "att")
        | cases(field_decide, "fw")
    )
    assert {command.__name__ for command in commands.ALL} <= decided | asked


def test_every_command_is_somebodys_right_and_every_post_has_a_row() -> None:
    assert set(permissions._MAY) == set(Post)
    for name in COMMANDS:
        assert permissions.may(Post.DUTY_LEADER, name)
        assert permissions.may(Post.DUTY_OFFICER, name) is (name not in permissions._LEADERS)
    given = {name for names in permissions._MAY.values() for name in names}
    assert given <= set(COMMANDS), "a right to do what is no command"
    assert not permissions.may(Post.DUTY_LEADER, "delete-incident")
    for post in (Post.LEADERSHIP, Post.AUDITOR, Post.ADMIN):
        assert permissions._MAY[post] == frozenset(), "these read"


# ---------------------------------------------------------------- events


def test_every_event_is_in_the_list_and_in_the_union_and_named_after_its_class() -> None:
    told = (one for module in MODULES for one in vars(module).values())
    classes = {one for one in told if isinstance(one, type) and issubclass(one, Event)}
    bases = {Event, reports.ReportEvent, duties.DutyEvent, ins.InstructionEvent, ins.AddresseeEvent}
    bases |= {attachments.AttachmentEvent, field_work.FieldEvent, field_work.DeedEvent}
    bases |= {joint.JointEvent, joint.RequestEvent, consultations.ConsultationEvent}
    bases |= {scene.SceneEvent}
    assert set(events.ALL) == classes - bases
    union = get_args(AnyEvent)[0]
    assert get_origin(union) is UnionType
    assert set(get_args(union)) == set(events.ALL)
    for tag, event in EVENTS.items():
        assert "".join(part.capitalize() for part in tag.split("_")) == event.__name__


def test_every_event_is_folded() -> None:
    folded = (
        cases(incident, "ev")
        | cases(drafts, "rep")
        | {"ReportDrafted"}
        | cases(instructions, "ins")
        | {"InstructionRecorded"}
        | cases(duty, "du")
        | cases(duty, "wa")
        | cases(alarm_state, "al")
        | named(folded_joint, "jd")
        | named(folded_consultations, "con")
        | cases(folded_scene, "sc")
        | cases(folded_attachments, "att")
        | cases(folded_field_work, "fw")
    )
    assert {event.__name__ for event in events.ALL} <= folded


def test_every_event_has_its_words_in_both_languages() -> None:
    for lang in LANGUAGES:
        said = json.loads((ROOT / "web" / "i18n" / f"{lang}.json").read_text(encoding="utf-8"))
        # a line that a person wrote is called by its kind
        labels = [f"event.{tag}.label" for tag in EVENTS if tag != "entry_added"]
        labels += [f"kind.{kind}" for kind in terms.EntryKind]
        missing = [label for label in labels if not said.get(label)]
        assert not missing, f"web/i18n/{lang}.json has no words for {missing}"


def test_every_event_says_what_it_is() -> None:
    for one in (*events.ALL, *commands.ALL):
        first = (one.__doc__ or "").strip().splitlines()[:1]
        assert first, f"{one.__name__} has no sentence of its own: the tables in schemas/README.md show it"
        assert first[0].endswith("."), one.__name__


def test_facts_are_the_terms_that_the_trade_has_for_them() -> None:
    assert tuple(Facts.model_fields) == terms.FACTS


# ---------------------------------------------------------------- refusals


def refusals() -> Iterator[str]:
    """Every code that a refusal is made with, anywhere in the product."""
    for path in sorted((ROOT / "server").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = {"Refused": 0, "Explained": 1, "BadItem": 1, "sentence": 0}.get(node.func.id)
                if place is not None and len(node.args) > place:
                    said = node.args[place]
                    if isinstance(said, ast.Constant) and isinstance(said.value, str):
                        yield said.value


CODES = sorted(set(refusals()))


def test_the_codes_of_refusals_are_found() -> None:
    assert {"incident-exists", "no-such-order", "explanation-needed", "time-in-the-future"} <= set(CODES)
    assert {"command-id-reused", "not-your-post", "bad-body", "store-unavailable", "extra_forbidden"} <= set(
        CODES
    )


@pytest.mark.parametrize("code", CODES)
def test_every_refusal_has_a_sentence_in_both_languages(code: str) -> None:
    said = {lang: sentence(code, lang) for lang in LANGUAGES}
    assert all(text and text != code for text in said.values()), f"server/sentences.py lacks {code}"
    assert said["zh"] != said["en"]


def test_a_sentence_has_the_same_places_in_both_languages() -> None:
    from string import Formatter

    for code, (chinese, english) in sentences._SENTENCES.items():
        places = [
            {name for _text, name, _spec, _conv in Formatter().parse(text) if name}
            for text in (chinese, english)
        ]
        assert places[0] == places[1], code


def test_every_kind_of_wrong_field_that_a_body_can_have_has_a_sentence() -> None:
    """Bodies full of nonsense, as any client may send them: no complaint in a library's own words."""
    from pydantic import ValidationError

    nonsense: list[Any] = [
        None,
        True,
        "",
        "x",
        1.5,
        -1,
        10**12,
        [],
        ["x"] * 300,
        [None],
        {},
        {"x": 1},
        "a" * 30_000,
    ]
    unknown = set()
    for kind in commands.ALL:
        names = [field.alias or name for name, field in kind.model_fields.items()]
        for value in nonsense:
            try:
                kind.model_validate(dict.fromkeys(names, value))
            except ValidationError as error:
                unknown |= {
                    one["type"]
                    for one in error.errors()
                    if one["type"] not in (*sentences._SENTENCES, "value_error")
                }
    assert not unknown, f"server/sentences.py has no words for {sorted(unknown)}"


# ---------------------------------------------------------------- what goes out comes back


MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS)
def test_an_instant_comes_back_to_the_millisecond_whatever_the_year(moment: datetime) -> None:
    written = wire_instant(moment)
    assert len(written) == 24
    assert moment - parse_instant(written) < timedelta(milliseconds=1)
    assert wire_instant(parse_instant(written)) == written


NUMBERS = st.one_of(st.none(), st.integers(0, 100_000_000))
AMOUNTS = st.one_of(st.none(), st.floats(0, 1e9, allow_nan=False), st.integers(0, 10**9))
FACTS = st.fixed_dictionaries(
    {}, optional={name: AMOUNTS if name in terms.MEASURES else NUMBERS for name in terms.FACTS}
)


SAID = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=50)


@given(FACTS, SAID, MOMENTS)
def test_an_entry_read_back_from_the_log_is_the_entry_that_was_written(
    facts: dict[str, Any], said: str, moment: datetime
) -> None:
    event = events.FactsEstablished(
        known_at=moment, known_by="130324", in_chain=True, facts=Facts.model_validate(facts), explanation=said
    )
    at = event.known_at  # in whole milliseconds, as every moment in the log
    author = Author(said, Post.DUTY_OFFICER, "u")
    command = COMMANDS["add-entry"].model_validate(words.add_entry(new_id(), "", words=said))
    line = line_of(Incident("x"), event, author, command, "130300", at, wire_instant(at))
    again = LOG_ENTRY.validate_json(line.body)
    assert again == LogEntry(
        incident_id="x", event=event, by=said, post="duty_officer", unit="u", recorded_at=at, occurred_at=at,
        command_id=command.command_id, words=said,
    )  # fmt: skip
    assert (line.by, line.unit, line.recorded_at) == (again.by, again.unit, again.recorded_at)
    assert isinstance(again.event, events.FactsEstablished)
    assert set(again.event.facts.model_fields_set) == set(facts), "unknown stays unknown, unsaid stays unsaid"


def test_levels_stand_in_order() -> None:
    assert [level.rank for level in Level] == [1, 2, 3, 4]
    assert [level.is_major for level in Level] == [False, False, True, True]
