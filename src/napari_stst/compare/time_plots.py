"""Courses of measures over the frames of a clip, with a cursor that goes with the slider."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QFont, QFontMetrics
from qtpy.QtWidgets import QGraphicsItem, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from stst.figures import Panel, TimeSeries
from stst.figures.curves import TURN, axis_limits
from stst.figures.style import DASHES, FEW, SHADE, THIN, WIDE, dash_of, shorten_label

if TYPE_CHECKING:
    from napari_stst.widgets.theme import Colors

_DASHES = {
    "-": Qt.PenStyle.SolidLine,
    "--": Qt.PenStyle.DashLine,
    ":": Qt.PenStyle.DotLine,
    "-.": Qt.PenStyle.DashDotLine,
}
_WIDTH, _HEIGHT = 185, 130  # of a panel in pixels, at least
_WIDEST, _BESIDE = 320, 12  # of a title, at most, and of what is beside it
_VERDICTS = 90  # pixels of height that they take at most
_CURSOR = "#E03C31"


class _Scrub(pg.ViewBox):
    """A panel in which a click or a drag chooses a frame; it neither zooms nor pans."""

    def __init__(self, chosen: Any) -> None:
        super().__init__(enableMenu=False, enableMouse=False)
        self._chosen = chosen

    def mouseClickEvent(self, event: Any) -> None:
        self._choose(event)

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:
        self._choose(event)

    def wheelEvent(self, event: Any, axis: Any = None) -> None:
        event.ignore()

    def _choose(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self._chosen(self.mapSceneToView(event.scenePos()).x())


class _Axis(pg.AxisItem):
    """An axis whose numbers are short, whatever their size."""

    def tickStrings(self, values: Any, scale: float, spacing: float) -> list[str]:
        return [f"{value * scale:.3g}" for value in values]


class _FrameAxis(_Axis):
    """An axis that counts: there is nothing between two frames."""

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        levels = super().tickSpacing(low, high, size)
        return [(step, start) for step, start in levels if step >= 1 and step % 1 == 0] or [(1, 0)]


class CoursePlot(QWidget):
    """Panels in a row, one for each measure; all have the same frames and one cursor.

    Parameters
    ----------
    colors
        Of the viewer's theme.
    """

    #: A frame of the natural clip that was clicked at, or dragged to.
    frame_chosen = Signal(int)

    def __init__(self, colors: Colors) -> None:
        super().__init__()
        self.colors = colors
        self.panels: tuple[Panel, ...] = ()
        self.labels: tuple[str, ...] = ()
        self.plots: list[Any] = []
        self.cursors: list[Any] = []
        self.cursor = 0.0
        self._chosen: int | None = None
        self._seconds: float | None = None
        self.legend, self.readout = QLabel(), QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        # long names take another line, and do not make the window wider
        self.legend.setWordWrap(True)
        self.legend.setMinimumWidth(1)
        self.readout.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.readout.setFixedWidth(130)
        self.graphics = pg.GraphicsLayoutWidget()
        self.graphics.ci.setContentsMargins(0, 0, 0, 0)
        self.graphics.ci.setSpacing(2)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(self.graphics)
        # what the courses say, below them; more than fits is scrolled
        self.verdicts = QLabel()
        self.verdicts.setTextFormat(Qt.TextFormat.PlainText)
        self.verdicts.setWordWrap(True)
        self.verdicts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.below = QScrollArea()
        self.below.setWidgetResizable(True)
        self.below.setFrameShape(QScrollArea.Shape.NoFrame)
        self.below.setWidget(self.verdicts)
        self.below.setMaximumHeight(_VERDICTS)
        self.below.hide()
        above = QHBoxLayout()
        above.addWidget(self.legend, 1)
        above.addWidget(self.readout)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(above)
        layout.addWidget(area, 1)
        layout.addWidget(self.below)
        self._draw()

    def show_panels(
        self,
        panels: Sequence[Panel],
        labels: Sequence[str],
        seconds: float | None = None,
        verdicts: Sequence[str] = (),
    ) -> None:
        """Draw other courses.

        Parameters
        ----------
        panels
            One for each measure.
        labels
            Of the clips by their place.
        seconds
            From one frame of the natural clip to the next.
        verdicts
            What the courses say, a line each.
        """
        self.verdicts.setText("\n".join(verdicts))
        self.below.setVisible(bool(verdicts))
        self.panels, self.labels, self._seconds = tuple(panels), tuple(labels), seconds
        self._draw()

    def set_colors(self, colors: Colors) -> None:
        """Follow another theme."""
        self.colors = colors
        self._draw()

    def set_cursor(self, frame: float) -> None:
        """Bring the cursor to a frame of the natural clip."""
        if frame == self.cursor:
            return
        self.cursor = frame
        # panels that nobody sees cost nothing; they catch up when they are shown
        if self.isVisible():
            self._move_cursors()

    def showEvent(self, event: Any) -> None:
        """Catch up with the slider."""
        super().showEvent(event)
        self._move_cursors()

    def _move_cursors(self) -> None:
        for cursor in self.cursors:
            cursor.setPos(self.cursor)
        if self.panels:
            time = "" if self._seconds is None else f" · {self.cursor * self._seconds:.3f} s"
            self.readout.setText(f"frame {self.cursor:g}{time}")

    def _choose(self, where: float) -> None:
        first, last = self.span()
        frame = int(np.clip(round(where), first, last))
        if frame != self.cursor:
            self.frame_chosen.emit(frame)

    def span(self) -> tuple[float, float]:
        """Give the first and the last frame that any course has."""
        numbers = [one.frames for panel in self.panels for one in panel.series if len(one.frames)]
        if not numbers:
            return 0.0, 0.0
        return float(min(one[0] for one in numbers)), float(max(one[-1] for one in numbers))

    def _draw(self) -> None:
        self.graphics.ci.clear()
        self.graphics.setBackground(self.colors.background)
        self.plots, self.cursors = [], []
        width = self._width()
        for place, panel in enumerate(self.panels):
            plot = self._panel(panel)
            self.graphics.ci.addItem(plot, row=0, col=place)
            # titles of different length would make panels of different width
            self.graphics.ci.layout.setColumnPreferredWidth(place, width)
            self.graphics.ci.layout.setColumnStretchFactor(place, 1)
            self.plots.append(plot)
        self.graphics.setMinimumSize(width * len(self.plots), _HEIGHT)
        self.legend.setText(self._legend())
        self.readout.clear()
        self._move_cursors()

    def _width(self) -> int:
        """Give the width of all panels, in which the longest title has room."""
        advance = _title_metrics().horizontalAdvance
        longest = max((advance(one.heading) for one in self.panels), default=0)
        return max(_WIDTH, min(longest, _WIDEST) + _BESIDE)

    def _panel(self, panel: Panel) -> Any:
        axes = {"left": _Axis("left"), "bottom": _FrameAxis("bottom")}
        plot = pg.PlotItem(viewBox=_Scrub(self._choose), axisItems=axes)
        plot.hideButtons()
        plot.setMenuEnabled(False)
        # what is longer than all that fits is shown as a tip
        title = _title_metrics().elidedText(panel.heading, Qt.TextElideMode.ElideMiddle, _WIDEST)
        plot.setTitle(escape(title), size="8pt", color=self.colors.text)
        plot.titleLabel.setToolTip(panel.heading)
        # over the axis, too
        plot.layout.removeItem(plot.titleLabel)
        plot.layout.addItem(plot.titleLabel, 0, 0, 1, 3)
        plot.titleLabel.setMaximumHeight(20)
        plot.layout.setRowFixedHeight(0, 20)
        font = QFont()
        font.setPointSize(7)
        for axis in axes.values():
            axis.setPen(pg.mkPen(self.colors.lines))
            axis.setTextPen(pg.mkPen(self.colors.text))
            axis.setTickFont(font)
            axis.enableAutoSIPrefix(False)
            axis.setStyle(tickTextOffset=3, tickLength=-4)
        axes["left"].setWidth(40)
        axes["left"].setTickDensity(0.7)
        axes["bottom"].setLabel("frame", color=self.colors.text, **{"font-size": "7pt"})
        axes["bottom"].setHeight(26)
        # the thick course of the natural clip lies below, so that what follows it is seen
        for course in sorted(panel.series, key=lambda one: one.place):
            if course.band is not None and np.isfinite(course.band).all():
                plot.addItem(self._band(course.place, course.band), ignoreBounds=True)
            if not np.isnan(course.values).all():
                plot.addItem(self._curve(course, panel.circular))
        self._scale(plot, panel)
        cursor = pg.InfiniteLine(self.cursor, angle=90, pen=pg.mkPen(_CURSOR, width=1))
        cursor.setZValue(10)
        plot.addItem(cursor, ignoreBounds=True)
        self.cursors.append(cursor)
        return plot

    def _band(self, place: int, ends: tuple[float, float]) -> Any:
        color = pg.mkColor(self.colors.clip(place))
        color.setAlphaF(SHADE)
        region = pg.LinearRegionItem(
            ends, orientation="horizontal", brush=color, pen=pg.mkPen(None), movable=False
        )
        region.setZValue(-10)
        return region

    def _curve(self, course: TimeSeries, circular: bool) -> Any:
        drawn = course.break_at_wraps() if circular else course
        color = self.colors.clip(course.place)
        width = THIN if course.place else WIDE
        pen = pg.mkPen(color, width=width, style=_DASHES[self._dash(course)])
        marks = circular or len(course.frames) <= FEW
        item = pg.PlotDataItem(
            drawn.frames, drawn.values, pen=pen, connect="finite", antialias=True,
            symbol="o" if marks else None, symbolSize=3, symbolPen=None, symbolBrush=color,
        )  # fmt: skip
        for part in (item.curve, item.scatter):
            # drawn once, however often the cursor passes: 2 ms a step for long clips, not 30
            part.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        return item

    def _scale(self, plot: Any, panel: Panel) -> None:
        first, last = self.span()
        room = 0.02 * (last - first) or 0.5
        plot.setXRange(first - room, last + room, padding=0)
        known = panel.value_limits()
        limits = known or axis_limits(0.0, 0.0, panel.circular)
        plot.setYRange(*limits, padding=0.02)
        if panel.circular:
            plot.getAxis("left").setTicks([TURN])
        if known is None:
            words = pg.TextItem("undefined", color=self.colors.text, anchor=(0.5, 0.5))
            words.setPos((first + last) / 2, sum(limits) / 2)
            plot.addItem(words)

    def _legend(self) -> str:
        courses = [one for panel in self.panels for one in panel.series]
        shown = {(one.place, one.note): one for one in courses}
        lines = {"-": "▬", "--": "▬ ▬", ":": "▪▪▪", "-.": "▬ ▪"}
        parts = []
        # those of one place stay in their order
        for (place, note), course in sorted(shown.items(), key=lambda one: one[0][0]):
            color = self.colors.clip(place)
            line = f'<span style="color:{color}">{lines[self._dash(course)]}</span>'
            name = escape(shorten_label(self.labels[place]))
            words = f"{name if place else f'<b>{name}</b>'}{escape(note and f' ({note})')}"
            parts.append(f"<nobr>{line} {words}</nobr>")
        return " &nbsp; ".join(parts)

    def _dash(self, course: TimeSeries) -> str:
        """Give the dash of a course; alignments of one clip differ in it."""
        if not course.note:
            return dash_of(course.place)
        same = dict.fromkeys(
            one.note for panel in self.panels for one in panel.series if one.place == course.place
        )
        return DASHES[list(same).index(course.note) % len(DASHES)]


def _title_metrics() -> QFontMetrics:
    font = QFont()
    font.setPointSize(8)
    return QFontMetrics(font)
