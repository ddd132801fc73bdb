"""Random phase fields that keep a clip real, and its mean; pictures scrambled by them.

A field is held in turns, [0, 1) for phases of [0, 2π), on the half plane of a real transform
(``rfftn``: the last axis has ``n // 2 + 1`` bins). It is antisymmetric, ``τ(−k) = −τ(k)``, and 0 at
frequency 0. At the other bins that are their own partners, where only the signs + and − keep the
result real, it holds a uniform number that decides between them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from stst.utils.devices import guarded
from stst.utils.noise import uniform_noise


def partners(shape: Sequence[int]) -> Tensor:
    """Give the flat index of every bin's partner −k, for a full plane of any dimension."""
    index = torch.zeros((), dtype=torch.long)
    for size in shape:
        negated = -torch.arange(size) % size
        index = index[..., None] * size + negated
    return index.flatten()


@guarded(gradients=False)
def own_partners(shape: Sequence[int]) -> Tensor:
    """Say which bins of a half plane are their own partners.

    Parameters
    ----------
    shape
        Of the clip or picture, the halved axis last.

    Returns
    -------
    Tensor
        bool, (..., n // 2 + 1).
    """
    out = torch.ones((), dtype=torch.bool)
    for size in shape[:-1]:
        out = out[..., None] & _ends(size, size)
    return out[..., None] & _ends(shape[-1], shape[-1] // 2 + 1)


def _ends(size: int, bins: int) -> Tensor:
    index = torch.arange(bins)
    return (index == 0) | (2 * index == size)


@guarded(gradients=False)
def antisymmetric(noise: Tensor, dims: int) -> Tensor:
    """Make uniform noise on a full plane into a field; bins that are their own partners stay.

    Parameters
    ----------
    noise
        In [0, 1); its last `dims` axes are frequencies.
    dims
        Number of those axes.

    Returns
    -------
    Tensor
        Of the same shape, in [0, 1). Frequency 0 is not set to 0.
    """
    partner = partners(noise.shape[-dims:])
    flat = noise.flatten(-dims)
    index = torch.arange(len(partner))
    out = torch.where(index > partner, (1 - flat[..., partner]) % 1, flat)
    return out.view_as(noise)


@guarded(gradients=False)
def half_plane(noise: Tensor, width: int) -> Tensor:
    """Make uniform noise into the field of a picture.

    Parameters
    ----------
    noise
        (..., H, W // 2 + 1) in [0, 1).
    width
        W.

    Returns
    -------
    Tensor
        float64 of the same shape.
    """
    out = noise.double()
    for column in paired_columns(width):
        out[..., column] = antisymmetric(out[..., column], 1)
    out[..., 0, 0] = 0
    return out


def paired_columns(width: int) -> tuple[int, ...]:
    """Name the columns of a half plane in which bins have their partners beside them."""
    return (0, width // 2) if width % 2 == 0 else (0,)


def signs_only(turns: Tensor, own: Tensor) -> Tensor:
    """Round a field to 0 or half a turn where bins are their own partners."""
    return torch.where(own, (2 * turns).floor() / 2, turns)


@guarded(gradients=False)
def factors(turns: Tensor, own: Tensor, coherence: float) -> Tensor:
    """Turn a field into complex factors of size 1 that scramble a spectrum.

    Parameters
    ----------
    turns
        A field, in [0, 1).
    own
        Which of its bins are their own partners; broadcasts with it.
    coherence
        From 0 (phases as random as the field) to 1 (the natural phases). In between, the phase is
        that of the weighted mean of the natural and the random direction (Dakin, Hess, Ledgeway &
        Achtman 2002), and a bin that is its own partner keeps its sign with probability
        (1 + coherence)/2. For one field, a higher coherence never flips a sign back.

    Returns
    -------
    Tensor
        complex128 of the same shape.
    """
    angle = 2 * torch.pi * turns
    mean = torch.complex(
        coherence + (1 - coherence) * torch.cos(angle), (1 - coherence) * torch.sin(angle)
    )
    size = mean.abs()
    # two opposite directions of equal weight have no mean: the natural phase stays
    turned = torch.where(size > 1e-9, mean / size.clamp_min(1e-9), 1)
    sign = torch.where(turns < (1 + coherence) / 2, 1.0, -1.0)
    return torch.where(own, sign.to(turned.dtype), turned)


def scramble_pictures(pictures: Tensor, turns: Tensor, coherence: float = 0.0) -> Tensor:
    """Scramble the phases of pictures in space.

    Parameters
    ----------
    pictures
        (B or 1, C, H, W), float64 or float32, any range.
    turns
        (B or 1, C or 1, H, W // 2 + 1), a field.
    coherence
        From 0 to 1.

    Returns
    -------
    Tensor
        (B, C, H, W) with the dtype of `pictures`: every channel has its amplitude spectrum and
        its mean, and values may leave the range of `pictures`.
    """
    height, width = pictures.shape[-2:]
    field = factors(turns, own_partners((height, width)), coherence)
    spectrum = torch.fft.rfft2(pictures)
    spectrum = spectrum * field.to(device=spectrum.device, dtype=spectrum.dtype)
    real: Tensor = torch.fft.irfft2(spectrum, s=(height, width))
    return real


def scramble_by_noise(pictures: Tensor, noise: Tensor) -> Tensor:
    """Scramble pictures by one field each, that all channels share.

    Parameters
    ----------
    pictures
        (B or 1, C, H, W), any range.
    noise
        (B, H, W) uniform in [0, 1).

    Returns
    -------
    Tensor
        (B, C, H, W) with the dtype of `pictures`.
    """
    width = pictures.shape[-1]
    turns = half_plane(noise[:, None, :, : width // 2 + 1], width)
    return scramble_pictures(pictures.double(), turns).to(pictures.dtype)


class PhaseFields:
    """The random fields of one sample; the same whatever part of them is asked for.

    Parameters
    ----------
    seed
        Of the sample.
    shape
        (T, H, W) of the clip.
    channels
        3 for a field per colour channel, 1 for one that all share.
    clip
        Key of the clip, see `stst.utils.noise.clip_key`; "" for fields that belong to none.
    """

    def __init__(
        self, seed: int, shape: tuple[int, int, int], channels: int, clip: str = ""
    ) -> None:
        self._seed, self._clip = seed, clip
        self._frames, self._height, self._width = shape
        self._bins = self._width // 2 + 1
        self._channels = channels

    @guarded(gradients=False)
    def spatial(self) -> Tensor:
        """Give the two-dimensional field that all frames share, (C, H, W // 2 + 1)."""
        noise = self._noise(0, "spatial phases", (self._channels, self._height, self._bins))
        return half_plane(noise, self._width)

    @guarded(gradients=False)
    def temporal(self) -> Tensor:
        """Give one number for each temporal frequency of a full transform, (T, C)."""
        noise = self._noise(0, "temporal phases", (self._channels, self._frames)).double()
        out = antisymmetric(noise, 1)
        out[:, 0] = 0
        return out.T.contiguous()

    @guarded(gradients=False)
    def spatiotemporal(self, start: int, stop: int) -> Tensor:
        """Give rows `start` to `stop` − 1 of the three-dimensional field.

        Parameters
        ----------
        start, stop
            Frequencies over time, a part of the field.

        Returns
        -------
        Tensor
            (T, C, stop − start, W // 2 + 1): all temporal frequencies, some vertical ones.
        """
        shape = (self._frames, self._channels, self._bins)
        rows = [self._noise(row, "spatiotemporal phases", shape) for row in range(start, stop)]
        out = torch.stack(rows, dim=2).double()
        for column in paired_columns(self._width):
            out[..., column] = self._column(column)[..., start:stop]
        if start == 0:
            out[0, :, 0, 0] = 0
        return out

    def _column(self, column: int) -> Tensor:
        """Give a column in which partners meet, whole: (T, C, H)."""
        shape = (self._channels, self._frames, self._height)
        noise = self._noise(column, "phases of a column", shape).double()
        return antisymmetric(noise, 2).transpose(0, 1)

    def _noise(self, number: int, purpose: str, shape: tuple[int, ...]) -> Tensor:
        return uniform_noise(self._seed, number, purpose, shape, self._clip)
