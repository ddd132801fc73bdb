"""What measures of a set say: means, intervals, tests against natural clips and nulls."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stst.analysis.evidence.quantities import QUANTITIES, Quantity, Scale, quantity_of
from stst.analysis.evidence.values import Key, Null, Value
from stst.analysis.inference import (
    Interval,
    NullComparison,
    PermutationTest,
    at_null,
    equivalence_test,
    mean_interval,
    permutation_test,
)
from stst.analysis.settings import CKA, PREDICTION, RECOGNITION, TABLES, VALIDITY
from stst.config.hints import suggestion
from stst.errors import InputError
from stst.study.entries import StudyEntry

Means = NDArray[np.float64]
#: Of equivalence and of "at its null".
ALPHA = 0.05
# what makes a table that is not always there
_ASK_FOR = {
    RECOGNITION: "Name judges (`judge`), or leave it out.",
    CKA: "Name a model (`cka`), or leave it out.",
    PREDICTION: "Give weights of PredNet (`prednet`), or leave it out.",
    VALIDITY: "No stimulus is known to have been made by matching Gram matrices. Leave it out.",
}


@dataclass(frozen=True, eq=False)
class Finding:
    """What a measure says of the stimuli of a condition.

    Attributes
    ----------
    key, quantity, title
        The measure.
    condition
        Of the stimuli.
    by_clip
        By natural clip: the mean over its stimuli. Of ratios all means are geometric, and 0 where
        any ratio is.
    interval
        Of the mean over natural clips.
    natural
        Mean of the natural clips' own values; NaN where they have none.
    nulls
        By kind: means over natural clips.
    test
        Against what `Quantity.against` says; None where there is nothing to test against, of a
        single clip, and where a ratio is 0.
    against
        What that is, in words.
    verdict
        Where a margin was asked for, whether it is kept; empty elsewhere.
    unit
        Of all values.
    """

    key: Key
    quantity: Quantity
    title: str
    condition: str
    by_clip: Mapping[Path, float]
    interval: Interval
    natural: float
    nulls: Mapping[str, Null]
    test: PermutationTest | None
    against: str
    verdict: str
    unit: str

    def row(self) -> dict[str, Any]:
        """Give the row of a tidy table."""
        null = self.nulls.get(self.quantity.against or "unrelated")
        named = {"model": self.key.model, "layer": self.key.layer}
        where = {name: value for name, value in named.items() if value}
        band = {} if null is None else {
            "null_value": null.mean, "null_low": null.low, "null_high": null.high,
            "null_kind": self.quantity.against or "unrelated",
        }  # fmt: skip
        tested = {} if self.test is None else {
            "against": self.against, "p": self.test.p, "smallest_p": self.test.smallest_p,
        }  # fmt: skip
        return {
            "condition": self.condition, **where, "measure": self.key.measure,
            "value": self.interval.mean, "unit": self.unit,
            "low": self.interval.low, "high": self.interval.high, "clips": self.interval.n,
            "natural": self.natural, **band, **tested,
            **({"verdict": self.verdict} if self.verdict else {}),
        }  # fmt: skip


def check_margins(margins: Mapping[str, float], tables: Collection[str] = TABLES) -> None:
    """Refuse margins of what is not tested, before any work.

    Parameters
    ----------
    margins
        By the name of the measure.
    tables
        That there will be.

    Raises
    ------
    InputError
        Naming the measure, or the number.
    """
    for name, margin in margins.items():
        found = [one for one in QUANTITIES if one.match(name) is not None]
        if not found:
            known = ["contrast.ratio", "recognition.top10.clip", "warp_residual.dis.lag1.mean"]
            raise InputError(
                f"margin {name}: no measure of that name is tested{suggestion(name, known)}. Names "
                f"are those of study.csv, e.g. {', '.join(known)}."
            )
        if found[0].table not in tables:
            raise InputError(
                f"margin {name}: it is not measured here. "
                f"{_ASK_FOR.get(found[0].table, 'Leave it out.')}"
            )
        least = 1 if found[0].scale == "ratio" else 0
        if not (margin > least and np.isfinite(margin)):
            of_ratios = "; of a ratio, 1.1 stands for 1/1.1 to 1.1" if least else ""
            raise InputError(
                f"margin {name}={margin:g}: expected a number above {least}{of_ratios}."
            )


def find_all(
    entries: Sequence[StudyEntry],
    values: Mapping[str, Mapping[Key, Value]],
    margins: Mapping[str, float],
    nameable: Collection[Path] = (),
) -> list[Finding]:
    """Average and test every measure in every condition.

    Parameters
    ----------
    entries
        Of the set.
    values
        By label, of those that were measured.
    margins
        By the name of the measure: what does not matter. Of ratios, a factor; of others, how far
        from the natural clip, or above the null.
    nameable
        Natural clips that judges name: recognition is averaged over their stimuli alone.

    Returns
    -------
    list of Finding
        Measure after measure, conditions in their order.
    """
    keys = dict.fromkeys(key for one in values.values() for key in one)
    conditions = dict.fromkeys(one.condition for one in entries)
    found = []
    for key in sorted(keys, key=_place):
        for condition in conditions:
            own = [one for one in entries if one.condition == condition]
            if key.table == RECOGNITION:
                own = [one for one in own if one.natural in nameable]
            finding = _find(key, condition, own, values, margins.get(key.measure))
            if finding is not None:
                found.append(finding)
    return found


def _place(key: Key) -> tuple[int, str]:
    """Sort by quantity; what is alike stays in the order of its table."""
    quantity, _ = quantity_of(key.table, key.measure) or (None, "")
    return (QUANTITIES.index(quantity) if quantity else len(QUANTITIES), key.model)


def _find(
    key: Key,
    condition: str,
    entries: Sequence[StudyEntry],
    values: Mapping[str, Mapping[Key, Value]],
    margin: float | None,
) -> Finding | None:
    asked = quantity_of(key.table, key.measure)
    stimuli: dict[Path, list[Value]] = {}
    for one in entries:
        value = values.get(one.pair.label, {}).get(key)
        if value is not None:
            stimuli.setdefault(one.natural, []).append(value)
    if asked is None or not stimuli:
        return None
    quantity, title = asked
    of_clip = {clip: _average(quantity, own) for clip, own in stimuli.items()}
    clips = list(of_clip.values())
    means, natural = (np.array([getattr(one, name) for one in clips])
                      for name in ("value", "natural"))  # fmt: skip
    reference, against = _reference(quantity, clips)
    test = _test(quantity, means, reference)
    return Finding(
        key, quantity, title, condition, {clip: one.value for clip, one in of_clip.items()},
        _interval(quantity, means), _mean(quantity.scale, natural),
        _average(quantity, clips).nulls, test, "" if test is None else against,
        _verdict(quantity, means, natural, reference, margin), clips[0].unit,
    )  # fmt: skip


def _average(quantity: Quantity, values: Sequence[Value]) -> Value:
    """Average the stimuli of a clip, or clips, and the nulls beside them."""
    nulls = {}
    for kind in dict.fromkeys(kind for one in values for kind in one.nulls):
        known = [one.nulls[kind] for one in values if kind in one.nulls]
        nulls[kind] = Null(*(_mean(quantity.scale, ends) for ends in zip(*known, strict=True)))
    mean, natural = (
        _mean(quantity.scale, [getattr(one, name) for one in values])
        for name in ("value", "natural")
    )
    return Value(mean, natural, nulls, unit=values[0].unit)


def _mean(scale: Scale, values: Iterable[float]) -> float:
    """Average what is defined; of ratios the geometric mean, for 2 and ½ are as far from 1."""
    known = np.array([one for one in values if not np.isnan(one)])
    if not len(known):
        return float("nan")
    if scale != "ratio":
        return float(known.mean())
    return float(np.exp(np.log(known).mean())) if known.min() > 0 else 0.0


def _interval(quantity: Quantity, means: Means) -> Interval:
    """Average over clips; of ratios as logarithms, which there are none of 0."""
    if quantity.scale != "ratio":
        return mean_interval(means)
    if (means == 0).any():
        nan = float("nan")
        found = mean_interval(means)
        return replace(found, mean=0.0, low=nan, high=nan, method="descriptive")
    found = mean_interval(np.log(means))
    mean, low, high = (float(np.exp(one)) for one in (found.mean, found.low, found.high))
    return replace(found, mean=mean, low=low, high=high)


def _reference(quantity: Quantity, clips: Sequence[Value]) -> tuple[Means | None, str]:
    """Give what each clip's value is tested against, and what that is."""
    if quantity.against is not None:
        nothing = Null(*[float("nan")] * 3)
        null = np.array([one.nulls.get(quantity.against, nothing).mean for one in clips])
        return (null, quantity.against) if np.isfinite(null).any() else (None, "")
    natural = np.array([one.natural for one in clips])
    if quantity.scale != "beside":
        natural = np.full(len(clips), quantity.same)
    return (natural, "natural") if np.isfinite(natural).any() else (None, "")


def _test(quantity: Quantity, means: Means, reference: Means | None) -> PermutationTest | None:
    """Test clips in pairs, ratios as logarithms; a single clip is not tested."""
    if reference is None or (quantity.scale == "ratio" and (means == 0).any()):
        return None
    if quantity.scale == "ratio":
        means, reference = np.log(means), np.log(reference)
    test = permutation_test(means, reference)
    return test if test.n > 1 else None


def _verdict(
    quantity: Quantity, means: Means, natural: Means, null: Means | None, margin: float | None
) -> str:
    """Say whether a margin is kept; never from a difference that was merely not significant."""
    if margin is None:
        return ""
    if quantity.scale == "ratio":
        same = "undecided, for a ratio is 0"
        if not (means == 0).any():
            same = equivalence_test(means, 1 / margin, margin, ALPHA, ratios=True).verdict
        return f"{same} (margins {1 / margin:.3g} to {margin:.3g})"
    if quantity.group == "lost":
        if null is None:
            return "no null"
        return f"{at_null(means, null, margin, ALPHA).verdict} (margin {margin:g})"
    if quantity.scale == "beside" and quantity.group != "coherence":
        same = equivalence_test(means - natural, -margin, margin, ALPHA).verdict
        return f"{same} (margin ±{margin:g})"
    # a distance has to be small, and motion to hold together as well as in the natural clip
    least = np.zeros(len(means)) if quantity.scale == "distance" else natural
    return f"{_within(at_null(means, least, margin, ALPHA))} (margin {margin:g})"


def _within(compared: NullComparison) -> str:
    """Say on which side of a margin values were shown to be, by their confidence bounds."""
    if compared.verdict == "descriptive":
        return "descriptive"
    if compared.high < compared.margin:
        return "within"
    return "not within" if compared.low >= compared.margin else "undecided"
