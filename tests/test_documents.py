"""What is published about the wire is what the classes say, what is kept, and what a running desk serves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas import events, terms
from schemas.commands import COMMANDS
from schemas.documents import README_BEGINS, README_ENDS, asyncapi, openapi, tables
from schemas.fields import Facts
from schemas.terms import Post
from server.domain.permissions import may
from tests.product import ROOT, FenghuoProcess

KEPT = ROOT / "schemas"
REMEDY = "run scripts/documents"


@pytest.mark.parametrize(("name", "made"), [("openapi.json", openapi()), ("asyncapi.json", asyncapi())])
def test_the_kept_documents_are_those_that_the_classes_make(name: str, made: bytes) -> None:
    assert (KEPT / name).read_bytes() == made, REMEDY


def test_the_tables_of_the_readme_are_those_that_the_classes_make() -> None:
    text = (KEPT / "README.md").read_text(encoding="utf-8")
    assert text.partition(README_BEGINS)[2].partition(README_ENDS)[0].strip() == tables().strip(), REMEDY


@pytest.mark.parametrize("name", ["openapi.json", "asyncapi.json"])
def test_a_running_desk_serves_the_kept_documents(desk: FenghuoProcess, name: str) -> None:
    with desk.client("Wu") as client:
        assert client.get(f"/api/v1/{name}").content == (KEPT / name).read_bytes()


def test_every_command_is_in_the_document_with_its_body() -> None:
    paths: dict[str, Any] = json.loads(openapi())["paths"]
    drawn = {path.removeprefix("/commands/") for path in paths if path.startswith("/commands/")}
    assert drawn == set(COMMANDS)


def test_every_reference_of_the_documents_leads_somewhere() -> None:
    for made in (openapi(), asyncapi()):
        document = json.loads(made)
        wanted = {
            line.split('"')[3] for line in made.decode().splitlines() if line.strip().startswith('"$ref"')
        }
        assert wanted
        for reference in wanted:
            found = document
            for step in reference.removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/")]


def test_the_duty_officer_may_do_whatever_can_be_done_and_those_who_only_read_nothing() -> None:
    for name in COMMANDS:
        assert may(Post.DUTY_OFFICER, name)
        assert not any(may(post, name) for post in (Post.LEADERSHIP, Post.AUDITOR, Post.ADMIN))


def test_every_event_has_its_sentence_in_both_languages() -> None:
    for lang in ("zh", "en"):
        said = json.loads((ROOT / "web" / "i18n" / f"{lang}.json").read_text(encoding="utf-8"))
        text = " ".join(said)
        own_words = {"entry_added"}  # shown as the person wrote it, under the name of its kind
        missing = [name for name in events.EVENTS if name not in text and name not in own_words]
        assert not missing, f"{lang}.json has no sentence for {missing}"


def test_facts_are_the_terms_that_the_trade_has_for_them() -> None:
    assert tuple(Facts.model_fields) == terms.FACTS
