"""How PredNet is trained: loss, optimizer, what a step does, and how good the result is.

Lotter, Kreiman & Cox (2017), section 2 and appendix: mean errors of the levels, weighted over
levels and time; Adam, its rate a tenth in the second half; sequences of 10 frames in batches of 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from stst.analysis.images import Fit
from stst.engine.loop import Adam
from stst.errors import DivergedError, InputError
from stst.models.prednet import STACK, PredNet, check_size
from stst.training.sequences import Sequences, windows
from stst.types import Frames

Loss = Literal["l0", "lall"]
Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]

#: Weight in the loss ``lall`` of every level above the first.
HIGHER = 0.1
_BETAS = (0.9, 0.999)  # of Keras, which the authors left as they are
STEPS = 150 * 500 // 4
"""Of the authors: 150 epochs of 500 sequences, in batches of 4."""


@dataclass(frozen=True)
class TrainingSettings:
    """What training depends on besides the clips.

    Attributes
    ----------
    loss
        ``"l0"``: the error of the lowest level only; ``"lall"``: those of the others, too, with a
        weight of 0.1.
    size
        Height and width in pixels.
    fit
        How frames of another shape come to `size`: ``"stretch"``, or ``"crop"``.
    stack
        Channels of every level; the first is 3.
    steps
        Updates of the weights.
    batch
        Sequences in an update.
    sequence
        Frames in a sequence; the first one's error does not count.
    skip
        Frames left out between two of a sequence.
    learning_rate
        Of Adam; a tenth of it in the second half.
    flip
        Whether sequences are mirrored at random.
    seed
        Of the initial weights and the draws.
    """

    loss: Loss = "l0"
    size: tuple[int, int] = (128, 160)
    fit: Fit = "stretch"
    stack: tuple[int, ...] = STACK
    steps: int = STEPS
    batch: int = 4
    sequence: int = 10
    skip: int = 0
    learning_rate: float = 0.001
    flip: bool = False
    seed: int = 0

    def check(self) -> None:
        """Refuse what cannot be trained with.

        Raises
        ------
        InputError
            Naming the setting, what was found and what is allowed.
        """
        for name, allowed in (("loss", get_args(Loss)), ("fit", get_args(Fit))):
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"{name}: {getattr(self, name)!r}; there are: {', '.join(allowed)}."
                )
        for name, least in (("steps", 1), ("batch", 1), ("sequence", 2), ("skip", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name}: {getattr(self, name)}; it must be at least {least}.")
        if not 0 < self.learning_rate <= 1:
            raise InputError(f"lr: {self.learning_rate}; it must be more than 0, at most 1.")
        if not self.stack or self.stack[0] != 3 or min(self.stack) < 1:
            raise InputError(
                f"stack: {','.join(map(str, self.stack))}; it must begin with the 3 channels of a "
                "frame, and every level has at least 1."
            )
        check_size(len(self.stack), *self.size)


def weigh_errors(errors: Tensor, loss: Loss) -> Tensor:
    """Weight mean errors (B, T, levels) over levels and time, and give the mean over the batch.

    The first step's weight is 0, for nothing can be known beforehand of the first frame; the
    others' are equal and sum to 1 (equation 5 and section 3.1 of the paper).
    """
    higher = HIGHER if loss == "lall" else 0.0
    weights = [1.0] + [higher] * (errors.shape[2] - 1)
    return (errors[:, 1:] * errors.new_tensor(weights)).sum(dim=2).mean()


class Trainer:
    """A network, its optimizer, and how many steps were done.

    Parameters
    ----------
    settings
        Checked already.
    sequences
        What is drawn from.
    device
        Where to compute.
    """

    def __init__(
        self, settings: TrainingSettings, sequences: Sequences, device: torch.device
    ) -> None:
        self.settings, self.done = settings, 0
        self._sequences, self._device = sequences, device
        self.model = PredNet(settings.stack, settings.seed).to(device)
        self._rules = {name: Adam(_BETAS) for name, _ in self.model.named_parameters()}

    def step(self) -> float:
        """Update the weights once and give the loss before that.

        Raises
        ------
        DivergedError
            If the loss is not finite; the weights are as before.
        """
        settings = self.settings
        second_half = 2 * self.done >= settings.steps
        rate = settings.learning_rate * (0.1 if second_half else 1.0)
        frames = self._sequences.batch(self.done, settings.batch).to(self._device)
        loss = weigh_errors(self.model.run(frames).errors, settings.loss)
        value = float(loss.detach())
        if not np.isfinite(value):
            raise DivergedError(
                f"The loss of step {self.done + 1} is {value}. Train with a smaller "
                "`learning_rate`."
            )
        parameters = dict(self.model.named_parameters())
        gradients = torch.autograd.grad(loss, list(parameters.values()))
        with torch.no_grad():
            for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
                parameter.sub_(self._rules[name].step(parameter, gradient, rate))
        self.done += 1
        return value

    def state(self) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
        """Give everything that the next step depends on."""
        arrays = {"step": np.array(self.done)}
        for name, parameter in self.model.named_parameters():
            kept = {"weights": parameter.detach(), **self._rules[name].memory()}
            for key, tensor in kept.items():
                arrays[f"{key}/{name}"] = tensor.cpu().numpy().copy()
        return arrays

    def restore(self, arrays: Arrays) -> None:
        """Go on from what `state` gave."""
        self.done = int(arrays["step"])
        for name, parameter in self.model.named_parameters():
            parameter.data.copy_(torch.from_numpy(arrays[f"weights/{name}"]))
            rule = self._rules[name] = Adam(_BETAS)
            memory = {
                key: torch.from_numpy(arrays[f"{key}/{name}"]).clone().to(self._device)
                for key in ("first_moment", "second_moment")
                if self.done
            }
            rule.restore(memory, self.done)


@dataclass(frozen=True)
class Validation:
    """How well the next frame of a clip is predicted.

    Attributes
    ----------
    model
        Mean squared error of the predictions, of values in [0, 1].
    copy
        That of the last frame, taken for the next one.
    frames
        Number of frames that were predicted.
    """

    model: float
    copy: float
    frames: int


def validate(model: PredNet, frames: Frames, sequence: int, skip: int = 0) -> Validation:
    """Compare predictions with copies of the last frame (section 3.2 of the paper).

    Parameters
    ----------
    model
        On any device.
    frames
        (T, H, W, 3) uint8 RGB at the model's size; cut into sequences that begin from the zero
        state. The first frame of each does not count.
    sequence, skip
        See `TrainingSettings`.
    """
    device = next(model.parameters()).device
    totals = np.zeros(3)

    for clip in windows(frames, sequence, skip):
        clip = clip.to(device)
        with torch.no_grad():
            predicted = model.run(clip).prediction[:, 1:]
        now, before = clip[:, 1:], clip[:, :-1]
        squared = [float((guess - now).square().mean()) for guess in (predicted, before)]
        totals += np.array([*squared, 1]) * now.shape[1]
    model_error, copy_error = totals[:2] / totals[2]
    return Validation(float(model_error), float(copy_error), int(totals[2]))
