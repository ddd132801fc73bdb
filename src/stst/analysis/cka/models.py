"""Two clips side by side in a vision model: CKA of what its layers make of them, and its null."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stst.analysis.cka.similarity import Kernel, as_examples, kernel, kernel_cka
from stst.analysis.cka.unrelated import UnrelatedClip, brought_to
from stst.analysis.cka.verdicts import NULL, is_null
from stst.config.choice import CkaSettings, Estimator
from stst.errors import InputError
from stst.types import Frames
from stst.utils.devices import free_memory
from stst.video import Clip, as_grey, first_frame, is_grey, spread

if TYPE_CHECKING:
    from stst.models.classifiers import LoadedClassifier

DEFAULT = CkaSettings()
#: At most so many frames (or windows) of a clip stand for it in a null, evenly spread.
NULL_FRAMES = 5
#: Of values of unrelated pairs, the share between the ends of a band.
BAND = 0.95
_PERMUTATIONS = 100  # of the frames, where these are the examples
_LEAST = 4  # examples that the unbiased estimator needs

_Row = dict[str, Any]
_Values = NDArray[np.float64]


@dataclass(eq=False)
class _Seen:
    """What a model makes of a clip, at frames that stand for it.

    Attributes
    ----------
    kernels
        By layer: of each of these frames; with frames as examples one of all.
    against
        By another clip: CKA of all pairs of their frames, by layer and estimator.
    """

    kernels: dict[str, list[Kernel]]
    against: WeakKeyDictionary[_Seen, dict[tuple[str, Estimator], _Values]] = field(
        default_factory=WeakKeyDictionary
    )

    def values(self, other: _Seen, layer: str, estimator: Estimator) -> _Values:
        """Compare every frame with every frame of another clip."""
        known = self.against.setdefault(other, {})
        if (layer, estimator) not in known:
            pairs = product(self.kernels[layer], other.kernels[layer])
            known[layer, estimator] = np.array([_alike(*pair, estimator) for pair in pairs])
        return known[layer, estimator]


def cka_rows(
    natural: Clip,
    others: Mapping[str, Clip],
    reference: str,
    model: LoadedClassifier,
    unrelated: Mapping[str, Sequence[UnrelatedClip]],
    settings: CkaSettings = DEFAULT,
    on_frame: Callable[[int], None] = lambda frame: None,
) -> list[_Row]:
    """Compare clips with their natural clip at every layer of a model, beside unrelated pairs.

    A trained network finds any two pictures alike in its early layers, so every value comes with
    its null: CKA of clips that have nothing to do with each other. It is taken between each two of
    the natural clip, the other clip and the unrelated clips, except the one pair that is tested;
    5 frames (windows of a video model) of each clip, evenly spread, every one with every one. The
    band goes from the 2.5 % to the 97.5 % quantile of these values. Unrelated clips are brought to
    the size of the natural one (`stst.analysis.cka.unrelated.brought_to`). With frames as examples
    each two clips give one value, over as many first frames as the shorter one has.

    Beside it, as nulls of their own: ``noise``, the natural clip against its own pixels in random
    order, which keeps its colours, mean and contrast and nothing else; and ``timing``, frames of
    the natural clip against *other* frames of the other clip (with frames as examples: against its
    frames in 100 random orders), which only tells whether it matters that frames correspond.

    Parameters
    ----------
    natural
        Shown to the model once, whatever the number of others.
    others
        By the name of the clip, as tables have it; all of the length and size of `natural`, see
        `stst.analysis.pairs`. All are read at the same time, so each holds its decoder.
    reference
        Name of the natural clip, as tables have it.
    model
        See `stst.models.classifiers.load_classifier`.
    unrelated
        By the name of the clip, those that have nothing to do with it or with `natural`, see
        `stst.analysis.cka.unrelated.UnrelatedClips`.
    settings
        What is compared.
    on_frame
        Called with a 0-based number whenever a frame (or a window of a video model) of any clip
        has been through the model, `steps` times in all; raising in it cancels.

    Returns
    -------
    list of dict
        Rows of a tidy table, see `stst.analysis.tables`: clip by clip, frame by frame, layer by
        layer. ``frame`` is in the other clip's own numbering, for a video model the last of its
        window; with frames as examples there is one row per clip and layer. NaN where CKA is
        undefined. In each ``null_low`` and ``null_high`` are the ends of the band, ``null_kind`` is
        ``unrelated``, and ``null_clips`` and ``null_pairs`` count the unrelated clips and the
        values. After these, for each layer, rows of the measure ``….null``: the mean of the null of
        each ``null_kind`` (``unrelated``, ``noise``, ``timing``), with its band.

    Raises
    ------
    InputError
        If a clip is shorter than the model's window or differs in length, its size does not fit
        the model, an activation cannot be compared, or no unrelated clip is long enough.
    """
    _check_lengths(natural, others, reference, model.window)
    usable = {name: _long_enough(unrelated[name], natural, model, settings) for name in others}
    for name, clips in usable.items():
        if not clips:
            raise InputError(_no_null(name, unrelated[name], natural, model, settings))
    count = iter(range(steps(natural, others, model, unrelated, settings)))

    def done() -> None:
        on_frame(next(count))

    work = _clips if settings.examples == "frames" else _frames
    rows: dict[str, list[_Row]] = {name: [] for name in others}
    seen: dict[str | None, _Seen] = {}
    for name, row in work(natural, others, model, settings, seen, done):
        rows[name].append(row)
    noise = _seen_of(_shuffled_pixels(natural), len(natural.frames), model, settings, done)
    # beside clips without colour, colour would tell unrelated ones apart
    grey = is_grey(natural.frames)
    known = {
        one: _seen_unrelated(one, natural, model, settings, done, grey) for one in _distinct(usable)
    }
    for name, own in rows.items():
        null = _Null(seen[None], seen[name], [known[one] for one in usable[name]], noise)
        bands = {layer: null.band(layer, settings) for layer in model.layers}
        for row in own:
            row |= {"measure": settings.measure} | bands[row["layer"]]
        own += null.rows(model.layers, settings)
    same = {"reference": reference, "model": model.name, "unit": "1"}
    return [{"clip": name} | same | row for name, own in rows.items() for row in own]


def steps(
    natural: Clip,
    others: Iterable[str],
    model: LoadedClassifier,
    unrelated: Mapping[str, Sequence[UnrelatedClip]],
    settings: CkaSettings = DEFAULT,
) -> int:
    """Count the calls of `on_frame` by `cka_rows`.

    Parameters
    ----------
    natural, others, model, unrelated, settings
        As of `cka_rows`; of the others the names are enough.

    Returns
    -------
    int
        At least 0.
    """
    names = list(others)
    length = len(natural.frames)
    clips = _distinct(
        {name: _long_enough(unrelated[name], natural, model, settings) for name in names}
    )
    shown = [_count(_length(one, natural, settings), model, settings) for one in clips]
    # frames of noise are as many as those that stand for the natural clip
    noise = _count(length, model, settings)
    return (1 + len(names)) * _windows(length, model) + noise + sum(shown)


def _windows(length: int, model: LoadedClassifier) -> int:
    return max(0, length - model.window + 1)


def _count(length: int, model: LoadedClassifier, settings: CkaSettings) -> int:
    """Count the windows that stand for a clip in a null."""
    windows = _windows(length, model)
    return windows if settings.examples == "frames" else min(windows, NULL_FRAMES)


def _length(one: UnrelatedClip, natural: Clip, settings: CkaSettings) -> int:
    """Count the frames of an unrelated clip of which some are shown, or all."""
    length = len(one.clip.frames)
    return min(length, len(natural.frames)) if settings.examples == "frames" else length


def _long_enough(
    clips: Sequence[UnrelatedClip], natural: Clip, model: LoadedClassifier, settings: CkaSettings
) -> list[UnrelatedClip]:
    least = 1
    if settings.examples == "frames":
        least = max(1, min(_LEAST, _windows(len(natural.frames), model)))
    return [one for one in clips if _windows(len(one.clip.frames), model) >= least]


def _no_null(
    name: str,
    clips: Sequence[UnrelatedClip],
    natural: Clip,
    model: LoadedClassifier,
    settings: CkaSettings,
) -> str:
    least = model.window
    if settings.examples == "frames":
        least += max(1, min(_LEAST, _windows(len(natural.frames), model))) - 1
    short = (
        f": {', '.join(one.name for one in clips)} have fewer than {least} frames" if clips else ""
    )
    return (
        f"CKA of {name} has no null: no unrelated clip is long enough{short}. Without it, a value "
        "says nothing. Give longer natural clips of other content: --null CLIP."
    )


def _distinct(unrelated: Mapping[str, Sequence[UnrelatedClip]]) -> list[UnrelatedClip]:
    return list(dict.fromkeys(one for clips in unrelated.values() for one in clips))


def _check_lengths(natural: Clip, others: Mapping[str, Clip], reference: str, window: int) -> None:
    length = len(natural.frames)
    for name, clip in others.items():
        if len(clip.frames) != length:
            raise InputError(
                f"{name} has {len(clip.frames)} frames and {reference} has {length}. Choose frames "
                "so that both agree."
            )
    if length < window:
        raise InputError(
            f"{reference}: {length} frames are fewer than the model sees at once, {window}. Give "
            "more frames, or, with stst-analyze cka, a smaller --window N."
        )


def _frames(
    natural: Clip,
    others: Mapping[str, Clip],
    model: LoadedClassifier,
    settings: CkaSettings,
    seen: dict[str | None, _Seen],
    done: Callable[[], None],
) -> Iterator[tuple[str, _Row]]:
    """Compare frame by frame; the kernels of one of two clips are held, and those for the null."""
    first = model.window - 1
    kept = set(spread(_windows(len(natural.frames), model), NULL_FRAMES))
    starts = {name: first_frame(clip) for name, clip in others.items()}
    streams = {name: _activations(clip.frames, model, done) for name, clip in others.items()}
    seen |= {name: _Seen({layer: [] for layer in model.layers}) for name in (None, *others)}
    for place, found in enumerate(_activations(natural.frames, model, done)):
        here = _kernels(found, settings)
        shown: dict[str | None, dict[str, Kernel]] = {None: here}
        for name, stream in streams.items():
            shown[name] = there = _kernels(next(stream), settings)
            frame = starts[name] + first + place
            where = {"frame": frame, "time_s": float(frame / others[name].fps)}
            for layer in model.layers:
                value = kernel_cka(here[layer], there[layer], settings.estimator)
                yield name, {**where, "layer": layer, "value": value}
        for who, kernels in shown.items() if place in kept else ():
            for layer, one in kernels.items():
                seen[who].kernels[layer].append(one)


def _clips(
    natural: Clip,
    others: Mapping[str, Clip],
    model: LoadedClassifier,
    settings: CkaSettings,
    seen: dict[str | None, _Seen],
    done: Callable[[], None],
) -> Iterator[tuple[str, _Row]]:
    """Compare whole clips; all activations of one of them are held."""
    length = len(natural.frames)
    seen[None] = here = _seen_of(natural.frames, length, model, settings, done)
    for name, clip in others.items():
        seen[name] = there = _seen_of(clip.frames, length, model, settings, done)
        for layer in model.layers:
            (value,) = here.values(there, layer, settings.estimator)
            yield name, {"layer": layer, "value": float(value)}


def _kernels(found: Mapping[str, Tensor], settings: CkaSettings) -> dict[str, Kernel]:
    return {layer: kernel(as_examples(one, settings.examples)) for layer, one in found.items()}


def _activations(
    frames: Iterable[Frames], model: LoadedClassifier, done: Callable[[], None]
) -> Iterator[dict[str, Tensor]]:
    """Show a clip to a model, window by window; every frame is decoded once."""
    recent: deque[Frames] = deque(maxlen=model.window)
    for frame in frames:
        recent.append(frame)
        if len(recent) == model.window:
            found = model.activations(np.stack(recent))
            done()
            yield found


def _seen_unrelated(
    one: UnrelatedClip,
    natural: Clip,
    model: LoadedClassifier,
    settings: CkaSettings,
    done: Callable[[], None],
    grey: bool,
) -> _Seen:
    """Show an unrelated clip to a model, or recall what it made of it."""
    height, width = natural.frames.shape[1:3]
    length = _length(one, natural, settings)
    known = one.seen.setdefault(model, {})
    key = height, width, settings.examples, length, grey
    if key in known:
        for _ in range(_count(length, model, settings)):
            done()
    else:
        frames = _Changed(one.clip, lambda frame, _: _brought_to(frame, (height, width), grey))
        known[key] = _seen_of(frames, length, model, settings, done)
    seen: _Seen = known[key]
    return seen


def _brought_to(frame: Frames, size: tuple[int, int], grey: bool) -> Frames:
    sized = brought_to(frame, size)
    return as_grey(sized) if grey else sized


def _seen_of(
    frames: Any, length: int, model: LoadedClassifier, settings: CkaSettings,
    done: Callable[[], None],
) -> _Seen:  # fmt: skip
    """Show a model those of the first `length` frames that stand for a clip."""
    if settings.examples == "frames":
        return _Seen(_clip_kernels(frames, length, model, done))
    seen = _Seen({layer: [] for layer in model.layers})
    for start in spread(_windows(length, model), NULL_FRAMES):
        window = (frames[start + place] for place in range(model.window))
        for found in _activations(window, model, done):
            for layer, one in _kernels(found, settings).items():
                seen.kernels[layer].append(one)
    return seen


def _clip_kernels(
    frames: Any, length: int, model: LoadedClassifier, done: Callable[[], None]
) -> dict[str, list[Kernel]]:
    """Compute how alike all frames of a clip are to one another, layer by layer."""
    held: dict[str, Tensor] = {}
    count = _windows(length, model)
    every = (frames[place] for place in range(length))
    for place, found in enumerate(_activations(every, model, done)):
        if not held:
            _check_memory(count, found, model)
            held = {
                layer: torch.empty(count, one.numel(), dtype=torch.float32, device="cpu")
                for layer, one in found.items()
            }
        for layer, one in found.items():
            held[layer][place] = one.flatten()
    return {layer: [kernel(held.pop(layer))] for layer in model.layers}


@dataclass(frozen=True, eq=False)
class _Changed:
    """Frames of a clip that are changed as they are asked for."""

    clip: Clip
    change: Callable[[Frames, int], Frames]

    def __getitem__(self, place: int) -> Frames:
        return self.change(self.clip.frames[place], place)


def _shuffled_pixels(clip: Clip) -> _Changed:
    """Give every frame its own pixels in random order: noise of its colours, mean and contrast."""

    def shuffled(frame: Frames, place: int) -> Frames:
        pixels = frame.reshape(-1, 3)
        order = np.random.default_rng([0, place]).permutation(len(pixels))
        return pixels[order].reshape(frame.shape)

    return _Changed(clip, shuffled)


def _alike(x: Kernel, y: Kernel, estimator: Estimator) -> float:
    """Compute CKA over as many examples as the shorter clip has frames."""
    count = min(len(x), len(y))
    x, y = (one if len(one) == count else one.first(count) for one in (x, y))
    return kernel_cka(x, y, estimator)


@dataclass(frozen=True, eq=False)
class _Null:
    """What a value is compared with.

    Attributes
    ----------
    natural, other
        The pair that is tested.
    unrelated
        Clips that have nothing to do with them.
    noise
        The natural clip's pixels in random order.
    """

    natural: _Seen
    other: _Seen
    unrelated: Sequence[_Seen]
    noise: _Seen

    def band(self, layer: str, settings: CkaSettings) -> _Row:
        """Give the columns that say where unrelated pairs lie."""
        return self._columns("unrelated", self._values(layer, settings.estimator))

    def rows(self, layers: Sequence[str], settings: CkaSettings) -> list[_Row]:
        """Give the means and bands of all kinds of null."""
        rows = []
        for layer in layers:
            for kind, values in (
                ("unrelated", self._values(layer, settings.estimator)),
                ("noise", self.natural.values(self.noise, layer, settings.estimator)),
                ("timing", self._timing(layer, settings)),
            ):
                if len(values):
                    known = values[~np.isnan(values)]
                    mean = float(known.mean()) if len(known) else float("nan")
                    row = {"layer": layer, "measure": settings.measure + NULL, "value": mean}
                    rows.append(row | self._columns(kind, values))
        return rows

    def _values(self, layer: str, estimator: Estimator) -> _Values:
        """Compare each two of the clips but the pair that is tested."""
        pairs = [
            (one, other)
            for one, other in combinations((self.natural, self.other, *self.unrelated), 2)
            if (one, other) != (self.natural, self.other)
        ]
        return np.concatenate([one.values(other, layer, estimator).ravel() for one, other in pairs])

    def _timing(self, layer: str, settings: CkaSettings) -> _Values:
        """Compare with frames of the other clip that do not correspond."""
        here, there = self.natural.kernels[layer], self.other.kernels[layer]
        if settings.examples != "frames":
            values = self.natural.values(self.other, layer, settings.estimator)
            return values[~np.eye(len(here), dtype=bool).ravel()]
        (x,), (y,) = here, there
        orders = [
            np.random.default_rng([0, one]).permutation(len(y)) for one in range(_PERMUTATIONS)
        ]
        moved = [order for order in orders if (order != np.arange(len(y))).any()]
        return np.array([kernel_cka(x, y.ordered(order), settings.estimator) for order in moved])

    def _columns(self, kind: str, values: _Values) -> _Row:
        known = values[~np.isnan(values)]
        ends = [(1 - BAND) / 2, (1 + BAND) / 2]
        low, high = np.quantile(known, ends) if len(known) else (np.nan, np.nan)
        clips = {"null_clips": len(self.unrelated)} if kind == "unrelated" else {}
        return {
            "null_low": float(low), "null_high": float(high), "null_kind": kind, **clips,
            "null_pairs": len(known),
        }  # fmt: skip


def _check_memory(count: int, found: Mapping[str, Tensor], model: LoadedClassifier) -> None:
    units = sum(one.numel() for one in found.values())
    needed, free = 4 * units * count, free_memory(torch.device("cpu"))
    if free is not None and needed > free:
        raise InputError(
            f"{model.name}: with frames as examples all {units} units of {count} frames are held, "
            f"{needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free. Choose fewer layers or "
            "deeper ones, fewer frames, or a smaller --max-side."
        )


def undefined(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the layers at which CKA has no value, one sentence each.

    Parameters
    ----------
    rows
        Of `cka_rows`.
    """
    counts: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        if is_null(row):
            continue
        count = counts.setdefault((row["model"], row["layer"]), [0, 0])
        count[0] += bool(row["value"] != row["value"])
        count[1] += 1
    return [
        f"{model.split(' [')[0]}, {layer}: CKA is undefined in {lost} of {all_} values, where all "
        "examples are alike, or too few for the unbiased estimator."
        for (model, layer), (lost, all_) in counts.items()
        if lost
    ]
