"""How long work has taken and will still take."""

from __future__ import annotations

import time


class Clock:
    """Time left, from the share of the work that was done since it began here.

    What an earlier process had done does not count, nor does the time in which it was held.
    """

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._held: float | None = None
        self._first: float | None = None

    def begin(self, progress: float) -> None:
        """Note what was done already, 0 to 1; the first call counts."""
        if self._first is None:
            self._first, self._begun = progress, time.monotonic()

    def hold(self) -> None:
        """Stop counting."""
        if self._held is None:
            self._held = time.monotonic()

    def go(self) -> None:
        """Count again."""
        if self._held is not None:
            self._begun += time.monotonic() - self._held
            self._held = None

    def seconds_left(self, progress: float) -> float | None:
        """Give the seconds that the rest takes; None while nothing has been done."""
        self.begin(progress)
        done = progress - (self._first or 0.0)
        if done <= 0:
            return None
        now = time.monotonic() if self._held is None else self._held
        return (now - self._begun) / done * (1 - progress)

    def left(self, progress: float) -> str:
        """Say how long the rest takes, or ``?``."""
        seconds = self.seconds_left(progress)
        return "?" if seconds is None else duration(seconds)


def duration(seconds: float) -> str:
    """Write a time as h:mm:ss."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
