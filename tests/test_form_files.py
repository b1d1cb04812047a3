"""Forms that the bureau edits: read whole or not at all, every wrong place named, what was good stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.forms import FormBook
from schemas.terms import Stage
from server.config import form_files
from server.config.form_files import BadFormFile, default_forms, load_forms, load_forms_or_keep
from tests.product import ROOT
from tests.room import Room

SHIPPED = ROOT / "server" / "config" / "forms"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "forms")
    return tmp_path


def change(folder: Path, name: str, old: str, new: str) -> int:
    """Replaces the first place of a text; returns its line."""
    path = folder / "forms" / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_every_kind_of_report_has_a_form_that_it_is_written_in() -> None:
    book = default_forms()
    for stage in Stage:
        assert book.form_for(None, stage) is not None
    assert book.form_for("quick", Stage.INITIAL) is book.forms["quick"]
    assert book.form_for("daily", Stage.INITIAL) is None
    assert book.form_for("nothing", Stage.INITIAL) is None


WRONG: list[tuple[str, str, str, str]] = [
    ("quick", "{event}，{toll}{progress}", "{evnt}，{toll}", "evnt"),
    ("quick", "{event}，{toll}{progress}", "{event.__class__}", "no place"),
    ("quick", "{event}，{toll}{progress}", "{event!r}", "no place"),
    ("quick", "{event}，{toll}{progress}", "{event:>99999999}", "no place"),
    ("quick", "{event}，{toll}{progress}", "{event", "braces"),
    ("quick", "{issuer}值班快报", "{toll}值班快报", "cannot stand here"),
    ("quick", "name: 值班快报", "nmae: 值班快报", "there is no such field"),
    ("quick", "form: quick", "form: quack", "the file's name says quick"),
    ("quick", "when: people", "when: peopel", "no place peopel"),
    ("quick", "[title, place", "[titel, place", "no element titel"),
    ("common", "  hazmat: 危险化学品事故\n", "", "no word for hazmat"),
    ("common", "look: field}", "look: fiedl}", "look"),
    ("common", "lines: 22", "lines: 22000", "less than or equal"),
    ("common", "[黑体, SimHei", "['黑\"体', SimHei", "pattern"),
    ("common", "levels: {", "levels: &a {", ""),
]


@pytest.mark.parametrize(("name", "old", "new", "reason"), WRONG)
def test_a_wrong_place_is_named_by_file_and_line(
    folder: Path, name: str, old: str, new: str, reason: str
) -> None:
    line = change(folder, name, old, new)
    if not reason:
        assert load_forms(folder), "an anchor that nothing refers to does no harm"
        return
    with pytest.raises(BadFormFile) as refused:
        load_forms(folder)
    said = [str(one) for one in refused.value.problems]
    assert any(f"{name}.yaml:" in one and reason in one for one in said), said
    if old.count("\n") == 0 and reason != "no word for hazmat":
        assert any(f"{name}.yaml:{line}:" in one for one in said), (line, said)


def test_a_bad_file_changes_nothing_and_what_was_good_stays(folder: Path) -> None:
    kept = folder / "kept.json"
    change(folder, "quick", "name: 值班快报", "name: 本局快报")
    book, problems = load_forms_or_keep(folder, kept)
    assert (book.forms["quick"].name, problems) == ("本局快报", [])
    change(folder, "quick", "name: 本局快报", "nmae: 本局快报")
    book, problems = load_forms_or_keep(folder, kept)
    assert book.forms["quick"].name == "本局快报"
    assert problems
    kept.write_text("{")
    book, problems = load_forms_or_keep(folder, kept)
    assert book == default_forms()


def test_files_that_nobody_touched_are_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = folder / "kept.json"
    first, _problems = load_forms_or_keep(folder, kept)

    def read(directory: Path) -> FormBook:
        raise AssertionError("they were read again")

    monkeypatch.setattr(form_files, "load_forms", read)
    assert load_forms_or_keep(folder, kept) == (first, [])
    change(folder, "quick", "name: 值班快报", "name: 本局快报")
    with pytest.raises(AssertionError, match="read again"):
        load_forms_or_keep(folder, kept)


def test_a_new_desk_has_the_forms_to_edit_and_says_what_is_wrong_with_them(
    rooms: Callable[..., object],
) -> None:
    with rooms("sqlite") as room:  # type: ignore[attr-defined]
        assert isinstance(room, Room)
        forms = room.folder / "config" / "forms"
        assert {path.name for path in forms.glob("*.yaml")} == {path.name for path in SHIPPED.glob("*.yaml")}
        change(forms.parent, "quick", "name: 值班快报", "nmae: 值班快报")
        room.restart()
        assert any("quick.yaml" in one for one in room.ask("Wu", "/readyz")["problems"])
        assert room.parts.forms.forms["quick"].name == "值班快报", "what was in force stays in force"


def test_an_operator_s_words_of_before_the_check_back_stay_good(folder: Path) -> None:
    change(folder, "common", ", check_back: 核查反馈", "")
    book = load_forms(folder)
    assert book.common.stages[Stage.CHECK_BACK] == "核查反馈"
