"""Entries of napari's menus that open our widgets."""

from __future__ import annotations

from napari import Viewer

from napari_stst.docks import PLUGIN


def open_generate(viewer: Viewer) -> None:
    """Open the widget that makes metamers."""
    viewer.window.add_plugin_dock_widget(PLUGIN, "Generate (STST)")


def open_scramble(viewer: Viewer) -> None:
    """Open the widget that scrambles phases."""
    viewer.window.add_plugin_dock_widget(PLUGIN, "Scramble (STPS)")


def open_leaps(viewer: Viewer) -> None:
    """Open the widget that inverts video classifiers."""
    viewer.window.add_plugin_dock_widget(PLUGIN, "Invert (LEAPS)")


def open_compare(viewer: Viewer) -> None:
    """Open the widget that compares clips."""
    viewer.window.add_plugin_dock_widget(PLUGIN, "Compare")
