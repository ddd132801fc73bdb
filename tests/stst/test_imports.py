from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"
HEAVY = (
    "torch", "torchvision", "cv2", "av", "napari", "qtpy", "skimage", "h5py", "matplotlib",
    "pandas", "pyarrow", "jinja2",
)  # fmt: skip

HELP = f"""
import sys
from click.testing import CliRunner
from stst_cli.analyze import main as stst_analyze
from stst_cli.main import main as stst

def walk(program, command, words):
    found = CliRunner().invoke(program, [*words[1:], "--help"])
    assert found.exit_code == 0, found.output
    assert "Usage: " in found.output
    print(" ".join(words), *sorted(set({HEAVY!r}) & set(sys.modules)), sep=",")
    for name in sorted(getattr(command, "commands", ())):
        walk(program, command.commands[name], [*words, name])

walk(stst, stst, ["stst"])
walk(stst_analyze, stst_analyze, ["stst-analyze"])
"""


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_imports_nothing_else():
    found = python(
        "import sys; before = set(sys.modules); import stst; dir(stst); "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = set(found.split()) - set(sys.stdlib_module_names)
    assert loaded == {"stst"}


def test_no_help_waits_for_heavy_modules():
    lines = python(HELP).splitlines()
    commands = {line.split(",")[0] for line in lines}
    assert {"stst", "stst synthesize", "stst remake", "stst weights fetch"} <= commands
    assert {"stst-analyze", "stst-analyze features", "stst-analyze compare"} <= commands
    assert [line for line in lines if "," in line] == []


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("stst", {"napari", "qtpy", "magicgui", "click", "rich", "stst_cli", "napari_stst"}),
        ("stst_cli", {"napari", "qtpy", "magicgui", "napari_stst"}),
        ("napari_stst", {"click", "stst_cli"}),
    ],
)
def test_packages_depend_in_one_direction(package, forbidden):
    files = sorted((SOURCES / package).rglob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            for module in modules:
                assert module.split(".")[0] not in forbidden, f"{file} imports {module}"
