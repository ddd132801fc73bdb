from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from small_runs import (
    FPS,
    SMALL,
    clip,
    config,
    frames,
    process,
    recorded,
    refused,
    stst,
    synthesize,
)
from stst.runs.job import Job
from stst.utils.files import write_whole
from stst.video import read_video, write_video
from stst.video.formats.pictures import RATE_FILE


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with natural.npz; no weights anywhere."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "natural.npz")
    for name in ("STST_WEIGHTS_DIR", "STST_CACHE_DIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


def entries(folder):
    return sorted(entry.name for entry in folder.iterdir())


class TestResult:
    def test_quick_frames_do_not_fill_a_log(self, here, monkeypatch):
        monkeypatch.setattr("stst_cli.shared.following._QUIET", 1000.0)
        shown = synthesize("natural.npz", "-o", "out.mkv")
        lines = [line.split(" done")[0] for line in shown.stderr.splitlines()]
        assert lines[:2] == ["frame 1/3", "frame 3/3"]

    def test_lines(self, here, monkeypatch):
        monkeypatch.setattr("stst_cli.shared.following._QUIET", 0.0)
        shown = synthesize("natural.npz", "-o", "out.mkv")
        assert shown.exit_code == 0
        assert shown.stdout.splitlines() == [
            "master:   out.mkv", "preview:  out.preview.mp4", "sidecar:  out.json",
        ]  # fmt: skip
        progress = shown.stderr.splitlines()
        assert [line.split(" done")[0] for line in progress[:3]] == [
            "frame 1/3", "frame 2/3", "frame 3/3",
        ]  # fmt: skip
        assert all("spatial" in line and "left" in line for line in progress[:3])
        assert progress[-1].startswith("done in 0:00:")
        assert len(read_video("out.mkv")) == 3

    @pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
    def test_names_that_are_no_text(self, here):
        natural, output = os.fsdecode(b"\xff.npz"), os.fsdecode(b"\xfe.npy")
        os.rename("natural.npz", natural)
        assert "\n" in synthesize(natural, "-o", output, "--dry-run").stdout
        assert synthesize(natural, "-o", output).exit_code == 0
        assert recorded(here / os.fsdecode(b"\xfe.json"))["inputs"][0]["path"] == natural

    def test_json(self, here):
        shown = synthesize("natural.npz", "-o", "out.mkv", "--json", "--samples", 2, "--seed", 4)
        result = json.loads(shown.stdout)
        assert [sorted(one) for one in result["outputs"]] == [["master", "preview", "sidecar"]] * 2
        assert [one["master"] for one in result["outputs"]] == ["out_seed4.mkv", "out_seed5.mkv"]
        assert result["seconds"] >= 0
        for one in result["outputs"]:
            for path in one.values():
                assert (here / path).is_file()
        assert "out.mkv" not in entries(here)

    def test_the_same_seed_the_same_bytes(self, here):
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            assert synthesize("natural.npz", "-o", f"{name}.mkv", "--seed", seed).exit_code == 0
        a, b, c = ((here / f"{name}.mkv").read_bytes() for name in "abc")
        assert a == b != c

    def test_the_command_line_and_python_agree(self, here):
        synthesize("natural.npz", "-o", "out.npy", "--seed", 3, "--set", "blend=0.5")
        list(Job(here / "natural.npz", "python.npy", config(seed=3, blend=0.5)).run())
        assert np.array_equal(np.load("out.npy"), np.load("python.npy"))

    @pytest.mark.parametrize("name", ["out.mkv", "out.npy", "out.npz", "out/", "out.v1/"])
    def test_every_kind_of_master(self, here, name):
        assert synthesize("natural.npz", "-o", name).exit_code == 0
        assert len(read_video(name)) == 3

    def test_options(self, here):
        (here / "own.toml").write_text("blend = 0.5\nseed = 8\n")
        words = (
            "--config",
            "own.toml",
            "--frames",
            "1:",
            "--max-side",
            14,
            "--precision",
            "bf16",
            "--grey",
        )
        assert synthesize("natural.npz", "-o", "out.npy", *words).exit_code == 0
        made = recorded(here / "out.json")["config"]
        assert (made["blend"], made["seed"], made["precision"]) == (0.5, 8, "bf16")
        assert made["input"] == {"frames": "1:", "max_side": 14, "grey": True}
        assert np.load("out.npy").shape == (2, 12, 14, 3)

    def test_on_a_terminal(self, here, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setattr("rich.console.Console.is_terminal", True)
        octaves = [{"exponent": o, "iterations": 1, "learning_rate": 0.1} for o in (-5, 0)]
        words = ("--set", "octaves=" + json.dumps(octaves).replace('":', '"='))
        shown = synthesize("natural.npz", "-o", "a.npy", *words, "--set", "small_octaves=skip")
        assert shown.exit_code == 0
        assert "Note: octave -5 is 2x2 px (height x width)" in " ".join(shown.stderr.split())
        assert "done" in shown.stderr
        assert shown.stdout.startswith("master:   a.npy\n"), "the bar is on stderr"


class TestInputs:
    @pytest.mark.parametrize("size", [(17, 21), (18, 21), (17, 20)])
    def test_odd_sizes(self, here, size):
        clip(here / "odd.mkv", 2, *size)
        assert synthesize("odd.mkv", "-o", "out.mkv").exit_code == 0
        assert read_video("out.mkv").frames.shape == (2, *size, 3)

    def test_grey(self, here):
        (here / "grey").mkdir()
        for number, frame in enumerate(frames(2)):
            cv2.imwrite(str(here / f"grey/{number}.png"), frame[..., 0])
        (here / "grey" / RATE_FILE).write_text('{"fps": "25"}')
        np.savez(here / "grey.npz", frames=frames(2)[..., 0], fps=[25, 1])
        for name in ("grey", "grey.npz"):
            assert synthesize(name, "-o", f"{name}.out.npy").exit_code == 0
        assert np.load("grey.out.npy").shape == (2, 18, 20, 3)
        assert np.array_equal(np.load("grey.out.npy"), np.load("grey.npz.out.npy"))

    def damaged(self, here):
        whole = write_video(here / "whole.mp4", frames(9), FPS).path.read_bytes()
        (here / "truncated.mp4").write_bytes(whole[: len(whole) * 2 // 3])
        (here / "text.mp4").write_text("Lorem ipsum dolor sit amet. " * 99)
        (here / "empty.mp4").touch()
        (here / "deep.npy").write_bytes(b"")
        np.save(here / "deep.npy", frames(2).astype(np.uint16))
        np.save(here / "float.npy", frames(2) / 255)
        np.save(here / "bare.npy", frames(2))
        np.savez(here / "objects.npz", frames=np.array([object()]))
        np.savez(here / "flat.npz", frames=frames(2)[0, 0], fps=[25, 1])
        (here / "deep").mkdir()
        (here / "nothing").mkdir()
        for number in range(2):
            cv2.imwrite(str(here / f"deep/{number}.png"), np.full((18, 20, 3), 999, np.uint16))

    @pytest.mark.parametrize(
        ("name", "parts"),
        [
            ("truncated.mp4", []),
            ("text.mp4", ["is not a video"]),
            ("empty.mp4", ["is empty (0 bytes)"]),
            ("missing.mp4", ["does not exist"]),
            ("deep.npy", ["uint16", "--bits 8"]),
            ("deep/", ["16 bit", "8"]),
            ("float.npy", ["float64", "uint8"]),
            ("bare.npy", ["no frame rate"]),
            ("objects.npz", []),
            ("flat.npz", ["(T, H, W, 3)"]),
            ("nothing", ["without pictures"]),
            ("own.toml", [".mp4", ".npy", "folders"]),
        ],
    )
    def test_damage(self, here, name, parts):
        self.damaged(here)
        (here / "own.toml").touch()
        before = entries(here)
        refused(synthesize(name, "-o", "out.mkv"), name.rstrip("/"), *parts)
        assert entries(here) == before

    def test_one_frame(self, here):
        clip(here / "one.npz", 1)
        line = refused(synthesize("one.npz", "-o", "out.mkv"), "the clip has 1 frame")
        hint = shlex.split(line.split("turn them off: ")[1].rstrip("."))
        assert synthesize("one.npz", "-o", "out.npy", *hint).exit_code == 0
        assert len(np.load("out.npy")) == 1

    @pytest.mark.parametrize(
        ("words", "parts"),
        [
            (["--frames", "5:9"], ["--frames 5:9", "natural.npz", "3 frames (0:3)"]),
            (["--frames", "1"], ["input.frames: expected A:B", "found '1'"]),
            (["--frames", "2:1"], ["input.frames", "B must be greater than A"]),
            (["--max-side", "0"], ["input.max_side", "greater than or equal to 1", "found 0"]),
            (["--max-side", "8"], ["octave -1 is 4x5 px", "at least 8 px", "these have 7"]),
        ],
    )
    def test_ranges_and_sizes(self, here, words, parts):
        refused(synthesize("natural.npz", "-o", "out.mkv", *words), *parts)


class TestTargets:
    TERMS = ("spatial_texture", "spatial_content", "temporal_texture", "temporal_content")
    ALL = ("--set", "spatial.content_weight=1", "--set", "temporal.content_weight=1")

    def targets(self, here, **odd_one):
        """Four targets; `odd_one` is how that of temporal_content differs."""
        words = []
        for number, term in enumerate(self.TERMS):
            path = here / f"{term}.npz"
            clip(path, seed=number, **(odd_one if term == "temporal_content" else {}))
            words += ["--target", f"{term}={path.name}"]
        return [*words, *self.ALL]

    def test_four(self, here):
        assert synthesize("natural.npz", "-o", "out.npy", *self.targets(here)).exit_code == 0
        content = recorded(here / "out.json")
        assert [one["role"] for one in content["inputs"]] == ["natural", *self.TERMS]
        assert content["config"]["targets"] == {term: f"{term}.npz" for term in self.TERMS}
        assert set(content["per_frame"][0]["losses"]) == {*self.TERMS, "total_variation"}
        remade = stst(
            "remake", "out.json", "-o", "again.npy",
            "--trust-model", "tiny_model:spatial", "--trust-model", "tiny_model:temporal",
        )  # fmt: skip
        assert remade.exit_code == 0
        assert (here / "again.npy").read_bytes() == (here / "out.npy").read_bytes()

    @pytest.mark.parametrize(
        ("odd_one", "parts"),
        [
            ({"height": 22}, ["size (height x width)", "22x20", "18x20"]),
            ({"count": 4}, ["number of frames", "has 4", "has 3"]),
            ({"fps": FPS * 2}, ["frame rate", "60000/1001", "30000/1001"]),
        ],
    )
    def test_they_must_agree(self, here, odd_one, parts):
        words = self.targets(here, **odd_one)
        shown = synthesize("natural.npz", "-o", "out.npy", *words)
        refused(shown, "the targets disagree", "temporal_content (temporal_content.npz)", *parts)
        assert "out.run" not in entries(here)

    @pytest.mark.parametrize(
        ("target", "parts"),
        [
            (
                "spatial_content=natural.npz",
                ["target spatial_content: ", "weight 0", "--set spati"],
            ),
            ("color", ["--target: expected NAME=VALUE, found 'color'"]),
            ("color=", ["--target: expected NAME=VALUE, found 'color='"]),
            ("=natural.npz", ["--target: expected NAME=VALUE"]),
            (
                "colour=natural.npz",
                ["'targets.colour' (did you mean 'targets.color'?)", "spatial_texture"],
            ),
            ("color=nothing.npz", ["nothing.npz does not exist"]),
        ],
    )
    def test_what_is_refused(self, here, target, parts):
        refused(synthesize("natural.npz", "-o", "out.npy", "--target", target), *parts)

    def test_twice(self, here):
        words = ["--target", "color=natural.npz"] * 2
        shown = synthesize("natural.npz", "-o", "out.npy", *words)
        refused(shown, "--target: color is given twice")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--set", 'spatial.texture_layers=["conv1"]'], ["texture_layers", "'conv1'", "plain"]),
        (["--set", "spatial.texture_layers=[]"], ["spatial.texture_layers is empty", "weight"]),
        (["--set", "octaves.0.iterations=-3"], ["octaves.0.iterations", "found -3", "equal to 1"]),
        (["--set", "octaves.7.iterations=3"], ["octaves.7", "0 to 1"]),
        (["--set", "octave=3"], ["unknown key 'octave' (did you mean 'octaves'?)"]),
        (["--set", "seed"], ["--set: expected KEY=VALUE, found 'seed'"]),
        (["--preset", "fsat"], ["unknown preset 'fsat' (did you mean 'fast'?)", "paper"]),
        (["--model", "papper"], ["--model: unknown model 'papper' (did you mean 'paper'?)"]),
        (["--set", "spatial.model=vgg20"], ["spatial.model: unknown model 'vgg20'", "vgg19"]),
        (["--set", "spatial.model=no_such:f"], ["'no_such:f' cannot be imported", "Python's"]),
        (["--set", "spatial.model=os:getcwd"], ["'os:getcwd'", "torch.nn.Module", "found str"]),
        (["--device", "gpu"], ["device: expected auto, cpu, cuda, cuda:N or mps", "found 'gpu'"]),
        (["--device", "cuda:99"], ["device: 'cuda:99' is not available", "cpu"]),
        (["--device", "cpu", "--precision", "tf32"], ["precision: tf32", "CUDA", "fp32 or bf16"]),
        (["--precision", "fp64"], ["precision: should be 'auto', 'fp32', 'tf32'", "'fp64'"]),
        (["--seed", "-1"], ["seed", "greater than or equal to 0", "found -1"]),
        (["--seed", "one"], ["'--seed': 'one' is not a valid integer"]),
        (["--samples", "0"], ["samples", "found 0"]),
        (["--config", "nothing.toml"], ["nothing.toml: no such config file"]),
        (["--config", "natural.npz"], ["natural.npz: an archive of NumPy arrays; a config"]),
    ],
)  # fmt: skip
def test_what_is_refused(here, words, parts):
    before = entries(here)
    refused(synthesize("natural.npz", "-o", "out.mkv", *words), *parts)
    assert entries(here) == before


class TestOutputs:
    @pytest.mark.parametrize(
        ("name", "parts"),
        [
            ("out.mp4", ["out.mp4", ".mkv, .npy, .npz", "PNG", "found '.mp4'"]),
            ("out", ["found 'no suffix'", "ends in /"]),
            (".", ["names no file"]),
            ("", ["names no file"]),
            ("nothing/out.mkv", ["the folder nothing does not exist. Create it"]),
            ("natural.npz/out.mkv", ["natural.npz is not a folder"]),
            ("natural.npz", ["natural.npz is an input as well"]),
            ("mine/", ["'thesis.tex', which is not a picture", "would be deleted"]),
            ("x" * 300 + ".mkv", ["too long"]),
            ("x" * 240 + ".mkv", ["too long"]),
        ],
    )
    @pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
    def test_what_is_refused(self, here, name, parts, overwrite):
        (here / "mine").mkdir()
        (here / "mine/thesis.tex").touch()
        before, natural = entries(here), (here / "natural.npz").read_bytes()
        line = refused(synthesize("natural.npz", "-o", name, *overwrite))
        assert all(part.lower() in line.lower() for part in parts), line
        assert entries(here) == before
        assert (here / "natural.npz").read_bytes() == natural

    def test_existing_ones(self, here):
        assert synthesize("natural.npz", "-o", "out.mkv").exit_code == 0
        before = (here / "out.mkv").read_bytes()
        words = ("natural.npz", "-o", "out.mkv", "--seed", 3)
        refused(synthesize(*words), "out.mkv exists. Give --overwrite")
        assert (here / "out.mkv").read_bytes() == before
        assert synthesize(*words, "--overwrite").exit_code == 0
        assert (here / "out.mkv").read_bytes() != before
        assert recorded(here / "out.json")["seed"] == 3

    def test_an_existing_sequence_is_replaced_whole(self, here):
        write_video("out/", frames(9), FPS)
        refused(synthesize("natural.npz", "-o", "out/"), "out", "exists", "--overwrite")
        assert synthesize("natural.npz", "-o", "out/", "--overwrite").exit_code == 0
        assert len(read_video("out")) == 3

    def test_no_permission(self, here, monkeypatch):
        (here / "locked").mkdir()
        real = os.access
        monkeypatch.setattr(
            os, "access", lambda path, mode: "locked" not in str(path) and real(path, mode)
        )
        shown = synthesize("natural.npz", "-o", "locked/out.mkv")
        refused(shown, "the folder locked is not writable. Choose another output")

    def test_a_disk_that_is_read_only(self, here, read_only):
        shown = synthesize("natural.npz", "-o", read_only / "out.mkv")
        refused(shown, f"{read_only} is not writable. Choose another output")

    def test_a_folder_that_refuses(self, here):
        if not os.path.exists("/proc/version"):
            pytest.skip("there is no /proc here")
        shown = synthesize("natural.npz", "-o", "/proc/out.mkv")
        refused(shown, "/proc/out.run", "Choose another output")


class TestFullDisk:
    def test_while_frames_are_kept(self, here, small_disk):
        synthesize("natural.npz", "-o", "expected.mkv")
        words = ("natural.npz", "-o", small_disk / "out.mkv")
        shown = synthesize(*words)
        refused_line = shown.stderr.splitlines()[-1]
        assert (shown.exit_code, shown.stdout) == (1, "")
        assert refused_line.startswith("Error: ")
        assert "the disk is full" in refused_line
        assert "kept in" in shown.stderr
        assert "--resume continues it" in shown.stderr
        assert entries(small_disk) == ["out.run"]
        subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
        refused(synthesize(*words), "out.run exists", "--resume")
        assert synthesize(*words, "--resume").exit_code == 0
        assert (small_disk / "out.mkv").read_bytes() == (here / "expected.mkv").read_bytes()
        assert entries(small_disk) == ["out.json", "out.mkv", "out.preview.mp4"]

    @pytest.mark.parametrize("victim", ["out.mkv", "out.preview.mp4", "out.json"])
    def test_while_outputs_are_put_in_place(self, here, monkeypatch, victim):
        synthesize("natural.npz", "-o", "expected.mkv")
        words = ("natural.npz", "-o", "out.mkv")

        def full(number):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        import stst.runs.sidecar
        import stst.video.write

        def failing(path, overwrite=False):
            if path.name == victim:
                patched.setattr(os, "fsync", full)
            return write_whole(path, overwrite)

        with monkeypatch.context() as patched:
            for module in (stst.video.write, stst.runs.sidecar):
                patched.setattr(module, "write_whole", failing)
            shown = synthesize(*words)
        assert shown.exit_code == 1
        assert f"Error: {victim}: the disk is full" in shown.stderr.splitlines()[-1]
        made = ["out.mkv", "out.preview.mp4", "out.json"]
        there = [name for name in entries(here) if name.startswith("out") or "part" in name]
        assert there == sorted([*made[: made.index(victim)], "out.run"])
        assert synthesize(*words, "--resume").exit_code == 0
        assert (here / "out.mkv").read_bytes() == (here / "expected.mkv").read_bytes()
        assert "out.run" not in entries(here)


class TestSmallFrames:
    MODELS = (
        "--set", "spatial.model=tiny_model:large", "--set", "temporal.model=tiny_model:temporal",
        "--set", "padding_frames=1",
    )  # fmt: skip
    PAPER = (
        "--preset", "paper", *MODELS,
        *(word for number in range(3) for word in ("--set", f"octaves.{number}.iterations=1")),
    )  # fmt: skip

    def test_paper_refuses(self, here):
        clip(here / "small.npz", 2, 50, 60)
        shown = stst("synthesize", "small.npz", "-o", "out.mkv", *self.PAPER)
        line = refused(shown, "octave -2 is 22x26 px", "tiny_model:large needs at least 24 px")
        assert "frames of at least 54 px on the short side work, these have 50" in line
        clip(here / "enough.npz", 2, 54, 60)
        assert stst("synthesize", "enough.npz", "-o", "out.npy", *self.PAPER).exit_code == 0

    def test_fast_leaves_out_and_says_so(self, here):
        clip(here / "small.npz", 2, 50, 60)
        words = ["small.npz", "-o", "out.npy", "--preset", "fast", "--precision", "fp32"]
        words += self.MODELS
        plan = json.loads(stst("synthesize", *words, "--dry-run", "--json").stdout)
        assert plan["octaves"] == [[33, 40], [50, 60]]
        (note,) = plan["notes"]
        assert "octave -2 is 22x26 px" in note
        assert f"note        {note}" in stst("synthesize", *words, "--dry-run").stdout
        shown = stst("synthesize", *words)
        assert f"Note: {note}\n" in shown.stderr
        assert note in recorded(here / "out.json")["warnings"]


class TestDryRun:
    WORDS = ("natural.npz", "-o", "out.mkv", "--samples", 2, "--dry-run")

    def test_text(self, here):
        before = entries(here)
        shown = synthesize(*self.WORDS)
        assert (shown.exit_code, shown.stderr) == (0, "")
        lines = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines()[:8])
        assert lines["frames"] == "3 of 18x20 px at 30000/1001 Hz"
        assert lines["padding"] == "1 frames"
        assert lines["octaves"] == "12x13, 18x20 px"
        assert lines["iterations"] == "9 in all"
        assert lines["samples"].startswith("2 side by side on ")
        assert lines["memory"].endswith("GiB")
        assert lines["time"].startswith("about 0:00:")
        assert "output      out_seed1.mkv" in shown.stdout
        assert entries(here) == before

    def test_json(self, here):
        before = entries(here)
        plan = json.loads(synthesize(*self.WORDS, "--json").stdout)
        assert plan["frames"] == 3
        assert plan["size"] == [18, 20]
        assert plan["fps"] == "30000/1001"
        assert plan["padding_frames"] == 1
        assert plan["octaves"] == [[12, 13], [18, 20]]
        assert plan["iterations"] == 9
        assert plan["samples"] == 2
        assert plan["memory_bytes"] > 0
        assert plan["seconds"] >= 0
        assert plan["notes"] == []
        assert [one["master"] for one in plan["outputs"]] == ["out_seed0.mkv", "out_seed1.mkv"]
        assert entries(here) == before

    def test_it_refuses_what_the_run_would_refuse(self, here):
        (here / "out_seed1.mkv").touch()
        refused(synthesize(*self.WORDS), "out_seed1.mkv exists")
        shown = synthesize("natural.npz", "-o", "x.mkv", "--dry-run", "--device", "cuda:99")
        refused(shown, "device")


def test_no_weights(here):
    """Nothing is fetched without being asked for, and the hint works without them."""
    shown = stst("synthesize", "natural.npz", "-o", "out.mkv")
    refused(shown, "STST_WEIGHTS_DIR", "--model builtin", ".h5")
    assert entries(here) == ["STST_CACHE_DIR", "STST_WEIGHTS_DIR", "natural.npz"]
    assert entries(here / "STST_CACHE_DIR") == []
    clip(here / "larger.npz", 2, 64, 64)
    words = ["--model", "builtin", "--set", "octaves.0.iterations=1", "--dry-run"]
    words += ["--set", "octaves.1.iterations=1"]
    shown = stst("synthesize", "larger.npz", "-o", "out.mkv", *words)
    assert shown.exit_code == 0, shown.stderr


def test_divergence(here):
    words = ("--set", "spatial.model=tiny_model:diverging")
    shown = synthesize("natural.npz", "-o", "out.mkv", *words)
    assert shown.exit_code == 1
    assert shown.stdout == ""
    assert shown.stderr.splitlines()[-1].startswith(
        "Error: the run diverged at frame 1, octave -1, iteration 0: spatial_texture of sample 0"
    )
    assert "out.mkv" not in entries(here)


def test_out_of_memory(here):
    words = ("--set", "spatial.model=tiny_model:exhausted")
    shown = synthesize("natural.npz", "-o", "out.mkv", *words)
    assert shown.exit_code == 1
    last = shown.stderr.splitlines()[-1]
    assert last.startswith("Error: out of memory on cpu. It was enough before")
    assert "out.mkv" not in entries(here)


class TestInterruption:
    """Signals are real: the model sends them to its own process at a certain step."""

    def test_a_process_that_is_interrupted(self, here):
        words = ["synthesize", "natural.npz", "-o", "out.mkv", *SMALL]
        handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
        first = process(*words, folder=here, TINY_SIGNAL="SIGINT:6")
        assert first.returncode == 130, first.stderr
        assert first.stdout == ""
        assert "Traceback" not in first.stderr
        assert "Stopping after this step" in first.stderr
        *_, said, resume = first.stderr.splitlines()
        assert said == "Interrupted. What is finished is kept in out.run. Continue with:"
        assert [name for name in entries(here) if "out" in name] == ["out.run"]
        program, *command = shlex.split(resume)
        assert (program, command[-1]) == ("python", "--resume")
        assert command[2:-1] == words
        # the line can be pasted as it is
        assert command[:2] == ["-m", "stst_cli"]
        second = stst(*command[2:])
        assert second.exit_code == 0, second.stderr
        assert "frame 1/3" not in second.stderr, "what was finished is not made again"
        list(Job(here / "natural.npz", "whole.mkv", config(), threads=1).run())
        assert (here / "out.mkv").read_bytes() == (here / "whole.mkv").read_bytes()
        assert "out.run" not in entries(here)
        assert handlers == {one: signal.getsignal(one) for one in handlers}

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
    def test_a_process_that_is_killed(self, here):
        words = ["synthesize", "natural.npz", "-o", "out.mkv", *SMALL]
        killed = process(*words, folder=here, TINY_SIGNAL="SIGKILL:9")
        assert killed.returncode == -signal.SIGKILL
        assert [name for name in entries(here) if "out" in name] == ["out.run"]
        refused(stst(*words), "out.run exists", "--resume")
        resumed = stst(*words, "--resume")
        assert resumed.exit_code == 0, resumed.stderr
        assert "frame 2/3" not in resumed.stderr
        assert recorded(here / "out.json")["environment"]["threads"] == 1
        list(Job(here / "natural.npz", "whole.mkv", config(), threads=1).run())
        assert (here / "out.mkv").read_bytes() == (here / "whole.mkv").read_bytes()

    @pytest.mark.parametrize("signals", ["SIGINT", "SIGTERM", "SIGINT,SIGINT"])
    def test_at_once_or_after_the_step(self, here, monkeypatch, signals):
        monkeypatch.setattr(sys, "argv", ["/usr/bin/stst", "synthesize", "a b.mp4", "--overwrite"])
        monkeypatch.setenv("TINY_SIGNAL", f"{signals}:6")
        words = ("natural.npz", "-o", "out.mkv", "--overwrite")
        shown = synthesize(*words)
        assert shown.exit_code == 130
        assert shown.stderr.splitlines()[-2:] == [
            "Interrupted. What is finished is kept in out.run. Continue with:",
            "  stst synthesize 'a b.mp4' --resume",
        ]
        assert [name for name in entries(here) if "out" in name] == ["out.run"]
        monkeypatch.delenv("TINY_SIGNAL")
        assert synthesize(*words[:-1], "--resume").exit_code == 0
        synthesize("natural.npz", "-o", "whole.mkv")
        assert (here / "out.mkv").read_bytes() == (here / "whole.mkv").read_bytes()

    def test_the_same_command_again_and_again(self, here):
        """As a script on a cluster gives it, which does not know how far it came."""
        words = ("natural.npz", "-o", "out.mkv", "--resume")
        first = synthesize(*words)
        assert first.exit_code == 0
        assert "Note: there is no unfinished run to continue: this one starts" in first.stderr
        before = (here / "out.mkv").stat().st_mtime_ns
        again = synthesize(*words)
        assert (again.exit_code, again.stdout) == (0, first.stdout)
        assert again.stderr == "nothing to do: all are there\n"
        assert (here / "out.mkv").stat().st_mtime_ns == before
        assert json.loads(synthesize(*words, "--json").stdout)["outputs"][0]["master"] == "out.mkv"
        refused(
            synthesize(*words, "--seed", 3), "out.mkv exists", "no unfinished run to continue",
            "config.seed was 0 when it was made and is 3 now", "Give --overwrite",
        )  # fmt: skip

    def test_two_at_once(self, here):
        running = Job(here / "natural.npz", "out.mkv", config()).run()
        next(running)
        words = ("natural.npz", "-o", "out.mkv")
        for more in ((), ("--resume",), ("--overwrite",), ("--dry-run",)):
            refused(synthesize(*words, *more), "out.run is in use: process", "choose another out")
        running.close()

    def test_resuming_with_another_setting(self, here, monkeypatch):
        monkeypatch.setenv("TINY_SIGNAL", "SIGINT:6")
        synthesize("natural.npz", "-o", "out.mkv")
        monkeypatch.delenv("TINY_SIGNAL")
        shown = synthesize("natural.npz", "-o", "out.mkv", "--resume", "--set", "blend=0.1")
        refused(shown, "out.run cannot be continued", "config.blend was 0.95", "is 0.1 now")
