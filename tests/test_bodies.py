"""Bodies of commands, by the letter of contract 3: what may be said, what may be unknown, what is refused."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from schemas.commands import COMMANDS, Command
from tests import words
from tests.deeds import ON_INCIDENTS, entry_of, good, opened, refused, whose
from tests.room import Room
from tests.words import Body, new_id


def optional_fields(kind: type[Command]) -> list[str]:
    return [field.alias or name for name, field in kind.model_fields.items() if not field.is_required()]


SAMPLES: Body = {
    "device_at": words.at("08:44"),
    "device_sent_at": words.at("08:46"),
    "on_behalf_of": {"name": "王所长", "post": "所长", "unit": "卢龙镇", "channel": "radio"},
    "words": "现场报告:有明火,两人受伤,over",
    "occurred_at": words.at("08:01"),
    "occurred_precision": "about",
    "discovered_at": words.at("08:20"),
    "nobody_could_know": True,
    "facts": {"dead": None, "missing": 2},
    "category": "hazmat/leak",
    "place": {"division": "130324104", "text": "双望镇", "lon": 118.9, "lat": 39.9},
    "source": {"channel": "119", "name": "刘", "unit": "消防", "phone": "119"},
    "explanation": "复核后更正",
    "possible": True,
    "leader_post": "副市长",
    "told": "值班员刘某",
    "done": False,
    "next_within_min": 60,
    "receive_within_min": 20,
    "signed_by": "王局长",
    "verbal_approval_by": "赵",
    "text": "情况如下",
    "evidence": "传真回执",
    "acknowledge_within_min": 5,
    "report_within_min": 30,
    "outcome": "handled",
    "form": "quick",
    "recipients": ["PRV_EMB", "CTY_GOV"],
    "content": {"title": "标题", "phone": ""},
    "settles": [],
    "version": 1,
    "person": "省厅值班员",
    "accuracy_m": 12.5,
    "quantity": 3,
    "team": "一队",
    "short_mark": "12345678",
    "note": "传真号 000",
    "reference": "G-2026-1",
    "host": "王副市长",
    "input": "气象局:未来三小时仍有暴雨",
    "meeting": {"system": "会议系统", "number": "123", "link": "https://meeting.example/1"},
    "part_of": "130324",
    "area": "卢龙县北部",
    "until": words.at("20:00"),
    "measures": [],
    "radius_m": None,  # a circle alone has one
    "may_become_major": False,
    "symbol": None,
    "label": "警戒区",
    "reason": "换防",
    "leader": "王医生",
    "unit": "市医院",
    "phone": "120",
    "forces": "4车12人",
    "who": "消防救援",
    "due": words.at("20:00"),
    "emphasis": "堵漏",
    "every_min": 20,
}


@pytest.mark.parametrize("name", ON_INCIDENTS)
def test_every_optional_part_may_be_said_or_be_unknown(one_room: Room, name: str) -> None:
    optional = optional_fields(COMMANDS[name])
    said = {field: SAMPLES[field] for field in optional}
    done = one_room.told(whose(name), name, {**good(one_room, name), **said})
    entry = entry_of(one_room, done)
    assert {"on_behalf_of", "words", "device_at", "device_sent_at"} <= set(entry)
    # Those are yes or no, or minutes; and what an addressee has not called done is finished with words alone.
    unknown = dict.fromkeys(set(optional) - {"possible", "done", "receive_within_min", "may_become_major"})
    if name == "finish-instruction":
        del unknown["text"]
    one_room.told(whose(name), name, {**good(one_room, name), **unknown})


@pytest.mark.parametrize("name", ON_INCIDENTS)
def test_an_unknown_field_is_refused_by_its_name(one_room: Room, name: str) -> None:
    refused(
        one_room.tell(whose(name), name, {**good(one_room, name), "severity": 3}),
        422,
        "bad-body",
        "/severity",
    )


def test_an_unknown_field_deep_inside_is_refused_by_its_place(one_room: Room) -> None:
    body = words.open_incident(facts={"dead": 1, "killed": 2})
    refused(one_room.tell("Wu", "open-incident", body), 422, "bad-body", "/facts/killed")
    behalf = {"name": "王", "channel": "radio", "rank": 1}
    refused(one_room.tell("Wu", "open-incident", words.open_incident(on_behalf_of=behalf)), 422, "bad-body",
            "/on_behalf_of/rank")  # fmt: skip
    strange = words.open_incident(**{"a/b~c": 1})
    refused(one_room.tell("Wu", "open-incident", strange), 422, "bad-body", "/a~1b~0c")


@pytest.mark.parametrize("name", ON_INCIDENTS)
def test_what_is_missing_is_named(one_room: Room, name: str) -> None:
    kind = COMMANDS[name]
    for field in [(one.alias or key) for key, one in kind.model_fields.items() if one.is_required()]:
        body = good(one_room, name)
        del body[field]
        said = json.dumps(body).encode()
        answer = one_room.request(whose(name), "POST", f"commands/{name}", content=said)
        refused(answer, 422, "bad-body", f"/{field}")


WRONG: list[Any] = ["", 12, 1.5, True, ["x"], {"x": 1}, None, "a" * 20_001]


@pytest.mark.parametrize("name", ON_INCIDENTS)
def test_a_wrong_kind_of_value_is_refused_and_never_breaks_anything(one_room: Room, name: str) -> None:
    """What is taken is held against the published document, so a text can be no number and 1 no yes."""
    for field in good(one_room, name):
        for wrong in WRONG:
            body = {**_frozen(one_room, name), field: wrong}
            answer = one_room.tell(whose(name), name, body)
            assert answer.status_code in (200, 404, 409, 422), (field, wrong, answer.text)
            if answer.status_code == 422:
                pointers = [error["pointer"] for error in answer.json()["errors"]]
                assert all(one.startswith(f"/{field}") for one in pointers), (field, wrong, pointers)


def _frozen(room: Room, name: str) -> Body:
    """A body made once for a room: what is wrong with it is found before anything is looked up."""
    kept: dict[str, Body] = room.__dict__.setdefault("kept_bodies", {})
    if name not in kept:
        kept[name] = good(room, name)
    return {**deepcopy(kept[name]), "command_id": new_id()}


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("/facts/dead", "3"), ("/facts/dead", True), ("/facts/dead", 2.5), ("/facts/dead", -1),
        ("/facts/loss_wan", "12.5"), ("/facts/loss_wan", True), ("/facts/loss_wan", -0.5),
        ("/place/lon", "118.9"), ("/place/lon", 181), ("/place/lat", 91), ("/place/division", "1303"),
        ("/place/division", 130324), ("/drill", "yes"), ("/drill", 1), ("/drill", None),
        ("/nobody_could_know", "true"), ("/nobody_could_know", 0), ("/title", None), ("/title", 7),
        ("/category", "earthquakes"), ("/category", "hazmat/"), ("/category", "Hazmat"),
        ("/known_at", "2026-03-02T08:35:00"), ("/known_at", "2026-03-02"), ("/known_at", 1_700_000_000),
        ("/known_at", "2026-02-30T08:35:00Z"), ("/known_at", "昨天"), ("/known_by", "卢龙县"),
        ("/occurred_precision", "roughly"), ("/source/channel", 110), ("/incident_id", "1"),
        ("/command_id", "not-a-uuid"), ("/on_behalf_of", "王"), ("/words", 3), ("/device_at", "08:00"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_by_its_place(one_room: Room, place: str, wrong: Any) -> None:
    body = words.open_incident(facts={"dead": 1}, place={"division": "130324", "text": "永平大街"})
    *path, last = place.strip("/").split("/")
    part: Any = body
    for step in path:
        part = part[step]
    part[last] = wrong
    refused(one_room.tell("Wu", "open-incident", body), 422, "bad-body", place)


def test_several_wrong_fields_are_named_together(one_room: Room) -> None:
    body = words.open_incident(title="", drill="no", known_at="soon", facts={"dead": -1})
    said = refused(one_room.tell("Wu", "open-incident", body), 422, "bad-body")
    assert {error["pointer"] for error in said["errors"]} == {"/title", "/drill", "/known_at", "/facts/dead"}


def test_a_first_report_is_never_blocked_by_what_is_not_known(one_room: Room) -> None:
    body = words.open_incident(
        category=None, place=None, source=None, occurred_at=None, occurred_precision=None,
        discovered_at=None, nobody_could_know=None, facts={"dead": None, "missing": None, "loss_wan": None},
    )  # fmt: skip
    shown = one_room.ask("Wu", f"incidents/{one_room.told('Wu', 'open-incident', body)['incident_id']}")
    assert (shown["category"], shown["source"], shown["occurred_at"]) == (None, None, None)
    assert shown["facts"] == {"dead": None, "missing": None, "loss_wan": None}
    assert shown["place"] == {"unit": "130300"}
    half = words.open_incident(
        place={"division": None, "text": None}, source={"channel": None, "name": "路人"}, facts=None
    )
    assert one_room.tell("Wu", "open-incident", half).status_code == 200


def test_a_fact_that_is_unknown_is_not_one_that_was_not_said(one_room: Room) -> None:
    one = opened(one_room)
    one_room.told("Wu", "establish-facts", words.establish_facts(one, dead=None))
    assert one_room.ask("Wu", f"incidents/{one}")["facts"] == {"dead": None}
    established = one_room.entries(one, "facts_established")[0]["event"]
    assert established["facts"] == {"dead": None}


def test_a_whole_number_may_come_with_a_point(one_room: Room) -> None:
    one = opened(one_room)
    body = words.establish_facts(one, dead=3.0, loss_wan=12)
    one_room.told("Wu", "establish-facts", body)
    assert one_room.ask("Wu", f"incidents/{one}")["facts"] == {"dead": 3, "loss_wan": 12}


def test_lengths_end_where_the_contract_says(one_room: Room) -> None:
    for title in ("火", "火" * 200, "😀" * 200):
        assert one_room.tell("Wu", "open-incident", words.open_incident(title=title)).status_code == 200
    for title in ("", "火" * 201):
        refused(
            one_room.tell("Wu", "open-incident", words.open_incident(title=title)), 422, "bad-body", "/title"
        )
    one = opened(one_room)
    for text in ("", "记" * 20_000, "😀" * 20_000):
        assert one_room.tell("Wu", "add-entry", words.add_entry(one, text)).status_code == 200
    refused(one_room.tell("Wu", "add-entry", words.add_entry(one, "记" * 20_001)), 422, "bad-body", "/text")
    said = words.add_entry(one, "x", words="话" * 20_000)
    assert one_room.tell("Wu", "add-entry", said).status_code == 200


def test_a_year_that_nobody_can_mean_is_refused_where_it_stands(one_room: Room) -> None:
    """Year 999 is written with three digits, and from the last day there is no tomorrow: pages broke."""
    for year, field in (
        ("0001", "known_at"),
        ("1899", "occurred_at"),
        ("9999", "device_at"),
        ("0900", "device_at"),
    ):
        body = words.open_incident(**{field: f"{year}-06-01T00:00:00Z"})
        refused(one_room.tell("Wu", "open-incident", body), 422, "time-out-of-range", f"/{field}")
    oldest = {"known_at": "1900-01-01T00:00:00Z", "device_at": "9998-12-31T23:59:59Z"}
    assert one_room.tell("Wu", "open-incident", words.open_incident(**oldest)).status_code == 200


def test_spaces_alone_say_nothing(one_room: Room) -> None:
    one = opened(one_room, facts={"dead": 3})
    fewer = words.establish_facts(one, dead=2, explanation=" \u3000 ")
    refused(one_room.tell("Wu", "establish-facts", fewer), 422, "explanation-needed", "/explanation")
    empty = opened(
        one_room, place={"text": " "}, source={"channel": "", "name": "\u3000"}, facts={"dead": None}
    )
    one_room.told("Wu", "record-report", words.record_report(empty, signed_by=" "))
    assert one_room.ask("Wu", f"incidents/{empty}")["reports"][0]["lacks"] == ["place", "source", "approval"]


# ---------------------------------------------------------------- verbatim


STRANGE = [
    "  spaces  ", "line\r\nline\rline\n", "\u2028\u2029", "e\u0301 \u00e9", "\u202edesrever\u202c", "\ufeff",
    "𠮷野家", "\x01\x1f\x7f", "</script><b>", "{{ 7 * 7 }}", "' OR 1=1 --", "😀" * 30,
]  # fmt: skip
NAUGHTY = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "sec_blns" / "blns.json"


def kept_to_the_letter(room: Room, texts: list[str]) -> None:
    """Say each text in every place of a command that takes one, and read it back from the log."""
    room.said = lambda answer: None  # hundreds of entries in one answer: held against the document elsewhere
    one = opened(room)
    bodies = []
    for text in texts:
        some = text or "x"  # a name is never empty
        behalf = {"name": some, "post": text, "unit": text, "channel": some}
        bodies.append(words.add_entry(one, text, words=text, on_behalf_of=behalf))
    batch = {"commands": [{"name": "add-entry", "body": body} for body in bodies]}
    results = room.request("Wu", "POST", "commands", json=batch).json()["results"]
    assert [result["status"] for result in results] == [200] * len(texts)
    entries = {entry["command_id"]: entry for entry in room.entries(one, "entry_added")}
    for body in bodies:
        entry = entries[body["command_id"]]
        assert (entry["event"]["text"], entry["words"]) == (body["text"], body["words"])
        assert entry["on_behalf_of"] == body["on_behalf_of"]
    titles = [text for text in texts if 1 <= len(text) <= 200]
    head = room.ask("Wu", "log", limit=1)["head"]
    openings = []
    for text in titles:
        said = {"channel": text, "name": text, "unit": text, "phone": text}
        openings.append(
            words.open_incident(title=text, source=said, place={"division": "130324", "text": text})
        )
    batch = {"commands": [{"name": "open-incident", "body": body} for body in openings]}
    room.request("Wu", "POST", "commands", json=batch)
    events = [entry["event"] for entry in room.stream("Wu", after=head)]
    heard = [event for event in events if event["type"] == "incident_opened"]
    assert [(one["title"], one["place"]["text"], one["source"]) for one in heard] == [
        (body["title"], body["place"]["text"], body["source"]) for body in openings
    ]


def test_words_are_kept_to_the_letter(room: Room) -> None:
    kept_to_the_letter(room, STRANGE)


@pytest.mark.skipif(
    not NAUGHTY.exists(), reason="../shared/data/sec_blns is not here: naughty strings not tried"
)
def test_naughty_strings_are_kept_to_the_letter(room: Room) -> None:
    kept_to_the_letter(room, json.loads(NAUGHTY.read_text(encoding="utf-8")))


def test_a_nul_is_refused_where_it_stands(one_room: Room) -> None:
    one = opened(one_room)
    refused(one_room.tell("Wu", "add-entry", words.add_entry(one, "a\x00b")), 422, "bad-body", "/text")
    refused(
        one_room.tell("Wu", "add-entry", words.add_entry(one, "x", words="\x00")), 422, "bad-body", "/words"
    )


# ---------------------------------------------------------------- what is no command


def test_what_is_no_json_is_400(one_room: Room) -> None:
    for body in (b"", b"{", b"\xff\xfe", b"{'a': 1}", b'{"a": NaN}', b'"\\ud800"', b"[" * 100 + b"]" * 100,
                 b'{"a": 1, "a": 2}'):  # fmt: skip
        answer = one_room.request("Wu", "POST", "commands/add-entry", content=body)
        refused(answer, 400, "not-json")
        refused(one_room.request("Wu", "POST", "commands", content=body), 400, "not-json")


def test_a_body_that_is_no_object_is_422(one_room: Room) -> None:
    for body in (b"[]", b"null", b"3", b'"x"'):
        refused(one_room.request("Wu", "POST", "commands/add-entry", content=body), 422, "bad-body", "")


def test_strangers_unknown_commands_and_other_methods_are_told_so(one_room: Room) -> None:
    refused(one_room.request(None, "POST", "commands/add-entry", json={}), 401, "not-signed-in")
    refused(one_room.tell("Wu", "delete-incident", {}), 404, "no-such-command")
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = one_room.request("Wu", method, "commands/add-entry")
        refused(answer, 405, "http")
        assert answer.headers["allow"] == "POST"
    refused(one_room.request("Wu", "POST", "incidents", json={}), 405, "http")
    refused(one_room.request("Wu", "GET", "nothing-here"), 404, "not-found")


def test_what_is_too_large_is_413(one_room: Room) -> None:
    body = words.add_entry(opened(one_room), "x", words="y" * 1_100_000)
    refused(one_room.tell("Wu", "add-entry", body), 413, "too-large")


def test_refusals_speak_both_languages(one_room: Room) -> None:
    body = words.open_incident(title="")
    chinese = refused(one_room.tell("Wu", "open-incident", body), 422, "bad-body")
    english = refused(
        one_room.tell("Wu", "open-incident", body, headers={"Accept-Language": "en-GB"}), 422, "bad-body"
    )
    assert chinese["errors"][0]["detail"] == "不能为空"
    assert english["errors"][0]["detail"] == "must not be empty"


def test_what_is_wrong_with_a_field_is_said_in_the_persons_language_and_in_words_of_the_wire(
    one_room: Room,
) -> None:
    wrong = words.open_incident(
        incident_id="1", known_at="soon", occurred_at="2026-02-30T08:00:00Z", known_by="卢龙县",
        category="earthquakes", words="\x00",
    )  # fmt: skip
    said = refused(one_room.tell("Wu", "open-incident", wrong), 422, "bad-body")
    assert len(said["errors"]) == 6
    for error in said["errors"]:
        assert re.search("[\u4e00-\u9fff]", error["detail"]), error
    report = words.record_report(opened(one_room), channel="fax", stage="later")
    english = one_room.tell("Wu", "record-report", report, headers={"Accept-Language": "en"})
    details = {error["pointer"]: error["detail"] for error in refused(english, 422, "bad-body")["errors"]}
    assert details == {
        "/channel": "must be one of phone, written",
        "/stage": "must be one of initial, follow_up, upgrade, daily, verified, final, check_back",
    }
