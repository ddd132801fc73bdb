"""The helpers of this folder, and a clip that several tests read."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_clips import encode, moving


@pytest.fixture(scope="session")
def h264(tmp_path_factory):
    """Long groups of pictures with B-frames at 60000/1001 Hz, open ones included."""
    path = tmp_path_factory.mktemp("clips") / "long.mp4"
    options = {"g": "12", "bf": "3", "crf": "12", "x264-params": "open-gop=1:keyint=12:threads=1"}
    return encode(path, moving(40), Fraction(60000, 1001), options=options)
