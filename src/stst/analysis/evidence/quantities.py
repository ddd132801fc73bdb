"""What is asked of each measure: does it stay, is it gone, against what?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from stst.analysis.settings import (
    CKA,
    COHERENCE,
    COMPARISON,
    ENERGY,
    PHOTOMETRY,
    PREDICTION,
    RECOGNITION,
    VALIDITY,
)

Group = Literal["kept", "lost", "coherence", "light"]
#: How a value is read. ``"ratio"`` and ``"likeness"``: to natural, 1 is the same; ``"distance"``:
#: from natural, 0 is the same; ``"beside"``: the natural clip has a value of its own.
Scale = Literal["ratio", "distance", "likeness", "beside"]
#: Heading of each group, and what its values say.
GROUPS: dict[Group, tuple[str, str]] = {
    "kept": (
        "Kept",
        "Statistics that a metamer is meant to keep. Ratios are the stimulus’s over the natural "
        "clip’s: 1 is the same. Distances are from the natural clip: 0 is the same.",
    ),
    "lost": (
        "Lost",
        "What a metamer is meant to lose. Recognition: the probability that a classifier gives "
        "the ten classes that it finds most probable in the natural clip. CKA: how alike a "
        "model’s layers respond. At its null, a model finds no more of the natural clip in the "
        "stimulus than in unrelated clips.",
    ),
    "coherence": (
        "Coherence of motion",
        "The share of the change over a lag that is left once optical flow is undone: 0 where "
        "things move, 1 where they boil.",
    ),
    "light": (
        "Light",
        "Luminance through the sRGB transfer, relative to white, and contrast in linear light.",
    ),
}
#: Measures of `stst.analysis.settings.MEASURES`: heading, and the group of what is asked of them.
HEADINGS: dict[str, tuple[str, Group]] = {
    "energy": ("Energy", "kept"),
    "coherence": ("Coherence of motion", "coherence"),
    "photometry": ("Light", "light"),
}


@dataclass(frozen=True)
class Quantity:
    """A measure of whole clips that a study tests.

    Attributes
    ----------
    table
        Where it stands.
    pattern
        Matches the whole of its name there.
    group
        Part of the page.
    scale
        See `Scale`.
    title
        In words; ``{}`` is what the pattern's first group holds.
    against
        The null that it is tested against; None to test against the natural clip.
    headline
        Whether it is among the first things that a reader sees.
    """

    table: str
    pattern: str
    group: Group
    scale: Scale
    title: str
    against: Literal["unrelated", "scrambled"] | None
    headline: bool = False

    @property
    def same(self) -> float:
        """What the natural clip itself would have; NaN where that is a value of its own."""
        return {"ratio": 1.0, "distance": 0.0, "likeness": 1.0}.get(self.scale, float("nan"))

    def match(self, measure: str) -> str | None:
        """Give the title of a measure that this is; None of another."""
        found = re.fullmatch(self.pattern, measure)
        if found is None:
            return None
        return self.title.format(*(_readable(part) for part in found.groups()))


_NAMES = {"farneback": "Farnebäck", "dis": "DIS"}


def _readable(part: str) -> str:
    """Write a band's edges, and names, as people do."""
    if part in _NAMES:
        return _NAMES[part]
    return re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.3g}", part).replace("-", " to ")


QUANTITIES = (
    Quantity(COMPARISON, r"pixel_intensity\.ratio", "kept", "ratio", "Pixel intensity", None, True),
    Quantity(COMPARISON, r"contrast\.ratio", "kept", "ratio", "Contrast", None, True),
    Quantity(COMPARISON, r"pixel_change\.ratio", "kept", "ratio", "Pixel change", None, True),
    Quantity(COMPARISON, r"flow_magnitude\.ratio", "kept", "ratio", "Optical flow magnitude", None,
             True),
    Quantity(ENERGY, r"total_variation\.ratio", "kept", "ratio", "Total variation", None),
    Quantity(ENERGY, r"coarse_power\.ratio", "kept", "ratio",
             "Share of power below 0.03 cycles/px", None, True),
    Quantity(ENERGY, r"spatial_power\.([0-9.]+-[0-9.]+)\.ratio", "kept", "ratio",
             "Power, {} cycles/px", None),
    Quantity(ENERGY, r"temporal_power\.static\.ratio", "kept", "ratio", "Power over time, static",
             None),
    Quantity(ENERGY, r"temporal_power\.([0-9.]+-[0-9.]+)\.ratio", "kept", "ratio",
             "Power over time, {} cycles/frame", None),
    Quantity(ENERGY, r"flicker\.ratio", "kept", "ratio", "Flicker", None),
    Quantity(ENERGY, r"direction_distance", "kept", "distance", "Directions of motion (rad)",
             "scrambled", True),
    Quantity(ENERGY, r"speed_distance", "kept", "distance", "Speeds of motion (octaves)",
             "scrambled", True),
    Quantity(VALIDITY, r"gram_distance\.mean", "kept", "distance", "Gram matrices", "scrambled"),
    Quantity(COHERENCE, r"warp_residual\.(\w+)\.lag1\.mean", "coherence", "beside",
             "Warp residual, lag 1, {}", "scrambled", True),
    Quantity(COHERENCE, r"warp_residual\.(\w+)\.lag(\d+)\.mean", "coherence", "beside",
             "Warp residual, {}, lag {}", "scrambled"),
    Quantity(COHERENCE, r"warp_residual_visible\.(\w+)\.lag(\d+)\.mean", "coherence", "beside",
             "Warp residual of what is seen in both frames, {}, lag {}", "scrambled"),
    Quantity(RECOGNITION, r"recognition\.top10\.clip", "lost", "beside",
             "Probability of natural’s ten classes", "unrelated", True),
    Quantity(RECOGNITION, r"recognition\.class\.clip", "lost", "beside",
             "Probability of natural’s class", "unrelated"),
    Quantity(CKA, r"cka(?:_unbiased)?\.\w+\.mean", "lost", "likeness", "CKA", "unrelated"),
    Quantity(PHOTOMETRY, r"luminance\.mean", "light", "beside", "Mean luminance", None),
    Quantity(PHOTOMETRY, r"rms_contrast\.mean", "light", "beside", "RMS contrast, linear light",
             None),
    Quantity(PHOTOMETRY, r"michelson_contrast\.mean", "light", "beside", "Michelson contrast",
             None),
    Quantity(PREDICTION, r"ssim\.mean", "kept", "beside", "SSIM of PredNet’s predictions", None),
)  # fmt: skip


def quantity_of(table: str, measure: str) -> tuple[Quantity, str] | None:
    """Find what a study asks of a measure.

    Parameters
    ----------
    table, measure
        Where it stands and its name there.

    Returns
    -------
    tuple or None
        The quantity and its title; None for a measure that is in the tables alone.
    """
    for one in QUANTITIES:
        title = one.match(measure) if one.table == table else None
        if title is not None:
            return one, title
    return None
