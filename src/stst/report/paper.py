"""Clips measured as in Greco & Siegel (2024), and drawn as its figures 2, 3 and 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stst.analysis.features import features
from stst.config.cka import CkaSettings
from stst.errors import InputError
from stst.figures import cka_panels
from stst.figures.paper import (
    PredictedClip,
    Similarity,
    figure_2,
    figure_3,
    figure_4,
)
from stst.report.clips import Clip, number_frames
from stst.report.content import Begin
from stst.video import spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stst.analysis.cka.unrelated import UnrelatedClip, UnrelatedClips
    from stst.analysis.prediction import LoadedPredictor
    from stst.models.classifiers import LoadedClassifier

#: The vision models of figure 3.
MODELS = ("resnet50", "convnext_tiny", "r3d_18", "mc3_18")
_STILLS = 4
_MEASURES = {"ssim": "SSIM", "cssim": "cSSIM"}


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure and the numbers in it.

    Attributes
    ----------
    figure
        Ready to be saved, see `stst.figures.picture`.
    rows
        Of a tidy table, see `stst.analysis.tables`.
    """

    figure: Figure
    rows: Sequence[Mapping[str, Any]]


def steps_2(clips: tuple[Clip, ...]) -> int:
    """Count the frames that `draw_features` goes through."""
    return sum(len(clip.video) for clip in clips)


def draw_features(clips: tuple[Clip, ...], begin: Begin) -> Drawn:
    """Measure the low-level features of clips and draw them with some frames (figure 2).

    Parameters
    ----------
    clips
        Of `stst.report.open_clips`.
    begin
        Starts a piece of work, given its name and number of frames.
    """
    numbers = spread(len(clips[0].video), _STILLS)
    found = {
        clip.label: features(clip.video, on_frame=begin(clip.label, len(clip.video)))
        for clip in clips
    }
    stills = {clip.label: [clip.video.frames[one] for one in numbers] for clip in clips}
    rows = [row for clip in clips for row in found[clip.label].rows(clip.name)]
    return Drawn(figure_2(stills, found), rows)


def choose_unrelated(
    clips: tuple[Clip, ...], nulls: UnrelatedClips
) -> dict[str, tuple[UnrelatedClip, ...]]:
    """Choose clips that have nothing to do with those of figure 3.

    Parameters
    ----------
    clips
        Of `stst.report.open_clips`.
    nulls
        What there is to choose from.

    Returns
    -------
    dict
        By the name of every clip but the natural one.

    Raises
    ------
    InputError
        If there is nothing to compare the natural clip with, or no clip is unrelated.
    """
    natural, *others = clips
    if not others:
        raise InputError(
            f"figure 3 compares other clips with {natural.path}, and there is none. Name one."
        )
    return nulls.apart_from_each(natural.video, {clip.name: clip.video for clip in others})


def steps_3(
    clips: tuple[Clip, ...],
    models: Sequence[LoadedClassifier],
    unrelated: Mapping[str, Sequence[UnrelatedClip]],
    settings: CkaSettings,
) -> int:
    """Count the frames that `draw_cka` shows to models."""
    from stst.analysis.cka.models import steps

    return sum(steps(clips[0].video, unrelated, model, unrelated, settings) for model in models)


def draw_cka(
    clips: tuple[Clip, ...],
    models: Sequence[LoadedClassifier],
    unrelated: Mapping[str, Sequence[UnrelatedClip]],
    settings: CkaSettings,
    begin: Begin,
) -> Drawn:
    """Compare clips with the natural one in vision models and draw CKA over time (figure 3).

    Parameters
    ----------
    clips
        Of `stst.report.open_clips`.
    models
        Loaded, with their layers.
    unrelated
        Of `choose_unrelated`.
    settings
        What is compared in them.
    begin
        As in `draw_features`.
    """
    from stst.analysis.cka.models import cka_rows, steps
    from stst.analysis.cka.verdicts import layers_of
    from stst.report.models import short_name

    natural, *others = clips
    videos = {clip.name: clip.video for clip in others}
    rows: list[Mapping[str, Any]] = []
    drawn = []
    for model in models:
        on_frame = begin(model.name, steps(natural.video, videos, model, unrelated, settings))
        found = cka_rows(natural.video, videos, natural.name, model, unrelated, settings, on_frame)
        rows += found
        counts = {one.clip: one.clips for one in layers_of(found)}
        panels = cka_panels(found, number_frames(clips), model.name)
        for place, clip in enumerate(others):
            series = (panel.series[place] for panel in panels)
            layers = dict(zip(model.layers, series, strict=True))
            title = f"{short_name(model.name)}: {clip.label}"
            drawn.append(Similarity(title, model.window, layers, counts[clip.name]))
    return Drawn(figure_3(drawn), rows)


def steps_4(clips: tuple[Clip, ...], network: LoadedPredictor) -> int:
    """Count the frames that `draw_prediction` predicts."""
    return sum(max(0, len(clip.video) - network.settings.window + 1) for clip in clips)


def draw_prediction(clips: tuple[Clip, ...], network: LoadedPredictor, begin: Begin) -> Drawn:
    """Predict the frames of clips by PredNet and draw how well that went (figure 4).

    Parameters
    ----------
    clips
        Of `stst.report.open_clips`.
    network
        Of `stst.analysis.prediction.load_predictor`.
    begin
        As in `draw_features`.
    """
    from stst.analysis.prediction import predictions
    from stst.report.models import Shown

    rows: list[Mapping[str, Any]] = []
    drawn = []
    for place, clip in enumerate(clips):
        count = steps_4((clip,), network)
        shown = Shown(count, _STILLS, begin(f"{clip.label} by PredNet", count))
        found = predictions(clip.video, network, shown)
        rows += found.rows(clip.name, clips[0].name if place else None)
        pictures = [(one.frame - clip.video.start, one.true, one.predicted) for one in shown.kept]
        time = np.arange(len(found)) / float(found.fps)
        measures = {label: found.values[name] for name, label in _MEASURES.items()}
        drawn.append(PredictedClip(clip.label, pictures, time, measures, found.errors))
    return Drawn(figure_4(drawn, network.name), rows)
