"""Names of a run's outputs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stst.errors import InputError
from stst.utils.files import at_home

#: Suffixes of a master; a folder stands for a PNG sequence.
MASTERS = (".mkv", ".npy", ".npz")


@dataclass(frozen=True)
class Output:
    """The three files of one stimulus.

    Attributes
    ----------
    master
        Lossless: ``.mkv``, ``.npy``, ``.npz``, or a folder of PNG files.
    is_folder
        Whether it is a folder.
    """

    master: Path
    is_folder: bool

    @property
    def target(self) -> str:
        """The master as `stst.write_video` wants it; a folder's name ends in a slash."""
        return f"{self.master}/" if self.is_folder else str(self.master)

    @property
    def preview(self) -> Path:
        """H.264 for looking at."""
        return self.with_ending(".preview.mp4")

    @property
    def sidecar(self) -> Path:
        """How the stimulus was made."""
        return self.with_ending(".json")

    def with_ending(self, ending: str) -> Path:
        """Put an ending in the place of the master's suffix.

        Parameters
        ----------
        ending
            E.g. ``".json"``.

        Returns
        -------
        Path
            Beside the master.
        """
        stem = self.master.name if self.is_folder else self.master.stem
        return self.master.with_name(stem + ending)

    def beside(self, name: str) -> Output:
        """Name another clip that is written beside the master, of the same kind.

        Parameters
        ----------
        name
            What the clip shows, e.g. ``"stimulus"``.

        Returns
        -------
        Output
            Of that clip.
        """
        suffix = "" if self.is_folder else self.master.suffix
        return Output(self.with_ending(f".{name}{suffix}"), self.is_folder)

    def files(self) -> dict[str, Path]:
        """Give all three by name."""
        return {"master": self.master, "preview": self.preview, "sidecar": self.sidecar}


def outputs_for(path: Path | str, seeds: Sequence[int]) -> list[Output]:
    """Name the outputs of a run.

    Parameters
    ----------
    path
        What the user asked for.
    seeds
        One per sample; several put ``_seedN`` into every name.

    Returns
    -------
    list of Output
        In the order of the seeds.

    Raises
    ------
    InputError
        If there is no name, or the suffix is none of a lossless master.
    """
    given, path = path, Path(at_home(str(path)))
    folder = str(given).endswith(("/", "\\")) or os.path.isdir(path)
    if path.name in ("", ".."):
        raise InputError(
            f"the output {str(given)!r} names no file. Give a name such as clip.mkv or clip/."
        )
    if folder and path.suffix in MASTERS:
        raise InputError(
            f"{given}: a folder of PNG files cannot be called {path.suffix}. Leave the / out for "
            "a file, or the suffix for a folder."
        )
    if not folder and path.suffix not in MASTERS:
        hint = (
            " An mp4 preview is written beside the master by itself."
            if path.suffix.lower() in (".mp4", ".mov", ".avi", ".webm", ".gif")
            else ""
        )
        raise InputError(
            f"{path}: a stimulus is written without loss, as {', '.join(MASTERS)} or as a folder "
            f"of PNG files (a name that ends in /); found {path.suffix or 'no suffix'!r}.{hint}"
        )
    if len(seeds) == 1:
        return [Output(path, folder)]
    suffix = "" if folder else path.suffix
    stem = path.name[: len(path.name) - len(suffix)]
    return [Output(path.with_name(f"{stem}_seed{seed}{suffix}"), folder) for seed in seeds]
