"""PredNet, a network that predicts the next frame of a clip.

Lotter, Kreiman & Cox (2017), Deep predictive coding networks for video prediction and unsupervised
learning, ICLR; equations (1) to (4) and algorithm 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stst.errors import InputError
from stst.utils.devices import guarded
from stst.utils.noise import uniform_noise
from stst.weights.prednet import GATES, Kernels, read_prednet

STACK = (3, 48, 96, 192)
"""Channels of every level of the published network."""


@dataclass(frozen=True)
class PredNetState:
    """What is carried from one frame to the next; all zero before the first.

    Attributes
    ----------
    r, c, e
        Per level: representation and cell (B, stack[l], H/2^l, W/2^l), and error with twice the
        channels.
    prediction
        (B, 3, H, W) of the step before, which takes a frame's place in extrapolation.
    """

    r: tuple[Tensor, ...]
    c: tuple[Tensor, ...]
    e: tuple[Tensor, ...]
    prediction: Tensor


@dataclass(frozen=True)
class PredNetStep:
    """What one frame led to.

    Attributes
    ----------
    prediction
        (B, 3, H, W) in [0, 1]: what was expected before the frame was seen; Ahat of level 0.
    errors
        (B, levels): mean of E over its units.
    r, a, ahat
        Per level (B, stack[l], H/2^l, W/2^l).
    e
        Per level, with twice the channels: relu(Ahat − A), then relu(A − Ahat).
    """

    prediction: Tensor
    errors: Tensor
    r: tuple[Tensor, ...]
    a: tuple[Tensor, ...]
    ahat: tuple[Tensor, ...]
    e: tuple[Tensor, ...]


@dataclass(frozen=True)
class PredNetOutput:
    """What a clip led to.

    Attributes
    ----------
    prediction
        (B, T, 3, H, W) in [0, 1]; ``prediction[:, t]`` depends on the frames before t only.
    errors
        (B, T, levels): mean of E over its units.
    r, a, ahat, e
        Per level (B, T, channels, H/2^l, W/2^l), see `PredNetStep`; empty unless asked for.
    """

    prediction: Tensor
    errors: Tensor
    r: tuple[Tensor, ...] = ()
    a: tuple[Tensor, ...] = ()
    ahat: tuple[Tensor, ...] = ()
    e: tuple[Tensor, ...] = ()


class PredNet(nn.Module):
    """The published network with 3×3 filters, and as many levels and channels as asked for.

    Parameters
    ----------
    stack
        Channels of A and R at every level; the first is the frames'.
    seed
        Of the initial weights: uniform after Glorot & Bengio (2010), biases zero, as in Keras.
    """

    @guarded()
    def __init__(self, stack: Sequence[int] = STACK, seed: int = 0) -> None:
        super().__init__()
        self.stack = tuple(stack)
        if not self.stack or min(self.stack) < 1:
            raise InputError(f"stack: expected channels of one or more levels, found {stack}.")
        above = (*self.stack[1:], 0)
        pairs = list(zip(self.stack, above, strict=True))
        self.a = nn.ModuleList(_conv(2 * own, more) for own, more in pairs[:-1])
        self.ahat = nn.ModuleList(_conv(own, own) for own in self.stack)
        # one convolution for the four gates: the same numbers, in fewer passes over the input
        self.gates = nn.ModuleList(_conv(3 * own + more, len(GATES) * own) for own, more in pairs)
        self._initialize(seed)

    @property
    def levels(self) -> int:
        """How many levels predict, the one of the pixels included."""
        return len(self.stack)

    def _initialize(self, seed: int) -> None:
        for name, parameter in self.named_parameters():
            parts = len(GATES) if name.startswith("gates") else 1
            outputs, inputs = parameter.shape[0] // parts, parameter[:1].numel()
            limit = (6 / (inputs + 9 * outputs)) ** 0.5 if parameter.ndim == 4 else 0.0
            noise = uniform_noise(seed, 0, f"prednet/{name}", parameter.shape)
            parameter.data = (2 * noise - 1) * limit

    def start(self, batch: int, height: int, width: int) -> PredNetState:
        """Give the state before the first frame: zeros, on the parameters' device.

        Raises
        ------
        InputError
            See `check_size`.
        """
        check_size(self.levels, height, width)
        like = next(self.parameters())

        def zeros(factor: int) -> tuple[Tensor, ...]:
            return tuple(
                like.new_zeros(batch, factor * channels, height >> level, width >> level)
                for level, channels in enumerate(self.stack)
            )

        blank = like.new_zeros(batch, self.stack[0], height, width)
        return PredNetState(zeros(1), zeros(1), zeros(2), blank)

    @guarded(gradients=False)
    def step(self, state: PredNetState, frame: Tensor | None) -> tuple[PredNetStep, PredNetState]:
        """Predict a frame, then see it (algorithm 1 of the paper).

        Parameters
        ----------
        state
            From `start` or the step before.
        frame
            (B, 3, H, W) in [0, 1], of the parameters' precision; None to go on with the previous
            prediction in its place.

        Returns
        -------
        PredNetStep
            What it led to.
        PredNetState
            For the next step.
        """
        r, c = self._represent(state)
        a = state.prediction if frame is None else frame
        seen, expected, errors = [], [], []
        for level, predict in enumerate(self.ahat):
            ahat = F.relu(predict(r[level]))
            if level == 0:
                ahat = ahat.clamp(max=1.0)  # pixel_max
            e = torch.cat([F.relu(ahat - a), F.relu(a - ahat)], dim=1)
            seen.append(a)
            expected.append(ahat)
            errors.append(e)
            if level + 1 < self.levels:
                a = F.max_pool2d(F.relu(self.a[level](e)), 2)
        means = torch.stack([e.mean(dim=(1, 2, 3)) for e in errors], dim=1)
        step = PredNetStep(expected[0], means, r, tuple(seen), tuple(expected), tuple(errors))
        return step, PredNetState(r, c, step.e, step.prediction)

    def _represent(self, state: PredNetState) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Update representations and cells, from the top level down."""
        r, c = list(state.r), list(state.c)
        for level in reversed(range(self.levels)):
            inputs = [state.r[level], state.e[level]]
            if level + 1 < self.levels:
                inputs.append(F.interpolate(r[level + 1], scale_factor=2.0, mode="nearest"))
            gates = self.gates[level](torch.cat(inputs, dim=1))
            i, f, new, o = gates.chunk(len(GATES), dim=1)
            c[level] = hard_sigmoid(f) * state.c[level] + hard_sigmoid(i) * new.tanh()
            r[level] = hard_sigmoid(o) * c[level].tanh()
        return tuple(r), tuple(c)

    @guarded(gradients=False)
    def steps(
        self, frames: Iterable[Tensor], extrapolate_from: int | None = None
    ) -> Iterator[PredNetStep]:
        """Run over a clip, keeping nothing but the state.

        Parameters
        ----------
        frames
            One after the other, (B, 3, H, W) each, see `step`.
        extrapolate_from
            From this frame on (0-based, at least 1) the previous prediction takes the frame's
            place: the network sees its own predictions.

        Yields
        ------
        PredNetStep
            One for every frame.

        Raises
        ------
        InputError
            If a frame's shape or precision is wrong.
        """
        if extrapolate_from is not None and extrapolate_from < 1:
            raise InputError(
                f"extrapolate_from: {extrapolate_from}, expected 1 or more; there is no "
                "prediction before the first frame."
            )
        state: PredNetState | None = None
        for number, frame in enumerate(frames):
            self._check_frame(frame)
            if state is None:
                state = self.start(frame.shape[0], *frame.shape[-2:])
            own = extrapolate_from is not None and number >= extrapolate_from
            step, state = self.step(state, None if own else frame)
            yield step

    def _check_frame(self, frame: Tensor) -> None:
        like = next(self.parameters())
        if frame.ndim != 4 or frame.shape[1] != self.stack[0]:
            raise InputError(
                f"PredNet takes frames of shape (batch, {self.stack[0]}, height, width), found "
                f"{tuple(frame.shape)}."
            )
        if frame.dtype != like.dtype:
            raise InputError(f"PredNet computes in {like.dtype}, the frames are {frame.dtype}.")

    @guarded(gradients=False)
    def run(
        self,
        frames: Tensor,
        extrapolate_from: int | None = None,
        representations: bool = False,
    ) -> PredNetOutput:
        """Run over a clip from the zero state.

        Parameters
        ----------
        frames
            (B, T, 3, H, W) in [0, 1], T ≥ 1; H and W multiples of 2^(levels − 1).
        extrapolate_from
            See `steps`.
        representations
            Also give R, A, Ahat and E of all levels.

        Returns
        -------
        PredNetOutput
            On the frames' device. Differentiable unless under `torch.no_grad`.

        Raises
        ------
        InputError
            If shape, size or precision is wrong.
        """
        if frames.ndim != 5 or frames.shape[1] < 1:
            raise InputError(
                f"PredNet takes clips of shape (batch, frames, {self.stack[0]}, height, width), "
                f"found {tuple(frames.shape)}."
            )
        steps = self.steps(frames.unbind(dim=1), extrapolate_from)
        if not representations:
            both = [(step.prediction, step.errors) for step in steps]
            predictions, errors = zip(*both, strict=True)
            return PredNetOutput(torch.stack(predictions, dim=1), torch.stack(errors, dim=1))
        kept = list(steps)
        levels = {
            name: _over_time([getattr(step, name) for step in kept])
            for name in ("r", "a", "ahat", "e")
        }
        return PredNetOutput(
            torch.stack([step.prediction for step in kept], dim=1),
            torch.stack([step.errors for step in kept], dim=1),
            **levels,
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Give the predictions of `run`."""
        return self.run(frames).prediction


@guarded()
def load_prednet(
    source: str | Path,
    *,
    kernels: Kernels = "auto",
    stack: Sequence[int] = STACK,
    seed: int = 0,
) -> tuple[PredNet, Mapping[str, Any]]:
    """Load PredNet from a file.

    Parameters
    ----------
    source
        The authors' file (``.hdf5``, ``.h5``) of Keras 2 or Keras 1, one that
        `stst train-prednet` made (``.safetensors``), or ``"none"`` for random weights.
    kernels
        ``"rotated"`` if a Keras file was written with Theano, whose convolutions rotate the
        kernels by 180°; ``"as-is"`` if not; ``"auto"`` goes by what the file says: the backend
        that it names, or in Keras 1, whose files name none, the ``:0`` after TensorFlow's names.
    stack, seed
        Of the random weights; a file says its own stack.

    Returns
    -------
    PredNet
        In evaluation mode, without gradients for its parameters.
    dict
        Provenance for a sidecar: name, file, hash, source, verified, stack; for a file of our own
        also how it was trained.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, incomplete or holds something else; names the
        first array that is wrong.
    """
    if source == "none":
        model = PredNet(stack, seed)
        provenance: dict[str, Any] = {
            "name": "prednet (untrained)",
            "source": f"random, seed {seed}",
            "verified": False,
            "stack": list(model.stack),
        }
    else:
        read = read_prednet(Path(source).expanduser(), kernels)
        model = PredNet(read.stack)
        model.load_state_dict(read.tensors)
        provenance = read.provenance()
    return model.eval().requires_grad_(False), provenance


def check_size(levels: int, height: int, width: int) -> None:
    """Refuse a size that cannot be halved from level to level.

    Raises
    ------
    InputError
        Naming the size, and the nearest smaller one that can be.
    """
    unit = 1 << (levels - 1)
    if height % unit or width % unit or min(height, width) < unit:
        fits = "x".join(str(max(side // unit, 1) * unit) for side in (height, width))
        raise InputError(
            f"PredNet with {levels} levels takes frames whose sides are multiples of {unit} px, "
            f"these have {height}x{width}. {fits} fits."
        )


def hard_sigmoid(values: Tensor) -> Tensor:
    """Clip 0.2 x + 0.5 to [0, 1], as Keras 2 does; torch's own has another slope."""
    return (0.2 * values + 0.5).clamp(0.0, 1.0)


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    # without torch's own random weights, which would be drawn from the generator of everyone
    made: nn.Conv2d = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Conv2d, inputs, outputs, kernel_size=3, padding=1
    )
    return made


def _over_time(values: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    return tuple(torch.stack(level, dim=1) for level in zip(*values, strict=True))
