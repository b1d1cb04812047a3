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
