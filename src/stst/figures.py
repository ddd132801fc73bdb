"""Figures of clips and their measures, as Matplotlib figures that need no screen.

A figure function takes data and returns a `matplotlib.figure.Figure`; `picture` turns it into the
bytes of a file, the same ones every time. Neither touches pyplot.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stst.analysis.features import MEASURES, Features, Measure
from stst.errors import InputError
from stst.files import written_whole
from stst.types import Frames

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What figure 2b of Greco & Siegel (2024) shows.
SHOWN = tuple(
    one for one in MEASURES if one.name not in ("flow_angle_resultant", "flow_angle_plain_mean")
)
#: Colours that the colour-blind tell apart on white (Okabe & Ito 2008); the natural clip is black.
NATURAL = "#000000"
COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

Dash: TypeAlias = Literal["-", "--", ":", "-."]
_DASHES: tuple[Dash, ...] = ("-", "--", ":", "-.")  # for more clips than there are colours
_MARKERS = "osD^vP"
_WIDE, _THIN = 2.4, 1.2
_AXIS = {"1": "0–1", "rad": "rad"}
_SHORT = {"flow_magnitude": "Flow magnitude", "flow_angle_circular_mean": "Flow angle"}
_TURN = ([0, np.pi / 2, np.pi, 3 * np.pi / 2, 2 * np.pi], ["0", "π/2", "π", "3π/2", "2π"])
_FEW = 60  # up to so many frames, each is marked
_ABREAST = 4  # labels of a legend
_LONG = 32  # characters of a label in a figure
_DPI = 100
_LARGEST = 12000  # pixels of a side of a sheet of frames
_INK = "#222222"
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
}


def clip_color(place: int) -> str:
    """Give the colour of a clip by its place: 0 is the natural one; as ``#RRGGBB``."""
    return NATURAL if place == 0 else COLORS[(place - 1) % len(COLORS)]


def axis_label(measure: Measure) -> str:
    """Name a measure and its unit, as on an axis."""
    return f"{_SHORT.get(measure.name, measure.title)} ({_AXIS.get(measure.unit, measure.unit)})"


def feature_courses(
    clips: Mapping[str, Features],
    measures: Sequence[Measure] = SHOWN,
    columns: int = 2,
    legend: bool = True,
) -> Figure:
    """Draw measures over time, one panel each (Greco & Siegel 2024, figure 2b).

    Parameters
    ----------
    clips
        Label to features; the natural clip first, in black.
    measures
        What is shown.
    columns
        How many panels lie beside each other.
    legend
        Whether the labels are named in the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Time in seconds from the first frame. The course of an angle is interrupted where it
        jumps across 0 and 2π.
    """
    above = 0.1 + 0.2 * -(-len(clips) // _ABREAST) if legend else 0.0
    with _style():
        figure, panels = _panels(len(measures), columns, 4.6, 2.0, above)
        for panel, measure in zip(panels, measures, strict=True):
            for place, features in enumerate(clips.values()):
                _course(panel, features, measure, place)
            panel.set_ylabel(axis_label(measure))
            panel.set_xlabel("Time (s)")
            panel.set_xlim(*_span(clips.values()))
            _scale(panel, measure, "y")
        if legend:
            _legend(figure, list(clips))
        return figure


def feature_means(
    clips: Mapping[str, Features], measures: Sequence[Measure] = SHOWN, columns: int = 2
) -> Figure:
    """Draw the mean of measures over the frames, a point for each clip.

    Parameters
    ----------
    clips, measures, columns
        As in `feature_courses`.

    Returns
    -------
    matplotlib.figure.Figure
        A line gives one standard deviation over the frames to either side. Angles have their
        circular mean and no line.
    """
    with _style():
        height = 0.6 + 0.19 * len(clips)
        figure, panels = _panels(len(measures), columns, 4.6, height)
        for panel, measure in zip(panels, measures, strict=True):
            for place, features in enumerate(clips.values()):
                _mean(panel, features.values[measure.name], measure, place)
            panel.set_yticks(range(len(clips)), [shortened(label) for label in clips])
            panel.set_ylim(len(clips) - 0.5, -0.5)
            panel.tick_params(axis="y", length=0)
            panel.spines["left"].set_visible(False)
            panel.set_xlabel(f"Mean {axis_label(measure)[0].lower()}{axis_label(measure)[1:]}")
            _scale(panel, measure, "x")
        return figure


def frame_sheet(clips: Mapping[str, Sequence[Frames]], captions: Sequence[str]) -> Figure:
    """Lay out frames of several clips, a row for each clip under its label.

    Parameters
    ----------
    clips
        Label to frames (H, W, 3) uint8 of one size, as many as there are captions.
    captions
        What stands under the frames of a column.

    Returns
    -------
    matplotlib.figure.Figure
        Small frames are enlarged by a whole number, others keep their pixels; as a PNG file at
        the figure's own resolution, these are the pixels of the frames. Only sheets of more than
        12,000 pixels a side are shrunk.
    """
    height, width = next(iter(clips.values()))[0].shape[:2]
    scale, gap, line = max(1, -(-160 // width)), 6, 20
    across = len(captions) * (width * scale + gap) + gap
    down = len(clips) * (height * scale + 2 * line + gap) + gap
    shrink = -(-max(across, down) // _LARGEST)
    if shrink > 1:
        smaller = {
            label: [one[::shrink, ::shrink] for one in frames] for label, frames in clips.items()
        }
        return frame_sheet(smaller, captions)
    with _style():
        figure = _figure(across / _DPI, down / _DPI)
        for row, (label, frames) in enumerate(clips.items()):
            top = gap + row * (height * scale + 2 * line + gap)
            _note(figure, shortened(label), gap, top + line / 2, weight="bold")
            for column, (frame, caption) in enumerate(zip(frames, captions, strict=True)):
                left = gap + column * (width * scale + gap)
                below = down - top - line - height * scale
                box = (left / across, below / down, width * scale / across, height * scale / down)
                panel = figure.add_axes(box)
                panel.imshow(frame, interpolation="none", aspect="auto")
                panel.set_axis_off()
                _note(figure, caption, left, top + 1.5 * line + height * scale)
        return figure


def picture(figure: Figure, kind: str, dpi: float | None = None) -> bytes:
    """Turn a figure into a file's content; the same figure gives the same bytes.

    Parameters
    ----------
    figure
        Of a function of this module.
    kind
        ``"png"`` or ``"svg"``. The text of an SVG file is text.
    dpi
        Dots per inch of a PNG file; by default the figure's own.
    """
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    out = io.BytesIO()
    with _style(), warnings.catch_warnings():
        # a label in a script that the font lacks; it is text in SVG files and on pages
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        figure.savefig(out, format=kind, dpi=dpi or figure.dpi, metadata=metadata)
    return out.getvalue()


def side_by_side(clips: Mapping[str, Frames], columns: int = 4) -> Frames:
    """Lay out frames of several clips, a row for each clip under its name.

    Parameters
    ----------
    clips
        Name to frames (T, H, W, 3) uint8 of one size and length.
    columns
        How many frames are shown, evenly spread from the first to the last.

    Returns
    -------
    Frames
        (height, width, 3) uint8. Frames are not resized.

    Raises
    ------
    InputError
        If there is no clip, or they differ in shape.
    """
    from PIL import Image, ImageDraw, ImageFont

    shapes = {name: clip.shape for name, clip in clips.items()}
    if len(set(shapes.values())) != 1:
        raise InputError(f"clips must agree in length and size, found {shapes}.")
    length, height, width, _ = next(iter(shapes.values()))
    shown, gap, line = spread(length, columns), 4, 22
    picture = Image.new(
        "RGB",
        (len(shown) * (width + gap) - gap, len(clips) * (height + line + gap) - gap),
        "white",
    )
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=14)
    for row, (name, clip) in enumerate(clips.items()):
        top = row * (height + line + gap)
        for column, frame in enumerate(shown):
            left = column * (width + gap)
            pen.text((left + 2, top + 2), f"{name}, frame {frame}", fill="black", font=font)
            picture.paste(Image.fromarray(clip[frame]), (left, top + line))
    return np.asarray(picture, dtype=np.uint8)


def save_side_by_side(
    path: Path | str, clips: Mapping[str, Frames], columns: int = 4, overwrite: bool = False
) -> None:
    """Write `side_by_side` as a PNG file; it appears whole or not at all."""
    from PIL import Image

    with written_whole(Path(path), overwrite) as part:
        Image.fromarray(side_by_side(clips, columns)).save(part)


def spread(length: int, count: int) -> list[int]:
    """Choose frames, evenly spread from the first to the last of `length`; at most `count`."""
    places = np.linspace(0, length - 1, min(count, length)).round().astype(int)
    return [int(place) for place in np.unique(places)]


def shortened(label: str) -> str:
    """Leave out the middle of a label that is too long for a figure."""
    if len(label) <= _LONG:
        return label
    return f"{label[: _LONG // 2 - 1]}…{label[-_LONG // 2 :]}"


@contextmanager
def _style() -> Iterator[None]:
    """Apply this module's settings alone, whatever the user has set for Matplotlib."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


def _figure(width: float, height: float, **options: Any) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_DPI, **options)


def _panels(
    count: int, columns: int, width: float, height: float, above: float = 0.0
) -> tuple[Figure, list[Axes]]:
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = _figure(columns * width, rows * height + above, layout="constrained")
    grid = figure.add_gridspec(rows, columns)
    return figure, [figure.add_subplot(grid[divmod(one, columns)]) for one in range(count)]


def _span(clips: Any) -> tuple[float, float]:
    last = max(float((len(one) - 1) / one.fps) for one in clips)
    return (0.0, last) if last > 0 else (-0.5, 0.5)


def _course(panel: Axes, features: Features, measure: Measure, place: int) -> None:
    values = features.values[measure.name]
    time = np.arange(len(values)) / float(features.fps)
    if measure.circular:
        time, values = _broken(time, values)
    panel.plot(
        time, values, color=clip_color(place), markersize=3.0,
        # the natural course is wider and lies below, so that what follows it closely is seen
        linewidth=_WIDE if place == 0 else _THIN, zorder=2 if place == 0 else 3,
        linestyle=_dash(place),
        marker="." if measure.circular or len(features) <= _FEW else "none",
    )  # fmt: skip


def _dash(place: int) -> Dash:
    return _DASHES[max(place - 1, 0) // len(COLORS) % len(_DASHES)]


def _broken(
    time: NDArray[np.float64], angles: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interrupt a course where it is shorter to go across 0 and 2π."""
    jumps = np.flatnonzero(np.abs(np.diff(angles)) > np.pi) + 1
    return np.insert(time, jumps, np.nan), np.insert(angles, jumps, np.nan)


def _mean(panel: Axes, values: NDArray[np.float64], measure: Measure, place: int) -> None:
    known = values[~np.isnan(values)]
    if not len(known):
        return
    color = clip_color(place)
    if measure.circular:
        mean = np.arctan2(np.sin(known).mean(), np.cos(known).mean()) % (2 * np.pi)
    else:
        mean, spread = known.mean(), known.std()
        panel.plot([mean - spread, mean + spread], [place, place], color=color, linewidth=1.2)
    panel.plot([mean], [place], _MARKERS[place % len(_MARKERS)], color=color, markersize=5)


def _scale(panel: Axes, measure: Measure, axis: Literal["x", "y"]) -> None:
    """Show an angle's whole circle; let every other measure begin at zero, where it has its end."""
    set_limits = panel.set_ylim if axis == "y" else panel.set_xlim
    if measure.circular:
        set_limits(0, 2 * np.pi)
        (panel.set_yticks if axis == "y" else panel.set_xticks)(*_TURN)
        return
    limits = panel.dataLim.intervaly if axis == "y" else panel.dataLim.intervalx
    if not np.isfinite(limits).all():  # no values: a clip of one frame does not move
        set_limits(0, 1)
        panel.text(0.5, 0.5, "undefined", transform=panel.transAxes, ha="center", va="center")
        return
    set_limits(min(0.0, limits[0]), limits[1] * 1.08 or 1.0)
    panel.locator_params(axis=axis, nbins=6)


def _legend(figure: Figure, labels: list[str]) -> None:
    from matplotlib.lines import Line2D

    lines = [
        Line2D(
            [],
            [],
            color=clip_color(place),
            linestyle=_dash(place),
            linewidth=_THIN if place else _WIDE,
        )
        for place in range(len(labels))
    ]
    # Matplotlib would leave out a label that begins with an underscore
    drawn = figure.legend(
        lines, [str(place) for place in range(len(labels))], loc="outside upper left",
        ncols=min(_ABREAST, len(labels)), frameon=False,
    )  # fmt: skip
    for text, label in zip(drawn.get_texts(), labels, strict=True):
        text.set_text(shortened(label))


def _note(figure: Figure, text: str, left: float, top: float, weight: str = "normal") -> None:
    across, down = figure.get_size_inches() * _DPI
    figure.text(left / across, 1 - top / down, text, va="center", fontsize=8, weight=weight)
