"""Which clips belong together: manifests, and folders matched by file stem."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stst.errors import InputError
from stst.utils.files import resolve_path
from stst.utils.manifests import read_rows
from stst.utils.names import label_key, label_problem, usable
from stst.video.formats.arrays import ARRAY_SUFFIXES
from stst.video.formats.ffmpeg import VIDEO_SUFFIXES
from stst.video.read import clip_stem

#: What `--samples` writes; the seed is the second group.
_SAMPLE = re.compile(r"(.+)_seed([0-9]+)", re.DOTALL)


@dataclass(frozen=True)
class NamedPair:
    """A natural clip, what was made of it, and a name for the two.

    Attributes
    ----------
    label
        A safe name of a folder, see `label_problem`.
    natural, other
        The clips, as whoever named them wrote it.
    folder
        What these names are relative to.

    Raises
    ------
    InputError
        If the label cannot name a folder.
    """

    label: str
    natural: str
    other: str
    folder: Path = Path()

    def __post_init__(self) -> None:
        problem = label_problem(self.label)
        if problem:
            raise InputError(f"the label {self.label!r} {problem}")

    @property
    def natural_path(self) -> Path:
        """Where the natural clip is."""
        return resolve_path(self.natural, self.folder)

    @property
    def other_path(self) -> Path:
        """Where the other clip is."""
        return resolve_path(self.other, self.folder)


@dataclass(frozen=True)
class WantedPair:
    """A pair that may still have no label.

    Attributes
    ----------
    where
        It is named, for messages.
    natural, other, folder
        See `NamedPair`.
    label
        None for one that is made of the other clip's name.
    """

    where: str
    natural: str
    other: str
    label: str | None
    folder: Path

    @property
    def path(self) -> Path:
        """Where the other clip is."""
        return resolve_path(self.other, self.folder)

    @property
    def stem(self) -> str:
        """Name of the other clip without its suffix, as a label has it."""
        return usable(self.path.name if os.path.isdir(self.path) else self.path.stem)

    @property
    def long_stem(self) -> str:
        """The same after the name of its folder."""
        parent = os.path.basename(os.path.dirname(os.path.abspath(self.path)))
        return usable(f"{parent}_{self.stem}")


def read_pairs(manifest: Path) -> list[NamedPair]:
    """Read the pairs that a manifest names.

    Parameters
    ----------
    manifest
        ``.csv`` or ``.tsv`` with the columns, or ``.toml`` with tables ``[[pairs]]`` of the keys
        ``natural``, ``other`` and, if wanted, ``label``. Relative paths are relative to the
        manifest's folder. A pair without a label is called as the other clip's stem, or, where
        several are called so, ``<parent folder>_<stem>``.

    Returns
    -------
    list of NamedPair
        In the order of the file.

    Raises
    ------
    InputError
        Naming the file, the row and the field, see `stst.utils.manifests.read_rows`; also if a
        label cannot name a folder or comes twice.
    """
    rows = read_rows(manifest, "pairs", ("natural", "other"), ("label",))
    return label_pairs(
        [
            WantedPair(row.where, row["natural"], row["other"], row.get("label"), manifest.parent)
            for row in rows
        ],
        f"{manifest}: give them a label",
    )


def match_folders(naturals: Path, others: Path) -> tuple[list[NamedPair], list[str]]:
    """Match the clips of two folders by their stems.

    Parameters
    ----------
    naturals, others
        The folders. ``cat.mkv`` and ``cat_seed7.mkv`` in the second belong to ``cat.mp4`` in the
        first.

    Returns
    -------
    pairs : list of NamedPair
        By the natural clip's stem, then by seed.
    notes : list of str
        One sentence for each clip that belongs to none.

    Raises
    ------
    InputError
        If one is no folder, both are the same, two clips in a folder have one stem, or none match.
    """
    for folder in (naturals, others):
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder. Give a manifest, or two folders.")
    if naturals.samefile(others):
        raise InputError(f"{naturals} and {others} are the same folder. Give two.")
    here, there = clips_in(naturals), clips_in(others)
    matches, notes = [], []
    for stem, other in there.items():
        natural, seed = _natural_of(stem, here)
        if natural in here:
            matches.append((natural, seed, other))
        else:
            notes.append(f"{other} belongs to no clip in {naturals}.")
    if not matches:
        raise InputError(
            f"no clip in {others} ({_some(there)}) belongs to one in {naturals} ({_some(here)}). "
            "They belong together by name: cat.mkv and cat_seed7.mkv to cat.mp4."
        )
    used = {natural for natural, _, _ in matches}
    notes += [f"{here[n]} has no clip in {others}." for n in here if n not in used]
    wanted = [
        WantedPair(str(other), str(here[natural]), str(other), None, Path())
        for natural, _, other in sorted(matches)
    ]
    return label_pairs(wanted, "write a manifest that gives them a label"), notes


def clips_in(folder: Path) -> dict[str, Path]:
    """List the clips in a folder by stem: video files, arrays, and folders of pictures.

    Hidden files, previews, unfinished runs and sidecars are none.

    Raises
    ------
    InputError
        If there is none, or two have the same stem.
    """
    found: dict[str, Path] = {}
    for entry in sorted(folder.iterdir()):
        stem = clip_stem(entry)
        if stem is None:
            continue
        if stem in found:
            raise InputError(
                f"{found[stem]} and {entry} have the same stem, so it is not clear which one "
                "belongs to the clip of that name. Move one away, or write a manifest."
            )
        found[stem] = entry
    if not found:
        raise InputError(
            f"{folder} holds no clips. Clips are {', '.join((*VIDEO_SUFFIXES, *ARRAY_SUFFIXES))} "
            "files and folders of pictures."
        )
    return found


def label_pairs(wanted: Sequence[WantedPair], hint: str) -> list[NamedPair]:
    """Give each pair a label of its own.

    Parameters
    ----------
    wanted
        Without a label a pair is called as the other clip's stem, or, where several are called
        so, ``<parent folder>_<stem>``.
    hint
        What to do where that does not help, at the end of a sentence.

    Returns
    -------
    list of NamedPair
        In the same order.

    Raises
    ------
    InputError
        If a label cannot name a folder or comes twice.
    """
    shorts = [one.stem if one.label is None else one.label for one in wanted]
    counts = Counter(map(label_key, shorts))
    pairs: dict[str, tuple[WantedPair, NamedPair]] = {}
    for one, short in zip(wanted, shorts, strict=True):
        alone = one.label is not None or counts[label_key(short)] == 1
        label = unicodedata.normalize("NFC", short if alone else one.long_stem)
        problem = label_problem(label)
        if problem and one.label is None:
            raise InputError(f"{one.where}: {one.path.name!r} gives no label; {hint}.")
        if problem:
            raise InputError(f"{one.where}: the label {label!r} {problem}")
        key = label_key(label)
        if key in pairs:
            raise InputError(
                f"{one.where}: the label {label!r} is that of {pairs[key][0].where}, too. Labels "
                f"name folders and must differ in more than capitals; {hint}."
            )
        pairs[key] = one, NamedPair(label, one.natural, one.other, one.folder)
    return [pair for _, pair in pairs.values()]


def _natural_of(stem: str, naturals: dict[str, Path]) -> tuple[str, int]:
    """Give the stem of the natural clip and the seed, -1 for none."""
    sample = _SAMPLE.fullmatch(stem)
    if stem in naturals or sample is None:
        return stem, -1
    return sample[1], int(sample[2])


def _some(clips: dict[str, Path]) -> str:
    names = [path.name for path in clips.values()]
    return ", ".join([*names[:3], "…"] if len(names) > 3 else names)
