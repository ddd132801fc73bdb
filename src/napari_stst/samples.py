"""The sample clips, under File > Open Sample."""

from __future__ import annotations

from pathlib import Path

from napari_stst.reader import LayerData, read

_HERE = Path(__file__).parent


def sample_path(name: str) -> Path:
    """Find a sample clip: in the installed package, or in the repository."""
    for folder in (_HERE / "sample_data", _HERE.parents[1] / "sample_data"):
        if (folder / f"{name}.mkv").exists():
            return folder / f"{name}.mkv"
    raise FileNotFoundError(f"the sample clip {name}.mkv is not part of this installation")


def cat() -> list[LayerData]:
    """Open a cat under a camera that pans and zooms."""
    return read(str(sample_path("cat")))


def astronaut() -> list[LayerData]:
    """Open an astronaut before a background that moves more slowly."""
    return read(str(sample_path("astronaut")))


def coffee() -> list[LayerData]:
    """Open a cup of coffee under a camera that pans and rolls."""
    return read(str(sample_path("coffee")))
