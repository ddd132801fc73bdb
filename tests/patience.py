"""How long tests wait for what has to come: by what the machine gets done at that moment.

A wait ends when what it waits for is there, so a long limit costs time only where it never comes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

from stst.utils.machine import available_cores

Found = TypeVar("Found")

# what work may take longer than usual for other reasons, such as a busy disk
_GENEROUS = 3.0
# seconds that counting takes on a machine of our time that does nothing else
_COUNT, _COUNTED = 300_000, 0.006


def slowness() -> float:
    """Say how many times longer work takes here and now than on a machine without other work."""
    began = time.perf_counter()
    sum(range(_COUNT))
    speed = (time.perf_counter() - began) / _COUNTED
    # processes that want to run, this one's work among them, for each core
    load = (os.getloadavg()[0] + 1) / available_cores() if hasattr(os, "getloadavg") else 1.0
    return max(1.0, speed, load)


def patience(seconds: float) -> float:
    """Give the seconds to wait now for what takes less than `seconds` on a machine without work."""
    return _GENEROUS * seconds * slowness()


def wait_for(condition: Callable[[], Found], seconds: float = 60.0) -> Found:
    """Wait until a condition gives something that is true, and give that.

    Parameters
    ----------
    condition
        Asked again and again.
    seconds
        See `patience`; the machine is looked at again whenever they are over.
    """
    began = time.monotonic()
    while not (found := condition()):
        waited = time.monotonic() - began
        assert waited < seconds or waited < patience(seconds), f"not within {waited:.0f} s"
        time.sleep(0.02)
    return found


def settled(reading: Callable[[], Found], until: Callable[[Callable[[], bool]], None]) -> Found:
    """Wait until a reading stays as it is, and give it.

    Parameters
    ----------
    reading
        Of something that changes all the time, unless it is held.
    until
        Waits for a condition.
    """
    since, last = time.monotonic(), reading()

    def stays() -> bool:
        nonlocal since, last
        if (now := reading()) != last:
            since, last = time.monotonic(), now
        return time.monotonic() - since > 0.3 * slowness()

    until(stays)
    return last
