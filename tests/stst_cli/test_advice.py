"""What a message advises can be done by the command that says it, or is another command, whole.

Messages are looked for in the source. Options in them have to be those of every command that can
say them; a table says which these are, so a new message has to be put there.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import stst
from stst_cli.analyze import main as analyze_main
from stst_cli.main import main

SOURCE = Path(stst.__file__).parents[1]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
#: What stands in a message for a value that is only known when it is said.
VALUE = "1"


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    for word, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


COMMANDS = dict([*commands(main, "stst"), *commands(analyze_main, "stst-analyze")])
OPTIONS = {
    name: {word for one in command.params for word in (*one.opts, *one.secondary_opts)}
    for name, command in COMMANDS.items()
}
_S = ("stst synthesize", "stst scramble", "stst leaps")
RUNS = (*_S, "stst remake")
MADE = (*_S, "stst batch")
PAIRS = tuple(
    f"stst-analyze {one}"
    for one in ("compare", "cka", "prednet", "validity", "recognize", "report", "figure", "batch")
)
_LOOKED_AT = ("stst-analyze report", "stst-analyze figure", "stst-analyze batch")
CKA = ("stst-analyze cka", *_LOOKED_AT)
PREDNET = ("stst-analyze prednet", *_LOOKED_AT)
PARTS = (*MADE, *PAIRS, "stst convert", "stst-analyze features")
# `stst info` tells what the others need
LEVELS = (*PARTS, "stst train-prednet")

#: By file, or by file and the first option in a message: the commands that can say it.
WHO: dict[str, tuple[str, ...]] = {
    "stst/analysis/gram_models.py": ("stst-analyze validity",),
    "stst/analysis/cka/models.py": CKA,
    "stst/analysis/cka/onlooker.py": CKA,
    "stst/analysis/measures/": ("stst-analyze recognize",),
    "stst/analysis/pairs.py": PAIRS,
    "stst/analysis/prediction.py": PREDNET,
    "stst/analysis/cka/unrelated.py": CKA,
    "stst/analysis/validity.py": ("stst-analyze validity",),
    "stst/batch/slurm.py": ("stst batch",),
    "stst/batch/status.py": ("stst batch",),
    "stst/config/cka.py": ("stst-analyze cka",),
    "stst/config/cka.py --examples": CKA,
    "stst/config/cka.py --estimator": CKA,
    "stst/config/cka.py --input": (*CKA, "stst-analyze recognize"),
    "stst/config/cka.py --judge": ("stst-analyze recognize",),
    "stst/config/cka.py --std": (*CKA, "stst-analyze recognize"),
    "stst/config/cka.py --window": ("stst-analyze cka", "stst-analyze recognize"),
    "stst/config/schema.py --tonemap": MADE,
    "stst/config/presets.py --preset": MADE,
    "stst/config/sources.py --set": MADE,
    "stst/config/sources.py --model": ("stst synthesize",),
    "stst/config/sources.py --trust-model": (*MADE, "stst remake", "stst-analyze validity"),
    # groups of tables write otherwise
    "stst/utils/files.py": (
        *MADE, "stst remake", "stst export", "stst convert", "stst samples", "stst train-prednet",
        "stst weights fetch", "stst weights import", "stst-analyze features",
        *(one for one in PAIRS if one != "stst-analyze batch"),
    ),
    "stst/methods/leaps/": ("stst leaps",),
    "stst_cli/make/other.py": _S,
    "stst/runs/job.py": RUNS,
    "stst/runs/fingerprint.py": RUNS,
    "stst/errors.py": RUNS,
    "stst/runs/failures.py": RUNS,
    "stst/models/build.py": (*CKA, "stst-analyze recognize", "stst leaps"),
    "stst/models/classifiers.py": (*CKA, "stst-analyze recognize"),
    "stst/runs/remake.py": ("stst remake",),
    "stst/report/models.py": _LOOKED_AT,
    "stst/report/parts.py": _LOOKED_AT,
    "stst/runs/checkpoint.py": RUNS,
    "stst/runs/folder.py": RUNS,
    "stst/runs/runner.py": (*RUNS, "stst batch"),
    "stst/methods/stst/prepare.py": ("stst synthesize", "stst batch"),
    "stst/methods/stst/synthesis.py": ("stst synthesize", "stst batch"),
    "stst/training/": ("stst train-prednet",),
    "stst/video/formats/arrays.py": LEVELS,
    "stst/video/color/rgb.py": LEVELS,
    "stst/video/formats/container.py": ("stst convert",),
    "stst/video/color/levels.py": LEVELS,
    "stst/video/ranges.py": PARTS,
    "stst/video/resize.py": PARTS,
    "stst/video/formats/scan.py": (*PARTS, "stst info", "stst remake"),
    "stst/weights/prednet.py": ("stst-analyze prednet",),
    "stst_cli/analyze/figure.py": ("stst-analyze figure",),
    "stst_cli/analyze/models.py": _LOOKED_AT,
    "stst_cli/analyze/options.py": CKA,
    "stst_cli/analyze/recognize.py": ("stst-analyze recognize",),
    "stst_cli/analyze/validity.py": ("stst-analyze validity",),
    "stst_cli/make/batch/command.py": ("stst batch",),
    "stst_cli/shared/job.py": RUNS,
}  # fmt: skip
#: They stand beside a field or a button, which they explain, or are what words of forms replace.
OF_THE_VIEWER = (
    "napari_stst/compare/clips.py", "napari_stst/compare/dialogs.py",
    "napari_stst/widgets/wording.py",
)  # fmt: skip


def text_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(
            one.value if isinstance(one, ast.Constant) else value_of(one) for one in node.values
        )
    return None


def value_of(node: ast.AST) -> str:
    """Write out the command that `convert_command` makes; anything else is a value."""
    call = getattr(node, "value", None)
    if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "convert_command":
        return VALUE
    words = [text_of(one) or VALUE for one in call.args[1:]]
    return f"`{shlex.join(['stst', 'convert', VALUE, VALUE, *words])}`"


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Give the texts of a file that are no docstrings, with their lines."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped.add(node.value)
        if isinstance(node, ast.JoinedStr):
            skipped |= set(ast.walk(node)) - {node}
    for node in ast.walk(tree):
        if node not in skipped and (text := text_of(node)):
            yield node.lineno, text


def advice() -> Iterator[tuple[str, int, str]]:
    """Give all texts that name an option and more than that."""
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        for line, text in texts(path):
            if OPTION.search(text) and not OPTION.fullmatch(text):
                yield name, line, text


ADVICE = list(advice())


def who(name: str, text: str) -> tuple[str, ...]:
    first = OPTION.search(text)
    folder = name.rpartition("/")[0] + "/"
    for key in (f"{name} {first[0] if first else ''}", name, folder):
        if key in WHO:
            return WHO[key]
    return ()


def named_whole(text: str) -> set[str]:
    """Give the options of the commands that a message names."""
    named = {name for name in OPTIONS if re.search(rf"(?<![\w-]){name}(?![\w-])", text)}
    return {option for name in named for option in OPTIONS[name]}


def test_there_are_messages_of_every_package():
    assert len(ADVICE) > 80
    assert {name.partition("/")[0] for name, *_ in ADVICE} == {"stst", "stst_cli", "napari_stst"}


@pytest.mark.parametrize(
    ("name", "line", "text"), ADVICE, ids=[f"{name}:{line}" for name, line, _ in ADVICE]
)
def test_every_option_exists_where_it_is_named(name, line, text):
    if name in OF_THE_VIEWER:
        every = {option for options in OPTIONS.values() for option in options}
        assert set(OPTION.findall(text)) <= every
        return
    asked = set(OPTION.findall(text)) - named_whole(text)
    if "where a command has it" in text:
        assert any(asked <= options for options in OPTIONS.values())
        return
    sayers = who(name, text)
    assert sayers, f"{name}:{line}: who says this? Put it into the table: {text}"
    for command in sayers:
        lacking = asked - OPTIONS[command]
        assert not lacking, f"{name}:{line}: {command} has no {', '.join(lacking)}: {text}"


WHOLE = [
    (name, line, command)
    for path in sorted(SOURCE.rglob("*.py"))
    for name in [path.relative_to(SOURCE).as_posix()]
    for line, text in texts(path)
    for command in re.findall(r"`((?:stst|stst-analyze) [^`]*)`", text)
]


@pytest.mark.parametrize(
    ("name", "line", "command"), WHOLE, ids=[f"{name}:{line}" for name, line, _ in WHOLE]
)
def test_commands_in_backticks_are_taken(name, line, command):
    program, *words = shlex.split(command)
    group = {"stst": main, "stst-analyze": analyze_main}[program]
    with group.make_context(program, [*words], resilient_parsing=True) as context:
        found, subcommand, rest = group.resolve_command(context, words)
        while isinstance(subcommand, click.Group):
            found, subcommand, rest = subcommand.resolve_command(context, rest)
        if rest:  # else the command is only named
            subcommand.make_context(found, rest)
