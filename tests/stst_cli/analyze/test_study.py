"""From stimuli to the page, as a user goes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result

from patience import patience
from small_runs import FPS, clip, refused, stst, stst_analyze
from stst.video import write_video
from study_values import natural

MEASURE = "luminance.mean"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def undrawn(monkeypatch):
    """Figures take their time and are tested by themselves."""
    monkeypatch.setattr("stst.study.write._FIGURES", ())
    nothing = {"source": "", "width": 1, "height": 1}
    monkeypatch.setattr("stst.study.sections.svg_of", lambda figure: nothing)
    for module in ("sections", "write"):
        for name in ("draw_findings", "draw_likeness"):
            monkeypatch.setattr(f"stst.study.{module}.{name}", lambda *words: None)


@pytest.fixture
def quick(undrawn, monkeypatch):
    """Light alone is measured."""
    monkeypatch.setattr("stst.study.run.MEASURES", ["photometry"])


def study(*words: object) -> Result:
    return stst_analyze("study", *words, "-o", "out", "--jobs", 1)


def rows(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def states(shown: Result) -> dict[str, str]:
    lines = [line for line in shown.stderr.splitlines() if line[:1].isdigit() and "/" in line]
    said = dict(line.split(" ", 1)[1].split(": ", 1) for line in lines)
    return {label: state.partition(" in ")[0] for label, state in said.items()}


def pairs(folder: Path, *more: str) -> None:
    """A manifest of two clips and a stimulus of each."""
    for seed, name in enumerate("nmst"):
        clip(folder / f"{name}.npz", 3, 20, 24, seed=seed)
    lines = ["natural,other,condition", "n.npz,s.npz,x", "m.npz,t.npz,x", *more]
    (folder / "set.csv").write_text("\n".join(lines) + "\n")


class TestEndToEnd:
    def test_scrambled_clips(self, here, monkeypatch):
        # the others take their time
        monkeypatch.setattr("stst.study.write._FIGURES", ("kept.png",))
        (here / "n").mkdir()
        (here / "s").mkdir()
        for seed, (name, level) in enumerate((("a", 3), ("b", 5), ("c", 7))):
            write_video(here / "n" / f"{name}.mkv", natural(level, seed, count=4), FPS)
            made = stst("scramble", f"n/{name}.mkv", "-o", f"s/{name}.mkv", "--samples", 2)
            assert made.exit_code == 0, made.stderr
        os.unlink("s/b_seed1.json")
        shown = study("s", "--margin", "contrast.ratio=1.2")
        assert shown.exit_code == 1
        assert shown.stdout == "out/index.html\n"
        assert "b_seed1: b_seed1.mkv has no sidecar that says what it was made of" in shown.stderr
        assert shown.stderr.endswith("5 done\n")
        found = rows("out/study.csv")
        (contrast,) = [row for row in found if row["measure"] == "contrast.ratio"]
        assert contrast["clips"] == "3"
        assert contrast["verdict"].endswith("(margins 0.833 to 1.2)")
        (seen,) = [row for row in found if row["measure"] == "warp_residual.farneback.lag1.mean"]
        assert float(seen["natural"]) < float(seen["value"])
        page = Path("out/index.html").read_text("utf-8")
        assert "5 stimuli of 3 natural clips" in page
        assert "b_seed1: b_seed1.mkv has no sidecar" in page
        assert Path("out/kept.png").stat().st_size > 1000


@pytest.mark.usefixtures("quick")
class TestAgain:
    def test_only_what_is_not_done(self, here):
        pairs(here, "n.npz,gone.npz,x")
        shown = study("set.csv", "--json")
        assert shown.exit_code == 1
        found = json.loads(shown.stdout)
        assert (found["done"], found["skipped"]) == (["s", "t"], [])
        (left,) = found["left_out"]
        assert left == {"label": "gone", "why": "gone.npz does not exist"}
        assert found["outputs"][:2] == ["out/index.html", "out/study.csv"]
        assert all(Path(name).is_file() for name in found["outputs"])
        before = {name: Path(name).read_bytes() for name in found["outputs"]}

        clip(here / "gone.npz", 3, 20, 24, seed=9)
        shown = study("set.csv", "--json")
        assert shown.exit_code == 0
        found = json.loads(shown.stdout)
        assert (found["done"], found["skipped"], found["left_out"]) == (["gone"], ["s", "t"], [])
        os.unlink("gone.npz")
        study("set.csv")
        assert {name: Path(name).read_bytes() for name in before} == before

    def test_one_that_cannot_be_read(self, here):
        pairs(here)
        Path("s.npz").write_bytes(b"PK" + b"x" * 99)
        shown = study("set.csv")
        assert shown.exit_code == 1
        assert states(shown)["t"] == "done"
        assert "s.npz is not a readable .npz file" in Path("out/index.html").read_text("utf-8")

    def test_what_is_said_of_the_set_and_how_it_was_made(self, here):
        pairs(here)
        Path("t.npz").write_bytes(Path("s.npz").read_bytes())
        words = "--margin", f"{MEASURE}=0.1", "--null", "s.npz", "--trust-model", "a:b"
        shown = study("set.csv", *words)
        assert states(shown) == {"s": "done", "t": "done"}
        assert "Warning: s, t are the same clip, frame by frame." in shown.stderr
        assert (
            f"stst-analyze study set.csv -o DIR --margin {MEASURE}=0.1 --trust-model a:b "
            "--null s.npz"
        ) in Path("out/index.html").read_text("utf-8")
        shown = study("set.csv", *words)
        assert (shown.exit_code, states(shown)) == (0, {"s": "up to date", "t": "up to date"})
        assert shown.stderr.endswith("2 up to date\n")


class TestRefusals:
    @pytest.mark.parametrize(
        ("margin", "said"),
        [
            ("contrast.ratio", "expected MEASURE=NUMBER, found 'contrast.ratio'"),
            ("=2", "expected MEASURE=NUMBER, found '=2'"),
            ("contrast.ratio=nan", "expected MEASURE=NUMBER"),
            ("contrst.ratio=1.1", "did you mean"),
            ("contrast.ratio=1", "expected a number above 1; of a ratio"),
            (f"{MEASURE}=-1", "expected a number above 0"),
            (f"{MEASURE}=inf", "expected a number above 0"),
            ("recognition.top10.clip=0.1", "Name judges (--judge)"),
        ],
    )
    def test_margins(self, here, margin, said):
        pairs(here)
        shown = study("set.csv", "--margin", margin)
        assert shown.exit_code == 2
        assert said in shown.stderr
        assert not Path("out").exists()

    def test_two_margins_of_one_measure(self, here):
        pairs(here)
        shown = study("set.csv", "--margin", f"{MEASURE}=1", "--margin", f"{MEASURE}=2")
        assert (shown.exit_code, "has two margins" in shown.stderr) == (2, True)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["no.csv"], "no.csv: no such manifest"),
            (["set.csv", "--judge", "no_such"], "no_such"),
            (["set.csv", "--judge", "tiny_classifier:nothing"], "tiny_classifier:nothing"),
            (["set.csv", "--null", "no.mkv"], "no.mkv"),
        ],
    )
    def test_before_any_work(self, here, words, said):
        pairs(here)
        refused(study(*words), said)
        assert not Path("out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are not sent like this on Windows")
@pytest.mark.usefixtures("undrawn")
def test_interrupted_and_continued(here):
    for seed, name in enumerate("nst"):
        clip(here / f"{name}.npz", 6, 60, 60, seed)
    names = [f"{one}.npz,s{number}" for number, one in enumerate("stst")]
    (here / "set.csv").write_text(
        "natural,other,label\n" + "".join(f"n.npz,{one}\n" for one in names)
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "stst_cli.analyze", "study", "set.csv", "-o", "out", "--jobs", "1"],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=patience(60))
    assert (process.returncode, stdout) == (130, ""), first + stderr
    assert stderr.splitlines()[-1] == (
        "Interrupted. What is measured is kept in out; the same command continues."
    )
    kept = {path.parent.name for path in Path("out/measured").glob("*/record.json")}
    assert 1 <= len(kept) < 4
    assert not Path("out/index.html").exists()
    shown = study("set.csv")
    assert {label for label, state in states(shown).items() if state == "up to date"} == kept
    assert Path("out/index.html").is_file()
