"""The short report: what goes out comes back, no single slip goes unseen, and both codecs are one."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.async_api import Browser

from schemas import field_work, terms
from schemas.commands import COMMANDS
from server.domain.short_report import alphabet
from server.domain.short_report.alphabet import Garbled, Unsayable, fold, mark_of
from server.domain.short_report.hearing import decode
from server.domain.short_report.saying import encode
from tests.product import ROOT
from tests.short_reports import COMMAND, GARBLED, INCIDENT, NOW, OPENED, TABLE, carried, of

SAMPLES = [encode(name, body, sender).messages for name, body, sender, _left_out in TABLE]


@pytest.mark.parametrize(("name", "body", "sender", "left_out"), TABLE)
def test_what_is_said_is_heard_to_the_letter_and_what_is_left_out_is_named(
    name: str, body: dict[str, Any], sender: str, left_out: list[str]
) -> None:
    said = encode(name, body, sender)
    assert all(len(one.encode("utf-16-le")) <= 140 for one in said.messages), "70 units of one SMS"
    assert list(said.left_out) == left_out
    heard = decode(list(reversed(said.messages)), NOW)
    assert (heard.name, heard.sender, heard.missing) == (name, sender, ())
    assert heard.body == carried(name, body, left_out)
    if name != "open-incident":
        assert (heard.mark, heard.incident_mark) == (mark_of(COMMAND), alphabet.incident_mark(INCIDENT))
        ids = dict.fromkeys(("entry_id", "count_id", "request_id", "order_id"), COMMAND)
        known = {one: ids[one] for one in ids if one in COMMANDS[name].model_fields}
        COMMANDS[name].model_validate(of(**heard.body, **known))


#: Everything that a report is made of, and what a hand or an ear may make of it.
ALPHABET = sorted(
    set("".join(message for messages in SAMPLES for message in messages))
    | set("".join("".join(table) for table in (alphabet.FACTS, alphabet.CATEGORIES, alphabet.ENTRY_KINDS)))
    | set("0123456789，,;| ０１之无附队核演练真实未末土士己已ABCabcoOlI")
)


def same(heard: str, said: str) -> bool:
    return fold(heard) == fold(said)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("messages", [SAMPLES[0], SAMPLES[7], SAMPLES[8]], ids=["help", "facts", "order"])
def test_no_wrong_missing_doubled_or_exchanged_character_goes_unseen(messages: tuple[str, ...]) -> None:
    """Every single slip there is, over every character that a report is made of."""
    (said,) = messages
    slips = {said[:at] + said[at + 1 :] for at in range(len(said))}
    slips |= {said[:at] + char + said[at:] for at in range(len(said) + 1) for char in ALPHABET}
    slips |= {said[:at] + char + said[at + 1 :] for at in range(len(said)) for char in ALPHABET}
    slips |= {said[:at] + said[at + 1] + said[at] + said[at + 2 :] for at in range(len(said) - 1)}
    unseen = []
    for slip in slips:
        if same(slip, said):
            continue  # said alike: a narrow digit for a wide one, a space
        try:
            decode([slip], NOW)
        except Garbled:
            continue
        unseen.append(slip)
    assert len(slips) > 10_000
    assert unseen == []


def test_any_two_characters_exchanged_are_seen() -> None:
    (said,) = SAMPLES[0]
    for first in range(len(said)):
        for second in range(first + 1, len(said)):
            slip = list(said)
            slip[first], slip[second] = slip[second], slip[first]
            if not same("".join(slip), said):
                with pytest.raises(Garbled):
                    decode(["".join(slip)], NOW)


def test_what_is_typed_by_ear_is_the_same_as_what_was_sent() -> None:
    (said,) = SAMPLES[0]
    typed = "  " + said.replace("，", ", ").replace("3", "３").upper() + "\n"
    assert decode([typed], NOW).body["quantity"] == 3
    assert fold(decode([typed], NOW).body["text"]) == fold(TABLE[0][1]["text"])


@pytest.mark.parametrize(("message", "code", "at"), GARBLED)
def test_what_is_wrong_is_said_and_where_that_can_be_known(message: str, code: str, at: int | None) -> None:
    with pytest.raises(Garbled) as wrong:
        decode([message], NOW)
    assert (wrong.value.code, wrong.value.at) == (code, at)


def test_parts_are_asked_for_by_number_and_others_do_not_mix_in() -> None:
    messages = SAMPLES[10]
    assert len(messages) > 4
    assert decode(messages[1:3], NOW).missing == (1, *range(4, len(messages) + 1))
    with pytest.raises(Garbled) as wrong:
        decode([messages[0], SAMPLES[9][0]], NOW)
    assert (wrong.value.code, wrong.value.message) == ("parts", 1)


def test_a_time_is_the_last_such_day_and_hour_that_has_been() -> None:
    for said, expected in (
        ("2026-11-23T14:32:00+08:00", "2026-11-23T14:32:00+08:00"),  # two minutes ahead: the tablet's clock
        ("2026-10-23T14:33:00+08:00", "2026-10-23T14:33:00+08:00"),
        ("2026-10-31T00:00:00+08:00", "2026-10-31T00:00:00+08:00"),
    ):
        (message,) = encode("set-field-status", of(at=said, status="arrived"), "宋某").messages
        assert decode([message], NOW).body["at"] == expected


@pytest.mark.parametrize(
    ("name", "body", "sender", "what"),
    [
        ("close-incident", of(), "宋某", "close-incident"),
        ("set-field-status", of(at="2026-11-23T14:05:00Z", status="arrived"), "宋，某", "sender"),
        ("add-entry", of(happened_at="2026-11-23T14:05:00Z", kind="note", text="𠮷"), "宋某", "text"),
        ("add-entry", of(happened_at="2026-11-23T14:05:00Z", kind="note", text="一" * 500), "宋某", "text"),
        ("open-incident", {**TABLE[11][1], "incident_id": INCIDENT}, "宋某", "incident_id"),
    ],
)
def test_what_cannot_be_said_is_refused_and_never_shortened(
    name: str, body: dict[str, Any], sender: str, what: str
) -> None:
    with pytest.raises(Unsayable) as refused:
        encode(name, body, sender)
    assert refused.value.what == what


def test_an_incident_that_a_tablet_opened_is_known_by_its_ten_digits() -> None:
    assert alphabet.digits_of(OPENED) == "0123456789"
    assert alphabet.incident_of("0123456789") == OPENED
    assert alphabet.digits_of(INCIDENT) is None
    assert alphabet.digits_of("fe2e6040-5000-8000-8000-ffffffffffff") is None


def test_the_words_are_one_to_one_and_say_everything_that_the_trade_has() -> None:
    tables: dict[str, tuple[dict[str, Any], set[Any]]] = {
        "kinds": (alphabet.ENTRY_KINDS, set(terms.EntryKind)),
        "statuses": (alphabet.STATUSES, set(field_work.FieldStatus)),
        "help": (alphabet.HELP, set(field_work.HelpKind)),
        "categories": (alphabet.CATEGORIES, {*terms.Category, None}),
        "facts": (alphabet.FACTS, set(terms.FACTS)),
    }
    for name, (table, wanted) in tables.items():
        assert set(table.values()) == wanted, name
        assert len(set(table.values())) == len(table), name
    assert set(alphabet.CARRIED) == set(alphabet.KINDS.values()) <= set(COMMANDS)
    for command, fields in alphabet.CARRIED.items():
        assert set(fields) <= set(COMMANDS[command].model_fields)


TEXTS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=90)
MOMENTS = st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 23, 14, 31)).map(  # noqa: DTZ001
    lambda at: (at - timedelta(hours=8)).replace(second=0, microsecond=0, tzinfo=UTC).isoformat()
)
IDS = st.uuids(version=4).map(str)


@settings(max_examples=150, deadline=None)
@given(TEXTS, MOMENTS, IDS, IDS, st.sampled_from(list(terms.EntryKind)))
def test_any_text_comes_through_to_the_letter(text: str, at: str, one: str, other: str, kind: str) -> None:
    body = {"command_id": one, "incident_id": other, "happened_at": at, "kind": kind, "text": text}
    heard = decode(encode("add-entry", body, "宋某").messages, NOW)
    assert (heard.body["text"], heard.body["kind"]) == (text, kind)
    assert datetime.fromisoformat(heard.body["happened_at"]) == datetime.fromisoformat(at)
    assert heard.mark == mark_of(one)


# ---------------------------------------------------------------- the browser's

IN_THE_BROWSER = """async ([module, table, garbled, now]) => {
  const codec = await import(module);
  const said = table.map(([name, body, sender]) => codec.encode(name, body, sender));
  const heard = said.map(({messages}) => codec.decode(messages, now));
  const wrong = garbled.map(([message]) => {
    try { codec.decode([message], now); } catch (one) { return [one.code, one.at, one.by]; }
    return null;
  });
  const ids = Array.from({length: 50}, () => codec.newIncidentId());
  return {said, heard, wrong, words: codec.WORDS, ids};
}"""


@pytest.mark.browser
async def test_the_browsers_codec_says_and_hears_the_same(browser: Browser) -> None:
    source = (ROOT / "web" / "static" / "short_report.js").read_bytes()
    module = "data:text/javascript;base64," + base64.b64encode(source).decode()
    page = await browser.new_page()
    slips = [[SAMPLES[0][0][:at] + "九" + SAMPLES[0][0][at + 1 :]] for at in range(len(SAMPLES[0][0]))]
    garbled = [*map(list, GARBLED), *slips]
    table = json.loads(json.dumps([row[:3] for row in TABLE]))
    there = await page.evaluate(IN_THE_BROWSER, [module, table, garbled, NOW.timestamp() * 1000])
    await page.close()
    for (name, body, sender, left_out), said, heard in zip(TABLE, there["said"], there["heard"], strict=True):
        assert said == {"messages": list(encode(name, body, sender).messages), "leftOut": left_out}
        ours = decode(said["messages"], NOW)
        assert heard == {
            "name": ours.name, "sender": ours.sender, "mark": ours.mark, "body": ours.body,
            "incident_mark": ours.incident_mark, "order_mark": ours.order_mark,
            "parts": ours.parts, "missing": [],
        }  # fmt: skip
    for (message, *_), wrong in zip(garbled, there["wrong"], strict=True):
        with pytest.raises(Garbled) as ours_too:
            decode([message], NOW)
        assert wrong == [ours_too.value.code, ours_too.value.at, ours_too.value.by], message
    assert there["words"] == {
        "kinds": alphabet.KINDS, "entry_kinds": alphabet.ENTRY_KINDS, "statuses": alphabet.STATUSES,
        "directions": alphabet.DIRECTIONS, "help": alphabet.HELP, "categories": alphabet.CATEGORIES,
        "facts": alphabet.FACTS,
    }  # fmt: skip
    assert all(alphabet.digits_of(one) for one in there["ids"])
    assert len(set(there["ids"])) == 50
