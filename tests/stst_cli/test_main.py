from __future__ import annotations

import errno
import re
import tomllib
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import stst
from small_runs import process, refused
from small_runs import stst as command
from stst.errors import InputError, StstError
from stst_cli.main import main
from stst_cli.shared.commands import Commands


def test_version():
    shown = command("--version")
    assert shown.exit_code == 0
    assert shown.stdout == f"stst {stst.__version__} (torch {metadata.version('torch')})\n"


def test_the_installed_program_is_this_one():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["scripts"]["stst"] == "stst_cli.main:main"
    assert "stst" in main.help


def test_as_a_module(tmp_path):
    done = process("presets", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "paper" in done.stdout


def test_every_command_has_a_summary_and_an_h():
    shown = command("--help").stdout
    for name in main.commands:
        assert re.search(rf"^  {name} +[A-Z]\w+\W", shown, re.MULTILINE), name
        assert command(name, "--help").exit_code == 0


@pytest.mark.parametrize("words", [["synthesise"], ["--nope"], ["remake", "x.json", "--nope"]])
def test_usage(words):
    shown = command(*words)
    assert shown.exit_code == 2
    assert shown.stdout == ""
    assert shown.stderr.splitlines()[-1].startswith("Error: No such ")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("a.mp4: wrong."), 2, "Error: a.mp4: wrong."),
        (StstError("it failed."), 1, "Error: it failed."),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (MemoryError(), 1, "Error: out of memory. Take fewer frames, smaller ones, or"),
        (RuntimeError("[x] DefaultCPUAllocator: can't allocate memory"), 1, "Error: out of mem"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "Error: /x: Permission den"),
        (OSError(errno.EIO, "Input/output error"), 1, "Error: Input/output error."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_a_line_and_a_code(error, code, line):
    @click.group(cls=Commands)
    def group():
        pass

    @group.command()
    def fail():
        raise error

    shown = CliRunner().invoke(group, ["fail"])
    assert shown.exit_code == code
    assert shown.stdout == ""
    assert len(shown.stderr.splitlines()) == 1
    assert shown.stderr.startswith(line)


def test_mistakes_of_the_program_are_not_hidden():
    @click.group(cls=Commands)
    def group():
        pass

    @group.command()
    def fail():
        raise RuntimeError("a bug")

    assert isinstance(CliRunner().invoke(group, ["fail"]).exception, RuntimeError)


def test_an_unknown_file_name(tmp_path):
    refused(command("info", tmp_path / "no.mp4"), "no.mp4 does not exist")
    # no program can hold such a name
    shown = command("synthesize", tmp_path / ("x" * 300 + ".mp4"), "-o", tmp_path / "out.mkv")
    refused(shown, "does not exist. Check the name")
