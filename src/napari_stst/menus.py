"""Entries of napari's menus that open our widgets."""

from __future__ import annotations

from napari import Viewer

_PLUGIN = "napari-stst"


def open_generate(viewer: Viewer) -> None:
    """Open the widget that makes metamers."""
    viewer.window.add_plugin_dock_widget(_PLUGIN, "Generate (STST)", tabify=True)


def open_scramble(viewer: Viewer) -> None:
    """Open the widget that scrambles phases."""
    viewer.window.add_plugin_dock_widget(_PLUGIN, "Scramble (STPS)", tabify=True)


def open_compare(viewer: Viewer) -> None:
    """Open the widget that compares clips."""
    viewer.window.add_plugin_dock_widget(_PLUGIN, "Compare")
