"""What models make of a pair of a batch; each process loads a model once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stst.analysis.cka.models import cka_rows
from stst.analysis.cka.unrelated import UnrelatedClips
from stst.analysis.prediction import (
    LoadedPredictor,
    PredictionSettings,
    load_predictor,
    predictions,
)
from stst.analysis.settings import CKA, PREDICTION
from stst.config.cka import ClassifierSpec
from stst.models.classifiers import LoadedClassifier, load_classifier
from stst.utils.devices import pick_device
from stst.video import Levels

if TYPE_CHECKING:
    from stst.analysis.pairs import Pair
    from stst.analysis.settings import Settings


def model_rows(
    settings: Settings, pair: Pair, reference: str, name: str
) -> dict[str, Iterable[Mapping[str, Any]]]:
    """Show both clips to the models.

    Parameters
    ----------
    settings
        Of the batch.
    pair
        Opened and aligned.
    reference, name
        What the natural and the other clip are called in tables.

    Returns
    -------
    dict
        Rows by the name of the table.
    """
    rows: dict[str, Iterable[Mapping[str, Any]]] = {}
    if settings.models:
        unrelated = {
            name: _open_unrelated(settings.null, settings.levels).apart_from(
                pair.natural, pair.other
            )
        }
        rows[CKA] = [
            row
            for choice in settings.models
            for row in cka_rows(
                pair.natural, {name: pair.other}, reference, _classifier(choice, settings.device),
                unrelated, settings.cka,
            )
        ]  # fmt: skip
    if settings.prediction is not None:
        network = _predictor(settings.prediction)
        rows[PREDICTION] = [
            *predictions(pair.natural, network).rows(reference),
            *predictions(pair.other, network).rows(name, reference),
        ]
    return rows


@lru_cache(maxsize=4)
def _classifier(choice: ClassifierSpec, device: str) -> LoadedClassifier:
    return load_classifier(choice, pick_device(device))


@lru_cache(maxsize=1)
def _open_unrelated(paths: tuple[Path, ...], levels: Levels) -> UnrelatedClips:
    """Open them once, so that what models make of them is known for the next pair."""
    return UnrelatedClips(paths, levels)


@lru_cache(maxsize=1)
def _predictor(settings: PredictionSettings) -> LoadedPredictor:
    return load_predictor(settings)
