"""What a batch measures of every pair, and the tables that come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stst.config.cka import CkaSettings, ClassifierSpec
from stst.video import AS_STORED, Levels

if TYPE_CHECKING:
    from stst.analysis.prediction import PredictionSettings

#: Tables of every pair and of the whole batch; the last two where models were asked for.
FEATURES, COMPARISON, CKA, PREDICTION = (
    "features.csv",
    "comparison.csv",
    "cka.csv",
    "prediction.csv",
)
TABLES = (FEATURES, COMPARISON, CKA, PREDICTION)


@dataclass(frozen=True)
class Settings:
    """What is measured, and of what.

    Attributes
    ----------
    frames
        ``"A:B"`` of natural clips where no sidecar says it (see `stst.analysis.pairs`); None for
        all.
    max_side
        Likewise, in pixels; None for the full size.
    models
        Vision models in which CKA with the natural clip is taken.
    cka
        How it is taken.
    prediction
        How next frames are predicted; None to leave that out.
    device
        Of the models, see `stst.utils.devices.pick_device`.
    null
        Natural clips of other content for the null of CKA, beside the sample clips; see
        `stst.analysis.cka.unrelated.UnrelatedClips`.
    levels
        How values of more than 8 bits, or of high dynamic range, become 8 bits.
    """

    frames: str | None = None
    max_side: int | None = None
    models: tuple[ClassifierSpec, ...] = ()
    cka: CkaSettings = field(default_factory=CkaSettings)
    prediction: PredictionSettings | None = None
    device: str = "auto"
    null: tuple[Path, ...] = ()
    levels: Levels = AS_STORED

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that every pair has."""
        wanted = (True, True, bool(self.models), self.prediction is not None)
        return tuple(name for name, one in zip(TABLES, wanted, strict=True) if one)
