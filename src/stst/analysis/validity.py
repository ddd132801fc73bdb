"""Whether a metamer is one: how far its matched statistics are from the natural clip's.

After Feather et al. (2023), who accept a model metamer where its match lies outside the null
distribution of different natural stimuli. They correlate activations; here the matched statistics
themselves are compared, Gram matrices. No threshold is drawn: the literature gives none for these.
Frames of other natural clips are that distribution; frames of the natural clip itself stand beside
it, which are alike because they show one scene.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from stst.analysis.gram_models import GramKey, GramModel, Grams, gram_matrices
from stst.errors import InputError
from stst.utils.devices import guarded
from stst.video import Clip, first_frame, spread

#: Natural frames that are compared with each other are at least so many seconds apart.
APART = Fraction(2, 5)
#: At most so many frames of a clip stand for it in a null distribution, evenly spread.
NULL_FRAMES = 120

# Gram matrices of layers that see anything are larger by orders of magnitude
_SILENT = 1e-12

Values = NDArray[np.float64]
_Distances = Mapping[GramKey, float]
_Null = Mapping[GramKey, Values]


@dataclass(frozen=True, eq=False)
class LayerValidity:
    """The distance of a stimulus from its natural clip in one layer.

    Attributes
    ----------
    model, layer
        As in tables.
    distances
        (T,) ``‖G_natural − G_other‖_F / ‖G_natural‖_F`` of every frame, or of every frame and the
        one before; NaN for the first frame of the latter, and where the natural clip leaves the
        layer silent.
    null_natural
        The same distance between natural frames that are `APART` seconds apart or more, every pair
        both ways; empty for a shorter clip.
    null_others
        The same between frames of the natural clip and frames of other natural clips; None
        without such clips.
    """

    model: str
    layer: str
    distances: Values
    null_natural: Values
    null_others: Values | None

    @property
    def mean(self) -> float:
        """Mean distance over frames; NaN where there are none."""
        return _mean(_define(self.distances))

    def summary(self) -> Iterator[tuple[str, float, str]]:
        """Give measure, value and unit of what holds for the whole clip; other clips lead.

        The percentiles are those of the mean distance; 0 % is closer than every natural pair, 100 %
        further apart than every one. NaN where there are no pairs. The pairs share frames, so this
        is a description and no test.
        """
        yield "gram_distance.mean", self.mean, "1"
        for name, null in (("other_clips", self.null_others), ("natural", self.null_natural)):
            if null is not None:
                yield f"gram_distance.mean_{name}", _mean(null), "1"
                yield f"gram_distance.percentile_{name}", percentile(self.mean, null), "%"


@dataclass(frozen=True, eq=False)
class Validity:
    """The distance of a stimulus from its natural clip in all layers that were asked for.

    Attributes
    ----------
    layers
        In the order of the judges.
    fps
        Rate in Hz.
    start
        Number of the stimulus's first frame.
    """

    layers: tuple[LayerValidity, ...]
    fps: Fraction
    start: int = 0

    def rows(self, clip: str, reference: str) -> Iterator[dict[str, Any]]:
        """Give the rows of a tidy table, see `stst.analysis.tables`.

        Parameters
        ----------
        clip, reference
            What the columns of these names hold.

        Yields
        ------
        dict
            A row for each frame and layer, and the sums over frames.
        """
        for one in self.layers:
            same = {"clip": clip, "reference": reference, "model": one.model, "layer": one.layer}
            for place in np.flatnonzero(~np.isnan(one.distances)):
                frame = self.start + int(place)
                yield {
                    **same,
                    "frame": frame,
                    "time_s": float(frame / self.fps),
                    "measure": "gram_distance",
                    "value": float(one.distances[place]),
                    "unit": "1",
                }
            for measure, value, unit in one.summary():
                yield {**same, "measure": measure, "value": value, "unit": unit}

    def verdict(self, clip: str) -> str:
        """Say how close the stimulus is, layer by layer, and where nothing can be said.

        Parameters
        ----------
        clip
            How the clip is called in it.

        Returns
        -------
        str
            A sentence or two.
        """
        known = [one for one in self.layers if not np.isnan(one.mean)]
        silent = ", ".join(one.layer for one in self.layers if np.isnan(one.mean))
        said = self._verdict(clip, known) if known else ""
        nothing = (
            f"Nothing can be said of {clip} in {silent}, which the natural clip leaves silent."
        )
        return " ".join(filter(None, (said, nothing if silent else "")))

    @staticmethod
    def _verdict(clip: str, layers: Sequence[LayerValidity]) -> str:
        """Say it of layers in which there is a distance."""
        own = [(one, one.null_natural) for one in layers if len(one.null_natural)]
        foreign = [
            (one, one.null_others)
            for one in layers
            if one.null_others is not None and len(one.null_others)
        ]
        apart = f"{float(APART):g} s"
        none = f"no natural frames are {apart} apart to compare that with."
        if not own and not foreign:
            means = ", ".join(f"{one.mean:.3g} in {one.layer}" for one in layers)
            return (
                f"{clip} is at a distance of {means} from the natural frames on average, and {none}"
            )
        usual = _closer(own, f"natural frames {apart} or more apart are to each other")
        if not foreign:
            return f"{clip} is closer to the natural frames than {usual}."
        lead = _closer(foreign, "frames of other natural clips are")
        within = f"within the natural clip, than {usual}." if own else none
        return f"{clip} is closer to the natural frames than {lead}; {within}"


def validity(
    natural: Clip,
    others: Sequence[Clip],
    judges: Sequence[GramModel],
    natural_clips: Sequence[Clip] = (),
    on_frame: Callable[[int], object] = lambda frame: None,
) -> list[Validity]:
    """Measure how far stimuli are from their natural clip in Gram matrices.

    Parameters
    ----------
    natural
        The clip that they were made of.
    others
        Stimuli of the same length and size.
    judges
        Models and layers, see `stst.analysis.gram_models`.
    natural_clips
        Different natural clips, for the null distribution that counts.
    on_frame
        Called `steps` times in all; raising in it cancels.

    Returns
    -------
    list of Validity
        One for each of `others`.

    Raises
    ------
    InputError
        If clips differ in length, or a frame is too small for a model.
    """
    check_clips(natural, others, judges, natural_clips)
    kept = set(spread(len(natural.frames), NULL_FRAMES))
    known: list[tuple[int, Grams]] = []
    found: list[list[_Distances]] = [[] for _ in others]
    for number in range(len(natural.frames)):
        want = gram_matrices(natural, number, judges)
        on_frame(number)
        if number in kept:
            known.append((number, want))
        for other, courses in zip(others, found, strict=True):
            have = gram_matrices(other, number, judges)
            courses.append({key: _distance(want[key], have[key]) for key in want})
            on_frame(number)
    own = _own_null(known, ceil(APART * natural.fps))
    foreign = _foreign_null(known, natural_clips, judges, on_frame) if natural_clips else None
    return [
        Validity(
            tuple(_layers(judges, courses, own, foreign)),
            other.fps,
            first_frame(other),
        )
        for other, courses in zip(others, found, strict=True)
    ]


def steps(natural: Clip, others: Sequence[Clip], natural_clips: Sequence[Clip] = ()) -> int:
    """Count how often `validity` calls `on_frame`."""
    spans = sum(len(spread(len(clip.frames), NULL_FRAMES)) for clip in natural_clips)
    return len(natural.frames) * (1 + len(others)) + spans


def percentile(value: float, null: Values) -> float:
    """Give the share of a null distribution that is smaller than a value, in %; NaN without any.

    Parameters
    ----------
    value
        A distance.
    null
        (n,), the distances that it is compared with.

    Returns
    -------
    float
        In [0, 100]; NaN where either is undefined.
    """
    defined = len(null) > 0 and not np.isnan(value)
    return 100 * float((null < value).mean()) if defined else float("nan")


def _layers(
    judges: Sequence[GramModel], courses: Sequence[_Distances], own: _Null, foreign: _Null | None
) -> Iterator[LayerValidity]:
    none = np.empty(0)
    for place, judge in enumerate(judges):
        for layer in judge.layers:
            key = (place, layer)
            distances = np.array([at.get(key, np.nan) for at in courses], np.float64)
            others = None if foreign is None else foreign.get(key, none)
            yield LayerValidity(judge.name, layer, distances, own.get(key, none), others)


@guarded()
def _distance(natural: Tensor, other: Tensor) -> float:
    return _ratio(float((natural - other).norm()), float(natural.norm()))


def _ratio(difference: float, size: float) -> float:
    """Divide; NaN where a layer is silent, e.g. motion between two black frames."""
    return difference / size if size > _SILENT else float("nan")


@guarded()
def _own_null(known: Sequence[tuple[int, Grams]], apart: int) -> _Null:
    """Compare natural frames so many frames apart or more, either one in the role of natural."""
    null: dict[GramKey, list[float]] = {}
    for place, (number, here) in enumerate(known):
        for later, there in known[place + 1 :]:
            if later - number < apart:
                continue
            for key in here.keys() & there.keys():
                difference = float((here[key] - there[key]).norm())
                sizes = float(here[key].norm()), float(there[key].norm())
                null.setdefault(key, []).extend(_ratio(difference, size) for size in sizes)
    return {key: _define(values) for key, values in null.items()}


def _foreign_null(
    known: Sequence[tuple[int, Grams]],
    clips: Sequence[Clip],
    judges: Sequence[GramModel],
    on_frame: Callable[[int], object],
) -> _Null:
    """Compare frames of the natural clip with frames of others."""
    null: dict[GramKey, list[float]] = {}
    for clip in clips:
        for number in spread(len(clip.frames), NULL_FRAMES):
            there = gram_matrices(clip, number, judges)
            on_frame(number)
            for _, here in known:
                for key in here.keys() & there.keys():
                    null.setdefault(key, []).append(_distance(here[key], there[key]))
    return {key: _define(values) for key, values in null.items()}


def check_clips(
    natural: Clip,
    others: Sequence[Clip],
    judges: Sequence[GramModel],
    natural_clips: Sequence[Clip] = (),
) -> None:
    """Refuse clips that cannot be compared; see `validity`.

    Raises
    ------
    InputError
        Naming lengths that differ, or the clip that is too small and what needs more.
    """
    for other in others:
        if len(other.frames) != len(natural.frames):
            raise InputError(
                f"the clips differ in length: {len(natural.frames)} and {len(other.frames)} "
                "frames. Choose frames so that both agree."
            )
    for clip in (natural, *others, *natural_clips):
        height, width = clip.frames.shape[1:3]
        for judge in judges:
            needed = judge.stream.min_side(judge.layers)
            if min(height, width) < needed:
                name = clip.source.path if clip.source else "the clip"
                raise InputError(
                    f"{name}: frames of {height}x{width} px; {judge.name} needs at least {needed} "
                    "px on the short side. Choose a larger `max_side`, or leave its layers out."
                )


def _define(values: Sequence[float] | Values) -> Values:
    listed = np.asarray(values, np.float64)
    return listed[~np.isnan(listed)]


def _mean(values: Values) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _closer(layers: Sequence[tuple[LayerValidity, Values]], what: str) -> str:
    """Say of every layer how many pairs are further apart; the first time, which pairs."""
    parts = []
    for number, (one, null) in enumerate(layers):
        share = f"{100 - percentile(one.mean, null):.1f} % "
        parts.append(
            share + (f"of {what} " if number == 0 else "")
            + f"in {one.layer} ({one.mean:.3g} against {_mean(null):.3g} on average)"
        )  # fmt: skip
    return ", ".join(parts)
