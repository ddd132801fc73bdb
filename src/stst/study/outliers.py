"""Stimuli that are unlike the others of their condition, and the frames that make them so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stst.study.entries import StudyEntry
from stst.study.quantities import quantity_of
from stst.study.values import Key, Value

#: A value is told of where it is so many scaled median absolute deviations from the median
#: (Iglewicz & Hoaglin 1993).
FAR = 3.5
#: Of fewer stimuli none is an outlier.
FEWEST = 4
_SCALE = 1.4826  # of the median absolute deviation to the standard deviation of a normal


@dataclass(frozen=True)
class Outlier:
    """A stimulus whose value is far from those of its condition.

    Attributes
    ----------
    entry
        The stimulus.
    title
        Of the measure.
    key
        The measure.
    value, median
        Its own, and that of the condition.
    distance
        In scaled median absolute deviations, with sign.
    frame
        The one that is furthest off; None where frames have no values.
    """

    entry: StudyEntry
    title: str
    key: Key
    value: float
    median: float
    distance: float
    frame: int | None


def find_outliers(
    entries: Sequence[StudyEntry], values: Mapping[str, Mapping[Key, Value]]
) -> list[Outlier]:
    """Look through all measures for stimuli that are unlike the others of their condition.

    Parameters
    ----------
    entries
        Of the set.
    values
        By label, of those that were measured.

    Returns
    -------
    list of Outlier
        The furthest first.
    """
    found = []
    for condition in dict.fromkeys(one.condition for one in entries):
        own = [e for e in entries if e.condition == condition and e.pair.label in values]
        for key in dict.fromkeys(key for one in own for key in values[one.pair.label]):
            asked = quantity_of(key.table, key.measure)
            if asked is None:
                continue
            with_value = [one for one in own if key in values[one.pair.label]]
            found += _outliers(with_value, key, asked[1], values)
    return sorted(found, key=lambda one: -abs(one.distance))


def _outliers(
    entries: Sequence[StudyEntry],
    key: Key,
    title: str,
    values: Mapping[str, Mapping[Key, Value]],
) -> list[Outlier]:
    every = np.array([values[one.pair.label][key].value for one in entries])
    known = every[~np.isnan(every)]
    if len(known) < FEWEST:
        return []
    median = float(np.median(known))
    spread = _SCALE * float(np.median(np.abs(known - median)))
    # values that are the same but for rounding have no outliers
    if spread <= 1e-9 * max(1.0, abs(median)):
        return []
    found = []
    for one, value in zip(entries, every, strict=True):
        distance = (value - median) / spread
        if abs(distance) > FAR:
            frame = _furthest(values[one.pair.label][key], median)
            found.append(Outlier(one, title, key, float(value), median, float(distance), frame))
    return found


def _furthest(value: Value, median: float) -> int | None:
    known = {frame: abs(one - median) for frame, one in value.frames.items() if one == one}
    return max(known, key=lambda frame: known[frame]) if known else None
