from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import Result

from patience import patience, wait_for
from small_runs import clip, refused, stst_analyze
from stst.video import convert

SLOW = 7


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def batch(*words: object) -> Result:
    return stst_analyze("batch", *words)


def rows(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def manifest(path: Path, *lines: str, header="natural,other,label") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path.relative_to(path.parent)


def clips(folder: Path, names, suffix=".mkv", count=3, seed=0) -> None:
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        clip(folder / f"{name}{suffix}", count, 20, 24, seed=seed + number)


def states(shown: Result) -> dict[str, str]:
    """Give what each line of progress says, by label."""
    *lines, _ = shown.stderr.splitlines()
    said = dict(line.split(" ", 1)[1].split(": ", 1) for line in lines)
    return {label: state.partition(" in ")[0] for label, state in said.items()}


class TestTwenty:
    """Twenty pairs, three of them broken, each in its own way."""

    NAMES = tuple(f"clip{number:02}" for number in range(20))
    BROKEN = ("clip03", "clip11", "clip17")

    def test_what_is_done_is_kept_and_what_is_mended_is_done(self, here):
        clips(here / "natural", self.NAMES)
        clips(here / "made", self.NAMES, seed=50)
        order = self.NAMES[::-1]
        pairs = manifest(
            here / "pairs.csv", *(f"natural/{name}.mkv,made/{name}.mkv," for name in order)
        )
        whole = {name: Path("made", f"{name}.mkv").read_bytes() for name in self.BROKEN}
        Path("made/clip03.mkv").write_bytes(whole["clip03"][:-700])
        os.unlink("made/clip11.mkv")
        os.unlink("made/clip17.mkv")
        clip(here / "made/clip17.mkv", 4, 20, 24)

        shown = batch(pairs, "-o", "out", "--jobs", 2)
        assert shown.exit_code == 1
        assert shown.stdout.splitlines() == [
            "features:    out/features.csv", "comparison:  out/comparison.csv",
            "pairs:       out/pairs.csv", "errors:      out/errors.csv",
        ]  # fmt: skip
        lines = shown.stderr.splitlines()
        assert [line.split()[0] for line in lines[:-1]] == [f"{n}/20" for n in range(1, 21)]
        assert lines[-1] == "17 done, 0 up to date, 3 failed; see out/errors.csv"
        errors = rows("out/errors.csv")
        assert [row["label"] for row in errors] == ["clip17", "clip11", "clip03"]
        assert [row["other"] for row in errors] == [f"made/{row['label']}.mkv" for row in errors]
        assert "4 frames of 20x24 px" in errors[0]["error"]
        assert errors[1]["error"] == (
            "made/clip11.mkv does not exist. Check the name and the folder."
        )
        assert "damaged or cut short" in errors[2]["error"]
        assert [states(shown)[row["label"]] for row in errors] == [
            f"failed: {row['error']}" for row in errors
        ]
        good = [name for name in self.NAMES if name not in self.BROKEN]
        assert sorted(path.name for path in Path("out").glob("clip*")) == good
        assert self.compared() == [name for name in order if name in good]

        before = self.places(good)
        shown = batch(pairs, "-o", "out", "--jobs", 2)
        assert shown.exit_code == 1
        assert shown.stderr.splitlines()[-1] == (
            "0 done, 17 up to date, 3 failed; see out/errors.csv"
        )
        assert [name for name, state in states(shown).items() if state == "up to date"] == [
            name for name in order if name in good
        ]
        assert self.places(good) == before
        assert rows("out/errors.csv") == errors

        for name, content in whole.items():
            Path("made", f"{name}.mkv").write_bytes(content)
        shown = batch(pairs, "-o", "out", "--jobs", 2)
        assert shown.exit_code == 0
        assert shown.stdout.splitlines() == [
            "features:    out/features.csv", "comparison:  out/comparison.csv",
            "pairs:       out/pairs.csv",
        ]  # fmt: skip
        assert shown.stderr.splitlines()[-1] == "3 done, 17 up to date, 0 failed"
        assert sorted(n for n, state in states(shown).items() if state == "done") == [*self.BROKEN]
        assert self.places(good) == before
        assert not Path("out/errors.csv").exists()
        assert self.compared() == [*order]
        parts = [rows(f"out/{name}/features.csv") for name in order]
        assert rows("out/features.csv") == [row for part in parts for row in part]

    def compared(self) -> list[str]:
        return list(dict.fromkeys(Path(row["clip"]).stem for row in rows("out/comparison.csv")))

    def places(self, names) -> dict[str, tuple[int, int]]:
        found = {name: os.stat(f"out/{name}") for name in names}
        return {name: (one.st_ino, one.st_mtime_ns) for name, one in found.items()}


class TestWays:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("m.csv", "natural,other\na.mkv,b.mkv\n"),
            ("m.tsv", "label\tnatural\tother\nb\ta.mkv\tb.mkv\n"),
            ("m.toml", '[[pairs]]\nnatural = "a.mkv"\nother = "b.mkv"\n'),
        ],
    )
    def test_manifests(self, here, monkeypatch, name, text):
        clips(here / "sub", ["a", "b"])
        (here / "sub" / name).write_text(text)
        shown = batch(f"sub/{name}", "-o", "out", "--jobs", 1)
        assert (shown.exit_code, states(shown)) == (0, {"b": "done"})
        assert {row["clip"] for row in rows("out/comparison.csv")} == {"b.mkv"}
        monkeypatch.chdir(here / "sub")
        assert states(batch(name, "-o", "../out")) == {"b": "up to date"}

    def test_folders(self, here):
        clips(here / "n", ["cat", "dog", "fox"])
        clips(here / "o", ["cat_seed2", "cat_seed10", "dog", "elk"], ".npz")
        shown = batch("n", "o", "-o", "out", "--jobs", 1)
        assert shown.exit_code == 0
        lines = [line.partition(" in 0:0")[0] for line in shown.stderr.splitlines()]
        assert lines == [
            "Note: o/elk.npz belongs to no clip in n.", "Note: n/fox.mkv has no clip in o.",
            "1/3 cat_seed2: done", "2/3 cat_seed10: done", "3/3 dog: done",
            "3 done, 0 up to date, 0 failed",
        ]  # fmt: skip
        clips_in_order = dict.fromkeys(row["clip"] for row in rows("out/features.csv"))
        again = batch("n", "o", "-o", "out", "--jobs", 1).stderr.splitlines()
        assert again[2:5] == [
            "1/3 cat_seed2: up to date", "2/3 cat_seed10: up to date", "3/3 dog: up to date",
        ]  # fmt: skip
        assert list(clips_in_order) == [
            "n/cat.mkv", "o/cat_seed2.npz", "o/cat_seed10.npz", "n/dog.mkv", "o/dog.npz",
        ]  # fmt: skip

    def test_what_a_program_beside_writes(self, here):
        clips(here / "n", ["cat"], count=6)
        (here / "o").mkdir()
        convert("n/cat.mkv", "o/cat.mkv", frames="2:5")
        convert("n/cat.mkv", "o/cat_seed3/", frames="2:5")
        (here / "o/cat.preview.mp4").touch()
        shown = batch("n", "o", "-o", "out", "--jobs", 1, "--frames", "2:5")
        assert shown.exit_code == 0
        note = "n/cat.mkv was aligned as asked for: [frames=2:5]."
        first, second = shown.stderr.splitlines()[:2]
        assert first.startswith("1/2 cat: done in 0:00:0")
        assert second == f"cat: {note}"
        assert {row["reference"] for row in rows("out/comparison.csv")} == {
            "n/cat.mkv [frames=2:5]"
        }

    def test_json(self, here):
        clips(here, ["a", "b"])
        pairs = manifest(here / "m.csv", "a.mkv,b.mkv,x", "a.mkv,no.mkv,y", "b.mkv,a.mkv,z")
        expected = {
            "done": ["x", "z"], "skipped": [],
            "failed": [{
                "label": "y", "natural": "a.mkv", "other": "no.mkv",
                "error": "no.mkv does not exist. Check the name and the folder.",
            }],
            "outputs": {
                "features": "out/features.csv", "comparison": "out/comparison.csv",
                "pairs": "out/pairs.csv", "errors": "out/errors.csv",
            },
        }  # fmt: skip
        shown = batch(pairs, "-o", "out", "--json", "--jobs", 1)
        assert (shown.exit_code, json.loads(shown.stdout)) == (1, expected)
        expected |= {"done": [], "skipped": ["x", "z"]}
        assert json.loads(batch(pairs, "-o", "out", "--json").stdout) == expected

    def test_on_a_terminal(self, here, monkeypatch):
        monkeypatch.setattr("rich.console.Console.is_terminal", True)
        monkeypatch.setenv("COLUMNS", "200")
        clips(here, ["a", "b"])
        pairs = manifest(here / "m.csv", "a.mkv,b.mkv,x", "a.mkv,[b]no.mkv,y")
        shown = batch(pairs, "-o", "out", "--jobs", 1)
        assert shown.exit_code == 1
        assert "2/2" in shown.stderr
        assert (
            "y: failed: [b]no.mkv does not exist. Check the name and the folder.\n" in shown.stderr
        )
        assert "x: done" not in shown.stderr
        assert shown.stderr.endswith("1 done, 0 up to date, 1 failed; see out/errors.csv\n")
        assert shown.stdout.startswith("features:    out/features.csv\n")


class TestRefusals:
    @pytest.mark.parametrize(
        "label", ["../x", "/abs", "a/b", "CON", ".hidden", "..", "a\\b", "features.csv"]
    )
    def test_hostile_labels(self, here, label):
        clips(here, ["a", "b"])
        pairs = manifest(here / "m.csv", "a.mkv,b.mkv,ok", f"a.mkv,b.mkv,{label}")
        refused(batch(pairs, "-o", "out"), f"label {label!r}")
        assert sorted(os.listdir()) == ["a.mkv", "b.mkv", "m.csv"]

    @pytest.mark.parametrize(
        ("words", "parts"),
        [
            (["no.csv", "-o", "out"], ["no.csv: no such manifest."]),
            (["m.txt", "-o", "out"], ["m.txt: a manifest is a .csv, .tsv, .toml file"]),
            (["m.csv", "-o", "out"], ["m.csv, line 2: other is empty."]),
            (["n", "no", "-o", "out"], ["no is not a folder. Give a manifest, or two folders."]),
            (["n", "n", "-o", "out"], ["n and n are the same folder. Give two."]),
            (["n", "o", "-o", "out"], ["no clip in o (b.mkv) belongs to one in n (a.mkv)."]),
            (["n", "empty", "-o", "out"], ["empty holds no clips."]),
            (["ok.csv", "-o", "no/out"], ["the folder no does not exist. Create it first."]),
            (["ok.csv", "-o", "n"], ["n holds 'a.mkv', which is no result of an earlier batch."]),
            (["ok.csv", "-o", "ok.csv"], ["ok.csv is a file; results go to a folder."]),
            (["ok.csv", "-o", "out", "--frames", "5"], ["--frames"]),
            (["ok.csv", "-o", "out", "--max-side", "0"], ["--max-side 0"]),
        ],
    )  # fmt: skip
    def test_bad_input(self, here, words, parts):
        clips(here / "n", ["a"])
        clips(here / "o", ["b"])
        (here / "empty").mkdir()
        (here / "m.txt").touch()
        manifest(here / "m.csv", "a.mkv,,x")
        manifest(here / "ok.csv", "n/a.mkv,o/b.mkv,x")
        before = sorted(here.rglob("*"))
        refused(batch(*words), *parts)
        assert sorted(here.rglob("*")) == before

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["."], "expected a manifest or two folders, found 1 folder."),
            ([".", ".", "."], "expected a manifest or two folders, found 3 names."),
            (["m.csv", "--jobs", "0"], "Invalid value for '--jobs'"),
            ([], "Missing argument"),
        ],
    )
    def test_usage(self, here, words, said):
        shown = batch(*words, "-o", "out")
        assert shown.exit_code == 2
        assert said in shown.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are not sent like this on Windows")
def group_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


class TestInterruption:
    """Signals are real, and go to all processes as Ctrl-C does."""

    def start(self, here) -> subprocess.Popen[str]:
        for name, seed in (("a", 1), ("b", 2)):
            clip(here / f"{name}.npz", 30, 90, 90, seed, Fraction(25))
        lines = (f"{'ab'[n % 2]}.npz,{'ba'[n % 2]}.npz,pair{n}" for n in range(SLOW))
        pairs = manifest(here / "m.csv", *lines)
        return subprocess.Popen(
            [sys.executable, "-m", "stst_cli.analyze", "batch", pairs, "-o", "out", "--jobs", "2"],
            env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ended(self, process: subprocess.Popen[str], first: str) -> None:
        stdout, stderr = process.communicate(timeout=patience(60))
        lines = (first + stderr).splitlines()
        assert process.returncode == 130, stderr
        assert stdout == ""
        assert lines[-1] == (
            "Interrupted. Finished pairs are kept in out; the same command continues."
        )
        assert all(": done" in line for line in lines[:-1]), stderr
        wait_for(lambda: not group_lives(process.pid), 10)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_between_pairs(self, here, number):
        process = self.start(here)
        assert process.stderr is not None
        first = process.stderr.readline()
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        self.ended(process, first)
        kept = sorted(path.parent.name for path in Path("out").glob("*/record.json"))
        assert 1 <= len(kept) < SLOW
        assert not Path("out/comparison.csv").exists()
        ours = [".stst-batch", "batch.json", "pairs.csv"]
        assert sorted(os.listdir("out")) == sorted([*kept, *ours])
        shown = batch("m.csv", "-o", "out")
        assert shown.exit_code == 0
        assert sorted(n for n, state in states(shown).items() if state == "up to date") == kept
        assert len({row["clip"] for row in rows("out/comparison.csv")}) == 2

    def test_while_processes_start(self, here):
        process = self.start(here)
        while not Path("out/batch.json").exists():
            assert process.poll() is None
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGINT)
        self.ended(process, "")
        assert set(os.listdir("out")) <= {"batch.json", ".stst-batch", "pairs.csv"}


class TestFurtherMeasures:
    def test_tables_beside_nulls(self, here):
        clips(here, ["a", "b"])
        clip(here / "c.mkv", 3, 20, 24, seed=7)
        pairs = manifest(here / "m.csv", "a.mkv,b.mkv,x")
        words = (
            *("--measure", "photometry", "--measure", "energy", "--measure", "photometry"),
            *("--judge", "tiny_classifier:judge", "--null", "c.mkv", "--jobs", 1),
        )
        shown = batch(pairs, "-o", "out", *words)
        assert shown.exit_code == 0
        assert [line.split(":")[0] for line in shown.stdout.splitlines()] == [
            "features", "comparison", "energy", "photometry", "recognition", "pairs",
        ]  # fmt: skip
        for name in ("energy", "photometry", "recognition"):
            found = rows(f"out/{name}.csv")
            assert {"a.mkv", "b.mkv"} == {row["clip"] for row in found}
            nulls = {row["null_clips"] for row in found if row["null_kind"] == "unrelated"}
            assert nulls == {"4"}, "three sample clips and the one that was given"
        assert states(batch(pairs, "-o", "out", *words)) == {"x": "up to date"}

    def test_there_is_no_other_measure(self, here):
        ended = batch("m.csv", "-o", "out", "--measure", "no")
        assert ended.exit_code == 2
        assert "'no' is not one of 'energy', 'coherence', 'photometry'" in ended.stderr

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--null", "b.mkv"], "--null"),
            (["--judge", "no_such"], "no_such"),
            (["--measure", "energy", "--null", "no.mkv"], "no.mkv"),
        ],
    )
    def test_refusals(self, here, words, said):
        clips(here, ["a", "b"])
        pairs = manifest(here / "m.csv", "a.mkv,b.mkv,x")
        refused(batch(pairs, "-o", "out", *words), said)
        assert not Path("out").exists()
