"""What a run puts on disk on its way: finished frames, and where the optimisation stands."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stst.errors import InputError
from stst.types import Frames
from stst.utils.files import write_whole

if TYPE_CHECKING:
    from stst.engine.events import Checkpoint


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


class Checkpoints:
    """What is finished of samples that are made side by side, and where the rest stands.

    Parameters
    ----------
    path
        The folder that it is kept in.
    seeds
        Of the samples, in order.
    """

    def __init__(self, path: Path, seeds: Sequence[int]) -> None:
        self.path, self.seeds = path, tuple(seeds)

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
            with write_whole(self._frame(frame), overwrite=True) as part:
                np.savez(part, images=images, statistics=text, **named)
        # the state goes last: what it says is made, is there
        with write_whole(self.path / "state.npz", overwrite=True) as part:
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
            raise _damage_error(path, f"its state is {state.dtype} of shape {state.shape}")
        return State(int(frame), state, seconds)

    def keep_checkpoint(self, checkpoint: Checkpoint, seconds: float) -> None:
        """Put on disk where the optimisation of a frame or a whole clip stands.

        Parameters
        ----------
        checkpoint
            The state.
        seconds
            Time spent so far.
        """
        numbers: dict[str, Any] = {
            "iteration": np.array(checkpoint.iteration),
            "frame": np.array(checkpoint.frame),
            "octave": np.array(checkpoint.octave),
            "seconds": np.array(seconds),
        }
        arrays: dict[str, Any] = {
            f"array_{name}": value for name, value in checkpoint.arrays.items()
        }
        with write_whole(self.path / "interim.npz", overwrite=True) as part:
            np.savez(part, **numbers, **arrays)

    def checkpoint(self) -> tuple[Checkpoint, float] | None:
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
        from stst.engine.events import Checkpoint  # with torch, which a viewer has no time for

        return Checkpoint(int(iteration), data, int(frame), int(octave)), seconds

    def count_finished(self) -> int:
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
        for frame in range(self.count_finished()):
            path = self._frame(frame)
            images: Frames = _read(path, (key,))[key]
            if images.dtype != np.uint8 or images.ndim != 4 or len(images) <= sample:
                raise _damage_error(path, f"{key} is {images.dtype} of shape {images.shape}")
            yield images[sample]

    def statistics(self, sample: int) -> list[dict[str, Any]]:
        """Read one sample's statistics, frame by frame."""
        out = []
        for frame in range(self.count_finished()):
            path = self._frame(frame)
            text = str(_read(path, ("statistics",))["statistics"])
            try:
                out.append({"frame": frame, **json.loads(text)[sample]})
            except (ValueError, TypeError, LookupError, RecursionError) as error:
                raise _damage_error(path, "its statistics") from error
        return out

    def _frame(self, frame: int) -> Path:
        return self.path / "frames" / f"{frame:06d}.npz"


def _numbers(
    path: Path, data: Mapping[str, np.ndarray[Any, Any]], names: Sequence[str]
) -> list[float]:
    """Give single numbers by name."""
    for name in names:
        value = data[name]
        if value.dtype.kind not in "iuf" or value.size != 1 or not np.isfinite(value).all():
            raise _damage_error(path, f"{name} is {value.dtype} of shape {value.shape}")
    return [data[name].item() for name in names]


def _damage_error(path: Path, found: str) -> InputError:
    return InputError(f"{path} is missing or damaged ({found}). Start anew with `overwrite=True`.")


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
        raise _damage_error(path, f"not a whole file with {', '.join(names)}") from error
