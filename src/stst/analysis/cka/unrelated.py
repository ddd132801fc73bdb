"""Clips that have nothing to do with two others, for the null that CKA is shown with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from stst.analysis.cka.verdicts import count_clips
from stst.analysis.images import fit_frame
from stst.errors import InputError
from stst.types import Frames
from stst.utils.files import as_text, sha256_of
from stst.video import (
    AS_STORED,
    Clip,
    LazyVideo,
    Levels,
    read_levels,
    sidecar_of,
    sidecar_path,
    spread,
    to_uint8,
)
from stst.video.formats.arrays import ARRAY_SUFFIXES
from stst.video.formats.pictures import PICTURE_SUFFIXES
from stst.video.formats.rates import Rate
from stst.video.samples import sample_clips

if TYPE_CHECKING:
    from stst.models.classifiers import LoadedClassifier

# clips are looked at in so many frames, evenly spread, of so many grey pixels each way
_LOOKED_AT = 24
_SIDE = 32
#: Frames that correlate by so much show the same. Of unrelated photographs the closest frames have
#: .7, frames of one clip that was recoded, resized or cut to other frames .99.
SAME = 0.95
#: A band of fewer clips is shown with a note.
FEW = 5


@dataclass(frozen=True, eq=False)
class UnrelatedClip:
    """A clip whose content has nothing to do with that of two others.

    Attributes
    ----------
    name
        What it is called.
    clip
        Its frames, of any number and size.
    seen
        What models made of it, so that many pairs share the work; kept as long as the model is.
    """

    name: str
    clip: Clip
    seen: WeakKeyDictionary[LoadedClassifier, dict[Any, Any]] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False
    )


class UnrelatedClips:
    """The sample clips of this package and clips that are given, to choose unrelated ones from.

    Parameters
    ----------
    paths
        Natural clips of other content than those that will be compared, or photographs.
    levels
        How their values become 8 bits.

    Attributes
    ----------
    clips
        All of them.
    notes
        What a user should know, one sentence each.

    Raises
    ------
    InputError
        If one of them cannot be read.
    """

    def __init__(self, paths: Iterable[Path | str] = (), levels: Levels = AS_STORED) -> None:
        self.clips: list[UnrelatedClip] = []
        self.notes: list[str] = []
        self._known: dict[UnrelatedClip, _Content] = {}
        self._tested: WeakKeyDictionary[Clip, _Content] = WeakKeyDictionary()
        self._frames: dict[tuple[Any, ...], str | None] = {}
        for path in dict.fromkeys([*sample_clips(), *map(Path, paths)]):
            one = UnrelatedClip(as_text(path), _open(path, levels=levels))
            content = _content(one.clip)
            same = [each.name for each, known in self._known.items() if content.shares(known)]
            if same:
                self.notes.append(
                    f"`null` {one.name}: shows the same as {same[0]}, so counts once."
                )
                continue
            self.clips.append(one)
            self._known[one] = content

    def apart_from(self, natural: Clip, other: Clip) -> tuple[UnrelatedClip, ...]:
        """Choose those that have nothing to do with either of two clips.

        Left out is a clip that is one of the two, was made of the same clip or is what one of them
        was made of, as far as hashes of files and frames and sidecars tell; and one that shows the
        same, whatever its container, its size or its part of the frames: with frames whose grey
        values, shrunk to 32x32, correlate by `SAME`. A part that was cut out of a larger picture
        is not recognised.

        Parameters
        ----------
        natural, other
            That are compared.

        Returns
        -------
        tuple of UnrelatedClip
            At least one.

        Raises
        ------
        InputError
            If none is left.
        """
        tested = [self._content(natural), self._content(other)]
        tested += [source for one in tested for source in one.sources()]
        left = tuple(
            one
            for one, known in self._known.items()
            if not any(
                content.shares(known) or self._is_source_of(content, one) for content in tested
            )
        )
        if left:
            return left
        names = " and ".join(dict.fromkeys(content.name for content in tested[:2]))
        raise InputError(
            f"CKA of {names} has no null: no clip is left that has nothing to do with them"
            + (f" ({', '.join(one.name for one in self.clips)} do)" if self.clips else "")
            + ". A value without it says nothing. Give other natural clips: `null=CLIP`."
        )

    def apart_from_each(
        self, natural: Clip, others: Mapping[str, Clip]
    ) -> dict[str, tuple[UnrelatedClip, ...]]:
        """Choose those that have nothing to do with each of several pairs; see `apart_from`.

        Parameters
        ----------
        natural
            Of all pairs.
        others
            By name.

        Returns
        -------
        dict
            By the same names.

        Raises
        ------
        InputError
            If none is left for a pair.
        """
        return {name: self.apart_from(natural, other) for name, other in others.items()}

    def _content(self, clip: Clip) -> _Content:
        if clip not in self._tested:
            self._tested[clip] = _content(clip)
        return self._tested[clip]

    def _is_source_of(self, content: _Content, one: UnrelatedClip) -> bool:
        """Say whether a sidecar names frames that this clip has, in another container."""
        return any(
            record.get("frames_sha256") == self._hash_frames(one, record)
            for record in content.inputs
            if isinstance(record.get("frames_sha256"), str)
        )

    def _hash_frames(self, one: UnrelatedClip, record: Mapping[str, Any]) -> str | None:
        """Hash the frames of a clip, read as a sidecar has it; None where that cannot be."""
        frames, side = record.get("frames"), record.get("max_side")
        rate, grey = record.get("resample_fps"), record.get("grey") is True
        key = one, str(frames), str(side), str(rate), grey, _levels_as_text(record)
        if key not in self._frames:
            assert isinstance(one.clip, LazyVideo)
            span = (frames[0], frames[1]) if isinstance(frames, list) and len(frames) == 2 else None
            try:
                levels = read_levels(record, "the sidecar")
                clip = _open(one.clip.path, span, side, rate, grey, levels)
                self._frames[key] = clip.sha256()
            except (InputError, TypeError):
                self._frames[key] = None
        return self._frames[key]


@dataclass(frozen=True, eq=False)
class _Content:
    """What tells whether two clips show the same, or were made of the same.

    Attributes
    ----------
    name
        For messages.
    hashes
        Of the file, and of files and frames that its sidecar names.
    looks
        (k, pixels), frames that correlate with those of another clip by their products.
    inputs
        Of its sidecar.
    folder
        That paths in it are relative to.
    """

    name: str
    hashes: frozenset[str]
    looks: NDArray[np.float64]
    inputs: tuple[Mapping[str, Any], ...] = ()
    folder: Path | None = None

    def shares(self, other: _Content) -> bool:
        if self.hashes & other.hashes:
            return True
        if not len(self.looks) or not len(other.looks):
            return False
        return bool((self.looks @ other.looks.T).max() >= SAME)

    def sources(self) -> list[_Content]:
        """Look at those inputs that are still where the sidecar says."""
        found = []
        for record in self.inputs:
            path = record.get("path")
            if (
                self.folder is None
                or not isinstance(path, str)
                or not (self.folder / path).exists()
            ):
                continue
            try:
                levels = read_levels(record, "the sidecar")
                found.append(_content(_open(self.folder / path, levels=levels)))
            except InputError:
                continue  # it is no clip any more; what its hashes tell is known
        return found


def _open(
    path: Path,
    frames: tuple[int, int] | None = None,
    max_side: int | None = None,
    resample_fps: Rate | None = None,
    grey: bool = False,
    levels: Levels = AS_STORED,
) -> LazyVideo:
    """Open a clip whose rate does not matter; a photograph is a clip of one frame."""
    bare = path.is_dir() or path.suffix.lower() in (*ARRAY_SUFFIXES, *PICTURE_SUFFIXES)
    fps = 1 if bare and resample_fps is None else None
    return LazyVideo(path, frames, max_side, fps, resample_fps, True, grey, levels)


def _levels_as_text(record: Mapping[str, Any]) -> str:
    return " ".join(str(record.get(key)) for key in ("bits", "tonemap", "peak_nits"))


def _content(clip: Clip) -> _Content:
    looks = _looks(clip)
    if clip.source is None:
        return _Content("the clips", frozenset(), looks)
    path = Path(clip.source.path)
    sidecar = sidecar_of(path) or {}
    listed, output = sidecar.get("inputs"), sidecar.get("output")
    inputs = tuple(
        one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, dict)
    )
    records = [*inputs, output] if isinstance(output, dict) else [*inputs]
    hashes = {one.get(key) for one in records for key in ("sha256", "frames_sha256")}
    known = frozenset([sha256_of(path), *(one for one in hashes if isinstance(one, str))])
    return _Content(str(path), known, looks, inputs, sidecar_path(path).parent)


def _looks(clip: Clip) -> NDArray[np.float64]:
    """Shrink frames to a few grey pixels, without their means, and at length 1."""
    numbers = spread(len(clip.frames), _LOOKED_AT)
    grey = [fit_frame(clip.frames[one], (_SIDE, _SIDE)).mean(0).flatten() for one in numbers]
    values = np.asarray(torch.stack(grey).double().numpy(), np.float64)
    values = values - values.mean(1, keepdims=True)
    lengths = np.sqrt((values**2).sum(1, keepdims=True))
    # a frame of one colour is like any other such frame
    visible = lengths[:, 0] > 1e-3 * _SIDE
    out: NDArray[np.float64] = values[visible] / lengths[visible]
    return out


def crop_to(frame: Frames, size: tuple[int, int]) -> Frames:
    """Bring a frame to another size: the largest centred part of that shape, resized.

    Parameters
    ----------
    frame
        (H, W, 3) uint8 RGB.
    size
        Height and width in pixels.

    Returns
    -------
    Frames
        (*size, 3) uint8; the frame itself where it has that size.
    """
    if frame.shape[:2] == size:
        return frame
    image = fit_frame(frame, size, "crop").permute(1, 2, 0).numpy()
    return to_uint8(np.clip(image, 0, 1))


def null_notes(unrelated: Mapping[str, Sequence[UnrelatedClip]]) -> list[str]:
    """Name the clips behind the null of each clip, a sentence for all that share them.

    Parameters
    ----------
    unrelated
        By the name of the clip that is compared with its natural one.

    Returns
    -------
    list of str
        Sentences.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, chosen in unrelated.items():
        groups.setdefault(tuple(one.name for one in chosen), []).append(name)
    notes = []
    for clips, names in groups.items():
        few = "" if len(clips) >= FEW else (
            f" A band of {len(clips)} is a rough one: give more natural clips with `null=CLIP`."
        )  # fmt: skip
        notes.append(
            f"The null of {', '.join(names)} comes from {count_clips(len(clips))}: "
            f"{', '.join(clips)}.{few}"
        )
    return notes
