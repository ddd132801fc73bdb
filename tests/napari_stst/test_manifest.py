from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from napari_stst.contrib import reader, samples
from napari_stst.viewer.docks import DISPLAYED, PLUGIN
from stst.errors import StstError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def manifest():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # npe2 uses what pydantic deprecates
        npe2 = pytest.importorskip("npe2")
        return npe2.PluginManifest.from_file(ROOT / "src/napari_stst/napari.yaml")


def test_every_command_can_be_imported(manifest):
    assert (manifest.name, manifest.display_name) == (PLUGIN, DISPLAYED)
    for command in manifest.contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_the_manifest_at_the_top_is_the_same():
    assert (ROOT / "napari.yaml").read_text() == (ROOT / "src/napari_stst/napari.yaml").read_text()


@pytest.mark.parametrize("name", ["cat", "astronaut", "coffee"])
def test_samples_become_layers(name):
    ((frames, options, kind),) = getattr(samples, name)()
    assert kind == "image"
    assert frames.shape == (24, 144, 192, 3)
    assert frames.dtype == np.uint8
    assert options["name"] == name
    assert options["metadata"]["fps"] == "24"


def test_the_reader_is_polite_about_other_files():
    assert reader.get_reader("picture.png") is None
    assert reader.get_reader(["a.mkv", "b.txt"]) is None
    assert reader.get_reader("CLIP.MP4") is reader.read


def test_a_sample_that_is_missing_is_named():
    with pytest.raises(StstError, match=r"dog\.mkv"):
        samples.sample_path("dog")


def test_reading_the_manifest_imports_no_torch():
    code = "import napari_stst.contrib.reader, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
