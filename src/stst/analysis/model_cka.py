"""Two clips side by side in a vision model: CKA of what its layers make of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from stst.analysis.cka import as_examples, gram, gram_cka, linear_cka
from stst.config.choice import CkaSettings
from stst.devices import free_memory
from stst.errors import InputError
from stst.types import Frames
from stst.video import Clip, first_frame

if TYPE_CHECKING:
    from stst.models.classifiers import LoadedClassifier

DEFAULT = CkaSettings()

_Row = dict[str, Any]


def cka_rows(
    natural: Clip,
    others: Mapping[str, Clip],
    reference: str,
    model: LoadedClassifier,
    settings: CkaSettings = DEFAULT,
    on_frame: Callable[[int], None] = lambda frame: None,
) -> list[_Row]:
    """Compare clips with their natural clip at every layer of a model.

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
        undefined.

    Raises
    ------
    InputError
        If a clip is shorter than the model's window or differs in length, its size does not fit
        the model, or an activation cannot be compared.
    """
    _check_lengths(natural, others, reference, model.window)
    count = iter(range(steps(len(natural.frames), len(others), model)))
    work = _clips if settings.examples == "frames" else _frames
    rows: dict[str, list[_Row]] = {name: [] for name in others}
    for name, row in work(natural, others, model, settings, lambda: on_frame(next(count))):
        row |= {"clip": name, "reference": reference, "model": model.name, "unit": "1"}
        rows[name].append(row | {"measure": settings.measure})
    return [row for own in rows.values() for row in own]


def steps(length: int, others: int, model: LoadedClassifier) -> int:
    """Count the calls of `on_frame` for clips of `length` frames, and so many others."""
    return (1 + others) * max(0, length - model.window + 1)


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
            f"{reference}: {length} frames are fewer than the model sees at once, {window}. Give a "
            "smaller --window N, or more frames."
        )


def _frames(
    natural: Clip,
    others: Mapping[str, Clip],
    model: LoadedClassifier,
    settings: CkaSettings,
    done: Callable[[], None],
) -> Iterator[tuple[str, _Row]]:
    """Compare frame by frame; the activations of one of two clips are held."""
    first = model.window - 1
    starts = {name: first_frame(clip) for name, clip in others.items()}
    streams = {name: _activations(clip, model, done) for name, clip in others.items()}
    for place, here in enumerate(_activations(natural, model, done), first):
        for name, stream in streams.items():
            there = next(stream)
            frame = starts[name] + place
            where = {"frame": frame, "time_s": float(frame / others[name].fps)}
            for layer in model.layers:
                x, y = (as_examples(one[layer], settings.examples) for one in (here, there))
                value = linear_cka(x, y, settings.unbiased)
                yield name, {**where, "layer": layer, "value": value}


def _clips(
    natural: Clip,
    others: Mapping[str, Clip],
    model: LoadedClassifier,
    settings: CkaSettings,
    done: Callable[[], None],
) -> Iterator[tuple[str, _Row]]:
    """Compare whole clips; all activations of one of them are held."""
    here = _grams(natural, model, done)
    for name, clip in others.items():
        there = _grams(clip, model, done)
        for layer in model.layers:
            value = gram_cka(here[layer], there[layer], settings.unbiased)
            yield name, {"layer": layer, "value": value}


def _activations(
    clip: Clip, model: LoadedClassifier, done: Callable[[], None]
) -> Iterator[dict[str, Tensor]]:
    """Show a clip to a model, window by window; every frame is decoded once."""
    recent: deque[Frames] = deque(maxlen=model.window)
    for place in range(len(clip.frames)):
        recent.append(clip.frames[place])
        if len(recent) == model.window:
            found = model.activations(np.stack(recent))
            done()
            yield found


def _grams(clip: Clip, model: LoadedClassifier, done: Callable[[], None]) -> dict[str, Tensor]:
    """Compute how alike all frames of a clip are to one another, layer by layer."""
    held: dict[str, Tensor] = {}
    count = len(clip.frames) - model.window + 1
    for place, found in enumerate(_activations(clip, model, done)):
        if not held:
            _check_memory(count, found, model)
            held = {
                layer: torch.empty(count, one.numel(), dtype=torch.float32, device="cpu")
                for layer, one in found.items()
            }
        for layer, one in found.items():
            held[layer][place] = one.flatten()
    return {layer: gram(held.pop(layer)) for layer in model.layers}


def _check_memory(count: int, found: Mapping[str, Tensor], model: LoadedClassifier) -> None:
    units = sum(one.numel() for one in found.values())
    needed, free = 4 * units * count, free_memory(torch.device("cpu"))
    if free is not None and needed > free:
        raise InputError(
            f"{model.name}: with frames as examples all {units} units of {count} frames are held, "
            f"{needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free. Choose fewer --layers or "
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
        count = counts.setdefault((row["model"], row["layer"]), [0, 0])
        count[0] += bool(row["value"] != row["value"])
        count[1] += 1
    return [
        f"{model.split(' [')[0]}, {layer}: CKA is undefined in {lost} of {all_} values, where all "
        "examples are alike, or too few for the unbiased estimator."
        for (model, layer), (lost, all_) in counts.items()
        if lost
    ]
