"""The colours of the screens, computed: everybody can read every text, by day and by night."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parent.parent / "web"


def palette(theme: str) -> dict[str, tuple[float, float, float]]:
    css = (WEB / "static" / "app.css").read_text(encoding="utf-8")
    blocks = [re.search(r":root \{(.*?)\n\}", css, re.S)]
    if theme == "night":
        blocks.append(re.search(r':root\[data-theme="night"\] \{(.*?)\n\}', css, re.S))
    colours: dict[str, tuple[float, float, float]] = {}
    for block in blocks:
        assert block is not None
        for name, value in re.findall(r"--([\w-]+): #([0-9a-f]{6});", block[1]):
            colours[name] = tuple(int(value[at : at + 2], 16) / 255 for at in (0, 2, 4))  # type: ignore[assignment]
    return colours


def _linear(colour: tuple[float, float, float]) -> list[float]:
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]


def contrast(
    one: tuple[float, float, float], other: tuple[float, float, float], *, blind: bool = False
) -> float:
    """WCAG 2.2 contrast; `blind`: as somebody without green cones sees both (Machado et al. 2009)."""
    lights = []
    for colour in (one, other):
        red, green, blue = _linear(colour)
        if blind:
            red, green, blue = (
                0.367322 * red + 0.860646 * green - 0.227968 * blue,
                0.280085 * red + 0.672501 * green + 0.047413 * blue,
                -0.011820 * red + 0.042940 * green + 0.968881 * blue,
            )
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(lights) + 0.05) / (min(lights) + 0.05)


READ = [
    ("ink", "panel"),
    ("ink", "raised"),
    ("ink", "ground"),
    ("dim", "panel"),
    ("dim", "raised"),
    ("dim", "ground"),
]
READ += [("ink", "chosen"), ("ink", "changed"), ("amber-ink", "amber-ground"), ("red-ink", "red-ground")]
READ += [("past-ink", "past-ground"), ("met-ink", "panel"), ("on-primary", "primary"), ("link", "panel")]
READ += [("amber-ink", "panel"), ("red-ink", "ground")]


@pytest.mark.parametrize("theme", ["day", "night"])
@pytest.mark.parametrize(("text", "ground"), READ)
def test_every_text_can_be_read_by_day_and_by_night_by_everybody(theme: str, text: str, ground: str):
    colours = palette(theme)
    assert contrast(colours[text], colours[ground]) >= 6.9  # 7:1, but for rounding
    assert contrast(colours[text], colours[ground], blind=True) >= 4.5


@pytest.mark.parametrize("theme", ["day", "night"])
def test_the_colours_of_the_levels_stand_out_from_the_ground_and_the_empty_cells(theme: str):
    colours = palette(theme)
    for level in ("red", "blue"):
        assert contrast(colours[level], colours["panel"]) >= 3
    for level in ("red", "orange", "blue"):
        assert contrast(colours[level], colours["cell-empty"]) >= 1.4  # and the number of cells says it, too
