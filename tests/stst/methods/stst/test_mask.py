"""Masks as files: what is read, what is taken of it, and jobs that have one."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import stst
from small_runs import FPS, PYTHONPATH, TRUST, clip, config, frames, recorded
from stst.engine.events import RunFinished, RunStopped
from stst.errors import InputError
from stst.runs.job import Job
from stst.runs.remake import job_of_sidecar
from stst.utils.files import sha256_of
from stst.video import frames_sha256, open_video, read_video, write_preview, write_video

SIZE = (18, 20)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def disc(height=18, width=20, column=9.0) -> np.ndarray:
    """Bool, of a size that goes with the picture's."""
    y, x = np.mgrid[:height, :width]
    return (y - height / 2) ** 2 + (x - column * width / 20) ** 2 < (height / 3) ** 2


def moving(count=3, height=18, width=20) -> np.ndarray:
    return np.stack([disc(height, width, 6 + 3 * frame) for frame in range(count)])


def white(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 255, 0).astype(np.uint8)


def picture(path: Path, mask: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), white(mask))
    return path


def array(path: Path, mask: np.ndarray) -> Path:
    np.save(path, white(mask))
    return path


def halved(mask: np.ndarray) -> np.ndarray:
    """Inside where at least half of the four pixels are."""
    height, width = mask.shape
    return mask.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) >= 0.5


@pytest.fixture
def natural(tmp_path) -> Path:
    return clip(tmp_path / "natural.npz")


def job(natural: Path, mask: Path, name="out.npy", *, resume=False, **changes) -> Job:
    settings = config(mask=str(mask), **changes)
    return Job(natural, str(natural.parent / name), settings, resume=resume, threads=1)


def done(made: Job) -> dict[str, Path]:
    *_, last = made.run()
    assert isinstance(last, RunFinished)
    return last.outputs[0]


def stopped(made: Job, after: int) -> None:
    seen = []
    for event in made.run(stop=lambda: len(seen) > after):
        seen.append(event)
    assert isinstance(seen[-1], RunStopped)


def result(natural: Path, mask: Path, name="out.npy", **changes) -> np.ndarray:
    return read_video(done(job(natural, mask, name, **changes))["master"]).frames


def expected(natural: Path, mask: np.ndarray, frames_=None, max_side=None, **changes):
    video = read_video(natural, frames_, max_side)
    return stst.synthesize(video, config(**changes), mask=mask)[0].frames


class TestKinds:
    def test_pictures(self, natural, tmp_path):
        want = expected(natural, disc())
        color = np.zeros((*SIZE, 3), np.uint8)
        color[disc()] = (239, 255, 247)
        color[~disc()] = (16, 0, 9)
        for name, values in (("a.png", white(disc())), ("b.bmp", color), ("c.tiff", color)):
            assert cv2.imwrite(str(tmp_path / name), values)
            made = result(natural, tmp_path / name, f"{name}.npy")
            assert np.array_equal(made, want), name

    def test_clips(self, natural, tmp_path):
        want = expected(natural, moving())
        colour = white(moving())[..., None].repeat(3, -1)
        write_video(tmp_path / "a.mkv", colour, FPS * 2)
        write_video(f"{tmp_path}/pictures/", colour, FPS)
        (tmp_path / "pictures/video.json").unlink()
        np.savez(tmp_path / "c.npz", frames=white(moving()))
        array(tmp_path / "d.npy", moving())
        for name in ("a.mkv", "pictures", "c.npz", "d.npy"):
            made = result(natural, tmp_path / name, f"made_{name}.npy")
            assert np.array_equal(made, want), name

    def test_a_lossy_clip_is_cut_at_the_middle(self, natural, tmp_path):
        write_preview(tmp_path / "m.mp4", white(moving())[..., None].repeat(3, -1), FPS)
        read = read_video(tmp_path / "m.mp4").frames
        inside = read.mean(axis=3) >= 128
        assert 0 < inside.mean() < 0.6
        assert len(np.unique(read)) > 2
        assert np.array_equal(result(natural, tmp_path / "m.mp4"), expected(natural, inside))

    def test_one_frame_of_a_clip_holds_for_all(self, natural, tmp_path):
        mask = array(tmp_path / "m.npy", disc()[None])
        assert np.array_equal(result(natural, mask), expected(natural, disc()))

    def test_a_picture_is_a_clip_for_nothing_else(self, tmp_path):
        path = picture(tmp_path / "m.png", disc())
        with pytest.raises(
            InputError,
            match=r"m\.png: a PNG picture.*A clip of pictures is",
        ):
            open_video(path)
        with open_video(path, fps=FPS, picture=True) as reader:
            assert reader.shape == (1, 18, 20, 3)
            assert np.array_equal(reader[0][..., 1] > 0, disc())


class TestFramesAndSizes:
    """What `input` takes of the natural clip, it takes of a mask that fits the natural file."""

    @pytest.fixture
    def natural(self, tmp_path) -> Path:
        return clip(tmp_path / "natural.npz", count=5, height=36, width=40)

    WANTED = ({"frames": "1:4"}, {"max_side": 20}, {"frames": "1:4", "max_side": 20})

    @pytest.mark.parametrize("wanted", WANTED)
    @pytest.mark.parametrize("long", [True, False], ids=["long as the file", "long as used"])
    @pytest.mark.parametrize("large", [True, False], ids=["large as the file", "large as used"])
    def test_moving(self, natural, tmp_path, wanted, long, large):
        mask = moving(5, 36, 40)
        used = np.stack([halved(one) for one in mask]) if "max_side" in wanted else mask
        given = mask if large else used
        if "frames" in wanted:
            used = used[1:4]
            given = given if long else given[1:4]
        want = expected(natural, used, wanted.get("frames"), wanted.get("max_side"))
        assert np.array_equal(result(natural, array(tmp_path / "m.npy", given), input=wanted), want)

    @pytest.mark.parametrize("wanted", WANTED)
    def test_fixed(self, natural, tmp_path, wanted):
        mask = disc(36, 40)
        used = mask
        if "max_side" in wanted:
            used = halved(mask)
            assert abs(used.mean() - mask.mean()) < 0.02
        want = expected(natural, used, wanted.get("frames"), wanted.get("max_side"))
        path = picture(tmp_path / "m.png", mask)
        assert np.array_equal(result(natural, path, input=wanted), want)

    @pytest.mark.parametrize(
        ("mask", "wanted", "parts"),
        [
            (disc(18, 20), {}, ["m.npy", "18x20 px", "36x40", "Draw it", "natural.npz"]),
            (disc(36, 41), {"max_side": 20}, ["36x41 px (height x width)", "18x20 px"]),
            (
                moving(4, 36, 40),
                {},
                ["m.npy", "has 4 frames, and the clip to be made has 5", "natural.npz"],
            ),
            (
                moving(2, 36, 40),
                {"frames": "1:4"},
                ["has 2 frames, and the clip to be made has 3. Give 1"],
            ),
            (np.zeros((36, 40), bool), {}, ["m.npy", "is empty", "the brightest has 0", "white"]),
        ],
    )
    def test_what_does_not_fit(self, natural, tmp_path, mask, wanted, parts):
        path = array(tmp_path / "m.npy", mask if mask.ndim == 3 else mask[None])
        with pytest.raises(InputError) as caught:
            next(job(natural, path, input=wanted).run())
        for part in parts:
            assert part in str(caught.value)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["m.npy", "natural.npz"]

    def test_empty_where_it_is_used(self, natural, tmp_path):
        mask = moving(5, 36, 40)
        mask[1:4] = False
        path = array(tmp_path / "m.npy", mask)
        with pytest.raises(InputError, match=r"m\.npy\) is empty"):
            next(job(natural, path, input={"frames": "1:4"}).run())
        made = result(natural, path)
        assert np.array_equal(made[1:4], read_video(natural).frames[1:4])

    @pytest.mark.parametrize(
        ("name", "parts"),
        [
            ("nothing.png", ["nothing.png does not exist"]),
            ("line.npy", ["line.npy: shape (36,) is no clip", "(T, H, W) for grey"]),
            ("deep.png", ["deep.png has 16 bits per channel", "PIL.Image.open("]),
            ("deep.npy", ["deep.npy has 16 bits per channel (uint16)", "numpy.load("]),
            ("text.png", ["text.png is not a readable picture"]),
            ("empty.png", ["empty.png is empty (0 bytes)"]),
            ("clear.png", ["clear.png is partly transparent"]),
            ("m.svg", ["'.svg' is no known kind of clip", ".npy", ".png"]),
        ],
    )
    def test_files_that_are_none(self, natural, tmp_path, name, parts):
        np.save(tmp_path / "line.npy", white(disc(36, 40))[:, 0])
        np.save(tmp_path / "deep.npy", moving(5, 36, 40).astype(np.uint16))
        cv2.imwrite(str(tmp_path / "deep.png"), disc(36, 40).astype(np.uint16) * 65535)
        (tmp_path / "text.png").write_text("Lorem ipsum")
        for empty in ("empty.png", "m.svg"):
            (tmp_path / empty).touch()
        cv2.imwrite(str(tmp_path / "clear.png"), white(disc(36, 40))[..., None].repeat(4, -1))
        with pytest.raises(InputError) as caught:
            next(job(natural, tmp_path / name).run())
        for part in parts:
            assert part in str(caught.value)


def labels(values=(40, 80, 120, 160, 200)) -> np.ndarray:
    """Regions of 10x6 px in a row, (36, 40) uint8."""
    out = np.zeros((36, 40), np.uint8)
    for place, value in enumerate(values):
        out[10:20, 2 + 8 * place : 8 + 8 * place] = value
    return out


def told(path: Path, want: InputError) -> np.ndarray:
    """Do what a refusal says; give what the command in it makes."""
    (command,) = re.findall("`(python .*?)`", str(want))
    program, *words = shlex.split(command)
    assert program == "python"
    env = {**os.environ, "PYTHONPATH": PYTHONPATH}
    subprocess.run([sys.executable, *words], check=True, cwd=path.parent, env=env)
    made = path.with_name(f"{path.stem}_mask.npy")
    assert made.name in str(want)
    return np.load(made)


class TestOtherThanBlackAndWhite:
    """A threshold in silence would take some regions and leave others."""

    @pytest.fixture
    def natural(self, tmp_path) -> Path:
        return clip(tmp_path / "natural.npz", count=2, height=36, width=40)

    def refused(self, natural, path) -> InputError:
        with pytest.raises(InputError) as caught:
            next(job(natural, path).run())
        return caught.value

    def test_an_image_of_labels(self, natural, tmp_path):
        path = tmp_path / "the labels.png"
        cv2.imwrite(str(path), labels())
        said = self.refused(natural, path)
        # 5 regions of 60 pixels in 1440
        assert "in frame 0, 20.8 % of the pixels are neither" in str(said)
        assert "values 40, 80, 120, 160, 200)" in str(said)
        made = told(path, said)
        assert np.array_equal(made, labels()[None] > 0)
        np.save(tmp_path / "m.npy", made)
        got = result(natural, tmp_path / "m.npy")
        assert np.array_equal(got, expected(natural, labels() > 0))

    def test_one_white_region_among_others(self, natural, tmp_path):
        cv2.imwrite(str(tmp_path / "l.png"), labels((0, 255, 0, 0, 120)))
        assert "4.2 % of the pixels are neither (values 120)" in str(
            self.refused(natural, tmp_path / "l.png")
        )

    def test_small_numbers(self, natural, tmp_path):
        path = tmp_path / "l.npy"
        np.save(path, labels((1, 2, 3, 4, 5)))
        said = self.refused(natural, path)
        assert "is empty" in str(said)
        assert "the brightest has 5" in str(said)
        assert np.array_equal(told(path, said), labels()[None] > 0)

    def test_colours(self, natural, tmp_path):
        color = np.zeros((36, 40, 3), np.uint8)
        color[labels() == 80] = (0, 0, 255)
        color[labels() == 200] = 255
        cv2.imwrite(str(tmp_path / "l.bmp"), color)
        said = self.refused(natural, tmp_path / "l.bmp")
        assert "4.2 % of the pixels are neither (values (255, 0, 0))" in str(said)
        made = told(tmp_path / "l.bmp", said)
        assert np.array_equal(made[0], color.any(axis=2))

    def test_more_than_8_bits(self, natural, tmp_path):
        deep = np.where(labels() > 0, labels() + np.uint16(256), np.uint16(0))
        cv2.imwrite(str(tmp_path / "l.png"), deep)
        np.save(tmp_path / "n.npy", deep[None])
        for name in ("l.png", "n.npy"):
            made = told(tmp_path / name, self.refused(natural, tmp_path / name))
            assert np.array_equal(made.reshape(36, 40), labels() > 0)

    def test_one_frame_of_a_clip(self, natural, tmp_path):
        frames_ = np.stack([labels((255, 0, 0, 0, 0)), labels((0, 90, 0, 0, 0))])
        write_video(tmp_path / "l.mkv", frames_[..., None].repeat(3, -1), FPS)
        said = self.refused(natural, tmp_path / "l.mkv")
        assert "in frame 1, 4.2 % of the pixels are neither (values 90)" in str(said)

    def test_a_soft_mask(self, natural, tmp_path):
        ramp = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (36, 1))
        cv2.imwrite(str(tmp_path / "l.png"), ramp)
        said = self.refused(natural, tmp_path / "l.png")
        assert ">= 128 cuts a soft mask in the middle" in str(said)
        assert "more), nor at an edge between both" in str(said)

    def test_edges_are_cut_in_the_middle(self, natural, tmp_path):
        drawn = cv2.GaussianBlur(white(disc(36, 40)), (0, 0), 1)
        assert ((drawn > 16) & (drawn < 239)).sum() > 50
        cv2.imwrite(str(tmp_path / "l.png"), drawn)
        want = expected(natural, drawn >= 128)
        assert np.array_equal(result(natural, tmp_path / "l.png"), want)

    @pytest.mark.parametrize("quality", [30, 50, 75, 90])
    def test_jpeg(self, natural, tmp_path, quality):
        path = tmp_path / "l.jpg"
        cv2.imwrite(str(path), white(disc(36, 40)), [cv2.IMWRITE_JPEG_QUALITY, quality])
        read = cv2.imread(str(path))[..., 0]
        if quality < 90:
            assert ((read > 16) & (read < 239)).any()
        assert np.array_equal(result(natural, path), expected(natural, read >= 128))

    @pytest.mark.parametrize("shape", [(36, 40), (1, 36, 40), (2, 36, 40), (2, 36, 40, 1)])
    def test_truth_values(self, natural, tmp_path, shape):
        inside = np.broadcast_to(
            disc(36, 40)[..., None] if len(shape) == 4 else disc(36, 40), shape
        )
        np.save(tmp_path / "m.npy", inside)
        got = result(natural, tmp_path / "m.npy")
        assert np.array_equal(got, expected(natural, disc(36, 40)))

    def test_in_memory(self, natural):
        video = read_video(natural)
        for given in (labels(), labels()[None].repeat(2, 0), labels((1, 2, 3, 4, 5))):
            with pytest.raises(InputError, match=r"give labels > 0 for all, or labels == 3"):
                stst.synthesize(video, config(), mask=given)
        grey = labels()[None, ..., None].repeat(3, -1)
        with pytest.raises(InputError, match=r"an array\) is not black and white.*labels > 0"):
            stst.synthesize(video, config(), mask=stst.Video(grey, FPS))


@pytest.mark.parametrize("name", ["fixed", "moving"])
class TestJobs:
    @pytest.fixture
    def mask(self, tmp_path, name) -> Path:
        (tmp_path / "masks").mkdir()
        if name == "fixed":
            return picture(tmp_path / "masks/m.png", disc())
        write_video(tmp_path / "masks/m.mkv", white(moving())[..., None].repeat(3, -1), FPS)
        return tmp_path / "masks/m.mkv"

    def test_the_outside_is_natural_in_every_sample(self, natural, mask, name):
        inside = np.broadcast_to(disc() if name == "fixed" else moving(), (3, *SIZE))
        *_, end = job(natural, mask, "out.mkv", samples=2).run()
        before = read_video(natural).frames
        first, second = (read_video(files["master"]).frames for files in end.outputs)
        for made in (first, second):
            same = (made == before).all(axis=3)
            assert same[~inside].all()
            assert not same[inside].all()
        assert not np.array_equal(first, second)

    def test_the_sidecar(self, natural, mask, name):
        files = done(job(natural, mask))
        content = recorded(files["sidecar"])
        assert content["config"]["mask"] == f"masks/{mask.name}"
        first, second = content["inputs"]
        assert (first["role"], second["role"]) == ("natural", "mask")
        assert second["path"] == f"masks/{mask.name}"
        assert second["sha256"] == sha256_of(mask)
        count = 1 if name == "fixed" else 3
        values = white(disc()[None] if name == "fixed" else moving())
        assert second["frames_sha256"] == frames_sha256(values[..., None].repeat(3, -1))
        assert (second["frames"], second["size"]) == ([0, count], [18, 20])
        assert content["warnings"] == []

    def test_resume_gives_the_same_bytes(self, natural, mask, name):
        whole = done(job(natural, mask, "whole.mkv"))["master"].read_bytes()
        for after in (0, 5, 8):
            stopped(job(natural, mask, f"out{after}.mkv"), after)
            again = done(job(natural, mask, f"out{after}.mkv", resume=True))
            assert again["master"].read_bytes() == whole

    def test_another_mask_cannot_be_resumed_with(self, natural, mask, name, tmp_path):
        stopped(job(natural, mask), 5)
        other = picture(tmp_path / "other.png", disc(column=12))
        with pytest.raises(InputError, match=r"config\.mask was 'masks/m\..* is 'other\.png' now"):
            next(job(natural, other, resume=True).run())
        array_ = moving()[::-1]
        if name == "fixed":
            picture(mask, disc(column=12))
        else:
            write_video(mask, white(array_)[..., None].repeat(3, -1), FPS, overwrite=True)
        with pytest.raises(InputError, match=r"continued: the clip m\S* \(mask\) is not the one"):
            next(job(natural, mask, resume=True).run())

    def test_remake(self, natural, mask, name, tmp_path):
        made = done(job(natural, mask, "out.mkv", input={"frames": "0:2"}))
        (tmp_path / "deep").mkdir()

        def remade(output, **inputs):
            return done(
                job_of_sidecar(
                    made["sidecar"], output=str(tmp_path / output), trusted=TRUST[1::2],
                    inputs=inputs,
                )
            )  # fmt: skip

        again = remade("deep/again.mkv")
        assert again["master"].read_bytes() == made["master"].read_bytes()
        assert recorded(again["sidecar"])["config"]["mask"] == f"../masks/{mask.name}"
        moved = mask.rename(tmp_path / f"moved{mask.suffix}")
        with pytest.raises(InputError, match=r"the mask is not at .*: `inputs={'mask': 'PATH'}`"):
            remade("y.mkv")
        again = remade("y.mkv", mask=moved)
        assert again["master"].read_bytes() == made["master"].read_bytes()
        other = picture(tmp_path / "other.png", disc(column=12))
        with pytest.raises(InputError, match=r"not those of the recorded mask .*'mask': 'PATH'"):
            remade("z.mkv", mask=other)


def test_a_mask_that_covers_everything_is_none(natural, tmp_path):
    mask = picture(tmp_path / "m.png", np.ones(SIZE, bool))
    with_it = done(job(natural, mask, "with.mkv"))
    *_, end = Job(natural, str(tmp_path / "without.mkv"), config(), threads=1).run()
    assert with_it["master"].read_bytes() == end.outputs[0]["master"].read_bytes()
    content = recorded(with_it["sidecar"])
    assert content["config"]["mask"] == "m.png"
    assert content["warnings"] == [
        "The mask covers all of every frame: the result is the same as without one."
    ]


def test_a_mask_is_not_overwritten(natural, tmp_path):
    mask = array(tmp_path / "m.npy", moving())
    before = mask.read_bytes()
    with pytest.raises(InputError, match=r"m\.npy is an input as well"):
        next(job(natural, mask, "m.npy").run())
    assert mask.read_bytes() == before


def test_frames_that_stay_natural_are_recorded(natural, tmp_path):
    inside = moving()
    inside[1] = False
    files = done(job(natural, array(tmp_path / "m.npy", inside), "out.npy"))
    made = np.load(files["master"])
    assert np.array_equal(made[1], frames()[1])
    entry = recorded(files["sidecar"])["per_frame"][1]
    assert (entry["losses"], entry["iterations"], entry["clipped"]) == ({}, 0, 0)
    json.dumps(entry, allow_nan=False)
