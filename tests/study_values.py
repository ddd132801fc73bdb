"""What small studies are of: clips, and values that are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stst.analysis.evidence.values import Key, Null, Value
from stst.analysis.manifest import NamedPair
from stst.config.cka import ClassifierSpec
from stst.study.entries import StudyEntry

NAN = float("nan")
RATIO = Key("comparison.csv", "contrast.ratio")
DISTANCE = Key("validity.csv", "gram_distance.mean", "m", "conv1")
COHERENCE = Key("coherence.csv", "warp_residual.dis.lag1.mean")
SEEN = Key("recognition.csv", "recognition.top10.clip", "judge")
LIGHT = Key("photometry.csv", "luminance.mean")


def entry(label: str, natural: str = "a", condition: str = "x") -> StudyEntry:
    pair = NamedPair(label, f"{natural}.mkv", f"{label}.mkv")
    return StudyEntry(pair, condition, Path(f"{natural}.mkv"))


def beside(value: float, natural: float = NAN, **nulls: float) -> Value:
    """A value with nulls that are a point each."""
    return Value(value, natural, {kind: Null(one, one, one) for kind, one in nulls.items()})


def of_clips(key: Key, *values: Value, condition: str = "x"):
    """One stimulus for each natural clip: entries, and their values by label."""
    entries = [entry(f"s{n}", f"n{n}", condition) for n in range(len(values))]
    return entries, {one.pair.label: {key: v} for one, v in zip(entries, values, strict=True)}


#: What nobody should call a condition.
HOSTILE = "<script>alert('$x_1$')</script>"
CONDITIONS = "same", "noise", HOSTILE
#: Of the natural clips: as bright as a class of the judges.
LEVELS = {"a": 3, "b": 5, "c": 8}
JUDGES = tuple(ClassifierSpec(f"tiny_classifier:{name}") for name in ("judge", "second_judge"))
MARGINS = {"contrast.ratio": 1.1, "recognition.class.clip": 0.2, "warp_residual.dis.lag8.mean": 1.0}


def natural(level: int, seed: int, spread: float = 12, count: int = 5, side: int = 32):
    """A smooth picture that moves by a pixel a frame."""
    waves = np.random.default_rng(seed).normal(size=(side, side))
    spectrum = np.fft.fft2(waves) * (np.hypot(*np.meshgrid(*[np.fft.fftfreq(side)] * 2)) < 0.15)
    picture = np.fft.ifft2(spectrum).real
    picture = 255 * level / 11 + spread * (picture - picture.mean()) / picture.std()
    frames = np.stack([np.roll(picture, one, axis=1) for one in range(count)])
    return np.repeat(frames.clip(0, 255).astype(np.uint8)[..., None], 3, axis=3)
