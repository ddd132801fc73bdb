from __future__ import annotations

import torch

from stst.synthesis.noise import noise_of_seeds, normal_noise, uniform_noise


def test_noise_depends_on_seed_frame_and_purpose_only():
    first = uniform_noise(7, 3, "blend", (3, 4, 5))
    torch.manual_seed(99)
    torch.rand(10)
    assert torch.equal(first, uniform_noise(7, 3, "blend", (3, 4, 5)))
    for other in ((8, 3, "blend"), (7, 4, "blend"), (7, 3, "start")):
        assert not torch.equal(first, uniform_noise(*other, (3, 4, 5)))


def test_the_first_numbers_never_change():
    # a seed in a methods section must mean the same noise in a year
    expected = torch.tensor([0.655907928943634, 0.1645471453666687, 0.1191520094871521])
    torch.testing.assert_close(uniform_noise(0, 0, "start", (3,)), expected)


def test_it_is_uniform():
    noise = uniform_noise(1, 0, "start", (3, 200, 200))
    assert 0 <= float(noise.min()) < float(noise.max()) < 1
    assert abs(float(noise.mean()) - 0.5) < 0.005
    assert abs(float(noise.var()) - 1 / 12) < 0.001


def test_a_sample_has_the_noise_of_its_own_seed():
    many = noise_of_seeds((4, 5, 6), (8, 9))(2, "blend")
    assert torch.equal(many[1], noise_of_seeds((5,), (8, 9))(2, "blend")[0])


def test_gaussian_noise():
    state = torch.get_rng_state()
    noise = normal_noise(7, 0, "clip", (50, 60, 70))
    assert abs(float(noise.mean())) < 0.01
    assert abs(float(noise.std()) - 1) < 0.01
    assert torch.equal(noise, normal_noise(7, 0, "clip", (50, 60, 70)))
    assert not torch.equal(noise, normal_noise(8, 0, "clip", (50, 60, 70)))
    assert torch.equal(torch.get_rng_state(), state)
