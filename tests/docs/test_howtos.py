"""The commands and the Python of the how-to pages run, in the order in which they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "getting_started.md", *sorted((ROOT / "docs" / "howto").glob("*.md"))]
#: What stands in a plain fence is run; ``{code-block}`` holds what is only shown.
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.M | re.S)


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text("utf-8"))


def with_commands() -> list[Path]:
    return [page for page in PAGES if blocks(page)]


def test_most_pages_have_something_to_run():
    assert len(with_commands()) >= 8


@pytest.mark.slow
@pytest.mark.parametrize("page", with_commands(), ids=lambda page: page.stem)
def test_a_page_runs_from_start_to_end(page, tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    # the first page says where the clips come from
    if "stst samples" not in page.read_text("utf-8"):
        (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    programs = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    for language, text in blocks(page):
        done = subprocess.run(
            [*programs[language], text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
