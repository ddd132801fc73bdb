"""Every active term starts an octave at its nominal weight × `equalize`, however large it is."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

import stst
from stst.config import PIXEL_TERMS, build, load_preset
from stst.engine.events import IterationDone
from stst.methods.stst.objective import TOTAL_VARIATION, Statistician, StstObjective
from stst.methods.stst.prepare import prepare
from stst.methods.stst.variants import PAPER, REFERENCE
from stst.models.filterbank import FilterBank
from stst.models.motion_energy import MotionEnergy

EQUALIZE = 1e4
SIZE = (75, 100)
# of the first frames of a clip, and half-way into the optimisation
SHARES = (1.0, 0.1, 0.01)


@pytest.fixture(scope="module")
def clip():
    return stst.read_video("sample_data/cat.mkv", frames="0:2", max_side=100)


def pair_of(clip):
    frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2).float() / 255
    return frames[:1], frames[1:]


class Terms:
    """Textures and contents of a pair of streams, at their nominal weights."""

    nominal = {  # noqa: RUF012
        "spatial_texture": 1.0,
        "spatial_content": 0.5,
        "temporal_texture": 2.0,
        "temporal_content": 0.25,
    }

    def __init__(self, spatial, temporal, layers, rules, before, now):
        self.statistician = Statistician(spatial, temporal, rules, "fp32")
        pair = torch.stack([before, now], dim=1)
        self.before = before
        self.targets = {
            term: self.statistician.compute_targets(
                term, now if term.startswith("spatial") else pair, layers[term.split("_")[0]]
            )
            for term in self.nominal
        }

    def objective(self, tv_weight=0.1):
        return StstObjective(
            self.statistician, self.targets, self.nominal, tv_weight, EQUALIZE, self.before
        )


def near(terms, start, target, share):
    """Find a picture between two where every term but smoothness is at most a share of its start.

    Total variation is taken between noise and a constant: the target's own would be its floor.
    """
    began = terms.objective().compute_unweighted(start)[0, :-1]
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        here = terms.objective().compute_unweighted(target + middle * (start - target))[0, :-1]
        low, high = (middle, high) if bool((here <= share * began).all()) else (low, middle)
    return target + low * (start - target)


@pytest.fixture(params=[PAPER, REFERENCE], ids=["paper", "reference"])
def rules(request):
    return request.param


def check(terms, now):
    """Weigh a picture as it is, and after its terms have fallen to a tenth and a hundredth."""
    nominal = torch.tensor([[*(EQUALIZE * one for one in terms.nominal.values()), 0.1 * EQUALIZE]])
    noise = torch.rand(1, 3, *now.shape[-2:], generator=torch.Generator().manual_seed(1))
    for share in SHARES:
        picture = noise if share == 1 else near(terms, noise, now, share)
        torch.testing.assert_close(terms.objective()(picture), nominal, rtol=1e-4, atol=0)


@pytest.mark.golden
def test_the_networks_of_the_paper(vgg, msoe, rules, clip):
    before, now = pair_of(clip)
    layers = {"spatial": ("conv1_1", "conv2_1", "conv3_1"), "temporal": ("concat",)}
    check(Terms(vgg, msoe, layers, rules, before, now), now)


def test_the_pair_that_ships(rules, clip):
    before, now = pair_of(clip)
    spatial, temporal = FilterBank(), MotionEnergy()
    layers = {"spatial": spatial.texture_layers, "temporal": temporal.texture_layers}
    check(Terms(spatial, temporal, layers, rules, before, now), now)


class Faint(torch.nn.Module):
    """Answers with the picture itself, times a factor."""

    layers = texture_layers = content_layers = ("faint",)

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def min_side(self, layers):
        return 1

    def forward(self, frames, layers):
        return {"faint": frames * self.factor}


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1.0, 1e4])
def test_a_stream_may_answer_as_faintly_as_it_likes(factor, rules):
    """The losses are quadratic or of fourth order in it: 1e-12 to 1e-24 at the smallest."""
    statistician = Statistician(Faint(factor), None, rules, "fp32")
    target, images = torch.rand(2, 1, 3, 8, 9, generator=torch.Generator().manual_seed(0))
    terms = ("spatial_texture", "spatial_content")
    wanted = {term: statistician.compute_targets(term, target, ("faint",)) for term in terms}
    objective = StstObjective(statistician, wanted, dict.fromkeys(terms, 1.0), 0.0, EQUALIZE, None)
    torch.testing.assert_close(objective(images), torch.full((1, 2), EQUALIZE))


@pytest.mark.parametrize("factor", [0.0, 1e-13])
def test_what_no_number_can_hold_stays_finite(factor):
    """A target of nothing, or of less than float32 holds: weights are large, and finite."""
    statistician = Statistician(Faint(factor), None, PAPER, "fp32")
    target, images = torch.rand(2, 1, 3, 8, 9, generator=torch.Generator().manual_seed(0))
    wanted = {
        "spatial_texture": statistician.compute_targets("spatial_texture", target, ("faint",))
    }
    objective = StstObjective(statistician, wanted, {"spatial_texture": 1.0}, 0.1, EQUALIZE, None)
    assert bool(torch.isfinite(objective(images)).all())
    assert bool(torch.isfinite(objective.weights).all())


def test_a_perfect_start_gets_no_infinite_weight():
    statistician = Statistician(Faint(1.0), None, PAPER, "fp32")
    target = torch.rand(1, 3, 8, 9, generator=torch.Generator().manual_seed(0))
    wanted = {
        "spatial_content": statistician.compute_targets("spatial_content", target, ("faint",))
    }
    objective = StstObjective(statistician, wanted, {"spatial_content": 1.0}, 0.1, EQUALIZE, None)
    first = objective(target)
    assert float(first[0, 0]) == 0
    # as if it were a millionth of the target's own size
    size = float(wanted["spatial_content"].scale)
    assert float(objective.weights[0, 0]) == pytest.approx(EQUALIZE / (1e-6 * size), rel=1e-5)


def starts(config, clip):
    """Run, and give the octave and every term's first value, in every octave of every frame."""
    process = prepare({"natural": clip}, config).process
    found = [
        (event.octave, event.losses)
        for event in process.run()
        if isinstance(event, IterationDone) and event.iteration == 0
    ]
    assert found
    return found


def shortened(name, **changes):
    """Take a preset with one iteration in every octave."""
    tree = load_preset(name).model_dump() | {"device": "cpu", "padding_frames": 1} | changes
    for one in (tree, *tree["frames"]):
        for octave in one.get("octaves") or ():
            octave["iterations"] = 1
    return tree


PRESETS = ("paper", "reference", "fast", "quick")


@pytest.mark.golden
@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(
    ("size", "octaves"), [((75, 100), {0}), ((147, 196), {-2, -1, 0})],
    ids=["small octaves skipped", "all octaves"],
)  # fmt: skip
def test_a_run_of_every_preset(name, size, octaves, vgg, msoe):
    """From 147 px on the short side on, the paper's networks have all three octaves."""
    height, width = size
    frames = stst.read_video("sample_data/cat.mkv", frames="0:2").frames
    large = np.stack([cv2.resize(frame, (width, height)) for frame in frames])
    tree = shortened(name, small_octaves="skip")
    if name != "quick":
        tree["spatial"]["texture_layers"] = ("conv1_1", "conv2_1", "conv3_1")
    config = build(tree, stst.StstConfig)
    weights = {TOTAL_VARIATION: {octave.tv_weight for octave in config.octaves}}
    weights |= {term: {config.term_weight(term)} for term in PIXEL_TERMS}
    found = starts(config, stst.Video(large, Fraction(24)))
    if name != "quick":  # its streams see smaller octaves
        assert {octave for octave, _ in found} == octaves
    for _, losses in found:
        for term, (value,) in losses.items():
            nominal = weights.get(term, {1.0})
            assert any(value == pytest.approx(EQUALIZE * one, rel=1e-4) for one in nominal), term


def test_a_still_frame_starts_at_the_nominal_weight_as_well():
    """A clip without contrast, where the temporal answers are those of a flat picture."""
    frames = np.full((2, 75, 100, 3), 90, np.uint8)
    frames[:, 20:40, 30:60] = 140
    config = build(shortened("quick", small_octaves="skip"), stst.StstConfig)
    for _, losses in starts(config, stst.Video(frames, Fraction(25))):
        assert losses["temporal_texture"][0] == pytest.approx(EQUALIZE, rel=1e-4)
