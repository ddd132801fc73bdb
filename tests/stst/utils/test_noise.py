from __future__ import annotations

import hashlib
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import torch

import small_inversions
import stst
from small_runs import FPS, config, frames
from stst.config import StpsConfig
from stst.engine.process import Prepared
from stst.methods.leaps.prepare import prepare as prepare_inversion
from stst.methods.stps.prepare import prepare as prepare_scrambling
from stst.methods.stst.prepare import prepare
from stst.runs.job import Job
from stst.utils.noise import clip_key, no_clip, noise_of_seeds, normal_noise, uniform_noise
from stst.video import LazyVideo, Video, read_video, write_video
from stst.video.reader import VideoReader

KEYS = ("", "a" * 64, "b" * 64)


def test_noise_depends_on_seed_frame_purpose_and_clip_only():
    first = uniform_noise(7, 3, "blend", (3, 4, 5), "a")
    torch.manual_seed(99)
    torch.rand(10)
    assert torch.equal(first, uniform_noise(7, 3, "blend", (3, 4, 5), "a"))
    others = ((8, 3, "blend", "a"), (7, 4, "blend", "a"), (7, 3, "start", "a"),
              (7, 3, "blend", "b"), (7, 3, "blend", ""))  # fmt: skip
    for seed, frame, purpose, clip in others:
        assert not torch.equal(first, uniform_noise(seed, frame, purpose, (3, 4, 5), clip))


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        ("", [0.655907928943634, 0.1645471453666687, 0.1191520094871521]),
        ("ab12", [0.23141437768936157, 0.8254683613777161, 0.5085135102272034]),
    ],
)
def test_the_first_numbers_never_change(clip, expected):
    # a seed in a methods section must mean the same noise in a year
    found = uniform_noise(0, 0, "start", (3,), clip)
    torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize("draw", [uniform_noise, normal_noise])
def test_the_generator_s_seed_is_a_hash_of_all_of_it(draw):
    digest = hashlib.sha256(b"7/3/blend/ab12").digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    plain = {uniform_noise: torch.rand, normal_noise: torch.randn}[draw]
    expected = plain(2, 3, generator=generator)
    assert torch.equal(draw(7, 3, "blend", (2, 3), "ab12"), expected)


def test_it_is_uniform():
    noise = uniform_noise(1, 0, "start", (3, 200, 200))
    assert 0 <= float(noise.min()) < float(noise.max()) < 1
    assert abs(float(noise.mean()) - 0.5) < 0.005
    assert abs(float(noise.var()) - 1 / 12) < 0.001


@pytest.mark.parametrize("draw", [uniform_noise, normal_noise])
def test_noise_of_different_clips_is_independent(draw):
    """The correlation of independent fields has the deviation 1/sqrt(n)."""
    fields = [draw(5, 0, "start", (3, 100, 100), key).flatten() for key in KEYS]
    for one, other in combinations(fields, 2):
        r = float(torch.corrcoef(torch.stack([one, other]))[0, 1])
        assert abs(r) < 4 / np.sqrt(30_000)


def test_a_sample_has_the_noise_of_its_own_seed():
    many = noise_of_seeds((4, 5, 6), (8, 9), lambda: "a")(2, "blend")
    assert torch.equal(many[1], noise_of_seeds((5,), (8, 9), lambda: "a")(2, "blend")[0])
    assert torch.equal(many[1], uniform_noise(5, 2, "blend", (3, 8, 9), "a"))


def test_gaussian_noise():
    state = torch.get_rng_state()
    noise = normal_noise(7, 0, "clip", (50, 60, 70))
    assert abs(float(noise.mean())) < 0.01
    assert abs(float(noise.std()) - 1) < 0.01
    assert torch.equal(noise, normal_noise(7, 0, "clip", (50, 60, 70)))
    assert not torch.equal(noise, normal_noise(8, 0, "clip", (50, 60, 70)))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_clip_is_hashed_once_and_only_where_its_noise_is_its_own():
    asked = []

    def whose():
        asked.append(1)
        return "a"

    own = clip_key("per_clip", whose)
    assert asked == []
    assert [own(), own()] == ["a", "a"]
    assert asked == [1]
    assert clip_key("shared", whose)() == no_clip() == ""
    assert asked == [1]


# -- what every method draws ---------------------------------------------------------------------


def ready(method: str, clip, **changes) -> Prepared:
    """Prepare a run of a method on a clip; of "class" without one."""
    if method == "stst":
        return prepare({"natural": clip}, config(**changes))
    if method.startswith("stps"):
        made = StpsConfig(mode=method.partition(" ")[2] or "both", device="cpu", **changes)
        return prepare_scrambling({"natural": clip}, made)
    return prepare_inversion({"stimulus": clip}, small_inversions.config(**changes))


def drawn(made: Prepared) -> torch.Tensor:
    """Give the first noise that a run draws, of every sample."""
    process = made.process
    if made.config.method == "stst":
        return torch.cat([process.noise(0, one) for one in ("previous", "start", "blend")])
    if made.config.method == "stps":
        fields = [process._fields(seed) for seed in made.config.seeds]
        parts = [(one.spatial(), one.temporal(), one.spatiotemporal(0, 2)) for one in fields]
        return torch.stack([torch.cat([part.flatten() for part in one]) for one in parts])
    return process._start(process.clip_key)


def shown(seed: int, count: int = 16) -> Video:
    return Video(frames(count, 18, 20, seed), Fraction(10))


METHODS = ("stst", "stps", "leaps")


@pytest.mark.parametrize("method", METHODS)
class TestOfClips:
    def test_one_seed_means_other_noise_for_another_clip(self, method):
        first, second = (drawn(ready(method, shown(seed), seed=3)) for seed in (0, 1))
        assert not torch.equal(first, second)
        assert torch.equal(first, drawn(ready(method, shown(0), seed=3)))

    def test_shared_it_is_the_same(self, method):
        changes = {"seed": 3, "noise": "shared"}
        first, second = (drawn(ready(method, shown(seed), **changes)) for seed in (0, 1))
        assert torch.equal(first, second)
        assert not torch.equal(first, drawn(ready(method, shown(0), seed=3)))

    def test_it_goes_by_the_frames_that_are_used(self, method, tmp_path):
        """Not by the file: neither its path, nor its container, nor what is left out of it."""
        whole = shown(0)
        write_video(tmp_path / "a.mkv", whole.frames, whole.fps)
        write_video(tmp_path / "b.npz", whole.frames, whole.fps)
        write_video(f"{tmp_path}/c/", whole.frames, whole.fps)
        first = drawn(ready(method, whole))
        opened = [LazyVideo(tmp_path / name, fps=10) for name in ("a.mkv", "b.npz", "c")]
        for clip in (*opened, read_video(tmp_path / "a.mkv")):
            assert torch.equal(drawn(ready(method, clip)), first)
        part = LazyVideo(tmp_path / "a.mkv", "1:15")
        length = {"length": 5} if method == "leaps" else {}
        beginning = LazyVideo(tmp_path / "a.mkv", "0:14")
        found, other = (drawn(ready(method, one, **length)) for one in (part, beginning))
        assert found.shape == other.shape
        assert not torch.equal(found, other)

    def test_it_goes_by_the_size_that_is_used(self, method, tmp_path):
        """Two clips that a reduction makes the same are the same."""
        whole = shown(0)
        double = whole.frames.repeat(2, axis=1).repeat(2, axis=2)
        write_video(tmp_path / "double.mkv", double, whole.fps)
        small = LazyVideo(tmp_path / "double.mkv", max_side=20)
        assert torch.equal(drawn(ready(method, small)), drawn(ready(method, whole)))
        smaller = LazyVideo(tmp_path / "double.mkv", max_side=16)
        assert ready(method, smaller).process.clip_key() == smaller.sha256() != small.sha256()

    def test_samples_are_drawn_as_if_alone(self, method):
        many = ready(method, shown(0), seed=3, samples=3)
        alone = ready(method, shown(0), seed=4)
        assert torch.equal(drawn(many)[1], drawn(alone)[0])
        if method != "stps":
            assert torch.equal(drawn(ready(method, shown(0), seed=3, samples=1))[0], drawn(many)[0])

    def test_a_run_from_a_file_and_one_in_memory_make_the_same(self, method, tmp_path):
        whole = shown(0)
        write_video(tmp_path / "a.mkv", whole.frames, whole.fps)
        made = ready(method, whole, seed=3).config
        make = {"stst": stst.synthesize, "stps": stst.scramble, "leaps": stst.leaps}[method]
        part = {"input": {"frames": "1:15"}} if method == "stps" else {}
        asked = type(made).model_validate({**made.model_dump(), **part})
        *_, end = Job(tmp_path / "a.mkv", str(tmp_path / "out.npy"), asked).run()
        clip = read_video(tmp_path / "a.mkv", "1:15" if part else None)
        (video,) = make(clip, made)
        assert np.array_equal(np.load(end.outputs[0]["master"]), video.frames)


@pytest.mark.parametrize("method", ["stst", "leaps"])
def test_groups_of_samples_keep_the_clip(method):
    whole = ready(method, shown(0), seed=3, samples=4)
    part = whole.process.with_seeds((5, 6))
    noise = [
        drawn(Prepared(one, one.config, FPS, (), whole.device, whole.estimate))
        for one in (whole.process, part)
    ]
    picked = noise[0].unflatten(0, (-1, 4))[:, 2:].flatten(0, 1)
    assert torch.equal(noise[1], picked)


@pytest.mark.parametrize("mode", ["both", "spatial", "spatiotemporal", "temporal"])
def test_every_field_of_scrambling_is_the_clip_s_own(mode):
    """By its phases: with the clip of one, another is not scrambled as it is."""
    # of little contrast, so that nothing is clipped
    first, second = (Video(shown(seed, 6).frames // 4 + 96, FPS) for seed in (0, 1))
    made = {}
    for noise in ("per_clip", "shared"):
        settings = StpsConfig(mode=mode, samples=2, noise=noise, color_transfer=False)
        for name, clip in (("first", first), ("second", second)):
            samples = stst.scramble(clip, settings)
            made[noise, name] = turns(np.stack([one.frames for one in samples]), clip.frames, mode)
    # rounding to 8 bits turns a phase a little
    close = np.abs(wrapped(made["shared", "first"] - made["shared", "second"]))
    assert np.median(close) < 0.01
    apart = np.abs(wrapped(made["per_clip", "first"] - made["per_clip", "second"]))
    # differences of independent phases are uniform, a quarter turn in the median; in time there
    # are four of them only
    assert 0.1 < np.median(apart) < 0.4


def turns(made: np.ndarray, natural: np.ndarray, mode: str) -> np.ndarray:
    """Find by how much of a turn phases were moved, at frequencies that have a partner."""
    axes = {"spatial": (-3, -2), "temporal": (-4,)}.get(mode, (-4, -3, -2))
    found = (np.angle(np.fft.fftn(one / 255, axes=axes)) for one in (made, natural))
    difference = np.subtract(*found) / (2 * np.pi)
    inside = tuple(
        slice(1, 3 if axis == -4 else 9) if axis in axes else slice(None) for axis in (-4, -3, -2)
    )
    return difference[:, *inside]


def wrapped(values: np.ndarray) -> np.ndarray:
    return (values + 0.5) % 1 - 0.5


class TestStst:
    def test_every_purpose(self):
        first, second = (ready("stst", shown(seed, 4)).process for seed in (0, 1))
        for purpose in ("previous", "start", "blend", "phases"):
            assert not torch.equal(first.noise(1, purpose), second.noise(1, purpose))

    def test_targets_and_mask_do_not_matter(self):
        """Also where every term has another clip, and the natural one only gives the noise."""
        natural, other = shown(0, 4), shown(1, 4)
        expected = drawn(ready("stst", natural))
        roles = ("spatial_texture", "temporal_texture", "color")
        mask = Video(np.full((1, 18, 20, 3), 255, np.uint8), natural.fps)
        mask.frames[:, :9] = 0
        for clips in (dict.fromkeys(roles, other), {"color": other}, {"mask": mask}):
            found = prepare({"natural": natural, **clips}, config())
            assert torch.equal(drawn(found), expected)
        swapped = prepare({"natural": other, **dict.fromkeys(roles, natural)}, config())
        assert not torch.equal(drawn(swapped), expected)


class TestLeaps:
    def test_without_a_stimulus_it_goes_by_the_class(self):
        def found(**changes):
            return prepare_inversion({}, small_inversions.config(length=5, size="18x20", **changes))

        right = drawn(found(target="right"))
        number = found(target="right").process.objective.target
        assert torch.equal(right, drawn(found(target=str(number))))
        assert not torch.equal(right, drawn(found(target="left")))
        shared = [drawn(found(target=one, noise="shared")) for one in ("right", "left")]
        assert torch.equal(*shared)

    @pytest.mark.parametrize("noise", ["per_clip", "shared"])
    def test_every_step_is_moved_by_the_clip_s_own_draw(self, noise, monkeypatch):
        import stst.methods.leaps.objective as objective

        asked = []
        jittered = objective.jitter_clips
        monkeypatch.setattr(
            objective, "jitter_clips", lambda *words: asked.append(words[-1]) or jittered(*words)
        )
        clip = shown(0)
        stst.leaps(clip, small_inversions.config(samples=2, noise=noise))
        assert asked == [clip.sha256() if noise == "per_clip" else ""] * 10


@pytest.mark.parametrize("method", METHODS)
def test_a_clip_is_decoded_once_for_its_hash(method, tmp_path, monkeypatch):
    whole = shown(0)
    write_video(tmp_path / "a.mkv", whole.frames, whole.fps)
    decoded = []
    original = VideoReader.iter_frames
    monkeypatch.setattr(
        VideoReader, "iter_frames", lambda self, *w: decoded.append(w) or original(self, *w)
    )
    asked = ready(method, whole).config
    job = Job(tmp_path / "a.mkv", str(tmp_path / "out.npy"), asked)
    job.estimate(job.prepared)
    assert decoded == [], "a plan needs no hash"
    list(job.run())
    assert len(decoded) == 1
