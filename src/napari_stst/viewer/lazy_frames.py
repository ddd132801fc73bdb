"""Frames that are made when they are looked at, as arrays that napari can slice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from stst.types import Frames


class LazyFrames(ABC):
    """An array (T, H, W, 3) uint8 whose frames are made one by one.

    Parameters
    ----------
    shape
        (T, H, W, 3).
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.size = int(np.prod(shape))

    @abstractmethod
    def _frame(self, index: int) -> Frames:
        """Make one frame, (H, W, 3); the index is not negative."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Frames:
        first, *rest = self._expand_key(key if isinstance(key, tuple) else (key,))
        wanted = np.arange(len(self))[first]
        if wanted.ndim == 0:
            frame: Frames = self._frame(int(wanted))[tuple(rest)]
            return frame
        frames = [self._frame(int(one)) for one in wanted.ravel()]
        stacked = np.stack(frames) if frames else np.empty((0, *self.shape[1:]), self.dtype)
        stacked = stacked.reshape(*wanted.shape, *self.shape[1:])
        part: Frames = stacked[(*(slice(None),) * wanted.ndim, *rest)]
        return part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("frames that are made one by one are no array without copying")
        return np.asarray(self[:], dtype=dtype)

    def _expand_key(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        if not any(one is Ellipsis for one in key):
            return key or (slice(None),)
        place = next(i for i, one in enumerate(key) if one is Ellipsis)
        missing = self.ndim - len(key) + 1
        return (*key[:place], *(slice(None),) * missing, *key[place + 1 :])
