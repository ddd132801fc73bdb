"""Rows of tidy tables that all measures give alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def labels(clip: str, reference: str | None) -> dict[str, str]:
    """Name the clip, and what it is compared with if anything.

    Parameters
    ----------
    clip, reference
        What the columns of these names hold; None for no reference.

    Returns
    -------
    dict of str
        The columns.
    """
    return {"clip": clip} if reference is None else {"clip": clip, "reference": reference}


def frame_rows(
    names: Mapping[str, str],
    measure: str,
    values: Values,
    unit: str,
    fps: Fraction,
    start: int,
    first: int = 0,
) -> Iterator[dict[str, Any]]:
    """Give a row for every frame that can have a value.

    Parameters
    ----------
    names
        Columns that all rows share.
    measure, unit
        What these columns hold.
    values
        (T,).
    fps
        Rate in Hz.
    start
        Number of the first frame in the clip's own numbering.
    first
        Number of the first frame, from `start` on, that can have a value.

    Yields
    ------
    dict
        A row.
    """
    for place in range(first, len(values)):
        frame = start + place
        yield {
            **names,
            "frame": frame,
            "time_s": float(frame / fps),
            "measure": measure,
            "value": float(values[place]),
            "unit": unit,
        }


def clip_row(names: Mapping[str, str], measure: str, value: float, unit: str) -> dict[str, Any]:
    """Give the row of what holds for the whole clip.

    Parameters
    ----------
    names
        Columns that all rows share.
    measure, value, unit
        What these columns hold.

    Returns
    -------
    dict
        The row.
    """
    return {**names, "measure": measure, "value": value, "unit": unit}


def mean_over_frames(values: Values) -> float:
    """Average what is defined.

    Parameters
    ----------
    values
        (T,), NaN where undefined.

    Returns
    -------
    float
        NaN where nothing is.
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
