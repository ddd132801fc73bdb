"""Small conversions that many tests need."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def images(values: np.ndarray, dtype: torch.dtype = torch.float32) -> Tensor:
    """Bring (H, W, 3) to (1, 3, H, W), or (T, H, W, 3) to (1, T, 3, H, W)."""
    tensor = torch.from_numpy(np.ascontiguousarray(values)).to(dtype)
    return tensor.movedim(-1, -3)[None].contiguous()


def pictures(tensor: Tensor) -> np.ndarray:
    """Bring (1, C, H, W) back to (H, W, C)."""
    return tensor.detach()[0].movedim(0, -1).numpy()


def relative_error(found: np.ndarray | Tensor, expected: np.ndarray | Tensor) -> float:
    """Give the L2 norm of the difference over that of what is expected."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
