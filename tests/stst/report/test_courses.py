from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from small_inversions import SMALL
from small_runs import clip, refused, stst, stst_analyze
from stst.report import open_clips
from stst.report.courses import courses


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "seen.mkv", count=20, height=12, width=14)
    return tmp_path


@pytest.fixture
def made(here):
    assert stst("leaps", "seen.mkv", "-o", "out.mkv", *SMALL).exit_code == 0
    return json.loads((here / "out.json").read_text())


def report(*words):
    shown = stst_analyze("report", *words, "-o", "page")
    assert shown.exit_code == 0, shown.output
    return shown


class TestCourse:
    def test_the_course_of_the_sidecar(self, made):
        (course,) = courses(open_clips("out.stimulus.mkv", ["out.mkv"]))
        assert (course.label, course.place) == ("out (LEAPS)", 1)
        assert course.iteration.tolist() == [0, 1, 2, 3, 4]
        for name, values in course.probability.items():
            assert values.tolist() == made["course"]["probability"][name]
        assert course.losses.keys() == made["course"]["losses"].keys()

    def test_the_stimulus_as_the_model_saw_it_stands_beside_it(self, here, made):
        shown = report("out.stimulus.mkv", "out.mkv")
        assert "out.stimulus.mkv is the stimulus as the model saw it" in shown.stderr
        page = (here / "page" / "index.html").read_text()
        assert "</span>stimulus" in page
        first = made["per_frame"][0]
        for said in ("tiny_video:clips", "tiny_video:verifier", f"{first['probability']:#.3g}",
                     f"{first['verifier_probability']:#.3g}", "of 5"):  # fmt: skip
            assert said in page
        assert {"inversion.png", "inversion.svg", "inversion.csv", "comparison.csv"} < {
            one.name for one in (here / "page").iterdir()
        }
        rows = list(csv.DictReader((here / "page" / "inversion.csv").read_text().splitlines()))
        found = {(one["measure"], one["iteration"]): one for one in rows}
        assert len(found) == len(rows) == 5 * (2 + len(made["course"]["losses"]))
        value = made["course"]["losses"]["priming"][3]
        assert float(found["loss.priming", "3"]["value"]) == value
        assert "out.mkv" in found["probability.verifier", "4"]["clip"]

    def test_the_file_that_was_given_is_another_clip(self, made):
        assert made["beside"]["stimulus"]["path"] == "out.stimulus.mkv"
        shown = stst_analyze("report", "seen.mkv", "out.mkv", "-o", "page")
        refused(shown, "cannot be compared", "compare with out.stimulus.mkv")

    @pytest.mark.parametrize(
        "course",
        [
            None, [], {"iteration": []},
            {"iteration": [0, 1], "probability": {"model": [1.0]}, "losses": {"class": [1, 2]}},
            {"iteration": [0], "probability": {"model": ["<b>"]}, "losses": {"class": [1]}},
            {"iteration": [True], "probability": {"model": [0.5]}, "losses": {"class": [1]}},
        ],
    )  # fmt: skip
    def test_a_course_that_is_none_is_not_shown(self, here, made, course):
        (here / "out.json").write_text(json.dumps({**made, "course": course}))
        assert courses(open_clips("out.mkv", [])) == []
        report("out.mkv")
        assert not (here / "page" / "inversion.csv").exists()

    def test_what_another_package_s_method_made_has_no_section(self, here, made):
        (here / "out.json").write_text(json.dumps({**made, "method": "drift"}))
        report("out.mkv")
        assert not (here / "page" / "inversion.csv").exists()
        assert "taken for" not in (here / "page" / "index.html").read_text()

    @pytest.mark.parametrize(
        "course",
        [
            {"iteration": [10**400], "probability": {"m": [0.5]}, "losses": {"class": [1]}},
            {"iteration": [0], "probability": {"m": [1e308]}, "losses": {"class": [1]}},
            {"iteration": [1e999], "probability": {"m": [0.5]}, "losses": {"class": [1]}},
            {"iteration": [0.5], "probability": {"m": [0.5]}, "losses": {"class": [1]}},
            {"iteration": [0], "probability": {"m": [0.5]}, "losses": {"class": [10**400]}},
        ],
    )  # fmt: skip
    def test_numbers_that_cannot_be_drawn(self, here, made, course):
        (here / "out.json").write_text(json.dumps({**made, "course": course}))
        assert courses(open_clips("out.mkv", [])) == []

    def test_a_course_of_extremes_is_drawn_as_well_as_can_be(self, here, made):
        values = [1e30, -1e30, float("nan"), 1e-300, 0.0]
        course = {
            "iteration": list(range(5)), "probability": {"model": values, "x" * 999: values},
            "losses": {"class": values, "$\\frac{": values, "\n\x00<b>": values},
        }  # fmt: skip
        (here / "out.json").write_text(json.dumps({**made, "course": course}))
        report("out.mkv")
        assert (here / "page" / "inversion.png").exists()


class TestAlone:
    def test_a_clip_without_a_stimulus(self, here):
        assert stst("leaps", "-o", "out.mkv", *SMALL).exit_code == 0
        report("out.mkv")
        names = {one.name for one in (here / "page").iterdir()}
        assert "inversion.png" in names
        assert "comparison.csv" not in names
        page = (here / "page" / "index.html").read_text()
        assert "<title>out.mkv</title>" in page
        assert "in numbers" not in page

    def test_a_natural_clip(self, here):
        report("seen.mkv", "--frames", "3:9")
        rows = list(csv.DictReader((here / "page" / "features.csv").read_text().splitlines()))
        assert {one["frame"] for one in rows} == {str(number) for number in range(3, 9)}
        page = (here / "page" / "index.html").read_text()
        values = [float(one["value"]) for one in rows if one["measure"] == "pixel_intensity"]
        assert f"means over frames: seen {np.mean(values):#.3g}" in page
