"""The keys of a config, their types, ranges and defaults."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Term = Literal["spatial_texture", "spatial_content", "temporal_texture", "temporal_content"]
TERMS: tuple[Term, ...] = get_args(Term)

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

_RANGE = re.compile(r"^(\d*):(\d*)$")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _check_range(text: str) -> str:
    """Accept ``A:B`` with either end left out, half-open, and not empty."""
    match = _RANGE.match(text)
    if match is None:
        raise ValueError(f"expected A:B (frames A to B-1), found {text!r}")
    start, stop = int(match[1] or 0), int(match[2]) if match[2] else None
    if stop is not None and stop <= start:
        raise ValueError(f"{text!r} holds no frame: B must be greater than A")
    return text


class InputConfig(_Frozen):
    """What is taken of the natural clip.

    Attributes
    ----------
    frames
        ``"A:B"``, half-open and 0-based; None for all.
    max_side
        Shrink (never enlarge) so that the longer side is at most this many pixels.
    """

    frames: str | None = None
    max_side: Annotated[int, Field(ge=1)] | None = None

    @field_validator("frames")
    @classmethod
    def _range(cls, value: str | None) -> str | None:
        return None if value is None else _check_range(value)


class StreamConfig(_Frozen):
    """One of the two streams and the weights of its loss terms.

    Attributes
    ----------
    model
        A built-in name or ``package.module:factory``.
    weights
        A source that the model knows (``"keras"``, ``"torchvision"``), a file, or ``"default"``.
    texture_layers, content_layers
        Layer names; None for the model's own choice.
    texture_weight, content_weight
        β and α of the spatial stream, λ and θ of the temporal one (equations 4 and 5). A term with
        weight 0 is not computed.
    """

    model: str
    weights: str = "default"
    texture_layers: tuple[str, ...] | None = None
    content_layers: tuple[str, ...] | None = None
    texture_weight: NonNegative = 1.0
    content_weight: NonNegative = 0.0


class OctaveConfig(_Frozen):
    """One resolution of the coarse-to-fine optimisation.

    Attributes
    ----------
    exponent
        o in H·σ^o, W·σ^o; 0 is the full resolution.
    iterations
        Steps of the optimiser.
    learning_rate
        η (equation 7), in units of the pixel range [0, 1].
    tv_weight
        ω, the weight of the total variation.
    """

    exponent: Annotated[int, Field(ge=-8, le=0)]
    iterations: Annotated[int, Field(ge=1)]
    learning_rate: Positive
    tv_weight: NonNegative = 0.0


class OptimizerConfig(_Frozen):
    """How a gradient becomes a step.

    Attributes
    ----------
    name
        ``"gradient_descent"``: the paper's, the gradient divided by its standard deviation.
        ``"adam"``: Kingma & Ba (2015).
    schedule
        ``"constant"`` or ``"cosine"`` (down to a tenth of the learning rate within an octave).
    betas
        Decay rates of Adam's two moments.
    """

    name: Literal["gradient_descent", "adam"] = "gradient_descent"
    schedule: Literal["constant", "cosine"] = "constant"
    betas: tuple[Share, Share] = (0.9, 0.999)


class StreamOverride(_Frozen):
    """Weights of one stream's terms for some frames."""

    texture_weight: NonNegative | None = None
    content_weight: NonNegative | None = None


class FrameOverride(_Frozen):
    """Settings that hold for some frames only.

    Attributes
    ----------
    range
        ``"A:B"``, half-open, in the numbering of the generated clip.
    """

    range: str
    octaves: tuple[OctaveConfig, ...] | None = None
    optimizer: OptimizerConfig | None = None
    equalize: NonNegative | None = None
    blend: Share | None = None
    color_transfer: bool | None = None
    spatial: StreamOverride | None = None
    temporal: StreamOverride | None = None

    @field_validator("range")
    @classmethod
    def _range(cls, value: str) -> str:
        return _check_range(value)

    @model_validator(mode="after")
    def _octaves(self) -> Self:
        if self.octaves is not None:
            _check_octaves(self.octaves)
        return self

    def covers(self, frame: int) -> bool:
        """Say whether `frame` lies in the range."""
        start, stop = self.range.split(":")
        return int(start or 0) <= frame and (not stop or frame < int(stop))


class TargetsConfig(_Frozen):
    """Clips that replace the natural one for single terms; paths, None for the natural clip."""

    spatial_texture: str | None = None
    spatial_content: str | None = None
    temporal_texture: str | None = None
    temporal_content: str | None = None
    color: str | None = None


class RunConfig(_Frozen):
    """What every method shares.

    Attributes
    ----------
    seed
        Of the first sample; the others follow by one.
    samples
        How many stimuli are made side by side.
    device
        ``"auto"`` takes CUDA, else Apple's GPU, else the CPU.
    precision
        Of the models: ``"fp32"``, ``"tf32"`` (CUDA) or ``"bf16"``.
    """

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    samples: Annotated[int, Field(ge=1, le=4096)] = 1
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    input: InputConfig = InputConfig()

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed per sample."""
        return tuple(range(self.seed, self.seed + self.samples))


class StstConfig(RunConfig):
    """Spatiotemporal style transfer (Greco & Siegel 2024).

    Attributes
    ----------
    rules
        Where paper and released code differ: ``"paper"`` or ``"reference"`` (the code).
    octave_scale
        σ; an octave has ⌊H·σ^o⌋ × ⌊W·σ^o⌋ pixels.
    small_octaves
        What becomes of octaves too small for a stream: ``"refuse"`` or ``"skip"``.
    equalize
        Every active term starts every octave at this value times its weight; 0 turns it off.
    blend
        φ (equation 9): a frame starts from φ·previous + (1−φ)·noise.
    padding_frames
        ξ: how many mirrored frames are made before the first and then dropped.
    color_transfer
        Whether each finished frame takes the colours of its target.
    frames
        Overrides for ranges of frames; a later one wins.
    """

    method: Literal["stst"] = "stst"
    rules: Literal["paper", "reference"] = "paper"
    spatial: StreamConfig = StreamConfig(model="vgg19")
    temporal: StreamConfig = StreamConfig(model="msoe")
    octave_scale: Annotated[float, Field(gt=1, le=4, allow_inf_nan=False)] = 1.5
    octaves: tuple[OctaveConfig, ...]
    small_octaves: Literal["refuse", "skip"] = "refuse"
    optimizer: OptimizerConfig = OptimizerConfig()
    equalize: NonNegative = 1e4
    blend: Share = 0.95
    padding_frames: Annotated[int, Field(ge=0, le=1000)] = 5
    color_transfer: bool = True
    frames: tuple[FrameOverride, ...] = ()
    targets: TargetsConfig = TargetsConfig()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_octaves(self.octaves)
        if all(self.term_weight(term) == 0 for term in TERMS):
            raise ValueError(
                "every loss term has weight 0; give at least one of spatial/temporal "
                "texture_weight/content_weight a positive value"
            )
        return self

    def term_weight(self, term: Term) -> float:
        """Give the nominal weight of a loss term."""
        stream, kind = term.split("_")
        return float(getattr(getattr(self, stream), f"{kind}_weight"))

    def term_layers(self, term: Term) -> tuple[str, ...]:
        """Give the layers of a loss term; () where the model's own choice is not resolved yet."""
        stream, kind = term.split("_")
        return getattr(getattr(self, stream), f"{kind}_layers") or ()

    @property
    def temporal_needed(self) -> bool:
        """Whether any temporal term is active."""
        return self.temporal.texture_weight > 0 or self.temporal.content_weight > 0

    def for_frame(self, frame: int) -> StstConfig:
        """Apply the overrides for one frame of the generated clip.

        Parameters
        ----------
        frame
            0-based; padding frames (negative) use what holds for frame 0.
        """
        config = self
        for override in self.frames:
            if override.covers(max(frame, 0)):
                changes = override.model_dump(exclude={"range"}, exclude_none=True)
                config = StstConfig.model_validate(_updated(config.model_dump(), changes))
        return config


def _check_octaves(octaves: tuple[OctaveConfig, ...]) -> None:
    exponents = [octave.exponent for octave in octaves]
    if not exponents or exponents != sorted(set(exponents)) or exponents[-1] != 0:
        raise ValueError(
            "octaves: exponents must rise and end with 0 (the full resolution), "
            f"e.g. -2, -1, 0; found {exponents}"
        )


def _updated(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Merge nested tables; lists and single values are replaced."""
    out = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = _updated(out[key], value)
        else:
            out[key] = value
    return out
