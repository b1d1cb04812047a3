"""The operator's names of groups on the spot (工作组), `scene_groups.yaml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml


@cache
def group_names(lang: str) -> tuple[str, ...]:
    """What forms offer; whatever else is typed is taken too."""
    text = (Path(__file__).parent / "scene_groups.yaml").read_text(encoding="utf-8")
    return tuple(str(one[lang]) for one in yaml.safe_load(text))
