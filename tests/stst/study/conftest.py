"""A small study that was measured: of every natural clip itself, noise, and another clip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from small_runs import FPS
from stst.analysis.nulls import shuffle_pixels
from stst.analysis.settings import Settings
from stst.study.entries import read_set
from stst.study.run import Study, StudySettings
from stst.video import write_video
from study_values import CONDITIONS, JUDGES, LEVELS, MARGINS, natural


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """The clips and their manifest, one stimulus of which is missing."""
    folder = tmp_path_factory.mktemp("study")
    lines = ["natural,other,label,condition", "a.npz,gone.npz,gone,same"]
    for seed, (name, level) in enumerate(LEVELS.items()):
        frames = natural(level, seed)
        noise = np.stack([shuffle_pixels(frame, n) for n, frame in enumerate(frames)])
        write_video(folder / f"{name}.npz", frames, FPS)
        for condition, other in zip(
            CONDITIONS, (frames, noise, natural(11 - level, seed + 10, 30)), strict=True
        ):
            stem = f"{name}{CONDITIONS.index(condition)}"
            write_video(folder / f"{stem}.npz", other, FPS)
            lines.append(f"{name}.npz,{stem}.npz,,{condition}")
    (folder / "set.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def again(clips) -> Callable[[], Study]:
    """The same study once more, from what is measured."""
    settings = StudySettings(Settings(judges=JUDGES, device="cpu"), MARGINS)
    return lambda: Study(read_set(clips / "set.csv"), clips / "out", settings)


@pytest.fixture(scope="session")
def study(again) -> Study:
    found = again()
    list(found.batch.run(1))
    return found
