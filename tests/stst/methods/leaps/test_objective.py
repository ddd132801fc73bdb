from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import moving_shapes
import tiny_video
from stst.config import LeapsConfig
from stst.engine.loop import Adam, optimize
from stst.methods.leaps.classifiers import load_video_model
from stst.methods.leaps.layers import watch_inputs
from stst.methods.leaps.objective import Jittered, LeapsObjective, jitter_clips
from stst.utils.noise import no_clip

ALL = {"priming_weight": 0.3, "coherence_weight": 0.2, "diversity_weight": 0.5, "tv_weight": 2.0}


def drawn(count=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 6, 12, 14, generator=generator)


def objective(stimulus=True, verifier=True, weights=ALL, **changes):
    return LeapsObjective(
        LeapsConfig(**{**weights, **changes}),
        load_video_model("tiny_video:clips", "none"),
        1,
        drawn(1, seed=9) if stimulus else None,
        load_video_model("tiny_video:verifier", "none") if verifier else None,
    )


@pytest.mark.parametrize("priming", ["difference", "jaccard"])
def test_every_term_against_its_own_computation(priming):
    """The equations of the page on this method, literally, with the weights of its table."""
    made, clips = objective(priming=priming, weights={}), drawn()
    losses = dict(zip(made.terms, made.judge(clips).losses.T.tolist(), strict=True))
    assert list(losses) == ["class", "priming", "coherence", "diversity", "l2"]
    module, verifier = made.model.module, made.verifier.module
    with torch.no_grad():
        scores = module(clips)
        z = [module.body[:end](clips).double() for end in (1, 4)]
        z_v = [module.body[:end](drawn(1, seed=9)).double() for end in (1, 4)]
        # the verifier sees the pixels in a normalisation of its own
        mean, std = (
            torch.tensor(x)[:, None, None, None] for x in (made.model.mean, made.model.std)
        )
        z_s = verifier[0](clips * std + mean).double()
    weights = (10, 1 + 10 / 1)
    for b in range(len(clips)):
        assert losses["class"][b] == pytest.approx(
            -math.log(float(scores[b].softmax(0)[made.target])), rel=1e-5
        )
        mu = [layer[b].mean((1, 2, 3)).numpy() for layer in z]
        mu_v = [layer[0].mean((1, 2, 3)).numpy() for layer in z_v]
        if priming == "difference":
            primed = 0.01 * sum(
                w * np.abs(x - v).sum() for w, x, v in zip(weights, mu, mu_v, strict=True)
            )
        else:
            jaccard = [x @ v / (x @ x + v @ v - x @ v) for x, v in zip(mu, mu_v, strict=True)]
            primed = 1 / 2 * sum(w * (1 - j) for w, j in zip(weights, jaccard, strict=True))
        assert losses["priming"][b] == pytest.approx(primed, rel=1e-4)
        last = z[-1][b].numpy()
        frames = range(last.shape[1])
        d = {(i, j): np.abs(last[:, i] - last[:, j]).sum() for i in frames for j in frames}
        coherent = sum(d[i, i + 1] for i in frames[:-1])
        coherent += sum(max(0, 1 - d[i, j]) for i in frames for j in frames if j > i + 1)
        assert losses["coherence"][b] == pytest.approx(1e-4 * coherent, rel=1e-4)
        values, norm = z_s[b].flatten(1).numpy(), verifier[1]
        distance = np.linalg.norm(values.mean(1) - norm.running_mean.numpy())
        distance += np.linalg.norm(values.var(1) - norm.running_var.numpy())
        assert losses["diversity"][b] == pytest.approx(0.1 * 10 * distance, rel=1e-4)
        assert losses["l2"][b] == pytest.approx(
            0.005 * np.sqrt(np.square(clips[b].numpy()).sum()), rel=1e-5
        )


def test_total_variation_against_its_own_computation():
    made, clips = objective(tv_weight=2.0), drawn()
    losses = made.judge(clips).losses[:, made.terms.index("tv")]
    for clip, found in zip(clips.numpy(), losses.tolist(), strict=True):
        total = np.abs(np.diff(clip, axis=2)).sum() + np.abs(np.diff(clip, axis=3)).sum()
        assert found == pytest.approx(2.0 * total / clip.size, rel=1e-5)


class TestSizes:
    """At the published weights no term is nothing beside the others, and none is everything."""

    def sizes(self, made, clips):
        """Give weighted values and norms of their gradients, by term."""
        clips = clips.detach().clone().requires_grad_()
        losses = made.judge(clips).losses
        gradients = [
            torch.autograd.grad(losses[:, column].sum(), clips, retain_graph=True)[0]
            for column in range(losses.shape[1])
        ]
        norms = [float(gradient.norm()) for gradient in gradients]
        values = losses.sum(0).tolist()
        return dict(zip(made.terms, values, strict=True)), dict(zip(made.terms, norms, strict=True))

    def made(self, priming, name, verifier, stimulus):
        # every weight as it is by default
        settings = LeapsConfig(priming=priming, roll=0, flip=False)
        model = load_video_model(name, "none")
        judge = verifier and load_video_model(verifier, "none")
        return LeapsObjective(settings, model, 3, stimulus, judge)

    @pytest.mark.parametrize("steps", [0, 15])
    def test_of_a_small_network(self, steps):
        generator = torch.Generator().manual_seed(1)
        stimulus = moving_shapes.normalized(moving_shapes.clips(torch.tensor([1]), generator))
        norms = {}
        for priming in ("difference", "jaccard"):
            made = self.made(priming, "moving_shapes:inverted", "moving_shapes:judge", stimulus)
            clips = torch.randn(stimulus.shape, generator=torch.Generator().manual_seed(0))
            bounds = (torch.full((3, 1, 1, 1), -2.0), torch.full((3, 1, 1, 1), 2.0))
            for _ in optimize(
                clips, Jittered(made, no_clip), rule=Adam((0.5, 0.9)), iterations=steps,
                learning_rate=lambda _: 0.1, bounds=bounds,
            ):  # fmt: skip
                pass
            values, norms[priming] = self.sizes(made, clips)
            assert set(values) == {"class", "priming", "coherence", "diversity", "l2"}
            assert min(values.values()) > max(values.values()) / 300
        by_difference, by_jaccard = norms["difference"], norms["jaccard"]
        assert max(by_difference.values()) < 40 * min(by_difference.values())
        assert 0.1 < by_difference["coherence"] / by_difference["class"] < 10
        assert 0.1 < by_difference["coherence"] / by_difference["priming"] < 10
        assert 0.05 < by_jaccard["priming"] / by_difference["priming"] < 20

    @pytest.mark.slow
    @pytest.mark.parametrize("priming", ["difference", "jaccard"])
    def test_of_the_default_classifier(self, priming):
        """At its own size, for the sums grow with the number of features."""
        down, across = torch.meshgrid(torch.arange(112), torch.arange(112), indexing="ij")
        pictures = [
            torch.sin((across + 2 * time) / 7) * torch.cos((down + 3 * channel) / 9)
            for channel in range(3) for time in range(16)
        ]  # fmt: skip
        stimulus = torch.stack(pictures).view(1, 3, 16, 112, 112)
        clips = torch.randn(stimulus.shape, generator=torch.Generator().manual_seed(0))
        values, norms = self.sizes(self.made(priming, "r3d_18", None, stimulus), clips.clamp(-2, 2))
        assert set(values) == {"class", "priming", "coherence", "l2"}
        assert max(values.values()) < 20 * min(values.values())
        assert max(norms.values()) < 40 * min(norms.values())
        assert 0.3 < norms["coherence"] / norms["class"] < 3


def test_terms_without_a_use_are_left_out():
    assert objective(stimulus=False).terms == ("class", "coherence", "diversity", "l2", "tv")
    assert objective(verifier=False).terms == ("class", "priming", "coherence", "l2", "tv")
    zero = {f"{name}_weight": 0 for name in ("priming", "coherence", "diversity", "l2", "tv")}
    assert objective(**zero).terms == ("class",)


def test_the_stimulus_itself_is_perfectly_primed():
    for priming in ("difference", "jaccard"):
        made = objective(priming=priming)
        losses = dict(zip(made.terms, made.judge(drawn(1, seed=9)).losses[0].tolist(), strict=True))
        assert losses["priming"] == pytest.approx(0, abs=1e-5)


def test_every_term_has_a_gradient():
    clips = drawn().requires_grad_()
    losses = objective().judge(clips).losses
    for column in range(losses.shape[1]):
        (gradient,) = torch.autograd.grad(losses[:, column].sum(), clips, retain_graph=True)
        assert gradient.abs().amax((1, 2, 3, 4)).min() > 0


def test_bfloat16_is_close():
    exact, quick = (objective(precision=one).judge(drawn()).losses for one in ("fp32", "bf16"))
    assert quick.dtype == torch.float32
    torch.testing.assert_close(quick, exact, rtol=0.05, atol=0.02)


class TestJitter:
    def test_the_draw_depends_on_seed_iteration_and_key_alone(self):
        clip = drawn(1)[0]
        same = [jitter_clips(clip, 3, 5, 4, True, "a") for _ in range(2)]
        assert torch.equal(*same)
        found = {jitter_clips(clip, seed, it, 4, True).sum(0)[0, 0, 0].item()
                 for seed in range(4) for it in range(4)}  # fmt: skip
        assert len(found) > 10
        found = {
            jitter_clips(clip, 3, 5, 4, True, key).sum(0)[0, 0, 0].item() for key in "abcdefgh"
        }
        assert len(found) > 4

    def test_rolls_by_up_to_so_much_and_mirrors_half(self):
        clip = torch.zeros(1, 1, 20, 21)
        clip[..., 10, 10] = 1
        clip[..., 10, 11] = 2
        shifts, mirrored = set(), 0
        for iteration in range(200):
            moved = jitter_clips(clip, 0, iteration, 3, True)[0, 0]
            (down,), (across,) = (one.tolist() for one in torch.where(moved == 1))
            after = torch.where(moved == 2)[1].item()
            mirrored += after < across
            if after > across:
                shifts |= {("down", down - 10), ("across", across - 10)}
        assert shifts == {(axis, step) for axis in ("down", "across") for step in range(-3, 4)}
        assert 80 < mirrored < 120

    def test_never_mirrored_where_not_wanted(self):
        clip = torch.arange(20.0).expand(1, 2, 3, 20)
        for iteration in range(50):
            row = jitter_clips(clip, 0, iteration, 5, False)[0, 0, 0]
            assert ((row[1:] - row[:-1]) % 20 == 1).all()
        assert torch.equal(jitter_clips(clip, 0, 1, 0, False), clip)

    def test_every_sample_has_its_own(self):
        made, clips = objective(samples=2, seed=4), drawn()
        steps = Jittered(made, lambda: "a", first=7)
        first, second = steps(clips), steps(clips)
        for number, losses in ((7, first), (8, second)):
            moved = [
                jitter_clips(clip, 4 + i, number, 30, True, "a") for i, clip in enumerate(clips)
            ]
            torch.testing.assert_close(losses, made.judge(torch.stack(moved)).losses)
        assert torch.equal(steps.clips, clips)


def test_watching_leaves_gradients_alone():
    model, clips = tiny_video.clips().eval(), drawn().requires_grad_()
    with watch_inputs(model, 2, 6):
        (one,) = torch.autograd.grad(model(clips).sum(), clips)
    (other,) = torch.autograd.grad(model(clips).sum(), clips)
    assert torch.equal(one, other)
