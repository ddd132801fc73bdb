from __future__ import annotations

import numpy as np
import pytest
import torch

import tiny_model
from small_runs import config, frames
from stst.config import TERMS
from stst.engine.events import FrameDone
from stst.errors import DivergedError
from stst.methods.stst.prepare import prepare
from stst.methods.stst.synthesis import Synthesis
from stst.methods.stst.targets import Targets
from stst.utils.noise import no_clip
from stst.video import Video


def synthesis(count=3, size=(18, 20), **changes) -> Synthesis:
    from small_runs import FPS

    return prepare({"natural": Video(frames(count, *size), FPS)}, config(**changes)).process


def last(made: Synthesis) -> np.ndarray:
    return [event.state for event in made.run() if isinstance(event, FrameDone)][-1]


def test_it_leaves_the_run_as_it_was():
    untouched, measured = synthesis(), synthesis()
    measured.estimate()
    assert np.array_equal(last(measured), last(untouched))


def test_it_gives_positive_numbers():
    found = synthesis().estimate()
    assert found.seconds > 0
    assert found.memory > 2**20


@pytest.fixture
def empty_machine(monkeypatch):
    """Without what the process has in use already, which depends on the tests before."""
    monkeypatch.setattr("stst.methods.stst.synthesis.memory_in_use", lambda device: 0)
    monkeypatch.setattr("stst.engine.estimate._LIBRARIES", 0)


def test_memory_grows_with_pixels_and_samples(empty_machine):
    octaves = [{"exponent": 0, "iterations": 1, "learning_rate": 0.01}]
    small = synthesis(octaves=octaves).estimate().memory
    assert synthesis(octaves=octaves, size=(36, 40)).estimate().memory > 3 * small
    assert synthesis(octaves=octaves, samples=3).estimate().memory > 2 * small
    # it does not grow with the length: frames are made one after the other
    assert synthesis(count=9, octaves=octaves).estimate().memory == pytest.approx(small, rel=0.01)


def test_memory_is_that_of_the_full_resolution(empty_machine):
    octaves = [
        {"exponent": exponent, "iterations": 1, "learning_rate": 0.01} for exponent in (-2, -1, 0)
    ]
    whole = synthesis(size=(60, 60), octaves=octaves[2:]).estimate().memory
    scaled_up = synthesis(size=(60, 60), octaves=octaves).estimate().memory
    assert scaled_up == pytest.approx(whole, rel=0.3)


def test_time_is_shared_out_by_work(monkeypatch):
    ticks = iter(range(100))
    monkeypatch.setattr("stst.engine.estimate.time.perf_counter", lambda: float(next(ticks)))

    def seconds(**changes):
        return synthesis(color_transfer=False, **changes).estimate().seconds

    # one tick passes, whatever is measured: the rest is scaling
    assert seconds(count=6) == pytest.approx(2 * seconds(count=3))
    more = [
        {"exponent": o["exponent"], "iterations": 5 * o["iterations"], "learning_rate": 0.02}
        for o in config().model_dump()["octaves"]
    ]
    assert seconds(octaves=more) == pytest.approx(5 * seconds())


@pytest.mark.parametrize("changes", [{"padding_frames": 0}, {"temporal": {"texture_weight": 0}}])
def test_a_single_frame(changes):
    only_spatial = {"temporal": {"texture_weight": 0}}
    assert synthesis(count=1, **(changes | only_spatial)).estimate().seconds > 0


def test_a_model_that_gives_nan_is_found():
    spatial = tiny_model.spatial()
    spatial.kernel.fill_(torch.nan)
    natural = frames()
    settings = config(spatial={"texture_layers": ["plain"]}, temporal={"texture_weight": 0})
    made = Synthesis(
        settings,
        spatial,
        None,
        Targets(dict.fromkeys(TERMS, natural), natural),
        torch.device("cpu"),
        no_clip,
    )
    with pytest.raises(DivergedError, match="iteration 0: spatial_texture"):
        made.estimate()
