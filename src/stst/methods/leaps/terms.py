"""The terms of learned preconscious synthesis (Stergiou & Deligiannis, ICCV 2023).

Every function works per sample, so that a sample does not depend on what it is batched with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from stst.engine.losses import total_variation
from stst.methods.leaps.layers import LayerInput
from stst.utils.devices import guarded

_FIRST = 10.0
# what the features of distant frames are to differ by, at least
_MARGIN = 1.0


class ByLayer(NamedTuple):
    """A term and what it is made of.

    Attributes
    ----------
    total
        (B,).
    each
        (B,) for every layer, without its weight.
    """

    total: Tensor
    each: list[Tensor]


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


def _weigh(each: Sequence[Tensor]) -> Tensor:
    return torch.stack([layer_weight(index) * loss for index, loss in enumerate(each)])


@guarded(gradients=False)
def priming_difference(means: Sequence[Tensor], wanted: Sequence[Tensor]) -> ByLayer:
    """Sum the absolute differences of mean features over channels and weighted layers.

    Parameters
    ----------
    means, wanted
        (B, C) for every layer; `wanted`, the stimulus', may have a batch of one.

    Returns
    -------
    ByLayer
        The sum, and what it is of.
    """
    each = [(have - want).abs().sum(1) for have, want in zip(means, wanted, strict=True)]
    return ByLayer(_weigh(each).sum(0), each)


@guarded(gradients=False)
def priming_jaccard(means: Sequence[Tensor], wanted: Sequence[Tensor]) -> ByLayer:
    """Average 1 - J over weighted layers, J = a·b / (‖a‖² + ‖b‖² - a·b), the Jaccard similarity.

    The weighted sum is divided by the number of layers, not by the sum of the weights.

    Parameters
    ----------
    means, wanted
        See `priming_difference`.

    Returns
    -------
    ByLayer
        The average, 0 where all mean features are the same, and what it is of.
    """
    each = []
    for have, want in zip(means, wanted, strict=True):
        product = (have * want).sum(1)
        union = have.square().sum(1) + want.square().sum(1) - product
        # of two vectors of zeros, which are the same, J is 1
        each.append(1 - (product + 1e-12) / (union + 1e-12))
    return ByLayer(_weigh(each).mean(0), each)


@guarded(gradients=False)
def coherence(features: Tensor) -> Tensor:
    """Measure how features change from frame to frame, and how alike distant frames are.

    With d_ij = ‖z_i - z_j‖₁, summed over channels and positions: the sum of d_ij over
    neighbouring frames, plus the sum of max(0, 1 - d_ij) over all other pairs. Nothing is divided
    by a number of features or of pairs, because the published coefficient belongs to the sums.

    Parameters
    ----------
    features
        (B, T, C, positions), T at least 2.

    Returns
    -------
    Tensor
        (B,).
    """
    frames = features.shape[1]
    flat = features.flatten(2)
    near = (flat[:, 1:] - flat[:, :-1]).abs().sum((1, 2))
    if frames == 2:
        return near
    apart = torch.cdist(flat, flat, p=1)
    rows, columns = torch.triu_indices(frames, frames, 2, device=flat.device)
    return near + (_MARGIN - apart[:, rows, columns]).clamp(min=0).sum(1)


@guarded(gradients=False)
def coherence_of_last(layers: Sequence[LayerInput]) -> Tensor:
    """Compute `coherence` of the last layer that has more than one time step.

    Parameters
    ----------
    layers
        Inputs of normalisation layers, in the order of the model's arithmetic.

    Returns
    -------
    Tensor
        (B,); 0 where no layer has time.
    """
    last = last_with_time(layers)
    features = None if last is None else last.by_frame()
    return layers[0].values.new_zeros(layers[0].batch) if features is None else coherence(features)


def last_with_time(layers: Sequence[LayerInput]) -> LayerInput | None:
    """Find the last layer that has more than one time step.

    Parameters
    ----------
    layers
        As in `coherence_of_last`.

    Returns
    -------
    LayerInput or None
        None if none has.
    """
    return next((one for one in reversed(layers) if one.by_frame() is not None), None)


@guarded(gradients=False)
def diversity(layers: Sequence[LayerInput]) -> ByLayer:
    """Sum ‖μ - μ̂‖₂ + ‖σ² - σ̂²‖₂ over weighted layers, μ̂ and σ̂² the running statistics.

    Parameters
    ----------
    layers
        Inputs of batch normalisations that hold running statistics, in the order of the
        arithmetic; others between them do not count for the weights.

    Returns
    -------
    ByLayer
        The sum, and what it is of.
    """
    each = []
    for layer in layers:
        values = layer.by_channel()
        mean, variance = values.mean(2), values.var(2, correction=0)
        running = layer.module.running_mean, layer.module.running_var
        assert isinstance(running[0], Tensor)
        assert isinstance(running[1], Tensor)
        distance = torch.linalg.vector_norm(mean - running[0], dim=1)
        each.append(distance + torch.linalg.vector_norm(variance - running[1], dim=1))
    return ByLayer(_weigh(each).sum(0), each)


@guarded(gradients=False)
def total_variation_of_clip(clips: Tensor) -> Tensor:
    """Sum the absolute differences of neighbouring pixels along both axes, divided by T·H·W·C.

    As in equation 8 of Greco & Siegel (2024), averaged over frames. LEAPS as published has no
    such term.

    Parameters
    ----------
    clips
        (B, C, T, H, W), in the model's normalisation.

    Returns
    -------
    Tensor
        (B,).
    """
    by_frame = total_variation(clips.transpose(1, 2).flatten(0, 1))
    return by_frame.view(clips.shape[0], -1).mean(1)
