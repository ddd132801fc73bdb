"""How alike the clips of a set are, each to each: in pixels, energy, Gram matrices, CKA."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, combinations_with_replacement, count, islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from stst.analysis.cka.similarity import Kernel, as_examples, kernel, kernel_cka
from stst.analysis.gram_models import GramModel, gram_matrices
from stst.analysis.measures.bands import BandPower, is_same_rate, measure_bands, overlap
from stst.analysis.measures.spectra import SEGMENT
from stst.errors import InputError
from stst.models.classifiers import LoadedClassifier
from stst.types import Frames
from stst.utils.devices import guarded
from stst.video import Clip

Values = NDArray[np.float64]
Feature = TypeVar("Feature")
#: What a layer is called in a table: model and layer, each empty where there is none.
Layer = tuple[str, str]

# Gram matrices of layers that see anything are larger by orders of magnitude
_SILENT = 1e-12


@dataclass(frozen=True, eq=False)
class Likeness:
    """How alike the clips of a set are, each to each.

    Attributes
    ----------
    measure
        As in tables.
    names
        Of the n clips.
    matrix
        (n, n), symmetric; NaN where a pair cannot be compared.
    model, layer
        As in tables; empty where there is none.
    notes
        What a reader should know, one sentence each.
    """

    measure: str
    names: tuple[str, ...]
    matrix: Values
    model: str = ""
    layer: str = ""
    notes: tuple[str, ...] = ()

    def value(self, clip: str, other: str) -> float:
        """Look up a pair.

        Parameters
        ----------
        clip, other
            Two of `names`.

        Returns
        -------
        float
            NaN where they cannot be compared.
        """
        return float(self.matrix[self.names.index(clip), self.names.index(other)])

    def rows(self) -> Iterator[dict[str, Any]]:
        """Give the rows of a tidy table, see `stst.analysis.tables`.

        Yields
        ------
        dict
            A row for each two clips, which are ``clip`` and ``reference`` in the order of `names`.
        """
        where = {"model": self.model, "layer": self.layer}
        same = {key: value for key, value in where.items() if value}
        for here, there in combinations(range(len(self.names)), 2):
            yield {
                "clip": self.names[there], "reference": self.names[here], **same,
                "measure": self.measure, "value": float(self.matrix[here, there]), "unit": "1",
            }  # fmt: skip


def likeness(
    clips: Mapping[str, Clip],
    features: Callable[[Clip], Iterable[Feature]],
    compare: Callable[[Feature, Feature], float],
    measure: str,
    on_frame: Callable[[int], None] = lambda number: None,
) -> Likeness:
    """Compare all clips of a set in features of one's own.

    Parameters
    ----------
    clips
        By name; all are read at the same time.
    features
        Gives what is compared of a clip: for each frame, or once for all of it.
    compare
        Says how alike two of these are, the same for either order; NaN where it is undefined.
    measure
        As in tables.
    on_frame
        Called with a 0-based number for whatever `features` gives; raising in it cancels.

    Returns
    -------
    Likeness
        The mean over as many first features as the shorter clip has, without those that are
        undefined.

    Raises
    ------
    InputError
        If there are no clips.

    Examples
    --------
    >>> import stst
    >>> from stst.analysis.measures.likeness import likeness
    >>> clip = stst.read_video("sample_data/cat.mkv", frames="0:2")
    >>> likeness(
    ...     {"cat": clip, "again": clip},
    ...     lambda clip: [frame.mean() for frame in clip.frames],
    ...     lambda x, y: float(abs(x - y)),
    ...     "intensity_difference",
    ... ).matrix
    array([[0., 0.],
           [0., 0.]])
    """
    streams = {name: ({("", ""): one} for one in features(clip)) for name, clip in clips.items()}
    (found,) = _compare_all(streams, compare, measure, on_frame)
    return found


@guarded()
def pixel_likeness(
    clips: Mapping[str, Clip], on_frame: Callable[[int], None] = lambda number: None
) -> Likeness:
    """Correlate the pixels of all clips of a set.

    Parameters
    ----------
    clips
        By name; all are read at the same time.
    on_frame
        Called with a 0-based number for every frame of every clip; raising in it cancels.

    Returns
    -------
    Likeness
        ``likeness.pixels``: Pearson's correlation of the pixels of a frame with those of the same
        frame of the other clip, over all channels, from each of which its mean over the frame is
        taken: two reddish clips have no more in common for that. Mean over as many first frames as
        the shorter clip has; in [−1, 1]. NaN between clips of different size, which a note names;
        frames without contrast are left out.

    Raises
    ------
    InputError
        If there are no clips.
    """
    found = likeness(clips, _standardize, _correlate, "likeness.pixels", on_frame)
    notes = tuple(_size_notes(clips))
    return Likeness(found.measure, found.names, found.matrix, notes=notes)


@guarded()
def energy_likeness(
    clips: Mapping[str, Clip], on_frame: Callable[[int], None] = lambda number: None
) -> Likeness:
    """Say how much of their energy all clips of a set have in the same bands.

    Parameters
    ----------
    clips
        By name; read one after the other.
    on_frame
        Called with a 0-based number for every frame of every clip; raising in it cancels.

    Returns
    -------
    Likeness
        ``likeness.energy``: ``Σ min(p, q)`` of the shares p and q that the bands have of each
        clip's power, which is the share of their energy that both have in the same bands: 1 of the
        same gratings whatever their contrast, 0 where no band has power of both. Bands are
        spatial octaves by orientations by temporal octaves, and static, see
        `stst.analysis.measures.energy.Energy`; in cycles per pixel and per frame. Where clips
        differ in size, what is below the lowest octave of the smaller one belongs to it. All are
        cut into segments of at most 32 frames, and of no more than the shortest has. NaN between
        clips whose rates differ by more than 1 %, and of uniform clips; notes tell of rates and
        segments.

    Raises
    ------
    InputError
        If there are no clips.

    Notes
    -----
    The overlap is ``1 − ½ Σ |p − q|``, the total variation distance turned round. Power has few
    bands that are large and many that are small, of which a correlation of logarithms sees most:
    unrelated natural clips get above 0.9 there.
    """
    segment = min([SEGMENT, *(len(clip.frames) for clip in clips.values())])
    done = count()

    def measure(clip: Clip) -> list[BandPower]:
        # in a list, so that a clip's spectra go before those of the next come
        return [measure_bands(clip, segment, lambda: on_frame(next(done)))]

    found = likeness(clips, measure, overlap, "likeness.energy")
    notes = (*_rate_notes(clips), *_segment_notes(clips, segment))
    return Likeness(found.measure, found.names, found.matrix, notes=notes)


@guarded()
def gram_likeness(
    clips: Mapping[str, Clip],
    models: Sequence[GramModel],
    on_frame: Callable[[int], None] = lambda number: None,
) -> list[Likeness]:
    """Compare the Gram matrices of all clips of a set.

    Parameters
    ----------
    clips
        By name, of any size that the models take; all are read at the same time.
    models
        Models and layers, see `stst.analysis.gram_models.load_judges`.
    on_frame
        Called with a 0-based number for every frame of every clip; raising in it cancels.

    Returns
    -------
    list of Likeness
        ``likeness.gram_distance`` for each layer: ``2 ‖Gᵢ − Gⱼ‖_F / (‖Gᵢ‖_F + ‖Gⱼ‖_F)`` of the
        same frame, in [0, 2], mean over as many first frames as the shorter clip has. The distance
        of `stst.analysis.validity` divides by the natural clip's norm; here no clip is the natural
        one. NaN where both clips leave the layer silent, and in layers that see pairs of frames
        for clips of one.

    Raises
    ------
    InputError
        If there are no clips.
    """
    keys = [(place, layer) for place, model in enumerate(models) for layer in model.layers]
    layers = {key: (models[key[0]].name, key[1]) for key in keys}

    def matrices(clip: Clip) -> Iterator[dict[Layer, Tensor]]:
        for number in range(len(clip.frames)):
            grams = gram_matrices(clip, number, models)
            yield {layers[key]: one.double() for key, one in grams.items()}

    streams = {name: matrices(clip) for name, clip in clips.items()}
    return _compare_all(streams, _distance, "likeness.gram_distance", on_frame, layers.values())


@guarded()
def cka_likeness(
    clips: Mapping[str, Clip],
    model: LoadedClassifier,
    on_frame: Callable[[int], None] = lambda number: None,
) -> list[Likeness]:
    """Compare all clips of a set in the layers of a vision model.

    Parameters
    ----------
    clips
        By name; all are read at the same time.
    model
        See `stst.models.classifiers.load_classifier`.
    on_frame
        Called with a 0-based number for every frame or window of every clip; raising in it
        cancels.

    Returns
    -------
    list of Likeness
        ``likeness.cka_unbiased.channels`` for each layer: unbiased linear CKA with channels as
        examples, see `stst.analysis.cka.similarity.linear_cka`, of the same frame or window; in
        [−1, 1], mean over as many first ones as the shorter clip has.

    Raises
    ------
    InputError
        If there are no clips, or they do not fit the model.
    """

    def kernels(clip: Clip) -> Iterator[dict[Layer, Kernel]]:
        recent: deque[Frames] = deque(maxlen=model.window)
        for frame in clip.frames:
            recent.append(frame)
            if len(recent) == model.window:
                activations = model.activations(np.stack(recent))
                yield {
                    (model.name, layer): kernel(as_examples(one, "channels"))
                    for layer, one in activations.items()
                }

    streams = {name: kernels(clip) for name, clip in clips.items()}
    layers = [(model.name, layer) for layer in model.layers]
    return _compare_all(streams, kernel_cka, "likeness.cka_unbiased.channels", on_frame, layers)


def _compare_all(
    streams: Mapping[str, Iterator[dict[Layer, Feature]]],
    compare: Callable[[Feature, Feature], float],
    measure: str,
    on_frame: Callable[[int], None],
    layers: Iterable[Layer] = (("", ""),),
) -> list[Likeness]:
    """Compare clips frame by frame, in every layer; features of one frame are held."""
    if not streams:
        raise InputError("likeness: there are no clips to compare.")
    names, n = tuple(streams), len(streams)
    # a layer may be named by two models that are alike
    sums = {layer: np.zeros((n, n)) for layer in layers}
    counts = {layer: np.zeros((n, n)) for layer in sums}
    running, done = dict(enumerate(streams.values())), count()
    while running:
        shown: dict[int, dict[Layer, Feature]] = {}
        for place, stream in running.items():
            for one in islice(stream, 1):
                shown[place] = one
                on_frame(next(done))
        running = {place: running[place] for place in shown}
        for here, there in combinations_with_replacement(shown, 2):
            for layer, feature in shown[here].items():
                value = compare(feature, shown[there][layer])
                if not np.isnan(value):
                    sums[layer][here, there] += value
                    counts[layer][here, there] += 1
    return [Likeness(measure, names, _mirror(sums[layer], counts[layer]), *layer) for layer in sums]


def _mirror(sums: Values, counts: Values) -> Values:
    """Divide, and fill the lower triangle; NaN where nothing was counted."""
    means = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    upper = np.triu(means)
    return upper + np.triu(means, 1).T


def _standardize(clip: Clip) -> Iterator[Values]:
    """Give frames whose channels have mean 0, of norm 1; of NaN without contrast."""
    for frame in clip.frames:
        values = frame.astype(np.float64)
        values -= values.mean((0, 1))
        norm = float(np.linalg.norm(values))
        yield values / norm if norm > 0 else np.full(values.shape, np.nan)


def _correlate(x: Values, y: Values) -> float:
    return float(np.vdot(x, y)) if x.shape == y.shape else float("nan")


def _distance(x: Tensor, y: Tensor) -> float:
    size = float(x.norm() + y.norm()) / 2
    return float((x - y).norm()) / size if size > _SILENT else float("nan")


def _rate_notes(clips: Mapping[str, Clip]) -> Iterator[str]:
    rates: dict[Fraction, list[str]] = {}
    for name, clip in clips.items():
        rates.setdefault(clip.fps, []).append(name)
    if not all(is_same_rate(*pair) for pair in combinations(rates, 2)):
        listed = "; ".join(
            f"{float(fps):.4g} Hz: {', '.join(names)}" for fps, names in rates.items()
        )
        yield f"Energy is compared between clips of one rate only. {listed}."


def _segment_notes(clips: Mapping[str, Clip], segment: int) -> Iterator[str]:
    if any(min(len(clip.frames), SEGMENT) > segment for clip in clips.values()):
        frames = f"segments of {segment} frames" if segment > 1 else "single frames"
        yield f"Energy is that of {frames}, for the shortest clip has no more."


def _size_notes(clips: Mapping[str, Clip]) -> Iterator[str]:
    sizes: dict[tuple[int, ...], list[str]] = {}
    for name, clip in clips.items():
        sizes.setdefault(clip.frames.shape[1:3], []).append(name)
    if len(sizes) > 1:
        listed = "; ".join(
            f"{height}x{width} px: {', '.join(names)}" for (height, width), names in sizes.items()
        )
        yield f"Pixels are compared between clips of one size only. {listed}."
