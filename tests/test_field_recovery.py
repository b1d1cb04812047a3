"""A PIN that is forgotten: what waited is carried away sealed, and opened with the key from the safe."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from server.people.recovery import NotOpened, bundles_of, new_pair, read_private
from tests import words
from tests.product import FenghuoProcess
from tests.tablet import LINE, at, note, sign_in

pytestmark = [pytest.mark.timeout(150)]

#: Five wrong ones, and signed in anew since.
SPENT = """async () => {
  const database = await new Promise((done) => {
    const asked = indexedDB.open("fenghuo-lock");
    asked.onsuccess = () => done(asked.result);
  });
  const transaction = database.transaction("locks", "readwrite"), locks = transaction.objectStore("locks");
  const asked = locks.openCursor();
  asked.onsuccess = ({ target: { result: cursor } }) => {
    if (!cursor) return;
    cursor.update({ ...cursor.value, wrong: 5, wrongAt: 1, isSignedOut: true });
    cursor.continue();
  };
  await new Promise((done) => { transaction.oncomplete = done; });
  database.close();
}"""


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the two halves lie."""
    return tmp_path_factory.mktemp("safe")


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess], safe: Path) -> Iterator[FenghuoProcess]:
    pair = ("--tablet-recovery-key", str(safe / "recovery.pub"))
    desk: FenghuoProcess = furnish("sqlite", arguments=pair)
    assert desk._run("recovery-key", str(safe), given=None).returncode == 0
    desk.start()
    yield desk
    desk.stop()


def texts(desk: FenghuoProcess, incident: str) -> list[str]:
    entries = desk.ask("Li", f"incidents/{incident}")["entries"]
    return [one["event"]["text"] for one in entries if one["event"]["type"] == "entry_added"]


@pytest.mark.browser
async def test_what_waited_behind_a_forgotten_pin_reaches_the_log_once_by_the_key_from_the_safe(
    page: Page, desk: FenghuoProcess, safe: Path
) -> None:
    body = words.open_incident(known_at=words.just_now(60), occurred_at=...)
    assert desk.tell("Li", "open-incident", body).status_code == 200
    incident = str(body["incident_id"])
    assert oct((safe / "recovery.key").stat().st_mode & 0o777) == "0o600"
    await sign_in(page, desk, "Song")
    await at(page, incident)
    await page.context.set_offline(True)
    for text in ("桥面塌陷", "三人被困"):
        await note(page, text)
    await page.evaluate(SPENT)
    await page.reload()
    await page.context.set_offline(False)
    door = page.locator("#door")
    await page.get_by_role("button", name="忘了 PIN").click(timeout=LINE)
    await expect(door).to_contain_text("其中 2 条还没有发出")
    async with page.expect_download() as coming:
        await page.click("[data-seal=save]")
    sealed = safe / "song.sealed"
    await (await coming.value).save_as(sealed)
    assert "塌陷" not in sealed.read_text()
    await page.get_by_role("button", name="丢掉并重设").click()
    await expect(door).to_have_attribute("data-mode", "choose")
    assert texts(desk, incident) == []

    done = desk._run("unseal", str(sealed), "--key", str(safe / "recovery.key"), given=None)
    assert done.returncode == 0, done
    bundle = (safe / "song.1.fenghuo").read_bytes()
    with desk.client("Li") as client:
        for replayed in (False, True):
            told = client.post(
                "/api/v1/bundles", content=bundle, headers={"Content-Type": "application/x-ndjson"}
            ).json()
            assert [(one["status"], one["replayed"]) for one in told["results"]] == [(200, replayed)] * 2
    assert texts(desk, incident) == ["桥面塌陷", "三人被困"]
    entries = desk.ask("Li", f"incidents/{incident}")["entries"]
    written = next(one for one in entries if one["event"]["type"] == "entry_added")
    assert (written["by"], written["via"]["way"]) == ("Song", "bundle")
    opens_for_nobody_else(sealed.read_text(), (safe / "recovery.key").read_bytes())


def opens_for_nobody_else(text: str, pem: bytes) -> None:
    other, _public = new_pair()
    with pytest.raises(NotOpened, match="another recovery key"):
        bundles_of(text, read_private(other))
    said: dict[str, Any] = json.loads(text)
    for bent in (
        said | {"person_id": words.new_id()},
        said | {"deeds": [said["deeds"][0] | {"iv": said["deeds"][1]["iv"]}]},
        said | {"recovery": said["recovery"] | {"point": said["tablet"]["data"]}},
    ):
        with pytest.raises(NotOpened, match="changed on the way"):
            bundles_of(json.dumps(bent), read_private(pem))
    for nothing in ("", "{}", json.dumps(said | {"fenghuo": "sealed/2"})):
        with pytest.raises(NotOpened, match="no sealed file"):
            bundles_of(nothing, read_private(pem))


def test_what_is_no_recovery_key_is_said_to_be_none() -> None:
    for pem in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        with pytest.raises(NotOpened, match="no recovery key"):
            read_private(pem)
