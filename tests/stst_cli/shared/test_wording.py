from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from stst.errors import TO_RESUME, InputError
from stst_cli.analyze import main as analyze_main
from stst_cli.main import main
from stst_cli.shared.commands import Commands
from stst_cli.shared.terminal import say
from stst_cli.shared.wording import in_options

COMMANDS = {**analyze_main.commands, **main.commands}


@pytest.mark.parametrize(
    ("command", "text", "words"),
    [
        ("convert", "`max_side` 0: it must be", "--max-side 0: it must be"),
        ("convert", "Shrink it: `max_side=64`.", "Shrink it: --max-side 64."),
        ("scramble", "Give `overwrite=True` to replace it", "Give --overwrite to replace it"),
        # a flag for the other value, or none for this one
        ("leaps", "give `flip=False`", "give --no-flip"),
        ("leaps", "give `flip=True`", "give --set flip=true"),
        ("scramble", "`color_transfer=False`", "--no-color-transfer"),
        ("scramble", "`color_transfer=True`", "--set color_transfer=true"),
        ("synthesize", "`temporal.texture_weight=0`.", "--set temporal.texture_weight=0."),
        ("synthesize", '`spatial.model="a.b:c"` (or `temporal.model`)',
         "--set spatial.model=a.b:c (or temporal.model)"),
        # options of another name than their setting
        ("train-prednet", "a smaller `learning_rate`.", "a smaller --lr."),
        ("synthesize", "give `trusted=['a.b:c']`.", "give --trust-model a.b:c."),
        ("remake", "`inputs={'natural': 'PATH'}`", "--input natural=PATH"),
        ("batch", "`preset` fast: `assignments`: no", "--preset fast: --set: no"),
        # values
        ("leaps", 'e.g. `target="juggling balls"`', 'e.g. --target "juggling balls"'),
        ("validity", '`spatial_layers=("a", "b")`', "--spatial-layers a,b"),
        ("report", "`cka=['m', 'n@a']`", "--cka m --cka n@a"),
        ("report", "clips with `null=CLIP`.", "clips with --null CLIP."),
    ],
)  # fmt: skip
def test_settings_become_options(command, text, words):
    assert in_options(text, COMMANDS[command]) == words


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("report", "a smaller `window`, which `stst-analyze cka` takes"),
        ("remake", "Off: `temporal.texture_weight=0`."),
        # of LEAPS alone
        ("scramble", "`priming_weight=0`"),
        ("batch", 'or `model="builtin"`'),
        ("convert", "`stst convert a b --fps 30` and `pip install x`"),
        ("convert", "a`b.mkv, `c, ``, `=`, `Fps=3`, `fps =3` and `"),
        ("convert", "overwrite=True of max_side"),
    ],
)
def test_what_is_no_option_stays(command, text):
    assert in_options(text, COMMANDS[command]) == text


def test_a_path_with_a_backtick_hides_no_setting():
    said = "a`b.mkv exists. Give `overwrite=True` to replace it"
    assert in_options(said, main.commands["convert"]).endswith("Give --overwrite to replace it")


def test_how_a_run_goes_on():
    again = "the command again with --resume, or that of a batch as it was"
    assert in_options(f"Go on: {TO_RESUME}.", main.commands["leaps"]) == f"Go on: {again}."
    assert in_options(TO_RESUME, main.commands["batch"]) == "the same command again"


@click.group(cls=Commands)
def program() -> None:
    pass


@program.group(cls=Commands)
def inner() -> None:
    pass


@click.command()
@click.option("--max-side", type=int)
@click.option("--overwrite", is_flag=True)
def command(max_side: int | None, overwrite: bool) -> None:
    say("`max_side` here", err=True)
    say("`max_side`.mkv")
    raise InputError("Give `overwrite=True`, not `resume=True`.")


program.add_command(command)
inner.add_command(command)


@pytest.mark.parametrize("words", [["command"], ["inner", "command"]])
def test_the_command_that_runs_says_it(words):
    shown = CliRunner().invoke(program, words)
    assert shown.stderr.splitlines() == [
        "--max-side here", "Error: Give --overwrite, not `resume=True`.",
    ]  # fmt: skip
    # what is found on stdout are results, and names of files
    assert shown.stdout == "`max_side`.mkv\n"
    assert shown.exit_code == 2


def test_outside_of_a_command_it_stays():
    assert in_options("Give `overwrite=True`.") == "Give `overwrite=True`."
