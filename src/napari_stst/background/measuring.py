"""Tasks of a worker process that measure clips: pairing, features, statistics, CKA, prediction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stst.background.measurements import (
    CKA_DEFAULTS,
    ClipSet,
    Match,
    Measurement,
    ValueRow,
    ValueTable,
)
from napari_stst.background.messages import Result, Step
from napari_stst.background.tasks import Stop, StopAskedError, Tell

if TYPE_CHECKING:
    from stst.analysis.evidence.baseline import MeasuredClips
    from stst.analysis.images import Fit
    from stst.analysis.pairs import NaturalClip, Pair
    from stst.config.cka import CkaSettings
    from stst.figures import FrameNumbers
    from stst.video import Clip, LazyVideo

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
    from stst.analysis.features import features
    from stst.figures import feature_panels

    pairs = _open_pairs(clips)
    videos = _list_videos(pairs)
    counted = Counted(tell, stop, sum(len(one.video) for one in videos))
    found = [
        (one, features(one.video, on_frame=counted.begin(Path(one.name).name))) for one in videos
    ]
    rows = tuple(row for one, measured in found for row in measured.rows(one.name))
    panels = feature_panels([(one.numbers, measured) for one, measured in found])
    return Result(Measurement(tuple(panels), rows, _notes(pairs.values())))


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
        ``MODEL[=WEIGHTS][@LAYER,LAYER…]``, see `stst.config.cka.parse_choice`.
    settings
        Not with the examples ``"frames"``, which give no course.
    null
        Paths of natural clips of other content for the null, beside the sample clips.

    Returns
    -------
    Result
        A `Measurement` with one panel for each layer, and a verdict for each layer and clip.
    """
    from stst.config.cka import parse_choice

    choice = parse_choice(model)
    pairs = _open_pairs(clips)
    tell(Step(f"loading {choice.model}", 0.0, {}))
    from stst.analysis.cka.models import cka_rows, list_undefined, steps
    from stst.analysis.cka.unrelated import UnrelatedClips, null_notes
    from stst.analysis.cka.verdicts import describe_verdicts
    from stst.figures import cka_panels
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
    numbers = {
        other: _count_frames(place, pair) for place, (other, pair) in enumerate(pairs.items(), 1)
    }
    rows.sort(key=lambda row: numbers[row["clip"]].place)
    panels = cka_panels(rows, numbers, "CKA")
    names = _names(pairs)
    notes = (
        *_notes(pairs.values()),
        *nulls.notes,
        *null_notes({names[other]: found for other, found in unrelated.items()}),
        *loaded.notes,
        *list_undefined(rows),
    )
    verdicts = tuple(describe_verdicts([row | {"clip": names[row["clip"]]} for row in rows]))
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
    from stst.config.cka import ClassifierSpec
    from stst.models.classifiers import layer_names

    return Result(layer_names(ClassifierSpec(model)))


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
        PredictionSettings,
        check_length,
        load_predictor,
        predictions,
    )
    from stst.figures import prediction_panels

    settings = PredictionSettings(weights, fit, size, DEVICE)
    videos = _list_videos(pairs)
    for one in videos:
        if one.natural is None:
            check_length(one.video, settings.window)
    loaded = load_predictor(settings)
    counted = Counted(tell, stop, sum(len(one.video) - settings.window + 1 for one in videos))
    found = [
        (one, predictions(one.video, loaded, counted.begin(Path(one.name).name))) for one in videos
    ]
    rows = tuple(row for one, measured in found for row in measured.rows(one.name, one.natural))
    panels = prediction_panels([(one.numbers, measured) for one, measured in found])
    return Result(Measurement(tuple(panels), rows, _notes(pairs.values())))


def measure_beside_nulls(
    clips: ClipSet, measure: str, tell: Tell, stop: Stop, null: Sequence[str] = ()
) -> Result:
    """Measure energy, coherence or light, as ``stst-analyze batch --measure`` does.

    Parameters
    ----------
    clips, tell, stop
        As in `pair_clips`.
    measure
        A name of `stst.analysis.settings.MEASURES`.
    null
        Paths of natural clips of other content, beside the sample clips.

    Returns
    -------
    Result
        A `Measurement` with the values of whole clips, and a panel for each that has frames.
    """
    pairs = _open_pairs(clips)
    tell(Step("making nulls", 0.0, {}))
    from stst.analysis.cka.unrelated import UnrelatedClips
    from stst.analysis.evidence.baseline import choose_unrelated

    unrelated = UnrelatedClips(null, clips.levels)
    chosen = {pair.natural: choose_unrelated(pair.natural, unrelated) for pair in pairs.values()}
    measured = _measure_groups(measure, pairs, chosen, tell, stop)
    notes = (*_notes(pairs.values()), *unrelated.notes)
    names = dict.fromkeys(Path(name).name for found in chosen.values() for name, _ in found)
    words = f"Shaded: what unrelated clips have, from least to most ({', '.join(names)})."
    return Result(_lay_out_values(measure, pairs, measured, notes, words))


def _measure_groups(
    measure: str,
    pairs: Mapping[str, Pair],
    chosen: Mapping[LazyVideo, Sequence[tuple[str, Clip]]],
    tell: Tell,
    stop: Stop,
) -> dict[LazyVideo, MeasuredClips]:
    """Measure each natural clip, as it was aligned, with the clips that it is the natural one of.

    `chosen` has the unrelated clips.
    """
    from stst.analysis.evidence.baseline import count_frames, make_baseline, measure_clips

    groups: dict[LazyVideo, list[tuple[int, str, Clip]]] = {}
    for place, (other, pair) in enumerate(pairs.items(), 1):
        groups.setdefault(pair.natural, []).append((place, other, pair.other))
    total = 0
    for video, group in groups.items():
        lengths = [len(clip.frames) for _, _, clip in group]
        total += count_frames(measure, len(video), lengths, len(chosen[video]))
    on_frame = Counted(tell, stop, total).begin(measure)
    measured = {}
    for video, group in groups.items():
        baseline = make_baseline(video, chosen[video])
        reference = pairs[group[0][1]].reference
        measured[video] = measure_clips(measure, baseline, reference, group, on_frame)
    return measured


def _lay_out_values(
    measure: str,
    pairs: Mapping[str, Pair],
    measured: Mapping[LazyVideo, MeasuredClips],
    notes: tuple[str, ...],
    words: str,
) -> Measurement:
    """List values and draw courses; `words` say what is shaded in these."""
    from stst.analysis.evidence.listing import list_measures
    from stst.analysis.settings import MEASURES
    from stst.figures.nulls import course_panels
    from stst.report.measures import value_cells, value_heads

    listed = list_measures(MEASURES[measure], list(measured.values()))
    naturals = {pair.natural: pair for pair in pairs.values()}
    alignments = _describe_alignments(naturals)
    counted = [
        (
            # its rows are counted as in its own file, not as in the other clip's
            replace(
                _count_frames(0, naturals[video], alignments.get(video, "")), first=video.start
            ),
            one,
        )
        for video, one in measured.items()
    ]
    others = {place: _count_frames(place, pair) for place, pair in enumerate(pairs.values(), 1)}
    panels = course_panels(listed, counted, others)
    values = tuple(
        ValueRow(one.title, value.place, tuple(value_cells(one, value)))
        for one in listed
        for value in one.values
    )
    return Measurement(
        tuple(panels),
        tuple(row for one in measured.values() for row in one.rows),
        notes,
        (words,) if panels else (),
        ValueTable(tuple(value_heads(listed)), values),
    )


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


@dataclass(frozen=True)
class _Video:
    """A clip that is measured; the natural one as often as it was aligned differently."""

    numbers: FrameNumbers
    name: str
    video: LazyVideo
    natural: str | None = None


def _list_videos(pairs: Mapping[str, Pair]) -> list[_Video]:
    """List all clips, the natural one first."""
    naturals = {pair.natural: pair for pair in pairs.values()}
    notes = _describe_alignments(naturals)
    listed = [
        _Video(_count_frames(0, pair, notes.get(video, "")), pair.reference, video)
        for video, pair in naturals.items()
    ]
    for place, (other, pair) in enumerate(pairs.items(), 1):
        listed.append(_Video(_count_frames(place, pair), other, pair.other, pair.reference))
    return listed


def _count_frames(place: int, pair: Pair, note: str = "") -> FrameNumbers:
    """Count frames as the natural clip has them in its file."""
    from stst.figures import FrameNumbers

    start, step = pair.natural.start, _step(pair)
    return FrameNumbers(place, first=pair.other.start, start=start, step=step, note=note)


def _describe_alignments(naturals: Iterable[LazyVideo]) -> dict[LazyVideo, str]:
    """Say how the natural clip was aligned, where it was in more than one way."""
    found = list(naturals)
    if len(found) == 1:
        return {}
    return {
        one: f"{one.height}x{one.width} px, frames {one.start} to {one.start + len(one) - 1}"
        + f", {float(one.fps):.4g} Hz" * (len({each.fps for each in found}) > 1)
        for one in found
    }
