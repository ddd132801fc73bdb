"""A natural clip and what was made of it, brought to the same frames and size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from stst.config.methods import BUILT_IN
from stst.errors import InputError
from stst.utils.files import sha256_of
from stst.utils.text import format_value
from stst.video import (
    AS_STORED,
    FrameRange,
    LazyVideo,
    Levels,
    parse_range,
    parse_rate,
    probe,
    provenance_of,
    read_levels,
    sidecar_path,
)
from stst.video.remedies import convert_command


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
    levels
        How its values become 8 bits; nothing where they have these.
    """

    frames: tuple[int, int] | None = None
    max_side: int | None = None
    resample_fps: Fraction | None = None
    grey: bool = False
    levels: Levels = AS_STORED

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
            path,
            self.frames,
            self.max_side,
            resample_fps=self.resample_fps,
            grey=self.grey,
            levels=self.levels,
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
        for name, value in self.levels.as_dict().items():
            parts.append(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}")
        return f"[{', '.join(parts)}]" if parts else ""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two clips of the same length, size and rate.

    Attributes
    ----------
    natural, other
        The clips, the natural one aligned; of the other one the part that was asked for.
    alignment
        What was done to the natural clip.
    sidecar
        How the other clip was made; None where it has no sidecar.
    notes
        What a reader of the result should know, one sentence each.
    alignment_note
        The one of them that says what was done to the clips; empty where nothing was.
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
        """Say what the natural clip was to the method that made the other, see `MethodSpec`."""
        method = self.sidecar.get("method") if self.sidecar else None
        spec = BUILT_IN.get(method) if isinstance(method, str) else None
        return spec.main_role if spec else "natural"


class NaturalClip:
    """A natural clip that others are compared with.

    Parameters
    ----------
    path
        Of the clip.
    frames
        ``"A:B"``, the part of this clip that is compared. Of another clip that shows more of this
        one than that, by its sidecar or by being as long, the same part is taken.
    max_side
        In pixels, for clips that have no sidecar which says it; holds for both, if they are of the
        same size.
    levels
        How values of more than 8 bits, or of high dynamic range, become 8 bits, for clips that
        have no sidecar which says it, and for the others.
    """

    def __init__(
        self,
        path: Path,
        frames: str | None = None,
        max_side: int | None = None,
        levels: Levels = AS_STORED,
    ) -> None:
        self.path = path
        self._frames, self._max_side, self._levels = frames, max_side, levels
        self._opened: dict[Alignment, LazyVideo] = {}

    @cached_property
    def sha256(self) -> str:
        """Hash of the file, or of the pictures in a folder."""
        return sha256_of(self.path)

    def pair(self, other: Path) -> Pair:
        """Open another clip beside this one.

        Where the other clip has a sidecar that names this very file as an input, the frame
        range and the size that it records are applied to this clip; else those that were given.
        Frames that were given are a part of those that a sidecar records.

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
        video, sidecar = LazyVideo(other, levels=self._levels), provenance_of(other)
        where = str(sidecar_path(other))
        notes: list[str] = []
        record = None if sidecar is None else self._record(sidecar, other, notes)
        if record is None:
            whole = alignment = self._alignment(self._frames, self._max_side, levels=self._levels)
            part, said = self._share(alignment, video), "asked for"
        else:
            whole = self._read_alignment(record, where)
            alignment, part = self._narrow(whole, where)
            said = f"{where} says" + (", and asked for" if part else "")
        if part is not None:
            video = replace(part, levels=self._levels).open(other)
        if sidecar is not None and not _describes(sidecar, other):
            notes.append(
                f"{other} is not the file that {where} describes: it was changed, or the sidecar "
                "belongs to another one."
            )
        natural = self._open(alignment)
        if not _agree(natural, video):
            known = "".join(f" {note}" for note in notes)
            hint = _hint(sidecar, record, other) or self._advice(natural, video)
            raise InputError(
                f"{_shape(natural)} and {_shape(video)} cannot be compared.{known} {hint}"
            )
        aligned = f"{self.path} was aligned as {said}: {alignment}." if str(alignment) else ""
        if part is not None:
            aligned += f" Of {other} the same part was taken: {part}."
        notes += [aligned] if aligned else []
        if record is not None and self._decodes_otherwise(record, whole):
            notes.append(
                f"The frames of {self.path} are decoded differently here than when {other} was "
                "made."
            )
        return Pair(natural, video, alignment, sidecar, tuple(notes), aligned)

    def _decodes_otherwise(self, record: Mapping[str, Any], alignment: Alignment) -> bool:
        """Say whether a sidecar has another hash of the frames than they have here."""
        if "frames_sha256" not in record:
            return False
        return bool(record["frames_sha256"] != self._open(alignment).sha256())

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
        levels: Levels = AS_STORED,
    ) -> Alignment:
        """Count the frames; all, and what needs no doing, are written as None."""
        whole = self._open(Alignment(resample_fps=rate, levels=levels))
        span = parse_range(frames, len(whole), str(self.path))
        part = None if span == (0, len(whole)) else span
        return Alignment(part, max_side, rate, grey, whole.levels)

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
        seen = _priming_record(sidecar)
        if seen.get("sha256") == self.sha256:
            notes.append(f"{self.path} is the stimulus as the model saw it when {other} was made.")
        else:
            notes.append(f"{where} does not name {self.path} as an input.")
        return None

    def _read_alignment(self, record: Mapping[str, Any], where: str) -> Alignment:
        """Read how a sidecar says that this clip was read, and refuse what contradicts it."""
        frames, side, rate = (record.get(key) for key in ("frames", "max_side", "resample_fps"))
        if frames is not None and not _whole_numbers(frames, 2):
            raise InputError(
                f"{where}: inputs.frames is {format_value(frames)}; it must be two whole numbers."
            )
        if side is not None and not _whole_numbers([side], 1):
            raise InputError(
                f"{where}: inputs.max_side is {format_value(side)}; it must be a whole number."
            )
        grey = record.get("grey", False)
        if not isinstance(grey, bool):
            raise InputError(
                f"{where}: inputs.grey is {format_value(grey)}; it must be true or false."
            )
        exact = None if rate is None else parse_rate(rate, f"{where}: inputs.resample_fps")
        levels = read_levels(record, where)
        try:
            recorded = self._alignment(frames, side, exact, grey, levels)
            self._open(recorded)
        except InputError as error:
            raise InputError(f"{where}: what it says of {self.path} cannot be. {error}") from error
        if self._max_side is not None and self._max_side != recorded.max_side:
            raise InputError(
                f"`max_side` {self._max_side}: {where} says that the stimulus was made with "
                f"{recorded.max_side or 'no such limit'}. Leave `max_side` out."
            )
        peak, made = self._levels.peak_nits, recorded.levels.peak_nits
        if peak is not None and made is not None and peak != made:
            raise InputError(
                f"`peak_nits` {peak:g}: {where} says that the stimulus was made with {made:g}. "
                "Leave `peak_nits` out."
            )
        return recorded

    def _narrow(self, recorded: Alignment, where: str) -> tuple[Alignment, Alignment | None]:
        """Apply the frames that were asked for to what a sidecar records, and to the other clip."""
        if self._frames is None:
            return recorded, None
        levels = recorded.levels
        asked = self._alignment(self._frames, None, recorded.resample_fps, levels=levels).frames
        whole = 0, len(self._open(replace(recorded, frames=None)))
        start, stop = recorded.frames or whole
        first, end = asked or whole
        if (first, end) == (start, stop):
            return recorded, None
        if not start <= first < end <= stop:
            raise InputError(
                f"`frames` {self._frames}: {where} says that the stimulus shows frames "
                f"{start}:{stop} of {self.path}. Ask for a part of these, or leave `frames` out."
            )
        return replace(recorded, frames=(first, end)), Alignment((first - start, end - start))

    def _share(self, alignment: Alignment, other: LazyVideo) -> Alignment | None:
        """Say what of that which was asked for is taken of the other clip as well, as of a mask.

        That is all that this clip and the other one have in common before: length, or size.
        """
        whole = self._open(Alignment(levels=self._levels))
        same_size = (other.height, other.width) == (whole.height, whole.width)
        shared = Alignment(
            alignment.frames if len(other) == len(whole) else None,
            alignment.max_side if same_size else None,
        )
        return shared if str(shared) else None

    def _advice(self, natural: LazyVideo, other: LazyVideo) -> str:
        """Say what brings two clips together, one sentence for each way in which they differ."""
        whole = self._open(Alignment(levels=self._levels))
        here, there = self.path, other.path
        out = []
        if natural.fps != other.fps:
            rate = str(other.fps)
            command = convert_command(
                here, "--resample-fps", rate, mark="_resampled", levels=natural.levels
            )
            out.append(f"Bring the first to the rate of the second: {command}.")
        if len(natural) != len(other):
            cut = convert_command(
                there, "--frames", f"0:{len(natural)}", mark="_part", levels=other.levels
            )
            if len(other) > len(whole):
                out.append(f"Cut the second, e.g. {cut}.")
            elif self._frames is None:
                out.append(
                    f"Say which {len(other)} frames of the first the second shows: "
                    '`frames="A:B"` (`frames` cuts the first alone, unless both are of the same '
                    "length)."
                )
            else:
                out.append(
                    f"The frames {self._frames} of the first are {len(natural)}; ask for the "
                    f"{len(other)} that the second shows, or cut the second, too, e.g. {cut}."
                )
        if (natural.height, natural.width) != (other.height, other.width):
            out.append(_size_advice(whole, other))
        return " ".join(out)


def _size_advice(whole: LazyVideo, other: LazyVideo) -> str:
    """Say how two clips come to one size, if shrinking by the longer side does it."""
    if _shrinks(whole, other):
        return f"Shrink the first: `max_side={max(other.width, other.height)}`."
    if _shrinks(other, whole):
        side = str(max(whole.width, whole.height))
        command = convert_command(
            other.path, "--max-side", side, mark="_small", levels=other.levels
        )
        return f"Shrink the second: {command}."
    return (
        "Their sizes are of another shape: cut or scale one with another program to the pixels of "
        "the other."
    )


def _shrinks(large: LazyVideo, small: LazyVideo) -> bool:
    """Say whether a limit to the longer side gives one clip the size of another."""
    side, longest = max(small.width, small.height), max(large.width, large.height)
    fitted = large.width * side // longest, large.height * side // longest
    return side < longest and fitted == (small.width, small.height)


def _whole_numbers(values: object, count: int) -> bool:
    return isinstance(values, list) and [type(one) for one in values] == [int] * count


def _describes(sidecar: Mapping[str, Any], other: Path) -> bool:
    """Say whether a sidecar is that of a clip, as far as it says so."""
    output = sidecar.get("output")
    recorded = output.get("sha256") if isinstance(output, dict) else None
    return recorded is None or recorded == sha256_of(other)


def _priming_record(sidecar: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find what a sidecar says of the clip that shows what a model saw of its stimulus."""
    beside = sidecar.get("beside")
    seen = beside.get("stimulus") if isinstance(beside, dict) else None
    return seen if isinstance(seen, dict) else {}


def _hint(sidecar: Mapping[str, Any] | None, record: Mapping[str, Any] | None, other: Path) -> str:
    """Say what a sidecar tells of clips that do not agree; empty where it tells nothing."""
    seen = _priming_record(sidecar or {}).get("path")
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
    return ""


def _agree(natural: LazyVideo, other: LazyVideo) -> bool:
    return (len(natural), natural.height, natural.width, natural.fps) == (
        len(other), other.height, other.width, other.fps,
    )  # fmt: skip


def _shape(video: LazyVideo) -> str:
    return (
        f"{video.path} ({len(video)} frames of {video.height}x{video.width} px at {video.fps} Hz)"
    )
