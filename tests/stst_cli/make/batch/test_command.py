from __future__ import annotations

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from patience import patience, wait_for
from small_runs import PYTHONPATH, SMALL, clip, recorded, refused, stst

QUICK = (*SMALL, "--device", "cpu", "--jobs", "2")
# steps enough for a run to be caught at work
SLOW = (*QUICK, "--set", "octaves.1.iterations=4000")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with two clips; processes of a batch find the tests' models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "clips").mkdir()
    for number, name in enumerate("ab"):
        clip(tmp_path / f"clips/{name}.npz", seed=number)
    return tmp_path


def batch(*words: object):
    return stst("batch", *words)


def rows(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def states(folder="out") -> dict[str, str]:
    return {row["label"]: row["state"] for row in rows(f"{folder}/jobs.csv")}


def masters(folder="out") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).rglob("*.mkv")}


def started(*words: object, **more) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "stst_cli", "batch", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


def descendants(process: int, word: str) -> list[int]:
    """Find processes that a process has started, and that have a word in their command."""
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
    family = {process}
    for _ in range(5):
        family |= {int(pid) for pid, parent, *_ in lines if int(parent) in family}
    return [int(pid) for pid, _, args in lines if int(pid) in family and word in args]


class TestMade:
    def test_from_clips_and_once_more(self, here):
        words = ("clips/*.npz", *QUICK, "--seed", "1:3", "-o", "out")
        shown = batch(*words)
        assert shown.exit_code == 0, shown.stderr
        assert shown.stdout.splitlines() == ["jobs:     out/jobs.csv", "summary:  out/summary.csv"]
        lines = shown.stderr.splitlines()
        assert lines[0] == "4 jobs: 0 are done or left out, 4 to do"
        assert [line.split()[0] for line in lines[-5:-1]] == ["1/4", "2/4", "3/4", "4/4"]
        assert ": done in 0:00:" in lines[-2]
        assert lines[-1] == "4 done"
        labels = ["a_paper_seed1", "a_paper_seed2", "b_paper_seed1", "b_paper_seed2"]
        assert states() == dict.fromkeys(labels, "done")

        summary = rows("out/summary.csv")
        assert [row["label"] for row in summary] == labels
        one = summary[1]
        sidecar = recorded(Path("out", one["sidecar"]))
        assert (one["master"], one["seed"], one["preset"]) == ("a_paper_seed2.mkv", "2", "paper")
        luminance = [frame["luminance"] for frame in sidecar["per_frame"]]
        assert float(one["intensity"]) == pytest.approx(sum(luminance) / 3, abs=2 / 255)
        # noise of the whole range
        assert float(one["natural_intensity"]) == pytest.approx(0.5, abs=0.02)
        assert float(one["natural_flow_magnitude"]) > 0
        losses = [frame["losses"]["spatial_texture"] for frame in sidecar["per_frame"]]
        assert float(one["loss_spatial_texture"]) == pytest.approx(sum(losses) / 3)
        for term, layer in (("temporal_texture", "rectified"), ("total_variation", "pixels")):
            values = [frame["unweighted"][term][layer] for frame in sidecar["per_frame"]]
            assert float(one[f"unweighted_{term}_{layer}"]) == pytest.approx(sum(values) / 3)
            weights = [frame["weights"][term] for frame in sidecar["per_frame"]]
            assert float(one[f"weight_{term}"]) == pytest.approx(sum(weights) / 3)

        before = masters()
        stamps = [os.stat(f"out/{name}").st_mtime_ns for name in before]
        shown = batch(*words, "--json")
        assert shown.exit_code == 0
        result = json.loads(shown.stdout)
        assert (result["done"], result["made"], result["failed"]) == (labels, [], [])
        assert [os.stat(f"out/{name}").st_mtime_ns for name in before] == stamps

        shown = batch(*words, "--set", "blend=0.5")
        assert shown.exit_code == 2
        assert shown.stderr.count("blend was 0.95 and is 0.5 now. Give --overwrite") == 4
        assert shown.stderr.splitlines()[-1] == (
            "Error: 4 problems, see above; nothing was started."
        )
        assert masters() == before

    @pytest.mark.slow
    def test_a_manifest_with_every_method_and_shards(self, here):
        Path("jobs.toml").write_text(
            f"""
            [[jobs]]
            natural = "clips/*.npz"
            method = "scramble"
            seed = 3
            [[jobs]]
            method = "leaps"
            output = "inverted"
            model = "tiny_video:clips"
            verifier = "tiny_video:verifier"
            verifier_weights = "none"
            target = "2"
            iterations = 3
            [[jobs]]
            natural = "{here}/clips/a.npz"
            output = "text"
            method = "stps"
            coherence = 0.5
            """
        )
        words = ("jobs.toml", "-o", "out", "--device", "cpu", "--jobs", 1)
        line = refused(batch(*words), "tiny_video:clips", "--trust-model", "[[jobs]] 2")
        assert line.count("trust-model") == 1
        trust = ("--trust-model", "tiny_video:clips", "--trust-model", "tiny_video:verifier")
        assert batch(*words, *trust, "--shard", "2/2").exit_code == 0
        assert list(states().values()) == ["waiting", "done", "waiting", "done"]
        assert batch(*words, *trust, "--shard", "1/2").exit_code == 0
        assert list(states().values()) == ["done"] * 4
        labels = ["a_stps_seed3", "b_stps_seed3", "inverted", "text"]
        assert list(states()) == labels
        summary = {row["label"]: row for row in rows("out/summary.csv")}
        assert list(summary) == labels
        inverted = summary["inverted"]
        assert 0 < float(inverted["probability"]) < 1
        assert inverted["natural_intensity"] == ""
        assert float(summary["text"]["natural_contrast"]) > 0

    def test_bids(self, here):
        words = ("clips/a.npz", "--preset", "stps", "--device", "cpu", "--layout", "bids")
        shown = batch(*words, "-o", "out")
        assert shown.exit_code == 0, shown.stderr
        names = sorted(str(path.relative_to("out")) for path in Path("out").rglob("*.*"))
        assert [name for name in names if ".stst-batch" not in name] == [
            ".bidsignore", "dataset_description.json", "jobs.csv",
            "stimuli/stim-aStpsSeed0_video.json", "stimuli/stim-aStpsSeed0_video.mkv",
            "stimuli/stim-aStpsSeed0_video.preview.mp4", "stimuli/stimuli.json",
            "stimuli/stimuli.tsv", "summary.csv",
        ]  # fmt: skip
        with open("out/stimuli/stimuli.tsv", encoding="utf-8") as file:
            (one,) = csv.DictReader(file, delimiter="\t")
        described = json.loads(Path("out/stimuli/stimuli.json").read_text())
        assert list(one) == list(described)
        assert (one["stimulus_id"], one["type"], one["present"], one["URL"]) == (
            "stim-aStpsSeed0", "video", "true", "n/a",
        )  # fmt: skip
        assert one["description"] == "Phase-scrambled clip of clips/a.npz, seed 0"
        assert rows("out/summary.csv")[0]["master"] == "stimuli/stim-aStpsSeed0_video.mkv"
        assert "BIDSVersion" in json.loads(Path("out/dataset_description.json").read_text())
        ignored = Path("out/.bidsignore").read_text().split()
        left_out = [
            name for name in (*names, "stimuli/stim-a_video.last.mkv", "stimuli/stim-a_video.mkv")
            if any(Path(name).match(one) for one in ignored)
        ]  # fmt: skip
        assert left_out[-3:] == [
            "stimuli/stim-aStpsSeed0_video.preview.mp4", "summary.csv",
            "stimuli/stim-a_video.last.mkv",
        ]  # fmt: skip


class TestInterrupted:
    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_it_is_kept_and_goes_on_to_the_same_bytes(self, here, number):
        words = ("clips/*.npz", *SLOW, "--set", "octaves.1.iterations=300", "--seed", 1)
        assert batch(*words, "-o", "whole").exit_code == 0
        running = started(*words, "-o", "out")
        wait_for(lambda: list(Path("out").glob("*.run/frames/*.npz")))
        running.send_signal(number)
        _, said = running.communicate(timeout=patience(120))
        assert running.returncode == 130, said
        assert "Traceback" not in said
        *_, before, last = said.splitlines()
        assert before.endswith("Continue with:")
        assert shlex.split(last)[-len(words) - 2 :] == [*map(str, words), "-o", "out"]
        assert set(states().values()) <= {"stopped", "waiting", "done"}
        assert "stopped" in states().values()
        shown = batch(*words, "-o", "out")
        assert shown.exit_code == 0, shown.stderr
        assert "of them begun" in shown.stderr
        assert masters() == masters("whole")

    @pytest.mark.slow
    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
    def test_a_worker_that_is_killed_costs_its_job(self, here):
        words = ("clips/*.npz", *QUICK, "--set", "octaves.1.iterations=300", "--seed", "1:3")
        running = started(*words, "-o", "out", "--jobs", 1)
        wait_for(lambda: list(Path("out").glob("*.run/frames/*.npz")))
        (worker,) = descendants(running.pid, "spawn_main")
        os.kill(worker, signal.SIGKILL)
        _, said = running.communicate(timeout=patience(300))
        assert running.returncode == 1
        assert "killed (SIGKILL)" in said
        assert sorted(states().values()) == ["done", "done", "done", "failed"]
        assert len(rows("out/summary.csv")) == 3
        shown = batch(*words, "-o", "out", "--skip-failed")
        assert shown.exit_code == 1
        assert sorted(states().values()) == ["done", "done", "done", "failed"]
        shown = batch(*words, "-o", "out")
        assert shown.exit_code == 0
        assert "1 of them begun" in shown.stderr
        assert set(states().values()) == {"done"}


class TestShards:
    @pytest.mark.slow
    def test_all_at_once_in_one_folder(self, here):
        words = ("clips/*.npz", "--preset", "stps", "--device", "cpu", "--seed", "1:6", "-o", "out")
        parts = [started(*words, "--jobs", 1, "--shard", f"{part}/3") for part in (1, 2, 3)]
        for one in parts:
            _, said = one.communicate(timeout=patience(300))
            assert one.returncode == 0, said
        assert states() == {f"{n}_stps_seed{seed}": "done" for n in "ab" for seed in range(1, 6)}
        assert [row["label"] for row in rows("out/summary.csv")] == list(states())
        shown = batch(*words)
        assert "10 jobs: 10 are done or left out" in shown.stderr


class TestPlan:
    def test_dry_run(self, here):
        words = ("clips/*.npz", *QUICK, "-o", "out", "--dry-run")
        result = json.loads(batch(*words, "--json").stdout)
        assert [job["label"] for job in result["jobs"]] == ["a_paper_seed0", "b_paper_seed0"]
        one = result["jobs"][0]
        assert (one["frames"], one["size"], one["device"], one["done"]) == (
            3,
            [18, 20],
            "cpu",
            False,
        )
        assert result["lanes"] == 2
        assert result["memory_bytes"] == sum(job["memory_bytes"] for job in result["jobs"])
        assert 0 <= result["seconds"] < 60
        lines = batch(*words).stdout.splitlines()
        assert lines[0].startswith("a_paper_seed0  3 frames of 18x20 px, about 0:00:0")
        assert [line.split()[0] for line in lines[2:]] == ["lanes", "memory", "time"]
        assert not Path("out").exists()


@pytest.mark.parametrize("words", [("--dry-run", "--json"), ()])
def test_shared_noise_is_warned_of_before_anything_is_made(here, words):
    asked = ("clips/a.npz", "clips/b.npz", "--preset", "stps", "--seed", 3, "-o", "out",
             "--device", "cpu", "--jobs", 1, *words)  # fmt: skip
    shown = batch(*asked, "--set", "noise=shared")
    assert shown.exit_code == 0, shown.stderr
    warning = (
        'Warning: noise is "shared", and 2 clips have the same seed 3 (clips/a.npz, clips/b.npz): '
        "their stimuli will not be independent."
    )
    assert warning in shown.stderr
    assert shown.stderr.index(warning) < shown.stderr.index("to do")
    assert "will not be independent" not in batch(*asked, "--overwrite").stderr


class TestRefused:
    @pytest.mark.parametrize(
        ("words", "parts"),
        [
            (["clips/none.npz"], ["clips/none.npz does not exist"]),
            (["no*.mp4"], ["natural is 'no*.mp4'"]),
            (["jobs.csv"], ["jobs.csv: no such manifest"]),
            (["jobs.txt"], ["a manifest is a .csv, .tsv, .toml file; found '.txt'"]),
            (["jobs.xlsx"], ["jobs.xlsx: a .xlsx file is not read here", "'CSV UTF-8' (.csv)"]),
            (["jobs.csv", "clips/a.npz"], ["a manifest stands alone"]),
            (["jobs.toml", "--preset", "fast", "--preset", "stps"], ["one at most"]),
            (["clips/a.npz", "--preset", "slow"], ["unknown preset 'slow'"]),
            (["clips/a.npz", "--seed", "x"], ["--seed: seed is 'x'"]),
            (["clips/a.npz", "--frames", "7:9"], ["frames"]),
            (["clips/a.npz", "--set", "blend=7"], ["blend"]),
            (["clips/a.npz", "--shard", "0/3"], ["--shard", "from 1 to N"]),
            (["clips/a.npz", "--shard", "4/3"], ["--shard", "'4/3'"]),
            (["clips/a.npz", "--device", "cuda:7"], ["device: 'cuda:7' is not available"]),
            (["clips/a.npz", "-o", "file"], ["file is a file"]),
            (["clips/a.npz", "-o", "none/out"], ["folder none does not exist"]),
        ],
    )
    def test_in_one_line(self, here, words, parts):
        Path("file").touch()
        preset = () if {"--preset", "--set"} & {*words} else ("--preset", "stps")
        found = refused(batch("-o", "out", *preset, *words), *parts)
        assert len(found) < 1000
        assert not Path("out").exists()

    def test_every_row_that_is_wrong(self, here):
        Path("jobs.csv").write_text(
            "natural,preset,seed,output,blend\n"
            "clips/a.npz,stps,1,../x,\n"
            "clips/none.npz,stps,1,,\n"
            "clips/a.npz,quick,1,,7\n"
            "clips/a.npz,quick,1,ok,\n"
            "clips/b.npz,quick,1,OK,\n"
            "clips/b.npz,slow,1,,\n"
        )
        shown = batch("jobs.csv", "-o", "out")
        assert shown.exit_code == 2
        lines = shown.stderr.splitlines()
        assert lines[-1] == "Error: 4 problems, see above; nothing was started."
        assert [line.split(": ")[0] for line in lines[:-1]] == [
            "jobs.csv, line 2", "jobs.csv, line 4", "jobs.csv, line 7", "jobs.csv, line 6",
        ] or sorted(line.split(": ")[0] for line in lines[:-1]) == [
            f"jobs.csv, line {number}" for number in (2, 4, 6, 7)
        ]  # fmt: skip
        assert not Path("out").exists()
