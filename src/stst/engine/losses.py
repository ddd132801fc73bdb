"""The loss terms: texture, content and total variation of the paper; spectrum and colours.

Equation numbers are those of Greco & Siegel (2024). Every function works per sample, so that a
sample does not depend on what it is batched with.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stst.engine.color_transfer import color_transfer
from stst.models.activations import Activation, Multiscale, wide
from stst.models.gradients import gram_matrix
from stst.utils.devices import guarded


@guarded(gradients=False)
def gram(activation: Activation, by_channels: bool = True) -> Tensor:
    """Correlate the channels of a layer over all positions: ``A Aᵀ / (N M)`` (equation 2).

    Parameters
    ----------
    activation
        (B, N, h, w), or several scales standing for such a map; M = h·w positions.
    by_channels
        Divide by N·M as in the paper; else by M alone as in the released code.

    Returns
    -------
    Tensor
        (B, N, N), float32 or wider.

    Examples
    --------
    >>> import torch
    >>> from stst.engine.losses import gram
    >>> activation = torch.tensor([[[[1.0, 2.0]], [[0.0, 1.0]]]])  # 2 channels, 2 positions
    >>> gram(activation)
    tensor([[[1.2500, 0.5000],
             [0.5000, 0.2500]]])
    """
    if isinstance(activation, Multiscale):
        product, positions = activation.gram(), activation.positions
    else:
        product = gram_matrix(wide(activation))
        positions = activation.shape[2] * activation.shape[3]
    return product / (positions * (product.shape[1] if by_channels else 1))


@guarded(gradients=False)
def weigh_activation(activation: Activation, weights: Tensor) -> Tensor:
    """Weight the positions of a layer, so that every mean over them becomes a weighted one.

    Activations are multiplied by ``sqrt(w_p / mean(w))``. `gram` of the result is
    ``Σ_p w_p a_p a_pᵀ / (N Σ_p w_p)``, and `content_loss` of two such results the mean over
    channels of ``Σ_p w_p (a_p - b_p)² / (2 Σ_p w_p)``.

    Parameters
    ----------
    activation
        (B, N, h, w), or several scales, which are then joined: the shortcut of `Multiscale.gram`
        does not hold with weights.
    weights
        (1, 1, h, w) in [0, 1], not all 0; all 1 change nothing.

    Returns
    -------
    Tensor
        (B, N, h, w), float32 or wider.
    """
    joined = activation.concatenate() if isinstance(activation, Multiscale) else activation
    return wide(joined) * (weights / weights.mean()).sqrt()


@guarded(gradients=False)
def texture_loss(generated: Tensor, target: Tensor) -> Tensor:
    """Give the mean squared difference of two Gram matrices (equation 3).

    Parameters
    ----------
    generated, target
        (B, N, N); `target` may have a batch of one.

    Returns
    -------
    Tensor
        (B,).
    """
    return (generated - target).square().mean(dim=(1, 2))


@guarded(gradients=False)
def content_loss(generated: Tensor, target: Tensor, half: bool = True) -> Tensor:
    """Give the squared difference of two activations (equation 1).

    Parameters
    ----------
    generated, target
        (B, N, h, w); `target` may have a batch of one.
    half
        Divide by 2·N·M as in the paper; else by N·M as in the released code.

    Returns
    -------
    Tensor
        (B,).
    """
    mean = (wide(generated) - wide(target)).square().mean(dim=(1, 2, 3))
    return mean / 2 if half else mean


@guarded(gradients=False)
def total_variation(
    frames: Tensor, by_channels: bool = True, inside: Tensor | None = None
) -> Tensor:
    """Sum the absolute differences of neighbouring pixels along both axes (equation 8).

    Parameters
    ----------
    frames
        (B, C, H, W) in [0, 1].
    by_channels
        Divide by H·W·C as in the paper; else by H·W as in the released code.
    inside
        (1, 1, H, W) bool: only differences that touch these pixels are summed, and their number
        takes the place of H·W. None for all.

    Returns
    -------
    Tensor
        (B,).
    """
    down = (frames[..., 1:, :] - frames[..., :-1, :]).abs()
    across = (frames[..., :, 1:] - frames[..., :, :-1]).abs()
    channels, height, width = frames.shape[1:]
    pixels: int | Tensor = height * width
    if inside is not None:
        down = down * (inside[..., 1:, :] | inside[..., :-1, :])
        across = across * (inside[..., :, 1:] | inside[..., :, :-1])
        pixels = inside.sum()
    total = down.sum(dim=(1, 2, 3)) + across.sum(dim=(1, 2, 3))
    return total / (pixels * (channels if by_channels else 1))


@guarded(gradients=False)
def spectrum_loss(images: Tensor, target: Tensor) -> Tensor:
    """Give half the mean squared distance to the nearest pictures with the target's spectrum.

    Liu, Gousseau & Xia (2016), "Texture synthesis through convolutional neural networks and
    spectrum constraints". At every frequency these have the target's amplitudes and the differences
    of its phases between channels; the phase that is left to choose is that of the images. What is
    nearest is held fixed: the gradient leads straight there.

    Parameters
    ----------
    images
        (B, C, h, w) in [0, 1].
    target
        (1, C, h, w) in [0, 1].

    Returns
    -------
    Tensor
        (B,).
    """
    wanted = torch.fft.rfft2(wide(target))
    with torch.no_grad():
        phases = (torch.fft.rfft2(wide(images)) * wanted.conj()).sum(dim=1, keepdim=True)
        phases = torch.exp(1j * phases.angle())
        nearest = torch.fft.irfft2(phases * wanted, s=images.shape[-2:])
    distances: Tensor = (images - nearest).square()
    return distances.mean(dim=(1, 2, 3)) / 2


@guarded(gradients=False)
def color_loss(images: Tensor, target: Tensor, inside: Tensor | None = None) -> Tensor:
    """Give half the mean squared distance to the images with the target's distribution of colours.

    That of `stst.engine.color_transfer.distribution_transfer`; what it gives is held fixed.

    Parameters
    ----------
    images
        (B, C, h, w) in [0, 1].
    target
        (1, C, h, w) in [0, 1].
    inside
        (1, 1, h, w) bool: only the colours of these pixels count, in both. None for all.

    Returns
    -------
    Tensor
        (B,).
    """
    with torch.no_grad():
        recolored = color_transfer(images, target, inside, with_regrain=False)
    distances = (images - recolored).square()
    if inside is None:
        return distances.mean(dim=(1, 2, 3)) / 2
    return distances.sum(dim=(1, 2, 3)) / (2 * images.shape[1] * inside.sum())
