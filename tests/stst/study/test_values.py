"""Closed form: tables written by hand, every number is looked up."""

from __future__ import annotations

import pytest

from stst.analysis.evidence.values import Key, Null
from stst.errors import InputError
from stst.study.values import read_values


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "pair"


def write(folder, table: str, header: str, *lines: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / table).write_text("\n".join([header, *lines]) + "\n", "utf-8")


MEANS = [
    f"o,n,{name}.{whose}_mean,{value},1"
    for name, natural, other in (
        ("pixel_intensity", 0.5, 0.25), ("contrast", 0.2, 0.3), ("pixel_change", 0, 0.1),
        ("flow_magnitude", 2, ""),
    )
    for whose, value in (("natural", natural), ("other", other))
]  # fmt: skip


def test_ratios_of_features(folder):
    write(folder, "comparison.csv", "clip,reference,measure,value,unit", *MEANS)
    found = {key.measure: value.value for key, value in read_values(folder, "o").items()}
    assert found.pop("pixel_change.ratio") != found.pop("flow_magnitude.ratio"), "both undefined"
    assert found == {"pixel_intensity.ratio": 0.5, "contrast.ratio": pytest.approx(1.5)}


def test_a_measure_of_single_clips(folder):
    write(
        folder, "coherence.csv",
        "clip,reference,frame,time_s,measure,value,unit,null_low,null_high,null_kind,null_clips",
        "n,,1,0.1,warp_residual.dis.lag1,0.9,1,,,,", "n,,,,warp_residual.dis.lag1.mean,0.2,1,,,,",
        "o,n,1,0.1,warp_residual.dis.lag1,0.4,1,,,,", "o,n,2,0.2,warp_residual.dis.lag1,0.6,1,,,,",
        "o,n,,,warp_residual.dis.lag1.mean,0.5,1,0.1,0.3,unrelated,2",
        "o,n,,,warp_residual.dis.lag1.mean.null,0.25,1,0.1,0.3,unrelated,2",
        "o,n,,,warp_residual.dis.lag1.mean.null,0.8,1,0.8,0.8,scrambled,1",
        "o,n,,,occluded.dis.lag1.mean,0.5,1,,,,",
    )  # fmt: skip
    ((key, value),) = read_values(folder, "o").items()
    assert key == Key("coherence.csv", "warp_residual.dis.lag1.mean")
    assert (value.value, value.natural, value.frames) == (0.5, 0.2, {1: 0.4, 2: 0.6})
    assert value.nulls == {"unrelated": Null(0.25, 0.1, 0.3), "scrambled": Null(0.8, 0.8, 0.8)}


def test_recognition_has_rows_of_frames_and_of_the_clip(folder):
    write(
        folder, "recognition.csv",
        "clip,reference,frame,model,measure,value,unit,null_low,null_high,null_kind",
        "n,n,0,j,recognition.top10,0.8,1,,,", "n,n,,j,recognition.top10.clip,0.9,1,,,",
        "n,n,,j,prediction.class.clip,281,1,,,",
        "o,n,7,j,recognition.top10,0.1,1,,,", "o,n,,j,recognition.top10.clip,0.2,1,0,0.1,unrelated",
        "o,n,,j,recognition.top10.clip.null,0.05,1,0,0.1,unrelated",
        "o,n,,j,prediction.class.clip,3,1,,,",
    )  # fmt: skip
    found = read_values(folder, "o")
    seen = found[Key("recognition.csv", "recognition.top10.clip", "j")]
    assert (seen.value, seen.natural, seen.frames) == (0.2, 0.9, {7: 0.1})
    assert seen.nulls == {"unrelated": Null(0.05, 0, 0.1)}
    name = found[Key("recognition.csv", "prediction.class.clip", "j")]
    assert (name.value, name.natural) == (3, 281)


def test_means_over_frames_where_the_table_has_none(folder):
    write(
        folder, "cka.csv",
        "clip,reference,frame,model,layer,measure,value,unit,null_low,null_high,null_kind",
        "o,n,0,m,l,cka_unbiased.channels,0.2,1,0,0.1,unrelated",
        "o,n,1,m,l,cka_unbiased.channels,0.6,1,0,0.1,unrelated",
        "o,n,2,m,l,cka_unbiased.channels,,1,0,0.1,unrelated",
        "o,n,,m,l,cka_unbiased.channels.null,0.05,1,0,0.1,unrelated",
    )  # fmt: skip
    write(
        folder, "prediction.csv", "clip,reference,frame,model,measure,value,unit",
        "n,,1,p,ssim,0.9,1", "n,,2,p,ssim,0.7,1", "o,n,1,p,ssim,0.5,1", "o,n,2,p,cssim,0.4,1",
    )  # fmt: skip
    found = read_values(folder, "o")
    cka = found[Key("cka.csv", "cka_unbiased.channels.mean", "m", "l")]
    assert cka.value == pytest.approx(0.4)
    assert (cka.frames[1], cka.nulls) == (0.6, {"unrelated": Null(0.05, 0, 0.1)})
    ssim = found[Key("prediction.csv", "ssim.mean", "p")]
    assert (ssim.value, ssim.natural) == (0.5, pytest.approx(0.8))
    assert len(found) == 2


def test_cka_of_whole_clips(folder):
    write(
        folder, "cka.csv", "clip,reference,model,layer,measure,value,unit,null_low,null_high,"
        "null_kind",
        "o,n,m,l,cka.frames,0.3,1,0,0.1,unrelated",
        "o,n,m,l,cka.frames.null,0.05,1,0,0.1,unrelated",
    )  # fmt: skip
    (value,) = read_values(folder, "o").values()
    assert (value.value, value.frames) == (0.3, {})


def test_a_natural_clip_under_its_own_name(folder):
    write(
        folder, "photometry.csv", "clip,reference,frame,measure,value,unit",
        "n,,0,luminance,0.1,1", "n,,,luminance.mean,0.1,1",
        "n,n,0,luminance,0.1,1", "n,n,,luminance.mean,0.1,1",
    )  # fmt: skip
    (value,) = read_values(folder, "n").values()
    assert (value.value, value.natural, value.frames) == (0.1, 0.1, {0: 0.1})


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        ("comparison.csv", ["clip,reference,measure,value,unit"]),
        ("energy.csv", ["clip,measure,value,unit", "o,coarse_power.ratio,much,1"]),
        ("energy.csv", ["clip,measure,value,unit", "o"]),
        ("energy.csv", ["clip,value,unit", "o,1,1"]),
    ],
)
def test_damage_is_named(folder, table, lines):
    write(folder, table, *lines)
    with pytest.raises(InputError, match=rf"{table} is damaged .* Delete .*pair: the same command"):
        read_values(folder, "o")
