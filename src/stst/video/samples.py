"""The sample clips that ship with the package, and where they lie."""

from __future__ import annotations

from pathlib import Path

from stst.errors import StstError

_HERE = Path(__file__).parents[1]
# in the installed package, or in a clone of the repository
_FOLDERS = (_HERE / "sample_data", _HERE.parents[1] / "sample_data")


def sample_path(name: str) -> Path:
    """Find a sample clip.

    Parameters
    ----------
    name
        ``"cat"``, ``"astronaut"`` or ``"coffee"``.

    Returns
    -------
    Path
        The master, a file of FFV1 in Matroska.

    Raises
    ------
    StstError
        If this installation has no such clip.
    """
    for folder in _FOLDERS:
        if (folder / f"{name}.mkv").is_file():
            return folder / f"{name}.mkv"
    raise StstError(f"the sample clip {name}.mkv is not part of this installation.")


def sample_clips() -> list[Path]:
    """Give the sample clips that this installation has, by name; none where it has none."""
    for folder in _FOLDERS:
        found = sorted(folder.glob("*.mkv"))
        if found:
            return found
    return []


def sample_files() -> list[Path]:
    """Give all sample clips, and the files that say what moves in them and whose pictures they are.

    Raises
    ------
    StstError
        If this installation has none.
    """
    folder = sample_path("cat").parent
    return sorted(one for one in folder.iterdir() if one.suffix in (".mkv", ".json", ".md"))
