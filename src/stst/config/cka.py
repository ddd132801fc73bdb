"""Which vision model two clips are shown to, at which of its layers, and what is compared there."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, get_args

from stst.errors import InputError

Examples = Literal["channels", "positions", "frames"]
Estimator = Literal["unbiased", "biased"]
ModelKind = Literal["auto", "image", "video"]

#: The models and layers of Greco & Siegel (2024), figure 3, and a small one.
DEFAULT_LAYERS: dict[str, tuple[str, ...]] = {
    "resnet50": ("maxpool", "layer4.2.relu_2"),
    "convnext_tiny": ("features.0", "features.7.2.add"),
    "r3d_18": ("layer1.0.conv1.1", "layer4.1.relu"),
    "mc3_18": ("layer1.0.conv1.1", "layer4.1.relu"),
    "mobilenet_v2": ("features.3", "features.18"),
}


@dataclass(frozen=True)
class ClassifierSpec:
    """A vision model, and how frames are brought to it.

    Attributes
    ----------
    model
        A classification or video model of torchvision by its name, or ``package.module:factory``
        of your own: a `torch.nn.Module` that takes (1, 3, H, W), or (1, 3, T, H, W).
    weights
        ``"default"``, the name of a member of torchvision's enumeration (``IMAGENET1K_V1``), the
        path of a file, or ``"none"``: random, from the fixed seed 0. For an own model ``default``
        and ``none`` leave what the factory has made.
    layers
        Node names as torchvision has them; empty: those of `DEFAULT_LAYERS`.
    window
        How many successive frames a video model sees at once; one step between windows.
    input
        ``"default"``: resized and cropped as the weights were made for (own models: native).
        ``"native"``: neither. ``"HxW"``: resized to that, in pixels.
    mean, std
        Subtracted from, and divided into, red, green and blue in [0, 1]; None: the weights' own
        (own models: 0 and 1).
    kind
        Whether an own model takes frames or windows; ``auto`` tries.

    Raises
    ------
    InputError
        If a field cannot be what it is; the message names it.
    """

    model: str
    weights: str = "default"
    layers: tuple[str, ...] = ()
    window: int = 5
    input: str = "default"
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    kind: ModelKind = "auto"

    def __post_init__(self) -> None:
        if not self.model or not self.weights or not all(self.layers):
            raise InputError("a model, its weights or a layer has an empty name.")
        if self.window < 1:
            raise InputError(f"`window` {self.window}: a window has at least one frame.")
        if self.input not in ("default", "native") and self.input_size is None:
            raise InputError(
                f"`input` {self.input}: expected native, default, or HxW in pixels, e.g. 128x224."
            )
        if self.std is not None and not all(value > 0 for value in self.std):
            raise InputError(f"`std` {channel_words(self.std)}: every value must be above 0.")
        if self.kind not in get_args(ModelKind):
            raise InputError(f"`kind` {self.kind}: expected {', '.join(get_args(ModelKind))}.")

    @property
    def input_size(self) -> tuple[int, int] | None:
        """Height and width in pixels where `input` states them."""
        found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", self.input)
        return (int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True)
class CkaSettings:
    """What is compared at a layer.

    Attributes
    ----------
    examples
        ``channels``: one value per frame; rows are channels, features positions (in a window: of
        all its times). ``positions``: the other way round. ``frames``: one value per clip; rows
        are frames, features all units.
    estimator
        Of HSIC: ``unbiased`` (Song et al. 2012), which gives about 0 for features that have nothing
        to do with each other; ``biased``, as in the paper, near 1 for those, too, where there are
        many more features than examples.

    Raises
    ------
    InputError
        If a field cannot be what it is; the message names it.
    """

    examples: Examples = "channels"
    estimator: Estimator = "unbiased"

    def __post_init__(self) -> None:
        if self.examples not in get_args(Examples):
            raise InputError(
                f"`examples` {self.examples}: expected {', '.join(get_args(Examples))}."
            )
        check_estimator(self.estimator)

    @property
    def measure(self) -> str:
        """Name the measure as tables do, e.g. ``cka_unbiased.channels``, or ``cka.channels``."""
        return f"cka{'_unbiased' if self.estimator == 'unbiased' else ''}.{self.examples}"


def check_estimator(estimator: object) -> None:
    """Refuse what is no `Estimator`.

    Raises
    ------
    InputError
        Naming the setting.
    """
    if estimator not in get_args(Estimator):
        raise InputError(f"`estimator` {estimator}: expected {', '.join(get_args(Estimator))}.")


def parse_choice(text: str, base: ClassifierSpec | None = None) -> ClassifierSpec:
    """Read ``MODEL[=WEIGHTS][@LAYER,LAYER…]``.

    Parameters
    ----------
    text
        E.g. ``resnet50``, ``r3d_18=none``, ``mobilenet_v2=w.safetensors@features.3,features.18``.
        Layers begin after the last ``@``, so a path that holds one needs layers after it.
    base
        Where all other fields come from; None: their defaults.

    Raises
    ------
    InputError
        If a part of it is empty.
    """
    whole, at, names = text.rpartition("@") if "@" in text else (text, "", "")
    model, equals, weights = whole.partition("=")
    layers = split_layers([names]) if at else ()
    if not model.strip() or (equals and not weights.strip()) or (at and not layers):
        raise InputError(f"{text!r}: expected MODEL[=WEIGHTS][@LAYER,LAYER...].")
    changes = {"model": model.strip(), "weights": weights.strip() or "default", "layers": layers}
    return replace(base or ClassifierSpec("any"), **changes)  # type: ignore[arg-type]


def parse_judge(text: str, base: ClassifierSpec | None = None) -> ClassifierSpec:
    """Read ``MODEL[=WEIGHTS]``, a model that is run as a whole.

    Parameters
    ----------
    text
        E.g. ``resnet50``, or ``mobilenet_v2=w.safetensors``.
    base
        Where all other fields come from; None: their defaults.

    Returns
    -------
    ClassifierSpec
        Without layers.

    Raises
    ------
    InputError
        If a part of it is empty.
    """
    model, equals, weights = (part.strip() for part in text.partition("="))
    if not model or (equals and not weights):
        raise InputError(f"`judge` {text!r}: expected MODEL[=WEIGHTS].")
    return replace(
        base or ClassifierSpec("any"), model=model, weights=weights or "default", layers=()
    )


def choice_text(model: str, weights: str, layers: tuple[str, ...]) -> str:
    """Write what `parse_choice` reads.

    Parameters
    ----------
    model, weights, layers
        As `ClassifierSpec` has them.

    Returns
    -------
    str
        ``MODEL[=WEIGHTS][@LAYER,LAYER…]``, without what is the default, unless the path of the
        weights holds an ``@``.
    """
    if "@" in f"{model}{weights}":
        layers = layers or DEFAULT_LAYERS.get(model, ())
    text = model if weights == "default" else f"{model}={weights}"
    return f"{text}@{','.join(layers)}" if layers else text


def split_layers(texts: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Split names of layers at commas; each stays once."""
    names = [name.strip() for text in texts for name in text.split(",")]
    return tuple(dict.fromkeys(name for name in names if name))


def parse_channels(text: str, setting: str) -> tuple[float, float, float]:
    """Read ``R,G,B``, or one number for all three.

    Raises
    ------
    InputError
        If it is neither; names `setting`.
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 3) or not all(abs(value) < float("inf") for value in values):
        raise InputError(f"`{setting}` {text}: expected R,G,B, e.g. 0.485,0.456,0.406.")
    red, green, blue = values * 3 if len(values) == 1 else values
    return red, green, blue


def channel_words(values: tuple[float, ...]) -> str:
    """Write a value per channel, or one for all, the way `parse_channels` reads it."""
    texts = [repr(float(value)).removesuffix(".0") for value in values]
    return texts[0] if len(set(texts)) == 1 else ",".join(texts)
