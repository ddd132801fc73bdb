"""Video classifiers of optional libraries, by name: what they take, and how they are built.

Their publishers give no hashes of the checkpoints, so none is ever downloaded here: weights are
random, or a file that the user has fetched.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from stst.config.cka import ClassifierSpec
from stst.errors import InputError
from stst.models.build import Built, weights_label
from stst.models.factory import SEED, use_fixed_seed
from stst.models.preprocessing import Channels, Preprocessing
from stst.models.torchvision_weights import file_weights, fit
from stst.weights.checkpoints import without_prefix

Library = Literal["pytorchvideo", "transformers"]
#: Which of a config's settings names a model.
Setting = Literal["model", "verifier"]

_WEIGHTS_OF: Mapping[Setting, str] = {"model": "weights", "verifier": "verifier_weights"}

_PYTORCHVIDEO = "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics/"
_HUGGINGFACE = "https://huggingface.co/"
_SOURCE_RATE = 30  # Hz, of the clips that all of them were trained with

# names that older checkpoints of VideoMAE have
_OLD_BIAS = re.compile(r"\.([qv])_bias$")
_NEW_BIAS = {"q": "query", "v": "value"}


@dataclass(frozen=True)
class ZooModel:
    """A video classifier of a library that is installed as an extra of the same name.

    Attributes
    ----------
    library
        Where its code is.
    build
        Makes the module, with random weights.
    checkpoint
        Where its publisher keeps the weights of Kinetics-400; empty where there are none.
    length
        Frames of a clip.
    step
        The clip takes every so manieth frame of one at 30 Hz.
    side
        Height and width in pixels.
    resized
        The shorter side of a frame, in pixels, before it is cropped to `side`.
    mean, std
        Subtracted from, and divided into, red, green and blue in [0, 1].
    """

    library: Library
    build: Callable[[], nn.Module]
    checkpoint: str
    length: int
    step: int
    side: int
    resized: int
    mean: Channels = (0.45, 0.45, 0.45)
    std: Channels = (0.225, 0.225, 0.225)

    @property
    def rate(self) -> Fraction:
        """Frame rate of a clip in Hz."""
        return Fraction(_SOURCE_RATE, self.step)

    def preparation(self, choice: ClassifierSpec) -> Preprocessing:
        """Say how frames are brought to it."""
        size = choice.input_size
        return Preprocessing(
            resize=size or (self.resized,),
            crop=None if size else (self.side, self.side),
            antialias=self.library == "transformers",
            mean=self.mean,
            std=self.std,
        )


class FramesFirst(nn.Module):
    """Shows a model of transformers its clips the way it wants them, and gives its scores.

    Parameters
    ----------
    model
        Takes (B, T, 3, H, W), gives an object with ``logits`` (B, classes).
    shape
        Frames, height and width that it takes. Some of these models take others as well, and then
        mix up places and times.
    time_runs_first
        Whether tokens go through time first, then through space; see `stst.methods.leaps.layers`.
    """

    def __init__(
        self, model: nn.Module, shape: tuple[int, int, int], time_runs_first: bool = False
    ) -> None:
        super().__init__()
        self.model = model
        self.shape = shape
        self.time_runs_first = time_runs_first

    def forward(self, clips: Tensor) -> Tensor:
        """Classify clips (B, 3, T, H, W); gives scores before the softmax (B, classes).

        Raises
        ------
        ValueError
            If they are of another shape.
        """
        if tuple(clips.shape[2:]) != self.shape:
            length, height, width = self.shape
            raise ValueError(f"takes {length} frames of {height}x{width} px only")
        scores: Tensor = self.model(clips.transpose(1, 2)).logits
        return scores


def _hub(name: str, **options: Any) -> nn.Module:
    module: nn.Module = getattr(_import_zoo("pytorchvideo.models.hub"), name)(**options)
    return module


def _csn_r50() -> nn.Module:
    """Build it as pytorchvideo's own csn_r101, with fewer layers."""
    module: nn.Module = _import_zoo("pytorchvideo.models.csn").create_csn(
        model_depth=50, stem_pool=nn.MaxPool3d, head_pool_kernel_size=(4, 7, 7)
    )
    return module


def _transformer(
    family: str, length: int, side: int, time_runs_first: bool, **options: Any
) -> nn.Module:
    library = _import_zoo("transformers")
    config = getattr(library, f"{family}Config")(
        num_labels=400,
        num_frames=length,
        image_size=side,
        # the gradient of fused attention is not repeatable on a GPU
        attn_implementation="eager",
        **options,
    )
    model = getattr(library, f"{family}ForVideoClassification")(config)
    return FramesFirst(model, (length, side, side), time_runs_first)


def _import_zoo(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what pytorchvideo uses of torch
        return importlib.import_module(name)


def _pytorchvideo(
    name: str, file: str, length: int, step: int, side: int, resized: int, **options: Any
) -> ZooModel:
    build = partial(_hub, name, **options)
    return ZooModel("pytorchvideo", build, _PYTORCHVIDEO + file, length, step, side, resized)


def _timesformer(checkpoint: str, length: int, step: int, side: int) -> ZooModel:
    build = partial(_transformer, "Timesformer", length, side, time_runs_first=True)
    return ZooModel("transformers", build, _HUGGINGFACE + checkpoint, length, step, side, side)


def _videomae(checkpoint: str, width: int, layers: int, heads: int) -> ZooModel:
    build = partial(
        _transformer,
        "VideoMAE",
        16,
        224,
        time_runs_first=False,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
    )
    return ZooModel(
        "transformers",
        build,
        _HUGGINGFACE + checkpoint,
        16,
        4,
        224,
        224,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )


# pytorchvideo ends some of its models in a softmax, which scores must not have gone through
_SCORES: dict[str, Any] = {"head_activation": None}
# its Swish is the same function, with a gradient by means that torch has deprecated
_X3D: dict[str, Any] = {**_SCORES, "inner_act": nn.SiLU}

#: Length, step and size are those that the weights were trained with.
ZOO: dict[str, ZooModel] = {
    "x3d_xs": _pytorchvideo("x3d_xs", "X3D_XS.pyth", 4, 12, 160, 182, **_X3D),
    "x3d_s": _pytorchvideo("x3d_s", "X3D_S.pyth", 13, 6, 160, 182, **_X3D),
    "x3d_m": _pytorchvideo("x3d_m", "X3D_M.pyth", 16, 5, 224, 256, **_X3D),
    "x3d_l": _pytorchvideo("x3d_l", "X3D_L.pyth", 16, 5, 312, 356, **_X3D),
    "slow_r50": _pytorchvideo("slow_r50", "SLOW_8x8_R50.pyth", 8, 8, 224, 256),
    "i3d_r50": _pytorchvideo("i3d_r50", "I3D_8x8_R50.pyth", 8, 8, 224, 256),
    "r2plus1d_r50": _pytorchvideo(
        "r2plus1d_r50", "R2PLUS1D_16x4_R50.pyth", 16, 4, 224, 256, **_SCORES
    ),
    "csn_r101": _pytorchvideo("csn_r101", "CSN_32x2_R101.pyth", 32, 2, 224, 256),
    "csn_r50": ZooModel("pytorchvideo", _csn_r50, "", 32, 2, 224, 256),
    "timesformer_b": _timesformer("facebook/timesformer-base-finetuned-k400", 8, 32, 224),
    "timesformer_hr": _timesformer("facebook/timesformer-hr-finetuned-k400", 16, 16, 448),
    "videomae_s": _videomae("MCG-NJU/videomae-small-finetuned-kinetics", 384, 12, 16),
    "videomae_b": _videomae("MCG-NJU/videomae-base-finetuned-kinetics", 768, 12, 12),
    "videomae_l": _videomae("MCG-NJU/videomae-large-finetuned-kinetics", 1024, 24, 16),
}


def zoo_names(library: Library) -> list[str]:
    """Name the models of a library."""
    return [name for name, one in ZOO.items() if one.library == library]


def built_of_zoo(name: str, weights: str, setting: Setting = "model") -> Built:
    """Build a model of an optional library and load its weights.

    Parameters
    ----------
    name
        One of `ZOO`.
    weights
        ``"none"`` (random, from a fixed seed) or the path of the checkpoint as published.
    setting
        What named the model, for messages.

    Raises
    ------
    InputError
        If the library is not installed, or the weights are not given or do not fit.
    """
    one, given = ZOO[name], _WEIGHTS_OF[setting]
    try:
        with use_fixed_seed():
            module = one.build()
    except ImportError as error:
        raise InputError(
            f"`{setting}` {name}: needs {one.library}, which cannot be imported ({error}). Install "
            f"it: pip install 'napari-stst[{one.library}]'."
        ) from error
    code = _version(one.library)
    if weights == "none":
        return Built(module.eval(), True, None, None, f"none (random, seed {SEED}); {code}")
    path = Path(weights).expanduser()
    if weights == "default" or (not path.suffix and not path.is_file()):
        raise InputError(f"`{given}` {weights}: {_how_to_get(name, one, given)}")
    loaded = file_weights(path)
    inside = module.model if isinstance(module, FramesFirst) else module
    tensors = without_prefix(loaded.tensors, inside.state_dict().__contains__)
    fit(inside, current_names(inside, tensors), name, str(loaded.path))
    return Built(module.eval(), True, None, loaded, f"{weights_label(loaded)}; {code}")


def _version(library: Library) -> str:
    """Name the library and its version, which results depend on."""
    try:
        return f"{library} {metadata.version(library)}"
    except metadata.PackageNotFoundError:
        return f"{library} (not installed as a distribution)"


def _how_to_get(name: str, one: ZooModel, given: str) -> str:
    without = f'or do without: `{given}="none"` (random).'
    if not one.checkpoint:
        return (
            f"no weights of {name} are published for {one.library}. Give a file of your own as "
            f"`{given}=FILE`, {without}"
        )
    return (
        f"those of {name} are published without a hash to check them by, so they are never "
        f"fetched here. Download them from {one.checkpoint} and give the file as "
        f"`{given}=FILE`, {without}"
    )


def current_names(module: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename what an older version of the library called otherwise.

    Parameters
    ----------
    module
        As the installed version has it.
    tensors
        A state dictionary.
    """
    own = module.state_dict()
    return {
        name if name in own else _OLD_BIAS.sub(_bias, name): value
        for name, value in tensors.items()
    }


def _bias(found: re.Match[str]) -> str:
    return f".{_NEW_BIAS[found[1]]}.bias"
