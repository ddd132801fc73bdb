from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stst.config import load_preset
from stst.errors import InputError
from stst.methods.stst.octaves import octave_size, octaves_of, through_octaves


@given(side=st.integers(1, 5000))
def test_sizes_are_exact_floors(side):
    # 1.5 = 3/2, so the sizes are exact in whole numbers
    assert octave_size((side, side), 1.5, -1) == (side * 2 // 3,) * 2
    assert octave_size((side, side), 1.5, -2) == (side * 4 // 9,) * 2


def test_the_papers_sizes():
    config = load_preset("paper")
    octaves, left_out = octaves_of(config, (360, 640), {"msoe": 65})
    assert [octave.size for octave in octaves] == [(160, 284), (240, 426), (360, 640)]
    assert left_out == []


def test_147_is_the_smallest_side_for_the_paper():
    config = load_preset("paper")
    octaves_of(config, (147, 200), {"msoe": 65})
    with pytest.raises(InputError, match="octave -2 is 64x88 px .* msoe needs at least 65 px") as e:
        octaves_of(config, (146, 200), {"msoe": 65})
    assert "at least 147 px on the short side work, these have 146" in str(e.value)
    assert "small_octaves=skip" in str(e.value)


def test_small_octaves_are_left_out_and_said():
    config = load_preset("fast").for_frame(0)
    octaves, left_out = octaves_of(config, (126, 224), {"vgg": 4, "msoe": 65})
    assert [octave.config.exponent for octave in octaves] == [-1, 0]
    assert len(left_out) == 1
    assert "octave -2 is 56x99 px" in left_out[0]
    assert "from 147 px on" in left_out[0]


def test_the_full_resolution_is_never_left_out():
    with pytest.raises(
        InputError, match="octave 0 is 64x99 px .* at least 65 px .*, these have 64"
    ):
        octaves_of(load_preset("fast"), (64, 99), {"msoe": 65})


def test_chained_resizing_blurs():
    image = (torch.arange(64) % 2).float().expand(1, 3, 64, 64)
    sizes = [(28, 28), (64, 64)]
    assert torch.equal(through_octaves(image, sizes, chained=False)[1], image)
    chained = through_octaves(image, sizes, chained=True)[1]
    assert float(chained.std()) < 0.6 * float(image.std())
