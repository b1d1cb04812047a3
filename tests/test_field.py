"""What a field tablet is given: a shell that is nobody's, and the state as far as its person may see it."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError

from server.pages.field import ENTRY, REST, FieldApp, modules
from server.record import store
from server.record.turn import Hand, Turn
from server.screens.static_files import FOLDER, STATIC_PATH
from tests import words
from tests.deeds import opened, refused
from tests.room import Room
from tests.words import new_id

FIRST_VISIT, THIN_SCREEN = 150_000, 20_000
#: What a busy county's incidents, its phone book and the odd answer come to (`scripts/bench field`).
DATA = 26_000
#: Modules, and bytes of them, that stand between a start and the door.
MOST_OF_DOOR = (14, 48_000)


def kept_files(room: Room, which: str = "FILES") -> list[str]:
    """What the worker keeps, as it says itself."""
    source = room.client.get("/field/sw.js").text
    said = re.search(rf"^const {which} = (\[.*\]);$", source, re.MULTILINE)
    assert said is not None
    files: list[str] = json.loads(said[1])
    return files


def test_the_shell_is_open_to_all_and_has_nothing_of_anybody_in_it(one_room: Room) -> None:
    as_nobody = one_room.client.get("/field", follow_redirects=False)
    assert as_nobody.status_code == 200
    assert one_room.request("Song", "GET", "/field").content == as_nobody.content
    assert "Song" not in as_nobody.text
    worker = one_room.client.get("/field/sw.js")
    assert (worker.status_code, worker.headers["service-worker-allowed"]) == (200, "/field")
    manifest = one_room.client.get("/field/manifest.webmanifest").json()
    assert (manifest["id"], manifest["scope"], manifest["display"]) == ("/field", "/field", "standalone")
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        assert one_room.client.get(icon["src"]).headers["content-type"] == "image/png"


def on_the_wire(room: Room, path: str, coding: str) -> int:
    """Bytes of an answer as it travels, head and all."""
    with room.client.stream("GET", path, headers={"Accept-Encoding": coding}) as answer:
        assert answer.status_code == 200, path
        head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
        return head + sum(len(one) for one in answer.iter_raw())


def test_every_file_that_the_worker_keeps_is_there_and_a_first_visit_is_small(one_room: Room) -> None:
    files, later = kept_files(one_room), kept_files(one_room, "LATER")
    assert [name for name in files if not name.startswith(STATIC_PATH)] == ["/field"], "no answer of the API"
    assert f"{STATIC_PATH}/field/recorder.js" in files
    assert f"{STATIC_PATH}/carry_frames.js" in later, "what is loaded only when it is wanted"
    assert not set(files) & set(later)
    for coding in ("gzip", "zstd, gzip"):
        sizes = {name: on_the_wire(one_room, name, coding) for name in [*files, "/field/sw.js"]}
        assert sum(sizes.values()) + DATA < FIRST_VISIT, sizes
    assert [on_the_wire(one_room, name, "gzip") > 0 for name in later] == [True] * len(later)
    loaded = {name.removeprefix(f"{STATIC_PATH}/") for name in [*files, *later]}
    own = {f"field/{path.name}" for path in (FOLDER / "field").iterdir()} - {"field/worker.js"}
    assert own <= loaded, "a file of the app that nothing loads, or that is missing without a network"


def test_the_door_needs_little_of_the_program_and_the_shell_is_not_sent_twice(one_room: Room) -> None:
    """What a cold start waits for: the rest comes while the PIN is typed."""
    door, rest = modules(ENTRY), modules(REST)
    assert set(door) - {ENTRY, "field/door.js"} < set(rest), "or it comes twice"
    assert len(door) <= MOST_OF_DOOR[0]
    assert sum((FOLDER / name).stat().st_size for name in door) <= MOST_OF_DOOR[1]
    shell = one_room.client.get("/field")
    named = re.findall(r'<link rel="modulepreload" href="([^"]+)">', shell.text)
    assert named == [f"{STATIC_PATH}/{name}" for name in door]
    again = one_room.client.get("/field", headers={"If-None-Match": shell.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = {"If-None-Match": shell.headers["etag"], "Accept-Encoding": "identity"}
    assert one_room.client.get("/field", headers=other).status_code == 200, "packed otherwise, another answer"


def test_another_file_makes_another_version_of_the_app(one_room: Room) -> None:
    views = one_room.parts.views
    first = FieldApp.made(views)
    assert b'data-pin="4"' in first.shell
    assert b'data-pin="8"' in FieldApp.made(views, 8).shell
    assert FieldApp.made(views) == first, "the same program is the same version"
    before = views.texts.of["zh"]["tablet.live"]
    views.texts.of["zh"]["tablet.live"] = "另一个词"
    try:
        assert FieldApp.made(views).worker != first.worker
    finally:
        views.texts.of["zh"]["tablet.live"] = before


def test_a_tablet_gets_its_incidents_in_words_and_knows_the_orders_that_are_its_own(one_room: Room) -> None:
    one = opened(one_room)
    for to in ("Song", "某队", "130324"):
        one_room.told("Li", "issue-order", words.issue_order(one, to))
    entry = words.add_entry(one, "东侧围墙已破拆")
    entry |= {"device_at": one_room.clock.ago(minutes=5), "device_sent_at": one_room.clock.ago(seconds=3)}
    one_room.told("Song", "add-entry", entry)
    said = one_room.ask("Song", "field")
    assert said["person"]["name"] == "Song"
    assert "open-incident" in said["person"]["commands"]
    assert "close-incident" not in said["person"]["commands"]
    (found,) = [incident for incident in said["incidents"] if incident["id"] == one]
    told = {order["to"]: order["mine"] for order in found["orders"]}
    assert told == {"Song": True, "某队": False, "卢龙": True}, "a unit by its name"
    line = next(line for line in found["lines"] if line["text"] == "东侧围墙已破拆")
    assert line["command_id"] == entry["command_id"]
    assert line["skew_ms"] == 3000
    assert said["head"] >= line["offset"]


def test_what_one_may_not_see_is_gone_like_what_never_was(one_room: Room) -> None:
    theirs, never = opened(one_room, who="Qin", place={"division": "130321"}), new_id()
    both = one_room.ask("Song", "field", incidents=f"{theirs},{never}")
    assert (both["incidents"], both["gone"]) == ([], [theirs, never])
    assert theirs not in one_room.get("Song", "field").text
    for wrong in ("x", ",".join(new_id() for _ in range(21))):
        refused(one_room.get("Song", "field", incidents=wrong), 422, "bad-query", "?incidents")


def test_the_small_form_of_a_busy_day_fits_a_thin_line(one_room: Room) -> None:
    for number in range(6):
        one = opened(one_room, title=f"第{number}处险情" * 8)
        for at in range(30):
            one_room.told("Li", "add-entry", words.add_entry(one, f"{number}-{at} 现场情况" * 60))
    small = one_room.get("Song", "field", small="1")
    full = one_room.get("Song", "field")
    assert len(gzip.compress(small.content, 6)) < THIN_SCREEN
    assert len(small.content) < THIN_SCREEN * 2, "or packing alone made it small"
    assert len(full.content) > len(small.content) * 3
    shown = [one for one in small.json()["incidents"] if "处险情" in one["title"]]
    assert shown, "the newest of the day"
    assert all(one["lines_left_out"] > 0 for one in shown), "what is left out is said"


def test_the_book_is_asked_for_again_and_not_sent_again(one_room: Room) -> None:
    first = one_room.get("Song", "field/book")
    assert "130324" in {place["code"] for place in first.json()["places"]}
    again = one_room.request("Song", "GET", "field/book", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_an_outbox_is_never_sent_under_another_persons_session(one_room: Room) -> None:
    one = opened(one_room)
    song = one_room.ask("Song", "field")["person"]["person_id"]
    body = {"commands": [{"name": "add-entry", "body": words.add_entry(one, "宋的话")}]}
    other = one_room.request("Li", "POST", "commands", json=body, headers={"Fenghuo-Person": song})
    refused(other, 409, "other-person")
    assert one_room.entries(one, "entry_added") == []
    own = one_room.request("Song", "POST", "commands", json=body, headers={"Fenghuo-Person": song})
    assert own.json()["results"][0]["status"] == 200


def test_of_a_batch_whose_middle_the_disk_does_not_take_nothing_is_done_that_stands_behind_it(
    one_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment's fault between two rounds: the tablet sends the rest again, and keeps its order."""
    one = opened(one_room)
    items = [
        {"name": "add-entry", "body": {"command_id": new_id(), **words.add_entry(one, f"第{n}条")}}
        for n in range(6)
    ]
    real, rounds = Hand.turn, []

    @contextmanager
    def turn(self: Hand, command_ids: Sequence[str]) -> Iterator[Turn]:
        if command_ids:
            rounds.append(len(command_ids))
            if len(rounds) == 2:
                raise OperationalError("the database has vanished", None, Exception())
        with real(self, command_ids) as found:
            yield found

    with monkeypatch.context() as broken:
        broken.setattr(store, "MOST_IN_A_ROUND", 2)
        broken.setattr(Hand, "turn", turn)
        first = one_room.request("Song", "POST", "commands", json={"commands": items}).json()["results"]
    assert rounds == [2, 2, 2]
    assert [told["status"] for told in first] == [200, 200, 503, 503, 503, 503]
    again = one_room.request("Song", "POST", "commands", json={"commands": items}).json()["results"]
    assert {told["status"] for told in again} == {200}
    texts = [told["event"]["text"] for told in one_room.entries(one, "entry_added")]
    assert texts == [f"第{n}条" for n in range(6)]
