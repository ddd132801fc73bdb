"""Rows written by hand; every number is looked up."""

from __future__ import annotations

from math import isnan

from stst.analysis.evidence.baseline import MeasuredClips, StimulusRows
from stst.analysis.evidence.listing import list_measures
from stst.analysis.evidence.quantities import HEADINGS
from stst.analysis.evidence.values import Null
from stst.analysis.settings import MEASURES

LAG = "dis.lag2.mean"


def row(measure: str, value: float, clip: str = "o", **more) -> dict:
    reference = {} if clip == "n" else {"reference": "n"}
    return {"clip": clip, **reference, "measure": measure, "value": value, "unit": "1", **more}


def null(measure: str, value: float, kind: str = "scrambled", **more) -> dict:
    return row(f"{measure}.null", value, null_kind=kind, null_low=value, null_high=value, **more)


def residuals(clip: str, *values: float) -> list[dict]:
    names = ("warp_residual", "warp_residual_visible", "occluded")
    return [row(f"{name}.{LAG}", one, clip) for name, one in zip(names, values, strict=True)]


def test_a_residual_has_what_is_left_without_occlusions_beside_it():
    others = [*residuals("o", 0.5, 0.4, 0.3), null(f"warp_residual.{LAG}", 0.8)]
    clips = MeasuredClips(residuals("n", 0.1, 0.05, 0.02), [StimulusRows(3, "o", others)])
    (listed,) = list_measures("coherence.csv", [clips])
    assert (listed.title, listed.has_occlusions) == ("Warp residual, DIS, lag 2", True)
    found = [(one.place, one.value, one.visible, one.occluded) for one in listed.values]
    assert found == [(0, 0.1, 0.05, 0.02), (3, 0.5, 0.4, 0.3)]
    # those of the natural clip stand beside it, too
    assert [dict(one.nulls) for one in listed.values] == [{"scrambled": Null(0.8, 0.8, 0.8)}] * 2


def test_a_comparison_has_no_value_of_the_natural_clip():
    names = ("speed_distance", "flicker.ratio", "total_variation.ratio", "orientation_power.0deg")
    rows = [row(name, 0.0) for name in names]
    clips = MeasuredClips([row("flicker", 3.0, "n")], [StimulusRows(1, "o", rows)])
    listed = list_measures("energy.csv", [clips])
    # in the order of a study, without what it does not ask for
    assert [one.title for one in listed] == [
        "Total variation", "Flicker", "Speeds of motion (octaves)",
    ]  # fmt: skip
    assert [[(one.place, one.value) for one in two.values] for two in listed] == [[(1, 0.0)]] * 3
    assert all(isnan(one.values[0].visible) for one in listed)
    assert not any(one.has_occlusions for one in listed)


def test_a_clip_alone():
    rows = [row("luminance.mean", 0.0, "n"), {**null("luminance.mean", 0.4), "clip": "n"}]
    (listed,) = list_measures("photometry.csv", [MeasuredClips(rows, [])])
    ((place, value, nulls),) = ((one.place, one.value, one.nulls) for one in listed.values)
    assert (place, value, nulls["scrambled"].mean) == (0, 0.0, 0.4)


def test_alignments_have_nulls_of_their_own():
    clips = [
        MeasuredClips(
            [row("luminance.mean", value, "n")],
            [StimulusRows(place, "o", [row("luminance.mean", 1.0), null("luminance.mean", value)])],
        )
        for place, value in ((1, 0.25), (2, 0.75))
    ]
    (listed,) = list_measures("photometry.csv", clips)
    found = [(one.place, one.value, one.nulls["scrambled"].mean) for one in listed.values]
    assert found == [(0, 0.25, 0.25), (1, 1.0, 0.25), (0, 0.75, 0.75), (2, 1.0, 0.75)]


def test_every_measure_has_a_heading():
    assert [*HEADINGS] == [*MEASURES]
