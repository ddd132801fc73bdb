"""The objective of one octave of one frame: terms against their targets, and smoothness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import torch
from torch import Tensor

from stst.config import PIXEL_TERMS, TERMS, PixelTerm, StstConfig, Term
from stst.engine.losses import (
    color_loss,
    content_loss,
    gram,
    spectrum_loss,
    texture_loss,
    total_variation,
)
from stst.methods.stst.region import Region
from stst.methods.stst.variants import Variant
from stst.models.activations import Activation, Multiscale
from stst.models.stream import Stream

if TYPE_CHECKING:
    from typing_extensions import TypeIs

AnyTerm = Term | PixelTerm
TOTAL_VARIATION = "total_variation"
#: What stands for a layer where terms of pixels are listed by layer.
PIXELS = "pixels"

# A term is equalised as if it were at least this share of its target's own size. Smaller values
# are rounding: a term that starts at 0 (a perfect start) would get an infinite weight.
_FLOOR = 1e-6
# … and where the target itself is 0, as if it were this. Sizes differ by model and by rules (1e8
# to 1e-12 for those of the paper), so nothing absolute may hold beside a size.
_FLOOR_OF_NOTHING = 1e-12
# what float32 can still divide by
_SMALLEST = 1e-30
# The same for total variation, in units of the pixel range: half a grey level.
_FLOOR_TV = 0.5 / 255


@dataclass(frozen=True)
class Statistics:
    """What a term wants: Gram matrices, activations or pixels, by layer.

    Attributes
    ----------
    by_layer
        (1, N, N) for texture, (1, N, h, w) for content; a picture (1, C, h, w) for a term of
        pixels.
    scale
        The term's value where all of them were compared with zero.
    """

    by_layer: dict[str, Tensor]
    scale: float


def active_terms(config: StstConfig, first: bool, masked: bool = False) -> tuple[AnyTerm, ...]:
    """List the terms with a weight.

    The first frame of all has no predecessor, so no motion. With a mask there is no spectrum: that
    of a whole frame and what stays natural of it would tell what was replaced.
    """
    return tuple(
        term
        for term in (*TERMS, *PIXEL_TERMS)
        if config.term_weight(term) > 0
        and not (first and term.startswith("temporal"))
        and not (masked and term == "spectrum")
    )


def is_of_pixels(term: AnyTerm) -> TypeIs[PixelTerm]:
    """Say whether a term compares pixels, so that no stream takes part."""
    return term in PIXEL_TERMS


class Statistician:
    """Runs the two streams and turns their activations into what the terms compare.

    Parameters
    ----------
    spatial, temporal
        The streams; None where no term needs one.
    rules
        The paper's or the released code's.
    precision
        ``"bf16"`` runs the streams in bfloat16; Gram matrices are float32 always.
    """

    def __init__(
        self, spatial: Stream | None, temporal: Stream | None, rules: Variant, precision: str
    ) -> None:
        self.streams = {"spatial": spatial, "temporal": temporal}
        self.rules = rules
        self.precision = precision

    def activations(
        self, which: Literal["spatial", "temporal"], frames: Tensor, layers: set[str]
    ) -> Mapping[str, Activation]:
        """Run one stream; see `stst.models.Stream`."""
        stream = self.streams[which]
        assert stream is not None
        names = tuple(name for name in stream.layers if name in layers)
        if self.precision != "bf16":
            return stream(frames, names)
        with torch.autocast(frames.device.type, dtype=torch.bfloat16):
            return stream(frames, names)

    def compute_targets(
        self,
        term: AnyTerm,
        frames: Tensor,
        layers: tuple[str, ...],
        region: Region | None = None,
    ) -> Statistics:
        """Compute a target's statistics.

        Parameters
        ----------
        term
            The loss term.
        frames
            (1, 3, h, w), or (1, 2, 3, h, w) for a temporal term, (1, C, h, w) for one of pixels.
        layers
            Layers of the term; of no matter for one of pixels.
        region
            Where the statistics are taken; None for the whole frame.
        """
        if is_of_pixels(term):
            return Statistics({PIXELS: frames}, float(frames.square().mean() / 2))
        which, kind = _split(term)
        with torch.no_grad():
            found = self.activations(which, frames, set(layers))
            values = {layer: self.statistic(kind, found[layer], region) for layer in layers}
            zeros = {layer: torch.zeros_like(value) for layer, value in values.items()}
            scale = float(self.combine(self.losses(kind, values, zeros)))
        return Statistics(values, scale)

    def statistic(self, kind: str, activation: Activation, region: Region | None = None) -> Tensor:
        """Give what a term of this kind compares, inside a region or everywhere."""
        if region is not None:
            activation = region.weigh(activation)
        if kind == "texture":
            return gram(activation, self.rules.by_channels)
        return activation.concatenate() if isinstance(activation, Multiscale) else activation

    def losses(
        self, kind: str, have: Mapping[str, Tensor], want: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Give the unweighted loss (B,) of every layer of `want`."""
        if kind == "texture":
            return {layer: texture_loss(have[layer], want[layer]) for layer in want}
        half = self.rules.half_content
        return {layer: content_loss(have[layer], want[layer], half) for layer in want}

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Give the unweighted loss (B,) over all layers."""
        total = torch.stack(list(losses.values())).sum(dim=0)
        return total if self.rules.sum_layers else total / len(losses)


class StstObjective:
    """Weighted losses of one octave (equations 1 to 6), equalised at its first evaluation.

    Parameters
    ----------
    statistician
        Runs the streams.
    targets
        Statistics of every active term.
    weights
        Nominal weight of every active term.
    tv_weight
        ω of the octave.
    equalize
        Value at which a term of weight 1 starts; 0 leaves the terms as they are.
    previous
        (B, C, h, w) the previous generated frame at this octave; None without temporal terms. No
        gradient flows into it.
    region
        Outside it the frame is the natural one and has no gradient; the terms are taken inside.
        None for the whole frame.
    """

    def __init__(
        self,
        statistician: Statistician,
        targets: Mapping[AnyTerm, Statistics],
        weights: Mapping[AnyTerm, float],
        tv_weight: float,
        equalize: float,
        previous: Tensor | None,
        region: Region | None = None,
    ) -> None:
        self.statistician = statistician
        self.region = region
        self.targets = targets
        self.previous = previous
        self.equalize = equalize
        self.terms: tuple[str, ...] = tuple(targets)
        nominal = [weights[term] for term in targets]
        floors = [_floor(one.scale) for one in targets.values()]
        if tv_weight > 0:
            self.terms += (TOTAL_VARIATION,)
            nominal.append(tv_weight)
            floors.append(_FLOOR_TV * (1 if statistician.rules.by_channels else 3))
        self.nominal, self.floors = nominal, floors
        self.weights: Tensor | None = None
        self._layers: dict[str, set[str]] = {}
        for term, statistics in targets.items():
            if is_of_pixels(term):
                continue
            self._layers.setdefault(_split(term)[0], set()).update(statistics.by_layer)

    def compute_unweighted(self, images: Tensor) -> Tensor:
        """Compute the terms (B, terms) with all weights 1."""
        columns = [
            self.statistician.combine(losses) for losses in self.losses_by_layer(images).values()
        ]
        return torch.stack(columns, dim=1)

    def losses_by_layer(self, images: Tensor) -> dict[str, dict[str, Tensor]]:
        """Compute the unweighted losses.

        Parameters
        ----------
        images
            (B, 3, h, w) in [0, 1], or (B, 1, h, w) of grey.

        Returns
        -------
        dict
            By term and layer, (B,) each; what is of pixels is that of the layer `PIXELS`.
        """
        region = self.region
        if region is not None:
            images = region.compose(images)
        pixels, inside = images, None if region is None else region.inside
        # the streams see grey as red, green and blue
        images = images.expand(-1, 3, -1, -1)
        found: dict[str, Mapping[str, Activation]] = {}
        for which, layers in self._layers.items():
            frames = images
            if which == "temporal":
                assert self.previous is not None
                frames = torch.stack([self.previous.expand_as(images), images], dim=1)
            found[which] = self.statistician.activations(
                cast(Literal["spatial", "temporal"], which), frames, layers
            )
        out: dict[str, dict[str, Tensor]] = {}
        for term, statistics in self.targets.items():
            if is_of_pixels(term):
                out[term] = {PIXELS: _pixel_loss(term, pixels, statistics, inside)}
                continue
            which, kind = _split(term)
            have = {
                layer: self.statistician.statistic(kind, found[which][layer], region)
                for layer in statistics.by_layer
            }
            out[term] = self.statistician.losses(kind, have, statistics.by_layer)
        if TOTAL_VARIATION in self.terms:
            by_channels = self.statistician.rules.by_channels
            out[TOTAL_VARIATION] = {PIXELS: total_variation(images, by_channels, inside)}
        return out

    def __call__(self, images: Tensor) -> Tensor:
        """Compute the weighted terms (B, terms)."""
        losses = self.compute_unweighted(images)
        if self.weights is None:
            self.weights = self._equalize(losses.detach())
        return losses * self.weights

    def _equalize(self, start: Tensor) -> Tensor:
        nominal = start.new_tensor(self.nominal)
        if self.equalize == 0:
            return nominal.expand_as(start)
        return nominal * self.equalize / torch.maximum(start, start.new_tensor(self.floors))


def _floor(scale: float) -> float:
    """Give the value below which a term of that size is taken for rounding."""
    return max(_FLOOR * scale, _SMALLEST) if scale > 0 else _FLOOR_OF_NOTHING


def _pixel_loss(
    term: PixelTerm, images: Tensor, wanted: Statistics, inside: Tensor | None
) -> Tensor:
    target = wanted.by_layer[PIXELS]
    if term == "spectrum":
        return spectrum_loss(images, target)
    return color_loss(images, target, inside)


def _split(term: str) -> tuple[Literal["spatial", "temporal"], str]:
    which, kind = term.split("_")
    return ("spatial" if which == "spatial" else "temporal"), kind
