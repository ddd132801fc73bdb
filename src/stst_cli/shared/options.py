"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from stst.video import Levels

Function = TypeVar("Function", bound=Callable[..., Any])


class _Path(click.Path):
    """A path, where ``~`` is the home folder also if the shell has left it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from stst.utils.files import at_home, check_local

        # click would take an empty name for the current folder
        check_local(value)
        return super().convert(at_home(value) if isinstance(value, str) else value, param, ctx)


class _Whole(click.types.IntParamType):
    """A whole number, also written 1.0 as spreadsheets and other programs do."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+\.0*", value):
            value = value.partition(".")[0]
        return super().convert(value, param, ctx)


PATH = _Path(path_type=Path)
WHOLE = _Whole()


def together(*options: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """Make one decorator of several, as if they stood below each other."""

    def added(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return added


def _number(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    return None if value is None else int(value)


device_option = click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda|mps",
    help="Where to compute.",
)  # fmt: skip
frames_option = click.option(
    "--frames", metavar="A:B", help="Frames A to B-1 of the clip, 0-based."
)
max_side_option = click.option(
    "--max-side", type=WHOLE, metavar="PX",
    help="Shrink so that the longer side has at most PX pixels.",
)  # fmt: skip
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
#: ``bits``, ``tonemap`` and ``peak_nits`` of every command that reads clips.
bits_options = together(
    click.option("--bits", type=click.Choice(["8"]), callback=_number,
                 help="Round clips of more bits to 8, exactly; without it, they are refused."),
    click.option("--tonemap", type=click.Choice(["bt2408"]),
                 help="Map clips of high dynamic range (PQ, HLG) to 8-bit BT.709 by this tone "
                 "curve; without it, they are refused."),
    click.option("--peak-nits", type=float, metavar="N",
                 help="Peak in cd/m² of clips of high dynamic range whose file does not say "
                 "it.  [default: 1000]"),
)  # fmt: skip


def levels_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `bits_options`, which the function takes as ``levels``."""

    @wraps(function)
    def with_levels(
        bits: int | None, tonemap: str | None, peak_nits: float | None, **words: Any
    ) -> Any:
        from stst.video.color.levels import Levels

        return function(levels=Levels(bits, tonemap, peak_nits), **words)

    return bits_options(with_levels)


class ClipPart(NamedTuple):
    """What of a clip is read: the options of `clip_options`."""

    frames: str | None
    max_side: int | None
    levels: Levels


def clip_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what of a clip is read; the function takes them as ``part``."""

    @wraps(function)
    def with_part(frames: str | None, max_side: int | None, levels: Levels, **words: Any) -> Any:
        return function(part=ClipPart(frames, max_side, levels), **words)

    return together(frames_option, max_side_option, levels_options)(with_part)


#: Of every command that makes stimuli; those of `stst_cli.shared.job.run_command`.
run_options = together(
    click.option("-o", "--output", required=True, metavar="OUT",
                 help="Lossless master: X.mkv, X.npy, X.npz, or X/ for a PNG sequence."),
    click.option("--preset", metavar="NAME", help="Named settings; see `stst presets`."),
    click.option("--config", "config_file", type=PATH, metavar="FILE",
                 help="Settings as TOML, over the preset's."),
    click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE",
                 help="One setting, e.g. octaves.0.iterations=10. Repeatable; wins over all."),
    click.option("--seed", type=WHOLE, help="Seed of the first sample.  [default: 0]"),
    click.option("--samples", type=WHOLE,
                 help="How many, with seeds following by one.  [default: 1]"),
    click.option("--device", metavar="auto|cpu|cuda|mps",
                 help="Where to compute.  [default: auto]"),
    click.option("--precision", type=click.Choice(["auto", "fp64", "fp32", "tf32", "bf16"]),
                 help="Of the arithmetic.  [default: the preset's, else fp32 in models and "
                 "fp64 elsewhere]"),
    frames_option,
    max_side_option,
    click.option("--grey", is_flag=True, default=None,
                 help="Make it of the clip's luminance alone, without colour."),
    bits_options,
    click.option("--trust-model", "trusted", multiple=True, metavar="PACKAGE.MODULE:FACTORY",
                 help="Allow a file to name this model. Repeatable."),
    click.option("--dry-run", is_flag=True,
                 help="Print the plan with estimated time and memory; make nothing."),
    overwrite_option,
    click.option("--resume", is_flag=True,
                 help="Continue an unfinished run; begin where there is none; do nothing where "
                 "the very same outputs are there."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
)  # fmt: skip


def pairs(assignments: tuple[str, ...], option: str) -> dict[str, str]:
    """Split repeated ``NAME=VALUE``.

    Raises
    ------
    click.UsageError
        If there is no ``=``, or a name comes twice.
    """
    out: dict[str, str] = {}
    for one in assignments:
        name, equals, value = one.partition("=")
        if not equals or not name or not value:
            raise click.UsageError(f"{option}: expected NAME=VALUE, found {one!r}.")
        if name in out:
            raise click.UsageError(f"{option}: {name} is given twice.")
        out[name] = value
    return out


def size_option(_: click.Context, __: click.Parameter, value: str) -> tuple[int, int]:
    """Read ``HEIGHTxWIDTH``; a callback of options."""
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", value)
    if match is None:
        raise click.BadParameter(f"expected HEIGHTxWIDTH in pixels, e.g. 128x160; found {value!r}.")
    return int(match[1]), int(match[2])
