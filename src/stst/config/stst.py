"""The config of style transfer (STST): keys, types, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from stst.config.schema import (
    FACTORY,
    Frozen,
    NonNegative,
    Positive,
    RunConfig,
    Share,
    check_range,
    update,
)
from stst.utils.files import resolve_path

#: The loss terms of the two streams, by name.
Term = Literal["spatial_texture", "spatial_content", "temporal_texture", "temporal_content"]
#: All of them, in the order in which they are shown.
TERMS: tuple[Term, ...] = get_args(Term)
#: The loss terms of pixels themselves, which no stream is asked for.
PixelTerm = Literal["spectrum", "color"]
#: All of them, in the order in which they are shown.
PIXEL_TERMS: tuple[PixelTerm, ...] = get_args(PixelTerm)
#: Names of the terms that fit beside a progress bar, and in a legend.
SHORT_TERMS: dict[str, str] = {
    "spatial_texture": "spatial",
    "spatial_content": "spatial content",
    "temporal_texture": "temporal",
    "temporal_content": "temporal content",
    "spectrum": "spectrum",
    "color": "colour",
    "total_variation": "tv",
}


class StreamConfig(Frozen):
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

    @field_validator("model")
    @classmethod
    def _model(cls, value: str) -> str:
        if ":" in value and not FACTORY.fullmatch(value):
            raise ValueError("expected package.module:factory, or the name of a built-in model")
        return value


class OctaveConfig(Frozen):
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


class OptimizerConfig(Frozen):
    """How a gradient becomes a step.

    Attributes
    ----------
    name
        ``"gradient_descent"``: the paper's, the gradient divided by its standard deviation.
        ``"adam"``: Kingma & Ba (2015). ``"lbfgs"``: Nocedal (1980), with steps whose root mean
        square is the learning rate at most; it needs the fewest steps.
    schedule
        ``"constant"`` or ``"cosine"`` (down to a tenth of the learning rate within an octave).
    betas
        Decay rates of Adam's two moments.
    history
        How many earlier steps L-BFGS remembers.
    """

    name: Literal["gradient_descent", "adam", "lbfgs"] = "gradient_descent"
    schedule: Literal["constant", "cosine"] = "constant"
    betas: tuple[Share, Share] = (0.9, 0.999)
    history: Annotated[int, Field(ge=1, le=100)] = 10


class StreamOverride(Frozen):
    """Weights of one stream's terms for some frames."""

    texture_weight: NonNegative | None = None
    content_weight: NonNegative | None = None


class FrameOverride(Frozen):
    """Settings that hold for some frames only.

    Attributes
    ----------
    range
        ``"A:B"``, half-open, in the numbering of the generated clip.
    octaves, optimizer, equalize, blend, spatial, temporal
        As in `StstConfig`; None for what holds elsewhere.
    spectrum_weight, color_weight, color_transfer, regrain
        Likewise.
    """

    range: str
    octaves: tuple[OctaveConfig, ...] | None = None
    optimizer: OptimizerConfig | None = None
    equalize: NonNegative | None = None
    blend: Share | None = None
    spectrum_weight: NonNegative | None = None
    color_weight: NonNegative | None = None
    color_transfer: bool | None = None
    regrain: bool | None = None
    spatial: StreamOverride | None = None
    temporal: StreamOverride | None = None

    @field_validator("range")
    @classmethod
    def _range(cls, value: str) -> str:
        return check_range(value)

    @model_validator(mode="after")
    def _octaves(self) -> Self:
        if self.octaves is not None:
            _check_octaves(self.octaves)
        return self

    @property
    def bounds(self) -> tuple[int, ...]:
        """Give the first frame of the range, and the first one after it if the range ends."""
        start, stop = self.range.split(":")
        return (int(start or 0), int(stop)) if stop else (int(start or 0),)

    def covers(self, frame: int) -> bool:
        """Say whether `frame` lies in the range.

        Parameters
        ----------
        frame
            0-based, of the generated clip.

        Returns
        -------
        bool
            Whether it does.
        """
        first, *stop = self.bounds
        return first <= frame and (not stop or frame < stop[0])


class TargetsConfig(Frozen):
    """Clips that replace the natural one for single terms.

    Attributes
    ----------
    spatial_texture, spatial_content, temporal_texture, temporal_content, color
        Path of a clip; None for the natural one.
    """

    spatial_texture: str | None = None
    spatial_content: str | None = None
    temporal_texture: str | None = None
    temporal_content: str | None = None
    color: str | None = None

    @field_validator("*")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        return str(resolve_path(value)) if value else value


class StstConfig(RunConfig):
    """Spatiotemporal style transfer (Greco & Siegel 2024).

    Attributes
    ----------
    rules
        Where paper and released code differ: ``"paper"`` or ``"reference"`` (the code).
    spatial, temporal
        The streams.
    octave_scale
        σ; an octave has ⌊H·σ^o⌋ × ⌊W·σ^o⌋ pixels.
    octaves
        From the smallest to the full resolution.
    small_octaves
        What becomes of octaves too small for a stream: ``"refuse"`` or ``"skip"``.
    optimizer
        How a gradient becomes a step.
    equalize
        Every active term starts every octave at this value times its weight; 0 turns it off.
    start
        What stands before the first frame: ``"noise"``, or ``"scrambled"``, its target with random
        phases. The right spectrum from the start saves iterations, most of all at scales larger
        than the models see.
    blend
        φ (equation 9): a frame starts from φ·previous + (1−φ)·noise.
    padding_frames
        ξ: how many mirrored frames are made before the first and then dropped.
    spectrum_weight
        Weight of the spectrum of the frame whose colours are taken: the power that it has at every
        spatial frequency, and how that is shared by its channels. Left out where there is a mask.
    color_weight
        Weight of the distribution of its colours, while a frame is optimised.
    color_transfer
        Whether each finished frame takes the colours of its target.
    regrain
        Whether colour transfer gives the frame back the gradients that it had before. It takes
        contrast; a frame that was optimised for its colours is hardly changed and needs none.
    frames
        Overrides for ranges of frames; a later one wins.
    targets
        Clips that replace the natural one for single terms.
    mask
        A picture or clip that is white where the natural clip is replaced; everything else stays
        natural. None replaces all of it.
    checkpoint_every
        Iterations between two points from which a killed run can be continued; more where
        writing them would take more than 2 % of the time. Changes no bytes.
    """

    FILLED: ClassVar[frozenset[str]] = frozenset({"texture_layers", "content_layers"})

    method: Literal["stst"] = "stst"
    precision: Literal["auto", "fp32", "tf32", "bf16"] = "fp32"
    rules: Literal["paper", "reference"] = "paper"
    spatial: StreamConfig = StreamConfig(model="vgg19")
    temporal: StreamConfig = StreamConfig(model="msoe")
    octave_scale: Annotated[float, Field(gt=1, le=4, allow_inf_nan=False)] = 1.5
    octaves: tuple[OctaveConfig, ...]
    small_octaves: Literal["refuse", "skip"] = "refuse"
    optimizer: OptimizerConfig = OptimizerConfig()
    equalize: NonNegative = 1e4
    start: Literal["noise", "scrambled"] = "noise"
    blend: Share = 0.95
    padding_frames: Annotated[int, Field(ge=0, le=1000)] = 5
    spectrum_weight: NonNegative = 0.0
    color_weight: NonNegative = 0.0
    color_transfer: bool = True
    regrain: bool = True
    frames: tuple[FrameOverride, ...] = ()
    targets: TargetsConfig = TargetsConfig()
    mask: Annotated[str, Field(min_length=1)] | None = None
    checkpoint_every: Annotated[int, Field(ge=1)] = 10

    def further_inputs(self) -> dict[str, str]:
        """Name the clips of single terms, and the mask."""
        mask = {} if self.mask is None else {"mask": self.mask}
        return {**self.targets.model_dump(exclude_none=True), **mask}

    @field_validator("mask")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        return str(resolve_path(value)) if value else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_octaves(self.octaves)
        if all(self.term_weight(term) == 0 for term in TERMS):
            raise ValueError(
                "every loss term has weight 0; give at least one of spatial/temporal "
                "texture_weight/content_weight a positive value"
            )
        for frame in sorted({bound for override in self.frames for bound in override.bounds}):
            if not any(self._weight_at(term, frame) for term in TERMS):
                raise ValueError(
                    f"frames: every loss term has weight 0 at frame {frame}; leave one of them on"
                )
        self._check_first_frame()
        return self

    def _check_first_frame(self) -> None:
        octaves = self.octaves
        for override in self.frames:
            if override.octaves is not None and override.covers(0):
                octaves = override.octaves
        spatial = any(self._weight_at(term, 0) for term in TERMS if term.startswith("spatial"))
        if self.padding_frames == 0 and not spatial and any(not o.tv_weight for o in octaves):
            raise ValueError(
                "padding_frames is 0, so frame 0 has no predecessor for the temporal terms, and "
                "nothing else has a weight there; give padding_frames=1 or more, or a spatial term"
            )

    def term_weight(self, term: Term | PixelTerm) -> float:
        """Give the nominal weight of a loss term.

        Parameters
        ----------
        term
            One of `TERMS` or `PIXEL_TERMS`.

        Returns
        -------
        float
            At least 0.
        """
        if term in PIXEL_TERMS:
            return float(getattr(self, f"{term}_weight"))
        stream, kind = term.split("_")
        return float(getattr(getattr(self, stream), f"{kind}_weight"))

    def term_layers(self, term: Term) -> tuple[str, ...]:
        """Give the layers of a loss term; () where the model's own choice is not resolved yet.

        Parameters
        ----------
        term
            One of `TERMS`.

        Returns
        -------
        tuple of str
            Names of layers.
        """
        stream, kind = term.split("_")
        return getattr(getattr(self, stream), f"{kind}_layers") or ()

    def uses_term(self, term: Term) -> bool:
        """Say whether a loss term has a weight at any frame.

        Parameters
        ----------
        term
            One of `TERMS`.

        Returns
        -------
        bool
            Whether it has.
        """
        starts = [0, *(override.bounds[0] for override in self.frames)]
        return any(self._weight_at(term, frame) > 0 for frame in starts)

    @property
    def temporal_needed(self) -> bool:
        """Whether any temporal term is active at any frame."""
        return self.uses_term("temporal_texture") or self.uses_term("temporal_content")

    @property
    def color_used(self) -> bool:
        """Whether any frame takes the colours of its target, or is optimised for its pixels."""
        settings: tuple[StstConfig | FrameOverride, ...] = (self, *self.frames)
        return any(
            one.color_transfer or one.spectrum_weight or one.color_weight for one in settings
        )

    def _weight_at(self, term: Term, frame: int) -> float:
        stream, kind = term.split("_")
        weight = self.term_weight(term)
        for override in self.frames:
            section = getattr(override, stream)
            changed = getattr(section, f"{kind}_weight") if section else None
            if changed is not None and override.covers(frame):
                weight = changed
        return weight

    def for_frame(self, frame: int) -> StstConfig:
        """Apply the overrides for one frame of the generated clip.

        Parameters
        ----------
        frame
            0-based; padding frames (negative) use what holds for frame 0.

        Returns
        -------
        StstConfig
            Without overrides.
        """
        config = self
        for override in self.frames:
            if override.covers(max(frame, 0)):
                changes = override.model_dump(exclude={"range"}, exclude_none=True)
                config = StstConfig.model_validate(
                    update(config.model_dump(exclude={"frames"}), changes)
                )
        return config


def _check_octaves(octaves: tuple[OctaveConfig, ...]) -> None:
    exponents = [octave.exponent for octave in octaves]
    if not exponents or exponents != sorted(set(exponents)) or exponents[-1] != 0:
        raise ValueError(
            "octaves: exponents must rise and end with 0 (the full resolution), "
            f"e.g. -2, -1, 0; found {exponents}"
        )
