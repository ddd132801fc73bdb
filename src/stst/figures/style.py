"""What all figures share: style, colours, panels, and how one becomes a file.

A figure function takes data and returns a `matplotlib.figure.Figure`; `picture` turns it into the
bytes of a file, the same ones every time. Neither touches pyplot, and none needs a screen.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

#: Colours that the colour-blind tell apart on white (Okabe & Ito 2008); the natural clip is black.
NATURAL = "#000000"
#: Those of the other clips, one after the other.
COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

Dash: TypeAlias = Literal["-", "--", ":", "-."]
DASHES: tuple[Dash, ...] = ("-", "--", ":", "-.")  # for more clips than there are colours
MARKERS = "osD^vP"
WIDE, THIN = 2.4, 1.2
SHADE, SHADED = 0.15, "#D9D9D9"  # of a band behind a line, and behind a bar
FEW = 60  # up to so many frames, each is marked
_ABREAST = 4  # labels of a legend
_LONG = 32  # characters of a label in a figure
DPI = 100
_INK = "#222222"
# what Matplotlib would write of itself and of the time
_NAMELESS: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_STYLE = {
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.edgecolor": "#666666",
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "xtick.color": "#666666",
    "xtick.labelcolor": _INK,
    "ytick.color": "#666666",
    "ytick.labelcolor": _INK,
    "text.color": _INK,
    # a dollar sign in a file's name is a dollar sign
    "text.parse_math": False,
    "lines.solid_capstyle": "round",
    # text that can be edited, and the same identifiers in every run
    "svg.fonttype": "none",
    "svg.hashsalt": "napari-stst",
    "pdf.fonttype": 42,
}


def clip_color(place: int) -> str:
    """Give the colour of a clip by its place: 0 is the natural one; as ``#RRGGBB``.

    Parameters
    ----------
    place
        Of the clip, 0 for the natural one.

    Returns
    -------
    str
        A colour.
    """
    return NATURAL if place == 0 else COLORS[(place - 1) % len(COLORS)]


def picture(figure: Figure, kind: str, dpi: float | None = None) -> bytes:
    """Turn a figure into a file's content; the same figure gives the same bytes.

    Parameters
    ----------
    figure
        Of a function of `stst.figures`.
    kind
        ``"png"``, ``"svg"`` or ``"pdf"``. The text of SVG and PDF files is text.
    dpi
        Dots per inch of a PNG file, and of pictures in the others; by default the figure's own.

    Returns
    -------
    bytes
        The content of the file.
    """
    metadata = _NAMELESS[kind]
    out = io.BytesIO()
    with use_style(), warnings.catch_warnings():
        # a label in a script that the font lacks; it is text in SVG files and on pages
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        figure.savefig(out, format=kind, dpi=dpi or figure.dpi, metadata=metadata)
    return out.getvalue()


def shorten_label(label: str) -> str:
    """Leave out the middle of a label that is too long for a figure.

    Parameters
    ----------
    label
        Of any length.

    Returns
    -------
    str
        At most 32 characters.
    """
    if len(label) <= _LONG:
        return label
    return f"{label[: _LONG // 2 - 1]}…{label[-_LONG // 2 :]}"


@contextmanager
def use_style() -> Iterator[None]:
    """Apply this module's settings alone, whatever the user has set for Matplotlib."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """Make an empty figure of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, **options)


def new_panels(
    count: int, columns: int, width: float, height: float, above: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Make a figure of panels in rows; sizes in inches, `above` for a legend."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = new_figure(columns * width, rows * height + above, layout="constrained")
    grid = figure.add_gridspec(rows, columns)
    return figure, [figure.add_subplot(grid[divmod(one, columns)]) for one in range(count)]


def dash_of(place: int) -> Dash:
    """Give the dash of a clip's line by its place: solid until colours repeat."""
    return DASHES[max(place - 1, 0) // len(COLORS) % len(DASHES)]


def legend_height(labels: int) -> float:
    """Give the room above the panels that a legend takes, in inches."""
    return 0.1 + 0.2 * -(-labels // _ABREAST)


def draw_course(
    panel: Axes, place: int, time: NDArray[np.float64], values: NDArray[np.float64], marked: bool
) -> None:
    """Draw the line of a clip by its place, with a point for each value if `marked` or few."""
    panel.plot(
        time, values, color=clip_color(place), linestyle=dash_of(place), markersize=3.0,
        # the natural course is wider and lies below, so that what follows it closely is seen
        linewidth=THIN if place else WIDE, zorder=3 if place else 2,
        marker="." if marked or len(values) <= FEW else "none",
    )  # fmt: skip


def draw_bar(
    panel: Axes,
    row: int,
    values: NDArray[np.float64],
    color: str,
    band: tuple[float, float] | None = None,
) -> None:
    """Draw the mean over frames, and a standard deviation to either side, before a band."""
    known = values[~np.isnan(values)]
    if band is not None and np.isfinite(band).all():
        low, high = band
        panel.barh(row, high - low, left=low, height=0.95, color=SHADED, zorder=0)
    if len(known):
        panel.barh(
            row, known.mean(), xerr=known.std(), height=0.7 if band is None else 0.4, color=color,
            ecolor="#888888", error_kw={"linewidth": 1.0},
        )  # fmt: skip


def add_title(panel: Axes, title: str) -> None:
    """Write above a panel what it shows."""
    panel.set_title(title, fontsize=8, loc="left", weight="bold")


def name_rows(panel: Axes, labels: Iterable[str], room: float) -> None:
    """Name the rows of a panel, the first one uppermost; `room` is left above and below."""
    names = [shorten_label(label) for label in labels]
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 1 + room, -room)
    panel.tick_params(axis="y", length=0)


def add_legend(figure: FigureBase, labels: Mapping[int, str]) -> None:
    """Name clips above the panels; labels by the places of the clips."""
    from matplotlib.lines import Line2D

    lines = [
        Line2D(
            [], [], color=clip_color(place), linestyle=dash_of(place),
            linewidth=THIN if place else WIDE,
        )
        for place in labels
    ]  # fmt: skip
    # Matplotlib would leave out a label that begins with an underscore
    drawn = figure.legend(
        lines, [str(place) for place in labels], loc="outside upper left",
        ncols=min(_ABREAST, len(labels)), frameon=False,
    )  # fmt: skip
    for text, label in zip(drawn.get_texts(), labels.values(), strict=True):
        text.set_text(shorten_label(label))
