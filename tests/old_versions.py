"""What version 0.1 of this program made; its files are in ``made_by_0_1``.

Of ``natural.npz``, three frames of 18×20 px, with seed 3 and one thread: ``metamer.npy`` by the
tiny models, ``scrambled.npy`` without colour transfer, and ``begun.run``, a run like the first one
that was stopped after its last frame. Platform names are shortened.
"""

from __future__ import annotations

import shutil
from pathlib import Path

MADE = Path(__file__).parent / "made_by_0_1"
#: Named wherever something of it cannot be made again.
REMEDY = 'pip install "napari-stst==0.1.*"'


def copied(folder: Path) -> Path:
    """Copy all of it to a folder that a test may change."""
    shutil.copytree(MADE, folder, dirs_exist_ok=True)
    return folder
