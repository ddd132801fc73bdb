from __future__ import annotations

import itertools
import tomllib

import numpy as np
import pytest
import torch

from arrays import images, pictures, relative_error
from stst.config import StstConfig, build, merge, preset_text
from stst.engine.color_transfer import distribution_transfer
from stst.engine.events import FrameDone, IterationDone, Preview, RunStarted
from stst.engine.loop import make_optimizer, optimize
from stst.engine.pixels import to_frames
from stst.errors import DivergedError, InputError
from stst.methods.stst.objective import Statistician, StstObjective
from stst.methods.stst.octaves import octave_size, through_octaves
from stst.methods.stst.synthesis import Synthesis, Targets
from stst.methods.stst.variants import PAPER, REFERENCE
from stst.utils.noise import no_clip
from tiny_model import Filters

LAYERS = {"spatial_texture": ("conv1_1", "conv2_1", "conv3_1"), "temporal_texture": ("concat",)}
TEXTURE = tuple(LAYERS)
CPU = torch.device("cpu")


def config(octaves, **changes) -> StstConfig:
    keys = ("exponent", "iterations", "learning_rate", "tv_weight")
    tree = {
        "spatial": {"model": "vgg19", "texture_layers": LAYERS["spatial_texture"]},
        "temporal": {"model": "msoe", "texture_layers": LAYERS["temporal_texture"]},
    }
    octaves = [dict(zip(keys, octave, strict=True)) for octave in octaves]
    return build(merge(tree, changes, {"octaves": octaves}), StstConfig)


def texture_objective(vgg, msoe, pair, previous, rules, tv_weight, equalize):
    """Build the objective of both textures for one pair of target frames (1, 2, 3, H, W)."""
    statistician = Statistician(vgg, msoe, rules, "fp32")
    targets = {
        "spatial_texture": statistician.compute_targets(
            "spatial_texture", pair[:, 1], LAYERS["spatial_texture"]
        ),
        "temporal_texture": statistician.compute_targets(
            "temporal_texture", pair, LAYERS["temporal_texture"]
        ),
    }
    weights = dict.fromkeys(TEXTURE, 1.0)
    return StstObjective(statistician, targets, weights, tv_weight, equalize, previous)


@pytest.mark.golden
@pytest.mark.parametrize("size", ["67x101", "72x128"])
class TestOneStep:
    @pytest.fixture
    def data(self, golden, size):
        return golden(f"stst_step_{size}")

    def objective(self, data, vgg, msoe, equalize):
        return texture_objective(
            vgg, msoe, images(data["target_pair"]), images(data["prev"]), REFERENCE, 0.1, equalize
        )

    def test_unit_losses_weights_and_gradients(self, data, vgg, msoe):
        objective = self.objective(data, vgg, msoe, 1e4)
        current = images(data["cur"]).requires_grad_()
        units = objective.compute_unweighted(current)[0]
        for index, name in enumerate(("ss", "ts", "tv")):
            unit = float(data[f"loss_unit_{name}"])
            assert float(units[index].detach()) == pytest.approx(unit, rel=5e-5)
            (gradient,) = torch.autograd.grad(units[index], current, retain_graph=True)
            assert relative_error(pictures(gradient), data[f"grad_unit_{name}"]) < 1e-4
        (gradient,) = torch.autograd.grad(objective(current).sum(), current)
        for index, name in enumerate(("ss", "ts", "tv")):
            weight = float(data[f"weight_{name}"])
            assert float(objective.weights[0, index]) == pytest.approx(weight, rel=5e-5)
        assert relative_error(pictures(gradient), data["grad"]) < 1e-4
        deviation = float(gradient.std(correction=0))
        assert deviation == pytest.approx(float(data["grad_std"]), rel=1e-4)

    def test_ten_steps(self, data, vgg, msoe):
        current = images(data["cur"])
        objective = self.objective(data, vgg, msoe, 1e4)
        rule = make_optimizer(config([(0, 1, 0.1, 0)]).optimizer, REFERENCE.std_per_channel)
        losses = []
        for iteration, values in optimize(
            current, objective, rule=rule, iterations=10, learning_rate=0.005
        ):
            losses.append(values[0].numpy())
            if iteration == 0:
                np.testing.assert_allclose(pictures(current), data["cur_after_1"], atol=5e-5)
        assert relative_error(pictures(current), data["cur_after_10"]) < 1e-3
        assert np.abs(pictures(current) - data["cur_after_10"]).max() < 2e-2
        losses.append(objective(current)[0].numpy())
        np.testing.assert_allclose(losses[0], data["losses_weighted"][0], rtol=5e-5)
        np.testing.assert_allclose(losses, data["losses_weighted"], rtol=2e-3)


def preset(octaves, **changes) -> StstConfig:
    """Build the preset of the released code with the three layers and octaves of a golden."""
    tree = merge(tomllib.loads(preset_text("reference")), changes)
    del tree["octaves"]
    return config(octaves, **tree)


@pytest.mark.golden
def test_three_octaves(golden, vgg, msoe):
    data = golden("stst_octaves_147x152")
    octaves = [(-2, 3, 0.001, 0.05), (-1, 3, 0.003, 0.1), (0, 3, 0.005, 0.5)]
    # frame 1 follows frame 0 as it was recorded, and with blend 0 starts from what the noise gives
    settings = preset(octaves, blend=0.0, padding_frames=0, color_transfer=False)
    clip = np.array(data["target_pair"])
    targets = Targets(dict.fromkeys(TEXTURE, clip), clip)
    synthesis = Synthesis(
        settings, vgg, msoe, targets, CPU, no_clip, lambda *_: images(data["cur"])
    )
    losses, frame = [], None
    for event in synthesis.run(after=0, state=images(data["prev"])):
        if isinstance(event, IterationDone):
            losses.append([values[0] for values in event.losses.values()])
        elif isinstance(event, FrameDone):
            frame = event.state[0].transpose(1, 2, 0)
    assert relative_error(frame, data["gen_cur_out"]) < 5e-4
    np.testing.assert_allclose(losses, data["losses_weighted"], rtol=2e-3)


@pytest.mark.golden
def test_sizes_and_resizing_of_three_octaves(golden):
    data = golden("stst_octaves_147x152")
    sizes = [octave_size((147, 152), 1.5, exponent) for exponent in (-2, -1, 0)]
    for source, name in (("target_pair", "tar_cur"), ("prev", "gen_prev")):
        image = images(data[source])
        chain = through_octaves(image[:, -1] if image.ndim == 5 else image, sizes, chained=True)
        for exponent, found in zip((-2, -1, 0), chain, strict=True):
            expected = data[f"{name}_oct{exponent}"]
            np.testing.assert_allclose(pictures(found), expected, atol=1e-5)
    (first,) = through_octaves(images(data["cur"]), sizes[:1], chained=True)
    np.testing.assert_allclose(pictures(first), data["gen_cur_in_oct-2"], atol=1e-5)


def end_to_end(data, vgg, msoe, **changes):
    """Run the four-frame golden; give the frames (T, H, W, 3) and the losses by frame."""
    settings = preset(
        [(-1, 2, 0.002, 0.05), (0, 2, 0.003, 0.1)],
        **{"blend": 0.95, "padding_frames": 2} | changes,
    )

    def recorded(frame, purpose):
        if purpose == "previous":
            return images(data["noise_prev"])
        return images(data["noise_cur"] if purpose == "start" else data["noise_blend"][frame])

    targets = Targets(dict.fromkeys(TEXTURE, data["targets"]), data["targets"])
    run = Synthesis(settings, vgg, msoe, targets, CPU, no_clip, recorded).run()
    frames, losses = [], {}
    for event in run:
        if isinstance(event, IterationDone):
            losses.setdefault(event.frame, []).append([v[0] for v in event.losses.values()])
        elif isinstance(event, FrameDone) and event.frame >= 0:
            frames.append(event.state[0].transpose(1, 2, 0))
    return np.array(frames), np.array([losses[frame] for frame in sorted(losses)])


@pytest.mark.golden
def test_end_to_end(golden, vgg, msoe):
    data = golden("e2e_100x104")
    frames, losses = end_to_end(data, vgg, msoe)
    assert relative_error(frames, data["out"]) < 2e-3
    expected = data["losses_weighted"]
    np.testing.assert_allclose(losses[:, [0, 2]], expected[:, [0, 2]], rtol=1e-5)
    np.testing.assert_allclose(losses[0], expected[0], rtol=1e-4)
    np.testing.assert_allclose(losses, expected, rtol=3e-3)


@pytest.mark.golden
@pytest.mark.parametrize(
    "change",
    [{"rules": "paper"}, {"blend": 0.9}, {"equalize": 0.0}, {"color_transfer": False}],
    ids=["rules", "blend", "equalize", "color"],
)
def test_end_to_end_tells_variants_apart(golden, vgg, msoe, change):
    data = golden("e2e_100x104")
    frames, _ = end_to_end(data, vgg, msoe, **change)
    assert relative_error(frames, data["out"]) > 4e-3


FILTERED = {
    "spatial": {"model": "x:y", "texture_layers": ("rectified",), "content_layers": ("plain",)},
    "temporal": {"model": "x:y", "texture_layers": ("rectified",), "content_layers": ("plain",)},
}


def clip(seed: int, frames: int = 4, size: tuple[int, int] = (20, 24)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, *size, 3), dtype=np.uint8)


def small(targets=None, natural=None, **changes) -> Synthesis:
    natural = clip(0) if natural is None else natural
    base = {"padding_frames": 1, "color_transfer": False}
    octaves = changes.pop("octaves", [(-1, 3, 0.02, 0.1), (0, 4, 0.02, 0.1)])
    settings = config(octaves, **FILTERED | base | changes)
    by_term = {
        term: (targets or {}).get(term, natural)
        for term in ("spatial_texture", "spatial_content", "temporal_texture", "temporal_content")
    }
    return Synthesis(settings, Filters(3), Filters(6), Targets(by_term, natural), CPU, no_clip)


def finished(synthesis: Synthesis, **options) -> list[FrameDone]:
    return [event for event in synthesis.run(**options) if isinstance(event, FrameDone)]


def test_events_come_in_order():
    events = list(small().run(preview_seconds=0))
    assert isinstance(events[0], RunStarted)
    assert events[0].octaves == ((13, 16), (20, 24))
    assert events[0].iterations == 4 * 7
    kinds = [type(event).__name__ for event in events[1:]]
    assert kinds == (["IterationDone", "Preview"] * 7 + ["FrameDone"]) * 4
    done = [event for event in events if isinstance(event, FrameDone)]
    assert [event.frame for event in done] == [0, 1, 2, 3]
    assert done[0].images.shape == (1, 20, 24, 3)
    assert done[0].images.dtype == np.uint8
    shares = [event.progress for event in events if isinstance(event, IterationDone)]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == 1
    previews = [event for event in events if isinstance(event, Preview)]
    assert {event.images.shape for event in previews} == {(1, 13, 16, 3), (1, 20, 24, 3)}


def test_statistics_of_a_frame():
    (first, *_) = finished(small())
    (statistics,) = first.statistics
    grey = (first.images[0] @ np.array([0.299, 0.587, 0.114])) / 255
    assert statistics["luminance"] == pytest.approx(grey.mean())
    assert statistics["contrast"] == pytest.approx(grey.std())
    assert statistics["iterations"] == 7
    assert set(statistics["losses"]) == {*TEXTURE, "total_variation"}
    bounds = (first.state <= 0) | (first.state >= 1)
    assert statistics["clipped"] == pytest.approx(bounds.mean())


WHICH = {"paper": {}, "reference": {"rules": "reference"}, "bf16": {"precision": "bf16"}}


@pytest.mark.parametrize("changes", WHICH.values(), ids=WHICH)
def test_losses_on_record_are_those_of_the_files_frames(changes):
    """Computed again from the finished 8-bit frames, by the equations, whatever the run's rules."""
    terms = ("spatial_texture", "spatial_content", "temporal_texture", "temporal_content")
    both = {stream: FILTERED[stream] | {"content_weight": 0.3} for stream in FILTERED}
    pixels = {"spectrum_weight": 0.2, "color_weight": 0.3}
    synthesis = small(samples=2, color_transfer=True, **both, **pixels, **changes)
    frames = [event for event in synthesis.run() if isinstance(event, FrameDone)]
    natural = [images(one / 255) for one in clip(0)]
    for before, event in itertools.pairwise(frames):
        if event.frame < 0:
            assert event.statistics[0]["unweighted"] == {}
            continue
        for sample, statistics in enumerate(event.statistics):
            now, then = (images(one.images[sample] / 255) for one in (event, before))
            target, target_before = natural[event.frame], natural[max(event.frame - 1, 0)]
            have, want = Filters(3)(now, Filters.layers), Filters(3)(target, Filters.layers)
            pairs = [
                Filters(6)(torch.stack(pair, dim=1), Filters.layers)
                for pair in ((then, now), (target_before, target))
            ]
            expected = {
                "spatial_texture": {"rectified": by_hand(have, want, "rectified")},
                "spatial_content": {
                    "plain": float((have["plain"] - want["plain"]).square().mean() / 2)
                },
                "temporal_texture": {"rectified": by_hand(*pairs, "rectified")},
                "temporal_content": {
                    "plain": float((pairs[0]["plain"] - pairs[1]["plain"]).square().mean() / 2)
                },
                "spectrum": {"pixels": distance_of_spectra(now, target)},
                "color": {"pixels": distance_of_colors(now, target)},
                "total_variation": {
                    "pixels": sum(float(now.diff(dim=axis).abs().sum()) for axis in (2, 3))
                    / now.numel()
                },
            }
            found = statistics["unweighted"]
            assert set(found) == {*terms, "spectrum", "color", "total_variation"}
            for term, by_layer in expected.items():
                # 8-bit values lie on edges of bins, which rounding puts on either side
                near = 1e-2 if term == "color" else 2e-4
                assert found[term] == pytest.approx(by_layer, rel=near), term


def distance_of_spectra(now, target):
    """Give half the mean squared distance to the nearest picture with the target's spectrum."""
    have, want = (np.fft.fft2(one[0].double().numpy()) for one in (now, target))
    shared = np.abs((have * want.conj()).sum(0)).sum()
    power = (np.abs(have) ** 2 + np.abs(want) ** 2).sum()
    return (power - 2 * shared) / now[0, 0].numel() / now.numel() / 2


def distance_of_colors(now, target):
    wanted = distribution_transfer(now.double(), target.double())
    return float((now - wanted).square().mean() / 2)


def by_hand(have, want, layer):
    """Give the mean squared difference of two Gram matrices divided by N·M."""
    grams = []
    for one in (have, want):
        flat = one[layer][0].flatten(1).double()
        grams.append(flat @ flat.T / flat.numel())
    return float((grams[0] - grams[1]).square().mean())


def test_weights_on_record_are_what_the_losses_were_multiplied_by():
    """Where nothing moves, an octave ends as it began: weight times loss is the nominal value."""
    still = small(octaves=[(-1, 1, 1e-9, 0.1), (0, 2, 1e-9, 0.1)], samples=2)
    for event in finished(still):
        for one in event.statistics:
            assert one["losses"].keys() == one["weights"].keys() == one["unweighted"].keys()
            for term, nominal in (*dict.fromkeys(TEXTURE, 1.0).items(), ("total_variation", 0.1)):
                assert one["losses"][term] == pytest.approx(1e4 * nominal, rel=1e-4)
                (unweighted,) = one["unweighted"][term].values()
                # of rounded frames
                assert one["weights"][term] * unweighted == pytest.approx(1e4 * nominal, rel=0.02)


def test_samples_do_not_depend_on_their_batch():
    together = finished(small(samples=3, seed=5))
    alone = finished(small(seed=6))
    for many, one in zip(together, alone, strict=True):
        np.testing.assert_allclose(many.state[1], one.state[0], atol=1e-5)
        assert many.statistics[1]["losses"] == pytest.approx(one.statistics[0]["losses"], rel=1e-3)


def test_a_run_continues_to_the_same_result():
    whole = finished(small(samples=2))
    for cut in whole[:-1]:
        rest = finished(small(samples=2), after=cut.frame, state=torch.from_numpy(cut.state))
        assert [event.frame for event in rest] == list(range(cut.frame + 1, 4))
        assert np.array_equal(rest[-1].state, whole[-1].state)


def test_losses_fall():
    losses = {}
    for event in small(octave_scale=2.0).run():
        if isinstance(event, IterationDone) and event.octave == 0:
            losses.setdefault(event.frame, []).append(sum(v[0] for v in event.losses.values()))
    assert all(values[-1] < values[0] for values in losses.values())


def test_every_term_follows_its_own_target():
    other = clip(1)
    same = finished(small())[-1].state
    for term in TEXTURE:
        changed = finished(small({term: other}))[-1].state
        assert not np.array_equal(changed, same), term
    # a term without weight is not computed, whatever its target
    unused = finished(small({"spatial_content": other}))[-1].state
    assert np.array_equal(unused, same)


def test_content_brings_back_the_clip():
    natural = clip(3, frames=2)
    content = {"texture_weight": 0.0, "content_weight": 1.0}
    made = finished(
        small(
            natural=natural,
            spatial=FILTERED["spatial"] | content,
            temporal=FILTERED["temporal"] | {"texture_weight": 0.0},
            octaves=[(0, 300, 0.02, 0.0)],
            optimizer={"name": "adam", "schedule": "cosine"},
        )
    )
    target = natural[1].transpose(2, 0, 1) / 255
    # a picture of noise is 0.41 away from another one
    assert np.abs(made[1].state[0] - target)[:, 2:-2, 2:-2].mean() < 0.05


def test_equalisation_starts_every_term_at_its_weight():
    first = next(event for event in small().run() if isinstance(event, IterationDone))
    assert first.losses["spatial_texture"][0] == pytest.approx(1e4, rel=1e-5)
    assert first.losses["temporal_texture"][0] == pytest.approx(1e4, rel=1e-5)
    assert first.losses["total_variation"][0] == pytest.approx(1e3, rel=1e-5)


def test_a_term_that_starts_at_zero_gets_a_finite_weight():
    statistician = Statistician(Filters(3), Filters(6), PAPER, "fp32")
    frame = torch.full((1, 3, 20, 20), 0.5)
    targets = {
        "spatial_content": statistician.compute_targets("spatial_content", frame, ("plain",))
    }
    objective = StstObjective(statistician, targets, {"spatial_content": 1.0}, 0.1, 1e4, None)
    losses = objective(frame)
    assert losses.tolist() == [[0.0, 0.0]]
    assert bool(torch.isfinite(objective.weights).all())


def test_a_constant_clip_makes_no_nan():
    grey = np.full((3, 20, 24, 3), 128, np.uint8)
    for frame in finished(small(natural=grey, color_transfer=True)):
        assert np.isfinite(frame.state).all()


def test_settings_of_single_frames():
    events = list(
        small(
            frames=[
                {
                    "range": "1:2",
                    "octaves": [{"exponent": 0, "iterations": 2, "learning_rate": 0.1}],
                },
                {"range": "2:", "spatial": {"texture_weight": 0.0}},
            ]
        ).run()
    )
    counts = [e.statistics[0]["iterations"] for e in events if isinstance(e, FrameDone)]
    assert counts == [7, 2, 7, 7]
    terms = {e.frame: e.terms for e in events if isinstance(e, IterationDone)}
    assert terms[1] == (*TEXTURE[:1], *TEXTURE[1:])
    assert terms[2] == ("temporal_texture", "total_variation")


def test_without_padding_the_first_frame_has_no_motion_term():
    terms = {
        event.frame: event.terms
        for event in small(padding_frames=0).run()
        if isinstance(event, IterationDone)
    }
    assert terms[0] == ("spatial_texture", "total_variation")
    assert terms[1] == (*TEXTURE, "total_variation")


def test_a_clip_of_one_frame():
    with pytest.raises(InputError, match="the clip has 1 frame.*`temporal.texture_weight=0`"):
        small(natural=clip(0, frames=1))
    still = small(
        natural=clip(0, frames=1), temporal=FILTERED["temporal"] | {"texture_weight": 0.0}
    )
    assert [event.frame for event in finished(still)] == [0]


def test_divergence_says_where():
    synthesis = small()
    spatial = synthesis.streams["spatial"]
    spatial.kernel.fill_(torch.nan)
    with pytest.raises(
        DivergedError, match="diverged at frame 0, octave -1, iteration 0: spatial_"
    ):
        list(synthesis.run())


def test_a_picture_that_is_not_finite_never_becomes_a_frame():
    with pytest.raises(DivergedError, match="not finite"):
        to_frames(torch.full((1, 3, 2, 2), torch.nan))


def test_pixels_are_rounded_not_truncated():
    values = torch.tensor([0.999, 254.4 / 255, 254.6 / 255, 0.4 / 255])
    frames = to_frames(values[None, None, None, :].expand(1, 3, 1, 4))
    assert frames[0, 0, :, 0].tolist() == [255, 254, 255, 0]


def test_previous_frame_gets_no_gradient():
    objective = StstObjective(
        Statistician(Filters(3), Filters(6), PAPER, "fp32"), {}, {}, 0.1, 1e4, None
    )
    assert objective.terms == ("total_variation",)
    previous = torch.rand(1, 3, 20, 20)
    synthesis = small()
    prepared, _, _ = synthesis.rehearsal(previous)
    assert prepared.previous is not None
    assert not prepared.previous.requires_grad


def test_bfloat16_stays_close_to_float32():
    exact, coarse = (finished(small(precision=precision)) for precision in ("fp32", "bf16"))
    assert not np.array_equal(exact[0].state, coarse[0].state)
    assert coarse[0].state.dtype == np.float32
    first, second = (run[0].statistics[0]["losses"] for run in (exact, coarse))
    for term in TEXTURE:
        assert second[term] == pytest.approx(first[term], rel=0.2)


def test_a_scrambled_start_has_the_spectrum_of_the_target():
    # grey enough that nothing is clipped
    natural = (100 + clip(4) // 8).astype(np.uint8)
    seen = []
    synthesis = small(natural=natural, start="scrambled", seed=3, samples=2)
    made = synthesis._make_frame
    synthesis._make_frame = lambda place, previous, *rest: (
        seen.append(previous.clone()) or made(place, previous, *rest)
    )
    finished(synthesis)
    target = torch.from_numpy(natural[0].transpose(2, 0, 1) / 255)
    amplitudes = torch.fft.fft2(target).abs()
    for sample in seen[0].double():
        torch.testing.assert_close(torch.fft.fft2(sample).abs(), amplitudes, atol=1e-4, rtol=1e-4)
        assert float((sample - target).abs().mean()) > 0.01
    assert not torch.equal(seen[0][0], seen[0][1])
