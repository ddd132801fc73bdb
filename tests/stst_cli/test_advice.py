"""What a message advises can be done by the command that says it, or is another command, whole.

Messages are looked for in the source. The core names settings, in backticks as Python writes them,
and no options; every setting has to be an option, or a key of a config, of every command that can
say it. A table says which these are, so a new message has to be put there. Options in texts of the
command line have to be those of the command that says them.
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
from stst.config import METHODS
from stst_cli.analyze import main as analyze_main
from stst_cli.main import main

SOURCE = Path(stst.__file__).parents[1]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
#: A setting as the core writes it; whole commands in backticks have a space in them.
SETTING = re.compile(r"`([a-z_][\w.]*)(?:=[^`]*)?`")
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
SETTINGS = {
    name: {str(one.name) for one in command.params}
    | {word.removeprefix("--").replace("-", "_") for word in OPTIONS[name]}
    for name, command in COMMANDS.items()
}
KEYS = {key for spec in METHODS.values() for key in spec.config.model_fields}
_S = ("stst synthesize", "stst scramble", "stst leaps")
RUNS = (*_S, "stst remake")
MADE = (*_S, "stst batch")
FOLDERS = (*RUNS, "stst train-prednet")
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

#: By file, by folder, or by file and the first setting or option in a message: the commands that
#: can say it.
WHO: dict[str, tuple[str, ...]] = {
    "stst/analysis/gram_models.py": ("stst-analyze validity",),
    "stst/analysis/cka/": CKA,
    "stst/analysis/measures/": ("stst-analyze recognize",),
    "stst/analysis/pairs.py": PAIRS,
    "stst/analysis/validity.py": ("stst-analyze validity",),
    "stst/batch/": ("stst batch",),
    "stst/config/cka.py": CKA,
    "stst/config/cka.py input": (*CKA, "stst-analyze recognize"),
    "stst/config/cka.py std": (*CKA, "stst-analyze recognize"),
    "stst/config/cka.py judge": ("stst-analyze recognize",),
    "stst/config/cka.py window": ("stst-analyze cka", "stst-analyze recognize"),
    "stst/config/cka.py kind": ("stst-analyze cka",),
    "stst/config/schema.py": MADE,
    "stst/config/presets.py": MADE,
    "stst/config/sources.py assignments": MADE,
    "stst/config/sources.py model": ("stst synthesize",),
    "stst/config/sources.py trusted": (*MADE, "stst remake", "stst-analyze validity"),
    # groups of tables write otherwise
    "stst/utils/files.py": (
        *MADE, "stst remake", "stst export", "stst convert", "stst samples", "stst train-prednet",
        "stst weights fetch", "stst weights import", "stst-analyze features",
        *(one for one in PAIRS if one != "stst-analyze batch"),
    ),
    "stst/study/": ("stst-analyze study",),
    "stst/utils/devices.py": (*RUNS, "stst batch"),
    "stst/methods/leaps/": ("stst leaps", "stst batch"),
    "stst/methods/stst/": ("stst synthesize", "stst batch"),
    "stst/models/build.py": (*CKA, "stst-analyze recognize", "stst leaps"),
    "stst/models/classifiers.py": (*CKA, "stst-analyze recognize"),
    "stst/report/": _LOOKED_AT,
    # what is said of a run that could not go on, in a batch in other words
    "stst/errors.py": FOLDERS,
    # a remake cannot have another size
    "stst/runs/failures.py": MADE,
    "stst/runs/failures.py length": ("stst leaps", "stst batch"),
    "stst/runs/fingerprint.py": FOLDERS,
    "stst/runs/folder.py": FOLDERS,
    "stst/runs/checkpoint.py": RUNS,
    "stst/runs/job.py": RUNS,
    "stst/runs/remake.py": ("stst remake",),
    "stst/training/": ("stst train-prednet",),
    "stst/video/color/": LEVELS,
    "stst/video/formats/arrays.py": LEVELS,
    "stst/video/formats/container.py": ("stst convert",),
    "stst/video/ranges.py": PARTS,
    "stst/video/read.py": PARTS,
    "stst/video/resize.py": PARTS,
    "stst/weights/prednet.py": PREDNET,
    "stst_cli/analyze/figure.py": ("stst-analyze figure",),
    "stst_cli/analyze/models.py": _LOOKED_AT,
    "stst_cli/analyze/options.py": CKA,
    "stst_cli/analyze/recognize.py": ("stst-analyze recognize",),
    "stst_cli/analyze/validity.py": ("stst-analyze validity",),
    "stst_cli/make/batch/command.py": ("stst batch",),
    "stst_cli/make/other.py": _S,
    "stst_cli/shared/job.py": RUNS,
    "stst_cli/shared/wording.py --resume": FOLDERS,
    "stst_cli/shared/wording.py --set": MADE,
}  # fmt: skip


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


TEXTS = [
    (path.relative_to(SOURCE).as_posix(), line, text)
    for path in sorted(SOURCE.rglob("*.py"))
    for line, text in texts(path)
]
#: Texts of the core that name a setting.
ADVICE = [one for one in TEXTS if one[0].startswith("stst/") and SETTING.search(one[2])]
#: Texts of the command line that name an option and more than that.
OWN_ADVICE = [
    one
    for one in TEXTS
    if one[0].startswith("stst_cli/") and OPTION.search(one[2]) and not OPTION.fullmatch(one[2])
]


def ids(texts: list[tuple[str, int, str]]) -> list[str]:
    return [f"{name}:{line}" for name, line, _ in texts]


def who(name: str, first: str) -> tuple[str, ...]:
    folders = [f"{one.as_posix()}/" for one in Path(name).parents]
    return next((WHO[key] for key in (f"{name} {first}", name, *folders) if key in WHO), ())


def named_whole(text: str) -> list[str]:
    """List the commands that a message names."""
    return [name for name in COMMANDS if re.search(rf"(?<![\w-]){name}(?![\w-])", text)]


def lacking_settings(text: str, command: str) -> set[str]:
    """Give the settings in a text that are none of a command, nor of others that it names."""
    known = {one for name in (command, *named_whole(text)) for one in SETTINGS[name]}
    has_keys = "assignments" in SETTINGS[command]
    return {
        one
        for one in SETTING.findall(text)
        if one not in known and not (has_keys and one.partition(".")[0] in KEYS)
    }


def options_outside_commands(text: str) -> list[str]:
    """Give the options in a text, but for those of whole commands and words of one."""
    if OPTION.fullmatch(text):
        return []
    return OPTION.findall(re.sub(r"`(?:stst|stst-analyze) [^`]*`", "", text))


def test_there_are_messages():
    assert len(ADVICE) > 80
    assert len(OWN_ADVICE) > 8


@pytest.mark.parametrize(("name", "line", "text"), ADVICE, ids=ids(ADVICE))
def test_every_setting_exists_where_it_is_named(name, line, text):
    if "where there is such a setting" in text:
        assert any(not lacking_settings(text, command) for command in COMMANDS)
        return
    sayers = who(name, SETTING.findall(text)[0])
    assert sayers, f"{name}:{line}: who says this? Put it into the table: {text}"
    for command in sayers:
        lacking = lacking_settings(text, command)
        assert not lacking, f"{name}:{line}: {command} has no {', '.join(lacking)}: {text}"


@pytest.mark.parametrize("package", ["stst", "napari_stst"])
def test_options_are_for_the_command_line_alone(package):
    found = [
        f"{name}:{line}: {text}"
        for name, line, text in TEXTS
        if name.startswith(f"{package}/") and options_outside_commands(text)
    ]
    assert not found, "\n".join(found)


def test_what_must_not_be_said_is_noticed():
    assert options_outside_commands("x exists. Give --overwrite to replace it.") == ["--overwrite"]
    assert options_outside_commands("Use `stst convert a b --fps 30`, or --fps.") == ["--fps"]
    assert lacking_settings("Leave `max_sides` out.", "stst synthesize") == {"max_sides"}
    assert lacking_settings("Give `temporal.content_weight=0`.", "stst remake")
    assert lacking_settings("A smaller `window`.", "stst-analyze report") == {"window"}
    assert not lacking_settings("A smaller `window`, of `stst-analyze cka`.", "stst-analyze report")


@pytest.mark.parametrize(("name", "line", "text"), OWN_ADVICE, ids=ids(OWN_ADVICE))
def test_every_option_exists_where_it_is_named(name, line, text):
    asked = set(OPTION.findall(text))
    sayers = who(name, OPTION.findall(text)[0])
    assert sayers, f"{name}:{line}: who says this? Put it into the table: {text}"
    for command in sayers:
        lacking = asked - {one for each in (command, *named_whole(text)) for one in OPTIONS[each]}
        assert not lacking, f"{name}:{line}: {command} has no {', '.join(lacking)}: {text}"


WHOLE = [
    (name, line, command)
    for name, line, text in TEXTS
    for command in re.findall(r"`((?:stst|stst-analyze) [^`]*)`", text)
]


@pytest.mark.parametrize(("name", "line", "command"), WHOLE, ids=ids(WHOLE))
def test_commands_in_backticks_are_taken(name, line, command):
    program, *words = shlex.split(command)
    group = {"stst": main, "stst-analyze": analyze_main}[program]
    with group.make_context(program, [*words], resilient_parsing=True) as context:
        found, subcommand, rest = group.resolve_command(context, words)
        while isinstance(subcommand, click.Group):
            found, subcommand, rest = subcommand.resolve_command(context, rest)
        if rest:  # else the command is only named
            subcommand.make_context(found, rest)
