"""Linear centred kernel alignment, CKA (Kornblith et al. 2019), of two sets of activations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stst.config.choice import Examples
from stst.devices import guarded
from stst.errors import InputError

# numbers that a product may hold at once: 128 MB
_BLOCK = 2**24
# an estimate that is smaller, beside what it is the difference of, is rounding
_ROUNDING = 1e-12


@guarded()
def linear_cka(x: Tensor | NDArray[Any], y: Tensor | NDArray[Any], unbiased: bool = False) -> float:
    """Say how alike two sets of features are, up to rotation and scale.

    CKA = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with K = XXᵀ, L = YYᵀ and centred columns
    (Kornblith et al. 2019, eq. 4 and section 3). Biased, HSIC(K, L) is proportional to
    ⟨K, L⟩ = ‖XᵀY‖²; unbiased (Song et al. 2012, eq. 5), for centred columns, to
    ‖XᵀY‖² − n/(n−2) Σᵢ Kᵢᵢ Lᵢᵢ + ΣK ΣL / ((n−1)(n−2)), the sums over the diagonals.

    Parameters
    ----------
    x, y
        (n, p) and (n, q), finite: a row an example, a column a feature. Computed in float64, on
        their device where it has that.
    unbiased
        Whether HSIC is estimated without bias; CKA itself can then be negative.

    Returns
    -------
    float
        In [0, 1], unbiased in [−1, 1]. NaN where it is undefined: a set whose features are all
        constant; unbiased, fewer than 4 examples, or distances that are all alike.

    Raises
    ------
    InputError
        If a set is no matrix, has no rows or columns, or holds values that are not finite, or the
        numbers of rows differ.

    Examples
    --------
    >>> import numpy as np
    >>> from stst.analysis.cka import linear_cka
    >>> x = np.random.default_rng(0).normal(size=(20, 5))
    >>> rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))
    >>> round(linear_cka(x, 3 * x @ rotation), 6)
    1.0
    """
    here, there = _matrix(x, "x"), _matrix(y, "y")
    if len(here) != len(there):
        raise InputError(
            f"CKA compares the same examples: x has {len(here)} rows and y has {len(there)}."
        )
    here, there = _centred(here), _centred(there)
    squares = _product(here, there), _product(here, here), _product(there, there)
    return _cka(squares, here.square().sum(1), there.square().sum(1), unbiased)


@guarded()
def gram_cka(x: Tensor, y: Tensor, unbiased: bool = False) -> float:
    """Compute `linear_cka` from what `gram` gives for x and for y.

    Parameters
    ----------
    x, y
        (n, n) float64.
    unbiased
        As for `linear_cka`.

    Returns
    -------
    float
        As of `linear_cka`.

    Raises
    ------
    InputError
        If they are not square and of one size.
    """
    if x.ndim != 2 or x.shape != y.shape or x.shape[0] != x.shape[1]:
        raise InputError(
            f"CKA of Gram matrices: found shapes {tuple(x.shape)} and {tuple(y.shape)}; both must "
            "be (n, n)."
        )
    squares = (x * y).sum(), x.square().sum(), y.square().sum()
    return _cka(squares, x.diagonal(), y.diagonal(), unbiased)


@guarded()
def gram(x: Tensor | NDArray[Any]) -> Tensor:
    """Compute XXᵀ of centred columns, up to a factor; a block of columns is held in float64.

    Parameters
    ----------
    x
        (n, p), finite: a row an example.

    Returns
    -------
    Tensor
        (n, n) float64.

    Raises
    ------
    InputError
        As for `linear_cka`.
    """
    values = _matrix(x, "x", torch.float32)
    scale = _scale(values)
    out = torch.zeros(len(values), len(values), dtype=torch.float64, device=values.device)
    for columns in _blocks(values.shape[1], len(values)):
        block = _shifted(values[:, columns].double() / scale)
        out += block @ block.T
    return out


def as_examples(activation: Tensor, examples: Examples) -> Tensor:
    """Lay an activation out with a row for every example.

    Parameters
    ----------
    activation
        Of one frame or window: (C,), (C, h, w), (C, t, h, w) or any (C, ...).
    examples
        See `stst.config.choice.CkaSettings`.

    Returns
    -------
    Tensor
        (C, positions), (positions, C), or (1, units).
    """
    if examples == "frames":
        return activation.reshape(1, -1)
    rows = activation.reshape(len(activation), -1)
    return rows if examples == "channels" else rows.T


def _matrix(x: Tensor | NDArray[Any], name: str, least: torch.dtype = torch.float64) -> Tensor:
    values = torch.from_numpy(np.ascontiguousarray(x)) if isinstance(x, np.ndarray) else x.detach()
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(
            f"CKA: {name} has shape {tuple(values.shape)}; expected (examples, features), at least "
            "one of each."
        )
    if values.is_complex():
        raise InputError(f"CKA: {name} holds complex numbers.")
    if not bool(values.isfinite().all()):
        raise InputError(f"CKA: {name} holds values that are not finite.")
    if values.device.type == "mps":
        values = values.cpu()  # which has float64
    return values.to(torch.promote_types(values.dtype, least))


def _scale(values: Tensor) -> Tensor:
    """Give the largest size, or 1; CKA does not depend on it, but squares could overflow."""
    largest = torch.maximum(values.max(), -values.min()).double()
    return torch.where(largest > 0, largest, torch.ones_like(largest))


def _centred(values: Tensor) -> Tensor:
    return _shifted(values / _scale(values))


def _shifted(values: Tensor) -> Tensor:
    """Centre the columns; those that are constant become exactly 0."""
    values = values - values[:1]
    return values - values.mean(0)


def _product(x: Tensor, y: Tensor) -> Tensor:
    """Compute ‖XᵀY‖² = ⟨XXᵀ, YYᵀ⟩ the cheaper way, block by block."""
    (n, p), q = x.shape, y.shape[1]
    total = x.new_zeros(())
    if p * q <= n * (p + q):
        for columns in _blocks(p, q):
            total += (x[:, columns].T @ y).square().sum()
        return total
    for rows in _blocks(n, n):
        similar = x[rows] @ x.T
        total += (similar * (similar if y is x else y[rows] @ y.T)).sum()
    return total


def _blocks(length: int, width: int) -> Iterator[slice]:
    """Cut a side so that a block of so many times `width` numbers is not too large."""
    step = max(1, _BLOCK // width)
    return (slice(start, start + step) for start in range(0, length, step))


def _cka(
    squares: tuple[Tensor, Tensor, Tensor], x_norms: Tensor, y_norms: Tensor, unbiased: bool
) -> float:
    """Normalise HSIC; `squares` are ⟨K, L⟩, ⟨K, K⟩, ⟨L, L⟩, and the norms the diagonals."""
    n = len(x_norms)
    pairs = (x_norms, y_norms), (x_norms, x_norms), (y_norms, y_norms)
    if unbiased and n <= 3:
        return float("nan")
    hsic = []
    for square, (here, there) in zip(squares, pairs, strict=True):
        value = float(square)
        if unbiased:
            value -= n / (n - 2) * float(here @ there)
            value += float(here.sum() * there.sum()) / ((n - 1) * (n - 2))
        hsic.append(value)
    both, *own = hsic
    for value, square in zip(own, squares[1:], strict=True):
        if value <= _ROUNDING * float(square):
            return float("nan")
    return float(np.clip(both / np.sqrt(own[0]) / np.sqrt(own[1]), -1, 1))
