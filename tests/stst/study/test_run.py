from __future__ import annotations

import json
from math import isnan
from pathlib import Path

import pytest

from small_runs import clip
from small_runs import config as run_config
from stst.analysis.evidence.values import Key
from stst.batch.states import JobEnd
from stst.errors import InputError
from stst.runs.record import SCHEMA_VERSION
from stst.study.entries import read_set
from stst.study.run import Study, StudySettings, _usable_streams


class TestMeasured:
    def test_all_but_what_is_missing_has_values(self, study):
        values, problems = study.values()
        assert sorted(values) == [f"{clip}{n}" for clip in "abc" for n in range(3)]
        assert list(problems) == ["gone"]
        assert "gone.npz does not exist" in problems["gone"]

    def test_what_the_natural_clip_itself_and_others_have(self, study):
        values, _ = study.values()
        contrast = Key("comparison.csv", "contrast.ratio")
        for name in "abc":
            same, noise, other = (values[f"{name}{n}"] for n in range(3))
            assert same[contrast].value == noise[contrast].value == 1
            assert other[contrast].value != 1
            residual = Key("coherence.csv", "warp_residual.dis.lag1.mean")
            assert same[residual].value == same[residual].natural < 0.5 < noise[residual].value
            assert set(same[residual].nulls) == {"unrelated", "scrambled", "noise"}
            # the pixels of the null are in another order than those of the stimulus of that kind
            assert noise[residual].nulls["noise"].mean > 0.5

    def test_a_lag_that_the_clips_are_too_short_for(self, study):
        values, _ = study.values()
        assert not any(key.measure.endswith("lag8.mean") for key in values["a0"])

    def test_judges_name_the_natural_clips(self, study):
        values, _ = study.values()
        found = study.naturals(values)
        assert {path.stem: one.label for path, one in found.items()} == {
            "a": "level 3", "b": "level 5", "c": "level 8",
        }  # fmt: skip
        assert all(one.nameable for one in found.values())

    def test_once_more_nothing_is_left(self, study, again):
        ends = [one for one in again().batch.run(1) if isinstance(one, JobEnd)]
        assert {one.state for one in ends} == {"up to date"}
        assert len(ends) == 9


def manifest(folder: Path) -> Path:
    for name in ("n", "s"):
        clip(folder / f"{name}.npz")
    (folder / "m.csv").write_text("natural,other\nn.npz,s.npz\n")
    return folder / "m.csv"


class TestFolder:
    def refused(self, source: Path, folder: Path, **settings) -> str:
        with pytest.raises(InputError) as caught:
            Study(read_set(source), folder, StudySettings(**settings))
        return str(caught.value)

    def test_what_is_not_a_study_s_own_is_refused(self, tmp_path):
        source = manifest(tmp_path)
        (tmp_path / "taken").mkdir()
        (tmp_path / "taken" / "trials.csv").touch()
        said = self.refused(source, tmp_path / "taken")
        assert "holds 'trials.csv', which is no result of an earlier study" in said
        assert "is a file; a study goes to a folder" in self.refused(source, tmp_path / "s.npz")
        assert "Create it first" in self.refused(source, tmp_path / "no" / "out")

    @pytest.mark.parametrize("margin", ["no.such", "recognition.top10.clip", "ssim.mean"])
    def test_a_refusal_leaves_nothing(self, tmp_path, margin):
        said = self.refused(manifest(tmp_path), tmp_path / "out", margins={margin: 0.1})
        assert f"margin {margin}: " in said
        assert not (tmp_path / "out").exists()

    def test_a_damaged_natural_clip_is_no_null(self, tmp_path):
        source = manifest(tmp_path)
        (tmp_path / "damaged.npz").write_bytes(b"PK" + b"x" * 99)
        with source.open("a") as file:
            file.write("damaged.npz,s.npz\n".replace("s.npz", "n.npz"))
        study = Study(read_set(source), tmp_path / "out", StudySettings())
        assert [path.name for path in study.measuring.null] == ["n.npz"]
        assert len(study.batch.pairs) == 2, "its stimulus fails by itself"


class TestStreams:
    def sidecar(self, folder: Path, **config) -> None:
        record = {
            "schema_version": SCHEMA_VERSION, "method": "stst", "inputs": [], "output": {},
            "config": run_config(**config).model_dump(mode="json"),
        }  # fmt: skip
        (folder / "s.json").write_text(json.dumps(record))

    def test_each_once_without_the_weights_of_terms(self, tmp_path):
        source = manifest(tmp_path)
        stream = {"model": "filterbank", "texture_layers": ["conv1"], "texture_weight": 7.0}
        self.sidecar(tmp_path, spatial=stream, temporal={"model": "motion_energy"})
        streams, notes = _usable_streams(read_set(source), StudySettings())
        assert notes == []
        assert [(kind, one.model, one.texture_layers) for kind, one in streams] == [
            ("spatial", "filterbank", ("conv1",)), ("temporal", "motion_energy", None),
        ]  # fmt: skip
        assert streams[0][1].texture_weight != 7

    def test_what_is_not_trusted_is_left_out_and_said(self, tmp_path):
        source = manifest(tmp_path)
        self.sidecar(tmp_path, spatial={"model": "tiny_model:spatial"})
        streams, (note,) = _usable_streams(read_set(source), StudySettings())
        assert streams == ()
        assert note.startswith("Gram matrices of s are left out: ")
        assert "give `trusted=['tiny_model:spatial']`" in note
        trusting = StudySettings(trusted=("tiny_model:spatial", "tiny_model:temporal"))
        streams, _ = _usable_streams(read_set(source), trusting)
        assert "tiny_model:spatial" in [one.model for _, one in streams]


def test_undefined_values_stay_undefined(study):
    values, _ = study.values()
    # nothing of the natural clip is in the name of a ratio
    assert isnan(values["a0"][Key("comparison.csv", "contrast.ratio")].natural)
