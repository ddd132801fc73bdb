"""The page, its figures and its tables of a small study."""

from __future__ import annotations

import csv
import html
import os
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from small_runs import clip
from stst.study.entries import read_set
from stst.study.results import evaluate
from stst.study.run import Study, StudySettings
from stst.study.write import write_study
from study_values import CONDITIONS, HOSTILE

COMMAND = "stst-analyze study <set> -o DIR"
#: Drawing all of them takes its time.
DRAWN = ("contrast.ratio", "warp_residual.dis.lag1.mean", "recognition.class.clip")


def some_of(results):
    return replace(
        results,
        findings=[one for one in results.findings if one.key.measure in DRAWN],
        outliers=results.outliers[:1],
    )


@pytest.fixture(scope="module")
def results(study):
    return some_of(evaluate(study))


@pytest.fixture(scope="module")
def files(results) -> dict[str, Path]:
    return {path.name: path for path in write_study(results, COMMAND)}


@pytest.fixture(scope="module")
def page(files) -> str:
    return files["index.html"].read_text("utf-8")


def bare(results):
    return replace(results, findings=[], likeness=())


def words(page: str) -> str:
    """What a reader sees."""
    bare = re.sub(r"<(style|script).*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


class TestPage:
    def test_hostile_names_are_text(self, page, files):
        assert HOSTILE not in page
        assert html.escape(HOSTILE, quote=False) in page.replace("&#39;", "'")
        assert "&lt;set&gt;" in page
        figure = files["headline.svg"].read_text("utf-8")
        assert "<script" not in figure
        assert "alert('$x_1$')" in figure, "as it is, not as mathematics"

    def test_what_was_left_out_is_named(self, page):
        said = words(page)
        assert "9 stimuli of 3 natural clips" in said
        assert re.search(r"gone: \S*gone.npz does not exist", said)

    def test_what_has_to_be_known(self, page):
        said = words(page)
        assert "with 3 natural clips no permutation test can give a p below 0.25." in said
        assert "Networks are no observers" in said
        assert "the share of their energy that both have in the same bands" in said
        assert "The margin of warp_residual.dis.lag8.mean was not tested" in said
        assert "a0 are the same clip, frame by frame." in said
        assert "a.npz is nameable: it is called level 3 by tiny_classifier:judge" in said
        assert "margins: contrast.ratio 1.1, " in said
        assert "Spectra are of grey values of whole frames, without a window" in said

    def test_all_files_are_linked_and_there(self, page, files):
        for name, path in files.items():
            assert path.is_file()
            assert name == "index.html" or f'href="{name}"' in page

    def test_the_same_bytes(self, files, again):
        before = {name: path.read_bytes() for name, path in files.items()}
        write_study(some_of(evaluate(again())), COMMAND)
        assert {name: path.read_bytes() for name, path in files.items()} == before


class TestTables:
    def test_a_row_for_each_measure_and_condition(self, files, results):
        found = pd.read_csv(files["study.csv"], dtype={"unit": str})
        assert len(found) == len(results.findings)
        assert set(found["condition"]) == set(CONDITIONS)
        row = found[(found.measure == "contrast.ratio") & (found.condition == "same")].iloc[0]
        assert (row["value"], row["low"], row["high"], row["clips"]) == (1, 1, 1, 3)
        assert row["verdict"] == "equivalent (margins 0.909 to 1.1)"
        pd.testing.assert_frame_equal(
            found, pd.read_parquet(files["study.parquet"]), check_dtype=False
        )

    def test_likeness_of_each_two_clips_in_pixels_and_energy(self, files):
        found = pd.read_csv(files["likeness.csv"])
        pairs = 12 * 11 // 2
        assert found["measure"].value_counts().to_dict() == {
            "likeness.pixels": pairs, "likeness.energy": pairs,
        }  # fmt: skip
        drawn = {name for name in files if name.startswith("likeness_")}
        assert drawn == {
            f"likeness_{what}.{kind}" for what in ("pixels", "energy") for kind in ("png", "svg")
        }

    def test_trials_name_the_natural_clips_as_judges_do(self, files):
        with files["trials.csv"].open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 9 + 3
        assert {row["natural_label"] for row in rows} == {
            f"level {n}; Level {n}" for n in (3, 5, 8)
        }  # fmt: skip

    def test_answers_are_not_overwritten(self, results, files):
        path = files["trials.csv"]
        before = path.read_text()
        filled = before.replace("level 3; Level 3,,", "level 3; Level 3,yes,a cat", 1)
        try:
            path.write_text(filled)
            write_study(bare(results))
            assert path.read_text() == filled
        finally:
            path.write_text(before)
            write_study(results, COMMAND)

    def test_what_there_is_not_any_more_goes(self, results, files):
        files["index.html"].with_name("own.txt").touch()
        write_study(bare(results))
        left = {path.name for path in files["index.html"].parent.iterdir()}
        assert left == {"index.html", "trials.csv", "measured", "own.txt"}
        os.unlink(files["index.html"].with_name("own.txt"))
        write_study(results, COMMAND)


class TestFew:
    def written(self, folder: Path, *others: str) -> str:
        for seed, name in enumerate(("n", "s")):
            clip(folder / f"{name}.npz", 3, 24, 24, seed=seed)
        lines = [f"n.npz,{name}" for name in others]
        (folder / "m.csv").write_text("\n".join(["natural,other", *lines]) + "\n")
        study = Study(read_set(folder / "m.csv"), folder / "out", StudySettings())
        list(study.batch.run(1))
        page, *_ = write_study(some_of(evaluate(study)))
        return words(page.read_text("utf-8"))

    def test_one_natural_clip_is_described(self, tmp_path):
        said = self.written(tmp_path, "s.npz")
        assert "One natural clip: everything here describes it, and nothing is tested." in said
        assert "1 stimulus of 1 natural clip" in said
        assert not re.search(r"\(natural\)|\(scrambled\)", said), "no p"
        assert "No judge was asked" in said

    def test_none_that_can_be_measured(self, tmp_path):
        (tmp_path / "broken.npz").write_bytes(b"PK" + b"x" * 99)
        said = self.written(tmp_path, "broken.npz")
        assert "0 stimuli of 0 natural clips" in said
        assert "No stimulus could be measured." in said
        assert "broken.npz is not a readable .npz file" in said
