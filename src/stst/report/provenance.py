"""How clips were read and made, as far as it is known.

A sidecar may have been edited or come from elsewhere: what is not of the expected kind is shown as
it is, or left out, and never trusted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stst.config.methods import BUILT_IN
from stst.report.clips import Clip
from stst.report.formatting import number, rate_text, text
from stst.runs.sidecar import READABLE
from stst.video import SourceInfo

Facts = list[tuple[str, str]]

_SETTINGS = (
    ("preset", "Preset"),
    ("rules", "Rules"),
    ("spatial.model", "Spatial model"),
    ("spatial.texture_layers", "Spatial layers"),
    ("temporal.model", "Temporal model"),
    ("temporal.texture_layers", "Temporal layers"),
    ("octaves", "Octaves"),
    ("noise", "Noise"),
    ("start", "Start"),
    ("mode", "Mode"),
    ("coherence", "Coherence"),
    ("phase_per_channel", "Phase per channel"),
    ("blend", "Blending ratio"),
    ("padding_frames", "Padding frames"),
    ("spectrum_weight", "Weight of the spectrum"),
    ("color_weight", "Weight of colours"),
    ("color_transfer", "Colour transfer"),
    ("regrain", "Regrain"),
    ("precision", "Precision"),
)
_HASH = len("sha256:") + 12
_KNOWN = ("schema_version", "method", "config", "inputs", "weights", "environment", "output")


@dataclass(frozen=True)
class Making:
    """How a clip was made, as its sidecar says.

    Attributes
    ----------
    facts, environment
        Terms and values.
    inputs, weights
        One row of terms and values each.
    config
        All settings as JSON; empty where there are none.
    warnings
        One sentence each.
    """

    facts: Facts
    config: str = ""
    inputs: list[Facts] = field(default_factory=list)
    weights: list[Facts] = field(default_factory=list)
    environment: Facts = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def reading_of(clip: Clip) -> Facts:
    """Say what a clip's file is and how it was decoded."""
    video, source = clip.video, clip.video.source
    shown = f"{len(video)} frames, {source.start} to {source.stop - 1} of the file"
    facts = [
        ("File", clip.path.name or str(clip.path)),
        ("SHA-256", clip.sha256),
        ("Frames", f"{shown}, {number(float(len(video) / video.fps))} s"),
        ("Size", _size(video.width, video.height, source)),
        ("Rate", rate_text(video.fps)),
        ("Decoder", _decoder(source)),
        ("Colour", _colour(source)),
    ]
    if source.bits is not None:
        facts.append(("Depth", "rounded to 8 bits per channel, exactly"))
    if source.tonemap is not None:
        peak = number(source.peak_nits or 0)
        facts.append(("Tone mapping", f"{source.tonemap} from a peak of {peak} cd/m² to BT.709"))
    if source.rotation:
        facts.append(("Rotation", f"{source.rotation}° counter-clockwise, as the file asks for"))
    if source.resample_fps is not None:
        facts.append(("Resampled", f"to {rate_text(source.resample_fps)}, nearest in time"))
    if source.audio_dropped:
        facts.append(("Sound", "in the file, not used"))
    return [*facts, *(("Note", note) for note in source.notes)]


def making_of(clip: Clip) -> Making | None:
    """Say how a clip was made; None where no file beside it says so."""
    sidecar = clip.sidecar
    if sidecar is None:
        return None
    if not any(key in sidecar for key in _KNOWN):
        said = f"{clip.sidecar_path.name} is no sidecar of this program; nothing of it is shown."
        return Making([("Sidecar", said)])
    config = sidecar.get("config")
    known = isinstance(config, Mapping)
    return Making(
        facts=[*_facts(clip, sidecar), *list_settings(_mapping(config))],
        config=json.dumps(config, indent=2, ensure_ascii=False) if known else "",
        inputs=[_input(one) for one in _mappings(sidecar.get("inputs"))],
        weights=[_weight(one) for one in _weights(sidecar)],
        environment=_environment(sidecar.get("environment")),
        warnings=[text(one) for one in _list_items(sidecar.get("warnings"))],
    )


def _size(width: int, height: int, source: SourceInfo) -> str:
    shown = f"{width} × {height} px"
    if (source.width, source.height) == (width, height):
        return shown
    return f"{shown}, shrunk from {source.width} × {source.height} px"


def _decoder(source: SourceInfo) -> str:
    if not source.decoder_version:
        return source.decoder
    return f"{source.decoder} ({source.decoder_version})"


def _colour(source: SourceInfo) -> str:
    matrix = " (assumed)" if source.matrix_assumed else ""
    span = " (assumed)" if source.range_assumed else ""
    return f"matrix {source.color_matrix}{matrix}, range {source.color_range}{span}"


def _facts(clip: Clip, sidecar: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    version = sidecar.get("schema_version")
    tail = "" if version in READABLE else f" (schema version {text(version)}, not ours)"
    yield "Sidecar", f"{clip.sidecar_path.name}{tail}"
    if "method" in sidecar:
        method = sidecar["method"]
        spec = BUILT_IN.get(method) if isinstance(method, str) else None
        yield "Method", f"{spec.title}, {spec.long_title}" if spec else text(method)
    if "seed" in sidecar:
        yield "Seed", text(sidecar["seed"])
    output = sidecar.get("output")
    if isinstance(output, Mapping) and "sha256" in output:
        same = output["sha256"] == clip.sha256
        yield "File unchanged", "yes" if same else f"no: it was {text(output['sha256'])}"


def list_settings(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """List the settings that a reader of a report asks for first, in words."""
    for key, title in _SETTINGS:
        value: Any = config
        for name in key.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None:
            yield title, _octaves(value) if key == "octaves" else text(value)


def list_making(sidecar: Mapping[str, Any]) -> Facts:
    """List what the methods section of a paper has to say of a stimulus, as far as it is known."""
    config, environment, output = (
        _mapping(sidecar.get(name)) for name in ("config", "environment", "output")
    )
    versions = _mapping(environment.get("versions"))
    known = {
        "method": sidecar.get("method"),
        "seed": sidecar.get("seed"),
        **dict(list_settings(config)),
        "device": environment.get("device"),
        "frames": output.get("frames"),
        "height × width": _join(output.get("size"), " × "),
        "Hz": output.get("fps"),
        **{f"weights of {text(one.get('name'))}": _checked(one) for one in _weights(sidecar)},
        **{name: versions.get(name) for name in ("napari-stst", "torch")},
    }
    return [(name, text(value)) for name, value in known.items() if value not in (None, "none")]


def _weights(sidecar: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _mappings(sidecar.get("weights"))


def _checked(weights: Mapping[str, Any]) -> str:
    known = "" if weights.get("verified") else ", not a known file"
    return f"{text(weights.get('hash'))[:_HASH]}…{known}"


def _octaves(octaves: object) -> str:
    if not isinstance(octaves, list) or not all(isinstance(one, dict) for one in octaves):
        return text(octaves)
    parts = (
        f"{text(one.get('exponent'))}: {text(one.get('iterations'))} iterations" for one in octaves
    )
    return "; ".join(parts).replace("-", "−")


def _input(record: Mapping[str, Any]) -> Facts:
    return [
        ("Role", text(record.get("role"))),
        ("File", text(record.get("path"))),
        ("Frames", _join(record.get("frames"), ":")),
        ("Height × width", f"{_join(record.get('size'), ' × ')} px"),
        ("Rate", f"{text(record.get('fps'))} Hz"),
        ("Decoder", text(record.get("decoder_version", record.get("decoder")))),
        ("SHA-256", text(record.get("sha256"))),
        ("Frames’ SHA-256", text(record.get("frames_sha256"))),
    ]


def _join(values: object, by: str) -> str:
    return by.join(map(text, values)) if isinstance(values, list) else text(values)


def _weight(record: Mapping[str, Any]) -> Facts:
    return [
        ("Name", text(record.get("name"))),
        ("File", text(record.get("file"))),
        ("Source", text(record.get("source"))),
        ("Checked", text(record.get("verified"))),
        ("Hash", text(record.get("hash"))),
    ]


def _environment(environment: object) -> Facts:
    if not isinstance(environment, Mapping):
        return []
    versions = environment.get("versions")
    inner = list(versions.items()) if isinstance(versions, Mapping) else []
    outer = [(key, value) for key, value in environment.items() if key != "versions" or not inner]
    return [(str(key), text(value)) for key, value in [*inner, *outer]]


def _list_items(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [one for one in _list_items(value) if isinstance(one, Mapping)]
