"""Differentiable models, by name or from a user's own factory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stst.config import TERMS, StreamConfig, StstConfig, Term
from stst.errors import InputError
from stst.models.activations import Activation, Multiscale
from stst.models.factory import call_factory
from stst.models.stream import Kind, Stream, check_layers, validate_stream
from stst.utils.devices import guarded

__all__ = [
    "Activation",
    "Kind",
    "LoadedStream",
    "Multiscale",
    "Stream",
    "load_stream",
    "resolve_layers",
    "validate_stream",
]


@dataclass(frozen=True)
class LoadedStream:
    """A stream and what a sidecar says of its weights.

    Attributes
    ----------
    stream
        Ready for use on the CPU.
    weights
        Name, file, hash and source; None where a model needs no file.
    """

    stream: Stream
    weights: Mapping[str, Any] | None


@guarded()
def load_stream(kind: Kind, config: StreamConfig) -> LoadedStream:
    """Build the stream that a config names.

    Parameters
    ----------
    kind
        ``"spatial"`` or ``"temporal"``.
    config
        Model and weights. ``package.module:factory`` is imported, which runs its code.

    Returns
    -------
    LoadedStream
        With the layers of the config checked against the model's.

    Raises
    ------
    InputError
        If the model or a layer is unknown, its weights are missing, or an own model cannot serve.
    """
    if ":" in config.model:
        loaded = LoadedStream(_own(kind, config), None)
    elif config.model in _BUILDERS[kind]:
        loaded = _BUILDERS[kind][config.model](config)
    else:
        raise InputError(
            f"{kind}.model: unknown model {config.model!r}. There are: "
            f"{', '.join(_BUILDERS[kind])}, or your own as package.module:factory."
        )
    for field in ("texture_layers", "content_layers"):
        check_layers(loaded.stream, getattr(config, field) or (), f"{kind}.{field}")
    return loaded


def resolve_layers(config: StstConfig, streams: Mapping[Kind, LoadedStream | None]) -> StstConfig:
    """Fill in the models' own choice of layers where the config makes none.

    Parameters
    ----------
    config
        With or without layers.
    streams
        By kind; None where a stream is not used.

    Returns
    -------
    StstConfig
        With the layers of every stream that is used.

    Raises
    ------
    InputError
        If a term that is used has no layer, or the weights at hand do not reach one.
    """
    update: dict[str, Any] = {}
    for kind, loaded in streams.items():
        if loaded is None:
            continue
        section: StreamConfig = getattr(config, kind)
        layers = {}
        for field in ("texture_layers", "content_layers"):
            chosen = getattr(section, field)
            layers[field] = getattr(loaded.stream, field) if chosen is None else chosen
        update[kind] = section.model_copy(update=layers)
    config = config.model_copy(update=update)
    for term in TERMS:
        if config.uses_term(term):
            _check_term(config, term, streams)
    return config


def _check_term(
    config: StstConfig, term: Term, streams: Mapping[Kind, LoadedStream | None]
) -> None:
    kind, _, field = term.partition("_")
    layers = config.term_layers(term)
    if not layers:
        raise InputError(
            f"{kind}.{field}_layers is empty, but {kind}.{field}_weight is not 0. "
            "Name a layer, or set the weight to 0."
        )
    loaded = streams["spatial" if kind == "spatial" else "temporal"]
    require = getattr(loaded.stream, "require", None) if loaded else None
    if require is not None:
        require(layers)


def _vgg19(config: StreamConfig) -> LoadedStream:
    from stst.models.vgg import VGG19
    from stst.weights import load_vgg19

    source = "keras" if config.weights == "default" else config.weights
    weights = load_vgg19(source)
    if weights.convention is None:
        raise InputError(
            f"spatial.weights: {weights.file_name} does not say its colour convention."
        )
    stream = VGG19(weights.tensors, weights.convention, weights.file_name)
    return LoadedStream(stream, weights.provenance())


def _msoe(config: StreamConfig) -> LoadedStream:
    from stst.models.msoe import MSOE
    from stst.weights import load_msoe

    weights = load_msoe(config.weights)
    return LoadedStream(MSOE(weights.tensors), weights.provenance())


def _filterbank(config: StreamConfig) -> LoadedStream:
    from stst.models.filterbank import FilterBank

    _no_weights(config)
    return LoadedStream(FilterBank(), None)


def _motion_energy(config: StreamConfig) -> LoadedStream:
    from stst.models.motion_energy import MotionEnergy

    _no_weights(config)
    return LoadedStream(MotionEnergy(), None)


_BUILDERS: Mapping[Kind, Mapping[str, Any]] = {
    "spatial": {"vgg19": _vgg19, "filterbank": _filterbank},
    "temporal": {"msoe": _msoe, "motion_energy": _motion_energy},
}


def _no_weights(config: StreamConfig) -> None:
    if config.weights != "default":
        raise InputError(
            f"the model {config.model} loads no weights by name; found {config.weights!r}. "
            "Leave its weights out."
        )


def _own(kind: Kind, config: StreamConfig) -> Stream:
    _no_weights(config)
    stream = call_factory(config.model, f"{kind}.model")
    return validate_stream(stream, kind, config.model)
