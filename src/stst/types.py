"""Array types that cross the boundaries of the package."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: (T, H, W, 3) uint8 RGB.
Frames = NDArray[np.uint8]
