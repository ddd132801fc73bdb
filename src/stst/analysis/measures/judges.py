"""Independent classifiers that say what is seen in a clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stst.config.cka import ClassifierSpec, choice_text
from stst.errors import InputError
from stst.models.build import Built, built
from stst.models.classifiers import LoadedClassifier, load_built
from stst.models.factory import read_numbers
from stst.models.torchvision_weights import get_member
from stst.types import Frames
from stst.utils.devices import guarded
from stst.video import Clip

Values = NDArray[np.float64]

# sums of probabilities in float32 are that close to 1
_ROUNDING = 1e-4


@dataclass(frozen=True, eq=False)
class Judge:
    """A classifier of images or videos that is shown stimuli.

    Attributes
    ----------
    title
        The model, and its weights where these are not the default, as a user writes them.
    model
        The classifier, run as a whole.
    categories
        Names of its classes; empty where it does not tell them.
    notes
        What a user should know, one sentence each.
    """

    title: str
    model: LoadedClassifier
    categories: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def probabilities(self, frames: Frames) -> Values:
        """Judge a frame, or a window of a video model.

        Parameters
        ----------
        frames
            (window, H, W, 3) uint8 RGB.

        Returns
        -------
        numpy.ndarray
            (classes,) float64, the softmax of the model's scores; sums to 1.

        Raises
        ------
        InputError
            If the frames do not fit the model, or it gives no scores of classes.
        """
        scores = self.model.output(frames)
        return _softmax(self._checked(scores).double().cpu().numpy())

    def windows(self, length: int) -> int:
        """Count what it sees of a clip, one after the other.

        Parameters
        ----------
        length
            Of the clip in frames.

        Returns
        -------
        int
            Frames, or windows of a video model; 0 for a clip that is shorter than one.
        """
        return max(0, length - self.model.window + 1)

    def watch(self, clip: Clip, on_frame: Callable[[int], None]) -> Iterator[Values]:
        """Judge a clip, window by window; every frame is decoded once.

        Parameters
        ----------
        clip
            At least as long as the model's window.
        on_frame
            Called with the 0-based number of every window once it is judged.

        Yields
        ------
        numpy.ndarray
            (classes,), see `probabilities`.
        """
        recent: deque[Frames] = deque(maxlen=self.model.window)
        for number, frame in enumerate(clip.frames):
            recent.append(frame)
            if len(recent) == self.model.window:
                judged = self.probabilities(np.stack(recent))
                on_frame(number - self.model.window + 1)
                yield judged

    def _checked(self, scores: object) -> Tensor:
        """Refuse what are no scores, one for each class."""
        if not isinstance(scores, Tensor) or scores.ndim != 2 or len(scores) != 1:
            found = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
            raise InputError(
                f"{self.title}: gives {found} for one input; expected scores (1, classes). A judge "
                "is a classifier: let its factory return one."
            )
        if not bool(scores.isfinite().all()):
            raise InputError(f"{self.title}: gives scores that are not finite.")
        count = scores.shape[1]
        if self.categories and len(self.categories) != count:
            raise InputError(
                f"{self.title}: names {len(self.categories)} classes and scores {count}."
            )
        if bool((scores >= 0).all()) and abs(float(scores.sum()) - 1) < _ROUNDING:
            raise InputError(
                f"{self.title}: gives probabilities, which sum to 1; expected scores before the "
                "softmax. Let its factory leave the softmax out."
            )
        return scores[0]


@guarded()
def load_judge(choice: ClassifierSpec, device: torch.device) -> Judge:
    """Build a classifier as a judge, on a device.

    Parameters
    ----------
    choice
        Its layers do not matter. ``package.module:factory`` is imported, which runs its code:
        where the choice was read in a file, the caller asks for trust first. An own model may say
        of itself, by attributes: ``categories`` or ``classes`` (names of its classes), ``mean`` and
        ``std`` (three numbers each, of values in [0, 1]) and ``frame_size`` (height, width, which
        frames are resized to); what the choice says goes first.
    device
        See `stst.utils.devices.pick_device`.

    Returns
    -------
    Judge
        On the device, in evaluation mode.

    Raises
    ------
    InputError
        If there is no such model, what it says of itself cannot be, or its weights are not here or
        do not fit.
    """
    model = built(choice)
    own = ":" in choice.model
    said = _as_it_says(choice, model.module) if own else choice
    whole = load_built(said, model, (), device)
    whole.extractor.requires_grad_(False)
    names = _own_categories(choice.model, model.module) if own else _categories(choice)
    title = choice_text(choice.model, choice.weights, ())
    return Judge(title, whole, names, (*whole.notes, *_random_weights(title, choice, model)))


def _as_it_says(choice: ClassifierSpec, module: nn.Module) -> ClassifierSpec:
    """Fill in what an own model says of the frames that it takes."""
    origin = f"model {choice.model}"
    found = {name: read_numbers(module, name, 3, origin) for name in ("mean", "std")}
    size = read_numbers(module, "frame_size", 2, origin)
    if found["std"] is not None and min(found["std"]) <= 0:
        raise InputError(f"{origin}: its std is {found['std']}; every value must be above 0.")
    if size is not None and choice.input == "default":
        choice = replace(choice, input=f"{int(size[0])}x{int(size[1])}")
    for name, value in found.items():
        if value is not None and getattr(choice, name) is None:
            choice = replace(choice, **{name: value})  # type: ignore[arg-type]
    return choice


def _own_categories(model: str, module: nn.Module) -> tuple[str, ...]:
    for name in ("categories", "classes"):
        value = getattr(module, name, None)
        # other models have a method or a number of this name
        if isinstance(value, list | tuple):
            return tuple(str(one) for one in value)
    return ()


def _categories(choice: ClassifierSpec) -> tuple[str, ...]:
    """Look up the names that torchvision has for the classes of its own weights."""
    named = None if choice.weights == "none" else get_member(choice.model, choice.weights)
    member = get_member(choice.model, "default") if named is None else named
    return tuple(member.meta["categories"]) if member is not None else ()


def _random_weights(title: str, choice: ClassifierSpec, model: Built) -> Iterator[str]:
    if ":" not in choice.model and model.weights is None:
        yield f"{title}: its weights are random, so what it recognises says nothing."


def _softmax(scores: Values) -> Values:
    powers = np.exp(scores - scores.max())
    out: Values = powers / powers.sum()
    return out
