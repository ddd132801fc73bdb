"""What is measured of a pair of a batch beside its features; each process loads a model once.

Nulls are measured once for all pairs of a natural clip.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from stst.analysis.cka.models import cka_rows
from stst.analysis.cka.unrelated import UnrelatedClips
from stst.analysis.evidence.baseline import (
    Baseline,
    choose_unrelated,
    distance_rows,
    make_baseline,
    natural_rows,
    recognition_rows,
    stimulus_rows,
)
from stst.analysis.gram_models import GramModel, load_judges
from stst.analysis.measures.judges import Judge, load_judge
from stst.analysis.nulls import Row
from stst.analysis.pairs import Alignment, Pair
from stst.analysis.prediction import (
    LoadedPredictor,
    PredictionSettings,
    load_predictor,
    predictions,
)
from stst.analysis.settings import (
    CKA,
    MEASURES,
    PREDICTION,
    RECOGNITION,
    VALIDITY,
    Settings,
)
from stst.config import StreamConfig
from stst.config.cka import ClassifierSpec
from stst.models import Kind
from stst.models.classifiers import LoadedClassifier, load_classifier
from stst.utils.devices import pick_device
from stst.video import Levels


def measure_further(
    settings: Settings, pair: Pair, reference: str, name: str
) -> dict[str, Iterable[Row]]:
    """Take what `Settings` asks for beside features: measures, streams, judges and models.

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
        Rows by the name of the table: of the other clip beside its nulls, and of the natural clip
        where a measure is one of a single clip.
    """
    tables = _model_tables(settings, pair, reference, name)
    if settings.beside_nulls:
        tables |= _tables_beside_nulls(settings, pair, reference, name)
    return tables


def _tables_beside_nulls(
    settings: Settings, pair: Pair, reference: str, name: str
) -> dict[str, Iterable[Row]]:
    baseline = _open_natural(pair.natural.path, pair.alignment, settings.null, settings.levels)
    tables: dict[str, Iterable[Row]] = {
        MEASURES[measure]: [
            *natural_rows(measure, baseline, reference),
            *stimulus_rows(measure, baseline, pair.other, name, reference),
        ]
        for measure in settings.measures
    }
    if settings.streams:
        models = _gram_models(settings.streams, settings.device)
        tables[VALIDITY] = distance_rows(baseline, pair.other, name, reference, models)
    if settings.judges:
        tables[RECOGNITION] = [
            row
            for choice in settings.judges
            for row in recognition_rows(
                baseline, pair.other, name, reference, _judge(choice, settings.device)
            )
        ]
    return tables


def _model_tables(
    settings: Settings, pair: Pair, reference: str, name: str
) -> dict[str, Iterable[Row]]:
    """Show both clips to the models."""
    rows: dict[str, Iterable[Row]] = {}
    if settings.models:
        unrelated = {
            name: _unrelated(settings.null, settings.levels).apart_from(pair.natural, pair.other)
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


@lru_cache(maxsize=1)
def _open_natural(
    path: Path, alignment: Alignment, null: tuple[Path, ...], levels: Levels
) -> Baseline:
    """Open a natural clip and make its nulls; stimuli that were made of it follow each other."""
    clip = alignment.open(path)
    return make_baseline(clip, choose_unrelated(clip, _unrelated(null, levels)))


@lru_cache(maxsize=1)
def _unrelated(paths: tuple[Path, ...], levels: Levels) -> UnrelatedClips:
    """Open them once, so that what models make of them is known for the next pair."""
    return UnrelatedClips(paths, levels)


@lru_cache(maxsize=1)
def _gram_models(
    streams: tuple[tuple[Kind, StreamConfig], ...], device: str
) -> tuple[GramModel, ...]:
    return tuple(model for kind, one in streams for model in load_judges({kind: one}, device))


@lru_cache(maxsize=4)
def _judge(choice: ClassifierSpec, device: str) -> Judge:
    return load_judge(choice, pick_device(device))


@lru_cache(maxsize=4)
def _classifier(choice: ClassifierSpec, device: str) -> LoadedClassifier:
    return load_classifier(choice, pick_device(device))


@lru_cache(maxsize=1)
def _predictor(settings: PredictionSettings) -> LoadedPredictor:
    return load_predictor(settings)
