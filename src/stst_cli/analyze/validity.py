"""``stst-analyze validity``: whether metamers have the statistics that they were made for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.analyze.options import TableOutput, table_options
from stst_cli.shared.options import PATH, ClipPart, clip_options, device_option
from stst_cli.shared.terminal import say, say_notes

if TYPE_CHECKING:
    from stst.analysis.gram_models import GramModel, Streams
    from stst.analysis.pairs import Alignment, NaturalClip, Pair
    from stst.analysis.validity import Validity
    from stst.video import LazyVideo, Levels


def _names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(name.strip() for name in value.split(",") if name.strip())


@click.command(no_args_is_help=True)
@click.argument("natural", type=PATH)
@click.argument("metamers", type=PATH, metavar="METAMER...", nargs=-1, required=True)
@click.option(
    "--model",
    type=click.Choice(["paper", "builtin"]),
    help="Compare the statistics of these models.  [default: as the sidecar of each METAMER says]",
)
@click.option(
    "--spatial-layers",
    metavar="A,B,…",
    callback=_names,
    help="Layers of --model's spatial stream; empty for none.  [default: all it matches]",
)
@click.option(
    "--temporal-layers", metavar="A,B,…", callback=_names, help="Those of its temporal stream."
)
@click.option(
    "--natural-clip",
    "natural_clips",
    type=PATH,
    multiple=True,
    metavar="CLIP",
    help="Another natural clip, to whose frames distances are compared first of all. Repeatable.",
)
@click.option(
    "--trust-model",
    "trusted",
    multiple=True,
    metavar="PACKAGE.MODULE:FACTORY",
    help="Allow a sidecar to name this model. Repeatable.",
)
@device_option
@clip_options
@table_options
def validity(
    natural: Path,
    metamers: tuple[Path, ...],
    model: str | None,
    spatial_layers: tuple[str, ...] | None,
    temporal_layers: tuple[str, ...] | None,
    natural_clips: tuple[Path, ...],
    trusted: tuple[str, ...],
    device: str,
    part: ClipPart,
    table: TableOutput,
) -> None:
    """Measure how far every METAMER is from NATURAL in the statistics that it was made to match.

    In every layer: the distance of Gram matrices, relative to the natural one, frame by frame; how
    many frames of other natural clips (--natural-clip) are closer to the natural frames than that;
    and, beside it, how many natural frames, 0.4 s or more apart, are to each other, which are alike
    anyway. A low percentile speaks for a metamer; there is no threshold.
    """
    from stst.analysis.pairs import NaturalClip
    from stst_cli.shared.progress import count_frames

    if model is None and (spatial_layers is not None or temporal_layers is not None):
        raise click.UsageError("--spatial-layers and --temporal-layers belong to --model.")
    table.check((natural, *metamers, *natural_clips))
    clip = NaturalClip(natural, *part)
    notes: dict[str, None] = {}
    streams = None
    if model is not None:
        from stst.analysis.gram_models import streams_of_pair

        streams = streams_of_pair(model, spatial_layers, temporal_layers)
    # a bad clip is found before any is measured
    groups = _group(clip, metamers, streams, trusted, notes)
    for group in groups:
        group.load(clip, natural_clips, device, part.levels, notes)
    say_notes(notes)
    rows: list[dict[str, Any]] = []
    verdicts: list[str] = []
    with count_frames(sum(group.steps() for group in groups)) as begin:
        for group in groups:
            reference = click.format_filename(group.reference)
            found = group.measure(begin(reference, group.steps()))
            for name, one in found.items():
                rows += one.rows(name, reference)
                verdicts.append(one.verdict(name))
    for verdict in verdicts:
        say(verdict, err=True)
    table.give(rows)


@dataclass(eq=False)
class _Group:
    """Metamers that are compared with the same frames in the same models.

    Attributes
    ----------
    natural
        The natural clip, aligned.
    streams
        The models.
    chosen
        Whether the user did, and no sidecar.
    pairs
        By the path of the metamer.
    judges, others
        The models, and other natural clips, once they are loaded.
    """

    natural: LazyVideo
    streams: Streams
    chosen: bool
    pairs: dict[Path, Pair] = field(default_factory=dict)
    judges: tuple[GramModel, ...] = ()
    others: list[LazyVideo] = field(default_factory=list)

    @property
    def reference(self) -> str:
        return next(iter(self.pairs.values())).reference

    def load(
        self,
        clip: NaturalClip,
        paths: tuple[Path, ...],
        device: str,
        levels: Levels,
        notes: dict[str, None],
    ) -> None:
        from stst.analysis.gram_models import load_judges, other_weights
        from stst.analysis.validity import check_clips

        self.judges = load_judges(self.streams, device)
        for path, pair in self.pairs.items():
            if not self.chosen and pair.sidecar is not None:
                notes |= dict.fromkeys(other_weights(pair.sidecar, _beside(path), self.judges))
        self.others = _open(clip, paths, next(iter(self.pairs.values())).alignment, levels)
        check_clips(self.natural, self._stimuli(), self.judges, self.others)

    def steps(self) -> int:
        from stst.analysis.validity import steps

        return steps(self.natural, self._stimuli(), self.others)

    def measure(self, on_frame: Callable[[object], None]) -> dict[str, Validity]:
        from stst.analysis.validity import validity

        found = validity(self.natural, self._stimuli(), self.judges, self.others, on_frame)
        return dict(zip(map(click.format_filename, self.pairs), found, strict=True))

    def _stimuli(self) -> list[LazyVideo]:
        return [pair.other for pair in self.pairs.values()]


def _group(
    clip: NaturalClip,
    metamers: tuple[Path, ...],
    streams: Streams | None,
    trusted: tuple[str, ...],
    notes: dict[str, None],
) -> list[_Group]:
    """Open every metamer beside the natural clip; those that share all else are one group."""
    groups: dict[tuple[LazyVideo, Any], _Group] = {}
    for metamer in dict.fromkeys(metamers):
        pair = clip.pair(metamer)
        notes |= dict.fromkeys(pair.notes)
        if _has_mask(pair):
            notes[
                f"{click.format_filename(metamer)} was made inside a mask only, and is measured "
                "whole: what lies outside is the natural clip and makes distances smaller."
            ] = None
        wanted = streams or _match(clip, pair, trusted, notes)
        key = pair.natural, tuple(wanted.items())
        group = groups.setdefault(key, _Group(pair.natural, wanted, streams is not None))
        group.pairs[metamer] = pair
    return list(groups.values())


def _has_mask(pair: Pair) -> bool:
    """Say whether a metamer's sidecar tells of a mask; it may hold anything."""
    inputs = (pair.sidecar or {}).get("inputs")
    return isinstance(inputs, list) and any(
        isinstance(one, dict) and one.get("role") == "mask" for one in inputs
    )


def _match(
    clip: NaturalClip, pair: Pair, trusted: tuple[str, ...], notes: dict[str, None]
) -> Streams:
    """Read in its sidecar what a metamer was made to match."""
    from stst.analysis.gram_models import streams_of_sidecar
    from stst.errors import InputError

    if pair.sidecar is None:
        raise InputError(
            f"{pair.other.path} has no sidecar that says which statistics it was made to match. "
            "Say which ones to compare: --model paper or --model builtin."
        )
    where = _beside(pair.other.path)
    streams, said = streams_of_sidecar(pair.sidecar, where, clip.sha256, trusted)
    notes |= dict.fromkeys(said)
    return streams


def _open(
    clip: NaturalClip, paths: tuple[Path, ...], alignment: Alignment, levels: Levels
) -> list[LazyVideo]:
    """Open other natural clips at the size of this one, and without colour where it has none."""
    from stst.errors import InputError
    from stst.utils.files import sha256_of
    from stst.video import LazyVideo

    for path in paths:
        if path.exists() and sha256_of(path) == clip.sha256:
            raise InputError(f"--natural-clip {path}: it is the natural clip itself. Name another.")
    return [
        LazyVideo(path, max_side=alignment.max_side, grey=alignment.grey, levels=levels)
        for path in dict.fromkeys(paths)
    ]


def _beside(path: Path) -> Path:
    from stst.video import sidecar_path

    return sidecar_path(path)
