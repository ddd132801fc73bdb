"""Build image and video models, torchvision's and users' own, with their weights."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stst.config.cka import ClassifierSpec
from stst.errors import InputError, first_line
from stst.models.factory import SEED, call_factory, read_numbers, use_fixed_seed
from stst.models.torchvision_weights import file_weights, fit, get_member, weights_of
from stst.weights import LoadedWeights, brief


@dataclass(frozen=True, eq=False)
class Built:
    """A model on the CPU, in evaluation mode.

    Attributes
    ----------
    module
        The model.
    video
        Whether it takes windows.
    preset
        The transforms that torchvision states for the weights; None for an own model.
    weights
        None where nothing was loaded.
    label
        What tables say of the weights.
    """

    module: nn.Module
    video: bool
    preset: Any
    weights: LoadedWeights | None
    label: str


def built(choice: ClassifierSpec) -> Built:
    """Build torchvision's model of a name, or that of a factory, and load its weights.

    Raises
    ------
    InputError
        See `stst.models.classifiers.load_classifier`.
    """
    return _own(choice) if ":" in choice.model else _torchvision(choice)


def build_untrained(model: str) -> nn.Module:
    """Build a model without weights.

    Raises
    ------
    InputError
        If there is none of that name, or its factory fails.
    """
    if ":" in model:
        return _factory(model)
    with use_fixed_seed():
        return _build(_check_model(model), None)


def _torchvision(choice: ClassifierSpec) -> Built:
    from torchvision.models import list_models, video

    model = _check_model(choice.model)
    default = get_member(model, "default")
    member, weights, label = None, None, f"none (random, seed {SEED})"
    if choice.weights != "none":
        member = get_member(model, choice.weights)
        weights = weights_of(model, choice.weights)
        label = weights_label(weights, member.name if member is not None else "")
    with use_fixed_seed():
        module = _build(model, member)
    if weights is not None:
        fit(module, weights.tensors, model, str(weights.path))
    preset = (default if member is None else member).transforms()
    return Built(module.eval(), model in list_models(module=video), preset, weights, label)


def _own(choice: ClassifierSpec) -> Built:
    module = _factory(choice.model)
    weights, label = None, f"of the factory (seed {SEED})"
    if choice.weights not in ("default", "none"):
        weights = file_weights(Path(choice.weights).expanduser())
        label = weights_label(weights)
        fit(module, weights.tensors, choice.model, str(weights.path))
    return Built(module.eval(), _takes_windows(module.eval(), choice), None, weights, label)


def weights_label(weights: LoadedWeights, name: str = "") -> str:
    """Say what was loaded, as tables do."""
    return brief(name or weights.file_name, f"sha256:{weights.original_sha256 or weights.sha256}")


def _check_model(name: str) -> str:
    from torchvision import models

    known = [*models.list_models(module=models), *models.list_models(module=models.video)]
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=3)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    raise InputError(
        f"model {name}: torchvision has no image or video classifier of that name.{hint} "
        "Your own is given as package.module:factory."
    )


def _build(model: str, member: Any) -> nn.Module:
    """Build a model of torchvision as its own builder does for some weights, without loading."""
    from torchvision.models import get_model

    arguments: dict[str, Any] = {}
    meta = {} if member is None else member.meta
    if "categories" in meta:
        arguments["num_classes"] = len(meta["categories"])
    if model in ("googlenet", "inception_v3"):
        arguments |= {"init_weights": member is None, "transform_input": member is not None}
    if model.startswith("vit_") and meta:
        arguments["image_size"] = meta["min_size"][0]
    if model.startswith("mvit_") and meta:
        arguments |= {
            "spatial_size": tuple(meta["min_size"]),
            "temporal_size": meta["min_temporal_size"],
        }
    module: nn.Module = get_model(model, weights=None, **arguments)
    return module


def _factory(name: str) -> nn.Module:
    module = call_factory(name, "model")
    if not isinstance(module, nn.Module):
        raise InputError(
            f"model {name}: expected a torch.nn.Module, found {type(module).__name__}. "
            "The factory must return the module itself."
        )
    return module


def _takes_windows(module: nn.Module, choice: ClassifierSpec) -> bool:
    """Say whether an own model takes windows, by trying where nothing is said."""
    if choice.kind != "auto":
        return choice.kind == "video"
    own = read_numbers(module, "frame_size", 2, f"model {choice.model}") or (224, 224)
    height, width = choice.input_size or (int(own[0]), int(own[1]))
    told = ""
    for window, video in (((), False), ((choice.window,), True)):
        try:
            with torch.inference_mode():
                module(torch.zeros(1, 3, *window, height, width))
        except Exception as error:
            told = first_line(error)
        else:
            return video
    raise InputError(
        f"model {choice.model}: takes neither (1, 3, {height}, {width}) nor (1, 3, "
        f"{choice.window}, {height}, {width}) ({told}). Say "
        '`input="HxW"` if it takes one size only, or `kind="image"` or `kind="video"`, which '
        "`stst-analyze cka` and `stst-analyze recognize` take."
    )
