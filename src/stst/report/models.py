"""What models make of the clips: the sections of CKA and of prediction.

Only this module of the report needs torch; it is imported where one of its parts is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stst.analysis.cka.models import cka_rows, steps
from stst.analysis.cka.unrelated import UnrelatedClip, UnrelatedClips, null_notes
from stst.analysis.cka.verdicts import layers_of
from stst.analysis.prediction import (
    LoadedPredictor,
    PredictedFrame,
    Predictions,
    PredictionSettings,
    load_predictor,
    predictions,
)
from stst.config.cka import CkaSettings, ClassifierSpec
from stst.errors import InputError
from stst.figures import (
    FrameNumbers,
    Panel,
    cka_panels,
    clip_color,
    panel_bars,
    panel_courses,
    prediction_panels,
)
from stst.models.classifiers import LoadedClassifier, load_classifier
from stst.report.clips import Clip, number_frames
from stst.report.content import Begin
from stst.report.formatting import number
from stst.report.measures import MeasuresPart, name_measures
from stst.report.page import Section, data_uri, part
from stst.report.parts import Added, LeftOut, Part, leaving_out
from stst.report.sections import picture_size, png_of, svg_of
from stst.utils.devices import pick_device
from stst.video import AS_STORED, Levels, spread, to_uint8

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PREDICTION = "prediction by PredNet"
_SHOWN = 3  # predicted frames of a clip, as pictures
_WIDTH = 160  # pixels that they are shown with, about


def load_parts(
    choices: Sequence[ClassifierSpec],
    settings: CkaSettings,
    prediction: PredictionSettings | None,
    device: str,
    null: Sequence[Path | str] = (),
    levels: Levels = AS_STORED,
    measures: Sequence[str] = (),
) -> tuple[list[Part], list[str]]:
    """Load what is added to a report, so that what is wrong is known before any work.

    Parameters
    ----------
    choices
        Models that CKA compares clips in.
    settings
        What is compared in them.
    prediction
        Of PredNet; None without it.
    device
        Where the models of CKA compute, see `stst.utils.devices.pick_device`.
    null
        Natural clips of other content for nulls, beside the sample clips.
    levels
        How their values become 8 bits.
    measures
        Names of `stst.analysis.settings.MEASURES`.

    Returns
    -------
    list of Part
        At most four: measures, CKA, prediction, and a `FailedPart` of what could not be loaded.
    list of str
        What a user should know of the models.
    """
    parts: list[Part] = []
    failed: list[LeftOut] = []
    models: list[LoadedClassifier] = []
    for one in choices:
        with leaving_out(f"CKA in {one.model}", failed):
            models.append(load_classifier(one, pick_device(device)))
    notes = [note for model in models for note in model.notes]
    wanted = [name_measures(measures)] if measures else []
    wanted += [f"CKA in {', '.join(short_name(one.name) for one in models)}"] if models else []
    if wanted:
        with leaving_out(", ".join(wanted), failed):
            unrelated = UnrelatedClips(null, levels)
            parts += [MeasuresPart(measures, unrelated)] if measures else []
            parts += [CkaPart(models, settings, unrelated)] if models else []
            notes += unrelated.notes
    if prediction is not None:
        with leaving_out(_PREDICTION, failed):
            parts.append(PredictionPart(load_predictor(prediction)))
    if failed:
        parts.append(FailedPart(failed))
    return parts, list(dict.fromkeys(notes))


class FailedPart:
    """What could not even be loaded.

    Parameters
    ----------
    left_out
        Each, and why.
    """

    def __init__(self, left_out: Sequence[LeftOut]) -> None:
        self.left_out = tuple(left_out)

    def steps(self, clips: tuple[Clip, ...]) -> int:
        """Count nothing."""
        return 0

    def add(self, clips: tuple[Clip, ...], begin: Begin) -> Added:
        """Say what is not there."""
        return Added(None, {}, {}, self.left_out)


class CkaPart:
    """CKA with the natural clip in vision models (Greco & Siegel 2024, figure 3).

    Parameters
    ----------
    models
        Loaded, with their layers.
    settings
        What is compared.
    nulls
        Clips to choose those from that have nothing to do with the pairs.
    """

    def __init__(
        self, models: Sequence[LoadedClassifier], settings: CkaSettings, nulls: UnrelatedClips
    ) -> None:
        self.models = models
        self.settings = settings
        self.nulls = nulls

    def steps(self, clips: tuple[Clip, ...]) -> int:
        """Count the frames that go through models.

        Raises
        ------
        InputError
            If there is one clip only, or no unrelated clip for a null.
        """
        if len(clips) == 1:
            raise InputError(
                f"`cka`: compares other clips with {clips[0].path}, and there is none. Name one, "
                "or leave `cka` out."
            )
        natural, *others = clips
        videos = {clip.name: clip.video for clip in others}
        unrelated = self.nulls.apart_from_each(natural.video, videos)
        return sum(
            steps(natural.video, videos, model, unrelated, self.settings) for model in self.models
        )

    def add(self, clips: tuple[Clip, ...], begin: Begin) -> Added:
        """Compare the clips in every model; one that fails is left out."""
        natural, *others = clips
        videos = {clip.name: clip.video for clip in others}
        left_out: list[LeftOut] = []
        rows: list[dict[str, Any]] = []
        models: list[LoadedClassifier] = []
        with leaving_out(f"CKA in {', '.join(map(short_name, self._names()))}", left_out):
            self.steps(clips)
            unrelated = self.nulls.apart_from_each(natural.video, videos)
        for model in () if left_out else self.models:
            with leaving_out(f"CKA in {short_name(model.name)}", left_out):
                count = steps(natural.video, videos, model, unrelated, self.settings)
                on_frame = begin(model.name, count)
                # all rows of a model or none
                rows += list(
                    cka_rows(
                        natural.video, videos, natural.name, model, unrelated, self.settings,
                        on_frame,
                    )
                )  # fmt: skip
                models.append(model)
        if not models:
            return Added(None, {}, {}, left_out)
        section, figures = self._section(clips, models, rows, unrelated)
        return Added(section, figures, {"cka.csv": rows}, left_out)

    def _section(
        self,
        clips: tuple[Clip, ...],
        models: Sequence[LoadedClassifier],
        rows: Sequence[Mapping[str, Any]],
        unrelated: Mapping[str, Sequence[UnrelatedClip]],
    ) -> tuple[Section, dict[str, Figure]]:
        """Draw the figures and write what stands on the page."""
        labels = [clip.label for clip in clips]
        names = {clip.name: clip.label for clip in clips}
        panels = self._panels(models, rows, clips)
        timed = [one for one in panels if any(len(c.values) > 1 for c in one.series)]
        figures = {"cka_means": panel_bars(panels, labels)}
        if timed:
            figures["cka"] = panel_courses(timed, labels)
        body = part(
            "cka.html",
            settings=self.settings,
            window=max(model.window for model in models),
            models=[model.name for model in models],
            courses=svg_of(figures["cka"]) if timed else None,
            means=svg_of(figures["cka_means"]),
            nulls=null_notes({names[name]: found for name, found in unrelated.items()}),
            rows=self._numbers(rows, clips),
        )
        return Section("CKA in vision models", "cka", body), figures

    def _names(self) -> list[str]:
        return [model.name for model in self.models]

    def _panels(
        self,
        models: Sequence[LoadedClassifier],
        rows: Sequence[Mapping[str, Any]],
        clips: tuple[Clip, ...],
    ) -> list[Panel]:
        return [
            panel
            for model in models
            for panel in cka_panels(
                [row for row in rows if row["model"] == model.name],
                number_frames(clips),
                short_name(model.name),
            )
        ]

    def _numbers(
        self, rows: Sequence[Mapping[str, Any]], clips: tuple[Clip, ...]
    ) -> list[dict[str, Any]]:
        """Give, for every layer and clip, the value, its null and what that says."""
        places = {clip.name: place for place, clip in enumerate(clips)}
        layers: dict[str, list[dict[str, Any]]] = {}
        for one in layers_of(rows):
            known = one.values[~np.isnan(one.values)]
            low, high = one.band
            cells = [
                number(one.mean),
                f"{number(known.min())} to {number(known.max())}" if len(known) else "–",
                f"{number(low)} to {number(high)}",
                str(one.clips),
                number(one.noise),
                number(one.timing),
                one.verdict,
            ]
            place = places[one.clip]
            layers.setdefault(f"{short_name(one.model)}, {one.layer}", []).append(
                {"label": clips[place].label, "color": clip_color(place), "cells": cells}
            )
        return [{"title": title, "clips": found} for title, found in layers.items()]


class PredictionPart:
    """Next-frame prediction by PredNet (Greco & Siegel 2024, figure 4).

    Parameters
    ----------
    network
        Loaded.
    """

    def __init__(self, network: LoadedPredictor) -> None:
        self.network = network

    def steps(self, clips: tuple[Clip, ...]) -> int:
        """Count the predicted frames."""
        return sum(self._predict(clip) for clip in clips)

    def add(self, clips: tuple[Clip, ...], begin: Begin) -> Added:
        """Predict every frame of every clip; where that fails, all of it is left out."""
        left_out: list[LeftOut] = []
        with leaving_out(_PREDICTION, left_out):
            return self._add(clips, begin)
        return Added(None, {}, {}, left_out)

    def _add(self, clips: tuple[Clip, ...], begin: Begin) -> Added:
        found: list[Predictions] = []
        pictures: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        for place, clip in enumerate(clips):
            on_frame = begin(f"{clip.label} by PredNet", self._predict(clip))
            shown = Shown(self._predict(clip), _SHOWN, on_frame)
            found.append(predictions(clip.video, self.network, shown))
            rows += found[-1].rows(clip.name, clips[0].name if place else None)
            pictures += _pictures(shown.kept, clip, place)
        labels = [clip.label for clip in clips]
        panels = prediction_panels(
            [(FrameNumbers(place, float(one.fps)), one) for place, one in enumerate(found)]
        )
        figures = {
            "prediction": panel_courses(panels, labels),
            "prediction_means": panel_bars(panels, labels),
        }
        body = part(
            "prediction.html",
            model=self.network.name,
            worse=[
                clip.label
                for clip, one in zip(clips, found, strict=True)
                if np.nanmean(one.values["mse"]) > np.nanmean(one.values["copy_last.mse"])
            ],
            before=self.network.settings.window - 1,
            pictures=pictures,
            shown=len(pictures) // (2 * len(clips)),
            courses=svg_of(figures["prediction"]),
            means=svg_of(figures["prediction_means"]),
            rows=_summary(panels, clips),
        )
        section = Section("Next frames predicted by PredNet", "prediction", body)
        return Added(section, figures, {"prediction.csv": rows})

    def _predict(self, clip: Clip) -> int:
        return max(0, len(clip.video) - self.network.settings.window + 1)


class Shown:
    """Passes progress on and keeps predicted frames that are shown, evenly spread.

    Parameters
    ----------
    count
        Frames that will be predicted.
    wanted
        How many of them are kept, at most.
    on_frame
        Called with the number of each.
    """

    def __init__(self, count: int, wanted: int, on_frame: Callable[[int], None]) -> None:
        self._wanted = set(spread(count, wanted)) if count > 0 else set()
        self._on_frame = on_frame
        self._seen = 0
        self.kept: list[PredictedFrame] = []

    def __call__(self, frame: PredictedFrame) -> None:
        """Take the next predicted frame."""
        if self._seen in self._wanted:
            self.kept.append(frame)
        self._seen += 1
        self._on_frame(frame.frame)


def _pictures(kept: Sequence[PredictedFrame], clip: Clip, place: int) -> list[dict[str, Any]]:
    """Give true and predicted frames as pictures of the page."""
    return [
        {
            "label": clip.label,
            "color": clip_color(place),
            "what": what,
            "number": one.frame - clip.video.start,
            "source": data_uri("image/png", png_of(to_uint8(picture))),
            **picture_size(picture.shape[1], _WIDTH),
        }
        for one in kept
        for what, picture in (("true", one.true), ("predicted", one.predicted))
    ]


def _summary(panels: Sequence[Panel], clips: tuple[Clip, ...]) -> list[dict[str, Any]]:
    """Give mean, standard deviation and range of every course."""
    out = []
    for panel in panels:
        cells = []
        for course in panel.series:
            known = course.values[~np.isnan(course.values)]
            numbers = (
                [number(one) for one in (known.mean(), known.std(), known.min(), known.max())]
                if len(known)
                else ["–"] * 4
            )
            cells.append(
                {
                    "label": clips[course.place].label,
                    "color": clip_color(course.place),
                    "cells": numbers,
                }
            )
        out.append({"title": panel.title, "clips": cells})
    return out


def short_name(name: str) -> str:
    """Give a model's name without what was done to frames, but say where it was not trained."""
    bare = name.split(" [", 1)[0]
    return f"{bare} (random weights)" if "weights=none" in name else bare
