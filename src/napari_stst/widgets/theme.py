"""Colours of plots that go with the viewer's theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.utils.theme import get_theme

from stst.figures.style import NATURAL, clip_color

if TYPE_CHECKING:
    from napari import Viewer


#: Vermilion of Okabe and Ito: frames and words of what is wrong.
WRONG = "#D55E00"

_LEGIBLE = 4.5  # contrast of text, as WCAG 2.1 has it for AA
_SHADES = 20


@dataclass(frozen=True)
class Colors:
    """Colours as ``#RRGGBB``.

    Attributes
    ----------
    background, text, lines
        Of a plot: behind it, its words, its axes.
    """

    background: str
    text: str
    lines: str

    def clip(self, place: int) -> str:
        """Give the colour of a clip by its place, as in the figures; 0 is the natural one."""
        color = clip_color(place)
        return self.text if color == NATURAL else color

    @property
    def wrong(self) -> str:
        """Vermilion for words, as much of it as can be read on the background."""
        pure, text = _channels(WRONG), _channels(self.text)
        for shade in range(_SHADES + 1):
            share = shade / _SHADES
            mixed = [round(a + share * (b - a)) for a, b in zip(pure, text, strict=True)]
            color = "#{:02x}{:02x}{:02x}".format(*mixed)
            if contrast(color, self.background) >= _LEGIBLE:
                break
        return color


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours, 1 to 21, as WCAG 2.1 defines it.

    Parameters
    ----------
    one, other
        As ``#RRGGBB``.
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _channels(color: str) -> list[int]:
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]


def _luminance(color: str) -> float:
    shares = [value / 255 for value in _channels(color)]
    red, green, blue = (
        one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def colors_of(viewer: Viewer) -> Colors:
    """Give the colours of a viewer's theme."""
    theme = get_theme(viewer.theme)

    def text(color: object) -> str:
        return str(color.as_hex("long"))[:7]  # type: ignore[attr-defined]

    return Colors(text(theme.background), text(theme.text), text(theme.secondary))
