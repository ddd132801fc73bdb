from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

import stst as package
from patience import patience, wait_for
from small_runs import clip, process, refused, stst
from stst.config import StpsConfig
from stst.runs.folder import RunFolder
from stst.video import GREY_NOTE, read_video, write_video


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "natural.mkv", count=5)
    return tmp_path


def scramble(*words):
    return stst("scramble", "natural.mkv", *words)


def sidecar(path="out.json") -> dict:
    with open(path) as file:
        return json.load(file)


def test_master_preview_and_sidecar(here):
    shown = scramble("-o", "out.mkv", "--seed", "3", "--coherence", "0.25")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.split() == [
        "master:", "out.mkv", "preview:", "out.preview.mp4", "sidecar:", "out.json"
    ]  # fmt: skip
    assert sorted(path.name for path in here.iterdir()) == [
        "natural.mkv", "out.json", "out.mkv", "out.preview.mp4"
    ]  # fmt: skip
    config = StpsConfig(seed=3, coherence=0.25)
    (expected,) = package.scramble(read_video("natural.mkv"), config)
    made = read_video("out.mkv")
    assert np.array_equal(made.frames, expected.frames)
    assert made.fps == expected.fps
    content = sidecar()
    assert (content["method"], content["seed"], content["weights"]) == ("stps", 3, [])
    assert content["config"] == config.model_dump(mode="json", exclude_none=True)
    assert content["environment"]["precision"] == "fp64"
    assert [one["role"] for one in content["inputs"]] == ["natural"]
    assert [set(one) for one in content["per_frame"]] == [
        {"frame", "luminance", "contrast", "clipped", "difference"}
    ] * 5
    assert content["output"]["frames_sha256"] == made.sha256()


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["--mode", "temporal"], "mode", "temporal"),
        (["--coherence", "1"], "coherence", 1.0),
        (["--phase-per-channel"], "phase_per_channel", True),
        (["--no-color-transfer"], "color_transfer", False),
        (["--precision", "fp32"], "precision", "fp32"),
        (["--preset", "stps", "--set", "mode=spatial"], "mode", "spatial"),
        (["--mode", "both", "--set", "mode=spatial"], "mode", "spatial"),
    ],
)
def test_options(words, key, value):
    assert scramble("-o", "out.npy", *words).exit_code == 0
    content = sidecar()
    assert content["config"][key] == value


def test_a_config_file(here):
    (here / "own.toml").write_text('method = "stps"\ncoherence = 0.5\nseed = 9\n')
    assert scramble("-o", "out.npy", "--config", "own.toml", "--seed", "4").exit_code == 0
    assert sidecar()["config"]["coherence"] == 0.5
    assert sidecar()["seed"] == 4


def test_samples_and_remake():
    shown = scramble("-o", "out.mkv", "--samples", "2", "--seed", "5", "--frames", "1:4", "--json")
    outputs = json.loads(shown.stdout)["outputs"]
    assert [one["master"] for one in outputs] == ["out_seed5.mkv", "out_seed6.mkv"]
    for seed in (5, 6):
        again = stst("remake", f"out_seed{seed}.json", "-o", f"again{seed}.mkv")
        assert again.exit_code == 0, again.output
        assert "identical" in again.stderr
        with open(f"again{seed}.mkv", "rb") as one, open(f"out_seed{seed}.mkv", "rb") as other:
            assert one.read() == other.read()


def test_the_dry_run():
    shown = scramble("-o", "out.mkv", "--dry-run")
    assert shown.exit_code == 0
    lines = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines())
    assert lines["frames"] == "5 of 18x20 px at 30000/1001 Hz"
    assert re.fullmatch(r"about \d\.\d\d GiB", lines["memory"])
    assert re.fullmatch(r"about 0:00:\d\d", lines["time"])
    assert "octaves" not in lines
    plan = json.loads(scramble("-o", "out.mkv", "--dry-run", "--json").stdout)
    assert (plan["frames"], plan["iterations"], plan["octaves"]) == (5, 0, [])


def test_clipping_is_warned_of():
    dot = np.zeros((2, 16, 16, 3), np.uint8)
    dot[:, 8, 8] = 255
    write_video("dot.mkv", dot, 30)
    shown = stst("scramble", "dot.mkv", "-o", "out.npy", "--no-color-transfer")
    note, warning = sidecar()["warnings"]
    assert note == GREY_NOTE
    assert re.fullmatch(r"\d\d\.\d% of all values were clipped to 0 or 255\.", warning)
    assert f"Warning: out.npy: {warning}" in shown.stderr.splitlines()


def test_what_could_not_be_scrambled_is_warned_of(here):
    write_video("grey.mkv", np.full((3, 16, 16, 3), 90, np.uint8), 30)
    shown = stst("scramble", "grey.mkv", "-o", "out.npy")
    assert "Warning: out.npy: 3 of 3 frames are those of the natural clip" in shown.stderr
    # of two frames there is one phase in time, and half of the seeds leave it
    clip(here / "two.mkv", count=2)
    words = ("two.mkv", "--mode", "temporal", "--no-color-transfer", "--overwrite")
    warned = []
    for seed in range(8):
        shown = stst("scramble", *words, "-o", "two.npy", "--seed", seed)
        assert shown.exit_code == 0
        same = np.array_equal(np.load("two.npy"), read_video("two.mkv").frames)
        warned.append("2 of 2 frames are those of the natural clip" in shown.stderr)
        assert warned[-1] == same
    assert set(warned) == {True, False}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--coherence", "1.2"], ["coherence", "less than or equal to 1", "1.2"]),
        (["--precision", "tf32"], ["precision", "'fp64' or 'fp32'", "'tf32'"]),
        (["--preset", "fast"], ["--preset fast", "method stst, this is stps", "There are: stps"]),
        (["--set", "octaves.0.iterations=3"], ["unknown key 'octaves'", "coherence"]),
        (["--frames", "4:9"], ["--frames 4:9", "5 frames"]),
        (["--frames", "2:3", "--mode", "temporal"], ["mode", "1 frame"]),
        (["--set", "mode=time"], ["mode", "'temporal'", "'time'"]),
    ],
)
def test_what_is_refused(here, words, parts):
    refused(scramble("-o", "out.mkv", *words), *parts)
    assert [path.name for path in here.iterdir()] == ["natural.mkv"]


def test_a_preset_of_scrambling_is_none_for_synthesis():
    refused(
        stst("synthesize", "natural.mkv", "-o", "out.mkv", "--preset", "stps"),
        "--preset stps", "method stps, this is stst", "fast, paper, quick, reference",
    )  # fmt: skip


def test_existing_outputs_stay():
    assert scramble("-o", "out.mkv").exit_code == 0
    refused(scramble("-o", "out.mkv", "--seed", "1"), "out.mkv exists", "--overwrite")
    assert scramble("-o", "out.mkv", "--seed", "1", "--overwrite").exit_code == 0
    assert sidecar()["seed"] == 1


def test_interrupted_and_continued(here):
    """Ctrl-C in a real process; what it leaves is continued to the same bytes."""
    clip(here / "long.mkv", count=40, height=150, width=160)
    words = ["scramble", "long.mkv", "-o", "out.mkv"]
    command = [sys.executable, "-m", "stst_cli", *words]
    running = subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE, text=True)
    folder = RunFolder(here / "out.run")
    wait_for(lambda: (folder.path / "state.npz").exists() or running.poll() is not None)
    running.send_signal(signal.SIGINT)
    _, shown = running.communicate(timeout=patience(60))
    assert running.returncode == 130, shown
    assert "--resume" in shown.splitlines()[-1]
    assert 0 < folder.checkpoints()[0].count_finished() < 40
    assert not (here / "out.mkv").exists()
    assert process("export", "out.run", "-o", "part.mkv", folder=here).returncode == 0
    refused(stst(*words), "--resume")
    refused(stst(*words, "--resume", "--coherence", "0.5"), "config.coherence was 0.0")
    done = process(*words, "--resume", folder=here)
    assert done.returncode == 0, done.stderr
    assert process("scramble", "long.mkv", "-o", "whole.mkv", folder=here).returncode == 0
    assert (here / "out.mkv").read_bytes() == (here / "whole.mkv").read_bytes()
    part = read_video("part.mkv").frames
    assert np.array_equal(part, read_video("whole.mkv").frames[: len(part)])


def test_what_is_worth_knowing_of_the_clip_is_said_and_kept(here):
    """Pixels that are not square, and a rate that its stamps cannot prove."""
    import av

    with av.open("natural.mkv", "w") as container:
        stream = container.add_stream("libx264", rate=2000)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for place in range(4):
            frame = av.VideoFrame.from_ndarray(
                np.random.default_rng(place).integers(0, 256, (16, 32, 3), dtype=np.uint8)
            )
            frame.pts, frame.time_base = place, Fraction(1, 2000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    shown = scramble("-o", "out.mkv")
    assert shown.exit_code == 0, shown.output
    kept = sidecar()
    for note in (
        "natural: Pixels are 4:3; shown 43x16; not resized.",
        "natural: Time stamps in steps of 1 ms cannot show every frame at 2000 Hz; that rate is "
        "what the header says.",
    ):
        assert note in " ".join(shown.stderr.split())
        assert note in kept["warnings"]
    assert kept["inputs"][0]["pixel_aspect"] == "4/3"
    assert kept["output"]["fps"] == "2000"
    assert read_video("out.mkv").frames.shape == (4, 16, 32, 3)


@pytest.mark.parametrize("words", [["--seed", "7.0"], ["--set", "seed=7.0"], ["--seed", "7"]])
def test_whole_numbers_with_a_point(words):
    assert (
        scramble("-o", "out.npz", "--samples", "1.0", "--max-side", "16.0", *words).exit_code == 0
    )
    assert (sidecar()["seed"], sidecar()["config"]["input"]["max_side"]) == (7, 16)


@pytest.mark.parametrize("option", ["--seed", "--samples", "--max-side"])
def test_no_whole_numbers(option):
    refused(scramble("-o", "out.npz", option, "1.5"), f"'{option}': '1.5' is not a valid integer")


def test_the_home_folder_where_the_shell_left_it(here, monkeypatch):
    home = here / "home"
    home.mkdir()
    (here / "natural.mkv").rename(home / "n.mkv")
    (home / "c.toml").write_text("seed = 5\n", "utf-8-sig")
    monkeypatch.setenv("HOME", str(home))
    shown = stst("scramble", "~/n.mkv", "-o", "~/out.npz", "--config", "~/c.toml")
    assert shown.exit_code == 0, shown.output
    content = sidecar(home / "out.json")
    assert content["seed"] == 5
    assert [one["path"] for one in content["inputs"]] == ["n.mkv"]
    assert not (here / "~").exists()
