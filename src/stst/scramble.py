"""Phase scrambling: the amplitudes of a picture's spectrum with random phases."""

from __future__ import annotations

import torch
from torch import Tensor


def phase_scrambled(images: Tensor, noise: Tensor) -> Tensor:
    """Add one random phase field to the phases of all channels of a picture.

    The field is the phase of the spectrum of real noise: antisymmetric, so that the result is
    real, and set to 0 at frequency 0, so that the mean stays.

    Parameters
    ----------
    images
        (B or 1, C, H, W), any range.
    noise
        (B, H, W) independent noise, e.g. uniform; its own amplitudes do not matter.

    Returns
    -------
    Tensor
        (B, C, H, W) with the dtype of `images`. Every channel has its amplitude spectrum, and
        values may leave the range of `images`.
    """
    spectrum = torch.fft.fft2(noise.double())
    phases = torch.where(spectrum.abs() > 0, spectrum / spectrum.abs().clamp_min(1e-300), 1)
    phases[:, 0, 0] = 1
    scrambled = torch.fft.ifft2(torch.fft.fft2(images.double()) * phases[:, None])
    real: Tensor = scrambled.real.to(images.dtype)
    return real
