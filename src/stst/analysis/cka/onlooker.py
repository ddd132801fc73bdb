"""What a vision model makes of clips that it is shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stst.analysis.cka.similarity import Kernel, as_examples, kernel, kernel_cka
from stst.analysis.cka.unrelated import UnrelatedClip, crop_to
from stst.analysis.nulls import shuffle_pixels
from stst.config.cka import CkaSettings, Estimator
from stst.errors import InputError
from stst.types import Frames
from stst.utils.devices import free_memory
from stst.video import Clip, as_grey, spread

if TYPE_CHECKING:
    from stst.models.classifiers import LoadedClassifier

#: At most so many frames (or windows) of a clip stand for it in a null, evenly spread.
NULL_FRAMES = 5
_LEAST = 4  # examples that the unbiased estimator needs

#: CKA, one number for each pair.
Values: TypeAlias = NDArray[np.float64]


@dataclass(eq=False)
class Seen:
    """What a model makes of a clip, at frames that stand for it.

    Attributes
    ----------
    kernels
        By layer: of each of these frames; with frames as examples one of all.
    against
        By another clip: CKA of all pairs of their frames, by layer and estimator.
    """

    kernels: dict[str, list[Kernel]]
    against: WeakKeyDictionary[Seen, dict[tuple[str, Estimator], Values]] = field(
        default_factory=WeakKeyDictionary
    )

    def add(self, kernels: Mapping[str, Kernel]) -> None:
        """Take in what the model made of another frame."""
        for layer, one in kernels.items():
            self.kernels[layer].append(one)

    def values(self, other: Seen, layer: str, estimator: Estimator) -> Values:
        """Compare every frame with every frame of another clip."""
        known = self.against.setdefault(other, {})
        if (layer, estimator) not in known:
            pairs = product(self.kernels[layer], other.kernels[layer])
            known[layer, estimator] = np.array([_alike(*pair, estimator) for pair in pairs])
        return known[layer, estimator]


def _alike(x: Kernel, y: Kernel, estimator: Estimator) -> float:
    """Compute CKA over as many examples as the shorter clip has frames."""
    count = min(len(x), len(y))
    x, y = (one if len(one) == count else one.first(count) for one in (x, y))
    return kernel_cka(x, y, estimator)


@dataclass(frozen=True, eq=False)
class Onlooker:
    """A model that is shown clips.

    Attributes
    ----------
    model
        Of which the layers are compared.
    settings
        What is compared.
    done
        Called whenever a frame (or a window of a video model) has been through the model.
    """

    model: LoadedClassifier
    settings: CkaSettings
    done: Callable[[], None] = lambda: None

    def windows(self, length: int) -> int:
        """Count what the model sees of so many frames, one after the other."""
        return max(0, length - self.model.window + 1)

    def count(self, length: int) -> int:
        """Count the windows that stand for a clip in a null."""
        windows = self.windows(length)
        return windows if self.settings.examples == "frames" else min(windows, NULL_FRAMES)

    def least(self, natural: Clip) -> int:
        """Say how many windows an unrelated clip needs to be compared with a natural one."""
        if self.settings.examples != "frames":
            return 1
        return max(1, min(_LEAST, self.windows(len(natural.frames))))

    def long_enough(self, clips: Sequence[UnrelatedClip], natural: Clip) -> list[UnrelatedClip]:
        """Choose the unrelated clips that can be compared with a natural one."""
        least = self.least(natural)
        return [one for one in clips if self.windows(len(one.clip.frames)) >= least]

    def length(self, one: UnrelatedClip, natural: Clip) -> int:
        """Count the frames of an unrelated clip of which some are shown, or all."""
        length = len(one.clip.frames)
        return min(length, len(natural.frames)) if self.settings.examples == "frames" else length

    def kernels(self, frames: Iterable[Frames]) -> Iterator[dict[str, Kernel]]:
        """Show a clip to the model, window by window, and give what is compared of each layer."""
        for found in self._activations(frames):
            yield {
                layer: kernel(as_examples(one, self.settings.examples))
                for layer, one in found.items()
            }

    def _activations(self, frames: Iterable[Frames]) -> Iterator[dict[str, Tensor]]:
        """Show a clip to the model; every frame is decoded once."""
        recent: deque[Frames] = deque(maxlen=self.model.window)
        for frame in frames:
            recent.append(frame)
            if len(recent) == self.model.window:
                found = self.model.activations(np.stack(recent))
                self.done()
                yield found

    def empty(self) -> Seen:
        """Give what is made of a clip before any of it is shown."""
        return Seen({layer: [] for layer in self.model.layers})

    def show(self, frames: Any, length: int) -> Seen:
        """Show those of the first `length` frames that stand for a clip."""
        if self.settings.examples == "frames":
            return Seen(self._clip_kernels(frames, length))
        seen = self.empty()
        for start in spread(self.windows(length), NULL_FRAMES):
            window = (frames[start + place] for place in range(self.model.window))
            for kernels in self.kernels(window):
                seen.add(kernels)
        return seen

    def show_unrelated(self, one: UnrelatedClip, natural: Clip, grey: bool) -> Seen:
        """Show an unrelated clip, or recall what the model made of it."""
        height, width = natural.frames.shape[1:3]
        length = self.length(one, natural)
        known = one.seen.setdefault(self.model, {})
        key = height, width, self.settings.examples, length, grey
        if key in known:
            for _ in range(self.count(length)):
                self.done()
        else:
            frames = _Changed(one.clip, lambda frame, _: _fit(frame, (height, width), grey))
            known[key] = self.show(frames, length)
        seen: Seen = known[key]
        return seen

    def show_noise(self, natural: Clip) -> Seen:
        """Show noise that has the colours, the mean and the contrast of a clip's frames."""
        return self.show(_Changed(natural, shuffle_pixels), len(natural.frames))

    def _clip_kernels(self, frames: Any, length: int) -> dict[str, list[Kernel]]:
        """Compute how alike all frames of a clip are to one another, layer by layer."""
        held: dict[str, Tensor] = {}
        count = self.windows(length)
        every = (frames[place] for place in range(length))
        for place, found in enumerate(self._activations(every)):
            if not held:
                _check_memory(count, found, self.model)
                held = {
                    layer: torch.empty(count, one.numel(), dtype=torch.float32, device="cpu")
                    for layer, one in found.items()
                }
            for layer, one in found.items():
                held[layer][place] = one.flatten()
        return {layer: [kernel(held.pop(layer))] for layer in self.model.layers}


def _fit(frame: Frames, size: tuple[int, int], grey: bool) -> Frames:
    sized = crop_to(frame, size)
    return as_grey(sized) if grey else sized


@dataclass(frozen=True, eq=False)
class _Changed:
    """Frames of a clip that are changed as they are asked for."""

    clip: Clip
    change: Callable[[Frames, int], Frames]

    def __getitem__(self, place: int) -> Frames:
        return self.change(self.clip.frames[place], place)


def _check_memory(count: int, found: Mapping[str, Tensor], model: LoadedClassifier) -> None:
    units = sum(one.numel() for one in found.values())
    needed, free = 4 * units * count, free_memory(torch.device("cpu"))
    if free is not None and needed > free:
        raise InputError(
            f"{model.name}: with frames as examples all {units} units of {count} frames are held, "
            f"{needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free. Choose fewer layers or "
            "deeper ones, fewer frames, or a smaller `max_side`."
        )
