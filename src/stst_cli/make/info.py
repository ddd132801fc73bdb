"""``stst info``: what a clip is and how it will be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.make.convert import convert
from stst_cli.shared.options import PATH
from stst_cli.shared.terminal import say
from stst_cli.shared.wording import in_options

if TYPE_CHECKING:
    from stst.video import VideoInfo


@click.command(no_args_is_help=True)
@click.argument("file", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def info(file: Path, as_json: bool) -> None:
    """Describe the clip FILE: size, exact rate, colour tags, sidecar.

    FILE: a video file, a folder of numbered pictures, X.npy or X.npz.
    """
    import json

    from stst.video import probe, sidecar_of, sidecar_path

    found = probe(file)
    sidecar = sidecar_of(file)
    if as_json:
        click.echo(json.dumps({**found.as_dict(), "sidecar": sidecar}, indent=2, allow_nan=False))
        return
    lines = list(_clip_lines(found))
    if sidecar is not None:
        lines += [("sidecar", str(sidecar_path(file))), *_sidecar_lines(sidecar)]
    for name, value in lines:
        # what the commands that read it are to be told
        say(f"{name + ':':<14}{in_options(value, convert)}")


def _clip_lines(found: VideoInfo) -> Iterator[tuple[str, str]]:
    from stst.video.remedies import convert_command

    yield "file", found.path
    yield "size", f"{found.width}x{found.height}"
    yield "rate", _rate(found)
    yield "frames", str(found.frames)
    if found.duration is not None:
        yield "duration", f"{float(found.duration):.6g} s"
    yield "codec", found.codec
    yield "pixels", f"{found.pixel_format}, {found.bit_depth} bits per channel"
    yield "colour tags", _tags(found)
    yield "colour", _reading(found)
    if found.peak_nits is not None:
        yield "peak", f"{found.peak_nits:g} cd/m²"
    if found.rotation:
        yield "rotation", f"{found.rotation} degrees counter-clockwise, applied"
    yield "sound", "yes (not read)" if found.audio else "no"
    for note in found.notes:
        yield "note", note
    if found.refusal:
        yield "not readable", f"it has {found.refusal}"
    options = _list_needed(found)
    if options and found.fps is not None:
        command = convert_command(found.path, *options, mark="_8bit")
        yield "readable", f"a copy that every command reads: {command}"


def _list_needed(found: VideoInfo) -> list[str]:
    """List the options that a clip is read with; none where these do not help."""
    from stst.errors import InputError
    from stst.video import open_video
    from stst.video.color.rgb import find_levels

    asked = find_levels(found)
    options = asked.options()
    if options:
        try:
            # at any rate: whether the frames can be read is what is asked
            open_video(found.path, fps=30, **asked.as_dict()).close()
        except InputError:
            return []
    return options


def _rate(found: VideoInfo) -> str:
    from stst.video.remedies import convert_command

    if found.variable_rate:
        return "variable"
    if found.fps is None:
        words = ["--fps", "30", *_list_needed(found)]
        return "unknown; give it one: " + convert_command(found.path, *words, mark="_30")
    return (
        f"{found.fps} Hz ({float(found.fps):.6g})"
        if found.fps.denominator > 1
        else (f"{found.fps} Hz")
    )


def _tags(found: VideoInfo) -> str:
    tags = {
        "matrix": found.color_matrix,
        "range": found.color_range,
        "transfer": found.color_transfer,
        "primaries": found.color_primaries,
    }
    return ", ".join(f"{name} {value or 'untagged'}" for name, value in tags.items())


def _reading(found: VideoInfo) -> str:
    assumed = []
    if found.read_matrix not in ("rgb", "gray"):
        assumed = [
            name
            for name, tag in (("matrix", found.color_matrix), ("range", found.color_range))
            if tag is None
        ]
    tail = f" ({' and '.join(assumed)} assumed)" if assumed else ""
    return f"read as {found.read_matrix}, {found.read_range} range{tail}"


def _sidecar_lines(sidecar: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("method", "seed"):
        if key in sidecar:
            yield f"  {key}", str(sidecar[key])
    inputs = sidecar.get("inputs")
    for entry in inputs if isinstance(inputs, list) else []:
        if isinstance(entry, dict) and "path" in entry:
            yield "  input", f"{entry['path']} ({entry.get('role', 'no role')})"
    output = sidecar.get("output")
    if isinstance(output, dict):
        shown = [f"{key} {output[key]}" for key in ("path", "frames", "fps") if key in output]
        yield "  output", ", ".join(shown)
    warnings = sidecar.get("warnings")
    for warning in warnings if isinstance(warnings, list) else []:
        yield "  warning", str(warning)
