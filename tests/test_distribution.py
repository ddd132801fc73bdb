"""What is built and published: one version, and everything inside."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

import stst

ROOT = Path(__file__).parents[1]


def test_versions_come_from_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "src/stst/version.py"
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["version"] == stst.__version__


def test_workflows_can_be_read():
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        assert yaml.safe_load(path.read_text("utf-8"))["jobs"], path


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_declared_python_is_tested(version):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text("utf-8"))
    assert version in workflow["jobs"]["tests"]["strategy"]["matrix"]["python"]
