from __future__ import annotations

from dataclasses import replace

import pytest

from stst.analysis.evidence.quantities import GROUPS
from stst.study.findings import find_all
from stst.study.outliers import Outlier
from stst.study.results import evaluate
from stst.study.sections import _cells, _likeness_section, all_sections
from study_values import DISTANCE, RATIO, beside, of_clips


@pytest.fixture(scope="module")
def results(study):
    return evaluate(study)


@pytest.fixture
def undrawn(monkeypatch):
    """Figures take their time and are tested by themselves."""
    nothing = {"source": "", "width": 1, "height": 1}
    monkeypatch.setattr("stst.study.sections.svg_of", lambda figure: nothing)
    monkeypatch.setattr("stst.study.sections.draw_findings", lambda *words: None)


@pytest.mark.usefixtures("undrawn")
def test_sections_come_in_order_and_empty_ones_not(results):
    usual = ["glance", *GROUPS, "likeness", "outliers", "stimuli", "methods"]
    assert [one.anchor for one in all_sections(results)] == usual
    few = replace(results, findings=[], likeness=())
    # what judges were asked is said even if nothing of it can be averaged
    assert [one.anchor for one in all_sections(few)] == ["lost", "outliers", "stimuli", "methods"]


def test_cells():
    values = [beside(one, unrelated=1.5, scrambled=0.6) for one in (0.1, 0.2, 0.3)]
    entries, known = of_clips(DISTANCE, *values)
    (found,) = find_all(entries, known, {DISTANCE.measure: 2})
    assert _cells(found) == [
        "0.200", "−0.0484 to 0.448", "3", "–", "1.50 to 1.50", "0.600", "0.25 (scrambled)",
        "within (margin 2)",
    ]  # fmt: skip


def test_cells_of_a_single_clip():
    entries, known = of_clips(RATIO, beside(0.5))
    (found,) = find_all(entries, known, {})
    assert _cells(found) == ["0.500", "–", "1", "–", "–", "–", "–", "–"]


def test_both_kinds_of_likeness_are_drawn(results, monkeypatch):
    sizes = "source", "width", "height"
    monkeypatch.setattr("stst.study.sections.draw_likeness", lambda likeness: likeness.measure)
    monkeypatch.setattr("stst.study.sections.svg_of", lambda measure: dict.fromkeys(sizes, measure))
    body = _likeness_section(results).body
    pixels, energy = (body.index(f'src="likeness.{what}"') for what in ("pixels", "energy"))
    assert body.index('alt="Correlation of the pixels') > pixels
    assert body.index('alt="Share of the energy') > energy > pixels


@pytest.mark.usefixtures("undrawn")
def test_a_picture_for_each_stimulus_its_furthest(results):
    entry = results.study.stimuli.entries[0]
    odd = [
        Outlier(entry, f"measure {n}", DISTANCE, 1.0, 0.0, 9.0 - n, frame)
        for n, frame in enumerate((None, 2, 3))
    ]
    section = next(
        one for one in all_sections(replace(results, outliers=odd)) if one.anchor == "outliers"
    )
    assert section.body.count("<figure") == 1
    assert "frame 2: measure 1" in section.body
    assert section.body.count("<tr>") == 1 + 3
