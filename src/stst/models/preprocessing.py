"""How frames become the input of an image or video model: resized, cropped, normalised, or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stst.config.cka import ClassifierSpec, channel_words
from stst.types import Frames

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class Preprocessing:
    """What is done to every frame, in this order.

    Attributes
    ----------
    resize
        Height and width in pixels, or the length of the shorter side alone; None: not resized.
    crop
        Height and width that are cut from the centre; None: nothing is.
    interpolation, antialias
        Of resizing, as torchvision calls them.
    mean, std
        Subtracted from, and divided into, red, green and blue in [0, 1].
    """

    resize: tuple[int, ...] | None = None
    crop: tuple[int, int] | None = None
    interpolation: str = "bilinear"
    antialias: bool = True
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)

    def __call__(self, frames: Frames) -> Tensor:
        """Prepare frames on the CPU, so that every device sees the same.

        Parameters
        ----------
        frames
            (T, H, W, 3) uint8 RGB.

        Returns
        -------
        Tensor
            (T, 3, h, w) float32. As in torchvision's own transforms, resized frames are rounded
            to whole grey values before they are normalised.
        """
        from torchvision.transforms import InterpolationMode, functional

        values = torch.from_numpy(frames).permute(0, 3, 1, 2)
        if self.resize is not None:
            values = functional.resize(
                values,
                list(self.resize),
                interpolation=InterpolationMode(self.interpolation),
                antialias=self.antialias,
            )
        if self.crop is not None:
            values = functional.center_crop(values, list(self.crop))
        values = functional.convert_image_dtype(values, torch.float32)
        out: Tensor = functional.normalize(values, list(self.mean), list(self.std))
        return out

    def __str__(self) -> str:
        """Say what is done, as the column ``model`` of tables does."""
        steps = []
        if self.resize is not None:
            smooth = " antialias" if self.antialias else ""
            steps.append(f"resize {_by(self.resize)} {self.interpolation}{smooth} in 8 bits")
        if self.crop is not None:
            steps.append(f"crop {_by(self.crop)}")
        mean, std = channel_words(self.mean), channel_words(self.std)
        return f"input={', '.join(steps) or 'native'}; mean={mean}; std={std}"


def preprocessing(choice: ClassifierSpec, preset: Any) -> Preprocessing:
    """Say how frames are brought to a model.

    Parameters
    ----------
    choice
        Where it says something, that is done.
    preset
        The transforms that torchvision states for the weights; None for an own model, whose
        frames are neither resized nor normalised.
    """
    size = choice.input_size
    resize: tuple[int, ...] | None = size
    crop, interpolation, antialias = None, "bilinear", True
    if choice.input == "default" and preset is not None:
        resize, sides = tuple(preset.resize_size), tuple(preset.crop_size)
        crop = (sides[0], sides[-1])
        interpolation = preset.interpolation.value
        # the transforms of video models have no such attribute: they never smooth
        antialias = bool(getattr(preset, "antialias", False))
    mean = choice.mean or (tuple(preset.mean) if preset is not None else Preprocessing.mean)
    std = choice.std or (tuple(preset.std) if preset is not None else Preprocessing.std)
    return Preprocessing(resize, crop, interpolation, antialias, mean, std)


def _by(sides: tuple[int, ...]) -> str:
    return "x".join(map(str, sides))
