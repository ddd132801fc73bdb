"""``stst-analyze figure``: the paper's figures, of your clips."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.analyze.models import choose_models, model_options
from stst_cli.shared.options import PATH, ClipPart, clip_options, overwrite_option
from stst_cli.shared.progress import count_frames
from stst_cli.shared.terminal import say, say_notes

if TYPE_CHECKING:
    from stst.report.clips import Clip
    from stst.report.paper import Drawn
    from stst.video import Levels

_KINDS = ("png", "svg", "pdf")


@click.command(no_args_is_help=True)
@click.argument("number", type=click.Choice(["2", "3", "4"]), metavar="2|3|4")
@click.argument("natural", type=PATH)
@click.argument("others", type=PATH, metavar="OTHER...", nargs=-1, required=True)
@click.option(
    "-o", "--output", type=PATH, required=True, metavar="FILE",
    help="X.png, X.svg or X.pdf; the numbers in it go to X.csv.",
)  # fmt: skip
@clip_options
@model_options
@overwrite_option
@click.option("--json", "as_json", is_flag=True, help="Print the paths as JSON.")
def figure(
    number: str, natural: Path, others: tuple[Path, ...], output: Path, part: ClipPart,
    overwrite: bool, as_json: bool, **words: Any,
) -> None:  # fmt: skip
    """Draw figure 2, 3 or 4 of Greco & Siegel (2024) for the clip NATURAL and stimuli of it.

    2: frames, and low-level features over time. 3: CKA with NATURAL in early and late layers of
    vision models, beside that of unrelated clips (--null); without --cka in the paper's four,
    ResNet50, ConvNeXt-T, R3D-18 and MC3-18.
    4: next frames as PredNet predicts them, with the weights of --prednet.

      stst-analyze figure 2 clip.mp4 metamer.mkv scrambled.mkv -o figure2.svg

    Clips are aligned as in `stst-analyze report`. Where weights are random, the figure says so.
    """
    from stst.errors import InputError
    from stst.figures import picture
    from stst.report import open_clips
    from stst.utils.files import check_output, write_whole

    kind = output.suffix.lower().removeprefix(".")
    if kind not in _KINDS:
        raise InputError(
            f"{output}: a figure is written as .png, .svg or .pdf; found "
            f"{output.suffix or 'no suffix'!r}."
        )
    table_path = output.with_suffix(".csv")
    for path in (output, table_path):
        check_output(path, overwrite)
    clips = open_clips(natural, others, *part)
    say_notes(note for clip in clips for note in clip.notes)
    drawn = _draw(number, clips, words, part.levels)
    from stst.analysis.tables import table, write_table

    with write_whole(output, overwrite) as beside:
        beside.write_bytes(picture(drawn.figure, kind, 300))
    write_table(table(drawn.rows), table_path, overwrite)
    made = {"figure": click.format_filename(output), "table": click.format_filename(table_path)}
    if as_json:
        click.echo(json.dumps(made, indent=2))
        return
    for name, shown in made.items():
        click.echo(f"{name + ':':8} {shown}")


def _draw(number: str, clips: tuple[Clip, ...], words: dict[str, Any], levels: Levels) -> Drawn:
    """Measure what the figure shows; only the last two need models."""
    from stst.errors import InputError
    from stst.report import paper

    if number == "2":
        with count_frames(paper.steps_2(clips)) as begin:
            return paper.draw_features(clips, begin)
    if number == "3":
        from stst.analysis.cka.unrelated import UnrelatedClips, null_notes
        from stst.analysis.cka.verdicts import describe_verdicts
        from stst.models.classifiers import load_classifier
        from stst.utils.devices import pick_device

        choices, settings, _ = choose_models({**words, "cka": words["cka"] or paper.MODELS})
        models = [load_classifier(one, pick_device(words["device"])) for one in choices]
        unrelated = paper.choose_unrelated(clips, UnrelatedClips(words["null"], levels))
        say_notes([*chain(*(model.notes for model in models)), *null_notes(unrelated)])
        with count_frames(paper.steps_3(clips, models, unrelated, settings)) as begin:
            drawn = paper.draw_cka(clips, models, unrelated, settings, begin)
        for line in describe_verdicts(drawn.rows):
            say(line, err=True)
        return drawn
    from stst.analysis.prediction import load_predictor

    _, _, prediction = choose_models({**words, "cka": (), "null": ()})
    if prediction is None:
        raise InputError(
            "figure 4 needs the weights of PredNet: --prednet FILE, or --prednet none for random "
            "ones. `stst train-prednet` makes a file."
        )
    network = load_predictor(prediction)
    with count_frames(paper.steps_4(clips, network)) as begin:
        return paper.draw_prediction(clips, network, begin)
