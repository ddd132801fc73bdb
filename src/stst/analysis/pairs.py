"""A natural clip and what was made of it, brought to the same frames and size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from stst.errors import InputError
from stst.files import sha256_of
from stst.video import LazyVideo, parse_rate, sidecar_of, sidecar_path


@dataclass(frozen=True)
class Alignment:
    """What is done to a natural clip before it is compared.

    Attributes
    ----------
    frames
        First frame and the one after the last; None for all.
    max_side
        Shrunk so that the longer side has at most this many pixels; None for the full size.
    resample_fps
        Rate in Hz it is resampled to, nearest in time; None for its own.
    """

    frames: tuple[int, int] | None = None
    max_side: int | None = None
    resample_fps: Fraction | None = None

    def __str__(self) -> str:
        """Give what is done in brackets; nothing where nothing is."""
        parts = []
        if self.frames is not None:
            parts.append("frames={}:{}".format(*self.frames))
        if self.max_side is not None:
            parts.append(f"max_side={self.max_side}")
        if self.resample_fps is not None:
            parts.append(f"resample_fps={self.resample_fps}")
        return f"[{', '.join(parts)}]" if parts else ""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two clips of the same length, size and rate.

    Attributes
    ----------
    natural, other
        The clips, the natural one aligned.
    alignment
        What was done to the natural clip.
    sidecar
        How the other clip was made; None where it has no sidecar.
    notes
        What a reader of the result should know, one sentence each.
    """

    natural: LazyVideo
    other: LazyVideo
    alignment: Alignment
    sidecar: Mapping[str, Any] | None
    notes: tuple[str, ...]

    @property
    def reference(self) -> str:
        """Name the natural clip and what was done to it, as tables do."""
        return f"{self.natural.path} {self.alignment}".strip()


class NaturalClip:
    """A natural clip that others are compared with.

    Parameters
    ----------
    path
        Of the clip.
    frames
        ``"A:B"``, for clips that have no sidecar which says what they show.
    max_side
        Likewise, in pixels.
    """

    def __init__(self, path: Path, frames: str | None = None, max_side: int | None = None) -> None:
        self.path = path
        self._frames, self._max_side = frames, max_side
        self._opened: dict[Alignment, LazyVideo] = {}

    @cached_property
    def sha256(self) -> str:
        """Hash of the file, or of the pictures in a folder."""
        return sha256_of(self.path)

    def pair(self, other: Path) -> Pair:
        """Open another clip beside this one.

        Where the other clip has a sidecar that names this very file as an input, the frame
        range and the size that it records are applied to this clip; else those that were given.

        Parameters
        ----------
        other
            A stimulus, or any clip.

        Raises
        ------
        InputError
            If a clip cannot be read, the sidecar is damaged or contradicts what was given, or
            the clips still differ in length, size or rate.
        """
        video = LazyVideo(other)
        sidecar = sidecar_of(other)
        notes: list[str] = []
        recorded = self._recorded(other, sidecar, notes)
        natural = self.opened(recorded[0] if recorded else None)
        alignment = self._alignment_of(natural)
        _check_same(natural, video, recorded is not None)
        if recorded:
            if str(alignment):
                notes.append(f"{self.path} was aligned as {sidecar_path(other)} says: {alignment}.")
            if recorded[1] is not None and natural.sha256() != recorded[1]:
                notes.append(
                    f"The frames of {self.path} are decoded differently here than when {other} "
                    "was made."
                )
        elif str(alignment):
            notes.append(f"{self.path} was aligned as asked for: {alignment}.")
        return Pair(natural, video, alignment, sidecar, tuple(notes))

    def opened(self, alignment: Alignment | None = None) -> LazyVideo:
        """Open this clip, once for each alignment; by default as was asked for at the start."""
        if alignment is None:
            video = LazyVideo(self.path, self._frames, self._max_side)
            alignment = self._asked(video)
            return self._opened.setdefault(alignment, video)
        if alignment not in self._opened:
            self._opened[alignment] = LazyVideo(
                self.path,
                alignment.frames,
                alignment.max_side,
                resample_fps=alignment.resample_fps,
            )
        return self._opened[alignment]

    def _asked(self, video: LazyVideo) -> Alignment:
        frames = None
        if self._frames is not None:
            frames = (video.start, video.start + len(video))
        return Alignment(frames, self._max_side)

    def _alignment_of(self, video: LazyVideo) -> Alignment:
        return next(one for one, opened in self._opened.items() if opened is video)

    def _recorded(
        self, other: Path, sidecar: Mapping[str, Any] | None, notes: list[str]
    ) -> tuple[Alignment, str | None] | None:
        """Find this clip among the inputs of a sidecar: how it was read, and its frames' hash."""
        if sidecar is None:
            return None
        inputs = sidecar.get("inputs")
        found = [
            one
            for one in (inputs if isinstance(inputs, list) else [])
            if isinstance(one, dict) and one.get("sha256") == self.sha256
        ]
        if not found:
            notes.append(f"{sidecar_path(other)} does not name {self.path} as an input.")
            return None
        output = sidecar.get("output")
        if isinstance(output, dict) and "converted" in output:
            notes.append(
                f"{other} was changed after it was made, so {sidecar_path(other)} does not say "
                "any more which frames it shows."
            )
            return None
        return self._read_record(found[0], str(sidecar_path(other)))

    def _read_record(self, record: Mapping[str, Any], where: str) -> tuple[Alignment, str | None]:
        frames, side = record.get("frames"), record.get("max_side")
        rate, sha256 = record.get("resample_fps"), record.get("frames_sha256")
        numbers = isinstance(frames, list) and len(frames) == 2
        if frames is not None and not (numbers and all(type(one) is int for one in frames)):
            raise InputError(f"{where}: inputs.frames is {frames!r}; it must be two whole numbers.")
        if side is not None and type(side) is not int:
            raise InputError(f"{where}: inputs.max_side is {side!r}; it must be a whole number.")
        resample = None if rate is None else parse_rate(rate, f"{where}: inputs.resample_fps")
        whole = LazyVideo(self.path, resample_fps=resample)
        span = None if frames is None or frames == [0, len(whole)] else (frames[0], frames[1])
        alignment = Alignment(span, side, resample)
        self._check_asked(alignment, whole, where)
        return alignment, sha256 if isinstance(sha256, str) else None

    def _check_asked(self, recorded: Alignment, whole: LazyVideo, where: str) -> None:
        """Refuse options that contradict the record."""
        if self._frames is not None:
            asked = self._asked(LazyVideo(self.path, self._frames)).frames
            start, stop = recorded.frames or (0, len(whole))
            if asked != (start, stop):
                raise InputError(
                    f"--frames {self._frames}: {where} says that the stimulus shows frames "
                    f"{start}:{stop} of {self.path}. Leave --frames out."
                )
        if self._max_side is not None and self._max_side != recorded.max_side:
            raise InputError(
                f"--max-side {self._max_side}: {where} says that the stimulus was made with "
                f"{recorded.max_side or 'no such limit'}. Leave --max-side out."
            )


def _check_same(natural: LazyVideo, other: LazyVideo, recorded: bool) -> None:
    if (len(natural), natural.height, natural.width, natural.fps) == (
        len(other), other.height, other.width, other.fps,
    ):  # fmt: skip
        return
    hint = (
        "The sidecar's frame range and size have been applied already, so the clip is not what "
        "its sidecar describes."
        if recorded
        else "Give --frames A:B and --max-side PX so that the natural clip agrees with the other."
    )
    raise InputError(f"{_shape(natural)} and {_shape(other)} cannot be compared. {hint}")


def _shape(video: LazyVideo) -> str:
    return (
        f"{video.path} ({len(video)} frames of {video.height}x{video.width} px at {video.fps} Hz)"
    )
