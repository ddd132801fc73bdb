"""How closely the features of a stimulus follow those of its natural clip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stst.analysis.features import MEASURES, Features, Measure, in_circle
from stst.errors import InputError

Values = NDArray[np.float64]

# a course that varies by less than this, in its own unit, is constant up to rounding
_STEADY = 1e-12


def compare(natural: Features, other: Features) -> dict[str, dict[str, float]]:
    """Compare two clips frame by frame, in the frames in which both have a value.

    Parameters
    ----------
    natural, other
        Features of clips of the same length.

    Returns
    -------
    dict
        By the name of the measure. For angles: ``natural_mean`` and ``other_mean`` (circular
        means over frames, radians), ``mean_absolute_difference`` and ``mean_difference`` (other −
        natural around the circle; the mean of sizes in [0, π], and the circular mean in [−π, π]),
        ``circular_correlation`` (Jammalamadaka & SenGupta 2001) in [−1, 1]. For all others:
        ``natural_mean``, ``other_mean``, ``mean_absolute_error``, ``relative_error`` (the mean
        absolute error over the mean size of the natural values) and ``correlation`` (Pearson, of
        the time courses). For each ``frames``, the number of frames that were compared; frames
        without motion have no angle. NaN where a statistic is undefined, e.g. the correlation with
        a constant or the mean of opposite directions.

    Raises
    ------
    InputError
        If the clips differ in length.
    """
    if len(natural) != len(other):
        raise InputError(
            f"the clips differ in length: {len(natural)} and {len(other)} frames. "
            "Choose frames so that both agree."
        )
    out = {}
    for measure in MEASURES:
        here, there = natural.values[measure.name], other.values[measure.name]
        both = ~(np.isnan(here) | np.isnan(there))
        statistics = _circular if measure.circular else _linear
        out[measure.name] = statistics(here[both], there[both])
    return out


def mean_of(features: Features, measure: Measure) -> float:
    """Average a measure over the frames of a clip that have it, around the circle for angles.

    Parameters
    ----------
    features
        Of the clip.
    measure
        One of `stst.analysis.features.MEASURES`.

    Returns
    -------
    float
        NaN where no frame has a value, or directions are opposite.
    """
    values = features.values[measure.name]
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan")
    return float(in_circle(_mean_angle(known)) if measure.circular else known.mean())


def comparison_rows(
    comparison: dict[str, dict[str, float]], clip: str, reference: str
) -> Iterator[dict[str, Any]]:
    """Give the rows of a tidy table; ``measure`` is the feature and the statistic, with a dot.

    Parameters
    ----------
    comparison
        What `compare` gives.
    clip, reference
        What the columns of these names hold.

    Yields
    ------
    dict
        A row for each measure and statistic.
    """
    for measure in MEASURES:
        for statistic, value in comparison[measure.name].items():
            yield {
                "clip": clip,
                "reference": reference,
                "measure": f"{measure.name}.{statistic}",
                "value": value,
                "unit": statistic_unit(measure, statistic),
            }


def statistic_unit(measure: Measure, statistic: str) -> str:
    """Give the unit of a statistic: the measure's own, or 1 for ratios, correlations, counts."""
    pure = statistic in ("relative_error", "frames") or statistic.endswith("correlation")
    return "1" if pure else measure.unit


def _linear(natural: Values, other: Values) -> dict[str, float]:
    if not len(natural):
        names = (
            "natural_mean", "other_mean", "mean_absolute_error", "relative_error", "correlation"
        )  # fmt: skip
        return {**dict.fromkeys(names, np.nan), "frames": 0.0}
    error, size = float(np.abs(other - natural).mean()), float(np.abs(natural).mean())
    return {
        "natural_mean": float(natural.mean()),
        "other_mean": float(other.mean()),
        "mean_absolute_error": error,
        "relative_error": _ratio(error, size),
        "correlation": _correlation(natural - natural.mean(), other - other.mean()),
        "frames": float(len(natural)),
    }


def _ratio(error: float, size: float) -> float:
    """Divide; NaN where the size is nothing, or so small that the ratio has no number."""
    ratio = error / size if size > 0 else np.nan
    return ratio if np.isfinite(ratio) else np.nan


def _circular(natural: Values, other: Values) -> dict[str, float]:
    if not len(natural):
        names = (
            "natural_mean", "other_mean", "mean_absolute_difference", "mean_difference",
            "circular_correlation",
        )  # fmt: skip
        return {**dict.fromkeys(names, np.nan), "frames": 0.0}
    difference = other - natural
    wrapped = np.arctan2(np.sin(difference), np.cos(difference))
    here, there = _mean_angle(natural), _mean_angle(other)
    return {
        "natural_mean": float(in_circle(here)),
        "other_mean": float(in_circle(there)),
        "mean_absolute_difference": float(np.abs(wrapped).mean()),
        "mean_difference": float(_mean_angle(difference)),
        "circular_correlation": _correlation(np.sin(natural - here), np.sin(other - there)),
        "frames": float(len(natural)),
    }


def _mean_angle(angles: Values) -> Values:
    down, right = np.sin(angles).mean(), np.cos(angles).mean()
    undefined = np.hypot(down, right) < _STEADY
    return np.asarray(np.nan if undefined else np.arctan2(down, right))


def _correlation(here: Values, there: Values) -> float:
    """Correlate two centred courses; NaN if one of them is constant up to rounding."""
    if min(np.ptp(here), np.ptp(there)) < _STEADY:
        return float("nan")
    size = np.sqrt((here @ here) * (there @ there))
    return float(np.clip((here @ there) / size, -1, 1))
