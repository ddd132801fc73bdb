from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from small_runs import clip
from stst.errors import InputError
from stst.study.entries import read_set


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with natural clips a and b, and stimuli s1, s2, s3 without sidecars."""
    monkeypatch.chdir(tmp_path)
    for folder, names in (("n", "ab"), ("s", "123")):
        (tmp_path / folder).mkdir()
        for seed, name in enumerate(names):
            clip(tmp_path / folder / f"{'s' * (folder == 's')}{name}.npz", seed=seed)
    return tmp_path


def sidecar(stimulus: str, natural: str, method="stps", role="natural") -> None:
    made = {"role": role, "path": natural}
    Path(stimulus).with_suffix(".json").write_text(
        json.dumps({"method": method, "inputs": [made], "output": {}})
    )


def manifest(*lines: str, header="natural,other,label,condition") -> Path:
    Path("m.csv").write_text("\n".join([header, *lines]) + "\n")
    return Path("m.csv")


def described(found) -> list[tuple[str, str, str]]:
    return [(one.pair.label, one.condition, one.natural.name) for one in found.entries]


def refused(source: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_set(source)
    return str(caught.value)


class TestManifest:
    def test_clips_come_together(self, here):
        found = read_set(
            manifest("n/a.npz,s/s1.npz,,x", "n/b.npz,s/s2.npz,two,y", "n/a.npz,s/s3.npz,,x")
        )
        assert described(found) == [
            ("s1", "x", "a.npz"), ("s3", "x", "a.npz"), ("two", "y", "b.npz"),
        ]  # fmt: skip
        assert (found.conditions, found.problems) == (("x", "y"), {})
        assert [one.name for one in found.naturals] == ["a.npz", "b.npz"]

    def test_toml(self, here):
        Path("m.toml").write_text(
            '[[stimuli]]\nnatural = "n/a.npz"\nother = "s/s1.npz"\ncondition = "x"\n'
        )
        assert described(read_set(Path("m.toml"))) == [("s1", "x", "a.npz")]

    def test_a_natural_clip_under_several_names_is_one(self, here):
        shutil.copy("n/a.npz", "n/copy.npz")
        lines = "n/a.npz,s/s1.npz,,", "n/../n/a.npz,s/s2.npz,,", "n/copy.npz,s/s3.npz,,"
        found = read_set(manifest(*lines))
        assert found.naturals == (Path("n/a.npz"),)
        assert [one.pair.natural for one in found.entries][2] == "n/copy.npz"

    def test_without_a_condition_the_sidecar_says_the_method(self, here):
        sidecar("s/s1.npz", "../n/a.npz")
        found = read_set(manifest("n/a.npz,s/s1.npz,,", "n/a.npz,s/s2.npz,,"))
        first, second = found.conditions
        assert "STPS" in first or "scrambl" in first.lower()
        assert second == "stimuli"

    def test_what_is_missing_is_listed(self, here):
        found = read_set(
            manifest("n/a.npz,s/s1.npz,,x", "n/no.npz,s/s2.npz,,x", "n/a.npz,s/no.npz,gone,x")
        )
        assert [one.pair.label for one in found.entries] == ["s1"]
        assert found.problems == {
            "s2": "n/no.npz does not exist", "gone": "s/no.npz does not exist",
        }  # fmt: skip

    def test_a_damaged_sidecar_is_listed(self, here):
        Path("s/s2.json").write_text("{")
        found = read_set(manifest("n/a.npz,s/s1.npz,,", "n/a.npz,s/s2.npz,,"))
        assert [one.pair.label for one in found.entries] == ["s1"]
        assert "s2.json" in found.problems["s2"]

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            (["n/a.npz,s/s1.npz,same,", "n/a.npz,s/s2.npz,Same,"], "label 'Same' is that of m.csv"),
            (["n/a.npz,s/s1.npz,a/b,"], "the label 'a/b' holds '/'"),
            (["n/a.npz,,x,"], "line 2: other is empty"),
            (["n/no.npz,s/s1.npz,,"], "no stimulus of it can be measured. s1: n/no.npz does not"),
        ],
    )
    def test_refusals(self, here, lines, said):
        assert said in refused(manifest(*lines))

    def test_no_manifest(self, here):
        assert "no such manifest" in refused(Path("no.csv"))


class TestFolder:
    def test_sidecars_and_the_table_of_a_batch(self, here):
        sidecar("s/s1.npz", "../n/b.npz")
        sidecar("s/s2.npz", "../n/a.npz")
        sidecar("s/s3.npz", "../n/b.npz")
        Path("s/jobs.csv").write_text("label,output,preset\nx,s1.npz,fast\ny,s2.npz,paper\n")
        found = read_set(Path("s"))
        assert [one[::2] for one in described(found)] == [
            ("s1", "b.npz"), ("s3", "b.npz"), ("s2", "a.npz"),
        ]  # fmt: skip
        first, other, last = found.conditions
        assert (first, last) == ("fast", "paper")
        assert other not in ("", "stimuli"), "the method's title"

    def test_what_cannot_be_measured_is_listed_and_the_rest_done(self, here):
        sidecar("s/s1.npz", "../n/a.npz")
        sidecar("s/s2.npz", "../n/no.npz")
        for seed, name in enumerate(("s4", "s5")):
            clip(here / "s" / f"{name}.npz", seed=seed)
        sidecar("s/s4.npz", "../n/a.npz", role="mask")
        Path("s/s5.json").write_text("[")
        found = read_set(Path("s"))
        assert [one.pair.label for one in found.entries] == ["s1"]
        assert found.problems.pop("s3") == "s3.npz has no sidecar that says what it was made of"
        assert found.problems.pop("s4") == "s4.json names no natural clip"
        assert "no.npz, which does not exist" in found.problems.pop("s2")
        assert "s5.json" in found.problems.pop("s5")
        assert not found.problems

    def test_results_among_the_stimuli_are_none(self, here):
        sidecar("s/s1.npz", "../n/a.npz")
        Path("s/page").mkdir()
        Path("s/page/kept.png").touch()
        assert "page" not in read_set(Path("s"), Path("s/page")).problems
        assert "page" in read_set(Path("s")).problems

    def test_refusals(self, here):
        assert "s3.npz has no sidecar" in refused(Path("s"))
        (here / "empty").mkdir()
        assert "empty holds no clips" in refused(Path("empty"))
        sidecar("s/s1.npz", "../n/a.npz")
        Path("s/jobs.csv").write_bytes(b"\xff\xfe\x00")
        assert "jobs.csv: cannot be read" in refused(Path("s"))
