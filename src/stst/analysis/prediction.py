"""Next-frame prediction by PredNet, frame by frame (Greco & Siegel 2024, figure 4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stst.analysis.images import SSIM_SIDE, Fit, Image, fit_frame, ssim
from stst.errors import InputError
from stst.models.prednet import PredNet, load_prednet
from stst.utils.devices import guarded, numerics, pick_device
from stst.video import Clip, first_frame
from stst.weights import brief
from stst.weights.prednet import Kernels

#: Frames that the network sees, the predicted one included.
WINDOW = 11
#: Height and width in pixels that PredNet was trained at.
SIZE = (128, 160)
# windows in one run of the network at the trained size: 0.3 GiB of activations
_BATCH = 4


@dataclass(frozen=True)
class Column:
    """One number per predicted frame; all have the unit 1.

    Attributes
    ----------
    name
        As in tables.
    title
        As in figures.
    """

    name: str
    title: str


#: Measures of the predicted frame; the errors of the levels come beside them.
MEASURES = (
    Column("ssim", "SSIM of frame and prediction"),
    Column("cssim", "cSSIM of the prediction"),
    Column("mse", "Mean squared error of the prediction"),
    Column("copy_last.ssim", "SSIM of frame and frame before"),
    Column("copy_last.mse", "Mean squared error of the frame before"),
)
#: In tables; its layers are ``level 0`` and so on.
PREDICTION_ERROR = Column("prediction_error", "Mean prediction error")


@dataclass(frozen=True)
class PredictionSettings:
    """How next frames are predicted.

    Attributes
    ----------
    weights
        A file or a name, see `stst.models.prednet.load_prednet`; ``"none"`` for a network with
        random weights (seed 0), which shows what the architecture alone does.
    fit
        How frames of another shape come to `size`: ``"stretch"`` as in the paper, or ``"crop"``,
        the largest centred part with the aspect ratio of `size`.
    size
        Height and width in pixels that the network sees.
    device
        See `stst.utils.devices.pick_device`.
    window
        Frames that the network sees, the predicted one included; the paper's 11.
    batch
        Windows in one run of the network; None for as many as take the memory of 4 at 128x160, at
        least one. The values agree to rounding.
    kernels
        See `stst.models.prednet.load_prednet`.
    """

    weights: str
    fit: Fit = "stretch"
    size: tuple[int, int] = SIZE
    device: str = "auto"
    window: int = WINDOW
    batch: int | None = None
    kernels: Kernels = "auto"

    @property
    def windows(self) -> int:
        """Windows in one run of the network."""
        if self.batch is not None:
            return self.batch
        return max(1, _BATCH * math.prod(SIZE) // math.prod(self.size))


@dataclass(frozen=True, eq=False)
class LoadedPredictor:
    """A network that is ready to predict.

    Attributes
    ----------
    model
        On `device`.
    settings
        What is done with it.
    device
        Where it computes.
    name
        Weights, input size and fit, as in the ``model`` column of tables.
    """

    model: PredNet
    settings: PredictionSettings
    device: torch.device
    name: str


@dataclass(frozen=True, eq=False)
class PredictedFrame:
    """A frame beside its prediction.

    Attributes
    ----------
    frame
        Number in the clip's own numbering.
    true, previous, predicted
        The frame, the one before, and the prediction as the network sees them: (H, W, 3) float64
        RGB in [0, 1].
    measures
        By the names of `MEASURES`.
    errors
        Mean prediction error of every level.
    """

    frame: int
    true: Image
    previous: Image
    predicted: Image
    measures: Mapping[str, float]
    errors: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Predictions:
    """How well the frames of one clip were predicted.

    Attributes
    ----------
    values
        By the name of the measure: (T,) float64; NaN for the first frames, which have no full
        window.
    errors
        (T, levels) mean prediction error; NaN likewise.
    model
        As in tables.
    fps
        Rate in Hz.
    start
        Number of the first frame in the clip's own numbering.
    """

    values: Mapping[str, NDArray[np.float64]]
    errors: NDArray[np.float64]
    model: str
    fps: Fraction
    start: int = 0

    def __len__(self) -> int:
        return len(self.errors)

    def rows(self, clip: str, reference: str | None = None) -> Iterator[dict[str, Any]]:
        """Give the rows of a tidy table, see `stst.analysis.tables`; none where undefined.

        Parameters
        ----------
        clip
            Name of the clip.
        reference
            Name of the natural clip that it stands beside; None for a natural clip.

        Yields
        ------
        dict
            A row for each frame and measure.
        """
        courses = [({"measure": name}, course) for name, course in self.values.items()]
        for level, course in enumerate(self.errors.T):
            courses.append(({"layer": f"level {level}", "measure": PREDICTION_ERROR.name}, course))
        same = {"clip": clip} if reference is None else {"clip": clip, "reference": reference}
        for named, course in courses:
            for place in np.flatnonzero(~np.isnan(course)):
                frame = self.start + int(place)
                yield {
                    **same,
                    "frame": frame,
                    "time_s": float(frame / self.fps),
                    "model": self.model,
                    **named,
                    "value": float(course[place]),
                    "unit": "1",
                }


@guarded()
def load_predictor(settings: PredictionSettings) -> LoadedPredictor:
    """Load PredNet and bring it to its device.

    Parameters
    ----------
    settings
        Weights, size and device.

    Returns
    -------
    LoadedPredictor
        On the device, in evaluation mode.

    Raises
    ------
    InputError
        If a setting is wrong, or the weights cannot be had.
    """
    device = pick_device(settings.device)
    model, provenance = load_prednet(settings.weights, kernels=settings.kernels)
    check_settings(settings, model.levels)
    height, width = settings.size
    name = f"prednet [weights={_weights(provenance)}; input={height}x{width} {settings.fit}]"
    return LoadedPredictor(model.to(device), settings, device, name)


def predictions(
    clip: Clip,
    loaded: LoadedPredictor,
    on_frame: Callable[[PredictedFrame], object] = lambda frame: None,
) -> Predictions:
    """Predict every frame of a clip from those before it and measure how well that went.

    Parameters
    ----------
    clip
        At least as long as the window.
    loaded
        Of `load_predictor`.
    on_frame
        Called with every predicted frame, e.g. to keep some as pictures; raising in it cancels.

    Returns
    -------
    Predictions
        ``ssim``: SSIM(f_t, f̂_t); ``cssim``: see `cssim`; ``mse``: mean squared difference of f_t
        and f̂_t. ``copy_last.ssim`` and ``copy_last.mse`` are those of f_{t−1} in place of f̂_t;
        its cSSIM is 0 by definition, as (1 − SSIM(f_{t−1}, f_{t−1})) is.

    Raises
    ------
    InputError
        If the clip is too short.
    """
    length = len(clip.frames)
    check_length(clip, loaded.settings.window)
    values = {one.name: np.full(length, np.nan) for one in MEASURES}
    errors: list[Sequence[float]] = []
    start = first_frame(clip)
    for one in predict_frames(clip, loaded):
        on_frame(one)
        for name, value in one.measures.items():
            values[name][one.frame - start] = value
        errors.append(one.errors)
    table = np.full((length, len(errors[0])), np.nan)
    table[length - len(errors) :] = errors
    return Predictions(values, table, loaded.name, clip.fps, start)


def predict_frames(clip: Clip, loaded: LoadedPredictor) -> Iterator[PredictedFrame]:
    """Predict frame after frame.

    From the zero state the network runs over f_{t−10} … f_t; f̂_t is its prediction at the last
    step, which has seen f_{t−10} … f_{t−1}, and the errors are those of this step.

    Yields
    ------
    PredictedFrame
        Of every frame that has a full window before it: ten fewer than there are frames.
    """
    settings, start, length = loaded.settings, first_frame(clip), len(clip.frames)
    before = settings.window - 1
    held: list[Tensor] = []
    for number in range(length):
        held.append(fit_frame(clip.frames[number], settings.size, settings.fit))
        new = len(held) - before
        if new == settings.windows or (number == length - 1 and new > 0):
            yield from _predict(held, start + number + 1 - new, loaded)
            held = held[-before:]


def _predict(held: list[Tensor], first: int, loaded: LoadedPredictor) -> Iterator[PredictedFrame]:
    """Predict all frames that have a full window; `first` is the number of the first of them."""
    window = loaded.settings.window
    windows = torch.stack(held).unfold(0, window, 1).movedim(-1, 1).contiguous()
    with numerics(loaded.device, "fp32"), torch.no_grad():
        output = loaded.model.run(windows.to(loaded.device))
        guesses, errors = output.prediction[:, -1].cpu(), output.errors[:, -1].cpu()
    for place, guess in enumerate(guesses):
        now, before, predicted = (
            one.permute(1, 2, 0).double().numpy()
            for one in (held[place + window - 1], held[place + window - 2], guess)
        )
        yield PredictedFrame(
            first + place,
            now,
            before,
            predicted,
            measure_prediction(before, now, predicted),
            tuple(errors[place].tolist()),
        )


def measure_prediction(before: Image, now: Image, predicted: Image) -> dict[str, float]:
    """Compare a prediction with the frame it stands for, and with the frame before.

    Parameters
    ----------
    before, now, predicted
        f_{t−1}, f_t and f̂_t: (H, W, 3) float64 RGB in [0, 1].

    Returns
    -------
    dict
        By the names of `MEASURES`.
    """
    close = ssim(now, predicted)
    return {
        "ssim": close,
        "cssim": cssim(close, ssim(before, predicted)),
        "mse": float(np.square(now - predicted).mean()),
        "copy_last.ssim": ssim(now, before),
        "copy_last.mse": float(np.square(now - before).mean()),
    }


def cssim(close: float, copied: float) -> float:
    """Correct the SSIM of a prediction for what copying the frame before would have given.

    Parameters
    ----------
    close
        SSIM(f_t, f̂_t).
    copied
        SSIM(f_{t−1}, f̂_t).

    Returns
    -------
    float
        ``(1 − SSIM(f_{t−1}, f̂_t)) · SSIM(f_t, f̂_t)`` (Greco & Siegel 2024); 0 for a copy.
    """
    return (1 - copied) * close


def check_length(clip: Clip, window: int = WINDOW) -> None:
    """Refuse a clip that is shorter than the window.

    Raises
    ------
    InputError
        Naming the clip, its length and the shortest that serves.
    """
    length = len(clip.frames)
    if length < window:
        name = clip.source.path if clip.source else "the clip"
        raise InputError(
            f"{name}: {length} frames; PredNet sees {window} frames for one prediction. "
            "Give a longer clip, or more frames of it."
        )


def check_settings(settings: PredictionSettings, levels: int) -> None:
    """Refuse settings that no network of so many levels can run with.

    Raises
    ------
    InputError
        Naming the setting, what was found and what is allowed.
    """
    if settings.fit not in get_args(Fit):
        raise InputError(f"fit: {settings.fit!r}; there are: {', '.join(get_args(Fit))}.")
    step = 2 ** (levels - 1)
    if any(side < SSIM_SIDE or side % step for side in settings.size):
        height, width = settings.size
        raise InputError(
            f"size: {height}x{width}; a network of {levels} levels takes heights and widths that "
            f"are multiples of {step}, and SSIM at least {SSIM_SIDE} pixels, e.g. 128x160."
        )
    for name, least in (("window", 2), ("batch", 1)):
        value = getattr(settings, name)
        if value is not None and value < least:
            raise InputError(f"{name}: {value}; it must be at least {least}.")


def _weights(provenance: Mapping[str, Any]) -> str:
    """Name weights as tables do: file and the beginning of its hash, or where they come from."""
    if "hash" not in provenance:
        return f"none ({provenance['source']})"
    turned = ", kernels rotated" if provenance.get("kernels_rotated") else ""
    return brief(str(provenance["file"]), str(provenance["hash"])) + turned
