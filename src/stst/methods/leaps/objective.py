"""The objective of learned preconscious synthesis, and how every step sees the clip."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from stst.config import LeapsConfig
from stst.methods.leaps.classifiers import VideoModel
from stst.methods.leaps.layers import LayerInput, watch_inputs, with_statistics
from stst.methods.leaps.terms import (
    ByLayer,
    coherence_of_last,
    diversity,
    last_with_time,
    priming_difference,
    priming_jaccard,
    total_variation_of_clip,
)
from stst.models.activations import wide
from stst.utils.noise import ClipKey, uniform_noise

#: What stands for a layer where a term is of the scores, or of the clip itself.
SCORES, PIXELS = "scores", "pixels"


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found of clips.

    Attributes
    ----------
    losses
        Weighted terms, (B, terms).
    unweighted
        By term and layer, (B,) each: without the weight of the term or of the layer. What is of
        no layer is listed under `SCORES` or `PIXELS`.
    probability
        Of the target class, (B,), by who looked: ``"model"``, and ``"verifier"`` where there is
        one that knows the class.
    """

    losses: Tensor
    unweighted: dict[str, dict[str, Tensor]]
    probability: dict[str, Tensor]


class LeapsObjective:
    """Weighted losses of clips in the model's normalised input.

    Parameters
    ----------
    config
        Weights of the terms; one with weight 0 is not computed.
    model
        The classifier that is inverted.
    target
        Number of the class.
    stimulus
        (1, 3, T, H, W), normalised, on the model's device; None to invert without priming.
    verifier
        Whose running statistics are matched; None for no such term.
    verified
        Number of the class among the verifier's; None where it does not know it.
    """

    def __init__(
        self,
        config: LeapsConfig,
        model: VideoModel,
        target: int,
        stimulus: Tensor | None,
        verifier: VideoModel | None,
        verified: int | None = None,
    ) -> None:
        self.config = config
        self.model = model
        self.target = target
        self.verifier = verifier
        self.verified = verified
        self.primed: list[Tensor] | None = None
        if stimulus is not None and config.effective_priming_weight > 0:
            with torch.no_grad():
                _, layers = self._show(stimulus)
            self.primed = [layer.means() for layer in layers]
        weights = {
            "class": 1.0,
            "priming": config.effective_priming_weight if self.primed is not None else 0.0,
            "coherence": config.coherence_weight,
            "diversity": config.diversity_weight if verifier is not None else 0.0,
            "l2": config.l2_weight,
            "tv": config.tv_weight,
        }
        self.weights = {term: weight for term, weight in weights.items() if weight > 0}
        self.terms = tuple(self.weights)

    def judge(self, clips: Tensor) -> Judged:
        """Compute the weighted terms of clips (B, 3, T, H, W), and the probability of the class."""
        scores, layers = self._show(clips)
        probability = {"model": _probability(scores, self.target)}
        wanted = scores.new_full((len(clips),), self.target, dtype=torch.long)
        columns = {"class": F.cross_entropy(scores, wanted, reduction="none")}
        found: dict[str, dict[str, Tensor]] = {"class": {SCORES: columns["class"]}}
        if "priming" in self.weights:
            columns["priming"], found["priming"] = _name_parts(self._priming(layers), layers)
        if "coherence" in self.weights:
            columns["coherence"], last = coherence_of_last(layers), last_with_time(layers)
            found["coherence"] = {} if last is None else {last.name: columns["coherence"]}
        if "diversity" in self.weights:
            columns["diversity"], found["diversity"], others = self._diversity(clips)
            if self.verified is not None:
                probability["verifier"] = _probability(others, self.verified)
        if "l2" in self.weights:
            columns["l2"] = clips.flatten(1).norm(dim=1)
            found["l2"] = {PIXELS: columns["l2"]}
        if "tv" in self.weights:
            columns["tv"] = total_variation_of_clip(clips)
            found["tv"] = {PIXELS: columns["tv"]}
        losses = torch.stack([self.weights[term] * columns[term] for term in self.terms], dim=1)
        return Judged(losses, found, probability)

    def _show(self, clips: Tensor) -> tuple[Tensor, list[LayerInput]]:
        """Show the classifier clips: its scores, and the inputs of its normalisation layers."""
        with (
            watch_inputs(self.model.module, len(clips), clips.shape[2]) as layers,
            self._autocast(clips),
        ):
            scores = self.model.module(clips)
        return wide(scores), layers

    def _priming(self, layers: Sequence[LayerInput]) -> ByLayer:
        assert self.primed is not None
        distance = priming_jaccard if self.config.priming == "jaccard" else priming_difference
        return distance([layer.means() for layer in layers], self.primed)

    def _diversity(self, clips: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Compute the distance to the verifier's statistics, that of each layer, and its scores."""
        assert self.verifier is not None
        own, other = _channels(self.model, clips), _channels(self.verifier, clips)
        seen_so = (clips * own[1] + own[0] - other[0]) / other[1]
        module = self.verifier.module
        with watch_inputs(module, len(clips), clips.shape[2]) as layers, self._autocast(clips):
            scores = module(seen_so)
        normalised = [layer for layer in layers if with_statistics(layer.module)]
        return *_name_parts(diversity(normalised), normalised), wide(scores)

    def _autocast(self, clips: Tensor) -> AbstractContextManager[object]:
        if self.config.precision != "bf16":
            return nullcontext()
        return torch.autocast(clips.device.type, dtype=torch.bfloat16)


class Jittered:
    """Shows an objective every clip rolled and mirrored, by a new draw for each iteration.

    Parameters
    ----------
    objective
        What is made small.
    clip_key
        Whose draws they are.
    first
        Number of the iteration that comes first.
    """

    def __init__(self, objective: LeapsObjective, clip_key: ClipKey, first: int = 0) -> None:
        self.objective = objective
        self.clip_key = clip_key
        self.terms = objective.terms
        self.iteration = first
        #: The clips as they were before the step, not moved.
        self.clips = torch.empty(0)
        #: The probability of the class as this step saw it, see `Judged`.
        self.probability: dict[str, Tensor] = {}

    def __call__(self, images: Tensor) -> Tensor:
        """Compute the weighted terms of the clips as this iteration sees them."""
        self.clips = images.detach().clone()
        config = self.objective.config
        moved = [
            jitter_clips(clip, seed, self.iteration, config.roll, config.flip, self.clip_key())
            for clip, seed in zip(images, config.seeds, strict=True)
        ]
        self.iteration += 1
        judged = self.objective.judge(torch.stack(moved))
        self.probability = judged.probability
        return judged.losses


def jitter_clips(
    clip: Tensor, seed: int, iteration: int, roll: int, flip: bool, key: str = ""
) -> Tensor:
    """Roll a clip and mirror it, or not, as drawn for a seed and an iteration.

    Parameters
    ----------
    clip
        (C, T, H, W).
    seed, iteration
        What is drawn depends on these and on `key` alone.
    roll
        At most so many pixels, along either axis, the same for all frames.
    flip
        Whether it may be mirrored left to right.
    key
        Of the natural clip, see `stst.utils.noise.clip_key`.
    """
    drawn = uniform_noise(seed, iteration, "jitter", (3,), key).tolist()
    down, across = (int(value * (2 * roll + 1)) - roll for value in drawn[:2])
    if down or across:
        clip = clip.roll((down, across), (-2, -1))
    return clip.flip(-1) if flip and drawn[2] < 0.5 else clip


def _probability(scores: Tensor, number: int) -> Tensor:
    return scores.detach().softmax(1)[:, number]


def _name_parts(term: ByLayer, layers: Sequence[LayerInput]) -> tuple[Tensor, dict[str, Tensor]]:
    """Give a term, and what it is made of by the names of the layers."""
    named: dict[str, Tensor] = {}
    for layer, loss in zip(layers, term.each, strict=True):
        # a layer that is used several times counts as often
        count = sum(name.partition("#")[0] == layer.name for name in named)
        named[f"{layer.name}#{count}" if count else layer.name] = loss
    return term.total, named


def _channels(model: VideoModel, like: Tensor) -> tuple[Tensor, Tensor]:
    """Give a model's mean and deviation as (3, 1, 1, 1)."""
    mean, std = like.new_tensor(model.mean), like.new_tensor(model.std)
    return mean[:, None, None, None], std[:, None, None, None]
