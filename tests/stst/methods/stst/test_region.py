from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import stst
from small_runs import FPS, config, frames
from stst.config import OptimizerConfig
from stst.engine.color_transfer import color_transfer
from stst.engine.events import FrameDone, IterationDone, Preview, RunStarted
from stst.engine.loop import NormalizedGradientDescent, make_optimizer, optimize
from stst.engine.losses import content_loss, gram, total_variation, weigh_activation
from stst.engine.pixels import shrink_mask
from stst.engine.remarks import clipping
from stst.errors import InputError
from stst.methods.stst.mask import COVERS_ALL
from stst.methods.stst.objective import Statistician, StstObjective
from stst.methods.stst.prepare import prepare
from stst.methods.stst.region import Region, Regions
from stst.methods.stst.variants import PAPER, REFERENCE
from stst.models import Multiscale
from stst.models.activations import resize_images
from stst.video import Video
from tiny_model import Filters

SIZE = (18, 20)
CPU = torch.device("cpu")


def disc(height=18, width=20, row=9.0, column=9.0, radius=6.0) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (y - row) ** 2 + (x - column) ** 2 < radius**2


def rand(*shape, seed=0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def region_of(inside: np.ndarray, seed=0) -> Region:
    mask = torch.from_numpy(inside)[None, None]
    return Region(rand(1, 3, *inside.shape, seed=seed), mask, mask.float())


def natural(count=3, height=18, width=20) -> Video:
    return Video(frames(count, height, width), FPS)


def clip_of(mask: np.ndarray) -> Video:
    """White inside, black outside; (H, W) or (T, H, W) bool."""
    values = np.where(mask, 255, 0).astype(np.uint8)[..., None].repeat(3, -1)
    return Video(values if values.ndim == 4 else values[None], FPS)


def process_of(mask: np.ndarray, **changes):
    return prepare({"natural": natural(), "mask": clip_of(mask)}, config(**changes)).process


def made(clip, region=None, targets=None, **changes) -> np.ndarray:
    (video,) = stst.synthesize(clip, config(**changes), targets, mask=region)
    return video.frames


class TestStatistics:
    @pytest.mark.parametrize("by_channels", [True, False])
    def test_gram_in_a_few_lines(self, by_channels):
        activation, weights = rand(2, 4, 5, 6), rand(1, 1, 5, 6, seed=1)
        found = gram(weigh_activation(activation, weights), by_channels).numpy()
        for sample, result in zip(activation.numpy(), found, strict=True):
            a, w = sample.reshape(4, -1).astype(np.float64), weights.numpy().ravel()
            expected = (a * w) @ a.T / w.sum() / (4 if by_channels else 1)
            np.testing.assert_allclose(result, expected, rtol=1e-5)

    def test_gram_of_several_scales_is_that_of_their_concatenation(self):
        scales = Multiscale((rand(1, 2, 8, 9), rand(1, 3, 4, 5, seed=1)))
        weights = rand(1, 1, 8, 9, seed=2)
        a = scales.concatenate().numpy().reshape(5, -1).astype(np.float64)
        w = weights.numpy().ravel()
        expected = sum(w[p] * np.outer(a[:, p], a[:, p]) for p in range(72)) / (5 * w.sum())
        np.testing.assert_allclose(
            gram(weigh_activation(scales, weights))[0].numpy(), expected, rtol=1e-5
        )

    @pytest.mark.parametrize("kind", ["one", "several"])
    def test_a_region_looks_only_where_it_is(self, kind):
        region = region_of(disc(radius=4))
        activation = rand(1, 3, 16, 18)
        if kind == "several":
            activation = Multiscale(
                (activation, rand(1, 2, 8, 9, seed=1), rand(1, 2, 5, 4, seed=2))
            )
        found = region.weigh(activation)
        assert found.shape[2] < 16
        assert found.shape[3] < 18
        everywhere = weigh_activation(activation, region.weights((16, 18)))
        torch.testing.assert_close(gram(found), gram(everywhere))
        zeros = torch.zeros_like
        torch.testing.assert_close(
            content_loss(found, zeros(found)), content_loss(everywhere, zeros(everywhere))
        )

    def test_content_in_a_few_lines(self):
        one, two, weights = rand(1, 4, 5, 6), rand(1, 4, 5, 6, seed=1), rand(1, 1, 5, 6, seed=2)
        found = content_loss(weigh_activation(one, weights), weigh_activation(two, weights))
        a, b, w = one.numpy()[0], two.numpy()[0], weights.numpy()[0, 0]
        expected = (w * (a - b) ** 2).sum() / (2 * 4 * w.sum())
        assert float(found) == pytest.approx(expected, rel=1e-5)

    def test_total_variation_in_a_few_lines(self):
        pixels, inside = rand(1, 3, 5, 6), disc(5, 6, 2, 2, 2)
        image, where = pixels.numpy()[0], torch.from_numpy(inside)[None, None]
        total = 0.0
        for y in range(5):
            for x in range(6):
                for v, u in ((y + 1, x), (y, x + 1)):
                    if v < 5 and u < 6 and (inside[y, x] or inside[v, u]):
                        total += np.abs(image[:, v, u] - image[:, y, x]).sum()
        found = [float(total_variation(pixels, by, where)) for by in (True, False)]
        assert found == pytest.approx([total / inside.sum() / 3, total / inside.sum()], rel=1e-5)

    @given(seed=st.integers(0, 999), kind=st.sampled_from(["one", "several"]))
    @settings(max_examples=30, deadline=None)
    def test_pixels_outside_do_not_count(self, seed, kind):
        """Whatever a given activation holds where the weight is 0."""
        generator = torch.Generator().manual_seed(seed)
        values = torch.rand(1, 3, 6, 7, generator=generator)
        inside = torch.rand(1, 1, 6, 7, generator=generator) > 0.6
        inside[0, 0, 2, 3] = True
        other = torch.where(inside, values, 9 * torch.rand(1, 3, 6, 7, generator=generator))
        weights = inside * torch.rand(1, 1, 6, 7, generator=generator).clamp_min(0.1)
        grams = [
            gram(
                weigh_activation(
                    one if kind == "one" else Multiscale((one, rand(1, 2, 6, 7))), weights
                )
            )
            for one in (values, other)
        ]
        # the second scale as it is: it counts inside only, too
        torch.testing.assert_close(*grams)
        everywhere = [gram(one) for one in (values, other)]
        assert bool(inside.all()) or not torch.allclose(*everywhere)

    def test_without_an_outside_nothing_changes(self):
        one, ones = rand(2, 4, 5, 6), torch.ones(1, 1, 5, 6)
        torch.testing.assert_close(gram(weigh_activation(one, ones)), gram(one))
        scales = Multiscale((rand(1, 2, 8, 9), rand(1, 3, 4, 5, seed=1)))
        torch.testing.assert_close(
            gram(weigh_activation(scales, torch.ones(1, 1, 8, 9))), gram(scales)
        )
        torch.testing.assert_close(weigh_activation(one, ones), one)
        torch.testing.assert_close(
            total_variation(one, True, ones.bool()), total_variation(one, True)
        )
        for per_channel in (True, False):
            steps = [
                NormalizedGradientDescent(per_channel, inside).step(one, one, 1.0)
                for inside in (None, ones.bool())
            ]
            torch.testing.assert_close(*steps)
        pictures = rand(1, 3, 50, 60)
        recoloured = [
            color_transfer(pictures, rand(1, 3, 50, 60, seed=1) / 2, inside)
            for inside in (None, torch.ones(1, 1, 50, 60, dtype=torch.bool))
        ]
        torch.testing.assert_close(*recoloured, atol=1e-6, rtol=0)

    def test_weights_are_shares_of_area(self):
        inside = np.zeros((4, 6), bool)
        inside[:2, :3] = True
        inside[2, 0] = True
        weights = region_of(inside).weights((2, 3))
        assert weights[0, 0].tolist() == [[1, 0.5, 0], [0.25, 0, 0]]

    @pytest.mark.parametrize("size", [(1, 1), (2, 3), (16, 18), (18, 20), (40, 50)])
    def test_one_pixel_has_a_weight_on_every_grid(self, size):
        inside = np.zeros(SIZE, bool)
        inside[7, 13] = True
        region = region_of(inside)
        assert float(region.weights(size).sum()) > 0
        value = gram(region.weigh(rand(1, 3, *size)))
        assert bool(torch.isfinite(value).all())
        assert shrink_mask(region.inside, size).any()


class TestOctave:
    def test_the_deviation_is_that_of_the_pixels_inside(self):
        inside = torch.from_numpy(disc())[None, None]
        gradient = rand(2, 3, *SIZE) * inside
        for per_channel in (True, False):
            step = NormalizedGradientDescent(per_channel, inside).step(gradient, gradient, 1.0)
            for sample in range(2):
                values = gradient[sample][:, inside[0, 0]].numpy()
                deviation = values.std(axis=1, keepdims=True) if per_channel else values.std()
                expected = values / (deviation + 1e-8)
                found = step[sample][:, inside[0, 0]].numpy()
                np.testing.assert_allclose(found, expected, rtol=1e-4)
            assert float(step[..., ~inside[0, 0]].abs().max()) == 0

    @pytest.mark.parametrize("name", ["gradient_descent", "adam", "lbfgs"])
    @pytest.mark.parametrize("share", [1, 0.2, 0.04, 0.01])
    def test_a_small_region_moves_as_a_whole_frame_does(self, name, share):
        """The typical pixel of the first step moves by the learning rate, however few move."""
        inside = torch.zeros(1, 1, 50, 60, dtype=torch.bool)
        inside[..., : round(50 * share**0.5), : round(60 * share**0.5)] = True
        gradient = torch.randn(2, 3, 50, 60, generator=torch.Generator().manual_seed(0)) * inside
        rule = make_optimizer(OptimizerConfig(name=name), True, inside)
        step = rule.step(torch.full_like(gradient, 0.5), gradient, 0.01)
        size = step[..., inside[0, 0]].square().mean(dim=(1, 2)).sqrt()
        torch.testing.assert_close(
            size, torch.full((2,), 0.01), rtol=0.15 * (name != "lbfgs"), atol=1e-6
        )
        assert float(step[..., ~inside[0, 0]].abs().sum()) == 0

    def test_later_steps_are_no_longer_than_the_radius_inside(self):
        """Of a valley so flat that L-BFGS would go further at every step."""
        inside = torch.zeros(1, 1, 20, 30, dtype=torch.bool)
        inside[..., 4:7, 5:9] = True
        rule = make_optimizer(OptimizerConfig(name="lbfgs"), True, inside)
        scale = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0)) + 0.01
        images, sizes = 9 * torch.ones(1, 3, 20, 30), []
        for _ in range(5):
            step = rule.step(images, images * scale * inside, 0.01)
            sizes.append(float(step[..., inside[0, 0]].square().mean().sqrt()))
            images = images - step
        assert sizes == pytest.approx([0.01] * 5, rel=1e-4)

    def test_a_single_pixel_takes_a_step_of_its_own_size(self):
        inside = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
        inside[0, 0, 4, 5] = True
        gradient = rand(1, 3, *SIZE) * inside
        step = NormalizedGradientDescent(True, inside).step(gradient, gradient, 1.0)
        torch.testing.assert_close(step[0, :, 4, 5], torch.ones(3))

    @pytest.mark.parametrize("name", ["gradient_descent", "adam", "lbfgs"])
    @pytest.mark.parametrize("rules", [PAPER, REFERENCE], ids=["paper", "reference"])
    def test_pixels_outside_are_held(self, name, rules):
        region = region_of(disc())
        statistician = Statistician(Filters(3), Filters(6), rules, "fp32")
        wanted = {
            "spatial_texture": statistician.compute_targets(
                "spatial_texture", region.natural, ("rectified",), region
            )
        }
        objective = StstObjective(
            statistician, wanted, {"spatial_texture": 1.0}, 0.1, 1e4, None, region
        )
        images = region.compose(rand(2, 3, *SIZE, seed=5))
        start = images.clone()
        rule = make_optimizer(OptimizerConfig(name=name), rules.std_per_channel, region.inside)
        for _ in optimize(images, objective, rule=rule, iterations=5, learning_rate=0.05):
            pass
        outside = ~region.inside[0, 0]
        assert torch.equal(images[..., outside], start[..., outside])
        assert float((images - start)[..., ~outside].abs().mean()) > 0.01

    def objective(self, region) -> StstObjective:
        statistician = Statistician(Filters(3), Filters(6), PAPER, "fp32")
        wanted = {
            term: statistician.compute_targets(term, region.natural, (layer,), region)
            for term, layer in (("spatial_texture", "rectified"), ("spatial_content", "plain"))
        }
        weights = dict.fromkeys(wanted, 1.0)
        return StstObjective(statistician, wanted, weights, 0.1, 1e4, None, region)

    def test_losses_in_a_few_lines(self):
        region = region_of(disc())
        images = region.compose(rand(1, 3, *SIZE, seed=3))
        layers = ("rectified", "plain")
        have, want = (Filters(3)(one, layers) for one in (images, region.natural))
        w = F.adaptive_avg_pool2d(region.mask, (16, 18)).numpy().ravel()

        def gram_of(activations):
            a = activations["rectified"].numpy().reshape(4, -1)
            return (a * w) @ a.T / (4 * w.sum())

        change = (have["plain"] - want["plain"]).numpy().reshape(4, -1)
        expected = [
            ((gram_of(have) - gram_of(want)) ** 2).mean(),
            (change**2 * w).sum() / (2 * 4 * w.sum()),
            float(total_variation(images, True, region.inside)),
        ]
        found = self.objective(region).compute_unweighted(images)[0].tolist()
        assert found == pytest.approx(expected, rel=1e-4)

    def test_what_lies_outside_cannot_change_the_losses(self):
        region = region_of(disc())
        objective = self.objective(region)
        images = rand(1, 3, *SIZE, seed=3)
        other = torch.where(region.inside, images, rand(1, 3, *SIZE, seed=4))
        assert torch.equal(objective(images), objective(other))

    def test_octaves(self):
        region = region_of(disc(36, 40, 18, 18, 9))
        small, whole = region.through([(12, 13), (36, 40)], chained=False)
        assert small.natural.shape == (1, 3, 12, 13)
        assert torch.equal(whole.natural, region.natural)
        assert torch.equal(whole.inside, region.inside)
        assert torch.equal(small.inside, region.weights((12, 13)) > 0)
        chained = region.through([(12, 13), (36, 40)], chained=True)[1].natural
        assert torch.equal(chained, resize_images(small.natural, (36, 40)))


def moving(count=3) -> np.ndarray:
    return np.stack([disc(column=6 + 4 * frame, radius=5) for frame in range(count)])


MASKS = {
    "fixed": disc(),
    "moving": moving(),
    "bytes": np.where(disc(), 239, 16).astype(np.uint8),
    "one pixel": disc(radius=0.5),
    "video": clip_of(moving()),
}
VARIANTS = (
    {},
    {"rules": "reference", "start": "scrambled"},
    {"padding_frames": 0, "optimizer": {"name": "adam"}},
    {"optimizer": {"name": "lbfgs"}},
    {"padding_frames": 4, "color_transfer": False, "precision": "bf16"},
    {"spatial": {"content_weight": 1.0}, "temporal": {"content_weight": 1.0}},
    {"color_weight": 0.5, "regrain": False},
)


class TestRuns:
    @pytest.mark.parametrize("name", MASKS)
    @pytest.mark.parametrize("changes", VARIANTS, ids=range(len(VARIANTS)))
    def test_the_outside_is_natural_bit_by_bit(self, name, changes):
        mask, clip = MASKS[name], natural()
        inside = mask.frames[..., 0] > 127 if isinstance(mask, Video) else mask
        inside = inside if inside.dtype == bool else inside >= 128
        inside = np.broadcast_to(inside, (3, *SIZE))
        assert 0 < inside.sum() < inside.size
        for sample in stst.synthesize(clip, config(samples=2, **changes), mask=mask):
            same = (sample.frames == clip.frames).all(axis=3)
            assert same[~inside].all()
            # a single pixel takes just the colour of its target
            assert (~same[inside]).mean() > (0 if name == "one pixel" else 0.9)

    @pytest.mark.parametrize("changes", VARIANTS, ids=range(len(VARIANTS)))
    def test_a_mask_that_covers_everything_is_none(self, changes):
        clip, seen = natural(), []
        without = made(clip, **changes)
        assert np.array_equal(made(clip, np.ones(SIZE, bool), **changes), without)
        (again,) = stst.synthesize(
            clip, config(**changes), on_event=seen.append,
            mask=np.full((3, *SIZE), 239, np.uint8),
        )  # fmt: skip
        assert np.array_equal(again.frames, without)
        assert seen[0].notes == (COVERS_ALL,)
        assert not np.array_equal(made(clip, disc(), **changes), without)

    def test_no_spectrum_is_matched_and_it_is_said(self):
        clip, seen = natural(), []
        changes = {"color_weight": 0.2, "spectrum_weight": 0.5}
        (video,) = stst.synthesize(clip, config(**changes), on_event=seen.append, mask=disc())
        assert np.array_equal(video.frames, made(clip, disc(), color_weight=0.2))
        assert any("the spectrum is not matched" in note for note in seen[0].notes)
        terms = [
            event.statistics[0]["unweighted"] for event in seen if isinstance(event, FrameDone)
        ]
        assert all("color" in one and "spectrum" not in one for one in terms if one)
        stst.synthesize(clip, config(**changes), on_event=seen.append)
        assert "spectrum" in seen[-1].statistics[0]["unweighted"]

    def test_it_is_said_too_where_only_some_frames_ask_for_it(self):
        seen = []
        late = config(frames=[{"range": "1:2", "spectrum_weight": 0.5}])
        stst.synthesize(natural(), late, on_event=seen.append, mask=disc())
        assert any("the spectrum is not matched" in note for note in seen[0].notes)

    def test_a_frame_that_is_covered_beside_others_that_are_not(self):
        mask = moving()
        mask[1] = True
        clip = natural()
        result = made(clip, mask)
        assert (result[1] != clip.frames[1]).any(axis=2).mean() > 0.9
        assert np.array_equal(result[2][~mask[2]], clip.frames[2][~mask[2]])

    @pytest.mark.parametrize("empty", [[0], [1], [2], [0, 1], [1, 2], [0, 2]])
    @pytest.mark.parametrize("padding", [0, 1, 2])
    def test_frames_without_a_region_stay_natural_and_cost_nothing(self, empty, padding):
        mask = moving()
        mask[empty] = False
        clip, events = natural(), []
        (video,) = stst.synthesize(
            clip, config(padding_frames=padding), on_event=events.append, mask=mask
        )
        for frame in range(3):
            inside = mask[frame]
            assert np.array_equal(video.frames[frame][~inside], clip.frames[frame][~inside])
        assert np.array_equal(video.frames[empty], clip.frames[empty])
        optimised = {event.frame for event in events if isinstance(event, IterationDone)}
        # padding frame -1 mirrors frame 0, -2 frame 1; the first one only serves as a predecessor
        order = {-1: 0} if padding == 2 else {}
        order |= {frame: frame for frame in range(3)}
        assert optimised == {frame for frame, mirrored in order.items() if mirrored not in empty}
        (started,) = [event for event in events if isinstance(event, RunStarted)]
        assert started.iterations == 3 * len(optimised)
        assert len([event for event in events if isinstance(event, IterationDone)]) == (
            started.iterations
        )
        for event in events:
            if isinstance(event, FrameDone) and event.frame in empty:
                (statistics,) = event.statistics
                assert (statistics["losses"], statistics["iterations"]) == ({}, 0)
                assert statistics["clipped"] == 0
        assert events[-1].progress == 1

    def test_the_mask_of_a_padding_frame_is_that_of_the_mirrored_one(self):
        mask, clip = moving(), natural()
        process = process_of(mask, padding_frames=3)
        seen = {e.frame: e.images[0] for e in process.run() if isinstance(e, FrameDone)}
        # mirrored: -2 is frame 1, -1 is frame 0
        for frame, mirrored in ((-2, 1), (-1, 0), (2, 2)):
            outside = ~mask[mirrored]
            same = (seen[frame] == clip.frames[mirrored]).all(axis=2)
            assert same[outside].all()
            assert not same[~outside].any()
        # the noise before it all, which the first frame's motion follows
        before = process._before_all()[0].permute(1, 2, 0).numpy()
        assert np.array_equal(before[~mask[2]], (clip.frames[2] / np.float32(255))[~mask[2]])
        assert not np.isclose(before[mask[2]], clip.frames[2][mask[2]] / 255).all(axis=1).any()

    def test_previews_are_natural_outside(self):
        clip, run = natural(), process_of(disc()).run(preview_seconds=0)
        events = [event for event in run if isinstance(event, Preview)]
        full = [e for e in events if e.images.shape[1:3] == SIZE]
        assert len(full) == 6
        for event in full:
            assert np.array_equal(event.images[0][~disc()], clip.frames[event.frame][~disc()])

    def test_pixels_that_enter_the_region_do_not_start_from_the_natural_clip(self):
        """What can be named there must not be the start; with one small step it still would be."""
        octaves = [{"exponent": 0, "iterations": 1, "learning_rate": 1e-9}]
        flat = np.full((2, *SIZE, 3), 128, np.uint8)
        mask = np.stack([disc(column=5, radius=4), disc(column=14, radius=4)])
        for start in ("noise", "scrambled"):
            clip = Video(np.concatenate([flat[:1], frames(1)]), FPS)
            changes = {"octaves": octaves, "color_transfer": False, "blend": 1.0, "start": start}
            result = made(clip, mask, padding_frames=0, **changes)
            inside = mask[1] & ~mask[0]
            natural_there, made_there = clip.frames[1][inside], result[1][inside]
            correlation = np.corrcoef(natural_there.ravel(), made_there.ravel())[0, 1]
            assert abs(correlation) < 0.3
            assert made_there.std() > 40, "neither is it the flat frame before"

    def test_pixels_that_enter_the_region_are_followed_by_no_motion(self):
        """The natural frame before must not be what the temporal terms continue."""
        process = process_of(moving(), padding_frames=0)
        previous = process.targets.color
        natural_before = torch.from_numpy(previous[0] / np.float32(255)).permute(2, 0, 1)[None]
        renewed = process._renew(1, natural_before)
        entered = moving()[1] & ~moving()[0]
        same = (renewed == natural_before)[0].numpy()
        assert same[:, ~entered].all()
        assert not same[:, entered].any()

    def test_pixels_that_stay_inside_start_from_the_frame_before(self):
        octaves = [{"exponent": 0, "iterations": 1, "learning_rate": 1e-9}]
        changes = {"octaves": octaves, "color_transfer": False, "blend": 1.0, "padding_frames": 0}
        result = made(natural(2), disc(), **changes)
        assert np.abs(result[1].astype(int) - result[0])[disc()].max() <= 1

    def test_the_first_step_has_the_deviation_of_the_learning_rate_inside(self):
        octaves = [{"exponent": 0, "iterations": 1, "learning_rate": 1e-3}]
        process = process_of(disc(), padding_frames=0, octaves=octaves, color_transfer=False)
        start = process.noise(0, "start").numpy()
        (first, *_) = [event for event in process.run() if isinstance(event, FrameDone)]
        steps = (first.state - start)[0][:, disc()]
        np.testing.assert_allclose(steps.std(axis=1), 1e-3, rtol=0.02)

    def test_statistics_of_the_target_are_those_inside(self):
        """What a target shows outside does not matter (but for the models' view beyond an edge)."""
        inside, deep = disc(radius=5), disc(radius=7.5)
        clip, one = natural(), frames(3, seed=1)
        two = np.where(deep[..., None], one, frames(3, seed=2))
        targets = [
            {role: Video(values, FPS) for role in ("spatial_texture", "temporal_texture", "color")}
            for values in (one, two)
        ]
        changes = {"octaves": [{"exponent": 0, "iterations": 2, "learning_rate": 0.02}]}
        first, second = (made(clip, inside, targets=each, **changes) for each in targets)
        assert np.array_equal(first, second)
        assert not np.array_equal(first, made(clip, inside, **changes))

    def test_a_run_continues_to_the_same_result(self):
        process = process_of(moving(), samples=2)
        whole = [event for event in process.run() if isinstance(event, FrameDone)]
        for cut in whole[:-1]:
            again = process_of(moving(), samples=2)
            rest = again.run(after=cut.frame, state=torch.from_numpy(cut.state))
            *_, last = rest
            assert np.array_equal(last.state, whole[-1].state)

    @pytest.mark.parametrize("radius", [6, 1.5, 0.5], ids=["a third", "2.5 %", "one pixel"])
    def test_clipped_values_are_those_that_were_made(self, radius):
        """As a share of the pixels inside, so that the warning can be reached in a small region."""
        black, mask = Video(np.zeros((2, *SIZE, 3), np.uint8), FPS), disc(radius=radius)
        strong = [{"exponent": 0, "iterations": 3, "learning_rate": 5.0}]
        changes = config(color_transfer=False, octaves=strong)
        events = []
        stst.synthesize(black, changes, on_event=events.append, mask=mask)
        done = [event for event in events if isinstance(event, FrameDone) and event.frame >= 0]
        for event in done:
            inside = event.state[0][:, mask]
            share = ((inside <= 0) | (inside >= 1)).mean()
            assert share > 0.3
            assert event.statistics[0]["clipped"] == pytest.approx(share)
        assert "clipped" in clipping(changes, [event.statistics[0] for event in done])[0]

    def test_frames_that_stay_natural_do_not_dilute_what_was_clipped(self):
        frames = [{"clipped": 0.02, "iterations": 3}, *[{"clipped": 0.0, "iterations": 0}] * 9]
        assert clipping(config(), frames) == ["2.0% of all values were clipped to 0 or 255."]
        assert not clipping(config(), frames[1:])

    def test_an_estimate_where_the_last_frame_stays_natural(self):
        mask = moving()
        mask[2] = False
        assert process_of(mask).estimate().seconds > 0


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("mask", "message"),
        [
            (np.ones((18, 21), bool), r"mask \(an array\) has 18x21 px .* have 18x20 px. Draw it"),
            (np.ones((2, 18, 20), bool), r"has 2 frames, and the clip to be made has 3. Give 1"),
            (np.zeros(SIZE, bool), r"empty: no pixel is inside.* 128 of 255 or more; .* has 0"),
            (np.ones(SIZE, np.uint8), r"is empty: .* the brightest has 1\. Draw what is to"),
            (np.ones(SIZE), r"bool or uint8 .* \(H, W\) or \(T, H, W\); found float64 \(18, 20\)"),
            (np.ones((1, *SIZE, 3), bool), r"found bool \(1, 18, 20, 3\)"),
            (np.ones((0, *SIZE), bool), r"found bool \(0, 18, 20\)"),
            ([[True]], r"mask: expected a stst\.Video, or an array .* found list"),
        ],
    )  # fmt: skip
    def test_masks(self, mask, message):
        with pytest.raises(InputError, match=message):
            made(natural(), mask)

    def test_a_natural_clip_that_no_term_uses_has_to_agree(self):
        """Without a mask it need not: it does not appear in the result."""
        other = natural(3, 18, 22)
        targets = {"spatial_texture": other, "temporal_texture": other}
        assert made(natural(), targets=targets).shape == (3, 18, 22, 3)
        with pytest.raises(InputError, match=r"targets disagree in size .*: natural .* has 18x20"):
            made(natural(), disc(), targets=targets)

    def test_a_path_in_the_config(self):
        with pytest.raises(InputError, match=r"config\.mask applies to files.*mask=array"):
            made(natural(), disc(), mask="m.png")


def test_regions_hold_frames_of_one_mask_for_all():
    clip = frames(3)
    mask = np.where(disc(), 255, 0).astype(np.uint8)[None, ..., None].repeat(3, 3)
    regions = Regions(clip, mask)
    assert regions.pixels == [disc().sum()]
    assert not regions.whole
    assert np.array_equal(regions.inside(2), disc())
    assert not regions.find_entered(0, 2).any()
    found = regions.at(2, CPU)
    np.testing.assert_allclose(found.natural[0].permute(1, 2, 0), clip[2] / 255, atol=1e-6)
