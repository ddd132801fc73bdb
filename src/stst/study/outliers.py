"""Stimuli that are unlike the others of their condition, and the frames that make them so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stst.analysis.evidence.quantities import Quantity, quantity_of
from stst.analysis.evidence.values import Key, Value
from stst.study.entries import StudyEntry

#: A value is told of where it is so many scaled median absolute deviations from the median, or of
#: mean ones where the median one is 0 (Iglewicz & Hoaglin 1993).
FAR = 3.5
#: Of fewer stimuli none is an outlier.
FEWEST = 4
# of the median and the mean absolute deviation to the standard deviation of a normal
_SCALE, _SCALE_OF_MEAN = 1.4826, 1.2533


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
        Its own, and that of the condition; less the natural clip's own value, where it has one.
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
            found += _outliers(with_value, key, asked, values)
    return sorted(found, key=lambda one: -abs(one.distance))


def _outliers(
    entries: Sequence[StudyEntry],
    key: Key,
    asked: tuple[Quantity, str],
    values: Mapping[str, Mapping[Key, Value]],
) -> list[Outlier]:
    quantity, title = asked
    measured = [values[one.pair.label][key] for one in entries]
    # a dark stimulus of a dark clip is none: what the natural clip has is taken away
    beside = quantity.scale == "beside" and quantity.group != "lost"
    own = [one.natural if beside else 0.0 for one in measured]
    every = np.array([one.value for one in measured]) - np.array(own)
    known = every[~np.isnan(every)]
    if len(known) < FEWEST:
        return []
    median = float(np.median(known))
    spread = _spread(np.abs(known - median), median)
    found = []
    for entry, one, natural, value in zip(entries, measured, own, every, strict=True):
        distance = (value - median) / spread if spread else 0.0
        if abs(distance) > FAR:
            frame = _furthest(one, natural + median)
            found.append(Outlier(entry, title, key, float(value), median, float(distance), frame))
    return found


def _spread(deviations: NDArray[np.float64], median: float) -> float:
    """Scale the median absolute deviation, or where most have none the mean one."""
    # values that are the same but for rounding have no outliers
    if deviations.max() <= 1e-9 * max(1.0, abs(median)):
        return 0.0
    middle = float(np.median(deviations))
    return _SCALE * middle if middle else _SCALE_OF_MEAN * float(deviations.mean())


def _furthest(value: Value, usual: float) -> int | None:
    known = {frame: abs(one - usual) for frame, one in value.frames.items() if one == one}
    return max(known, key=lambda frame: known[frame]) if known else None
