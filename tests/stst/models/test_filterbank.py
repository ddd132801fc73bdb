from __future__ import annotations

from importlib import resources

import pytest
import torch

from stst.engine.losses import gram
from stst.models.filterbank import FilterBank
from stst.models.stream import validate_stream


@pytest.fixture(scope="module")
def bank() -> FilterBank:
    return FilterBank()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def periodic(period: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    tile = noise(1, 3, period, period, seed=seed)
    return tile.tile(1, 1, height // period + 2, width // period + 2)


def test_serves_as_a_spatial_stream(bank):
    assert validate_stream(bank, "spatial", "filterbank") is bank


def test_channels_and_resolutions(bank):
    found = bank(noise(2, 3, 41, 59), bank.layers)
    shapes = {name: tuple(values.shape) for name, values in found.items()}
    assert shapes == {
        "conv1": (2, 48, 41, 59),
        "conv2": (2, 64, 20, 29),
        "conv3": (2, 96, 10, 14),
    }
    assert all(bool((values >= 0).all()) for values in found.values())


@pytest.mark.parametrize("layer", FilterBank.layers)
def test_min_side_is_the_smallest_that_works(bank, layer):
    side = bank.min_side((layer,))
    assert torch.isfinite(bank(noise(1, 3, side, side + 1), (layer,))[layer]).all()
    with pytest.raises(RuntimeError):
        bank(noise(1, 3, side - 1, 32), (layer,))


def test_the_deepest_layer_decides_the_smallest_side(bank):
    assert bank.min_side(bank.layers) == bank.min_side(("conv3",)) <= 8


def test_only_layers_asked_for(bank):
    assert list(bank(noise(1, 3, 16, 16), ("conv2",))) == ["conv2"]


def test_a_sample_does_not_depend_on_its_batch(bank):
    frames = noise(3, 3, 24, 31)
    together = bank(frames, bank.layers)
    alone = bank(frames[1:2], bank.layers)
    for layer in bank.layers:
        torch.testing.assert_close(together[layer][1:2], alone[layer], rtol=1e-4, atol=1e-5)


def test_two_instances_are_the_same(bank):
    frames = noise(1, 3, 24, 31)
    first, second = bank(frames, bank.layers), FilterBank()(frames, bank.layers)
    assert all(torch.equal(first[layer], second[layer]) for layer in bank.layers)
    assert not list(bank.parameters())


def test_grams_do_not_depend_on_place(bank):
    """Shift a pattern by a whole number of cells of the coarsest grid: only borders may differ."""
    picture = periodic(16, 144, 160)
    first, second = picture[..., :144, :144], picture[..., :144, 8:152]
    for layer in bank.layers:
        a, b = (gram(bank(x, (layer,))[layer]) for x in (first, second))
        other = gram(bank(periodic(16, 128, 128, seed=1)[..., :144, :144], (layer,))[layer])
        assert (a - b).norm() < 0.2 * (a - other).norm()


def test_orientation_and_colour_are_seen_in_every_layer(bank):
    wave = 0.5 + 0.4 * torch.sin(torch.arange(64) * 2 * torch.pi / 8)
    upright = wave.expand(1, 3, 64, 64)
    lying = upright.mT
    red = torch.stack([wave, 1 - wave, wave]).reshape(1, 3, 1, 64).expand(1, 3, 64, 64)
    for layer in bank.layers:
        a, b, c = (gram(bank(x, (layer,))[layer]) for x in (upright, lying, red))
        assert (a - b).norm() > 0.1 * a.norm()
        assert (a - c).norm() > 0.1 * a.norm()


def test_layers_contribute_alike_on_a_photograph(bank):
    """None of the layers has the texture loss to itself."""
    from skimage import data

    photograph = torch.from_numpy(data.coffee()[::2, ::2].copy()).permute(2, 0, 1)[None] / 255
    energies = [float(values.square().mean()) for values in bank(photograph, bank.layers).values()]
    assert max(energies) < 3 * min(energies)


def test_the_data_in_the_package_is_small():
    folder = resources.files("stst.models") / "data"
    assert sum(len(file.read_bytes()) for file in folder.iterdir()) <= 200_000
