"""Showing files in the system's own programs."""

from __future__ import annotations

from pathlib import Path

from napari.utils.notifications import show_warning
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices


def open_in_system_program(path: Path) -> None:
    """Open a folder or a page; the user is told where it is if nothing opens it.

    Parameters
    ----------
    path
        Of what is there.
    """
    path = path.absolute()
    if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        show_warning(f"No program was found that opens it: {path}")
