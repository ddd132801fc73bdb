"""Which files are clips; napari asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LayerData = tuple[Any, dict[str, Any], str]

SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm",
    ".ts", ".m2ts", ".mts", ".mpg", ".mpeg",
)  # fmt: skip
# formats of anything; a clip among them has a rate inside or beside it
_ARRAYS = (".npy", ".npz")


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """Say whether a path is a clip; called by napari.

    Parameters
    ----------
    path
        What the user opens; several paths are opened one by one.

    Returns
    -------
    callable or None
        `read`, or None where another reader should be asked: for other files, arrays that are no
        frames, and folders without numbered pictures and their rate.
    """
    paths = [path] if isinstance(path, str) else list(path)
    return read if paths and all(_is_clip(Path(one)) for one in paths) else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Read clips into image layers; frames are decoded when they are shown.

    Of a clip of more than 8 bits, or of high dynamic range, the user is asked how it is to be read.

    Parameters
    ----------
    path
        One or several clips.

    Returns
    -------
    list of tuple
        One for each clip, see `napari_stst.viewer.layers.layer_of`; napari's sign for nothing where
        the user would rather not open any.

    Raises
    ------
    InputError
        If a clip cannot be read exactly; the message says what to do.
    """
    from napari_stst.viewer.layers import layer_of, tell_notes
    from napari_stst.viewer.levels import choose_levels

    _play_at_their_rate()
    layers: list[Any] = []
    for one in [path] if isinstance(path, str) else path:
        levels = choose_levels(Path(one))
        if levels is not None:
            layers.append(layer_of(one, levels))
            tell_notes(layers[-1][0])
    return layers or [(None,)]


def _play_at_their_rate() -> None:
    """Have the viewer that opens clips play them as fast as they are."""
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is not None:
        from napari_stst.viewer.docks import unwrap
        from napari_stst.viewer.playback import playback_of

        playback_of(unwrap(viewer))


def _is_clip(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES and not path.is_dir():
        return True
    if not path.is_dir() and path.suffix.lower() not in _ARRAYS:
        return False
    from stst.errors import InputError
    from stst.utils.diagnosis import stand_in
    from stst.video import probe

    # what has only the name of an array would get another library's words from another reader
    if not path.is_dir() and (stand_in(path) or (path.is_symlink() and not path.exists())):
        return True
    try:
        return probe(path).fps is not None
    except InputError:
        return False
