"""The losses of a run, drawn while it lasts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import QSize, QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_stst.widgets.theme import Colors
from stst.config import SHORT_TERMS

#: Names of the terms in the legend.
NAMES = {**SHORT_TERMS, "total_variation": "variation"}

_MOST = 2000  # points of a curve
_EVERY_MS = 250
_COLUMNS, _ROW = 3, 16  # of the legend; pixels
_LABEL = 22  # pixels from one label of the logarithmic axis to the next, at least
_AXIS = 64  # pixels, so that plots above each other have one axis to the right
_BESIDE = 12  # pixels to the right, for half of the axis's last label


class DecadeAxis(pg.AxisItem):
    """A logarithmic axis whose labels never touch: powers of ten, and few others where none is."""

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[Any]:
        """Give the logarithms that have a label.

        Parameters
        ----------
        minVal, maxVal
            Logarithms to the base 10 at the ends of the axis.
        size
            Its length in pixels.
        """
        low, high = sorted((minVal, maxVal))
        apart = (high - low) * _LABEL / max(size, 1.0)
        return [(apart, spread_ticks(low, high, apart))]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """Write the numbers themselves."""
        return [f"{10**value:.4g}" for value in values]


def spread_ticks(low: float, high: float, apart: float) -> list[float]:
    """Choose round numbers on a logarithmic axis.

    Parameters
    ----------
    low, high
        Logarithms to the base 10 at its ends.
    apart
        How far, in decades, labels have to be from each other.

    Returns
    -------
    list of float
        Logarithms, in order: powers of ten, every so many; where there is room and not three of
        them, twice and five times these, or else round steps of the number itself.
    """
    step = max(1, math.ceil(apart))
    chosen = [float(one) for one in range(math.ceil(low), math.floor(high) + 1) if one % step == 0]
    finer = [
        decade + math.log10(factor)
        for factor in (2, 5)
        for decade in range(math.floor(low), math.floor(high) + 1)
    ]
    if high - low < 0.5:
        # powers of ten are rare there
        unit = 10.0 ** math.floor(math.log10(max(10**high - 10**low, 10 ** (low - 12))))
        first = math.ceil(10**low / unit)
        finer += [math.log10(unit * number) for number in range(max(first, 1), first + 12)]
    for one in finer if len(chosen) < 3 else ():
        if low <= one <= high and all(abs(one - other) >= apart for other in chosen):
            chosen.append(one)
    return sorted(chosen)


class LossPlot(QWidget):
    """Every term's weighted loss over the share of the work, on a logarithmic axis.

    Parameters
    ----------
    colors
        Of the viewer's theme.
    what
        Is shown, for the axis or the legend.
    limits
        Of the values; then the axis is linear, and 0 has a place on it. Such a plot stands above
        another one, which says what is to the right.
    """

    def __init__(
        self, colors: Colors, what: str = "loss", limits: tuple[float, float] | None = None
    ) -> None:
        super().__init__()
        self._linear, self._what = limits is not None, what
        axes = {} if self._linear else {"left": DecadeAxis("left")}
        self._plot = pg.PlotWidget(axisItems=axes)
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setLogMode(y=not self._linear)
        self._plot.getAxis("left").setWidth(_AXIS)
        if limits is None:
            self._plot.setLabel("bottom", "% done")
            self._plot.setLabel("left", what)
        else:
            self._plot.getAxis("bottom").setStyle(showValues=False)
            self._plot.getAxis("bottom").setHeight(_ROW // 2)
            low, high = limits
            ticks = [(value, f"{value:g}") for value in (low, (low + high) / 2, high)]
            self._plot.getAxis("left").setTicks([ticks])
        self._plot.setRange(xRange=(0, 100), yRange=limits or (0, 4), padding=0.02)
        for side in ("bottom", "left"):
            axis = self._plot.getAxis(side)
            axis.enableAutoSIPrefix(False)
            axis.setStyle(maxTextLevel=0, autoExpandTextSpace=False)
        self._plot.getAxis("bottom").setStyle(hideOverlappingLabels=_BESIDE)
        self._legend = self._plot.addLegend(
            offset=(0, 1), colCount=_COLUMNS, labelTextSize="8pt", verSpacing=-8, horSpacing=6
        )
        # above the curves, which leave room for it
        grid = self._plot.getPlotItem().layout
        grid.setContentsMargins(1, 1, _BESIDE, 1)
        grid.removeItem(self._plot.getPlotItem().titleLabel)
        grid.setRowFixedHeight(0, _ROW)
        grid.addItem(self._legend, 0, 1)
        self._values: dict[str, list[tuple[float, float]]] = {}
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._colors = colors
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        # losses come faster than anyone reads; drawing takes time from the viewer
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._draw)
        self.set_colors(colors)

    def sizeHint(self) -> QSize:
        """Ask for little: the form is more important."""
        return QSize(300, 100 if self._linear else 150)

    def clear(self) -> None:
        """Begin anew."""
        for curve in self._curves.values():
            self._plot.removeItem(curve)
        self._legend.clear()
        self._values, self._curves = {}, {}

    def add(self, losses: Mapping[str, float], progress: float) -> None:
        """Add a point to every curve.

        Parameters
        ----------
        losses
            By term.
        progress
            Share of the work that is done, 0 to 1.
        """
        for term, value in losses.items():
            points = self._values.setdefault(term, [])
            # what a resumed run does again
            while points and points[-1][0] >= 100 * progress:
                points.pop()
            if math.isfinite(value) and (value > 0 or self._linear):
                points.append((100 * progress, value))
            if len(points) > _MOST:
                del points[::2]
        if self.isVisible() and not self._timer.isActive():
            self._timer.start()

    def showEvent(self, event: Any) -> None:
        """Draw what came while nobody saw it."""
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: Any) -> None:
        """Draw no more."""
        super().hideEvent(event)
        self._timer.stop()

    def set_colors(self, colors: Colors) -> None:
        """Go with another theme."""
        self._colors = colors
        self._plot.setBackground(colors.background)
        for side in ("bottom", "left"):
            axis = self._plot.getAxis(side)
            axis.setPen(colors.lines)
            axis.setTextPen(colors.text)
        self._legend.setLabelTextColor(colors.text)
        for _, label in self._legend.items:
            label.setText(label.text, color=colors.text)
        for place, curve in enumerate(self._curves.values(), start=1):
            curve.setPen(self._pen(place))

    def _draw(self) -> None:
        for place, (term, points) in enumerate(self._values.items(), start=1):
            if term not in self._curves:
                name = f"{self._what} ({term})" if self._linear else NAMES.get(term, term)
                self._curves[term] = self._plot.plot(pen=self._pen(place), name=name)
                rows = math.ceil(len(self._curves) / _COLUMNS)
                self._plot.getPlotItem().layout.setRowFixedHeight(0, rows * _ROW)
                if not self._linear:
                    self._plot.enableAutoRange(axis="y")
            if points:
                x, y = zip(*points, strict=True)
                self._curves[term].setData(x, y)

    def _pen(self, place: int) -> object:
        return pg.mkPen(self._colors.clip(place), width=1.5)
