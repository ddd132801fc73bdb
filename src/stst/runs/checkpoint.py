"""The folder that a run lives in while it is under way: ``X.run/``."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stst.errors import InputError, StstError
from stst.types import Frames
from stst.utils.diagnosis import json_fault
from stst.utils.files import check_output, explained, is_full, sync_folder, written_whole
from stst.utils.locks import LOCK, check_unlocked, locked
from stst.utils.text import decoded_text
from stst.video.formats.rates import parse_rate

if TYPE_CHECKING:
    from stst.engine.events import Interim

_FORMAT = 1
# what a run folder holds
_OURS = {"job.json", "state.npz", "interim.npz", "frames", LOCK}


@dataclass(frozen=True)
class State:
    """Where a run stands.

    Attributes
    ----------
    frame
        The last finished frame; negative for padding.
    images
        (samples, 3, H, W) float32, all that the next frame depends on.
    seconds
        Time spent so far.
    """

    frame: int
    images: np.ndarray[Any, np.dtype[np.float32]]
    seconds: float


class RunFolder:
    """What a run keeps on disk until its outputs are in place: ``X.run/``.

    Parameters
    ----------
    path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, job: Mapping[str, Any], overwrite: bool) -> None:
        """Start afresh.

        Raises
        ------
        InputError
            See `check_free`; also if the folder cannot be made.
        StstError
            If the disk is full.
        """
        self.check_free(overwrite)
        try:
            self.path.mkdir(exist_ok=True)
            self._clear()
            (self.path / "frames").mkdir()
            # the job comes last: with it the run can be continued
            with written_whole(self.path / "job.json") as part:
                part.write_text(json.dumps({"format": _FORMAT, **job}, indent=1), "utf-8")
            sync_folder(self.path.parent)
        except BaseException as error:
            with suppress(OSError):
                self._clear()
                self.path.rmdir()
            if isinstance(error, OSError):
                raise self._unmakeable(error) from error
            raise

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Keep other processes out of the folder, which is made where it is missing.

        Yields
        ------
        bool
            Whether that is possible; False on a file system without locks.

        Raises
        ------
        InputError
            If another process makes this output; also see `begin`.
        """
        self.check_free(overwrite=True)
        with ExitStack() as stack:
            try:
                alone = stack.enter_context(locked(self.path))
            except OSError as error:
                raise self._unmakeable(error) from error
            if alone:
                self._remove_parts()
            yield alone

    def check_idle(self) -> None:
        """Refuse an output that another process is making.

        Raises
        ------
        InputError
            Naming the process.
        """
        check_unlocked(self.path)

    def begun(self) -> bool:
        """Say whether there is a run that can be continued."""
        return (self.path / "job.json").exists()

    def _unmakeable(self, error: OSError) -> StstError:
        if is_full(error):
            return explained(self.path, error)
        return InputError(f"{self.path}: cannot be made ({error.strerror}). Choose another output.")

    def _clear(self) -> None:
        """Delete everything but the lock; first the job, for the rest is worth nothing in part."""
        (self.path / "job.json").unlink(missing_ok=True)
        sync_folder(self.path)
        for entry in self.path.iterdir():
            if entry.name == LOCK:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _remove_parts(self) -> None:
        """Delete what a killed process was just writing."""
        for folder in (self.path, self.path / "frames"):
            for entry in folder.glob(".*.part*") if folder.is_dir() else ():
                with suppress(OSError):
                    entry.unlink()

    def check_free(self, overwrite: bool) -> None:
        """Refuse a place where no run can be started.

        Parameters
        ----------
        overwrite
            Whether an unfinished run may be replaced.

        Raises
        ------
        InputError
            If an unfinished run is there and may not be replaced, or anything else is.
        """
        check_output(self.path, overwrite=True)
        if not os.path.lexists(self.path):
            return
        names = set(os.listdir(self.path)) if self.path.is_dir() else {"a file"}
        if {name for name in names if not name.startswith(".")} - _OURS:
            raise InputError(
                f"{self.path} exists and is not the folder of an unfinished run. The run needs "
                "that name: move it away, or choose another output."
            )
        # without its job nothing can be continued: such a run was cut off as it began
        if "job.json" in names and not overwrite:
            raise InputError(
                f"{self.path} exists: an earlier run was not finished. Give --resume to "
                "continue it, or --overwrite to start anew."
            )

    def job(self) -> dict[str, Any]:
        """Read what the run was started with.

        Raises
        ------
        InputError
            If there is no run to continue, or another version wrote it.
        """
        try:
            job = json.loads(decoded_text((self.path / "job.json").read_bytes()))
        except FileNotFoundError:
            raise InputError(f"{self.path}: there is no unfinished run to continue.") from None
        except OSError as error:
            raise InputError(f"{self.path}/job.json cannot be read ({error.strerror}).") from error
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{self.path}/job.json cannot be read as JSON ({json_fault(error)}). Start anew "
                "with --overwrite."
            ) from error
        if not isinstance(job, dict) or job.get("format") != _FORMAT:
            raise InputError(
                f"{self.path} was written by another version of this program and cannot be "
                "continued here. Start anew with --overwrite."
            )
        if not _is_whole(job):
            raise InputError(f"{self.path}/job.json is damaged. Start anew with --overwrite.")
        return job

    def keep(
        self,
        frame: int,
        images: Frames,
        statistics: Sequence[Mapping[str, Any]],
        state: np.ndarray[Any, np.dtype[np.float32]],
        seconds: float,
        others: Mapping[str, Frames] | None = None,
    ) -> None:
        """Put a finished frame and the state after it on disk.

        Parameters
        ----------
        frame
            Negative frames are padding: only the state is kept.
        images
            (samples, H, W, 3) uint8.
        statistics
            Per sample.
        state
            (samples, 3, H, W) float32.
        seconds
            Time spent so far.
        others
            Other versions of the frame by name, as `images`.
        """
        if frame >= 0:
            text = np.array(json.dumps(list(statistics)))
            named: dict[str, Any] = {f"images_{name}": one for name, one in (others or {}).items()}
            with written_whole(self._frame(frame), overwrite=True) as part:
                np.savez(part, images=images, statistics=text, **named)
        # the state goes last: what it says is made, is there
        with written_whole(self.path / "state.npz", overwrite=True) as part:
            np.savez(part, frame=np.array(frame), state=state, seconds=np.array(seconds))

    def state(self) -> State | None:
        """Read the last finished frame and the state after it; None if none is finished.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        path = self.path / "state.npz"
        if not path.exists():
            return None
        data = _read(path, ("frame", "state", "seconds"))
        frame, seconds = _numbers(path, data, ("frame", "seconds"))
        state = data["state"]
        if state.dtype != np.float32 or not np.isfinite(state).all():
            raise _damaged(path, f"its state is {state.dtype} of shape {state.shape}")
        return State(int(frame), state, seconds)

    def keep_interim(self, interim: Interim, seconds: float) -> None:
        """Put on disk where the optimisation of a frame or a whole clip stands.

        Parameters
        ----------
        interim
            The state.
        seconds
            Time spent so far.
        """
        numbers: dict[str, Any] = {
            "iteration": np.array(interim.iteration),
            "frame": np.array(interim.frame),
            "octave": np.array(interim.octave),
            "seconds": np.array(seconds),
        }
        arrays: dict[str, Any] = {f"array_{name}": value for name, value in interim.arrays.items()}
        with written_whole(self.path / "interim.npz", overwrite=True) as part:
            np.savez(part, **numbers, **arrays)

    def interim(self) -> tuple[Interim, float] | None:
        """Read where an optimisation stood, and the seconds spent; None if nothing was kept.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        path = self.path / "interim.npz"
        if not path.exists():
            return None
        data = _read(path, ("iteration", "frame", "octave", "seconds"), "array_")
        names = ("iteration", "frame", "octave", "seconds")
        iteration, frame, octave, seconds = _numbers(path, data, names)
        data = {name: value for name, value in data.items() if name not in names}
        from stst.engine.events import Interim

        return Interim(int(iteration), data, int(frame), int(octave)), seconds

    def finished(self) -> int:
        """Count the finished frames that are kept."""
        state = self.state()
        return max(0, state.frame + 1) if state else 0

    def frames(self, sample: int, name: str | None = None) -> Iterator[Frames]:
        """Read one sample's finished frames in order, (H, W, 3) uint8 each.

        Parameters
        ----------
        sample
            Its place in the batch.
        name
            Of another version of them; None for the master's.
        """
        key = "images" if name is None else f"images_{name}"
        for frame in range(self.finished()):
            path = self._frame(frame)
            images: Frames = _read(path, (key,))[key]
            if images.dtype != np.uint8 or images.ndim != 4 or len(images) <= sample:
                raise _damaged(path, f"{key} is {images.dtype} of shape {images.shape}")
            yield images[sample]

    def statistics(self, sample: int) -> list[dict[str, Any]]:
        """Read one sample's statistics, frame by frame."""
        out = []
        for frame in range(self.finished()):
            path = self._frame(frame)
            text = str(_read(path, ("statistics",))["statistics"])
            try:
                out.append({"frame": frame, **json.loads(text)[sample]})
            except (ValueError, TypeError, LookupError, RecursionError) as error:
                raise _damaged(path, "its statistics") from error
        return out

    def remove(self) -> None:
        """Delete the folder; the outputs are in place.

        Raises
        ------
        StstError
            If the disk refuses.
        """
        try:
            self._clear()
        except OSError as error:
            raise StstError(
                f"{self.path}: cannot be removed ({error.strerror or error}). The outputs are in "
                "place; delete it yourself."
            ) from error
        with suppress(OSError):  # while it is held, the lock is there, and goes at the end
            self.path.rmdir()

    def _frame(self, frame: int) -> Path:
        return self.path / "frames" / f"{frame:06d}.npz"


def rate_of(job: Mapping[str, Any]) -> Fraction:
    """Give the frame rate in Hz of what a run makes; `job` as `RunFolder.job` gives it."""
    return parse_rate(job["fps"] if "fps" in job else job["inputs"][0]["fps"])


def _is_whole(job: Mapping[str, Any]) -> bool:
    """Say whether everything is there that continuing and exporting look up."""
    try:
        environment, rate = job["environment"], rate_of(job)
        numbers = [environment["threads"], *environment["batch"]]
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
        return False
    return rate > 0 and numbers[0] != 0 and all(type(n) is int and n >= 0 for n in numbers)


def _numbers(
    path: Path, data: Mapping[str, np.ndarray[Any, Any]], names: Sequence[str]
) -> list[float]:
    """Give single numbers by name."""
    for name in names:
        value = data[name]
        if value.dtype.kind not in "iuf" or value.size != 1 or not np.isfinite(value).all():
            raise _damaged(path, f"{name} is {value.dtype} of shape {value.shape}")
    return [data[name].item() for name in names]


def _damaged(path: Path, found: str) -> InputError:
    return InputError(f"{path} is missing or damaged ({found}). Start anew with --overwrite.")


def _read(path: Path, names: Sequence[str], also: str = "") -> dict[str, np.ndarray[Any, Any]]:
    """Read arrays by name, and by the rest of their name all that begin with `also`."""
    try:
        # opened here, because NumPy leaves the file of a damaged archive open
        with (
            warnings.catch_warnings(action="ignore"),
            open(path, "rb") as file,
            np.load(file, allow_pickle=False) as data,
        ):
            found = {name: data[name] for name in names}
            if also:
                found |= {
                    name.removeprefix(also): data[name] for name in data if name.startswith(also)
                }
            # NumPy gives the bytes of what is no array
            if not all(isinstance(value, np.ndarray) for value in found.values()):
                raise ValueError("not all in it are arrays")
            return found
    # zipfile and NumPy raise almost anything on damaged bytes
    except Exception as error:
        raise _damaged(path, f"not a whole file with {', '.join(names)}") from error
