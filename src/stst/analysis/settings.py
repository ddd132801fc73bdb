"""What a batch measures of every pair, and the tables that come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stst.config.cka import CkaSettings, ClassifierSpec
from stst.video import AS_STORED, Levels

if TYPE_CHECKING:
    from stst.analysis.prediction import PredictionSettings
    from stst.config import StreamConfig
    from stst.models import Kind

#: Tables of every pair and of the whole batch; all but the first two where they were asked for.
FEATURES, COMPARISON, ENERGY, COHERENCE, PHOTOMETRY, VALIDITY, RECOGNITION, CKA, PREDICTION = (
    "features.csv",
    "comparison.csv",
    "energy.csv",
    "coherence.csv",
    "photometry.csv",
    "validity.csv",
    "recognition.csv",
    "cka.csv",
    "prediction.csv",
)
TABLES = (
    FEATURES, COMPARISON, ENERGY, COHERENCE, PHOTOMETRY, VALIDITY, RECOGNITION, CKA, PREDICTION,
)  # fmt: skip
#: Measures that need no model, beside the features.
MEASURES = {"energy": ENERGY, "coherence": COHERENCE, "photometry": PHOTOMETRY}


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
    measures
        Names of `MEASURES`, each taken with its nulls.
    judges
        Classifiers that say what they recognise.
    streams
        Pairs of kind and stream, in whose Gram matrices distances are taken.
    """

    frames: str | None = None
    max_side: int | None = None
    models: tuple[ClassifierSpec, ...] = ()
    cka: CkaSettings = field(default_factory=CkaSettings)
    prediction: PredictionSettings | None = None
    device: str = "auto"
    null: tuple[Path, ...] = ()
    levels: Levels = AS_STORED
    measures: tuple[str, ...] = ()
    judges: tuple[ClassifierSpec, ...] = ()
    streams: tuple[tuple[Kind, StreamConfig], ...] = ()

    @property
    def beside_nulls(self) -> bool:
        """Whether anything is taken for which nulls are made of each natural clip."""
        return bool(self.measures or self.judges or self.streams)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that every pair has."""
        wanted = {
            FEATURES: True,
            COMPARISON: True,
            **{table: name in self.measures for name, table in MEASURES.items()},
            VALIDITY: bool(self.streams),
            RECOGNITION: bool(self.judges),
            CKA: bool(self.models),
            PREDICTION: self.prediction is not None,
        }
        return tuple(name for name in TABLES if wanted[name])
