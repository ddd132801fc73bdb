"""What is measured of a pair of a batch beside its features; each process loads a model once.

Nulls are measured once for all pairs of a natural clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from stst.analysis.cka.models import cka_rows
from stst.analysis.cka.unrelated import UnrelatedClips
from stst.analysis.gram_models import GramModel, load_judges
from stst.analysis.measures.coherence import coherence
from stst.analysis.measures.energy import Energy, compare_energy, energy
from stst.analysis.measures.judges import Judge, load_judge
from stst.analysis.measures.photometry import photometry
from stst.analysis.measures.recognition import Judgement, Recognition, judge_clip
from stst.analysis.nulls import NullClip, NullKind, Row, add_nulls, first_part, make_nulls
from stst.analysis.pairs import Alignment, Pair
from stst.analysis.prediction import (
    LoadedPredictor,
    PredictionSettings,
    load_predictor,
    predictions,
)
from stst.analysis.settings import (
    CKA,
    COHERENCE,
    ENERGY,
    PHOTOMETRY,
    PREDICTION,
    RECOGNITION,
    VALIDITY,
    Settings,
)
from stst.analysis.validity import validity
from stst.config import StreamConfig
from stst.config.cka import ClassifierSpec
from stst.models import Kind
from stst.models.classifiers import LoadedClassifier, load_classifier
from stst.utils.devices import pick_device
from stst.video import Clip, LazyVideo, Levels, Video, spread

#: Of coherence, in frames: in octaves, for each costs as much as the first.
LAGS = (1, 2, 4, 8)
#: So many unrelated clips are measured beside each natural clip at most, evenly out of all.
UNRELATED = 8

_DISTANCE = "gram_distance.mean"
_Nulls = list[tuple[NullKind, list[Row]]]
_Rows = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class _Natural:
    """A natural clip and what stands beside it; measured as it is asked for, and kept."""

    clip: LazyVideo
    part: Video
    nulls: tuple[NullClip, ...]
    known: dict[str, Any]

    def keep(self, name: str, measure: Callable[[], Any]) -> Any:
        """Measure once."""
        if name not in self.known:
            self.known[name] = measure()
        return self.known[name]

    def null_rows(self, name: str, measure: Callable[[NullClip], Iterable[Row]]) -> _Nulls:
        """Measure every null once."""
        found: _Nulls = self.keep(
            f"{name} nulls", lambda: [(one.kind, list(measure(one))) for one in self.nulls]
        )
        return found


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
    natural = _open_natural(pair.natural.path, pair.alignment, settings.null, settings.levels)
    tables: dict[str, Iterable[Row]] = {}
    if "energy" in settings.measures:
        tables[ENERGY] = _energy_rows(natural, pair.other, name, reference)
    if "coherence" in settings.measures:
        tables[COHERENCE] = _single_rows(natural, pair.other, name, reference, _coherence)
    if "photometry" in settings.measures:
        tables[PHOTOMETRY] = _single_rows(natural, pair.other, name, reference, photometry)
    if settings.streams:
        models = _gram_models(settings.streams, settings.device)
        tables[VALIDITY] = _distance_rows(natural, pair.other, name, reference, models)
    if settings.judges:
        tables[RECOGNITION] = [
            row
            for choice in settings.judges
            for row in _recognition_rows(
                natural, pair.other, name, reference, _judge(choice, settings.device)
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
) -> _Natural:
    """Open a natural clip and make its nulls; stimuli that were made of it follow each other."""
    clip = alignment.open(path)
    part = first_part(clip)
    apart = _unrelated(null, levels).apart_from(clip, clip)
    unrelated = [(u.name, u.clip) for u in apart if len(u.clip.frames) >= len(part.frames)]
    chosen = [unrelated[place] for place in spread(len(unrelated), UNRELATED)]
    return _Natural(clip, part, tuple(make_nulls(part, chosen)), {})


def _energy(clip: Clip) -> Energy:
    # a window would compare the middle of the frame alone; a stimulus has its statistics anywhere
    return energy(clip, window="none")


def _coherence(clip: Clip) -> Any:
    return coherence(clip, LAGS)


def _single_rows(
    natural: _Natural, other: Clip, name: str, reference: str, measure: Callable[[Clip], Any]
) -> _Rows:
    """Take a measure of single clips: the natural one stands beside the other."""
    key = getattr(measure, "__name__", str(measure))
    own = natural.keep(key, lambda: measure(natural.clip))
    nulls = natural.null_rows(key, lambda null: measure(null.clip).rows(null.name))
    rows = add_nulls(measure(other).rows(name, reference), nulls)
    return [*map(dict, own.rows(reference)), *rows]


def _energy_rows(natural: _Natural, other: Clip, name: str, reference: str) -> _Rows:
    own: Energy = natural.keep("energy", lambda: _energy(natural.clip))
    part: Energy = natural.keep("part", lambda: _energy(natural.part))
    nulls = natural.null_rows(
        "energy", lambda null: compare_energy(part, _energy(null.clip)).rows(null.name)
    )
    measured = _energy(other)
    compared = compare_energy(own, measured).rows(name, reference)
    return [
        *map(dict, own.rows(reference)),
        *map(dict, measured.rows(name, reference)),
        *add_nulls(compared, nulls),
    ]


def _distance_rows(
    natural: _Natural, other: Clip, name: str, reference: str, models: Sequence[GramModel]
) -> _Rows:
    clips = [null.clip for null in natural.nulls]

    def measure() -> _Nulls:
        found = validity(natural.part, clips, models)
        return [
            # how far natural frames are from each other has no null
            (null.kind, [row for row in one.rows("", "") if row["measure"] == _DISTANCE])
            for null, one in zip(natural.nulls, found, strict=True)
        ]

    nulls: _Nulls = natural.keep("distances", measure)
    (found,) = validity(natural.clip, [other], models)
    return add_nulls(found.rows(name, reference), nulls)


def _recognition_rows(
    natural: _Natural, other: Clip, name: str, reference: str, judge: Judge
) -> _Rows:
    key = judge.model.name
    own: Judgement = natural.keep(key, lambda: judge_clip(reference, natural.clip, judge))
    nulls = natural.null_rows(
        key, lambda null: Recognition(own, judge_clip(null.name, null.clip, judge)).rows()
    )
    itself = natural.keep(f"{key} itself", lambda: list(Recognition(own, own).rows()))
    rows = add_nulls(Recognition(own, judge_clip(name, other, judge)).rows(), nulls)
    return [*map(dict, itself), *rows]


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
