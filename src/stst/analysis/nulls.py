"""What a measure finds in clips that have nothing of a natural clip, or its spectrum alone.

A value says something of a stimulus only beside these: a check that they pass is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from stst.config.methods import BUILT_IN
from stst.types import Frames
from stst.video import Clip, Video

NullKind = Literal["unrelated", "scrambled", "noise"]
#: A null is made for so many frames of a natural clip at most, its first ones.
NULL_LENGTH = 24
#: Of the scrambled clip: one that no stimulus is likely to have, for it would be its own null.
NULL_SEED = 2_024_746
#: Ends the names of measures whose rows say where a null lies.
NULL = ".null"

Row = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class NullClip:
    """A clip that stands beside a natural clip.

    Attributes
    ----------
    kind
        ``"unrelated"``: another natural clip; ``"scrambled"``: the natural clip with random phases;
        ``"noise"``: its pixels in random order, in each frame anew.
    name
        What it is called.
    clip
        Of the natural clip's length and size.
    """

    kind: NullKind
    name: str
    clip: Video


def shuffle_pixels(frame: Frames, number: int) -> Frames:
    """Give a frame its own pixels in random order.

    Parameters
    ----------
    frame
        (H, W, 3) uint8.
    number
        Of the frame, which says the order.

    Returns
    -------
    Frames
        Of the same shape: noise with the frame's colours, mean and contrast.
    """
    pixels = frame.reshape(-1, 3)
    order = np.random.default_rng([0, number]).permutation(len(pixels))
    return pixels[order].reshape(frame.shape)


def first_part(clip: Clip) -> Video:
    """Read the frames of a clip that nulls are made for, see `NULL_LENGTH`."""
    return Video(np.stack([clip.frames[n] for n in range(min(len(clip.frames), NULL_LENGTH))]),
                 clip.fps)  # fmt: skip


def scramble_clip(clip: Video) -> Video:
    """Scramble the phases of a clip by the method that the table has for it.

    Parameters
    ----------
    clip
        Held whole.

    Returns
    -------
    Video
        Of the same length, size and rate.
    """
    from stst.engine.process import run_in_memory

    (spec,) = (one for one in BUILT_IN.values() if one.scrambles)
    config = spec.config(method=spec.name, device="cpu", seed=NULL_SEED)
    (scrambled,) = run_in_memory(spec.door()({spec.main_role: clip}, config), lambda event: None)
    return scrambled


def make_nulls(natural: Video, unrelated: Sequence[tuple[str, Clip]] = ()) -> list[NullClip]:
    """Make the clips that a measure is compared with.

    Parameters
    ----------
    natural
        See `first_part`.
    unrelated
        Names and clips of other content, of any size; those that are shorter are left out.

    Returns
    -------
    list of NullClip
        The unrelated clips at the natural clip's size (their largest centred part of that shape,
        resized), then it scrambled, then noise.
    """
    from stst.analysis.cka.unrelated import crop_to

    length, height, width, _ = natural.frames.shape
    nulls = [
        NullClip("unrelated", name, replace(natural, frames=np.stack(
            [crop_to(clip.frames[n], (height, width)) for n in range(length)]
        )))
        for name, clip in unrelated
        if len(clip.frames) >= length
    ]  # fmt: skip
    noise = np.stack([shuffle_pixels(frame, n) for n, frame in enumerate(natural.frames)])
    return [
        *nulls,
        NullClip("scrambled", "scrambled", scramble_clip(natural)),
        NullClip("noise", "noise", replace(natural, frames=noise)),
    ]


def _key(row: Row) -> tuple[Any, ...]:
    return row.get("model"), row.get("layer"), row["measure"]


def add_nulls(
    rows: Iterable[Row], nulls: Sequence[tuple[NullKind, Iterable[Row]]]
) -> list[dict[str, Any]]:
    """Put where the null lies beside every value of a whole clip.

    Parameters
    ----------
    rows
        Of a clip; those of single frames stay as they are.
    nulls
        Kind and rows of every null clip.

    Returns
    -------
    list of dict
        The rows, with the range of unrelated clips in the columns ``null_low``, ``null_high``,
        ``null_kind`` and ``null_clips``; after them, for each kind, a row of the same measure with
        `NULL` at its end: the mean as value, and the range. What has no null has no such columns.
    """
    found: dict[tuple[Any, ...], dict[NullKind, list[float]]] = {}
    for kind, null_rows in nulls:
        for row in null_rows:
            if "frame" not in row:
                found.setdefault(_key(row), {}).setdefault(kind, []).append(float(row["value"]))
    out, below = [], []
    for row in rows:
        values = {} if "frame" in row else found.get(_key(row), {})
        band = _band("unrelated", values["unrelated"]) if "unrelated" in values else {}
        out.append({**row, **band})
        for kind in get_args(NullKind):
            if kind in values:
                measure = f"{row['measure']}{NULL}"
                mean = _mean(values[kind])
                below.append(
                    {**row, "measure": measure, "value": mean, **_band(kind, values[kind])}
                )
    return [*out, *below]


def _band(kind: NullKind, values: Sequence[float]) -> dict[str, Any]:
    known = [value for value in values if not np.isnan(value)] or [float("nan")]
    return {
        "null_low": min(known), "null_high": max(known), "null_kind": kind,
        "null_clips": len(values),
    }  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
