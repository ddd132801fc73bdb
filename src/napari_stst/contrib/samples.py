"""The sample clips, under File > Open Sample."""

from __future__ import annotations

from napari_stst.contrib.reader import LayerData, read
from stst.video.samples import sample_path


def cat() -> list[LayerData]:
    """Open a cat under a camera that pans and zooms."""
    return read(str(sample_path("cat")))


def astronaut() -> list[LayerData]:
    """Open an astronaut before a background that moves more slowly."""
    return read(str(sample_path("astronaut")))


def coffee() -> list[LayerData]:
    """Open a cup of coffee under a camera that pans and rolls."""
    return read(str(sample_path("coffee")))
