from __future__ import annotations

from fractions import Fraction
from math import isnan

import numpy as np
import pytest

from stst.analysis.nulls import (
    NULL_LENGTH,
    add_nulls,
    first_part,
    make_nulls,
    scramble_clip,
    shuffle_pixels,
)
from stst.video import Video


def clip(count=4, height=24, width=32, seed=0) -> Video:
    noise = np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return Video(noise, Fraction(25))


class TestClips:
    def test_shuffled_pixels_are_the_frame_s_own_in_an_order_of_their_own(self):
        frame = clip().frames[0]
        first, again, other = (shuffle_pixels(frame, n) for n in (0, 0, 1))
        key = np.sort(frame.reshape(-1, 3).view("u1,u1,u1").ravel())
        for one in (first, other):
            assert (np.sort(one.reshape(-1, 3).view("u1,u1,u1").ravel()) == key).all()
            assert (one != frame).any()
        assert (first == again).all()
        assert (first != other).any()

    def test_a_scrambled_clip_has_the_spectrum_and_other_phases(self):
        # of middling values: what would leave [0, 255] is clipped
        natural = clip()
        natural = Video((96 + natural.frames // 4).astype(np.uint8), natural.fps)
        scrambled = scramble_clip(natural)
        assert scrambled.frames.shape == natural.frames.shape
        assert (scrambled.fps, (scrambled.frames != natural.frames).any()) == (natural.fps, True)
        sizes = [
            np.abs(np.fft.fftn(one.frames[..., 1].astype(float))) for one in (natural, scrambled)
        ]
        assert np.corrcoef(sizes[0].ravel()[1:], sizes[1].ravel()[1:])[0, 1] > 0.98
        assert (scramble_clip(natural).frames == scrambled.frames).all()

    def test_kinds_sizes_and_lengths(self):
        natural = first_part(clip(NULL_LENGTH + 2))
        assert len(natural.frames) == NULL_LENGTH
        others = ("large", clip(NULL_LENGTH, 96, 64, 1)), ("short", clip(NULL_LENGTH - 1, seed=2))
        nulls = make_nulls(natural, others)
        assert [(one.kind, one.name) for one in nulls] == [
            ("unrelated", "large"), ("scrambled", "scrambled"), ("noise", "noise"),
        ]  # fmt: skip
        assert {one.clip.frames.shape for one in nulls} == {natural.frames.shape}
        # its largest centred part: whole width, a quarter of the height left out above and below
        middle = others[0][1].frames[0, 24:72].mean((0, 1))
        assert np.allclose(nulls[0].clip.frames[0].mean((0, 1)), middle, atol=1)


def row(value, measure="x", **more):
    return {"clip": "o", "measure": measure, "value": value, "unit": "1", **more}


class TestRows:
    def test_the_range_and_the_mean_of_every_kind(self):
        rows = [row(5.0), row(1.0, frame=0)]
        nulls = [
            ("unrelated", [row(1.0), row(9.0, frame=0)]), ("unrelated", [row(3.0)]),
            ("scrambled", [row(7.0)]),
        ]  # fmt: skip
        value, frame, unrelated, scrambled = add_nulls(rows, nulls)
        band = {"null_low": 1.0, "null_high": 3.0, "null_kind": "unrelated", "null_clips": 2}
        assert value == row(5.0, **band)
        assert frame == rows[1]
        assert unrelated == row(2.0, "x.null", **band)
        assert scrambled == row(
            7.0, "x.null", null_low=7.0, null_high=7.0, null_kind="scrambled", null_clips=1
        )

    def test_layers_and_models_are_apart(self):
        rows = [row(1.0, model="m", layer=one) for one in "ab"]
        nulls = [("unrelated", [row(2.0, model="m", layer="b")])]
        first, second, null = add_nulls(rows, nulls)
        assert "null_low" not in first
        assert (second["null_low"], null["layer"]) == (2.0, "b")

    def test_undefined_values(self):
        nan = float("nan")
        value, null = add_nulls([row(1.0)], [("unrelated", [row(nan)]), ("unrelated", [row(2.0)])])
        assert (value["null_low"], value["null_high"], value["null_clips"]) == (2.0, 2.0, 2)
        assert null["value"] == 2.0
        value, null = add_nulls([row(1.0)], [("unrelated", [row(nan)])])
        assert isnan(value["null_low"])
        assert isnan(null["value"])


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_clips(count):
    assert {len(one.clip.frames) for one in make_nulls(clip(count))} == {count}
