"""Options of the commands that show clips to models beside measuring them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stst_cli.analyze.options import choose_estimator, cka_options
from stst_cli.shared.options import size_option, together
from stst_cli.shared.terminal import say_notes

if TYPE_CHECKING:
    from stst.analysis.prediction import PredictionSettings
    from stst.config.cka import CkaSettings, ClassifierSpec
    from stst.report import Part
    from stst.video import Levels

#: What asks for CKA and for prediction; `choose_models` reads it.
model_options = together(
    click.option("--cka", multiple=True, metavar="MODEL[=WEIGHTS][@LAYER,...]",
                 help="CKA with the natural clip in this vision model, as `stst-analyze cka` "
                 "has it. Repeatable."),
    click.option("--examples", type=click.Choice(["channels", "positions", "frames"]),
                 default="channels", show_default=True, help="What CKA's examples are."),
    cka_options,
    click.option("--input", default="default", show_default=True,
                 metavar="default|native|HxW", help="Size of frames in the models of --cka."),
    click.option("--mean", metavar="R,G,B",
                 help="Subtracted from [0, 1] for --cka.  [default: the weights']"),
    click.option("--std", metavar="R,G,B",
                 help="Divided into that.  [default: the weights']"),
    click.option("--prednet", metavar="FILE|none",
                 help="Weights of PredNet, for next-frame prediction as `stst-analyze prednet` "
                 "has it."),
    click.option("--fit", type=click.Choice(["stretch", "crop"]), default="stretch",
                 show_default=True, help="How frames come to PredNet's size."),
    click.option("--size", default="128x160", show_default=True, metavar="HxW",
                 callback=size_option,
                 help="What PredNet sees, in pixels."),
    click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|mps",
                 help="Where models compute."),
)  # fmt: skip


def choose_models(
    words: dict[str, Any],
) -> tuple[tuple[ClassifierSpec, ...], CkaSettings, PredictionSettings | None]:
    """Turn the options of `model_options` into what the core takes.

    Parameters
    ----------
    words
        Option by name; ``beside_nulls`` where something but CKA has nulls, too.

    Returns
    -------
    tuple of ClassifierSpec
        One for each ``--cka``.
    CkaSettings
        For all of them.
    PredictionSettings or None
        None without ``--prednet``.

    Raises
    ------
    InputError
        If one of them is wrong.
    """
    from stst.config.cka import CkaSettings, ClassifierSpec, parse_channels, parse_choice
    from stst.errors import InputError

    mean, std = (
        None if words[one] is None else parse_channels(words[one], one) for one in ("mean", "std")
    )
    base = ClassifierSpec("any", input=words["input"], mean=mean, std=std)
    choices = tuple(dict.fromkeys(parse_choice(text, base) for text in words["cka"]))
    settings = CkaSettings(
        words["examples"], choose_estimator(words["estimator"], words["unbiased"])
    )
    if words["null"] and not (choices or words.get("beside_nulls")):
        raise InputError(
            "--null: gives clips for nulls, and nothing here has one. Name a model with --cka, too."
        )
    if words["prednet"] is None:
        return choices, settings, None
    from stst.analysis.prediction import PredictionSettings

    prediction = PredictionSettings(words["prednet"], words["fit"], words["size"], words["device"])
    return choices, settings, prediction


def choose_judges(texts: tuple[str, ...]) -> tuple[ClassifierSpec, ...]:
    """Turn what ``--judge`` says into what the core takes, each judge once.

    Raises
    ------
    InputError
        If one of them is wrong.
    """
    from stst.config.cka import ClassifierSpec, parse_judge

    return tuple(dict.fromkeys(parse_judge(one, ClassifierSpec("any")) for one in texts))


def load_parts(words: dict[str, Any], levels: Levels, measures: tuple[str, ...] = ()) -> list[Part]:
    """Load what was asked for beside features, so that what is wrong is said before any work.

    Parameters
    ----------
    words
        Option by name.
    levels
        How values of clips for the null become 8 bits.
    measures
        Names of `stst.analysis.settings.MEASURES`.

    Raises
    ------
    InputError
        If an option is wrong, or a model or its weights cannot be had.
    """
    choices, settings, prediction = choose_models(words)
    if words["null"] and not (choices or measures):
        from stst.analysis.cka.unrelated import UnrelatedClips

        say_notes(UnrelatedClips(words["null"], levels).notes)
    if not (choices or measures) and prediction is None:
        return []
    from stst.report import models

    parts, notes = models.load_parts(
        choices, settings, prediction, words["device"], words["null"], levels, measures
    )
    failed = [part for part in parts if isinstance(part, models.FailedPart)]
    for failure in (one for part in failed for one in part.left_out):
        raise failure.error
    say_notes(notes)
    if len(choices) > 1 and (words["mean"], words["std"], words["input"]) != (
        None, None, "default",
    ):  # fmt: skip
        click.echo("Note: --input, --mean and --std hold for all models of --cka.", err=True)
    return parts


def command_words(words: dict[str, Any]) -> list[str]:
    """Write the options that were given as words of a command line."""
    out = [part for one in words.get("measures", ()) for part in ("--measure", one)]
    out += [part for text in words["cka"] for part in ("--cka", text)]
    estimator = choose_estimator(words["estimator"], words["unbiased"])
    height, width = words["size"]
    given = {**words, "size": f"{height}x{width}", "estimator": estimator}
    defaults = {
        "examples": "channels", "estimator": "unbiased", "input": "default", "fit": "stretch",
        "size": "128x160",
    }  # fmt: skip
    for name in ("examples", "estimator", "input", "mean", "std", "prednet", "fit", "size"):
        value = given[name]
        if value is not None and value != defaults.get(name):
            out += [f"--{name}", str(value)]
    return [*out, *(part for path in words["null"] for part in ("--null", str(path)))]
