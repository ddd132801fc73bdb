"""The keys of a config for learned preconscious synthesis."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from stst.config.schema import FACTORY, NonNegative, Positive, RunConfig, Share

#: torchvision's video models: frames of a clip, and their rate in Hz, that their accuracies were
#: measured with.
VIDEO_MODELS = {
    "r3d_18": (16, Fraction(15)),
    "mc3_18": (16, Fraction(15)),
    "r2plus1d_18": (16, Fraction(15)),
    "s3d": (128, Fraction(15)),
    "mvit_v1_b": (16, Fraction(15, 2)),
    "mvit_v2_s": (16, Fraction(15, 2)),
    "swin3d_t": (32, Fraction(15)),
    "swin3d_s": (32, Fraction(15)),
    "swin3d_b": (32, Fraction(15)),
}

#: Video models of optional libraries.
OPTIONAL_MODELS = {
    "pytorchvideo": (
        *("x3d_xs", "x3d_s", "x3d_m", "x3d_l", "slow_r50", "i3d_r50", "r2plus1d_r50"),
        *("csn_r101", "csn_r50"),
    ),
    "transformers": ("timesformer_b", "timesformer_hr", "videomae_s", "videomae_b", "videomae_l"),
}

# one is a sum over hundreds of channels, the other a mean of similarities from 0 to 1
_PRIMING_WEIGHTS = {"difference": 0.01, "jaccard": 1.0}
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")


def _as_text(value: Any) -> Any:
    """Take the number of a class for its name, as TOML and ``--set`` give it."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


ClassName = Annotated[str, Field(min_length=1), BeforeValidator(_as_text)]


class LeapsConfig(RunConfig):
    """Learned preconscious synthesis (Stergiou & Deligiannis 2023): a video classifier inverted.

    Attributes
    ----------
    model
        The video classifier: one of torchvision's or of an optional library's by name, or
        ``package.module:factory`` of your own.
    weights
        ``"default"``, torchvision's name, a file, or ``"none"`` (random, from a fixed seed).
    target
        The class that the clip is made for: its name, the beginning of it, or its number.
    verifier
        Another video model, whose running statistics the clip is brought close to. ``"auto"``:
        mc3_18 (r3d_18 where that is inverted), and none beside own models or random weights;
        ``"none"``: leaves it out.
    verifier_weights
        As ``weights``, for the verifier.
    length
        Frames of the clip; None for what the model was trained with.
    size
        Height and width of the clip in pixels, ``"HxW"``; None for the model's own.
    rate
        Frames per second of the clip, and of what is taken from the stimulus; None for the
        model's own.
    iterations
        Steps of the optimiser.
    learning_rate
        At its highest, in units of the model's normalised input.
    warm_up
        Iterations in which the learning rate rises in equal steps to its highest, half of
        ``iterations`` at most; then it falls along a cosine.
    final_rate
        The learning rate falls no lower; one above ``learning_rate`` counts as that.
    betas
        Decay rates of Adam's two moments.
    priming
        How features are compared with the stimulus': ``"difference"``, absolute differences
        summed over channels and weighted layers, as the released code does, or ``"jaccard"``,
        the vector similarity averaged over weighted layers, as published.
    priming_weight
        Of the distance to the stimulus' mean features; None for what belongs to ``priming``: 0.01
        to ``"difference"``, 1 to ``"jaccard"``.
    coherence_weight
        Of the change of features from frame to frame, a sum over all features of the last
        normalisation layer that has more than one time step.
    diversity_weight
        Of the distance to the verifier's running statistics, a sum over weighted layers.
    l2_weight
        Of the Euclidean norm of the clip in the model's normalised input.
    tv_weight
        Of the total variation of its frames, a mean over pixels and channels. Not in the
        publication, so 0.
    roll
        Every step sees the clip rolled by up to this many pixels both ways.
    flip
        Whether every second step, on average, sees the clip mirrored. Mirroring swaps left and
        right, so turn it off for classes that have a direction.
    keep
        Which clip becomes the stimulus: the ``"best"`` (lowest loss) or the ``"last"``. The other
        one is written beside it.
    checkpoint_every
        Iterations between two points from which a killed run can be continued; more where
        writing them would take more than 2 % of the time. Changes no bytes.
    """

    FILLED: ClassVar[frozenset[str]] = frozenset({"priming_weight"})
    RENAMED: ClassVar[frozenset[str]] = frozenset({"length", "size", "rate", "target", "verifier"})

    method: Literal["leaps"] = "leaps"
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    model: Annotated[str, Field(min_length=1)] = "r3d_18"
    weights: Annotated[str, Field(min_length=1)] = "default"
    target: ClassName | None = None
    verifier: Annotated[str, Field(min_length=1)] = "auto"
    verifier_weights: Annotated[str, Field(min_length=1)] = "default"
    length: Annotated[int, Field(ge=1, le=100_000)] | None = None
    size: str | None = None
    rate: Positive | None = None
    iterations: Annotated[int, Field(ge=1)] = 2000
    learning_rate: Positive = 0.6
    warm_up: Annotated[int, Field(ge=0)] = 100
    final_rate: NonNegative = 5e-3
    betas: tuple[Share, Share] = (0.5, 0.9)
    priming: Literal["difference", "jaccard"] = "difference"
    priming_weight: NonNegative | None = None
    coherence_weight: NonNegative = 1e-4
    diversity_weight: NonNegative = 0.1
    l2_weight: NonNegative = 0.005
    tv_weight: NonNegative = 0.0
    roll: Annotated[int, Field(ge=0)] = 30
    flip: bool = True
    keep: Literal["best", "last"] = "best"
    checkpoint_every: Annotated[int, Field(ge=1)] = 100

    def extra_outputs(self, with_clip: bool) -> list[str]:
        """Name the clip that `keep` leaves, and the stimulus as the model saw it.

        Parameters
        ----------
        with_clip
            Whether there is a stimulus that primes the model.

        Returns
        -------
        list of str
            What follows the master's stem.
        """
        names = ["last" if self.keep == "best" else "best"]
        return [*names, "stimulus"] if with_clip else names

    @property
    def verifier_name(self) -> str:
        """What ``"auto"`` stands for here; else the verifier as it is."""
        if self.verifier != "auto":
            return self.verifier
        if ":" in self.model or self.weights == "none":
            return "none"
        return "r3d_18" if self.model == "mc3_18" else "mc3_18"

    @property
    def effective_priming_weight(self) -> float:
        """What the weight's None stands for here; else the weight as it is."""
        if self.priming_weight is not None:
            return self.priming_weight
        return _PRIMING_WEIGHTS[self.priming]

    @field_validator("model", "verifier")
    @classmethod
    def _model(cls, value: str) -> str:
        if ":" in value and not FACTORY.fullmatch(value):
            raise ValueError("expected package.module:factory, or the name of a video model")
        return value

    @field_validator("size")
    @classmethod
    def _size(cls, value: str | None) -> str | None:
        if value is not None and not _SIZE.fullmatch(value):
            raise ValueError("expected HxW in pixels, e.g. 112x112")
        return value
