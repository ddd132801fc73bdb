"""The clips of a report: opened, aligned and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stst.analysis.pairs import NaturalClip, Pair
from stst.config import METHODS
from stst.errors import InputError
from stst.figures import FrameNumbers
from stst.report.formatting import printable
from stst.utils.files import as_text, sha256_of
from stst.video import AS_STORED, LazyVideo, Levels, provenance_of, sidecar_path

_ROLES = ("natural", "stimulus")


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip of a report.

    Attributes
    ----------
    label
        What it is called on the page; unique.
    name
        What it is called in tables: the path, and for the natural clip what was done to it.
    video
        The frames.
    sha256
        Of the file.
    sidecar
        How it was made, as far as the file beside it says; it may hold anything.
    notes
        What a reader should know, one sentence each.
    """

    label: str
    name: str
    video: LazyVideo
    sha256: str
    sidecar: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file or folder."""
        return self.video.path

    @property
    def sidecar_path(self) -> Path:
        """Where the sidecar lies, if there is one."""
        return sidecar_path(self.path)


def open_clips(
    natural: Path | str,
    others: Sequence[Path | str],
    frames: str | None = None,
    max_side: int | None = None,
    levels: Levels = AS_STORED,
) -> tuple[Clip, ...]:
    """Open the clips of a report.

    Parameters
    ----------
    natural, others
        Paths of clips; without others the one clip is shown alone.
    frames, max_side, levels
        What of the natural clip is shown and how it is read, where no sidecar says it; see
        `stst.analysis.pairs.NaturalClip`.

    Returns
    -------
    tuple of Clip
        The natural clip, then the others in the given order.

    Raises
    ------
    InputError
        If a clip cannot be read or compared, is given twice, or shows other frames of the
        natural clip than the first.
    """
    if not others:
        return (_alone(Path(natural), frames, max_side, levels),)
    clip = NaturalClip(Path(natural), frames, max_side, levels)
    pairs = [clip.pair(Path(other)) for other in others]
    _check_distinct([pair.other.path for pair in pairs])
    for pair in pairs[1:]:
        _check_aligned(pairs[0], pair)
    first = pairs[0]
    reference = Clip(
        first.role, as_text(first.reference), first.natural, clip.sha256, provenance_of(clip.path)
    )
    labels = labels_of([(pair.other.path, pair.sidecar) for pair in pairs])
    return reference, *(
        Clip(
            label, as_text(pair.other.path), pair.other, sha256_of(pair.other.path),
            pair.sidecar, pair.notes,
        )
        for label, pair in zip(labels, pairs, strict=True)
    )  # fmt: skip


def _alone(path: Path, frames: str | None, max_side: int | None, levels: Levels) -> Clip:
    video, sidecar = LazyVideo(path, frames, max_side, levels=levels), provenance_of(path)
    (label,) = labels_of([(path, sidecar)])
    return Clip(label, as_text(path), video, sha256_of(path), sidecar)


def labels_of(clips: Sequence[tuple[Path, Mapping[str, Any] | None]]) -> list[str]:
    """Name clips by the stems of their files and their methods.

    Parameters
    ----------
    clips
        Path and sidecar of each.

    Returns
    -------
    list of str
        Where two would be the same, or like the natural clip's, with as many folders as it takes.
    """
    labels = [_label(path, sidecar, 0) for path, sidecar in clips]
    deepest = max((len(path.absolute().parts) for path, _ in clips), default=0)
    for depth in range(1, deepest + 1):
        found = Counter([*labels, *_ROLES])
        labels = [
            _label(path, sidecar, depth) if found[label] > 1 else label
            for label, (path, sidecar) in zip(labels, clips, strict=True)
        ]
    return labels


def _label(path: Path, sidecar: Mapping[str, Any] | None, depth: int) -> str:
    """Give the stem, and from depth 1 on the whole name with so many folders above it."""
    whole = path.absolute()
    folders = whole.parts[max(0, len(whole.parts) - 1 - depth) : -1] if depth else ()
    # clips of one stem in one folder differ in their suffix
    name = "/".join([*folders, whole.name if depth > 1 else whole.stem])
    method = sidecar.get("method") if sidecar else None
    short = METHODS.titles().get(method) if isinstance(method, str) else None
    return printable(" ".join((f"{name} ({short})" if short else name).split()))


def number_frames(clips: Sequence[Clip]) -> dict[str, FrameNumbers]:
    """Say, by the names of all clips but the natural one, how their frames are counted."""
    return {
        clip.name: FrameNumbers(place, float(clip.video.fps), clip.video.start)
        for place, clip in enumerate(clips)
        if place
    }


def _check_distinct(paths: Sequence[Path]) -> None:
    seen: dict[Path, Path] = {}
    for path in paths:
        if path.resolve() in seen:
            raise InputError(f"{path} is given twice. Leave it out once.")
        seen[path.resolve()] = path


def _check_aligned(first: Pair, pair: Pair) -> None:
    """Refuse a clip that is compared with other frames of the natural one."""
    ours, theirs = (
        (one.start, len(one), one.height, one.width, one.fps, of.alignment.grey, one.levels)
        for of in (first, pair)
        for one in (of.natural,)
    )
    if ours == theirs:
        return
    raise InputError(
        f"{first.other.path} is compared with {_what(first)} and {pair.other.path} with "
        f"{_what(pair)}, but a report shows one natural clip. Make a report of each."
    )


def _what(pair: Pair) -> str:
    return pair.reference if str(pair.alignment) else f"all of {pair.reference}"
