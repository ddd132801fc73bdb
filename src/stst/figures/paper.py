"""Figures 2, 3 and 4 of Greco & Siegel (2024), drawn of whatever clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stst.analysis.cka.verdicts import count_clips
from stst.analysis.features import Features
from stst.figures.curves import SHOWN, TimeSeries, axis_label
from stst.figures.features import draw_courses, draw_means
from stst.figures.style import (
    COLORS,
    FEW,
    SHADE,
    THIN,
    add_legend,
    clip_color,
    draw_bar,
    legend_height,
    name_rows,
    new_figure,
    shorten_label,
    use_style,
)
from stst.types import Frames

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_WIDTH = 7.2  # inches, a page's two columns
_LINE = 0.22  # of text
_ACROSS = 4  # pictures in a row


@dataclass(frozen=True, eq=False)
class Similarity:
    """How alike a clip and the natural one are in a vision model.

    Attributes
    ----------
    title
        The model and the clip, and that weights are random where they are.
    window
        Frames that the model sees at once; 1 for a model of images.
    layers
        Layer to its course, early layers first: CKA over time, and the band of unrelated clips.
    clips
        How many unrelated clips.
    """

    title: str
    window: int
    layers: Mapping[str, TimeSeries]
    clips: int


@dataclass(frozen=True, eq=False)
class PredictedClip:
    """What PredNet makes of one clip.

    Attributes
    ----------
    label
        What the clip is called.
    pictures
        Frame number, the frame and its prediction as the network sees them, (H, W, 3) in [0, 1].
    time
        (T,) seconds.
    measures
        Label to (T,); NaN for the first frames.
    errors
        (T, levels) mean prediction error.
    """

    label: str
    pictures: Sequence[tuple[int, NDArray[Any], NDArray[Any]]]
    time: NDArray[np.float64]
    measures: Mapping[str, NDArray[np.float64]]
    errors: NDArray[np.float64]


def figure_2(stills: Mapping[str, Sequence[Frames]], clips: Mapping[str, Features]) -> Figure:
    """Draw frames of clips (a), and their low-level features over time and on average (b).

    Parameters
    ----------
    stills
        Label to the frames that are shown, (H, W, 3) uint8; the natural clip first.
    clips
        Label to features, in the same order.
    """
    pictures = [(shorten_label(label), list(frames)) for label, frames in stills.items()]
    heights = [_height(pictures), legend_height(len(clips)), 1.45 * len(SHOWN)]
    with use_style():
        figure, (top, middle, below) = _parts(heights)
        _show(top, "a", pictures)
        add_legend(middle, dict(enumerate(clips)))
        _letter(below, "b")
        panels = below.subplots(len(SHOWN), 2, width_ratios=[2, 1])
        for measure, (course, mean) in zip(SHOWN, panels, strict=True):
            draw_courses(course, clips, measure)
            draw_means(mean, clips, measure)
            course.set_title(axis_label(measure), fontsize=8, loc="left")
            course.set_ylabel("")
            course.set_xlabel("")
            mean.set_yticks([])  # the legend has told the colours
            mean.set_xlabel("")
        course.set_xlabel("Time (s)")
        mean.set_xlabel("Mean over frames")
        return figure


def figure_3(similarities: Sequence[Similarity]) -> Figure:
    """Draw how alike natural clip and stimuli are in early and late layers of vision models.

    Parameters
    ----------
    similarities
        Those in models of images become panel a, those in models of videos panel b; each with its
        courses over time and their means, a colour for each layer, and shaded in it where 95 % of
        the pairs of unrelated clips lie.
    """
    groups = [[one for one in similarities if (one.window > 1) == video] for video in (False, True)]
    groups = [group for group in groups if group]
    with use_style():
        figure, parts = _parts([1.9 * len(group) for group in groups])
        for letter, part, group in zip("ab", parts, groups, strict=False):
            _letter(part, letter)
            panels = part.subplots(len(group), 2, width_ratios=[2, 1], squeeze=False)
            for one, (course, mean) in zip(group, panels, strict=True):
                lowest = 0.0
                for row, layer in enumerate(one.layers.values()):
                    color = COLORS[row % len(COLORS)]
                    _line(course, layer.time, layer.values, color)
                    band = layer.band if layer.band is not None else (np.nan, np.nan)
                    if np.isfinite(band).all():
                        course.axhspan(*band, color=color, alpha=SHADE, lw=0)
                    draw_bar(mean, row, layer.values, color, band)
                    lowest = float(np.nanmin([lowest, band[0], *layer.values]))
                title = f"{one.title}; shaded: {count_clips(one.clips)}"
                course.set_title(title, fontsize=8, loc="left")
                course.set_ylim(lowest, 1.02)
                mean.set_xlim(lowest, 1.02)
                _label(course, mean, "CKA", list(one.layers))
        return figure


def figure_4(clips: Sequence[PredictedClip], network: str) -> Figure:
    """Draw what PredNet predicts (a), how well (b), and its error level by level (c).

    Parameters
    ----------
    clips
        The natural clip first.
    network
        Which weights it has and what it sees; stands below the figure.
    """
    pictures = [
        (f"{shorten_label(clip.label)}, {what}", [shown[place] for shown in clip.pictures])
        for clip in clips
        for what, place in (("true", 1), ("predicted", 2))
    ]
    heights = [
        _height(pictures), legend_height(len(clips)), 1.6 * len(clips[0].measures),
        1.6 * len(clips) + 0.3,
    ]  # fmt: skip
    with use_style():
        figure, (top, legend, middle, below) = _parts(heights)
        captions = [f"frame {number}" for number, *_ in clips[0].pictures]
        _show(top, "a", pictures, captions)
        add_legend(legend, {place: clip.label for place, clip in enumerate(clips)})
        _show_measures(middle, clips)
        _show_errors(below, clips)
        below.supxlabel(network, fontsize=7)
        return figure


def _show_measures(part: SubFigure, clips: Sequence[PredictedClip]) -> None:
    """Draw panel b of figure 4: a row for each measure, a colour for each clip."""
    _letter(part, "b")
    measures = list(clips[0].measures)
    panels = part.subplots(len(measures), 2, width_ratios=[2, 1], squeeze=False)
    for measure, (course, mean) in zip(measures, panels, strict=True):
        for place, clip in enumerate(clips):
            _line(course, clip.time, clip.measures[measure], clip_color(place))
            draw_bar(mean, place, clip.measures[measure], clip_color(place))
        course.set_ylim(0, 1.02)
        mean.set_xlim(0, 1.02)
        _label(course, mean, measure, [clip.label for clip in clips])


def _show_errors(part: SubFigure, clips: Sequence[PredictedClip]) -> None:
    """Draw panel c of figure 4: a row for each clip, a colour for each level."""
    _letter(part, "c")
    panels = part.subplots(
        len(clips), 2, width_ratios=[2, 1], squeeze=False, sharey="col", sharex="col"
    )
    for clip, (course, mean) in zip(clips, panels, strict=True):
        levels = [f"level {level}" for level in range(clip.errors.shape[1])]
        for level in range(len(levels)):
            color = COLORS[level % len(COLORS)]
            _line(course, clip.time, clip.errors[:, level], color)
            draw_bar(mean, level, clip.errors[:, level], color)
        _label(course, mean, "prediction error", levels)
        course.set_title(shorten_label(clip.label), fontsize=8, loc="left")
        course.set_ylim(0)


def _parts(heights: Sequence[float]) -> tuple[Figure, Sequence[SubFigure]]:
    """Make a page of parts, one below the other; heights in inches."""
    figure = new_figure(_WIDTH, sum(heights), layout="constrained")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    return figure, list(parts[:, 0])


def _letter(part: SubFigure, letter: str) -> None:
    part.suptitle(letter, x=0.005, ha="left", fontsize=10, weight="bold")


def _height(pictures: Sequence[tuple[str, Sequence[Any]]]) -> float:
    """Give the room that rows of pictures take, in inches."""
    height, width = pictures[0][1][0].shape[:2]
    row: float = _WIDTH / _ACROSS * height / width + _LINE
    return len(pictures) * row + 2 * _LINE


def _show(
    part: SubFigure,
    letter: str,
    pictures: Sequence[tuple[str, Sequence[Any]]],
    captions: Sequence[str] = (),
) -> None:
    """Show rows of pictures under their labels, at most `_ACROSS` in a row."""
    _letter(part, letter)
    panels = part.subplots(len(pictures), _ACROSS, squeeze=False)
    for panel in panels.flat:
        panel.set_axis_off()
    for row, (label, shown) in zip(panels, pictures, strict=True):
        for panel, one in zip(row, shown, strict=False):
            panel.imshow(one, interpolation="none")
        row[0].set_title(label, fontsize=8, loc="left")
    for panel, caption in zip(panels[-1], captions, strict=False):
        panel.text(0.5, -0.04, caption, transform=panel.transAxes, ha="center", va="top")


def _line(panel: Axes, time: Any, values: Any, color: str) -> None:
    panel.plot(
        time, values, color=color, linewidth=THIN, markersize=3.0,
        marker="." if len(values) <= FEW else "none",
    )  # fmt: skip


def _label(course: Axes, mean: Axes, what: str, names: Sequence[str]) -> None:
    course.set_ylabel(what)
    course.set_xlabel("Time (s)")
    name_rows(mean, names, 0.6)
    mean.set_xlabel(f"Mean {what}")
