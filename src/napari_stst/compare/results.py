"""What was measured: a tab for each kind, with its courses, and its table on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QSplitter, QStackedWidget, QTabWidget, QWidget

from napari_stst.compare.time_plots import CoursePlot
from napari_stst.compare.value_table import ValueTableView
from napari_stst.widgets.dialogs import ask
from napari_stst.widgets.wording import word_for_form
from stst.analysis.tables import table, write_table
from stst.errors import InputError, StstError
from stst.video import sidecar_path

if TYPE_CHECKING:
    from napari_stst.background.measurements import Measurement
    from napari_stst.widgets.theme import Colors

_EMPTY = (
    "Choose a natural clip, and tick what is to be compared with it.\n"
    "The courses of its features will be here; click in them to go to a frame."
)
_SUFFIXES = (".csv", ".parquet", ".json")
_FILTER = "CSV (*.csv);;Parquet (*.parquet);;JSON (*.json)"


class Results(QStackedWidget):
    """Tabs of courses, or words where there are none.

    Parameters
    ----------
    colors
        Of the viewer's theme; all plots have them.
    """

    #: A frame of the natural clip that was chosen in a plot.
    frame_chosen = Signal(int)

    def __init__(self, colors: Colors) -> None:
        super().__init__()
        self.colors = colors
        self.measured: dict[str, Measurement] = {}
        self.plots: dict[str, CoursePlot] = {}
        self.tables: dict[str, ValueTableView] = {}
        self._pages: dict[str, QWidget] = {}
        self.tabs = QTabWidget()
        empty = QLabel(_EMPTY)
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        empty.setWordWrap(True)
        self.addWidget(empty)
        self.addWidget(self.tabs)

    def show_measured(
        self,
        title: str,
        measured: Measurement,
        labels: Sequence[str],
        seconds: float | None,
        frame: float,
    ) -> None:
        """Show what was measured, in place of what the tab of that title had.

        Parameters
        ----------
        title
            Of the tab.
        measured
            Its courses and rows.
        labels
            Of the clips by their place.
        seconds
            From one frame of the natural clip to the next, if that is known.
        frame
            Where the cursor is.
        """
        self.measured[title] = measured
        if title not in self._pages:
            self._add_page(title, measured)
        plot = self.plots[title]
        plot.set_cursor(frame)
        plot.show_panels(measured.panels, labels, seconds, measured.verdicts)
        if measured.values is not None:
            plot.setVisible(bool(measured.panels))
            self.tables[title].show_values(measured.values, labels)
        self.tabs.setCurrentWidget(self._pages[title])
        self.setCurrentWidget(self.tabs)

    def _add_page(self, title: str, measured: Measurement) -> None:
        """Make courses, with a table beside them where there is one."""
        plot = CoursePlot(self.colors)
        plot.frame_chosen.connect(self.frame_chosen)
        self.plots[title] = plot
        self._pages[title] = plot
        if measured.values is not None:
            self.tables[title] = ValueTableView(self.colors)
            self._pages[title] = page = QSplitter(Qt.Orientation.Horizontal)
            page.addWidget(plot)
            page.addWidget(self.tables[title])
            page.setSizes([1, 1])
        self.tabs.addTab(self._pages[title], title)

    def forget(self) -> None:
        """Show nothing."""
        self.measured.clear()
        self.tabs.clear()
        for page in self._pages.values():
            page.deleteLater()
        for known in (self.plots, self.tables, self._pages):
            known.clear()
        self.setCurrentIndex(0)

    def set_cursor(self, frame: float) -> None:
        """Bring all cursors to a frame of the natural clip."""
        for plot in self.plots.values():
            plot.set_cursor(frame)

    def set_colors(self, colors: Colors) -> None:
        """Follow another theme."""
        self.colors = colors
        for plot in self.plots.values():
            plot.set_colors(colors)
        for view in self.tables.values():
            view.set_colors(colors)

    def save(self, path: Path, clips: Iterable[Path]) -> None:
        """Write the rows of the shown tab as a table; an existing file is replaced.

        Parameters
        ----------
        path
            Its suffix says the format, see `stst.analysis.tables.write_table`.
        clips
            Those whose sidecars must stay.

        Raises
        ------
        StstError
            If the table cannot be written there.
        """
        for clip in clips:
            if sidecar_path(clip).resolve() == path.resolve():
                raise InputError(
                    f"{path}: the sidecar of {clip} has this name. Choose another one for the "
                    "table."
                )
        shown = self.tabs.tabText(self.tabs.currentIndex())
        write_table(table(self.measured[shown].rows), path, overwrite=True)

    def ask_and_save(self, folder: Path, name: str, clips: Iterable[Path]) -> None:
        """Ask where the table of the shown tab is to be, and write it; see `save`.

        Parameters
        ----------
        folder
            Where the asking begins.
        name
            Proposed, without a suffix.
        clips
            As `save` has them.
        """
        # asked below, where the whole name is known
        path, kind = QFileDialog.getSaveFileName(
            self, "Save the table", str(folder / f"{name}.csv"), _FILTER,
            options=QFileDialog.Option.DontConfirmOverwrite,
        )  # fmt: skip
        if not path:
            return
        known = path.lower().endswith(_SUFFIXES)
        target = Path(path if known else path + kind[kind.rindex("*") + 1 : -1])
        if os.path.lexists(target) and not self._may_replace(target):
            return
        try:
            self.save(target, clips)
        except StstError as error:
            show_error(word_for_form(str(error)))

    def _may_replace(self, path: Path) -> bool:
        answers = ("Replace it", "Cancel")
        return ask(self, "Save the table", f"{path} exists.", answers, default=1) == answers[0]
