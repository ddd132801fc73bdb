"""What the configs of all methods share: keys, types, ranges and defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

_RANGE = re.compile(r"([0-9]{0,9}):([0-9]{0,9})")
#: A model of the user's own, ``package.module:factory``.
FACTORY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:[0-9]{1,4})?")


class Frozen(BaseModel):
    """A table of a config: it cannot be changed, and knows all of its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with changed fields; unlike pydantic's own, the copy is checked."""
        return type(self).model_validate({**dict(self), **(update or {})})


def check_range(text: str) -> str:
    """Accept ``A:B`` with either end left out, half-open, and not empty."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError("expected A:B (frames A to B-1)")
    start, stop = int(match[1] or 0), int(match[2]) if match[2] else None
    if stop is not None and stop <= start:
        raise ValueError("holds no frame: in A:B, B must be greater than A")
    return text


class InputConfig(Frozen):
    """What is taken of the natural clip.

    Attributes
    ----------
    frames
        ``"A:B"``, half-open and 0-based; None for all.
    max_side
        Shrink (never enlarge) so that the longer side is at most this many pixels.
    grey
        Take the colour away, after shrinking, so that the stimulus is made of the luminance
        0.299 R + 0.587 G + 0.114 B alone.
    bits
        8: clips of more bits are rounded to so many, exactly. None: they are refused.
    tonemap
        Tone curve that brings clips of high dynamic range (PQ, HLG) to 8-bit BT.709. None: they
        are refused.
    peak_nits
        Peak in cd/m² that clips of high dynamic range were made for, where their files do not say
        it; None for 1000.
    """

    frames: str | None = None
    max_side: Annotated[int, Field(ge=1)] | None = None
    grey: bool = False
    bits: Literal[8] | None = None
    tonemap: Literal["bt2408"] | None = None
    peak_nits: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] | None = None

    @field_validator("frames")
    @classmethod
    def _range(cls, value: str | None) -> str | None:
        return None if value is None else check_range(value)

    @model_validator(mode="after")
    def _peak_of_a_curve(self) -> Self:
        if self.peak_nits is not None and self.tonemap is None:
            raise ValueError(
                'peak_nits applies with tonemap alone: give `tonemap="bt2408"` as well'
            )
        return self


class RunConfig(Frozen):
    """What every method shares.

    Attributes
    ----------
    method
        Its short name.
    seed
        Of the first sample; the others follow by one.
    samples
        How many stimuli are made side by side.
    noise
        ``"per_clip"``: one seed means other noise for every natural clip (of an inversion without
        a stimulus, for every class), so stimuli of one seed are no more alike than those of
        several. ``"shared"``: the same noise for all clips, so that stimuli of one seed are not
        independent; pixels of metamers then correlate.
    device
        ``"auto"`` takes CUDA, else Apple's GPU, else the CPU.
    precision
        Of the arithmetic: ``"fp32"``, ``"tf32"`` (CUDA) or ``"bf16"`` of models, where Gram
        matrices stay in float32; ``"auto"`` (style transfer only) takes what the device computes
        fastest. ``"fp64"`` or ``"fp32"`` of transforms.
    input
        What is taken of the natural clip.
    """

    method: str
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    samples: Annotated[int, Field(ge=1, le=4096)] = 1
    noise: Literal["per_clip", "shared"] = "per_clip"
    device: str = "auto"
    precision: Literal["auto", "fp64", "fp32", "tf32", "bf16"] = "fp32"
    input: InputConfig = InputConfig()

    #: Keys, also of tables, that a run fills in where nothing is said.
    FILLED: ClassVar[frozenset[str]] = frozenset()
    #: Keys for which a run takes another name of the same thing.
    RENAMED: ClassVar[frozenset[str]] = frozenset()

    @field_validator("device")
    @classmethod
    def _device(cls, value: str) -> str:
        if not _DEVICE.fullmatch(value):
            raise ValueError("expected auto, cpu, cuda, cuda:N or mps")
        return value

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed per sample."""
        return tuple(range(self.seed, self.seed + self.samples))

    def further_inputs(self) -> dict[str, str]:
        """Name the files that are read beside the clip that a command is given, by role."""
        return {}

    def extra_outputs(self, with_clip: bool) -> list[str]:
        """Name the clips that are written beside each stimulus.

        Parameters
        ----------
        with_clip
            Whether there is a clip that it is made of.

        Returns
        -------
        list of str
            What follows the master's stem, e.g. ``"best"`` for ``X.best.mkv``.
        """
        return []


def update(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Merge nested tables; lists and single values are replaced."""
    out = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = update(out[key], value)
        else:
            out[key] = value
    return out
