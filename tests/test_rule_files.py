"""Which rule file is in force, and what becomes of files that are broken on purpose: they change nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from schemas.terms import Level
from server.config import marked_yaml
from server.config.rulebook import (
    BadRuleFile,
    Rulebook,
    defaults,
    install_defaults,
    load,
    load_or_keep,
)

RULE_FILE = Path(__file__).resolve().parent.parent / "server" / "config" / "rules" / "2025-01-01.yaml"


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return defaults()


def config(tmp_path: Path, **files: str) -> Path:
    """A configuration with the shipped rules under the given days: `d2026_01_01="…"` replaces the text."""
    folder = tmp_path / "rules"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name[1:].replace('_', '-')}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def shipped(day: str = "2025-01-01") -> str:
    return RULE_FILE.read_text(encoding="utf-8").replace(
        "effective_from: 2025-01-01", f"effective_from: {day}"
    )


def test_rules_begin_at_midnight_in_beijing_and_hold_until_the_next_begin(tmp_path):
    book = load(config(tmp_path, d2025_01_01=shipped(), d2026_11_01=shipped("2026-11-01")))
    first, second = book.rule_sets
    assert book.in_force(datetime(2026, 10, 31, 15, 59, 59, tzinfo=UTC)) == first
    assert book.in_force(datetime(2026, 10, 31, 16, 0, 0, tzinfo=UTC)) == second
    assert book.in_force(datetime(2030, 1, 1, tzinfo=UTC)) == second


def test_an_incident_older_than_the_rules_is_counted_by_the_first(tmp_path):
    book = load(config(tmp_path, d2025_01_01=shipped(), d2026_11_01=shipped("2026-11-01")))
    assert book.in_force(datetime(1999, 1, 1, tzinfo=UTC)).effective_from == date(2025, 1, 1)


def test_a_book_comes_back_unchanged_from_its_dump_and_has_the_same_digest():
    book = defaults()
    again = Rulebook.parse(book.dump())
    assert again == book
    assert again.digest == book.digest
    assert again.rule_sets[0].rule("WS-03a").level == (Level.ORDINARY,)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"form": 2, "rule_sets": [1]}', '{"form": 1, "rule_sets": [{}]}']
)
def test_what_is_no_dump_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        Rulebook.parse(text)


def test_a_changed_number_changes_the_digest(tmp_path):
    other = load(config(tmp_path, d2025_01_01=shipped().replace("due_soon_min: 15", "due_soon_min: 20")))
    assert other.digest != defaults().digest


# --- files broken on purpose ------------------------------------------------------------------------------
def broken(old: str, new: str, count: int = 1) -> tuple[str, int]:
    """The shipped file with the first `old` replaced, and the line that the replacement begins on."""
    text = shipped()
    assert old in text, old
    return text.replace(old, new, count), text[: text.index(old)].count("\n") + 1


WS_03A = "  level: [ordinary]\n  trigger: level\n"
BREAKS = {
    "an unknown field": (
        "    cite: 国务院令493号 第三条",
        "    sauce: x\n    cite: 国务院令493号 第三条",
        0,
        "no such field",
    ),
    "a missing field": ("    cite: 森林防火条例 第四十条\n", "", -8, "cite: is missing"),
    "a number as text": ("due_soon_min: 15", 'due_soon_min: "15"', 0, "valid integer"),
    "a negative number": ("due_soon_min: 15", "due_soon_min: -1", 0, "greater than or equal to 0"),
    "an unknown level": (WS_03A, "  level: [terrible]\n  trigger: level\n", 0, "level.0: "),
    "an unknown category": (
        "  category: hazmat\n",
        "  category: hazmats\n",
        0,
        "no category or group hazmats",
    ),
    "an unknown actor": ("  to: [PRV_GOV]\n", "  to: [PRV_GVO]\n", 0, "no actor PRV_GVO"),
    "an unknown fact": ("{forest_ha_ge: 1000,", "{forrest_ha_ge: 1000,", 0, "no fact forrest_ha"),
    "a level below the one beneath": (
        "      major: {dead_ge: 10, poi",
        "      major: {dead_ge: 2, poi",
        0,
        "not above",
    ),
    "a duplicate key": ("due_soon_min: 15", "due_soon_min: 15\ndue_soon_min: 20", 1, "stands here twice"),
    "a duplicate rule": (
        "- id: WS-02\n  origin: WS-02",
        "- id: WS-01\n  origin: WS-01",
        0,
        "stands in rules twice",
    ),
    "a bad indent": ("due_soon_min: 15", " due_soon_min: 15", 0, "expected"),
    "a tab": ("due_soon_min: 15", "\tdue_soon_min: 15", 0, "token"),
    "an alias": ("due_soon_min: 15", "due_soon_min: *minutes", 0, "aliases"),
    "a tag": ("title: 秦皇岛", "title: !!python/name:os.system 秦皇岛", 0, "constructor"),
    "an impossible day": (
        "effective_from: 2025-01-01",
        "effective_from: 2025-02-30",
        0,
        "day is out of range",
    ),
    "a day other than the name's": (
        "effective_from: 2025-01-01",
        "effective_from: 2025-03-01",
        0,
        "name says",
    ),
    "a clock time without quotes": ('{cutoff: "09:00"}', "{cutoff: 9:00}", 0, "cutoff"),
    "no reason for a silent rule": ("  why_not: 企业的义务，本系统不计时\n", "", -10, "why_not"),
    "a word where a list is": ("prompts:\n", "prompts: none\nprompts_were:\n", 0, "prompts: "),
    "an unknown table": ("final: work_safety}", "final: work_safty}", 0, "no grading table work_safty"),
    "two kinds of limit": (
        "  deadline_days: 5\n",
        "  deadline_days: 5\n  deadline_min: 3\n",
        1,
        "not several",
    ),
    "a future schema": ("schema_version: 1", "schema_version: 2", 0, "schema_version"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_file_is_named_by_line_and_reason_and_the_rules_in_force_stay(tmp_path, book, what):
    old, new, further, reason = BREAKS[what]
    text, line = broken(old, new)
    last_good = tmp_path / "last-good.json"
    last_good.write_text(book.dump(), encoding="utf-8")
    config(tmp_path, d2025_01_01=text)

    with pytest.raises(BadRuleFile) as caught:
        load(tmp_path)
    kept, problems = load_or_keep(tmp_path, last_good)

    named = [problem for problem in caught.value.problems if problem.line == line + further]
    assert named, f"expected line {line + further}: {caught.value}"
    assert any(reason in problem.reason for problem in named), str(caught.value)
    assert all(Path(problem.path).name == "2025-01-01.yaml" for problem in problems)
    assert problems == list(caught.value.problems)
    assert kept == book


def test_all_wrong_places_are_named_at_once(tmp_path):
    text = shipped().replace("due_soon_min: 15", "due_soon_min: soon", 1)
    text = text.replace("limit_min: 60 ", "limit_min: -60 ", 1).replace("opens: true", "opens: maybe", 1)
    with pytest.raises(BadRuleFile) as caught:
        load(config(tmp_path, d2025_01_01=text))
    lines = text.splitlines()
    for wrong in ("due_soon_min: soon", "limit_min: -60", "opens: maybe"):
        number = next(i for i, one in enumerate(lines, 1) if wrong in one)
        assert number in {problem.line for problem in caught.value.problems}
    assert str(caught.value).count("2025-01-01.yaml:") == 3


def test_one_bad_file_among_good_ones_keeps_the_whole_last_book(tmp_path):
    last_good = tmp_path / "last-good.json"
    last_good.write_text(defaults().dump(), encoding="utf-8")
    config(
        tmp_path,
        d2025_01_01=shipped().replace("due_soon_min: 15", "due_soon_min: 20"),
        d2027_01_01="rules: [",
    )
    book, problems = load_or_keep(tmp_path, last_good)
    assert book.rule_sets[0].due_soon_min == 15
    assert {Path(problem.path).name for problem in problems} == {"2027-01-01.yaml"}


def test_without_a_last_good_book_the_shipped_rules_hold(tmp_path):
    config(tmp_path, d2025_01_01="")
    for last_good in (None, tmp_path / "never-written.json"):
        book, problems = load_or_keep(tmp_path, last_good)
        assert book == defaults()
        assert [(problem.line, problem.reason) for problem in problems] == [(1, "is empty")]


def test_a_spoilt_last_good_book_is_named_and_the_shipped_rules_hold(tmp_path):
    config(tmp_path, d2025_01_01="")
    last_good = tmp_path / "last-good.json"
    last_good.write_text("{", encoding="utf-8")
    book, problems = load_or_keep(tmp_path, last_good)
    assert book == defaults()
    assert [Path(problem.path).name for problem in problems] == ["2025-01-01.yaml", "last-good.json"]


def test_a_good_file_after_a_bad_one_comes_into_force(tmp_path):
    config(tmp_path, d2025_01_01=shipped().replace("due_soon_min: 15", "due_soon_min: 20"))
    book, problems = load_or_keep(tmp_path, None)
    assert (book.rule_sets[0].due_soon_min, problems) == (20, [])


def test_a_folder_without_rules_and_a_file_with_the_wrong_ending_are_named(tmp_path):
    with pytest.raises(BadRuleFile, match="holds no rule file"):
        load(tmp_path)
    folder = config(tmp_path, d2025_01_01=shipped()) / "rules"
    (folder / "2026-01-01.yml").write_text("x")
    (folder / ".2025-01-01.yaml.swp.yaml").write_text("an editor's droppings")
    with pytest.raises(BadRuleFile) as caught:
        load(tmp_path)
    assert [Path(one.path).name for one in caught.value.problems] == ["2026-01-01.yml"]


def test_a_file_that_is_too_large_or_not_utf8_or_a_bomb_is_refused(tmp_path):
    folder = config(tmp_path, d2025_01_01="#" * (marked_yaml.MAX_BYTES + 1)) / "rules"
    with pytest.raises(BadRuleFile, match="larger than 1024 KiB"):
        load(tmp_path)
    (folder / "2025-01-01.yaml").write_bytes(b"schema_version: 1\n# \xff\xfe\n")
    with pytest.raises(BadRuleFile, match="UTF-8") as caught:
        load(tmp_path)
    assert caught.value.line == 2
    config(tmp_path, d2025_01_01="a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")
    with pytest.raises(BadRuleFile, match="aliases") as caught:
        load(tmp_path)
    assert caught.value.line == 2
    config(tmp_path, d2025_01_01="[" * 100_000)
    with pytest.raises(BadRuleFile, match="nested too deeply"):
        load(tmp_path)
    config(tmp_path, d2025_01_01="title: a\x07b\n")
    with pytest.raises(BadRuleFile, match="a character that YAML forbids"):
        load(tmp_path)


def test_a_byte_order_mark_from_a_windows_editor_is_no_fault(tmp_path):
    config(tmp_path, d2025_01_01="﻿" + shipped())
    assert load(tmp_path) == defaults()


# --- installing -------------------------------------------------------------------------------------------
def test_the_shipped_files_are_put_where_the_operator_edits_them_and_never_overwritten(tmp_path):
    written = install_defaults(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in written} == {
        "units.csv",
        "calendar.yaml",
        "channels.yaml",
        "map.yaml",
        "README.md",
        "rules/2025-01-01.yaml",
        *(f"forms/{name}.yaml" for name in ("common", "daily", "loss", "quick", "special")),
    }
    assert load(tmp_path) == defaults()

    (tmp_path / "units.csv").write_text("the operator's own")
    (tmp_path / "rules" / "2025-01-01.yaml").rename(tmp_path / "rules" / "2026-05-01.yaml")
    assert install_defaults(tmp_path) == []
    assert (tmp_path / "units.csv").read_text() == "the operator's own"
    assert [path.name for path in (tmp_path / "rules").iterdir()] == ["2026-05-01.yaml"]
