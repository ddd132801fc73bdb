from __future__ import annotations

import html
import json
import math

import numpy as np
import pytest

from napari_stst.background.measurements import ClipSet, Match
from napari_stst.background.messages import Failed, Result, Step, Stopped
from napari_stst.background.worker import run_task
from small_runs import clip, refused, stst, stst_analyze
from stst.analysis.cka.verdicts import is_null
from stst.analysis.settings import MEASURES
from stst.analysis.tables import as_csv, table
from stst.config.cka import CkaSettings
from stst.report.formatting import number
from stst_cli.analyze import main
from stst_cli.shared.wording import in_options

CKA = "tiny_classifier:image=none@early.0,late"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with natural.mkv, and part.mkv made of a part of it."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "natural.mkv", 15, 40, 44)
    words = ("natural.mkv", "-o", "part.mkv", "--frames", "2:14", "--max-side", 33)
    assert stst("scramble", *words).exit_code == 0
    return tmp_path


def asked(task, *others, stop=lambda: False, natural="natural.mkv", frames=None, **arguments):
    """Do a task and give its last message, and the others."""
    told = []
    arguments["clips"] = ClipSet(natural, others, frames)
    return run_task(task, arguments, told.append, stop), told


def value(task, *others, **arguments):
    result, told = asked(task, *others, **arguments)
    assert isinstance(result, Result), result
    assert told
    shares = [one.progress for one in told if isinstance(one, Step)]
    assert all(0 <= share <= 1 for share in shares)
    assert len(shares) == len(told)
    return result.value


class TestPair:
    def test_the_sidecar_says_which_frames_are_shown(self, here):
        found = value("pair", "part.mkv")
        assert found == {"part.mkv": Match(2, 14, max_side=33)}

    def test_other_clips_are_as_asked_for(self, here):
        clip(here / "other.mkv", 4, 40, 44, seed=1)
        found = value("pair", "part.mkv", "other.mkv", frames="3:7")
        assert found == {"part.mkv": Match(3, 7, max_side=33), "other.mkv": Match(3, 7)}
        found = value("pair", "part.mkv", "other.mkv", frames="0:4")
        assert found["other.mkv"] == Match(0, 4)
        assert "shows frames 2:14 of natural.mkv" in found["part.mkv"]

    def test_what_cannot_be_compared_is_said_as_on_the_command_line(self, here):
        clip(here / "short.mkv", 4, 40, 44, seed=1)
        found = value("pair", "short.mkv", "part.mkv")
        line = refused(stst_analyze("compare", "natural.mkv", "short.mkv"), "cannot be compared")
        said = in_options(found["short.mkv"], main.commands["compare"])
        assert f"Error: {said}" == line
        assert isinstance(found["part.mkv"], Match)

    def test_a_resampled_clip(self, here):
        # every other frame of the natural clip
        record = json.loads((here / "part.json").read_text())
        record["inputs"][0] |= {"frames": [1, 5], "resample_fps": "15000/1001", "max_side": None}
        record["inputs"][0].pop("frames_sha256")
        record["output"].pop("sha256", None)
        clip(here / "half.mkv", 4, 40, 44, seed=1, fps="15000/1001")
        (here / "half.json").write_text(json.dumps(record))
        match = value("pair", "half.mkv")["half.mkv"]
        assert (match.start, match.stop, match.step) == (1, 5, 2.0)
        measured = value("features", "half.mkv")
        assert [list(one.frames) for one in measured.panels[0].series] == [[2, 4, 6, 8]] * 2

    def test_a_note(self, here):
        clip(here / "new.mkv", 12, 30, 33, seed=5).rename(here / "part.mkv")
        match = value("pair", "part.mkv")["part.mkv"]
        assert any("is not the file that" in note for note in match.notes)


class TestFeatures:
    def test_rows_are_those_of_the_command_line(self, here):
        measured = value("features", "part.mkv")
        other = [row for row in measured.rows if row["clip"] == "part.mkv"]
        assert as_csv(table(other)) == stst_analyze("features", "part.mkv").stdout
        words = ("--frames", "2:14", "--max-side", 33)
        natural = stst_analyze("features", "natural.mkv", *words).stdout.splitlines()
        assert len(measured.rows) == len(other) + len(natural) - 1

    def test_courses_have_the_numbers_of_the_natural_frames(self, here):
        measured = value("features", "part.mkv")
        titles = [panel.heading for panel in measured.panels]
        assert titles[0] == "Pixel intensity (0–1)"
        assert titles[-1] == "Flow angle (rad)"
        assert [panel.circular for panel in measured.panels] == [False] * 4 + [True]
        for panel in measured.panels:
            assert [course.place for course in panel.series] == [0, 1]
            for course in panel.series:
                assert list(course.frames) == list(range(2, 14))
        assert math.isnan(measured.panels[2].series[0].values[0])

    def test_a_natural_clip_is_measured_once_for_each_alignment(self, here):
        assert stst("scramble", "natural.mkv", "-o", "b.mkv", "--frames", "0:3").exit_code == 0
        assert stst("scramble", "natural.mkv", "-o", "c.mkv", "--frames", "0:3").exit_code == 0
        measured = value("features", "part.mkv", "b.mkv", "c.mkv")
        courses = measured.panels[0].series
        assert [one.place for one in courses] == [0, 0, 1, 2, 3]
        assert list(courses[1].frames) == [0, 1, 2]
        # which is which is said, where there is more than one
        said = [one.note for one in courses]
        assert said == ["30x33 px, frames 2 to 13", "40x44 px, frames 0 to 2", "", "", ""]
        (natural, _) = value("features", "part.mkv").panels[0].series
        assert natural.note == ""

    def test_it_stops(self, here):
        assert asked("features", "part.mkv", stop=lambda: True)[0] == Stopped()
        assert asked("pair", "part.mkv", stop=lambda: True)[0] == Stopped()


class TestBesideNulls:
    @pytest.mark.parametrize("measure", MEASURES)
    def test_rows_are_those_of_a_batch(self, here, measure):
        measured = value("nulls", "part.mkv", measure=measure)
        (here / "pairs.csv").write_text("natural,other\nnatural.mkv,part.mkv\n")
        assert stst_analyze("batch", "pairs.csv", "-o", "b", "--measure", measure).exit_code == 0
        (found,) = (here / "b").glob(f"*/{measure}.csv")
        assert as_csv(table(measured.rows)) == found.read_text()

    def test_courses_and_values(self, here):
        clip(here / "u.mkv", 12, 30, 30, seed=8)
        measured = value("nulls", "part.mkv", measure="photometry", null=["u.mkv"])
        light = measured.panels[0]
        assert (light.heading, len(measured.panels)) == ("Mean luminance", 3)
        assert [(one.place, list(one.frames)) for one in light.series] == [
            (0, list(range(2, 14))), (1, list(range(2, 14))),
        ]  # fmt: skip
        rows = {
            (row["clip"], row["measure"], row.get("null_kind")): row["value"]
            for row in measured.rows if "frame" not in row
        }  # fmt: skip
        (row, *_) = (one for one in measured.rows if one["measure"] == "luminance.mean.null")
        assert light.series[0].band == (row["null_low"], row["null_high"])
        assert light.series[1].band is None
        (words,) = measured.verdicts
        assert words.endswith("(astronaut.mkv, cat.mkv, coffee.mkv, u.mkv).")
        values = measured.values
        assert values.heads == ("Value", "Unrelated", "Scrambled", "Noise")
        assert [(one.title, one.place) for one in values.rows[:3]] == [
            ("Mean luminance", 0), ("Mean luminance", 1), ("RMS contrast, linear light", 0),
        ]  # fmt: skip
        noise = rows["part.mkv", "luminance.mean.null", "noise"]
        assert values.rows[1].cells[-1] == values.rows[0].cells[-1] == number(noise)
        own = rows["part.mkv", "luminance.mean", "unrelated"]
        assert values.rows[1].cells[0] == number(own)

    def test_a_comparison_has_values_alone(self, here):
        measured = value("nulls", "part.mkv", measure="energy")
        assert (measured.panels, measured.verdicts) == ((), ())
        assert {one.place for one in measured.values.rows} == {1}
        assert measured.values.rows[0].title == "Total variation"

    def test_what_is_left_of_motion_without_occlusions(self, here):
        measured = value("nulls", "part.mkv", measure="coherence")
        heads = ("Value", "Without occlusions", "Left out", "Unrelated", "Scrambled", "Noise")
        assert measured.values.heads == heads
        assert len(measured.panels) == 2 * 4

    def test_each_alignment_has_nulls_of_its_own(self, here):
        assert stst("scramble", "natural.mkv", "-o", "b.mkv", "--frames", "0:3").exit_code == 0
        measured = value("nulls", "part.mkv", "b.mkv", measure="photometry")
        first, second, *others = measured.panels[0].series
        assert (first.place, second.place) == (0, 0)
        assert (len(first.frames), len(second.frames)) == (12, 3)
        assert first.band != second.band
        assert [one.place for one in others] == [1, 2]
        alone = value("nulls", "b.mkv", measure="photometry")
        assert alone.panels[0].series[0].band == second.band

    def test_it_stops(self, here):
        calls = []

        def stop():
            calls.append(None)
            return len(calls) > 20

        assert asked("nulls", "part.mkv", measure="energy", stop=stop)[0] == Stopped()

    def test_unrelated_clips_that_cannot_be_read(self, here):
        result, _ = asked("nulls", "part.mkv", measure="energy", null=["no.mkv"])
        assert isinstance(result, Failed)
        assert "no.mkv" in result.text


class TestModels:
    def test_cka(self, here):
        measured = value("cka", "part.mkv", model=CKA)
        layers = ("--model", "tiny_classifier:image", "--layers", "early.0,late")
        shown = stst_analyze("cka", "natural.mkv", "part.mkv", *layers, "--weights", "none")
        assert as_csv(table(measured.rows)) == shown.stdout
        assert [panel.heading for panel in measured.panels] == ["CKA, early.0", "CKA, late"]
        (course,) = measured.panels[0].series
        assert (course.place, list(course.frames)) == (1, list(range(2, 14)))
        low, high = measured.panels[0].limits
        assert low <= 0
        assert high == 1
        own = [row for row in measured.rows if row["layer"] == "early.0" and not is_null(row)]
        np.testing.assert_array_equal(course.values, [row["value"] for row in own])
        # beside what unrelated clips get, with the verdict of the command line
        assert course.band == (own[0]["null_low"], own[0]["null_high"])
        lines = [line for line in shown.stderr.splitlines() if "unrelated clips," in line]
        assert list(measured.verdicts) == lines
        assert len(lines) == 2
        assert any("comes from 3 unrelated clips" in note for note in measured.notes)

    def test_unrelated_clips_and_the_estimator(self, here):
        clip(here / "u.mkv", 7, 30, 30, seed=8)
        told = {"model": CKA, "null": ["u.mkv"], "settings": CkaSettings(estimator="biased")}
        measured = value("cka", "part.mkv", **told)
        layers = ("--model", "tiny_classifier:image", "--layers", "early.0,late")
        more = ("--weights", "none", "--null", "u.mkv", "--estimator", "biased")
        shown = stst_analyze("cka", "natural.mkv", "part.mkv", *layers, *more)
        assert as_csv(table(measured.rows)) == shown.stdout
        assert "the band of 4 unrelated clips" in measured.verdicts[0]

    def test_a_video_model_begins_with_its_first_window(self, here):
        measured = value("cka", "part.mkv", model="tiny_classifier:video=none@0")
        assert list(measured.panels[0].series[0].frames) == list(range(6, 14))

    def test_prediction(self, here):
        measured = value("prediction", "part.mkv", weights="none", size=(32, 40))
        words = ("--weights", "none", "--size", "32x40")
        shown = stst_analyze("prednet", "natural.mkv", "part.mkv", *words)
        assert as_csv(table(measured.rows)) == shown.stdout
        titles = [panel.heading for panel in measured.panels]
        assert titles[0] == "SSIM of frame and prediction"
        assert titles[5] == "Mean prediction error, level 0"
        for course in measured.panels[0].series:
            assert list(course.frames) == list(range(2, 14))
            assert np.isnan(course.values[:10]).all()
            assert not np.isnan(course.values[10:]).any()

    @pytest.mark.parametrize(
        ("task", "arguments", "words"),
        [
            (
                "cka",
                {"model": "resnet51=none"},
                ("cka", "--model", "resnet51", "--weights", "none"),
            ),
            ("prediction", {"weights": "no.hdf5"}, ("prednet", "--weights", "no.hdf5")),
        ],
    )
    def test_errors_are_those_of_the_command_line(self, here, task, arguments, words):
        result, _ = asked(task, "part.mkv", **arguments)
        command, *options = words
        line = refused(stst_analyze(command, "natural.mkv", "part.mkv", *options))
        assert isinstance(result, Failed)
        assert (f"Error: {result.text}", result.details) == (line, "")


class TestReport:
    def test_it_is_the_report_of_the_command_on_its_page(self, here):
        clip(here / "u.mkv", 7, 30, 30, seed=8)
        settings = CkaSettings("positions", "biased")
        told = {"cka": [CKA], "null": ["u.mkv"], "settings": settings, "measures": ["photometry"]}
        found = value("report", "part.mkv", output="one", **told)
        assert found["page"] == "one/index.html"
        words = (
            "natural.mkv",
            "part.mkv",
            "-o",
            "two",
            "--cka",
            CKA,
            "--null",
            "u.mkv",
            "--examples",
            "positions",
            "--estimator",
            "biased",
            "--measure",
            "photometry",
        )
        assert stst_analyze("report", *words).exit_code == 0
        names = {path.name for path in (here / "one").iterdir()}
        assert names == {path.name for path in (here / "two").iterdir()}
        assert {
            "index.html",
            "features.csv",
            "comparison.csv",
            "cka.csv",
            "photometry.csv",
        } <= names
        for name in names:
            assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes(), name

    def test_measures_have_unrelated_clips_without_cka(self, here):
        clip(here / "u.mkv", 12, 30, 30, seed=8)
        value("report", "part.mkv", output="one", null=["u.mkv"], measures=["photometry"])
        page = (here / "one/index.html").read_text("utf-8")
        assert "--measure photometry --null u.mkv</code>" in page
        assert "u.mkv), from the lowest" in page

    def test_what_fails_is_left_out(self, here):
        for seed, name in enumerate(("a", "b")):
            clip(here / f"{name}.mkv", 5, 24, 24, seed=seed)
        words = {"cka": [CKA, "resnet51=none"], "prednet": "none", "output": "one"}
        found = value("report", "b.mkv", natural="a.mkv", **words)
        first, second = found["left_out"]
        assert "5 frames; PredNet sees 11 frames" in first
        assert second.startswith("CKA in resnet51 is left out: ")
        page = (here / "one/index.html").read_text("utf-8")
        assert first in html.unescape(page)
        assert "tiny_classifier:image" in page
        assert (here / "one/cka.csv").exists()
        # a null that cannot be had
        found = value("report", "b.mkv", natural="a.mkv", cka=[CKA], null=["no.mkv"], output="two")
        (line,) = found["left_out"]
        assert "no.mkv" in line

    def test_nothing_is_left_when_it_stops(self, here):
        calls = []

        def stop():
            calls.append(None)
            return len(calls) > 5

        assert asked("report", "part.mkv", output="one", stop=stop)[0] == Stopped()
        assert not (here / "one").exists()
        assert not [path for path in here.iterdir() if "one" in path.name]
