from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from small_runs import clip
from stst.analysis.evidence import baseline
from stst.analysis.evidence.baseline import LAGS
from stst.analysis.measures import recognition
from stst.analysis.measures.coherence import coherence
from stst.analysis.measures.energy import compare_energy, energy
from stst.analysis.nulls import first_part, make_nulls
from stst.analysis.pairs import NaturalClip
from stst.analysis.settings import Settings
from stst.batch import pair_measures
from stst.batch.pair_measures import measure_further
from stst.config import StreamConfig
from stst.config.cka import ClassifierSpec
from stst.video import read_video

JUDGE = ClassifierSpec("tiny_classifier:judge")
FILTERS = ("spatial", StreamConfig(model="filterbank", texture_layers=("conv1",)))
ALL = Settings(
    measures=("energy", "coherence", "photometry"), judges=(JUDGE,), streams=(FILTERS,),
    device="cpu",
)  # fmt: skip


@pytest.fixture(autouse=True)
def fresh():
    for known in ("_open_natural", "_unrelated", "_gram_models", "_judge"):
        getattr(pair_measures, known).cache_clear()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("nab"):
        clip(tmp_path / f"{name}.npz", 4, 24, 28, seed=seed)
    return tmp_path


def measure(settings: Settings, other: str, natural: str = "n.npz"):
    pair = NaturalClip(Path(natural)).pair(Path(other))
    tables = measure_further(settings, pair, natural, other)
    return {name: list(rows) for name, rows in tables.items()}


def value(rows, measure: str, clip: str, kind: str | None = None) -> float:
    (found,) = [
        row["value"]
        for row in rows
        if (row["measure"], row["clip"], "frame" in row) == (measure, clip, False)
        and (kind is None or row["null_kind"] == kind)
    ]
    return found


class TestTables:
    def test_those_that_were_asked_for(self, here):
        assert set(measure(ALL, "a.npz")) == set(ALL.tables) - {"features.csv", "comparison.csv"}
        assert set(measure(Settings(measures=("photometry",)), "a.npz")) == {"photometry.csv"}
        assert measure(Settings(), "a.npz") == {}

    def test_values_are_what_the_functions_give(self, here):
        tables = measure(ALL, "a.npz")
        natural, other = (read_video(name) for name in ("n.npz", "a.npz"))
        compared = compare_energy(*(energy(one, window="none") for one in (natural, other)))
        # a window would change it
        found = value(tables["energy.csv"], "temporal_power.static.ratio", "a.npz")
        assert found == compared.ratios["temporal_power.static"]
        for name, one in (("n.npz", natural), ("a.npz", other)):
            lag = coherence(one, LAGS).lags[0]
            measured = value(tables["coherence.csv"], "warp_residual.farneback.lag1.mean", name)
            assert measured == np.nanmean(lag.residual)

    def test_nulls_are_those_of_the_natural_clip(self, here):
        tables = measure(ALL, "a.npz")
        natural = read_video("n.npz")
        (scrambled, _) = make_nulls(first_part(natural))
        lag = coherence(scrambled.clip, LAGS).lags[0]
        rows = tables["coherence.csv"]
        null = value(rows, "warp_residual.farneback.lag1.mean.null", "a.npz", "scrambled")
        assert null == np.nanmean(lag.residual)
        again = measure(ALL, "b.npz")["coherence.csv"]
        assert null == value(
            again, "warp_residual.farneback.lag1.mean.null", "b.npz", "scrambled"
        )  # fmt: skip

    def test_the_natural_clip_stands_beside_a_judged_one(self, here):
        rows = measure(ALL, "a.npz")["recognition.csv"]
        assert {(row["clip"], row["reference"]) for row in rows} == {
            ("n.npz", "n.npz"), ("a.npz", "n.npz"),
        }  # fmt: skip
        assert value(rows, "recognition.rank.clip", "n.npz") == 1

    def test_distances_have_nulls_and_what_is_one_itself_has_none(self, here):
        rows = measure(ALL, "n.npz")["validity.csv"]
        assert value(rows, "gram_distance.mean", "n.npz") == 0
        nulls = {row["measure"] for row in rows if row["measure"].endswith(".null")}
        assert nulls == {"gram_distance.mean.null"}
        assert value(rows, "gram_distance.mean.null", "n.npz", "noise") > 0


class TestOnce:
    @pytest.fixture
    def counts(self, monkeypatch):
        """How often each is called."""
        calls: dict[str, int] = {}
        names = {"energy": baseline, "coherence": baseline, "photometry": baseline,
                 "make_nulls": baseline, "judge_clip": recognition}  # fmt: skip
        for name, module in names.items():
            plain = getattr(module, name)

            def counted(*words, name=name, plain=plain, **more):
                calls[name] = calls.get(name, 0) + 1
                return plain(*words, **more)

            monkeypatch.setattr(module, name, counted)
        return calls

    def test_nulls_and_the_natural_clip_are_measured_once_for_all_its_stimuli(self, here, counts):
        nulls = 3 + 2  # three sample clips, the clip scrambled, noise
        for number, other in enumerate(("a.npz", "b.npz", "n.npz"), 1):
            measure(ALL, other)
            assert counts == {
                "make_nulls": 1, "energy": 2 + nulls + number, "coherence": 1 + nulls + number,
                "photometry": 1 + nulls + number, "judge_clip": 1 + nulls + number,
            }  # fmt: skip
        measure(ALL, "n.npz", "a.npz")
        assert counts["make_nulls"] == 2, "another natural clip has others"
