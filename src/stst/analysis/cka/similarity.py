"""Linear centred kernel alignment, CKA (Kornblith et al. 2019), of two sets of activations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stst.config.cka import Estimator, Examples, check_estimator
from stst.errors import InputError
from stst.utils.devices import guarded

# numbers that a block may hold at once: 128 MB
_BLOCK = 2**24
# an estimate that is smaller, beside what it is the difference of, is rounding
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Kernel:
    """All that CKA needs to know of one set of features, in float64; see `kernel`.

    Attributes
    ----------
    values
        (n, n), the products XXᵀ of centred features; or these features themselves, (n, p), where
        they are fewer than the examples.
    products
        Which of the two.
    norms
        (n,), the diagonal of XXᵀ.
    square
        ‖XXᵀ‖².
    """

    values: Tensor
    products: bool
    norms: Tensor
    square: float

    def __len__(self) -> int:
        return len(self.norms)

    def first(self, count: int) -> Kernel:
        """Give the kernel of the first examples alone.

        Parameters
        ----------
        count
            How many, at least 1.

        Returns
        -------
        Kernel
            Centred anew.
        """
        if not self.products:
            return _of_features(_shift(self.values[:count]))
        part = _shift(self.values[:count, :count])
        return _of_products(_shift(part.T))

    def reorder(self, order: NDArray[np.int64]) -> Kernel:
        """Give the kernel of the same examples in another order.

        Parameters
        ----------
        order
            (n,), a permutation.

        Returns
        -------
        Kernel
            Of the same size.
        """
        there = torch.from_numpy(order).to(self.values.device)
        values = self.values[there]
        if self.products:
            values = values[:, there]
        return Kernel(values, self.products, self.norms[there], self.square)


@guarded()
def linear_cka(
    x: Tensor | NDArray[Any], y: Tensor | NDArray[Any], estimator: Estimator = "unbiased"
) -> float:
    """Say how alike two sets of features are, up to rotation and scale.

    CKA = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with K = XXᵀ, L = YYᵀ and centred columns
    (Kornblith et al. 2019, eq. 4 and section 3). Biased, HSIC(K, L) is proportional to
    ⟨K, L⟩ = ‖XᵀY‖²; unbiased (Song et al. 2012, eq. 5; for CKA Nguyen et al. 2021), for centred
    columns, to ‖XᵀY‖² − n/(n−2) Σᵢ Kᵢᵢ Lᵢᵢ + ΣK ΣL / ((n−1)(n−2)), the sums over the diagonals.

    A value says nothing without those of features that have nothing to do with each other: see
    `stst.analysis.cka.models.cka_rows`.

    Parameters
    ----------
    x, y
        (n, p) and (n, q), finite: a row an example, a column a feature. Computed in float64, on
        their device where it has that.
    estimator
        Of HSIC. Biased, independent features with many more columns than rows come near 1;
        unbiased, near 0, and CKA can be negative.

    Returns
    -------
    float
        Unbiased in [−1, 1], biased in [0, 1]. NaN where it is undefined: a set whose features are
        all constant; unbiased, fewer than 4 examples, or distances that are all alike.

    Raises
    ------
    InputError
        If a set is no matrix, has no rows or columns, or holds values that are not finite, the
        numbers of rows differ, or there is no such estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from stst.analysis.cka.similarity import linear_cka
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
    return kernel_cka(_kernel(here), _kernel(there), estimator)


@guarded()
def kernel(x: Tensor | NDArray[Any]) -> Kernel:
    """Prepare a set of features that is compared with several others.

    Parameters
    ----------
    x
        (n, p), finite: a row an example. Held in its own precision; a block of columns at a time
        is taken to float64.

    Returns
    -------
    Kernel
        For `kernel_cka`; no larger than `x`, nor than (n, n).

    Raises
    ------
    InputError
        As for `linear_cka`.
    """
    return _kernel(_matrix(x, "x"))


@guarded()
def kernel_cka(x: Kernel, y: Kernel, estimator: Estimator = "unbiased") -> float:
    """Compute `linear_cka` from what `kernel` gives for x and for y.

    Parameters
    ----------
    x, y
        Of the same examples.
    estimator
        As for `linear_cka`.

    Returns
    -------
    float
        As of `linear_cka`.

    Raises
    ------
    InputError
        If the numbers of examples differ, or there is no such estimator.
    """
    check_estimator(estimator)
    n = len(x)
    if n != len(y):
        raise InputError(
            f"CKA compares the same examples: one kernel has {n} and the other {len(y)}."
        )
    unbiased = estimator == "unbiased"
    if unbiased and n <= 3:
        return float("nan")
    hsic = []
    for square, one, other in (
        (_product(x, y), x, y),
        (x.square, x, x),
        (y.square, y, y),
    ):
        value = square
        if unbiased:
            value -= n / (n - 2) * float(one.norms @ other.norms)
            value += float(one.norms.sum() * other.norms.sum()) / ((n - 1) * (n - 2))
        hsic.append(value)
    both, *own = hsic
    for value, one in zip(own, (x, y), strict=True):
        if value <= _ROUNDING * one.square:
            return float("nan")
    return float(np.clip(both / np.sqrt(own[0]) / np.sqrt(own[1]), -1, 1))


def as_examples(activation: Tensor, examples: Examples) -> Tensor:
    """Lay an activation out with a row for every example.

    Parameters
    ----------
    activation
        Of one frame or window: (C,), (C, h, w), (C, t, h, w) or any (C, ...).
    examples
        See `stst.config.cka.CkaSettings`.

    Returns
    -------
    Tensor
        (C, positions), (positions, C), or (1, units).
    """
    if examples == "frames":
        return activation.reshape(1, -1)
    rows = activation.reshape(len(activation), -1)
    return rows if examples == "channels" else rows.T


def _matrix(x: Tensor | NDArray[Any], name: str) -> Tensor:
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
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _kernel(values: Tensor) -> Kernel:
    n, p = values.shape
    scale = _scale(values)
    if p < n:
        return _of_features(_shift(values.double() / scale))
    out = torch.zeros(n, n, dtype=torch.float64, device=values.device)
    for columns in _blocks(p, n):
        block = _shift(values[:, columns].double() / scale)
        out += block @ block.T
    return _of_products(out)


def _of_features(values: Tensor) -> Kernel:
    square = float((values.T @ values).square().sum())
    return Kernel(values, False, values.square().sum(1), square)


def _of_products(values: Tensor) -> Kernel:
    return Kernel(values, True, values.diagonal().clone(), float(values.square().sum()))


def _scale(values: Tensor) -> Tensor:
    """Give the largest size, or 1; CKA does not depend on it, but squares could overflow."""
    largest = torch.maximum(values.max(), -values.min()).double()
    return torch.where(largest > 0, largest, torch.ones_like(largest))


def _shift(values: Tensor) -> Tensor:
    """Centre the columns; those that are constant become exactly 0."""
    values = values - values[:1]
    return values - values.mean(0)


def _product(x: Kernel, y: Kernel) -> float:
    """Compute ⟨XXᵀ, YYᵀ⟩ = ‖XᵀY‖²."""
    if x.products and y.products:
        return float((x.values * y.values).sum())
    if not x.products and not y.products:
        return float((x.values.T @ y.values).square().sum())
    products, features = (x, y) if x.products else (y, x)
    return float(((products.values @ features.values) * features.values).sum())


def _blocks(length: int, width: int) -> Iterator[slice]:
    """Cut a side so that a block of so many times `width` numbers is not too large."""
    step = max(1, _BLOCK // width)
    return (slice(start, start + step) for start in range(0, length, step))
