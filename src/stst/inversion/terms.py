"""The terms of learned preconscious synthesis (Stergiou & Deligiannis, ICCV 2023).

Every function works per sample, so that a sample does not depend on what it is batched with.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from stst.inversion.layers import LayerInput
from stst.losses import total_variation

_FIRST = 10.0


def layer_weight(index: int) -> float:
    """Weight of the normalisation layer at that depth: 10, 11, 6, 4.33, … (1 + 10/l from l = 1).

    Parameters
    ----------
    index
        0 for the first layer.

    Returns
    -------
    float
        At least 1.
    """
    return _FIRST if index == 0 else 1 + _FIRST / index


def priming_difference(means: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Sum the absolute differences of mean features over channels and weighted layers.

    Parameters
    ----------
    means, wanted
        (B, C) for every layer; `wanted`, the stimulus', may have a batch of one.

    Returns
    -------
    Tensor
        (B,).
    """
    return torch.stack(
        [
            layer_weight(index) * (have - want).abs().sum(1)
            for index, (have, want) in enumerate(zip(means, wanted, strict=True))
        ]
    ).sum(0)


def priming_jaccard(means: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Average 1 - J over layers, J = a·b / (‖a‖² + ‖b‖² - a·b), the Jaccard vector similarity.

    Parameters
    ----------
    means, wanted
        See `priming_difference`.

    Returns
    -------
    Tensor
        (B,), 0 where all mean features are the same.
    """
    out = []
    for have, want in zip(means, wanted, strict=True):
        product = (have * want).sum(1)
        union = have.square().sum(1) + want.square().sum(1) - product
        # of two vectors of zeros, which are the same, J is 1
        out.append(1 - (product + 1e-12) / (union + 1e-12))
    return torch.stack(out).mean(0)


def coherence(features: Tensor) -> Tensor:
    """Measure how features change from frame to frame, and how alike distant frames are.

    With d_ij = ‖z_i - z_j‖₁ over channels, averaged over positions: the mean of d_ij over
    neighbouring frames, and the mean of max(0, 1 - d_ij) over all others. The norm is taken per
    position, so that large maps do not outweigh small ones.

    Parameters
    ----------
    features
        (B, T, C, positions), T at least 2.

    Returns
    -------
    Tensor
        (B,).
    """
    frames, positions = features.shape[1], features.shape[3]
    flat = features.flatten(2)
    near = (flat[:, 1:] - flat[:, :-1]).abs().sum(2).mean(1) / positions
    if frames == 2:
        return near
    apart = torch.cdist(flat, flat, p=1) / positions
    rows, columns = torch.triu_indices(frames, frames, 2, device=flat.device)
    return near + (1 - apart[:, rows, columns]).clamp(min=0).mean(1)


def coherence_of_layers(layers: Sequence[LayerInput]) -> Tensor:
    """Sum `coherence` over all layers that have time; (B,).

    Parameters
    ----------
    layers
        Inputs of normalisation layers.

    Returns
    -------
    Tensor
        (B,).
    """
    found = [
        features for features in (layer.by_frame() for layer in layers) if features is not None
    ]
    if not found:
        return layers[0].values.new_zeros(layers[0].batch)
    return torch.stack([coherence(features) for features in found]).sum(0)


def diversity(layers: Sequence[LayerInput]) -> Tensor:
    """Sum ‖μ - μ̂‖₂ + ‖σ² - σ̂²‖₂ over weighted layers, μ̂ and σ̂² the running statistics.

    Parameters
    ----------
    layers
        Inputs of batch normalisations that hold running statistics.

    Returns
    -------
    Tensor
        (B,).
    """
    out = []
    for index, layer in enumerate(layers):
        values = layer.by_channel()
        mean, variance = values.mean(2), values.var(2, correction=0)
        running = layer.module.running_mean, layer.module.running_var
        assert isinstance(running[0], Tensor)
        assert isinstance(running[1], Tensor)
        distance = torch.linalg.vector_norm(mean - running[0], dim=1)
        distance = distance + torch.linalg.vector_norm(variance - running[1], dim=1)
        out.append(layer_weight(index) * distance)
    return torch.stack(out).sum(0)


def total_variation_of_clip(clips: Tensor) -> Tensor:
    """Average the total variation (as of Greco & Siegel 2024, equation 8) over frames.

    Parameters
    ----------
    clips
        (B, C, T, H, W).

    Returns
    -------
    Tensor
        (B,).
    """
    by_frame = total_variation(clips.transpose(1, 2).flatten(0, 1))
    return by_frame.view(clips.shape[0], -1).mean(1)
