"""The file of channels: read whole or not at all, every wrong place named, and no secret ever in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.config.channel_file import BadChannelFile, default_channels, load_channels_or_keep, parse_channels
from tests.outward import ALL, SECRETS, TREE, file_of
from tests.room import Room

URL = "http://127.0.0.1:9"


def test_the_file_that_the_product_came_with_sends_nothing_to_anybody() -> None:
    book = default_channels(TREE)
    assert (book.channels, book.people) == ([], [])
    assert [one.to for one in book.alarms.steps] == ["on_duty", "leader", "bureau"]


def test_every_kind_of_channel_can_be_set(tmp_path: Path) -> None:
    book = parse_channels(file_of(tmp_path, URL, *ALL), "channels.yaml", TREE)
    assert [one.kind for one in book.channels] == list(ALL)
    assert book.leaders("130300") == ["张局长"]
    assert book.of("130324") == []
    for secret in SECRETS.values():
        assert secret not in book.model_dump_json()


WRONG = [
    (f"{URL}/ding", "http://oapi.dingtalk.com/robot/send", "write https://"),
    (f"{URL}/ding", "https://user:pass@example.cn/robot", "no user, password"),
    (f"{URL}/ding", "ftp://example.cn/robot", "begins with https"),
    ("    tls: none", "    tls: none\n    usr: x", "there is no such field"),
    ("    server: 127.0.0.1", "    server: mail.example.cn", "tls is implicit or starttls"),
    ('units: ["130300"]', 'units: ["139999"]', "there is no unit 139999"),
    ("id: wecom", "id: dingtalk", "dingtalk stands here twice"),
    ("kind: wecom", "kind: telegram", ""),
    ("prompt:phone_limit", "prompt:PHONE", "no alarm is raised for"),
    ("{to: leader, after_min: 5}", "{to: leader, after_min: 0}", "each other later"),
    ('content: "{text}"', 'content: "{txt}"', "in braces may stand"),
    ('content: "{text}"', 'content: "fixed"', "nothing says {text}"),
    ('X-Key: "{secret}"', 'X-Key: "{text}"', "a header holds no {text}"),
    ("/token}", "/none}", "cannot be read"),
    ("token: {file:", "token: {env:", "pattern"),
    ("name: 张局长", 'name: ""', "at least 1"),
]


@pytest.mark.parametrize(("old", "new", "reason"), WRONG)
def test_a_wrong_place_is_named_by_line_and_reason(tmp_path: Path, old: str, new: str, reason: str) -> None:
    text = file_of(tmp_path, URL, *ALL)
    assert old in text
    with pytest.raises(BadChannelFile) as refused:
        parse_channels(text.replace(old, new, 1), "channels.yaml", TREE)
    said = [str(one) for one in refused.value.problems]
    assert any(reason in one for one in said), said
    first = text[: text.index(old)].count("\n") + 1
    assert any(abs(one.line - first) <= 10 for one in refused.value.problems), (first, said)
    assert not [one for one in said for secret in SECRETS.values() if secret in one]


def test_a_bad_file_changes_nothing_and_what_was_good_last_stays(tmp_path: Path) -> None:
    path, kept = tmp_path / "channels.yaml", tmp_path / "kept.json"
    path.write_text(file_of(tmp_path, URL, "wecom"), encoding="utf-8")
    good, problems = load_channels_or_keep(tmp_path, kept, TREE)
    assert problems == []
    path.write_text(file_of(tmp_path, URL, "wecom").replace("kind: wecom", "kind: x"), encoding="utf-8")
    for _ in range(2):
        still, problems = load_channels_or_keep(tmp_path, kept, TREE)
        assert still == good
        assert problems
    kept.unlink()
    assert load_channels_or_keep(tmp_path, kept, TREE)[0].channels == []
    assert not [one for one in SECRETS.values() if one in path.read_text()]


def test_a_desk_says_which_line_of_its_channel_file_is_wrong(spare_room: Room) -> None:
    room = spare_room
    file = room.folder / "config" / "channels.yaml"
    room.stop()
    file.write_text(file_of(room.folder, URL, "wecom").replace("kind: wecom", "kind: x"), encoding="utf-8")
    room.start()
    (problem,) = room.request(None, "GET", "/readyz").json()["problems"]
    assert "channels.yaml:" in problem
    assert room.parts.store.channels.channels == []
