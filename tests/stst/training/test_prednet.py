from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from small_runs import clip
from stst.analysis.images import fit_frame
from stst.errors import DivergedError, InputError
from stst.models.prednet import PredNet, load_prednet
from stst.training.job import StepTrained, TrainingDone, TrainingJob, TrainingStopped
from stst.training.prednet import Trainer, TrainingSettings, validate, weigh_errors
from stst.training.sequences import Sequences, load_clip, span, windows
from stst.video import LazyVideo

SMALL = TrainingSettings(
    size=(8, 12), stack=(3, 4, 5), steps=6, batch=2, sequence=3, learning_rate=0.01
)  # fmt: skip
CPU = torch.device("cpu")


def moving(count=12, height=8, width=12) -> np.ndarray:
    """A coloured grating that moves by one pixel per frame."""
    x = np.arange(width) + np.arange(count)[:, None]
    rows = 0.5 + 0.4 * np.sin(2 * np.pi * x[..., None] / 6 + np.array([0, 1, 2]))
    return np.rint(255 * np.broadcast_to(rows[:, None], (count, height, width, 3))).astype(np.uint8)


def trainer(settings=SMALL, frames=None) -> Trainer:
    clips = [moving() if frames is None else frames]
    drawn = Sequences(clips, settings.sequence, settings.skip, settings.flip, settings.seed)
    return Trainer(settings, drawn, CPU)


def weights(one: Trainer) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in one.model.parameters()]


def test_the_loss():
    errors = torch.arange(1.0, 19.0).reshape(2, 3, 3)
    # the first of three times does not count
    assert weigh_errors(errors, "l0").item() == np.mean([4, 7, 13, 16])
    expected = np.mean([4 + 0.5 + 0.6, 7 + 0.8 + 0.9, 13 + 1.4 + 1.5, 16 + 1.7 + 1.8])
    assert weigh_errors(errors, "lall").item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", ["l0", "lall"])
def test_steps_are_those_of_adam_with_a_tenth_of_the_rate_in_the_second_half(loss):
    settings = replace(SMALL, loss=loss, steps=4)
    ours, model = trainer(settings), PredNet(SMALL.stack, 0)
    drawn = Sequences([moving()], 3, 0, False, 0)
    moments = [(torch.zeros_like(one), torch.zeros_like(one)) for one in model.parameters()]
    for step, rate in enumerate((0.01, 0.01, 0.001, 0.001)):
        value = weigh_errors(model.run(drawn.batch(step, 2)).errors, loss)
        gradients = torch.autograd.grad(value, list(model.parameters()))
        assert ours.step() == pytest.approx(value.item(), rel=1e-6)
        for one, (mean, square), gradient in zip(
            model.parameters(), moments, gradients, strict=True
        ):
            mean.mul_(0.9).add_(0.1 * gradient)
            square.mul_(0.999).add_(0.001 * gradient**2)
            unbiased = mean / (1 - 0.9 ** (step + 1))
            scale = (square / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
            one.data -= rate * unbiased / scale
    for one, other in zip(ours.model.parameters(), model.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_loss_falls():
    settings = replace(SMALL, steps=120, sequence=5)
    ours = trainer(settings)
    losses = [ours.step() for _ in range(120)]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])


def test_two_frames_are_enough():
    ours = trainer(replace(SMALL, sequence=2))
    before = ours.model.gates[2].weight.detach().clone()
    ours.step()
    assert not torch.equal(ours.model.gates[2].weight, before)


def test_state_and_back():
    whole, first, second = trainer(), trainer(), trainer()
    for _ in range(6):
        whole.step()
    second.restore(first.state())
    for _ in range(4):
        second.step()
    first.restore(second.state())
    assert first.done == 4
    for _ in range(2):
        first.step()
    for one, other in zip(weights(whole), weights(first), strict=True):
        assert torch.equal(one, other)


def test_a_loss_that_is_not_finite():
    ours = trainer()
    ours.step()
    with torch.no_grad():
        ours.model.ahat[0].bias.fill_(torch.nan)
    with pytest.raises(DivergedError) as caught:
        ours.step()
    assert str(caught.value) == "The loss of step 2 is nan. Train with a smaller `learning_rate`."
    assert ours.done == 1


def test_sequences():
    frames = np.arange(9, dtype=np.uint8)[:, None, None, None].repeat(4, 2).repeat(3, 3)
    frames = frames * 10 + np.arange(4, dtype=np.uint8)[:, None]
    drawn = Sequences([frames[:5], frames[5:], frames], 2, 2, True, 0)
    seen = set()
    for step in range(300):
        batch = (drawn.batch(step, 2) * 255).round()
        assert batch.shape == (2, 2, 3, 1, 4)
        first, second = batch[:, 0, 0, 0], batch[:, 1, 0, 0]
        assert torch.equal(second - first, torch.full((2, 4), 30.0))
        for line in first.tolist():
            start, mirrored = int(min(line)) // 10, line[0] > line[-1]
            assert line == sorted(line, reverse=mirrored)
            seen.add((start, mirrored))
    assert seen == {(start, side) for start in range(6) for side in (False, True)}
    assert torch.equal(
        drawn.batch(7, 2), Sequences([*[frames[:5]], frames[5:], frames], 2, 2, True, 0).batch(7, 2)
    )
    assert not torch.equal(drawn.batch(7, 2), drawn.batch(8, 2))


def test_every_start_is_as_probable():
    frames = [np.full((count, 1, 1, 3), value, np.uint8) for value, count in ((0, 3), (255, 6))]
    drawn = Sequences(frames, 3, 0, False, 1)
    share = np.mean([drawn.batch(step, 8)[:, 0, 0].mean().item() for step in range(200)])
    assert share == pytest.approx(4 / 5, abs=0.03)


def test_windows():
    frames = moving(11)
    assert span(3, 1) == 5
    parts = list(windows(frames, 3, 1))
    assert len(parts) == 2
    expected = torch.from_numpy(frames[5:10:2]).permute(0, 3, 1, 2).float() / 255
    assert torch.equal(parts[1][0], expected)


def test_validation():
    frames, model = moving(9), PredNet(SMALL.stack, 2).requires_grad_(False)
    judged = validate(model, frames, 4)
    values = frames / 255
    assert judged.frames == 6
    changes = [np.mean((values[t] - values[t - 1]) ** 2) for t in (1, 2, 3, 5, 6, 7)]
    assert judged.copy == pytest.approx(np.mean(changes), rel=1e-5)
    squared = []
    for start in (0, 4):
        part = values[start : start + 4].transpose(0, 3, 1, 2)[None]
        clip = torch.from_numpy(part).float()
        squared.append((model.run(clip).prediction - clip)[:, 1:].square().mean().item())
    assert judged.model == pytest.approx(np.mean(squared), rel=1e-5)


@pytest.mark.parametrize("fit", ["stretch", "crop"])
def test_clips_come_to_the_size(tmp_path, fit):
    path = clip(tmp_path / "a.mkv", count=2, height=18, width=20)
    held = load_clip(path, (8, 12), fit, 2)
    assert (held.shape, held.dtype) == ((2, 8, 12, 3), np.uint8)
    exact = fit_frame(LazyVideo(path).frames[1], (8, 12), fit).permute(1, 2, 0).numpy()
    assert np.abs(held[1] / 255 - exact).max() <= 0.5001 / 255


def job(folder: Path, **changes) -> TrainingJob:
    path = folder / "a.mkv"
    if not path.exists():
        clip(path, count=5)
    options = {"device": "cpu", "threads": 1, **changes}
    return TrainingJob([path], folder / "w.safetensors", SMALL, **options)


def test_a_file_of_weights(tmp_path):
    events = list(job(tmp_path).run())
    assert [one.step for one in events[:-1]] == [*range(7)]
    assert all(isinstance(one, StepTrained) for one in events[:-1])
    done = events[-1]
    assert isinstance(done, TrainingDone)
    assert (done.steps, done.loss) == (6, events[-2].loss)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "w.safetensors"]
    model, provenance = load_prednet(done.path)
    assert model.stack == (3, 4, 5)
    training = provenance["training"]
    assert training["config"] == {
        "batch": 2, "fit": "stretch", "flip": False, "learning_rate": 0.01, "loss": "l0",
        "seed": 0, "sequence": 3, "size": [8, 12], "skip": 0, "stack": [3, 4, 5], "steps": 6,
    }  # fmt: skip
    (source,) = training["inputs"]
    assert (source["name"], source["frames"]) == ("a.mkv", 5)
    assert training["environment"]["threads"] == 1
    with safe_open(done.path, "np") as file:
        assert str(tmp_path) not in json.dumps(file.metadata())


def test_what_was_saved_is_continued_after_a_crash(tmp_path):
    run = job(tmp_path, save_seconds=0.0).run()
    for event in run:
        if event.step == 4:
            break
    run.close()  # the state after step 3 is on disk
    steps = [one.step for one in job(tmp_path, resume=True).run() if isinstance(one, StepTrained)]
    assert steps == [3, 4, 5, 6]
    resumed = (tmp_path / "w.safetensors").read_bytes()
    list(job(tmp_path, overwrite=True).run())
    assert (tmp_path / "w.safetensors").read_bytes() == resumed


def test_damaged_states(tmp_path):
    assert isinstance(list(job(tmp_path).run(lambda: True))[-1], TrainingStopped)
    path = tmp_path / "w.run" / "state.npz"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputError, match=r"state.npz is not a whole state.*Start anew"):
        list(job(tmp_path, resume=True).run())


@pytest.mark.slow
def test_a_small_network_beats_copying_on_a_clip_it_never_saw(tmp_path):
    path = Path(__file__).parents[3] / "benchmarks" / "prednet_training.py"
    spec = importlib.util.spec_from_file_location("prednet_training", path)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    judged = benchmark.train(tmp_path).validation
    assert judged.frames == 20
    assert judged.model < 0.7 * judged.copy


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_the_gpu_repeats_itself(tmp_path):
    made = []
    for _ in range(2):
        list(job(tmp_path, device="cuda", overwrite=True).run())
        made.append((tmp_path / "w.safetensors").read_bytes())
    assert made[0] == made[1]
