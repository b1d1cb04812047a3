"""The words of the screens, and the templates that they stand in."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from schemas.terms import Post
from server.screens.texts import FOLDER, Texts

ROOT = Path(__file__).resolve().parent.parent
TEXTS = Texts()


def test_every_text_is_there_in_both_languages_with_the_same_gaps():
    chinese, english = (
        json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8")) for language in ("zh", "en")
    )
    assert list(chinese) == list(english), "in the same order, so that they are read side by side"
    for slug, text in chinese.items():
        assert bool(text.strip()) == bool(english[slug].strip()), slug
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", english[slug])), slug


def test_a_text_that_only_one_language_has_stops_the_start(tmp_path: Path):
    (tmp_path / "zh.json").write_text('{"a": "甲"}')
    (tmp_path / "en.json").write_text("{}")
    with pytest.raises(ValueError, match="only one language has: a"):
        Texts(tmp_path)


def test_every_text_that_a_template_or_a_refusal_names_exists():
    missing = []
    for template in sorted((ROOT / "web" / "templates").rglob("*.html")):
        named = re.findall(r"\bt\(\s*'([\w.]+)'\s*[,)]", template.read_text(encoding="utf-8"))
        missing += [f"{template.name}: {slug}" for slug in named if slug not in TEXTS.of["zh"]]
    for module in sorted((ROOT / "server").glob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "AccountRefused":
                slug = f"refused.{ast.literal_eval(node.args[0])}"
                missing += [f"{module.name}: {slug}"] if slug not in TEXTS.of["zh"] else []
    missing += [f"post.{post}" for post in Post if f"post.{post}" not in TEXTS.of["zh"]]
    assert missing == []


def test_templates_hold_no_script_no_style_and_nothing_that_switches_escaping_off():
    for template in sorted((ROOT / "web" / "templates").rglob("*.html")):
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=|javascript:", text), (
            template.name
        )
        assert not re.search(r"\|\s*safe\b|Markup|autoescape", text), template.name


# ---------------------------------------------------------------- punctuation (GB/T 15834)

HAN = "\u3400-\u9fff"
#: A mark of half a width beside Chinese. A key that is pressed (`?`), a clock and a number's comma are none.
HALF = re.compile(
    rf"[{HAN}”）][ ]?[,:;(]|[{HAN}”）][!?]|[,:;)!][ ]?[{HAN}“（]|[{HAN}][ ]?\}}?\)"
    rf"|}}[,:;(][ ]?(?=[{HAN}{{]|$)|}}\?$"
)
GAP = re.compile(r"[，。：；？！（）、] | [，。：；？！（）、]")


def strings_of(module: Path) -> list[str]:
    """A module's strings that are more Chinese than not; what stands in a docstring is for us."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    docs = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    found = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]
    return [
        one
        for one in found
        if not re.search(r"\(\?|\(\[", one)
        and len(re.findall(rf"[{HAN}]", one)) > len(re.findall(r"[A-Za-z]", one))
    ]


def test_what_is_half_a_width_beside_chinese_is_found():
    wrong = [
        "不明, 待查",
        "说明: {text}",
        "已停用({since})",
        "{name},请",
        "仍要退出?",
        "数字(人)",
        "甲;乙",
        "好!",
    ]
    assert [one for one in wrong if not HALF.search(one)] == []
    right = [
        "截至 08:30，{name}：在岗（{count} 人）",
        "空为未说，? 为核实中",
        "GB/T 9704：A4",
        "1,284 人",
        "甲；乙？",
    ]
    assert [one for one in right if HALF.search(one) or GAP.search(one)] == []


def test_chinese_has_chinese_punctuation_on_every_screen_in_every_sentence_and_document():
    said = list(TEXTS.of["zh"].values())
    modules = [ROOT / "server" / name for name in ("sentences.py", "domain/alarming.py", "record/alarms.py")]
    for module in [*modules, *sorted((ROOT / "server" / "screens").glob("*.py"))]:
        said += strings_of(module)
    for file in sorted((ROOT / "server" / "config").glob("rules/*.yaml")):
        said += re.findall(r"^\s+(?:text|note): ([^\"'{].*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    for file in sorted((ROOT / "server" / "config").glob("forms/*.yaml")):
        said += re.findall(r'"([^"\n]+)"', file.read_text(encoding="utf-8"))
    assert len(said) > 1_500
    assert [one for one in said if HALF.search(one) or (GAP.search(one) and one.strip() == one)] == []
