"""When a picture of what is in the making is shown."""

from __future__ import annotations

import time


class PreviewClock:
    """Says when a preview is due, and runs from the one before.

    Parameters
    ----------
    seconds
        Between two previews at least; None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self.restart()

    def due(self) -> bool:
        """Say whether it is time."""
        return self._seconds is not None and time.monotonic() - self._since >= self._seconds

    def restart(self) -> None:
        """Begin to count anew."""
        self._since = time.monotonic()
