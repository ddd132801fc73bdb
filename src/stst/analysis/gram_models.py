"""Models whose Gram matrices a stimulus is judged by: those it was made with, or others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stst.config import MODEL_PAIRS, StreamConfig, StstConfig, Term, build
from stst.config.sources import check_trust
from stst.engine.losses import gram
from stst.errors import InputError
from stst.models import Kind, Stream, load_stream
from stst.utils.devices import guarded, numerics, pick_device
from stst.utils.text import format_value
from stst.video import Clip
from stst.weights import brief

#: The streams whose textures are compared.
Streams = Mapping[Kind, StreamConfig]
#: Number of the model among those that are asked, and name of the layer.
GramKey = tuple[int, str]
Grams = dict[GramKey, Tensor]

_TERMS: Mapping[Kind, Term] = {"spatial": "spatial_texture", "temporal": "temporal_texture"}
_HINT = 'Say which statistics to compare: `model="paper"` or `model="builtin"`.'


@dataclass(frozen=True, eq=False)
class GramModel:
    """A stream and the layers whose Gram matrices are compared.

    Attributes
    ----------
    kind
        Whether it sees frames, or pairs of them.
    stream
        On `device`.
    layers
        Out of the stream's.
    name
        Model and weights, as in the ``model`` column of tables.
    weights
        See `stst.models.LoadedStream`.
    device
        Where it computes.
    """

    kind: Kind
    stream: Stream
    layers: tuple[str, ...]
    name: str
    weights: Mapping[str, Any] | None
    device: torch.device


def streams_of_pair(
    name: str,
    spatial_layers: tuple[str, ...] | None = None,
    temporal_layers: tuple[str, ...] | None = None,
) -> dict[Kind, StreamConfig]:
    """Choose a pair of models.

    Parameters
    ----------
    name
        ``"paper"`` or ``"builtin"``.
    spatial_layers, temporal_layers
        None for the models' own choice; () for none of this stream.

    Raises
    ------
    InputError
        If there is no such pair.
    """
    if name not in MODEL_PAIRS:
        raise InputError(f"model: {name!r}; there are: {', '.join(MODEL_PAIRS)}.")
    spatial, temporal = MODEL_PAIRS[name]
    return {
        "spatial": StreamConfig(model=spatial, texture_layers=spatial_layers),
        "temporal": StreamConfig(model=temporal, texture_layers=temporal_layers),
    }


def streams_of_sidecar(
    sidecar: Mapping[str, Any],
    where: Path,
    natural_sha256: str,
    trusted: Collection[str] = (),
) -> tuple[dict[Kind, StreamConfig], list[str]]:
    """Find out which statistics of a natural clip a stimulus was optimised for.

    Parameters
    ----------
    sidecar, where
        Its content and its path.
    natural_sha256
        Hash of the natural clip's file.
    trusted
        Own models ``package.module:factory`` that may be imported.

    Returns
    -------
    dict
        The streams whose textures were matched to this clip.
    list of str
        What a reader should know of the others, one sentence each.

    Raises
    ------
    InputError
        If the stimulus was not made by matching Gram matrices of this clip, the sidecar is damaged,
        or it names an own model that is not trusted.
    """
    method, tree = sidecar.get("method"), sidecar.get("config")
    if method != "stst" or not isinstance(tree, dict):
        raise InputError(
            f"{where}: made by {format_value(method)}, which matches no Gram matrices. {_HINT}"
        )
    check_trust(tree, trusted, str(where))
    config = build({key: tree[key] for key in tree if key != "targets"}, StstConfig, str(where))
    hashes = _hashes(sidecar)
    found: dict[Kind, StreamConfig] = {}
    notes = []
    for kind, term in _TERMS.items():
        target = hashes.get(term, hashes.get("natural"))
        if not config.uses_term(term):
            continue
        if natural_sha256 in hashes.values() and target != natural_sha256:
            notes.append(f"{where}: {term} was matched to another clip, so it is left out.")
            continue
        found[kind] = config.spatial if kind == "spatial" else config.temporal
    if not found:
        raise InputError(f"{where}: no Gram matrix was matched to this natural clip. {_HINT}")
    return found, notes


def _hashes(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """Give the hash of every input by its role."""
    inputs = sidecar.get("inputs")
    listed = inputs if isinstance(inputs, list) else []
    return {str(one.get("role")): one.get("sha256") for one in listed if isinstance(one, dict)}


@guarded()
def load_judges(streams: Streams, device: str = "auto") -> tuple[GramModel, ...]:
    """Load the streams whose Gram matrices are compared, and settle their layers.

    Parameters
    ----------
    streams
        Of `streams_of_pair` or `streams_of_sidecar`.
    device
        See `stst.utils.devices.pick_device`.

    Returns
    -------
    tuple of GramModel
        One for each stream, on the device.

    Raises
    ------
    InputError
        See `stst.models.load_stream`; also if the weights at hand do not reach a layer.
    """
    where, judges = pick_device(device), []
    for kind, config in streams.items():
        if config.texture_layers == ():
            continue
        loaded = load_stream(kind, config)
        layers = config.texture_layers or loaded.stream.texture_layers
        _require(loaded.stream, layers)
        name = _name(config, loaded.weights)
        judges.append(GramModel(kind, loaded.stream.to(where), layers, name, loaded.weights, where))
    if not judges:
        raise InputError("There is no layer to compare. Name one of either stream.")
    return tuple(judges)


def _require(stream: Stream, layers: tuple[str, ...]) -> None:
    require = getattr(stream, "require", None)
    if require is None:
        return
    try:
        require(layers)
    except InputError as error:
        raise InputError(
            f'{error} To compare: `model="paper"` `spatial_layers="conv1_1,conv2_1"`.'
        ) from error


def gram_matrices(clip: Clip, number: int, models: Sequence[GramModel]) -> Grams:
    """Compute the Gram matrices of a frame, and of it and the one before it.

    Parameters
    ----------
    clip
        With frames large enough for the models.
    number
        Of the frame, 0-based in the clip.
    models
        Models and layers; one that sees pairs is left out of the first frame.

    Returns
    -------
    dict
        By the number of the model and the layer: (N, N), on the CPU.
    """
    out: Grams = {}
    for place, model in enumerate(models):
        if model.kind == "temporal" and number == 0:
            continue
        numbers = [number] if model.kind == "spatial" else [number - 1, number]
        pictures = np.stack([clip.frames[one] for one in numbers])
        with numerics(model.device, "fp32"), torch.no_grad():
            images = torch.from_numpy(pictures).to(model.device).permute(0, 3, 1, 2).float() / 255
            frames = images if model.kind == "spatial" else images[None]
            for layer, activation in model.stream(frames, model.layers).items():
                out[place, layer] = gram(activation)[0].cpu()
    return out


def other_weights(
    sidecar: Mapping[str, Any], where: Path, judges: Collection[GramModel]
) -> list[str]:
    """Say which judges have other weights than a stimulus was made with, one sentence each."""
    listed = sidecar.get("weights")
    known = listed if isinstance(listed, list) else []
    recorded = [one.get("hash") for one in known if isinstance(one, dict)]
    return [
        f"{where}: made with other weights than those of {judge.name}."
        for judge in judges
        if judge.weights is not None and judge.weights["hash"] not in recorded
    ]


def _name(config: StreamConfig, weights: Mapping[str, Any] | None) -> str:
    if weights is None:
        return config.model
    return f"{config.model} [weights={brief(str(weights['file']), str(weights['hash']))}]"
