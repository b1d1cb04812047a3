"""The tablet where nothing works, in short: bad lines (E08), days without any (E09), no battery (E10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drill import catalogue, machine
from tests.drill.experiment import EXPERIMENTS, short_form

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


catalogue.load()


@pytest.mark.parametrize("name", ["E08", "E09", "E10"])
def test_the_tablet_holds_what_it_promised(name: str, tmp_path: Path) -> None:
    if lacking := machine.lacking(EXPERIMENTS[name].needs, may_install=False):
        pytest.skip(f"{lacking}: no tablet is tried. Remedy: apt-get install chromium")
    short_form(name, tmp_path)
