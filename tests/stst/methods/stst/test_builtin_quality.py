"""The built-in pair against phase scrambling, by the measures of benchmarks/builtin_quality.py."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from stst.analysis.measures.energy import energy
from stst.config import load_preset
from stst.methods.stst.prepare import synthesize
from stst.video import Video, read_video

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    path = ROOT / "benchmarks" / "builtin_quality.py"
    spec = importlib.util.spec_from_file_location("builtin_quality", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def compared(quality, clip: Path, frames: str, max_side: int, judges: list):
    """Give rows of measures for natural, scrambled and metamer."""
    natural = read_video(clip, frames=frames, max_side=max_side)
    config = load_preset("quick").model_copy(update={"device": "cpu"})
    assert (config.spatial.model, config.temporal.model) == ("filterbank", "motion_energy")
    made = synthesize(natural, config)[0].frames
    scrambled = quality.scrambled(natural, 0)
    return [quality.measured(judges, natural, other) for other in (natural.frames, scrambled, made)]


def test_nearer_to_natural_than_scrambled_by_its_own_measures(quality):
    clip = ROOT / "sample_data" / "cat.mkv"
    natural, scrambled, made = compared(quality, clip, "0:4", 96, quality.builtin_judges())
    # scrambling keeps the spectrum, which is most of what the first layers see of this small clip
    for name, share in (
        ("filterbank conv2", 0.9),
        ("filterbank conv3", 0.75),
        ("motion_energy energy", 0.3),
    ):
        assert made[name] < share * scrambled[name], name
    assert error(made, natural, "flow, px") < error(scrambled, natural, "flow, px")
    assert error(made, natural, "contrast") < 0.25 * natural["contrast"]


@pytest.mark.golden
def test_nearer_to_natural_than_scrambled_by_the_papers_models(quality, vgg, msoe, natural_clip):
    judges = [
        quality.Judge("vgg19", "spatial", vgg, quality.VGG_LAYERS),
        quality.Judge("msoe", "temporal", msoe, ("concat",)),
    ]
    natural, scrambled, made = compared(quality, natural_clip, "0:6", 160, judges)
    for name, share in (("vgg19 conv2_1", 0.6), ("vgg19 conv3_1", 0.7), ("msoe concat", 0.6)):
        assert made[name] < share * scrambled[name], name
    assert error(made, natural, "flow, px") < error(scrambled, natural, "flow, px")
    assert error(made, natural, "flow, px") < 0.2 * natural["flow, px"]


def test_the_terms_of_pixels_keep_contrast_and_power():
    natural = read_video(ROOT / "sample_data" / "cat.mkv", frames="0:2", max_side=96)
    quick = load_preset("quick").model_copy(update={"device": "cpu"})
    assert keeps_light(natural, synthesize(natural, quick)[0])
    # as they come out without them, which the same bounds have to refuse
    update = {"spectrum_weight": 0.0, "color_weight": 0.0, "regrain": True}
    assert not keeps_light(natural, synthesize(natural, quick.model_copy(update=update))[0])


def keeps_light(natural: Video, made: Video) -> bool:
    """Say whether contrast is within 1 % and power within a third in every octave.

    The two coarsest hold few frequencies and are taken together.
    """
    have, want = (energy(clip, window="none") for clip in (made, natural))
    contrast = float(have.contrast.mean() / want.contrast.mean())
    starts = [0, *range(2, len(have.spatial_edges) - 2)]
    powers = [np.add.reduceat(one.spatial.mean(0)[:-1], starts) for one in (have, want)]
    power = powers[0] / powers[1]
    return abs(np.log(contrast)) < 0.01 and bool((abs(np.log(power)) < np.log(1.33)).all())


def error(row: dict[str, float], natural: dict[str, float], name: str) -> float:
    return abs(row[name] - natural[name])


def test_the_table_has_a_row_for_each_stimulus(quality):
    rows = {"natural": {"flow, px": 1.0}, "made": {"flow, px": 0.5, "s per frame": 2.0}}
    assert quality.as_markdown(rows).splitlines() == [
        "| stimulus | flow, px | s per frame |",
        "|---|---|---|",
        "| natural | 1.000 |  |",
        "| made | 0.500 | 2.000 |",
    ]
