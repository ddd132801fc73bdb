"""Array types that cross the boundaries of the package, and what grey means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: (T, H, W, 3) uint8 RGB.
Frames = NDArray[np.uint8]

#: Weights of red, green and blue in a grey value.
GREY = np.array([0.299, 0.587, 0.114])
