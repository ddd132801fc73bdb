from __future__ import annotations

import pytest

from small_runs import FPS, clip, frames
from stst.analysis.cka.unrelated import UnrelatedClips
from stst.analysis.evidence.baseline import choose_unrelated, make_baseline, measure_clips
from stst.analysis.settings import MEASURES
from stst.analysis.tables import as_csv, table
from stst.config.cka import CkaSettings
from stst.errors import InputError
from stst.report import open_clips, write_report
from stst.report.formatting import number
from stst.report.measures import MeasuresPart, name_measures
from stst.report.models import FailedPart, load_parts
from stst.video import write_video


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    here = tmp_path_factory.mktemp("clips")
    for seed, name in enumerate(("cat", "a", "<b>")):
        clip(here / f"{name}.npz", 4, 24, 24, seed=seed)
    return open_clips(here / "cat.npz", [here / "a.npz", here / "<b>.npz"])


def counting():
    begun: list[list] = []

    def begin(name, count):
        begun.append([name, count, 0])
        place = len(begun) - 1

        def on_frame(_):
            begun[place][2] += 1

        return on_frame

    return begin, begun


@pytest.fixture(scope="module")
def all_measures(clips):
    """What is added, and what was begun."""
    begin, begun = counting()
    part = MeasuresPart(("photometry", "energy", "coherence"), UnrelatedClips())
    return part.add(clips, begin), begun, part.steps(clips)


def test_rows_are_those_of_a_batch(clips, all_measures):
    added, _, _ = all_measures
    video = clips[0].video
    baseline = make_baseline(video, choose_unrelated(video, UnrelatedClips()))
    assert [*added.tables] == [*MEASURES.values()]
    for measure, name in MEASURES.items():
        others = [(n, one.name, one.video) for n, one in enumerate(clips[1:], 1)]
        expected = measure_clips(measure, baseline, clips[0].name, others).rows
        assert as_csv(table(added.tables[name])) == as_csv(table(expected))


def test_progress_is_counted(all_measures):
    _, begun, steps = all_measures
    assert [name for name, _, _ in begun] == [*MEASURES]
    assert all(count == done for _, count, done in begun)
    assert sum(count for _, count, _ in begun) == steps


def cells(rows, measure: str, clip: str) -> list[str]:
    own = {
        row.get("null_kind") if row["measure"].endswith(".null") else "": row
        for row in rows
        if row["clip"] == clip and row["measure"].removesuffix(".null") == measure
        and "frame" not in row
    }  # fmt: skip
    band = own["unrelated"]
    shown = [own[kind]["value"] for kind in ("scrambled", "noise")]
    words = f"{number(band['null_low'])} to {number(band['null_high'])}"
    return [number(own[""]["value"]), words, *map(number, shown)]


def test_the_section(clips, all_measures):
    added, _, _ = all_measures
    assert added.left_out == []
    assert set(added.figures) == {*MEASURES}
    title, body = added.section.title, str(added.section.body)
    assert title == "Energy, coherence of motion, light"
    for heading in ("Energy", "Coherence of motion", "Light"):
        assert f"<h3>{heading}</h3>" in body
    assert "3 clips of other content at its size (astronaut.mkv, cat.mkv, coffee.mkv)" in body
    for name, measure in (
        ("energy.csv", "flicker.ratio"), ("energy.csv", "direction_distance"),
        ("photometry.csv", "rms_contrast.mean"),
    ):  # fmt: skip
        for one in clips[1:]:
            wanted = cells(added.tables[name], measure, one.name)
            assert "\n".join(f"<td>{cell}</td>" for cell in wanted) in body
    # the plain residual first, then the other one and what it leaves out
    value = {
        row["measure"]: number(row["value"]) for row in added.tables["coherence.csv"]
        if row["clip"] == clips[1].name and "frame" not in row
    }  # fmt: skip
    names = ("warp_residual", "warp_residual_visible", "occluded")
    wanted = [value[f"{name}.dis.lag2.mean"] for name in names]
    assert "\n".join(f"<td>{cell}</td>" for cell in wanted) in body
    assert "Warp residual of what is seen" not in body
    assert "&lt;b&gt;" in body
    assert "<b>" not in body


def test_one_clip_has_nulls_but_no_comparison(clips):
    part = MeasuresPart(("energy", "photometry"), UnrelatedClips())
    begin, begun = counting()
    added = part.add(clips[:1], begin)
    assert [count == done for _, count, done in begun] == [True, True]
    assert set(added.figures) == {"photometry"}
    assert set(added.tables) == {"energy.csv", "photometry.csv"}
    body = str(added.section.body)
    assert "there is none: the table energy.csv" in body
    rows = added.tables["photometry.csv"]
    wanted = cells(rows, "luminance.mean", clips[0].name)
    assert "\n".join(f"<td>{cell}</td>" for cell in wanted) in body


def test_on_the_page_and_beside_it(clips, tmp_path):
    part = MeasuresPart(("photometry",), UnrelatedClips())
    paths = write_report(tmp_path / "r", clips, parts=[part])
    names = [path.name for path in paths]
    assert names[-1] == "photometry.csv"
    assert {"photometry.png", "photometry.svg"} <= {*names}
    page = (tmp_path / "r/index.html").read_text("utf-8")
    assert 'id="measures"' in page
    # it is known again as a report
    write_report(tmp_path / "r", clips, overwrite=True)
    assert not (tmp_path / "r/photometry.csv").exists()


def test_what_fails_is_left_out(tmp_path):
    for seed, name in enumerate("ab"):
        write_video(tmp_path / f"{name}.npz", frames(3, 1, 1, seed), FPS)
    clips = open_clips(tmp_path / "a.npz", [tmp_path / "b.npz"])
    failing = MeasuresPart(("photometry",), UnrelatedClips())
    failing.unrelated.clips.clear()
    failing.unrelated._known.clear()
    with pytest.raises(InputError, match="no clip is left"):
        failing.steps(clips)
    added = failing.add(clips, counting()[0])
    assert added.section is None
    (failure,) = added.left_out
    assert str(failure).startswith("Light is left out: ")


def test_a_measure_that_fails_takes_no_other_with_it(clips, monkeypatch):
    def refuse(*words, **more):
        raise InputError("frames are too small")

    monkeypatch.setattr("stst.analysis.evidence.baseline.coherence", refuse)
    added = MeasuresPart(("coherence", "photometry"), UnrelatedClips()).add(clips, counting()[0])
    assert [str(one) for one in added.left_out] == [
        "Coherence of motion is left out: frames are too small"
    ]
    assert added.section.title == "Light"
    assert set(added.tables) == {"photometry.csv"}


def test_loading(tmp_path):
    given = {"choices": (), "settings": CkaSettings(), "prediction": None, "device": "cpu"}
    (part,), notes = load_parts(**given, measures=("photometry",))
    assert isinstance(part, MeasuresPart)
    assert notes == []
    (failed,), _ = load_parts(**given, measures=("photometry",), null=[tmp_path / "no.mkv"])
    assert isinstance(failed, FailedPart)
    assert failed.left_out[0].what == "Light"
    assert load_parts(**given) == ([], [])


@pytest.mark.parametrize(
    ("measures", "name"),
    [
        (("coherence", "energy"), "Energy, coherence of motion"),
        (("photometry",), "Light"),
    ],
)
def test_names(measures, name):
    assert name_measures(measures) == name
