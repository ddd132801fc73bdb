"""Two clips side by side in a vision model: CKA of what its layers make of them, and its null."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stst.analysis.cka.null import Null
from stst.analysis.cka.onlooker import NULL_FRAMES, Onlooker, Seen
from stst.analysis.cka.similarity import Kernel, kernel_cka
from stst.analysis.cka.unrelated import UnrelatedClip
from stst.analysis.cka.verdicts import is_null
from stst.config.cka import CkaSettings
from stst.errors import InputError
from stst.video import Clip, first_frame, is_grey, spread

if TYPE_CHECKING:
    from stst.models.classifiers import LoadedClassifier

DEFAULT = CkaSettings()

_Row = dict[str, Any]


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
    the size of the natural one (`stst.analysis.cka.unrelated.crop_to`). With frames as examples
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
    count = iter(range(steps(natural, others, model, unrelated, settings)))
    look = Onlooker(model, settings, lambda: on_frame(next(count)))
    _check_lengths(natural, others, reference, model.window)
    usable = _usable(look, natural, others, unrelated)
    compare = _clips if settings.examples == "frames" else _frames
    rows: dict[str, list[_Row]] = {name: [] for name in others}
    seen: dict[str | None, Seen] = {}
    for name, row in compare(look, natural, others, seen):
        rows[name].append(row)
    for name, null in _nulls(look, natural, seen, usable):
        bands = {layer: null.band(layer, settings) for layer in model.layers}
        for row in rows[name]:
            row |= {"measure": settings.measure} | bands[row["layer"]]
        rows[name] += null.rows(model.layers, settings)
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
    look, names = Onlooker(model, settings), list(others)
    length = len(natural.frames)
    clips = _distinct({name: look.long_enough(unrelated[name], natural) for name in names})
    shown = [look.count(look.length(one, natural)) for one in clips]
    # frames of noise are as many as those that stand for the natural clip
    return (1 + len(names)) * look.windows(length) + look.count(length) + sum(shown)


def _usable(
    look: Onlooker,
    natural: Clip,
    others: Iterable[str],
    unrelated: Mapping[str, Sequence[UnrelatedClip]],
) -> dict[str, list[UnrelatedClip]]:
    """Choose the unrelated clips that are long enough; refuse a clip that would have no null."""
    usable = {name: look.long_enough(unrelated[name], natural) for name in others}
    least = look.model.window + look.least(natural) - 1
    for name, clips in usable.items():
        if not clips:
            short = ", ".join(one.name for one in unrelated[name])
            raise InputError(
                f"CKA of {name} has no null: no unrelated clip is long enough"
                + (f": {short} have fewer than {least} frames" if short else "")
                + ". Without it, a value says nothing. Give longer natural clips of other content: "
                "`null=CLIP`."
            )
    return usable


def _nulls(
    look: Onlooker,
    natural: Clip,
    seen: Mapping[str | None, Seen],
    usable: Mapping[str, Sequence[UnrelatedClip]],
) -> Iterator[tuple[str, Null]]:
    """Give what every clip is compared with, which is shown first."""
    noise = look.show_noise(natural)
    # beside clips without colour, colour would tell unrelated ones apart
    grey = is_grey(natural.frames)
    known = {one: look.show_unrelated(one, natural, grey) for one in _distinct(usable)}
    for name, clips in usable.items():
        yield name, Null(seen[None], seen[name], [known[one] for one in clips], noise)


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
            "more frames, or a smaller `window`, which `stst-analyze cka` takes."
        )


def _frames(
    look: Onlooker, natural: Clip, others: Mapping[str, Clip], seen: dict[str | None, Seen]
) -> Iterator[tuple[str, _Row]]:
    """Compare frame by frame; the kernels of one of two clips are held, and those for the null."""
    first = look.model.window - 1
    kept = set(spread(look.windows(len(natural.frames)), NULL_FRAMES))
    starts = {name: first_frame(clip) for name, clip in others.items()}
    streams = {name: look.kernels(clip.frames) for name, clip in others.items()}
    seen |= {name: look.empty() for name in (None, *others)}
    for place, here in enumerate(look.kernels(natural.frames)):
        shown: dict[str | None, dict[str, Kernel]] = {None: here}
        for name, stream in streams.items():
            shown[name] = there = next(stream)
            frame = starts[name] + first + place
            where = {"frame": frame, "time_s": float(frame / others[name].fps)}
            for layer in look.model.layers:
                value = kernel_cka(here[layer], there[layer], look.settings.estimator)
                yield name, {**where, "layer": layer, "value": value}
        for who, kernels in shown.items() if place in kept else ():
            seen[who].add(kernels)


def _clips(
    look: Onlooker, natural: Clip, others: Mapping[str, Clip], seen: dict[str | None, Seen]
) -> Iterator[tuple[str, _Row]]:
    """Compare whole clips; all activations of one of them are held."""
    length = len(natural.frames)
    seen[None] = here = look.show(natural.frames, length)
    for name, clip in others.items():
        seen[name] = there = look.show(clip.frames, length)
        for layer in look.model.layers:
            (value,) = here.values(there, layer, look.settings.estimator)
            yield name, {"layer": layer, "value": float(value)}


def list_undefined(rows: Sequence[Mapping[str, Any]]) -> list[str]:
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
