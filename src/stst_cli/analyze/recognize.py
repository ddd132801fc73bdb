"""``stst-analyze recognize``: what independent classifiers still see in stimuli."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.analyze.options import TableOutput, classifier_options, table_options
from stst_cli.shared.options import PATH, WHOLE, ClipPart, clip_options, device_option
from stst_cli.shared.terminal import say, say_notes

if TYPE_CHECKING:
    from stst.analysis.measures.judges import Judge
    from stst.analysis.measures.recognition import Judgement, Nameability, Recognition
    from stst.analysis.pairs import NaturalClip
    from stst.config.cka import ClassifierSpec
    from stst_cli.shared.progress import Begin


@click.command(no_args_is_help=True)
@click.argument("natural", type=PATH)
@click.argument("others", type=PATH, metavar="OTHER...", nargs=-1, required=True)
@click.option(
    "--judge",
    "judges",
    multiple=True,
    metavar="MODEL[=WEIGHTS]",
    help="A classifier of torchvision, e.g. resnet50 or r3d_18, or your own "
    "package.module:factory; WEIGHTS: torchvision's, e.g. IMAGENET1K_V1, or a file. Repeatable; "
    "two are needed to say whether NATURAL is nameable.  [default: mobilenet_v2]",
)
@classifier_options
@click.option(
    "--trials",
    type=PATH,
    metavar="FILE.csv",
    help="Write the list of trials of a naming experiment: stimuli in random order, then NATURAL.",
)
@click.option("--seed", type=WHOLE, default=0, show_default=True, help="Of the order of --trials.")
@device_option
@clip_options
@table_options
def recognize(
    natural: Path,
    others: tuple[Path, ...],
    judges: tuple[str, ...],
    trials: Path | None,
    seed: int,
    device: str,
    part: ClipPart,
    table: TableOutput,
    **words: Any,
) -> None:
    """Ask classifiers what they see in NATURAL, and how much of it in every OTHER clip.

    For every frame, or window of a video model, and for the clip: the probability of the ten
    classes together that are most probable for NATURAL (so that "tabby" counts for "Egyptian cat"),
    that of its class, its rank, and the entropy of the prediction. Names are said on stderr. Clips
    are aligned as in `stst-analyze compare`.

    NATURAL is nameable where two judges call it the same with a probability above 0.3. Networks are
    no observers: --trials writes the list for those who are.
    """
    from stst.analysis.measures.judges import load_judge
    from stst.analysis.measures.naming import check_trials_output
    from stst.analysis.pairs import NaturalClip
    from stst.utils.devices import pick_device

    table.check((natural, *others))
    if trials is not None:
        check_trials_output(trials, seed, table.overwrite)
    choices = _choices(judges or ("mobilenet_v2",), **words)
    clip = NaturalClip(natural, *part)
    # a bad clip is found before any model is loaded
    groups = _group(clip, tuple(dict.fromkeys(others)))
    where = pick_device(device)
    panel = [load_judge(choice, where) for choice in choices]
    say_notes(note for judge in panel for note in judge.notes)
    _check_windows(groups, panel)
    rows = _judge_all(clip, groups, panel)
    if trials is not None:
        _write_trials(trials, natural, groups, seed, table.overwrite)
    table.give(rows)


@dataclass(eq=False)
class _Group:
    """Clips that are compared with the same frames of the natural clip.

    Attributes
    ----------
    reference
        How tables call these frames.
    length
        Their number.
    paths
        Of the clips.
    named
        What judges call the natural clip, once they are asked.
    """

    reference: str
    length: int
    paths: list[Path]
    named: Nameability | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        names = self.named.names if self.named else {}
        return tuple(dict.fromkeys(label for label, _ in names.values()))


def _group(clip: NaturalClip, others: Sequence[Path]) -> list[_Group]:
    """Group clips by how the natural one is aligned with them; none stays open."""
    groups: dict[Any, _Group] = {}
    notes: dict[str, None] = {}
    for other in others:
        pair = clip.pair(other)
        notes |= dict.fromkeys(pair.notes)
        reference = click.format_filename(pair.reference)
        group = groups.setdefault(pair.natural, _Group(reference, len(pair.natural), []))
        group.paths.append(other)
    say_notes(notes)
    return list(groups.values())


def _choices(
    judges: Sequence[str], mean: str | None, std: str | None, **words: Any
) -> list[ClassifierSpec]:
    """Read which judges are asked, and how frames are brought to all of them."""
    from stst.config.cka import ClassifierSpec, parse_channels, parse_judge

    base = ClassifierSpec(
        "any",
        mean=None if mean is None else parse_channels(mean, "mean"),
        std=None if std is None else parse_channels(std, "std"),
        **words,
    )
    choices = list(dict.fromkeys(parse_judge(text, base) for text in judges))
    if len(choices) > 1 and (mean, std, words["input"]) != (None, None, "default"):
        click.echo("Note: --input, --mean and --std hold for all judges.", err=True)
    return choices


def _check_windows(groups: Sequence[_Group], panel: Sequence[Judge]) -> None:
    """Refuse clips that are too short, before any is judged."""
    from stst.analysis.measures.recognition import check_length

    for group in groups:
        for judge in panel:
            check_length(group.reference, group.length, judge)


def _judge_all(
    clip: NaturalClip, groups: Sequence[_Group], panel: Sequence[Judge]
) -> list[dict[str, Any]]:
    """Judge all clips, say what is seen in them, and give the rows."""
    from stst.analysis.measures.recognition import NO_OBSERVERS, nameable
    from stst_cli.shared.progress import count_frames

    windows = {
        group.reference: sum(judge.windows(group.length) for judge in panel) for group in groups
    }
    total = sum(windows[group.reference] * (1 + len(group.paths)) for group in groups)
    rows: list[dict[str, Any]] = []
    said: list[str] = []
    with count_frames(total) as begin:
        for group in groups:
            count = windows[group.reference]
            found = list(_recognitions(clip, group, panel, count, begin))
            group.named = nameable([one.natural for one in found[: len(panel)]])
            rows += group.named.rows()
            rows += [row for one in found for row in one.rows()]
            said += [group.named.sentence(), *(one.verdict() for one in found[len(panel) :])]
    for line in (*said, NO_OBSERVERS):
        say(line, err=True)
    return rows


def _recognitions(
    clip: NaturalClip, group: _Group, panel: Sequence[Judge], count: int, begin: Begin
) -> Iterator[Recognition]:
    """Judge the natural clip, beside itself, and then the others, each by all judges."""
    from stst.analysis.measures.recognition import Recognition, judge_clip

    naturals: list[Judgement] = []
    done = begin(group.reference, count)
    natural = clip.pair(group.paths[0]).natural
    for judge in panel:
        naturals.append(judge_clip(group.reference, natural, judge, done))
        yield Recognition(naturals[-1], naturals[-1])
    for path in group.paths:
        name, other = click.format_filename(path), clip.pair(path).other
        done = begin(name, count)
        for judge, seen in zip(panel, naturals, strict=True):
            yield Recognition(seen, judge_clip(name, other, judge, done))


def _write_trials(
    path: Path, natural: Path, groups: Sequence[_Group], seed: int, overwrite: bool
) -> None:
    from stst.analysis.measures.naming import (
        NamedStimulus,
        naming_trials,
        priming_notes,
        write_trials,
    )

    clip = click.format_filename(natural)
    stimuli = [
        NamedStimulus(click.format_filename(other), clip, group.labels)
        for group in groups
        for other in group.paths
    ]
    write_trials(naming_trials(stimuli, seed), path, overwrite)
    parts = [group.reference for group in groups if group.reference != clip]
    say_notes(
        [
            *priming_notes(stimuli),
            *(f"{path} lists {clip} whole; stimuli show {part}." for part in parts),
        ]
    )
    say(f"trials:   {path}", err=True)
