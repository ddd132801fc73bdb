"""A natural clip and what was made of it, brought to the same frames and size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from stst.errors import InputError
from stst.files import sha256_of
from stst.plain import found_value
from stst.video import (
    FrameRange,
    LazyVideo,
    parse_range,
    parse_rate,
    probe,
    sidecar_of,
    sidecar_path,
)


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
    grey
        Whether its colour is taken away.
    """

    frames: tuple[int, int] | None = None
    max_side: int | None = None
    resample_fps: Fraction | None = None
    grey: bool = False

    def open(self, path: Path) -> LazyVideo:
        """Open a clip so.

        Parameters
        ----------
        path
            Of the clip.

        Returns
        -------
        LazyVideo
            What is compared of it.
        """
        return LazyVideo(
            path, self.frames, self.max_side, resample_fps=self.resample_fps, grey=self.grey
        )

    def __str__(self) -> str:
        """Give what is done in brackets; nothing where nothing is."""
        parts = []
        if self.frames is not None:
            parts.append("frames={}:{}".format(*self.frames))
        if self.max_side is not None:
            parts.append(f"max_side={self.max_side}")
        if self.resample_fps is not None:
            parts.append(f"resample_fps={self.resample_fps}")
        if self.grey:
            parts.append("grey")
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
    alignment_note
        The one of them that says what was done to the natural clip; empty where nothing was.
    """

    natural: LazyVideo
    other: LazyVideo
    alignment: Alignment
    sidecar: Mapping[str, Any] | None
    notes: tuple[str, ...]
    alignment_note: str = ""

    @property
    def reference(self) -> str:
        """Name the natural clip and what was done to it, as tables do."""
        return f"{self.natural.path} {self.alignment}".strip()

    @property
    def role(self) -> str:
        """Say what the natural clip was to the other: ``"natural"``, or ``"stimulus"`` to LEAPS."""
        method = self.sidecar.get("method") if self.sidecar else None
        return "stimulus" if method == "leaps" else "natural"


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

        Returns
        -------
        Pair
            Pairs of the same alignment share their natural clip.

        Raises
        ------
        InputError
            If a clip cannot be read, the sidecar is damaged or contradicts what was given, or
            the clips still differ in length, size or rate.
        """
        probe(self.path)
        video, sidecar, where = LazyVideo(other), sidecar_of(other), str(sidecar_path(other))
        notes: list[str] = []
        record = None if sidecar is None else self._record(sidecar, other, notes)
        if record is None:
            alignment, said = self._alignment(self._frames, self._max_side), "asked for"
        else:
            alignment, said = self._recorded(record, where), f"{where} says"
        if sidecar is not None and not _describes(sidecar, other):
            notes.append(
                f"{other} is not the file that {where} describes: it was changed, or the sidecar "
                "belongs to another one."
            )
        natural = self._open(alignment)
        _check_same(natural, video, _hint(sidecar, record, other), notes)
        aligned = f"{self.path} was aligned as {said}: {alignment}." if str(alignment) else ""
        notes += [aligned] if aligned else []
        if record and record.get("frames_sha256", natural.sha256()) != natural.sha256():
            notes.append(
                f"The frames of {self.path} are decoded differently here than when {other} was "
                "made."
            )
        return Pair(natural, video, alignment, sidecar, tuple(notes), aligned)

    def _open(self, alignment: Alignment) -> LazyVideo:
        if alignment not in self._opened:
            self._opened[alignment] = alignment.open(self.path)
        return self._opened[alignment]

    def _alignment(
        self,
        frames: FrameRange,
        max_side: int | None,
        rate: Fraction | None = None,
        grey: bool = False,
    ) -> Alignment:
        """Count the frames; all of them are written as None."""
        length = len(self._open(Alignment(resample_fps=rate)))
        span = parse_range(frames, length, str(self.path))
        return Alignment(None if span == (0, length) else span, max_side, rate, grey)

    def _record(
        self, sidecar: Mapping[str, Any], other: Path, notes: list[str]
    ) -> Mapping[str, Any] | None:
        """Find this clip among the inputs of a sidecar, or note why that does not help."""
        where, inputs, output = sidecar_path(other), sidecar.get("inputs"), sidecar.get("output")
        for one in inputs if isinstance(inputs, list) else []:
            if not isinstance(one, dict) or one.get("sha256") != self.sha256:
                continue
            if not isinstance(output, dict) or "converted" not in output:
                return one
            notes.append(
                f"{other} was changed after it was made, so {where} does not say any more which "
                "frames it shows."
            )
            return None
        seen = _primed(sidecar)
        if seen.get("sha256") == self.sha256:
            notes.append(f"{self.path} is the stimulus as the model saw it when {other} was made.")
        else:
            notes.append(f"{where} does not name {self.path} as an input.")
        return None

    def _recorded(self, record: Mapping[str, Any], where: str) -> Alignment:
        """Read how a sidecar says that this clip was read, and refuse what contradicts it."""
        frames, side, rate = (record.get(key) for key in ("frames", "max_side", "resample_fps"))
        if frames is not None and not _whole_numbers(frames, 2):
            raise InputError(
                f"{where}: inputs.frames is {found_value(frames)}; it must be two whole numbers."
            )
        if side is not None and not _whole_numbers([side], 1):
            raise InputError(
                f"{where}: inputs.max_side is {found_value(side)}; it must be a whole number."
            )
        grey = record.get("grey", False)
        if not isinstance(grey, bool):
            raise InputError(
                f"{where}: inputs.grey is {found_value(grey)}; it must be true or false."
            )
        exact = None if rate is None else parse_rate(rate, f"{where}: inputs.resample_fps")
        try:
            recorded = self._alignment(frames, side, exact, grey)
            self._open(recorded)
        except InputError as error:
            raise InputError(f"{where}: what it says of {self.path} cannot be. {error}") from error
        asked = self._alignment(self._frames, self._max_side, exact)
        if self._frames is not None and asked.frames != recorded.frames:
            start, stop = recorded.frames or (0, len(self._open(recorded)))
            raise InputError(
                f"--frames {self._frames}: {where} says that the stimulus shows frames "
                f"{start}:{stop} of {self.path}. Leave --frames out."
            )
        if self._max_side is not None and asked.max_side != recorded.max_side:
            raise InputError(
                f"--max-side {self._max_side}: {where} says that the stimulus was made with "
                f"{recorded.max_side or 'no such limit'}. Leave --max-side out."
            )
        return recorded


def _whole_numbers(values: object, count: int) -> bool:
    return isinstance(values, list) and [type(one) for one in values] == [int] * count


def _describes(sidecar: Mapping[str, Any], other: Path) -> bool:
    """Say whether a sidecar is that of a clip, as far as it says so."""
    output = sidecar.get("output")
    recorded = output.get("sha256") if isinstance(output, dict) else None
    return recorded is None or recorded == sha256_of(other)


def _primed(sidecar: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find what a sidecar says of the clip that shows what a model saw of its stimulus."""
    beside = sidecar.get("beside")
    seen = beside.get("stimulus") if isinstance(beside, dict) else None
    return seen if isinstance(seen, dict) else {}


def _hint(sidecar: Mapping[str, Any] | None, record: Mapping[str, Any] | None, other: Path) -> str:
    """Say what to do about clips that do not agree."""
    seen = _primed(sidecar or {}).get("path")
    if isinstance(seen, str):
        return (
            "The model saw its stimulus at another rate, length or size: compare with "
            f"{other.parent / Path(seen).name}, which shows what it saw."
        )
    if record is not None:
        return (
            "The sidecar's frame range and size have been applied already, so the clip is not what "
            "its sidecar describes."
        )
    return "Give --frames A:B and --max-side PX so that the natural clip agrees with the other."


def _check_same(natural: LazyVideo, other: LazyVideo, hint: str, notes: Sequence[str]) -> None:
    if (len(natural), natural.height, natural.width, natural.fps) == (
        len(other), other.height, other.width, other.fps,
    ):  # fmt: skip
        return
    known = "".join(f" {note}" for note in notes)
    raise InputError(f"{_shape(natural)} and {_shape(other)} cannot be compared.{known} {hint}")


def _shape(video: LazyVideo) -> str:
    return (
        f"{video.path} ({len(video)} frames of {video.height}x{video.width} px at {video.fps} Hz)"
    )
