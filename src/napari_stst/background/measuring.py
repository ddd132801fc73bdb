"""Tasks of a worker process that measure clips: pairing, features, CKA, prediction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stst.background.measurements import (
    CKA_DEFAULTS,
    ClipSet,
    Course,
    Match,
    Measurement,
    Panel,
)
from napari_stst.background.messages import Result, Step
from napari_stst.background.tasks import Stop, StopAskedError, Tell

if TYPE_CHECKING:
    from stst.analysis.images import Fit
    from stst.analysis.pairs import NaturalClip, Pair
    from stst.config.choice import CkaSettings
    from stst.video import LazyVideo

_STEP_SECONDS = 0.1
#: Where models compute.
DEVICE = "auto"


def pair_clips(clips: ClipSet, tell: Tell, stop: Stop) -> Result:
    """Find out which frames of the natural clip the others show.

    Parameters
    ----------
    clips
        Of which files.
    tell, stop
        As every task has them.

    Returns
    -------
    Result
        By path: a `Match`, or why the clip cannot be compared, as text.
    """
    from stst.errors import InputError

    natural = _open_natural(clips)
    found: dict[str, Match | str] = {}
    for place, other in enumerate(clips.others):
        if stop():
            raise StopAskedError
        tell(Step(Path(other).name, place / len(clips.others), {}))
        try:
            found[other] = _match(natural.pair(Path(other)))
        except InputError as error:
            found[other] = str(error)
    return Result(found)


def measure_features(clips: ClipSet, tell: Tell, stop: Stop) -> Result:
    """Measure the low-level features, as ``stst-analyze features`` and ``compare`` do.

    Parameters
    ----------
    clips, tell, stop
        As in `pair_clips`.

    Returns
    -------
    Result
        A `Measurement`; its rows are those of ``stst-analyze features``, the natural clip as often
        as it was aligned differently.
    """
    from stst.analysis.features import Features, features
    from stst.figures import SHOWN, axis_label

    pairs = _open_pairs(clips)
    naturals = {pair.natural: pair for pair in pairs.values()}
    what = _alignments(naturals)
    counted = Counted(tell, stop, sum(len(one.other) for one in pairs.values()))
    counted.total += sum(map(len, naturals))
    measured: list[tuple[int, Pair, Features]] = []
    rows: list[Mapping[str, Any]] = []
    for pair in naturals.values():
        found = features(pair.natural, on_frame=counted.begin(Path(clips.natural).name))
        measured.append((0, pair, found))
        rows += found.rows(pair.reference)
    for place, (other, pair) in enumerate(pairs.items(), 1):
        found = features(pair.other, on_frame=counted.begin(Path(other).name))
        measured.append((place, pair, found))
        rows += found.rows(other)
    panels = []
    for one in SHOWN:
        courses = (_course(*each[:2], each[2].values[one.name], what) for each in measured)
        panels.append(Panel(axis_label(one), tuple(courses), circular=one.circular))
    return Result(Measurement(tuple(panels), tuple(rows), _notes(pairs.values())))


def measure_cka(
    clips: ClipSet,
    model: str,
    tell: Tell,
    stop: Stop,
    settings: CkaSettings = CKA_DEFAULTS,
    null: Sequence[str] = (),
) -> Result:
    """Compare clips in the layers of a vision model, as ``stst-analyze cka`` does.

    Parameters
    ----------
    clips, tell, stop
        As in `pair_clips`.
    model
        ``MODEL[=WEIGHTS][@LAYER,LAYER…]``, see `stst.config.choice.parse_choice`.
    settings
        Not with the examples ``"frames"``, which give no course.
    null
        Paths of natural clips of other content for the null, beside the sample clips.

    Returns
    -------
    Result
        A `Measurement` with one panel for each layer, and a verdict for each layer and clip.
    """
    from stst.config.choice import parse_choice

    choice = parse_choice(model)
    pairs = _open_pairs(clips)
    tell(Step(f"loading {choice.model}", 0.0, {}))
    from stst.analysis.cka.models import cka_rows, steps, undefined
    from stst.analysis.cka.unrelated import UnrelatedClips, null_notes
    from stst.analysis.cka.verdicts import cka_limits, is_null, layers_of, said
    from stst.models.classifiers import load_classifier
    from stst.utils.devices import pick_device

    nulls = UnrelatedClips(null, clips.levels)
    unrelated = {other: nulls.apart_from(pair.natural, pair.other) for other, pair in pairs.items()}
    loaded = load_classifier(choice, pick_device(DEVICE))
    groups: dict[Any, dict[str, Pair]] = {}
    for other, pair in pairs.items():
        groups.setdefault(pair.natural, {})[other] = pair
    total = sum(steps(video, group, loaded, unrelated, settings) for video, group in groups.items())
    on_frame = Counted(tell, stop, total).begin(choice.model)
    rows: list[dict[str, Any]] = []
    for video, group in groups.items():
        reference = next(iter(group.values())).reference
        videos = {other: pair.other for other, pair in group.items()}
        rows += cka_rows(video, videos, reference, loaded, unrelated, settings, on_frame)
    order = {other: place for place, other in enumerate(pairs, 1)}
    rows.sort(key=lambda row: order[row["clip"]])
    panels = []
    for layer in loaded.layers:
        here = [row for row in rows if row["layer"] == layer]
        found = {one.clip: one for one in layers_of(here)}
        courses = []
        for other, place in order.items():
            own = [row for row in here if row["clip"] == other and not is_null(row)]
            course = _course_of_rows(place, pairs[other], own)
            courses.append(replace(course, band=found[other].band))
        panels.append(Panel(f"CKA, {layer}", tuple(courses), cka_limits(found.values())))
    names = _names(pairs)
    notes = (
        *_notes(pairs.values()),
        *nulls.notes,
        *null_notes({names[other]: found for other, found in unrelated.items()}),
        *loaded.notes,
        *undefined(rows),
    )
    verdicts = tuple(said([row | {"clip": names[row["clip"]]} for row in rows]))
    return Result(Measurement(tuple(panels), tuple(rows), notes, verdicts))


def list_layers(model: str, tell: Tell, stop: Stop) -> Result:
    """List the layers of a vision model, as ``stst-analyze cka --list-layers`` does.

    Parameters
    ----------
    model
        Of torchvision, or ``package.module:factory``; its weights are not needed.
    tell, stop
        Not used: it takes a moment.

    Returns
    -------
    Result
        Names, shallow to deep.
    """
    from stst.config.choice import ModelChoice
    from stst.models.classifiers import layer_names

    return Result(layer_names(ModelChoice(model)))


def _names(others: Iterable[str]) -> dict[str, str]:
    """Name clips without their folders, where that is enough."""
    names = {other: Path(other).name for other in others}
    return names if len(set(names.values())) == len(names) else {other: other for other in names}


def measure_prediction(
    clips: ClipSet,
    weights: str,
    tell: Tell,
    stop: Stop,
    fit: Fit = "stretch",
    size: tuple[int, int] = (128, 160),
) -> Result:
    """Predict the frames of all clips by PredNet, as ``stst-analyze prednet`` does.

    Parameters
    ----------
    clips, tell, stop
        As in `pair_clips`.
    weights
        A file, or ``"none"``.
    fit, size
        See `stst.analysis.prediction.PredictionSettings`.

    Returns
    -------
    Result
        A `Measurement` with one panel for each measure and each level.
    """
    pairs = _open_pairs(clips)
    tell(Step("loading PredNet", 0.0, {}))
    from stst.analysis.prediction import (
        Predictions,
        PredictionSettings,
        check_length,
        load_predictor,
        predictions,
    )

    settings = PredictionSettings(weights, fit, size, DEVICE)
    naturals = {pair.natural: pair for pair in pairs.values()}
    what = _alignments(naturals)
    for video in naturals:
        check_length(video, settings.window)
    loaded = load_predictor(settings)
    lengths = [len(pair.other) for pair in pairs.values()] + [len(one) for one in naturals]
    counted = Counted(tell, stop, sum(length - settings.window + 1 for length in lengths))
    found: list[tuple[int, Pair, Predictions]] = []
    rows: list[Mapping[str, Any]] = []
    for pair in naturals.values():
        one = predictions(pair.natural, loaded, counted.begin(Path(clips.natural).name))
        found.append((0, pair, one))
        rows += one.rows(pair.reference)
    for place, (other, pair) in enumerate(pairs.items(), 1):
        one = predictions(pair.other, loaded, counted.begin(Path(other).name))
        found.append((place, pair, one))
        rows += one.rows(other, pair.reference)
    panels = []
    for name, title in _PREDICTED.items():
        limits = (0.0, 1.0) if name.split(".")[-1] == "ssim" else None
        courses = tuple(_course(*each[:2], each[2].values[name], what) for each in found)
        panels.append(Panel(title, courses, limits))
    for level in range(found[0][2].errors.shape[1]):
        courses = tuple(_course(*each[:2], each[2].errors[:, level], what) for each in found)
        panels.insert(3 + level, Panel(f"Error of level {level}", courses))
    return Result(Measurement(tuple(panels), tuple(rows), _notes(pairs.values())))


# by the names of `stst.analysis.prediction.MEASURES`; the errors of the levels come after three
_PREDICTED = {
    "ssim": "SSIM",
    "cssim": "cSSIM",
    "mse": "Mean squared error",
    "copy_last.ssim": "SSIM, frame before",
    "copy_last.mse": "MSE, frame before",
}


class Counted:
    """Tells how far work is that is counted in frames, and ends it on request."""

    def __init__(self, tell: Tell, stop: Stop, total: int) -> None:
        self.tell, self.stop, self.total = tell, stop, total
        self._done = 0
        self._last = -_STEP_SECONDS

    def begin(self, name: str) -> Callable[[object], None]:
        """Start a piece of work; what it gives is called once a frame."""

        def advance(_: object) -> None:
            if self.stop():
                raise StopAskedError
            self._done += 1
            now = time.monotonic()
            if now - self._last >= _STEP_SECONDS:
                self._last = now
                self.tell(Step(name, min(1.0, self._done / max(1, self.total)), {}))

        return advance


def _open_natural(clips: ClipSet) -> NaturalClip:
    from stst.analysis.pairs import NaturalClip

    return NaturalClip(Path(clips.natural), clips.frames, clips.max_side, clips.levels)


def _open_pairs(clips: ClipSet) -> dict[str, Pair]:
    natural = _open_natural(clips)
    return {other: natural.pair(Path(other)) for other in clips.others}


def _match(pair: Pair) -> Match:
    start = pair.natural.start
    rate = pair.alignment.resample_fps
    return Match(
        start,
        start + len(pair.natural),
        _step(pair),
        pair.alignment.max_side,
        None if rate is None else str(rate),
        pair.alignment.grey,
        _notes([pair]),
        pair.alignment.levels,
    )


def _step(pair: Pair) -> float:
    from stst.video import LazyVideo

    rate = pair.alignment.resample_fps
    return (
        1.0
        if rate is None
        else float(LazyVideo(pair.natural.path, levels=pair.alignment.levels).fps / Fraction(rate))
    )


def _notes(pairs: Iterable[Pair]) -> tuple[str, ...]:
    """Gather notes, but for those that say how clips were aligned, which is seen."""
    notes = (note for pair in pairs for note in pair.notes if note != pair.alignment_note)
    return tuple(dict.fromkeys(notes))


def _alignments(naturals: Iterable[LazyVideo]) -> dict[LazyVideo, str]:
    """Say how the natural clip was aligned, where it was in more than one way."""
    found = list(naturals)
    if len(found) == 1:
        return {}
    return {
        one: f"{one.height}x{one.width} px, frames {one.start} to {one.start + len(one) - 1}"
        + f", {float(one.fps):.4g} Hz" * (len({each.fps for each in found}) > 1)
        for one in found
    }


def _course(
    place: int, pair: Pair, values: NDArray[np.float64], what: Mapping[LazyVideo, str]
) -> Course:
    said = "" if place else what.get(pair.natural, "")
    numbers = np.arange(pair.natural.start, pair.natural.start + len(values)) * _step(pair)
    return Course(place, numbers.astype(np.float64), values, what=said)


def _course_of_rows(place: int, pair: Pair, rows: Sequence[Mapping[str, Any]]) -> Course:
    shift = pair.natural.start - pair.other.start
    numbers = np.array([(row["frame"] + shift) * _step(pair) for row in rows], np.float64)
    return Course(place, numbers, np.array([row["value"] for row in rows], np.float64))
