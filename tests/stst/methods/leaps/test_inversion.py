from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch

import moving_shapes
import stst
from small_inversions import config
from small_runs import frames
from stst.config import InputConfig, LeapsConfig
from stst.engine.events import (
    FrameDone,
    IterationDone,
    Preview,
    RunStarted,
)
from stst.errors import DivergedError, InputError
from stst.methods.leaps.classifiers import load_video_model
from stst.methods.leaps.history import OptimizationHistory
from stst.methods.leaps.inversion import Schedule
from stst.methods.leaps.layers import watch_inputs, with_statistics
from stst.methods.leaps.prepare import prepare
from stst.methods.leaps.terms import diversity, priming_jaccard
from stst.video import Video

CALM = {"iterations": 80, "learning_rate": 0.1, "roll": 0, "flip": False, "verifier": "none"}


def stimulus(count=14, rate=20) -> Video:
    return Video(frames(count, 12, 14, seed=5), Fraction(rate))


def prepared(clip=None, **changes):
    return prepare({} if clip is None else {"stimulus": clip}, config(**changes))


def run(clip=None, checkpoint=None, preview_seconds=None, **changes) -> list:
    return list(prepared(clip, **changes).process.run_clip(checkpoint, preview_seconds))


def pictures(events) -> np.ndarray:
    return np.stack([event.images for event in events if isinstance(event, FrameDone)], axis=1)


def normalized(video: Video) -> torch.Tensor:
    model = load_video_model("tiny_video:clips", "none")
    return model.prepare(video.frames).transpose(0, 1)[None]


def test_events():
    events = run(stimulus(), preview_seconds=0, samples=2, seed=7)
    assert isinstance(events[0], RunStarted)
    assert (events[0].frames, events[0].iterations, events[0].octaves) == (6, 5, ())
    steps = [event for event in events if isinstance(event, IterationDone)]
    assert [step.iteration for step in steps] == [0, 1, 2, 3, 4]
    assert steps[0].sample == (7, 8)
    assert list(steps[0].losses) == ["class", "priming", "coherence", "diversity", "l2"]
    assert len(steps[0].losses["l2"]) == 2
    shown = [event for event in events if isinstance(event, Preview)]
    assert (len(shown), shown[0].images.shape) == (5, (2, 6, 12, 14, 3))
    done = events[-6:]
    assert [event.frame for event in done] == [0, 1, 2, 3, 4, 5]
    assert done[0].images.shape == done[0].others["last"].shape == (2, 12, 14, 3)
    assert set(done[0].statistics[1]) == {
        "losses", "unweighted", "weights", "probability", "verifier_probability",
        "probability_of_last", "luminance", "contrast", "clipped", "iterations", "best_iteration",
    }  # fmt: skip
    for one in done[0].statistics:
        check_record(one)
    progress = [event.progress for event in (*steps, *done)]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    assert not any(isinstance(event, Preview) for event in run())


def test_without_a_stimulus_it_is_not_primed():
    events = run()
    assert list(events[1].losses) == ["class", "coherence", "diversity", "l2"]


@pytest.mark.parametrize("stopped", [1, 2, 3, 4, 5])
def test_continuing_gives_the_same_bytes(stopped):
    whole = pictures(run(stimulus(), samples=2, seed=3))
    begun = prepared(stimulus(), samples=2, seed=3).process
    for event in begun.run_clip():
        if isinstance(event, IterationDone) and event.iteration + 1 == stopped:
            break
    checkpoint = begun.checkpoint()
    assert checkpoint.iteration == stopped
    rest = run(stimulus(), checkpoint, samples=2, seed=3)
    steps = [event.iteration for event in rest if isinstance(event, IterationDone)]
    assert steps == list(range(stopped, 5))
    assert np.array_equal(pictures(rest), whole)


class TestCourse:
    def test_losses_and_probabilities_as_the_steps_saw_them(self):
        made = prepared(stimulus(), samples=2, seed=7)
        events = list(made.process.run_clip())
        steps = [event for event in events if isinstance(event, IterationDone)]
        for sample in range(2):
            course = made.process.course(sample)
            assert course["iteration"] == [0, 1, 2, 3, 4]
            assert set(course["losses"]) == {"class", "priming", "coherence", "diversity", "l2"}
            for term, values in course["losses"].items():
                assert values == pytest.approx([one.losses[term][sample] for one in steps], 1e-5)
            # cross-entropy is the negative logarithm of the class' probability
            logarithms = -np.log(course["probability"]["model"])
            assert course["losses"]["class"] == pytest.approx(logarithms, rel=1e-4)
            verified = [one.probabilities["verifier"][sample] for one in steps]
            assert course["probability"]["verifier"] == pytest.approx(verified, 1e-5)

    def test_the_verifiers_class_is_found_by_its_name(self):
        process = prepared(stimulus(), roll=0, flip=False).process
        step = next(event for event in process.run_clip() if isinstance(event, IterationDone))
        process = prepared(stimulus(), roll=0, flip=False).process
        clip = torch.from_numpy(process.checkpoint().arrays["clips"])
        verifier = process.objective.verifier.module
        with torch.no_grad():  # it has no mean and deviation of its own
            scores = verifier(clip * process.std + process.mean)
        assert verifier.categories[1] == "right"
        assert step.probabilities["verifier"][0] == pytest.approx(float(scores.softmax(1)[0, 1]))

    def test_a_verifier_that_does_not_know_the_class_tells_no_probability(self):
        for changes in ({"verifier": "tiny_video:unnamed_verifier"}, {"target": "left and up"}):
            process = prepared(**changes).process
            assert any("does not know that class" in note for note in process.notes)
            events = list(process.run_clip())
            assert list(process.course(0)["probability"]) == ["model"]
            assert "verifier_probability" not in events[-1].statistics[0]

    def test_a_long_run_keeps_some_of_its_iterations(self):
        course = OptimizationHistory(("class",), ("model",), 1000)
        for iteration in range(1000):
            values = torch.tensor([[1.0 + iteration], [-iteration]])
            course.note(iteration, values, {"model": values[:, 0] / 1000})
        kept = course.of_sample(1)
        assert kept["iteration"][:2] == [0, 6]
        assert kept["iteration"][-1] == 999
        assert len(kept["iteration"]) <= 200
        assert kept["losses"]["class"] == [-one for one in kept["iteration"]]

    @pytest.mark.parametrize("stopped", [1, 3])
    def test_continuing_gives_the_same_course(self, stopped):
        whole = prepared(stimulus(), samples=2).process
        list(whole.run_clip())
        begun = prepared(stimulus(), samples=2).process
        for event in begun.run_clip():
            if isinstance(event, IterationDone) and event.iteration + 1 == stopped:
                break
        rest = prepared(stimulus(), samples=2).process
        list(rest.run_clip(begun.checkpoint()))
        assert rest.course(1) == whole.course(1)


def test_the_stimulus_is_given_as_the_model_sees_it():
    source = stimulus()
    events = run(source, samples=2)
    shown = np.stack([e.others["stimulus"] for e in events if isinstance(e, FrameDone)], axis=1)
    # every second frame, for the model wants 10 of 20 Hz, and has the clip's size already
    assert np.array_equal(shown[0], source.frames[:12:2])
    assert np.array_equal(shown[1], shown[0])
    smaller = run(source, size="8x10")
    assert smaller[-1].others["stimulus"].shape == (1, 8, 10, 3)
    assert set(run()[-1].others) == {"last"}


def test_a_seed_gives_its_clip_and_no_other():
    one, again, other = (pictures(run(seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    state = torch.get_rng_state()
    run()
    assert torch.equal(torch.get_rng_state(), state)


def test_samples_are_the_seeds_alone():
    batch = pictures(run(stimulus(), samples=3, seed=1)).astype(int)
    for index in range(3):
        alone = pictures(run(stimulus(), seed=1 + index)).astype(int)
        # sums in another order
        assert np.abs(batch[index] - alone[0]).max() <= 1


def test_the_best_clip_has_the_lowest_loss():
    def events(**changes):
        process = prepared(iterations=12, roll=0, flip=False, **changes).process
        # one step leads uphill, and there is no time to come back
        process.schedule = lambda iteration: -1.0 if iteration == 8 else 0.02
        return list(process.run_clip())

    losses, best, last = [], None, None
    for event in events():
        if isinstance(event, IterationDone):
            losses.append(float(event.values.sum()))
        elif isinstance(event, FrameDone):
            best, last = event.statistics[0], event.others["last"]
    assert np.argmin(losses) == 8
    assert best["best_iteration"] == 8
    assert sum(best["losses"].values()) == pytest.approx(min(losses), rel=1e-5)
    swapped = events(keep="last")
    assert np.array_equal(swapped[-1].images, last)
    assert swapped[-1].statistics[0]["probability_of_best"] == best["probability"]


def test_the_loss_falls_and_values_stay_valid():
    events = run(iterations=60, learning_rate=0.6)
    losses = [float(e.values[0, 0]) for e in events if isinstance(e, IterationDone)]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:3])
    assert events[-1].statistics[0]["probability"] > 0.8
    process = prepared(iterations=8, learning_rate=50.0).process
    low, high = process.bounds
    torch.testing.assert_close(low.flatten(), torch.tensor([-2.0, -2.0, -2.0]))
    torch.testing.assert_close(high.flatten(), torch.tensor([3.0, 2.0, 4 / 3]))
    list(process.run_clip())
    clips = torch.from_numpy(process.checkpoint().arrays["clips"])
    assert (clips >= low).all()
    assert (clips <= high).all()
    assert ((clips == low) | (clips == high)).double().mean() > 0.3


def test_schedule():
    rates = [Schedule(0.6, 5e-3, 100, 2000)(it) for it in range(2000)]
    assert rates[0] == pytest.approx(0.006)
    assert rates[99] == rates[100] == pytest.approx(0.6)
    assert all(b > a for a, b in pairwise(rates[:100]))
    assert all(b <= a for a, b in pairwise(rates[100:]))
    assert rates[1050] == pytest.approx(0.3)
    assert rates[-1] == 5e-3
    assert rates[500] == pytest.approx(0.3 * (1 + math.cos(math.pi * 400 / 1900)))


def test_nothing_is_above_the_highest_rate():
    rates = [Schedule(1e-3, 5e-3, 10, 100)(it) for it in range(100)]
    assert max(rates) == rates[9] == pytest.approx(1e-3)
    assert rates[0] == pytest.approx(1e-4)
    assert min(rates[10:]) == pytest.approx(1e-3)


def check_record(one) -> None:
    """Losses are what is listed by layer, times the weights of layers and terms."""
    depth = {"priming": lambda index: 1 + 10 / index if index else 10}
    depth["diversity"] = depth["priming"]
    assert set(one["losses"]) == set(one["unweighted"]) == set(one["weights"])
    assert {"class", "priming", "coherence", "diversity", "l2"} <= set(one["losses"])
    for term, by_layer in one["unweighted"].items():
        factor = depth.get(term, lambda index: 1)
        total = sum(factor(index) * loss for index, loss in enumerate(by_layer.values()))
        assert one["losses"][term] == pytest.approx(one["weights"][term] * total, rel=1e-4), term
        assert (len(by_layer) > 1) == (term == "priming"), "the verifier has one such layer"


class TestEveryTermDoesWhatItPromises:
    """With the term and without, everything else the same."""

    def features(self, clip, model="tiny_video:clips"):
        loaded = load_video_model(model, "none")
        values = normalized(clip)
        with torch.no_grad(), watch_inputs(loaded.module, 1, 6) as layers:
            loaded.module(values)
        return layers

    def made(self, clip=None, **changes):
        (made,) = stst.leaps(clip, config(**{**CALM, **changes}))
        return made

    @pytest.mark.parametrize(("priming", "weight"), [("difference", 1.0), ("jaccard", 5.0)])
    def test_priming_brings_mean_features_closer(self, priming, weight):
        clip = stimulus()
        shown = Video(clip.frames[[0, 2, 4, 6, 8, 10]], Fraction(10))
        wanted = [layer.means() for layer in self.features(shown)]

        def distances(weight):
            made = self.made(clip, priming=priming, priming_weight=weight)
            found = [layer.means() for layer in self.features(made)]
            return [float((a - b).norm()) for a, b in zip(found, wanted, strict=True)]

        without, primed = distances(0.0), distances(weight)
        assert all(b < 0.5 * a for a, b in zip(without, primed, strict=True))

    def test_coherence_lowers_the_change_of_features_at_its_published_weight(self):
        """With all terms as they are by default, primed with a clip in which something moves."""
        model = load_video_model("moving_shapes:inverted", "none")
        generator = torch.Generator().manual_seed(1)
        (shown,) = moving_shapes.clips(torch.tensor([1]), generator)
        clip = Video((shown.permute(1, 2, 3, 0) * 255).byte().numpy(), Fraction(25))

        def change(**weights):
            wanted = LeapsConfig(
                model="moving_shapes:inverted", weights="none", target="discs left",
                iterations=25, learning_rate=0.1, roll=0, flip=False, device="cpu", **weights,
            )  # fmt: skip
            (made,) = stst.leaps(clip, wanted)
            values = model.prepare(made.frames).transpose(0, 1)[None]
            with torch.no_grad(), watch_inputs(model.module, 1, len(made.frames)) as layers:
                model.module(values)
            return float(layers[-1].by_frame().diff(dim=1).abs().mean())

        assert change() < 0.85 * change(coherence_weight=0)

    def test_coherence_lowers_the_change_of_features(self):
        def change(weight):
            layers = self.features(self.made(coherence_weight=weight))
            return float(layers[-1].by_frame().diff(dim=1).abs().mean())

        assert change(0.01) < 0.5 * change(0.0)

    def test_jaccard_brings_mean_features_closer_at_its_published_weight(self):
        clip = stimulus()
        shown = Video(clip.frames[[0, 2, 4, 6, 8, 10]], Fraction(10))
        wanted = [layer.means() for layer in self.features(shown)]

        def distance(**weights):
            layers = self.features(self.made(clip, priming="jaccard", **weights))
            return float(priming_jaccard([layer.means() for layer in layers], wanted).total)

        assert distance() < 0.5 * distance(priming_weight=0)

    def test_diversity_brings_statistics_closer_to_the_verifiers(self):
        verifier = load_video_model("tiny_video:verifier", "none")

        def distance(weight):
            made = self.made(verifier="tiny_video:verifier", diversity_weight=weight)
            values = verifier.prepare(made.frames).transpose(0, 1)[None]
            with torch.no_grad(), watch_inputs(verifier.module, 1, 6) as layers:
                verifier.module(values)
            return float(diversity([one for one in layers if with_statistics(one.module)]).total)

        assert distance(1.0) < 0.8 * distance(0.0)

    def test_l2_and_total_variation_make_it_plainer(self):
        def measured(**changes):
            values = normalized(self.made(**changes)).numpy()
            return np.square(values).sum(), np.abs(np.diff(values)).sum()

        plain = measured(l2_weight=0.0)
        assert measured(l2_weight=0.1)[0] < 0.8 * plain[0]
        assert measured(l2_weight=0.0, tv_weight=5.0)[1] < 0.5 * plain[1]

    def test_the_class(self):
        for target in ("left", "right", "left and up"):
            model = load_video_model("tiny_video:clips", "none")
            values = normalized(self.made(target=target))
            with torch.no_grad():
                scores = model.module(values)
            assert model.categories[int(scores.argmax())] == target


class TestStimulus:
    def test_frames_at_the_models_rate(self):
        clip = stimulus(14, 25)  # 10 Hz of 25: every second or third
        process = prepared(clip).process
        shown = Video(clip.frames[[0, 2, 5, 7, 10, 12]], Fraction(10))
        with torch.no_grad(), watch_inputs(process.objective.model.module, 1, 6) as layers:
            process.objective.model.module(normalized(shown))
        for mean, layer in zip(process.objective.primed, layers, strict=True):
            torch.testing.assert_close(mean, layer.means())
        assert any("6 of 14 frames, at 10 Hz of 25 Hz" in note for note in process.notes)

    def test_too_short(self):
        with pytest.raises(InputError) as caught:
            prepared(stimulus(10, 20))
        assert str(caught.value) == (
            "the stimulus has 10 frames at 20 Hz, and 6 frames at 10 Hz need 11 of them. Give a "
            "longer clip, fewer frames (`length`), or a higher rate (`rate=20` takes every frame)."
        )
        assert prepared(stimulus(10, 20), rate=20).fps == 20

    def test_another_size_is_resized_to_the_models(self):
        clip = Video(frames(14, 30, 20), Fraction(20))
        assert prepared(clip).process.size == (12, 14)
        assert prepared(clip, size="16x18").process.size == (16, 18)
        with pytest.raises(InputError, match="target"):
            stst.leaps(clip, config(target=None))

    def test_a_model_that_says_nothing_takes_the_stimulus_as_it_is(self):
        changes = {
            "model": "tiny_video:nameless", "target": "2", "verifier": "none",
            "coherence_weight": 0, "priming_weight": 0,
        }  # fmt: skip
        made = prepared(Video(frames(9, 11, 13), Fraction(24)), **changes)
        assert (made.process.shape, made.fps) == ((9, 11, 13), 24)
        with pytest.raises(
            InputError, match=r"size: tiny_video:nameless does not say.*`size=\"HxW\"`"
        ):
            prepared(**changes)
        assert prepared(**changes, size="10x12").process.shape == (16, 10, 12)


class TestPrepared:
    def test_the_config_is_resolved(self):
        resolved = prepared(target="ri", verifier="auto").config
        assert (resolved.target, resolved.verifier) == ("right", "none")
        assert (resolved.length, resolved.size, resolved.rate) == (6, None, 10)

    @pytest.mark.parametrize(("priming", "weight"), [("difference", 0.01), ("jaccard", 1.0)])
    def test_the_weight_of_priming_goes_with_its_kind(self, priming, weight):
        made = prepared(stimulus(), priming=priming)
        assert made.config.priming_weight == weight
        assert made.process.objective.weights["priming"] == weight
        own = prepared(stimulus(), priming=priming, priming_weight=0.3)
        assert own.config.priming_weight == own.process.objective.weights["priming"] == 0.3
        none = prepared(stimulus(), priming=priming, priming_weight=0)
        assert none.config.priming_weight == 0
        assert "priming" not in none.process.objective.weights

    def test_no_layer_with_time_is_told(self):
        said = "has more than one time step for 2 frames, so coherence compares nothing"
        changes = {"model": "tiny_video:tokens", "target": "b", "verifier": "none", "length": 2}
        assert any(said in note for note in prepared(**changes).process.notes)
        assert not any(
            said in note for note in prepared(**changes, coherence_weight=0).process.notes
        )
        assert not any("compares nothing" in note for note in prepared().process.notes)

    def test_mirroring_is_told(self):
        assert any("`flip=False`" in note for note in prepared().process.notes)
        assert not any("`flip=False`" in note for note in prepared(flip=False).process.notes)

    def test_the_estimate_leaves_the_run_as_it_is(self):
        made = prepared(stimulus(), iterations=5)
        found = made.estimate()
        assert found.seconds > 0
        assert found.memory > 2**20
        whole = [event for event in made.process.run_clip() if isinstance(event, FrameDone)]
        assert np.array_equal(pictures(whole), pictures(run(stimulus())))

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"target": None}, "target: which class is the clip made for"),
            ({"target": "rigth"}, "Did you mean 'right'"),
            ({"target": "l"}, "2 classes of tiny_video:clips begin so: 'left', 'left and up'"),
            ({"verifier": "tiny_video:tokens"}, "`verifier` tiny_video:tokens: has only LayerNorm"),
            ({"verifier": "tiny_video:clips", "verifier_weights": "default"},
             "`verifier` tiny_video:clips: is the very model that is inverted"),
            ({"length": 2}, "cannot take 2 frames of 12x14 px"),
            ({"device": "cuda:99"}, "cuda:99"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, changes, said):
        with pytest.raises(InputError) as caught:
            prepared(**changes)
        assert said in str(caught.value)

    def test_wrong_arguments(self):
        with pytest.raises(InputError, match=r"stimulus is a str; it must be a stst\.Video"):
            stst.leaps("clip.mkv", config())
        with pytest.raises(InputError, match=r"config is a str; it must be a stst\.LeapsConfig"):
            stst.leaps(None, "leaps")
        with pytest.raises(InputError, match=r"config\.input applies to files"):
            stst.leaps(None, LeapsConfig(input=InputConfig(max_side=9)))

    def test_divergence_is_named(self):
        with pytest.raises(DivergedError, match="the run diverged at iteration 0: "):
            run(l2_weight=1e39)


def test_transformers():
    changes = {"model": "tiny_video:tokens", "target": "b", "verifier": "none", "iterations": 40}
    events = run(**changes, learning_rate=0.3, coherence_weight=0.01)
    assert events[-1].statistics[0]["probability"] > 0.5
    assert events[1].losses["coherence"][0] > 0
    clip = Video(frames(4, 8, 8), Fraction(15))
    assert run(clip, **changes)[1].losses["priming"][0] > 0
