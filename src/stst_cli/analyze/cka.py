"""``stst-analyze cka``: stimuli and their natural clip in a vision model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.analyze.options import (
    TableOutput,
    choose_estimator,
    cka_options,
    classifier_options,
    table_options,
)
from stst_cli.shared.options import PATH, ClipPart, clip_options, device_option
from stst_cli.shared.terminal import say, say_notes

if TYPE_CHECKING:
    from stst.analysis.cka.unrelated import UnrelatedClip, UnrelatedClips
    from stst.analysis.pairs import NaturalClip
    from stst.config.cka import CkaSettings, ClassifierSpec
    from stst.models.classifiers import LoadedClassifier
    from stst.video import LazyVideo

# open clips, each with its decoder; the natural clip goes through the model once for so many
_AT_ONCE = 8


@click.command(no_args_is_help=True)
@click.argument("natural", type=PATH, metavar="NATURAL", required=False)
@click.argument("others", type=PATH, metavar="OTHER...", nargs=-1)
@click.option(
    "--model",
    required=True,
    metavar="NAME",
    help="Of torchvision, e.g. resnet50 or r3d_18, or your own package.module:factory.",
)
@click.option(
    "--layers",
    multiple=True,
    metavar="L,L,...",
    help="Node names of torchvision. Repeatable.  [default: the paper's, if it has any]",
)
@click.option("--list-layers", is_flag=True, help="Print the names of all layers and exit.")
@click.option(
    "--weights",
    default="default",
    show_default=True,
    metavar="NAME|FILE|none",
    help="torchvision's, e.g. IMAGENET1K_V1; a file; or none: random.",
)
@click.option(
    "--examples",
    default="channels",
    show_default=True,
    type=click.Choice(["channels", "positions", "frames"]),
    help="What CKA's examples are; the others are features. Of frames: one value a clip.",
)
@cka_options
@classifier_options
@device_option
@clip_options
@table_options
def cka(
    natural: Path | None,
    others: tuple[Path, ...],
    list_layers: bool,
    null: tuple[Path, ...],
    device: str,
    part: ClipPart,
    table: TableOutput,
    **words: Any,
) -> None:
    """Compare every OTHER clip with the clip NATURAL in the layers of a vision model.

    Linear CKA (Kornblith et al. 2019), for every frame or every window of a video model. The
    table says with which weights, and how frames were brought to the model. Clips are aligned as
    in `stst-analyze compare`.

    A trained network finds any two pictures alike in its early layers, so every value comes with
    its null: the band that 95 % of unrelated pairs lie in, taken of both clips, the sample clips of
    this package and the clips of --null, but those that NATURAL or OTHER show or were made of. What
    is said of each layer goes to stderr.
    """
    choice, settings = _settings(**words)
    if list_layers:
        from stst.models.classifiers import layer_names

        click.echo("\n".join(layer_names(choice)))
        return
    if natural is None:
        raise click.UsageError("Missing argument 'NATURAL'.")
    if not others:
        raise click.UsageError("Missing argument 'OTHER...'.")
    from stst.analysis.cka.models import list_undefined
    from stst.analysis.cka.unrelated import UnrelatedClips
    from stst.analysis.cka.verdicts import describe_verdicts
    from stst.analysis.pairs import NaturalClip
    from stst.models.classifiers import load_classifier
    from stst.utils.devices import pick_device

    table.check((natural, *others, *null))
    clip = NaturalClip(natural, *part)
    # a bad clip is found before the model is loaded
    groups, unrelated = _group(clip, others, UnrelatedClips(null, part.levels))
    model = load_classifier(choice, pick_device(device))
    say_notes(model.notes)
    rows = list(_rows(clip, groups, model, unrelated, settings))
    say_notes(list_undefined(rows))
    order = {str(other): place for place, other in enumerate(dict.fromkeys(others))}
    rows.sort(key=lambda row: order[row["clip"]])
    for line in describe_verdicts(rows):
        say(line, err=True)
    table.give(rows)


def _group(
    clip: NaturalClip, others: Sequence[Path], nulls: UnrelatedClips
) -> tuple[dict[LazyVideo, list[Path]], dict[str, tuple[UnrelatedClip, ...]]]:
    """Group clips by how the natural one is aligned with them, and choose those of their nulls.

    None stays open, for there may be many.
    """
    from stst.analysis.cka.unrelated import null_notes

    groups: dict[LazyVideo, list[Path]] = {}
    unrelated: dict[str, tuple[UnrelatedClip, ...]] = {}
    notes: list[str] = []
    for other in dict.fromkeys(others):
        pair = clip.pair(other)
        groups.setdefault(pair.natural, []).append(other)
        notes += pair.notes
        unrelated[str(other)] = nulls.apart_from(pair.natural, pair.other)
    say_notes([*notes, *nulls.notes, *null_notes(unrelated)])
    return groups, unrelated


def _rows(
    clip: NaturalClip,
    groups: Mapping[LazyVideo, Sequence[Path]],
    model: LoadedClassifier,
    unrelated: Mapping[str, Sequence[UnrelatedClip]],
    settings: CkaSettings,
) -> Iterator[dict[str, Any]]:
    """Compare the clips of each alignment with the natural clip, a few at the same time."""
    from stst.analysis.cka.models import cka_rows, steps
    from stst_cli.shared.progress import count_frames

    parts = [
        (natural, paths[start : start + _AT_ONCE])
        for natural, paths in groups.items()
        for start in range(0, len(paths), _AT_ONCE)
    ]
    counts = [
        steps(natural, map(str, paths), model, unrelated, settings) for natural, paths in parts
    ]
    with count_frames(sum(counts)) as begin:
        for (_, paths), count in zip(parts, counts, strict=True):
            pairs = {str(path): clip.pair(path) for path in paths}
            first = next(iter(pairs.values()))
            yield from cka_rows(
                first.natural,
                {name: pair.other for name, pair in pairs.items()},
                first.reference,
                model,
                unrelated,
                settings,
                begin(", ".join(map(click.format_filename, pairs)), count),
            )


def _settings(
    mean: str | None, std: str | None, layers: tuple[str, ...], **words: Any
) -> tuple[ClassifierSpec, CkaSettings]:
    from stst.config.cka import CkaSettings, ClassifierSpec, parse_channels, split_layers

    settings = CkaSettings(
        words.pop("examples"), choose_estimator(words.pop("estimator"), words.pop("unbiased"))
    )
    choice = ClassifierSpec(
        layers=split_layers(layers),
        mean=None if mean is None else parse_channels(mean, "mean"),
        std=None if std is None else parse_channels(std, "std"),
        **words,
    )
    return choice, settings
