from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from small_runs import frames
from stst import Video, read_video
from stst.analysis.measures.judges import load_judge
from stst.analysis.measures.recognition import (
    NAMED,
    TOP,
    Judgement,
    Recognition,
    average_recognition,
    judge_clip,
    nameable,
)
from stst.config.cka import ClassifierSpec
from stst.errors import InputError
from stst.video.samples import sample_path

CPU = torch.device("cpu")
WEIGHTS = "mobilenet_v2_imagenet.safetensors"


def judgement(*rows, clip="natural.npz", judge="m", names=()):
    probabilities = np.array(rows, np.float64)
    count = tuple(range(4, 4 + len(rows)))
    return Judgement(clip, judge, f"{judge} [w]", names, probabilities, count, Fraction(25))


def peaked(number, probability=0.6, count=20):
    """Give one class some probability, and the others the rest in equal parts."""
    values = np.full(count, (1 - probability) / (count - 1))
    values[number] = probability
    return values


def random(seed, count=20):
    return np.random.default_rng(seed).dirichlet(np.ones(count))


class TestMeasures:
    def test_of_the_natural_clip_itself(self):
        natural = judgement(random(0), random(1))
        found = Recognition(natural, natural).summary
        top = np.sort(natural.mean)[::-1]
        assert found["recognition.top10"] == pytest.approx(top[:TOP].sum(), abs=1e-15)
        assert found["recognition.top10"] < 1
        assert (found["recognition.class"], found["recognition.rank"]) == (top[0], 1)
        assert found["recognition.in_top5"] == 1
        assert found["prediction.probability"] == top[0]

    def test_of_a_stimulus(self):
        natural = judgement(np.arange(20, 0, -1) / 210)
        seen = np.arange(1, 21) / 210
        found = Recognition(natural, judgement(seen)).measures(seen)
        assert found == {
            "recognition.top10": pytest.approx(55 / 210),
            "recognition.class": pytest.approx(1 / 210),
            "recognition.rank": 20,
            "recognition.in_top5": 0,
            "recognition.entropy": pytest.approx(-sum(p * np.log2(p) for p in seen)),
            "prediction.class": 19,
            "prediction.probability": pytest.approx(20 / 210),
        }

    @pytest.mark.parametrize("count", [12, 400, 1000])
    def test_entropy(self, count):
        one = judgement(np.full(count, 1 / count))
        uniform = Recognition(one, one).measures(np.full(count, 1 / count))
        assert uniform["recognition.entropy"] == pytest.approx(np.log2(count), rel=1e-12)
        assert uniform["recognition.rank"] == 1
        sure = Recognition(one, one).measures(peaked(3, 1, count))
        assert (sure["recognition.entropy"], sure["recognition.class"]) == (0, 0)

    def test_rank_and_the_first_five(self):
        natural = judgement(peaked(0))
        for better in range(7):
            seen = np.r_[2.0, [3.0] * better, [1.0] * (19 - better)]
            found = Recognition(natural, natural).measures(seen / seen.sum())
            assert found["recognition.rank"] == 1 + better
            assert found["recognition.in_top5"] == (better < 5)

    def test_too_few_classes(self):
        few, enough = (judgement(peaked(0, count=n)) for n in (TOP, TOP + 1))
        assert np.isnan(Recognition(few, few).summary["recognition.top10"])
        assert not np.isnan(Recognition(enough, enough).summary["recognition.top10"])
        assert (
            "it has only 10 classes, too few to sum over 10 of them."
            in Recognition(few, few).verdict()
        )

    def test_of_different_judges(self):
        with pytest.raises(InputError, match=r"s.mkv was judged by x \[w\] and its natural clip"):
            Recognition(judgement(random(0)), judgement(random(0), clip="s.mkv", judge="x"))


class TestRows:
    def test_frames_and_clip(self):
        natural = judgement(random(0))
        stimulus = judgement(random(1), random(2), clip="s.mkv")
        rows = list(Recognition(natural, stimulus).rows())
        assert len(rows) == 3 * 7
        assert {(r["clip"], r["reference"], r["model"]) for r in rows} == {
            ("s.mkv", "natural.npz", "m [w]")
        }
        by_frame = [r for r in rows if r["measure"] == "recognition.top10"]
        assert [(r["frame"], r["time_s"]) for r in by_frame] == [(4, 4 / 25), (5, 5 / 25)]
        own = np.argsort(-random(0))[:10]
        assert [r["value"] for r in by_frame] == [
            pytest.approx(random(seed)[own].sum()) for seed in (1, 2)
        ]
        (whole,) = (r for r in rows if r["measure"] == "recognition.top10.clip")
        assert "frame" not in whole
        assert whole["value"] == pytest.approx(np.mean([r["value"] for r in by_frame]))
        assert {r["unit"] for r in rows if "entropy" in r["measure"]} == {"bit"}

    def test_words(self):
        names = tuple(f"thing {number}" for number in range(20))
        natural = judgement(np.arange(20, 0, -1) / 210, names=names)
        same = Recognition(natural, replace(natural, clip="s.mkv"))
        assert same.verdict() == (
            "s.mkv: m sees thing 0 (p 0.10), in natural.npz thing 0 (p 0.10); it gives the natural "
            "clip's 10 most probable classes 0.74 together (natural: 0.74). thing 0 has rank 1 of "
            "20 (p 0.10); entropy 4.08 of at most 4.32 bits."
        )
        # a texture that happens to be among the ten is no recognition
        texture = judgement(peaked(9), clip="s.mkv", names=names)
        assert (
            ", of which thing 9 has 0.05 in the natural clip. "
            in Recognition(natural, texture).verdict()
        )


class TestNameable:
    def pair(self, first, second, names=("a", "b", "c"), others=("A", "B", "C")):
        return nameable([
            judgement(first, names=names), judgement(second, judge="x", names=others)
        ])  # fmt: skip

    def test_two_that_agree(self):
        found = self.pair([0.1, 0.5, 0.4], [0.2, 0.7, 0.1])
        assert (found.nameable, found.label) == (True, "b")
        assert found.sentence() == (
            "natural.npz is nameable: it is called b by m (p 0.50), B by x (p 0.70)."
        )
        assert [row["value"] for row in found.rows()] == [1]

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ([0.1, 0.5, 0.4], [0.1, 0.4, 0.5]),  # other names
            ([0.3, 0.4, 0.3], [0.35, NAMED, 0.35]),  # the second has another top
            ([0.26, 0.25, 0.25, 0.24], [0.7, 0.1, 0.1, 0.1]),  # the first is not sure
        ],
    )
    def test_two_that_do_not(self, first, second):
        names = tuple("abcd"[: len(first)])
        found = self.pair(first, second, names, names)
        assert (found.nameable, found.label) == (False, None)
        assert found.sentence().startswith("natural.npz is not nameable, and is left out of ")
        assert [row["value"] for row in found.rows()] == [0]

    def test_the_bound_itself_is_not_enough(self):
        bound = [NAMED, *[0.7 / 3] * 3]
        above = [NAMED + 1e-9, *[(0.7 - 1e-9) / 3] * 3]
        names = tuple("abcd")
        assert self.pair(above, above, names, names).nameable
        assert not self.pair(bound, above, names, names).nameable

    def test_one_judge_is_not_enough(self):
        one = judgement(peaked(0, 0.9))
        for judged in ([one], [one, one]):
            found = nameable(judged)
            assert found.nameable is None
            assert found.sentence() == (
                "Whether natural.npz is nameable needs two judges; it is called class 0 by m "
                "(p 0.90)."
            )
            assert np.isnan([row["value"] for row in found.rows()]).all()

    def test_of_one_clip_only(self):
        with pytest.raises(InputError, match="judgements of a, b; expected those of one clip"):
            nameable([judgement(random(0), clip="a"), judgement(random(0), clip="b")])
        with pytest.raises(InputError, match="judgements of no clip"):
            nameable([])


class TestAverage:
    def recognitions(self, clip, number, second, stimuli):
        for judge, top in (("m", number), ("x", second)):
            natural = judgement(peaked(top), clip=clip, judge=judge)
            for place, shown in enumerate(stimuli):
                name = f"{clip}_{place}"
                yield Recognition(natural, judgement(shown, clip=name, judge=judge))

    def test_what_is_not_nameable_is_left_out(self):
        top = 0.6 + 9 * 0.4 / 19
        found = average_recognition([
            *self.recognitions("a", 3, 3, [peaked(3), peaked(15)]),
            *self.recognitions("b", 3, 3, [peaked(15)]),
            *self.recognitions("c", 3, 4, [peaked(3)]),
        ])  # fmt: skip
        assert [(one.judge, one.clips, one.left_out) for one in found] == [
            ("m", ("a", "b"), ("c",)), ("x", ("a", "b"), ("c",)),
        ]  # fmt: skip
        low = 10 * 0.4 / 19
        for one in found:
            assert one.natural == pytest.approx(top)
            assert one.stimuli == pytest.approx(((top + low) / 2 + low) / 2)

    def test_nothing_is_left(self):
        (found,) = average_recognition(
            [one for one in self.recognitions("a", 3, 3, [peaked(3)]) if one.natural.judge == "m"]
        )
        assert (found.clips, found.left_out) == ((), ("a",))
        assert np.isnan([found.natural, found.stimuli]).all()


class TestJudgeClip:
    def test_frame_by_frame(self):
        judge = load_judge(ClassifierSpec("tiny_classifier:judge"), CPU)
        clip, calls = Video(frames(3), Fraction(25)), []
        found = judge_clip("c", clip, judge, calls.append)
        assert (found.probabilities.shape, found.frames, calls) == ((3, 12), (0, 1, 2), [0, 1, 2])
        for row, frame in zip(found.probabilities, clip.frames, strict=True):
            assert (row == judge.probabilities(frame[None])).all()
        # noise is grey on average: level 5.5 of 0 to 11
        assert found.name in ("level 5", "level 6")
        assert found.label(11) == "level 11"

    def test_windows_have_the_number_of_their_last_frame(self, tmp_path):
        judge = load_judge(ClassifierSpec("tiny_classifier:video_judge", window=3), CPU)
        found = judge_clip("c", Video(frames(5), Fraction(25)), judge)
        assert (found.frames, found.name) == ((2, 3, 4), f"class {found.top(1)[0]}")
        with pytest.raises(InputError, match="c: 2 frames are fewer than tiny_classifier:video_ju"):
            judge_clip("c", Video(frames(2), Fraction(25)), judge)


@pytest.mark.golden
def test_a_trained_network_names_the_cat_and_nothing_in_noise():
    if not (Path(os.environ.get("STST_WEIGHTS_DIR", "nowhere")) / WEIGHTS).exists():
        pytest.skip(f"golden: {WEIGHTS} is not here (set STST_WEIGHTS_DIR)")
    half = (0.5,) * 3
    judge = load_judge(ClassifierSpec("mobilenet_v2", WEIGHTS, mean=half, std=half), CPU)
    cat = read_video(sample_path("cat"), "0:3")
    natural = judge_clip("cat", cat, judge)
    assert natural.name in ("Egyptian cat", "tabby", "tiger cat")
    assert natural.probability > NAMED
    own = Recognition(natural, natural).summary["recognition.top10"]
    assert own > 0.9
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, cat.frames.shape, np.uint8)
    found = Recognition(natural, judge_clip("noise", Video(noise, cat.fps), judge))
    assert found.stimulus.name not in ("Egyptian cat", "tabby", "tiger cat", "lynx")
    assert found.summary["recognition.class"] < 0.01
    assert found.summary["recognition.rank"] > 5
    assert found.summary["recognition.top10"] < own / 3
