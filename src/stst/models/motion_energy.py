"""MotionEnergy: the temporal stream that ships with the package.

Spacetime energy (Adelson & Bergen 1985) over a pair of frames, in the order of operations of MSOE
(Tesfaldet, Brubaker & Derpanis 2018): contrast normalisation, a pyramid, filters, squares, pooling,
L1 normalisation. The filters are not trained but written down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stst.models.activations import Multiscale
from stst.models.gradients import channels_last, convolve
from stst.models.msoe import blur_and_halve, gaussian_kernel, normalize_contrast, symmetric_pad
from stst.utils.devices import guarded

SCALES = 5
ORIENTATIONS = 12
PHASES = 3
#: Wavelength of the filters in pixels of a scale's own grid.
WAVELENGTH = 4.5

_RADIUS = 4
_WINDOW_SIGMA = 0.45 * WAVELENGTH
_BLUR_SIGMA = 1.1
_POOL = 5
# Energy of a pattern too faint to count, in units of the contrast-normalised frames. Where there
# is no pattern all channels fade, rather than show the direction of rounding errors.
_FAINT = 0.2


class MotionEnergy(nn.Module):
    """Direction-selective energy of a pair of frames at five scales.

    A filter pair in quadrature gives every frame a local amplitude and phase at each of twelve
    orientations. A pattern that moves changes its phase from one frame to the next. The energy of
    ``previous + current turned back by φ`` is largest where the phase advanced by φ; three of them,
    at φ = 0, 120 and 240°, span all that can be said of a phase difference. They are what filters
    that extend over both frames would give, at half the work.

    Channels of a scale: 12·k + i is orientation i (the normal of the grating at i·15°, y down) and
    a displacement of k·λ/3 along that normal, λ = 4.5 px of the scale. k = 2 is the same as −λ/3,
    so k = 1 and k = 2 are the two directions.
    """

    layers: tuple[str, ...] = ("energy",)
    texture_layers: tuple[str, ...] = ("energy",)
    content_layers: tuple[str, ...] = ("energy",)

    @guarded()
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", quadrature_filters(), persistent=False)
        self.register_buffer("blur", gaussian_kernel(5, _BLUR_SIGMA)[None, None])
        angles = torch.arange(PHASES, dtype=torch.float64) * (2 * math.pi / PHASES)
        self.register_buffer("cosines", angles.cos().round(decimals=9).float())
        self.register_buffer("sines", angles.sin().round(decimals=9).float())

    def min_side(self, layers: Sequence[str]) -> int:
        """Give 2·radius: a smaller frame has fewer scales, and one scale needs the filter's radius.

        See `scales_of` for the number of scales of a size.
        """
        return 2 * _RADIUS

    @guarded(gradients=False)
    def forward(self, frames: Tensor, layers: Sequence[str] = layers) -> dict[str, Multiscale]:
        """Compute the energies of a pair of frames (see `stst.models.Stream`).

        Parameters
        ----------
        frames
            (B, 2, 3, H, W) RGB in [0, 1], previous and current frame.
        layers
            ``energy`` is the only one.

        Returns
        -------
        dict of str to Multiscale
            Per scale (B, 36, h, w), each ≥ 0 and with a sum over channels below 1.
        """
        return {name: Multiscale(self.energies(frames)) for name in layers}

    def energies(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Compute the normalised energies of every scale, finest first."""
        grey = normalize_contrast(frames.sum(dim=2))
        maps = []
        for scale in range(scales_of(min(grey.shape[-2:]))):
            if scale:
                grey = blur_and_halve(grey, self.get_buffer("blur"))
            energy = self._energy(grey)
            maps.append(energy / (energy.sum(dim=1, keepdim=True) + _FAINT))
        return tuple(maps)

    def _energy(self, grey: Tensor) -> Tensor:
        """Pool |previous + current·e^(−iφ)|² of (B, 2, h, w) frames over 5×5, stride 2."""
        batch, times, *size = grey.shape
        padded = symmetric_pad(grey.reshape(batch * times, 1, *size), _RADIUS)
        responses = convolve(channels_last(padded), self.get_buffer("filters"))
        even, odd = responses.reshape(batch, times, 2, ORIENTATIONS, *size).unbind(2)
        power = (even.square() + odd.square()).sum(dim=1)
        together = 2 * (even[:, 0] * even[:, 1] + odd[:, 0] * odd[:, 1])
        turned = 2 * (even[:, 0] * odd[:, 1] - odd[:, 0] * even[:, 1])
        parts = torch.stack([power, together, turned], dim=1)
        parts = F.avg_pool2d(symmetric_pad(parts.flatten(1, 2), _POOL // 2), _POOL, stride=2)
        power, together, turned = parts.reshape(
            batch, 3, 1, ORIENTATIONS, *parts.shape[-2:]
        ).unbind(1)
        cosines = self.get_buffer("cosines")[:, None, None, None]
        sines = self.get_buffer("sines")[:, None, None, None]
        energy: Tensor = power + cosines * together + sines * turned
        # rounding can leave a tiny negative number where two frames cancel exactly
        return energy.clamp_min(0).flatten(1, 2)


def scales_of(side: int) -> int:
    """Give the number of scales for a short side in pixels: halved while twice the radius stays."""
    count = 1
    while count < SCALES and (side + 1) // 2 >= 2 * _RADIUS:
        side = (side + 1) // 2
        count += 1
    return count


def quadrature_filters() -> Tensor:
    """Build even and odd Gabor filters of unit energy and without a response to constant input.

    Returns
    -------
    Tensor
        (2·12, 1, 9, 9): first the even ones, then the odd ones.
    """
    axis = torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    window = torch.exp(-(x**2 + y**2) / (2 * _WINDOW_SIGMA**2))
    even, odd = [], []
    for index in range(ORIENTATIONS):
        angle = math.pi * index / ORIENTATIONS
        phase = 2 * math.pi / WAVELENGTH * (x * math.cos(angle) + y * math.sin(angle))
        cosine, sine = phase.cos() * window, phase.sin() * window
        cosine = cosine - window * (cosine.sum() / window.sum())
        even.append(cosine / cosine.square().sum().sqrt())
        odd.append(sine / sine.square().sum().sqrt())
    return torch.stack(even + odd)[:, None].float()
