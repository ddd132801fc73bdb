from __future__ import annotations

import numpy as np
import pytest
import torch

import tiny_video
from stst.config import LeapsConfig
from stst.inversion.layers import watched
from stst.inversion.models import load_video_model
from stst.inversion.objective import Jittered, LeapsObjective, jittered

ALL = {"priming_weight": 0.3, "coherence_weight": 0.2, "diversity_weight": 0.5, "tv_weight": 2.0}


def drawn(count=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 6, 12, 14, generator=generator)


def objective(stimulus=True, verifier=True, **changes):
    return LeapsObjective(
        LeapsConfig(**{**ALL, **changes}),
        load_video_model("tiny_video:clips", "none"),
        1,
        drawn(1, seed=9) if stimulus else None,
        load_video_model("tiny_video:verifier", "none") if verifier else None,
    )


def test_every_term_against_its_own_computation():
    made, clips = objective(), drawn()
    losses = dict(zip(made.terms, made.judged(clips).losses.T.tolist(), strict=True))
    assert list(losses) == ["class", "priming", "coherence", "diversity", "l2", "tv"]
    module, verifier = made.model.module, made.verifier.module
    with torch.no_grad():
        scores = module(clips)
        inputs = [[module.body[:end](one) for one in (clips, drawn(1, seed=9))] for end in (1, 4)]
    expected = torch.logsumexp(scores, 1) - scores[:, 1]
    assert losses["class"] == pytest.approx(expected.tolist(), rel=1e-5)
    for sample in range(2):
        primed = near = 0.0
        for weight, (own, stimulus) in zip((10, 11), inputs, strict=True):
            difference = own[sample].mean((1, 2, 3)) - stimulus[0].mean((1, 2, 3))
            primed += weight * float(difference.abs().sum())
            values = own[sample].numpy()
            for i in range(values.shape[1]):
                for j in range(i):
                    distance = np.abs(values[:, i] - values[:, j]).sum(0).mean()
                    count = values.shape[1]
                    near += distance / (count - 1) if i == j + 1 else 0
                    others = (count - 1) * (count - 2) / 2
                    near += max(0, 1 - distance) / others if i > j + 1 else 0
        assert losses["priming"][sample] == pytest.approx(0.3 * primed, rel=1e-4)
        assert losses["coherence"][sample] == pytest.approx(0.2 * near, rel=1e-4)
        # the verifier sees the pixels in a normalisation of its own
        mean, std = (
            torch.tensor(one)[:, None, None, None] for one in (made.model.mean, made.model.std)
        )
        with torch.no_grad():
            values = verifier[0]((clips[sample] * std + mean)[None])[0].flatten(1).numpy()
        distance = np.linalg.norm(values.mean(1) - verifier[1].running_mean.numpy())
        distance += np.linalg.norm(values.var(1) - verifier[1].running_var.numpy())
        assert losses["diversity"][sample] == pytest.approx(0.5 * 10 * distance, rel=1e-4)
        norm = np.linalg.norm(clips[sample].numpy().ravel())
        assert losses["l2"][sample] == pytest.approx(0.005 * norm, rel=1e-5)


def test_terms_without_a_use_are_left_out():
    assert objective(stimulus=False).terms == ("class", "coherence", "diversity", "l2", "tv")
    assert objective(verifier=False).terms == ("class", "priming", "coherence", "l2", "tv")
    zero = {f"{name}_weight": 0 for name in ("priming", "coherence", "diversity", "l2", "tv")}
    assert objective(**zero).terms == ("class",)


def test_the_stimulus_itself_is_perfectly_primed():
    for priming in ("difference", "jaccard"):
        made = objective(priming=priming)
        losses = dict(
            zip(made.terms, made.judged(drawn(1, seed=9)).losses[0].tolist(), strict=True)
        )
        assert losses["priming"] == pytest.approx(0, abs=1e-5)


def test_every_term_has_a_gradient():
    clips = drawn().requires_grad_()
    losses = objective().judged(clips).losses
    for column in range(losses.shape[1]):
        (gradient,) = torch.autograd.grad(losses[:, column].sum(), clips, retain_graph=True)
        assert gradient.abs().amax((1, 2, 3, 4)).min() > 0


def test_bfloat16_is_close():
    exact, quick = (objective(precision=one).judged(drawn()).losses for one in ("fp32", "bf16"))
    assert quick.dtype == torch.float32
    torch.testing.assert_close(quick, exact, rtol=0.05, atol=0.02)


class TestJitter:
    def test_the_draw_depends_on_seed_iteration_and_key_alone(self):
        clip = drawn(1)[0]
        same = [jittered(clip, 3, 5, 4, True, "a") for _ in range(2)]
        assert torch.equal(*same)
        found = {jittered(clip, seed, it, 4, True).sum(0)[0, 0, 0].item()
                 for seed in range(4) for it in range(4)}  # fmt: skip
        assert len(found) > 10
        found = {jittered(clip, 3, 5, 4, True, key).sum(0)[0, 0, 0].item() for key in "abcdefgh"}
        assert len(found) > 4

    def test_rolls_by_up_to_so_much_and_mirrors_half(self):
        clip = torch.zeros(1, 1, 20, 21)
        clip[..., 10, 10] = 1
        clip[..., 10, 11] = 2
        shifts, mirrored = set(), 0
        for iteration in range(200):
            moved = jittered(clip, 0, iteration, 3, True)[0, 0]
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
            row = jittered(clip, 0, iteration, 5, False)[0, 0, 0]
            assert ((row[1:] - row[:-1]) % 20 == 1).all()
        assert torch.equal(jittered(clip, 0, 1, 0, False), clip)

    def test_every_sample_has_its_own(self):
        made, clips = objective(samples=2, seed=4), drawn()
        steps = Jittered(made, lambda: "a", first=7)
        first, second = steps(clips), steps(clips)
        for number, losses in ((7, first), (8, second)):
            moved = [jittered(clip, 4 + i, number, 30, True, "a") for i, clip in enumerate(clips)]
            torch.testing.assert_close(losses, made.judged(torch.stack(moved)).losses)
        assert torch.equal(steps.clips, clips)


def test_watching_leaves_gradients_alone():
    model, clips = tiny_video.clips().eval(), drawn().requires_grad_()
    with watched(model, 2, 6):
        (one,) = torch.autograd.grad(model(clips).sum(), clips)
    (other,) = torch.autograd.grad(model(clips).sum(), clips)
    assert torch.equal(one, other)
