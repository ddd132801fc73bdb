"""Colours of plots that go with the viewer's theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.utils.theme import get_theme

from stst.figures.style import NATURAL, clip_color

if TYPE_CHECKING:
    from napari import Viewer


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


def colors_of(viewer: Viewer) -> Colors:
    """Give the colours of a viewer's theme."""
    theme = get_theme(viewer.theme)

    def text(color: object) -> str:
        return str(color.as_hex("long"))[:7]  # type: ignore[attr-defined]

    return Colors(text(theme.background), text(theme.text), text(theme.secondary))
