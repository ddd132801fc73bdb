"""Video classifiers that can be inverted, or that verify: how clips are brought to them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from stst.config.cka import ClassifierSpec
from stst.config.leaps import VIDEO_MODELS
from stst.errors import InputError, first_line
from stst.methods.leaps.catalog import ZOO, Setting, built_of_zoo, zoo_names
from stst.methods.leaps.layers import is_normalization, watch_inputs, with_statistics
from stst.models.build import Built, built
from stst.models.factory import read_numbers
from stst.models.preprocessing import Channels, Preprocessing, preprocessing
from stst.models.torchvision_weights import get_member
from stst.utils.devices import guarded


@dataclass(frozen=True, eq=False)
class VideoModel:
    """A video classifier and what it says of itself.

    Attributes
    ----------
    name
        As the user gave it.
    module
        Takes (B, 3, T, H, W), gives (B, classes).
    categories
        Names of its classes; empty where it does not tell them.
    prepare
        How frames are brought to it.
    length
        Frames of the clips that it was made for; None where it does not say.
    size
        Their height and width in pixels, likewise.
    rate
        Their rate in Hz, likewise.
    weights
        As a sidecar has them; None where nothing was loaded.
    label
        What is said of the weights.
    """

    name: str
    module: nn.Module
    categories: tuple[str, ...]
    prepare: Preprocessing
    length: int | None
    size: tuple[int, int] | None
    rate: Fraction | None
    weights: Mapping[str, Any] | None
    label: str

    @property
    def mean(self) -> Channels:
        """Subtracted from red, green and blue in [0, 1]."""
        return self.prepare.mean

    @property
    def std(self) -> Channels:
        """What is left is divided by this."""
        return self.prepare.std

    def to(self, device: torch.device) -> VideoModel:
        """Move the model in place."""
        self.module.to(device)
        return self

    def classes(self, length: int, size: tuple[int, int], setting: Setting = "model") -> int:
        """Show the model an empty clip and count its classes.

        Raises
        ------
        InputError
            If it cannot take a clip of that length and size, or gives no scores of classes.
        """
        device = next((one.device for one in self.module.parameters()), torch.device("cpu"))
        clip = torch.zeros(1, 3, length, *size, device=device)
        with torch.no_grad():
            try:
                scores = self.module(clip)
            except (RuntimeError, AssertionError, ValueError, IndexError, TypeError) as error:
                if "out of memory" in str(error) or "DefaultCPUAllocator" in str(error):
                    raise
                raise InputError(
                    f"`{setting}` {self.name}: cannot take {length} frames of "
                    f"{size[0]}x{size[1]} px ({first_line(error)}). {self._describe_input()}Give "
                    "`length` and `size` that it takes."
                ) from error
        if not isinstance(scores, Tensor) or scores.ndim != 2 or len(scores) != 1:
            found = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
            raise InputError(
                f"`{setting}` {self.name}: gives {found} for one clip; expected scores "
                "(1, classes)."
            )
        count = int(scores.shape[1])
        if self.categories and len(self.categories) != count:
            raise InputError(
                f"`{setting}` {self.name}: names {len(self.categories)} classes and scores {count}."
            )
        return count

    def _describe_input(self) -> str:
        if self.length is None or self.size is None:
            return ""
        return f"It was made for {self.length} frames of {self.size[0]}x{self.size[1]} px. "


@guarded()
def load_video_model(
    model: str, weights: str, size: str | None = None, setting: Setting = "model"
) -> VideoModel:
    """Build a video model and load its weights.

    Parameters
    ----------
    model
        One of torchvision's or of an optional library's by name, or ``package.module:factory``.
        The module of an own model may say of itself, by attributes: ``categories`` (names of its
        classes), ``mean`` and ``std`` (three numbers each, of values in [0, 1]; 0 and 1 where it
        has none), ``clip_length``, ``frame_size`` (height, width) and ``frame_rate`` (in Hz).
    weights
        See `stst.config.LeapsConfig`.
    size
        ``"HxW"``, which frames are then resized to; None for the model's own.
    setting
        What named the model, for messages.

    Raises
    ------
    InputError
        If there is no such model, it is none of videos, or its weights are not here or do not fit.
    """
    if ":" not in model:
        _check_name(model, setting)
    choice = ClassifierSpec(model, weights, input=size or "default", kind="video")
    found = built_of_zoo(model, weights, setting) if model in ZOO else _build(choice, setting)
    found.module.requires_grad_(False)
    if ":" in model:
        return _own(model, found, size, setting)
    if model in ZOO:
        length, rate = ZOO[model].length, ZOO[model].rate
        prepare = ZOO[model].preparation(choice)
    else:
        length, rate = VIDEO_MODELS[model]
        prepare = preprocessing(choice, found.preset)
    return VideoModel(
        name=model,
        module=found.module,
        categories=_categories(model, weights),
        prepare=prepare,
        length=length,
        size=choice.input_size or prepare.crop,
        rate=rate,
        weights=_provenance(found),
        label=found.label,
    )


def check_verifier(verifier: VideoModel, length: int, size: tuple[int, int]) -> None:
    """Refuse a verifier without running statistics, or one that cannot take the clip.

    Raises
    ------
    InputError
        Naming it and the layers that it has instead.
    """
    modules = list(verifier.module.modules())
    if not any(with_statistics(one) for one in modules):
        kinds = {type(one).__name__ for one in modules if is_normalization(one)}
        has = f"only {', '.join(sorted(kinds))}" if kinds else "no normalisation at all"
        raise InputError(
            f"`verifier` {verifier.name}: has {has}, and the verifier's part is that of the "
            "running statistics of batch normalisation. Take one that has them, e.g. mc3_18 or "
            'r3d_18, or `verifier="none"`.'
        )
    verifier.classes(length, size, "verifier")


def check_normalization(model: VideoModel, length: int, size: tuple[int, int]) -> bool:
    """Refuse a model that has nothing to prime.

    Parameters
    ----------
    model
        The classifier.
    length, size
        Frames, height and width of the clip.

    Returns
    -------
    bool
        Whether there is a layer with more than one time step, whose frames coherence compares.

    Raises
    ------
    InputError
        If no normalisation layer takes part.
    """
    device = next((one.device for one in model.module.parameters()), torch.device("cpu"))
    with torch.no_grad(), watch_inputs(model.module, 1, length) as seen:
        model.module(torch.zeros(1, 3, length, *size, device=device))
    if not seen:
        raise InputError(
            f"`model` {model.name}: has no normalisation layers, which priming and coherence "
            "compare. Turn both off: `priming_weight=0` `coherence_weight=0`."
        )
    return any(layer.by_frame() is not None for layer in seen)


def video_model_names() -> list[str]:
    """Name torchvision's video models."""
    from torchvision import models

    names: list[str] = models.list_models(module=models.video)
    return [name for name in names if name in VIDEO_MODELS]


@guarded()
def class_names(model: str, weights: str = "default") -> tuple[str, ...]:
    """Name the classes of a model; those known by name without building it.

    Parameters
    ----------
    model, weights
        See `load_video_model`.

    Returns
    -------
    tuple of str
        In the order of the classes' numbers; empty where the model does not tell them.

    Raises
    ------
    InputError
        If there is no such model.
    """
    if ":" in model:
        return load_video_model(model, "none").categories
    _check_name(model)
    return _categories(model, weights)


def _check_name(model: str, setting: Setting = "model") -> None:
    names = video_model_names()
    if model in names or model in ZOO:
        return
    near = difflib.get_close_matches(model, [*names, *ZOO], n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise InputError(
        f"`{setting}` {model}: no video model of that name.{hint} There are: {', '.join(names)}; "
        f"with pytorchvideo: {', '.join(zoo_names('pytorchvideo'))}; with transformers: "
        f"{', '.join(zoo_names('transformers'))}. Your own is given as package.module:factory."
    )


def _categories(model: str, weights: str) -> tuple[str, ...]:
    if model in ZOO:
        model, weights = "r3d_18", "default"  # the classes of Kinetics-400, in the same order
    member = None if weights == "none" else get_member(model, weights)
    member = get_member(model, "default") if member is None else member
    return tuple(member.meta["categories"])


def _build(choice: ClassifierSpec, setting: Setting) -> Built:
    try:
        return built(choice)
    except InputError as error:
        if setting == "model":
            raise
        # else nobody would know which of the two models is meant
        raise InputError(f"`{setting}`: {error}") from error


def _own(model: str, found: Built, size: str | None, setting: Setting) -> VideoModel:
    module, named = found.module, f"`{setting}` {model}"
    numbers = partial(read_numbers, module, origin=named)
    mean = numbers("mean", 3) or (0.0, 0.0, 0.0)
    std = numbers("std", 3) or (1.0, 1.0, 1.0)
    if min(std) <= 0:
        raise InputError(f"{named}: std is {std}; every value must be above 0.")
    own_size = numbers("frame_size", 2)
    length = numbers("clip_length", 1)
    rate = numbers("frame_rate", 1)
    wanted = f"{int(own_size[0])}x{int(own_size[1])}" if own_size else "native"
    choice = ClassifierSpec(model, input=size or wanted, mean=_three(mean), std=_three(std))
    categories = getattr(module, "categories", ())
    return VideoModel(
        name=model,
        module=module,
        categories=tuple(str(name) for name in categories),
        prepare=preprocessing(choice, None),
        length=int(length[0]) if length else None,
        size=choice.input_size,
        rate=Fraction(rate[0]).limit_denominator(1001) if rate else None,
        weights=_provenance(found),
        label=found.label,
    )


def _three(values: tuple[float, ...]) -> Channels:
    red, green, blue = values
    return red, green, blue


def _provenance(found: Built) -> Mapping[str, Any] | None:
    return None if found.weights is None else found.weights.provenance()
