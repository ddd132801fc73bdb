from __future__ import annotations

import numpy as np
import pytest
import torch

from arrays import images, pictures, relative_error
from stst.engine.losses import gram
from stst.errors import InputError
from stst.models.msoe import MSOE, symmetric_pad
from stst.models.stream import validate_stream

SIZES = ("67x101", "72x128")


def random_tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "conv1": (32, 2, 11, 11), "conv2": (64, 32, 1, 1),
        "conv3": (64, 320, 3, 3), "conv4": (2, 64, 1, 1),
    }  # fmt: skip
    out = {}
    for name, shape in shapes.items():
        out[f"{name}.weight"] = torch.randn(shape, generator=generator) / np.sqrt(shape[1])
        out[f"{name}.bias"] = torch.randn(shape[0], generator=generator)
    return out


@pytest.mark.golden
@pytest.mark.parametrize("size", SIZES)
def test_pyramid(golden, msoe, size):
    data = golden(f"msoe_{size}")
    for index, scale in enumerate(msoe.pyramid(images(data["frames"]))):
        np.testing.assert_allclose(scale[0, 0].numpy(), data[f"pyr_in_{index}"], atol=1e-5)


@pytest.mark.golden
@pytest.mark.parametrize("size", SIZES)
def test_concat(golden, msoe, size):
    data = golden(f"msoe_{size}")
    concat = pictures(msoe(images(data["frames"]))["concat"].concatenate())
    rows, columns = (6, 8) if size == "72x128" else (5, 7)
    assert relative_error(concat[::rows, ::columns], data["concat_sub"]) < 1e-5
    assert relative_error(concat[..., [3, 71, 139, 211, 279]], data["concat_ch5"]) < 1e-5
    assert relative_error(concat.mean((0, 1), dtype=np.float64), data["concat_mean"]) < 1e-5
    assert relative_error(concat.std((0, 1), dtype=np.float64), data["concat_std"]) < 1e-5
    assert relative_error(np.abs(concat).max((0, 1)), data["concat_absmax"]) < 1e-5


@pytest.mark.golden
@pytest.mark.parametrize("size", SIZES)
def test_gram_flow_and_longer_clips(golden, msoe, size):
    data = golden(f"msoe_{size}")
    frames = images(data["frames"])
    assert relative_error(gram(msoe(frames)["concat"], False)[0], data["gram"]) < 1e-5
    assert relative_error(pictures(msoe.flow(frames)), data["flow"]) < 5e-5
    four = gram(msoe(images(data["frames4"]))["concat"], False)
    assert relative_error(four.mean(0), data["gram4"]) < 1e-5


def test_it_is_a_valid_stream():
    validate_stream(MSOE(random_tensors()).requires_grad_(False), "temporal", "msoe")


def test_smallest_side_is_65():
    network = MSOE(random_tensors())
    assert network.min_side(("concat",)) == 65
    network(torch.rand(1, 2, 3, 65, 65))
    with pytest.raises(RuntimeError):
        network(torch.rand(1, 2, 3, 64, 64))


def test_samples_do_not_depend_on_their_batch():
    network = MSOE(random_tensors())
    frames = torch.rand(3, 2, 3, 66, 70) * torch.tensor([0.1, 1.0, 0.5])[:, None, None, None, None]
    together = network(frames)["concat"].maps
    for index in range(3):
        alone = network(frames[index : index + 1])["concat"].maps
        for one, many in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], many[index])


def test_gradient_is_that_of_finite_differences():
    tensors = {name: value.double() for name, value in random_tensors().items()}
    network = MSOE(tensors).double()
    generator = torch.Generator().manual_seed(3)
    previous = torch.rand(1, 3, 65, 66, generator=generator, dtype=torch.float64)
    current = torch.rand(1, 3, 65, 66, generator=generator, dtype=torch.float64)
    direction = torch.randn(current.shape, generator=generator, dtype=torch.float64)

    def loss(frame: torch.Tensor) -> torch.Tensor:
        return gram(network(torch.stack([previous, frame], 1))["concat"]).square().sum()

    variable = current.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(variable), variable)
    step = 1e-6
    numeric = (loss(current + step * direction) - loss(current - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(numeric), rel=1e-4)


def test_symmetric_padding_repeats_the_edge_pixel():
    line = torch.arange(4.0)[None, None, None, :].expand(1, 1, 4, 4)
    assert symmetric_pad(line, 2)[0, 0, 0].tolist() == [1, 0, 0, 1, 2, 3, 3, 2]


def test_missing_and_misshapen_arrays_are_named():
    tensors = random_tensors()
    del tensors["conv2.bias"]
    with pytest.raises(InputError, match=r"conv2\.bias is missing"):
        MSOE(tensors)
    tensors = random_tensors() | {"conv1.weight": torch.zeros(1, 2)}
    with pytest.raises(InputError, match=r"conv1\.weight has shape \(1, 2\), expected \(32, 2"):
        MSOE(tensors)
