"""Entries of napari's menus that open our widgets."""

from __future__ import annotations

from napari import Viewer

from napari_stst.viewer.docks import open_widget


def open_generate(viewer: Viewer) -> None:
    """Open the widget that makes metamers."""
    open_widget(viewer, "Generate (STST)")


def open_scramble(viewer: Viewer) -> None:
    """Open the widget that scrambles phases."""
    open_widget(viewer, "Scramble (STPS)")


def open_leaps(viewer: Viewer) -> None:
    """Open the widget that inverts video classifiers."""
    open_widget(viewer, "Invert (LEAPS)")


def open_compare(viewer: Viewer) -> None:
    """Open the widget that compares clips."""
    open_widget(viewer, "Compare")
