"""A folder of stimuli as the proposal Stim-BIDS (BEP044) has it; it may still change.

``stimuli/stim-<label>_video.mkv`` with its sidecar ``stim-<label>_video.json``, and the catalogue
``stimuli/stimuli.tsv`` with ``stimuli/stimuli.json``. Files of events name a stimulus in the column
``stim_id``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stst.config import METHODS
from stst.config.methods import BUILT_IN
from stst.errors import InputError
from stst.utils.files import write_whole
from stst.utils.manifests import rows_as_text

FOLDER = "stimuli"
_SUFFIX = "_video"
_VERSION = "1.10.0"
# no part of the standard: what is looked at, what a batch keeps for itself
_IGNORED = (
    "stimuli/*.preview.mp4", "stimuli/*.run/", "stimuli/*.*.mkv",
    ".stst-batch/", "jobs.csv", "summary.csv",
)  # fmt: skip
# the proposal's columns, then our own
_COLUMNS = {
    "stimulus_id": "Identifier of the stimulus, as in the column stim_id of events files.",
    "type": "Kind of stimulus.",
    "URL": "Where the stimulus can be found.",
    "license": "Licence of the stimulus.",
    "copyright": "Holder of the copyright.",
    "description": "What the stimulus is.",
    "present": "Whether the file is in this folder.",
    "natural": "The natural clip that the stimulus was made of, as it was named.",
    "method": "; ".join(f"{name}: {spec.long_title}" for name, spec in BUILT_IN.items()) + ".",
    "preset": "Named settings of the method.",
    "seed": "Seed of the noise.",
}


def video_name(label: str) -> str:
    """Make the name of a video of a label: letters and digits alone, words begin with capitals.

    Raises
    ------
    InputError
        If the label holds none of either.
    """
    words = re.findall(r"[A-Za-z0-9]+", label.removeprefix("stim-").removesuffix(_SUFFIX))
    if not words:
        raise InputError(
            f"output: {label!r} holds no letter or digit from A to Z and 0 to 9, which names in "
            "BIDS are made of. Give the row an 'output'."
        )
    first, *rest = words
    return f"stim-{first}{''.join(word[0].upper() + word[1:] for word in rest)}{_SUFFIX}"


def check_folder(folder: Path) -> None:
    """Refuse a place where no such layout can be made.

    Raises
    ------
    InputError
        If the folder of stimuli is a link or a file.
    """
    place = folder / FOLDER
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise InputError(f"{place} must be a folder of its own. Move away what is there.")


def write_catalogue(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the tables that describe the stimuli.

    Parameters
    ----------
    folder
        The root of the data set. Its ``dataset_description.json`` and ``.bidsignore`` are made
        where they do not exist.
    rows
        As `stst.batch.plan.BatchJob.columns` gives them, with ``done``.
    """
    table = rows_as_text(_COLUMNS, (_row(row) for row in rows), separator="\t")
    _write(folder / FOLDER / "stimuli.tsv", table)
    columns = {name: {"Description": what} for name, what in _COLUMNS.items()}
    _write(folder / FOLDER / "stimuli.json", json.dumps(columns, indent=2) + "\n")
    description = {"Name": folder.absolute().name, "BIDSVersion": _VERSION, "DatasetType": "raw"}
    for name, content in (
        ("dataset_description.json", json.dumps(description, indent=2) + "\n"),
        (".bidsignore", "\n".join(_IGNORED) + "\n"),
    ):
        if not (folder / name).exists():
            _write(folder / name, content)


def _row(row: Mapping[str, Any]) -> dict[str, str]:
    of = f" of {row['natural']}" if row["natural"] else ""
    cells = {
        "stimulus_id": str(row["label"]).removesuffix(_SUFFIX),
        "type": "video",
        "description": f"{METHODS[row['method']].stimulus}{of}, seed {row['seed']}",
        "present": "true" if row["done"] else "false",
        **{key: row[key] for key in ("natural", "method", "preset", "seed")},
    }
    return {name: str(cells.get(name, "")) or "n/a" for name in _COLUMNS}


def _write(path: Path, text: str) -> None:
    with write_whole(path, overwrite=True) as part:
        part.write_text(text, "utf-8", newline="\n")
