"""Turning one kind of clip into another, with its sidecar."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stst.errors import InputError
from stst.utils.files import check_output
from stst.video.clip import SourceInfo
from stst.video.color.levels import Levels
from stst.video.formats.rates import Rate
from stst.video.ranges import FrameRange, parse_range
from stst.video.read import open_video
from stst.video.sidecar import sidecar_of, sidecar_path, sidecar_rate, write_content
from stst.video.write import Written, check_video_output, needs_sidecar, write_frames


@dataclass(frozen=True)
class Converted:
    """What a conversion made.

    Attributes
    ----------
    written
        The new clip.
    source
        How the old one was decoded.
    sidecar
        The new clip's sidecar. None if the old clip has none, and the new one holds its rate.
    notes
        What is worth knowing, one sentence each.
    """

    written: Written
    source: SourceInfo
    sidecar: Path | None
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give the fields as JSON types; the path of the output as it was given."""
        return {
            "source": self.source.as_dict(),
            "output": {**self.written.as_dict(), "path": str(self.written.path)},
            "sidecar": None if self.sidecar is None else str(self.sidecar),
            "notes": list(self.notes),
        }


def convert(
    src: Path | str,
    dst: Path | str,
    frames: FrameRange = None,
    max_side: int | None = None,
    fps: Rate | None = None,
    resample_fps: Rate | None = None,
    overwrite: bool = False,
    grey: bool = False,
    bits: int | None = None,
    tonemap: str | None = None,
    peak_nits: float | None = None,
) -> Converted:
    """Convert a clip, holding one frame at a time.

    A sidecar beside `src` is written anew beside `dst`, with its ``output`` block brought up to
    date and, if frames were left out or changed, with what was done in ``output.converted``.
    Where both share one sidecar (``X.mkv`` to ``X.npy``), it is left as it is. An ``X.npy`` always
    has one, because it cannot hold its rate itself.

    Parameters
    ----------
    src, frames, max_side, fps, resample_fps, grey, bits, tonemap, peak_nits
        As in `read_video`.
    dst, overwrite
        As in `write_video`.

    Returns
    -------
    Converted
        The new clip, its sidecar and notes.

    Raises
    ------
    InputError
        If the clip cannot be read exactly or the output cannot be written.
    StstError
        If writing fails.

    Examples
    --------
    >>> import stst
    >>> made = stst.convert("sample_data/cat.mkv", "small.npy", frames="0:2", max_side=48)
    >>> stst.probe("small.npy").frames
    2
    """
    target = check_video_output(dst, overwrite)
    if Path(src).resolve() == target.resolve():
        raise InputError(f"{src} cannot be converted onto itself. Choose another output.")
    levels = Levels(bits, tonemap, peak_nits).as_dict()
    changes = _changes(frames, max_side, fps, resample_fps, grey) | levels
    content = sidecar_of(src)
    beside = None
    if content or needs_sidecar(target):
        beside = _new_sidecar(Path(src), target, dst, changes, bool(content), overwrite)
    with open_video(src, max_side, fps, resample_fps, grey=grey, **levels) as reader:
        start, stop = parse_range(frames, len(reader), str(src))
        if beside is None and needs_sidecar(target) and sidecar_rate(src) != reader.fps:
            raise InputError(
                f"{dst}: its rate belongs into {sidecar_path(src).name}, which is the sidecar of "
                f"{src} and gives another one, or none. Choose another name for the output."
            )
        written = write_frames(dst, reader.iter_frames(start, stop), reader.fps, overwrite)
        source = reader.source(start, stop)
    if beside is not None:
        _write_sidecar(beside, content or {}, Path(src), written, changes)
    kept = beside or (sidecar_path(src) if content else None)
    return Converted(written, source, kept, (*source.notes, *_notes(written)))


def _changes(
    frames: FrameRange,
    max_side: int | None,
    fps: Rate | None,
    resample_fps: Rate | None,
    grey: bool,
) -> dict[str, Any]:
    asked = {"max_side": max_side, "fps": fps, "resample_fps": resample_fps}
    changes: dict[str, Any] = {
        key: value if key == "max_side" else str(value)
        for key, value in asked.items()
        if value is not None
    }
    if frames is not None:
        changes["frames"] = frames if isinstance(frames, str) else str(frames)
    if grey:
        changes["grey"] = True
    return changes


def _new_sidecar(
    src: Path,
    target: Path,
    dst: Path | str,
    changes: dict[str, Any],
    is_there: bool,
    overwrite: bool,
) -> Path | None:
    """Name the sidecar to write; None if the clips share one that is there and stays true."""
    old = sidecar_path(src)
    as_folder = str(dst).endswith(("/", os.sep))
    new = target.with_name(target.name + ".json") if as_folder else sidecar_path(target)
    if new.resolve() == old.resolve():
        # a rate that is given holds for both
        if changes.keys() - (() if is_there else {"fps"}):
            raise InputError(
                f"{dst}: its sidecar {new.name} would be that of {src.name}, but the frames "
                "differ. Choose another name for the output."
            )
        if is_there:
            return None
    check_output(new, overwrite)
    return new


def _write_sidecar(
    path: Path, content: dict[str, Any], src: Path, written: Written, changes: dict[str, Any]
) -> None:
    output = written.as_dict()
    if changes:
        output["converted"] = {"from": src.name, **changes}
    moved = {**content, "output": output}
    if isinstance(content.get("inputs"), list):
        moved["inputs"] = [_move(entry, src.parent, path.parent) for entry in content["inputs"]]
    write_content(path, moved)


def _move(entry: object, old: Path, new: Path) -> object:
    """Keep an input's path, relative to the sidecar, true in another folder."""
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        return entry
    place = Path(entry["path"])
    if place.is_absolute():
        return entry
    try:
        relative = os.path.relpath(old.resolve() / place, new.resolve())
    except ValueError:  # another drive
        relative = str((old / place).resolve())
    return {**entry, "path": Path(relative).as_posix()}


def _notes(written: Written) -> list[str]:
    notes = []
    if written.preview:
        notes.append("The mp4 is a lossy preview: reading it back gives other pixel values.")
        if written.width % 2 or written.height % 2:
            notes.append("Padded to even size by repeating the last row or column.")
    return notes
