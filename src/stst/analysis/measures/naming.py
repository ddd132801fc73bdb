"""The list of trials of an experiment in which people name what stimuli show."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stst.errors import InputError
from stst.utils.files import as_text, check_output, write_whole

#: Of the file, in this order.
TRIAL_COLUMNS = (
    "trial", "block", "stimulus", "natural", "natural_label", "correct", "response",
)  # fmt: skip
SUFFIX = ".csv"


@dataclass(frozen=True)
class NamedStimulus:
    """A stimulus of an experiment.

    Attributes
    ----------
    path
        Of the stimulus.
    natural
        Path of the natural clip that it was made of.
    labels
        What judges call the natural clip; may be empty.
    """

    path: str
    natural: str
    labels: tuple[str, ...] = ()


def naming_trials(stimuli: Sequence[NamedStimulus], seed: int = 0) -> list[dict[str, object]]:
    """List the trials of a naming experiment, in a random order.

    Natural clips are shown after all stimuli, in a block of their own: whoever has seen the natural
    clip knows what its stimulus shows. That a natural clip is named at all is what a stimulus's
    naming is compared with.

    Parameters
    ----------
    stimuli
        Each is shown once; natural clips that several share, too.
    seed
        Of the order, which does not depend on that of `stimuli`. Take another for each observer.

    Returns
    -------
    list of dict
        Rows with the keys `TRIAL_COLUMNS`. ``trial`` counts from 1, ``block`` is 1 for stimuli and
        2 for natural clips, ``natural_label`` holds the labels, separated by ``"; "``. ``correct``
        and ``response`` are empty: which answers count is for the experimenter to say.

    Raises
    ------
    InputError
        If the seed is negative, or one path comes twice with different natural clips.
    """
    _check_seed(seed)
    by_path: dict[str, NamedStimulus] = {}
    for one in stimuli:
        if by_path.setdefault(one.path, one).natural != one.natural:
            raise InputError(
                f"{one.path}: named as a stimulus of {by_path[one.path].natural} and of "
                f"{one.natural}. Name it once."
            )
    labels: dict[str, dict[str, None]] = {}
    for one in stimuli:
        labels.setdefault(one.natural, {}).update(dict.fromkeys(one.labels))
    naturals = {path: NamedStimulus(path, path, tuple(names)) for path, names in labels.items()}
    rng = np.random.default_rng(seed)
    out: list[dict[str, object]] = []
    for block, shown in enumerate((by_path, naturals), 1):
        listed = [shown[path] for path in sorted(shown)]
        for place in rng.permutation(len(listed)):
            one = listed[place]
            values = (
                len(out) + 1, block, one.path, one.natural, "; ".join(one.labels), "", "",
            )  # fmt: skip
            out.append(dict(zip(TRIAL_COLUMNS, values, strict=True)))
    return out


def priming_notes(stimuli: Iterable[NamedStimulus]) -> list[str]:
    """Say where one trial helps with another, a sentence each.

    Parameters
    ----------
    stimuli
        Of `naming_trials`.

    Returns
    -------
    list of str
        Names the natural clips of which an observer would see several stimuli.
    """
    counts: dict[str, set[str]] = {}
    for one in stimuli:
        counts.setdefault(one.natural, set()).add(one.path)
    return [
        f"The list holds {len(paths)} stimuli of {natural}: whoever names the first knows the "
        "others. Show each observer one of them."
        for natural, paths in counts.items()
        if len(paths) > 1
    ]


def check_trials_output(path: Path, seed: int = 0, overwrite: bool = False) -> None:
    """Refuse a name that no list can be written to, and a seed, before any work.

    Raises
    ------
    InputError
        If the suffix is not `SUFFIX`, the seed is negative, or see
        `stst.utils.files.check_output`.
    """
    _check_seed(seed)
    if path.suffix.lower() != SUFFIX:
        raise InputError(
            f"{path}: a list of trials is written as {SUFFIX}; found "
            f"{path.suffix or 'no suffix'!r}."
        )
    check_output(path, overwrite)


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise InputError(f"`seed` {seed}: must be 0 or more.")


def write_trials(
    trials: Iterable[Mapping[str, object]], path: Path, overwrite: bool = False
) -> None:
    """Write a list of trials; it appears whole or not at all.

    Parameters
    ----------
    trials
        Of `naming_trials`.
    path
        X.csv.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    InputError
        See `check_trials_output`.
    """
    check_trials_output(path, overwrite=overwrite)
    with write_whole(path, overwrite) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, TRIAL_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for trial in trials:
            # bytes of a file name that are no text have no place in a table
            writer.writerow({key: as_text(str(value)) for key, value in trial.items()})
