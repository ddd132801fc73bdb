from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

import stst
from batch_workers import counted, nothing_but_the_record
from small_runs import clip
from stst.analysis import tables
from stst.analysis.comparison import compare, comparison_rows
from stst.analysis.features import features
from stst.analysis.manifest import NamedPair
from stst.analysis.settings import Settings
from stst.batch.pairs import PairBatch, measure_pair
from stst.batch.states import JobEnd
from stst.config import StreamConfig
from stst.config.cka import ClassifierSpec
from stst.errors import InputError, StstError
from stst.utils.files import sha256_of
from stst.video import read_video


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with pairs a, b, c; and a folder that counts what is measured."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("abc"):
        clip(tmp_path / f"{name}.npz", seed=seed)
        clip(tmp_path / f"{name}2.npz", seed=seed + 10)
    (tmp_path / "calls").mkdir()
    monkeypatch.setenv("STST_TEST_CALLS", str(tmp_path / "calls"))
    return tmp_path


def pair(name: str, label: str | None = None) -> NamedPair:
    return NamedPair(label or name, f"{name}.npz", f"{name}2.npz")


PAIRS = [pair(name) for name in "abc"]


def replaced(path: Path, *words, **settings) -> None:
    path.unlink()
    clip(path, *words, **settings)


def run(pairs=PAIRS, folder="out", **settings):
    """Run to the end; give the states by label."""
    outcomes = PairBatch(pairs, Path(folder), Settings(**settings)).run(1, counted)
    return {one.label: one.error or one.state for one in outcomes if isinstance(one, JobEnd)}


def calls(here: Path) -> list[str]:
    """Give the labels that were measured since this was asked for last."""
    found = sorted((here / "calls").iterdir(), key=lambda path: path.suffix)
    for path in found:
        path.unlink()
    return [path.stem for path in found]


def rows(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def refused(*words, **settings) -> str:
    with pytest.raises(InputError) as caught:
        run(*words, **settings)
    return str(caught.value)


class TestResults:
    def test_they_are_what_the_functions_give(self, here):
        assert run() == dict.fromkeys("abc", "done")
        natural, other = (features(read_video(name)) for name in ("b.npz", "b2.npz"))
        expected = tables.table([*natural.rows("b.npz"), *other.rows("b2.npz")])
        assert Path("out/b/features.csv").read_text() == tables.as_csv(expected)
        expected = tables.table(comparison_rows(compare(natural, other), "b2.npz", "b.npz"))
        assert Path("out/b/comparison.csv").read_text() == tables.as_csv(expected)
        assert json.loads(Path("out/b/record.json").read_text()) == {
            "format": 2,
            "label": "b",
            "natural": {
                "path": "b.npz", "sha256": sha256_of(Path("b.npz")), "sidecar_sha256": None,
            },
            "other": {
                "path": "b2.npz", "sha256": sha256_of(Path("b2.npz")), "sidecar_sha256": None,
            },
            "settings": {"frames": None, "max_side": None},
            "notes": [],
            "versions": {"napari-stst": stst.__version__, "opencv": cv2.__version__},
        }  # fmt: skip
        for name in ("features.csv", "comparison.csv"):
            parts = [Path(f"out/{label}/{name}").read_text() for label in "abc"]
            bodies = [part.partition("\n")[2] for part in parts]
            assert Path(f"out/{name}").read_text() == parts[0] + bodies[1] + bodies[2]

    def test_tables_are_written_as_pandas_does(self):
        made = [
            {"clip": 'a,"b"', "value": float("nan"), "frame": 0, "measure": "x"},
            {"clip": "ä", "value": 0.1 + 0.2, "frame": 1, "measure": ""},
            {"clip": "c\nd", "value": 1e-17, "frame": 2, "measure": "'"},
        ]
        assert tables.rows_as_csv(made) == tables.as_csv(tables.table(made))

    def test_the_order_is_the_manifest_s(self, here):
        run(PAIRS[::-1])
        clips = dict.fromkeys(row["clip"] for row in rows("out/comparison.csv"))
        assert list(clips) == ["c2.npz", "b2.npz", "a2.npz"]

    def test_a_natural_clip_of_several_pairs_is_there_once(self, here):
        shared = [NamedPair(label, "a.npz", f"{label}2.npz") for label in "abc"]
        run([*shared, pair("a", "again")])
        clips = [row["clip"] for row in rows("out/features.csv")]
        once = len(rows("out/a/features.csv")) // 2
        assert {name: clips.count(name) for name in clips} == dict.fromkeys(
            ("a.npz", "a2.npz", "b2.npz", "c2.npz"), once
        )
        found = rows("out/comparison.csv")
        assert len(found) == 3 * len(rows("out/a/comparison.csv"))

    def test_part_of_a_natural_clip(self, here):
        replaced(here / "a.npz", 9, 36, 40)
        assert run([pair("a")], frames="2:5", max_side=20) == {"a": "done"}
        (found,) = {row["reference"] for row in rows("out/comparison.csv")}
        assert found == "a.npz [frames=2:5, max_side=20]"
        first = rows("out/features.csv")[0]
        assert (first["clip"], first["frame"]) == (found, "2")
        (note,) = json.loads(Path("out/a/record.json").read_text())["notes"]
        assert note.startswith("a.npz was aligned as asked for: [frames=2:5")

    def test_what_a_sidecar_says(self, here):
        replaced(here / "a.npz", 5)
        made = {"sha256": sha256_of(Path("a.npz")), "frames": [1, 4]}
        Path("a2.json").write_text(json.dumps({"inputs": [made], "output": {}}))
        *_, outcome = PairBatch([pair("a")], Path("out")).run()
        assert outcome.notes == ("a.npz was aligned as a2.json says: [frames=1:4].",)
        # another sidecar, another result
        made["frames"] = [2, 5]
        Path("a2.json").write_text(json.dumps({"inputs": [made], "output": {}}))
        *_, outcome = PairBatch([pair("a")], Path("out")).run()
        assert (outcome.state, outcome.notes) == (
            "done", ("a.npz was aligned as a2.json says: [frames=2:5].",),
        )  # fmt: skip

    def test_names_are_as_the_manifest_has_them(self, here, monkeypatch):
        (here / "elsewhere").mkdir()
        pairs = [NamedPair("a", "a.npz", "a2.npz", here)]
        assert run(pairs) == {"a": "done"}
        assert {row["clip"] for row in rows("out/features.csv")} == {"a.npz", "a2.npz"}
        monkeypatch.chdir(here / "elsewhere")
        pairs = [NamedPair("a", "a.npz", "a2.npz", Path("..", "elsewhere", ".."))]
        assert run(pairs, "../out") == {"a": "up to date"}

    @pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
    def test_names_that_are_no_text(self, here):
        name = os.fsdecode(b"\xff.npz")
        os.rename("a.npz", name)
        pairs = [NamedPair("a", name, "a2.npz"), NamedPair("x", name, "missing.npz")]
        expected = {"a": "done", "x": "missing.npz does not exist. Check the name and the folder."}
        assert run(pairs) == expected
        assert rows("out/features.csv")[0]["clip"] == "\N{REPLACEMENT CHARACTER}.npz"
        assert run(pairs) == expected | {"a": "up to date"}

    def test_one_process_or_two(self, here):
        for jobs in (1, 2):
            list(PairBatch(PAIRS, Path(f"out{jobs}")).run(jobs))
        found = [path.relative_to("out1") for path in sorted(Path("out1").rglob("*.*"))]
        files = [path for path in found if not path.parts[0].startswith(".")]
        assert len(files) == 3 * 3 + 4
        for file in files:
            assert Path("out1", file).read_bytes() == Path("out2", file).read_bytes(), file

    def test_the_current_folder(self, here, monkeypatch):
        (here / "out").mkdir()
        monkeypatch.chdir(here / "out")
        assert run([NamedPair("a", "../a.npz", "../a2.npz")], ".") == {"a": "done"}
        assert Path("a/record.json").exists()


class TestAgain:
    def test_nothing_has_changed(self, here):
        run()
        before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*/*")}
        assert calls(here) == ["a", "b", "c"]
        assert run() == dict.fromkeys("abc", "up to date")
        assert calls(here) == []
        assert before == {path: path.stat().st_mtime_ns for path in Path("out").rglob("*/*")}

    def test_clips(self, here):
        run()
        replaced(here / "b2.npz", seed=99)
        assert run() == {"a": "up to date", "b": "done", "c": "up to date"}
        assert calls(here)[3:] == ["b"]
        parts = [rows(f"out/{label}/comparison.csv") for label in "abc"]
        assert rows("out/comparison.csv") == [row for part in parts for row in part]

    def test_settings(self, here):
        run()
        assert run(max_side=20) == dict.fromkeys("abc", "done")
        assert run(max_side=20) == dict.fromkeys("abc", "up to date")
        assert run() == dict.fromkeys("abc", "done")

    def test_more_and_fewer_pairs(self, here):
        run(PAIRS[:2])
        assert run(PAIRS[1:]) == {"b": "up to date", "c": "done"}
        assert {row["clip"] for row in rows("out/comparison.csv")} == {"b2.npz", "c2.npz"}
        assert Path("out/a/record.json").exists(), "what is not asked for stays"
        assert run() == dict.fromkeys("abc", "up to date")

    @pytest.mark.parametrize("damage", ["", "{", "[]", "{}", "null", '{"format": 0}', "[" * 9999])
    def test_a_damaged_record(self, here, damage):
        run(PAIRS[:1])
        Path("out/a/record.json").write_text(damage)
        assert run(PAIRS[:1]) == {"a": "done"}
        assert json.loads(Path("out/a/record.json").read_text())["label"] == "a"

    @pytest.mark.parametrize("name", ["features.csv", "comparison.csv"])
    def test_a_table_that_is_gone(self, here, name):
        run(PAIRS[:1])
        Path("out/a", name).unlink()
        assert run(PAIRS[:1]) == {"a": "done"}
        assert Path("out/a", name).exists()

    def test_what_was_done_stays_when_its_clips_are_away(self, here):
        run()
        os.rename("b.npz", "away.npz")
        error = "b.npz does not exist. Check the name and the folder."
        assert run() == {"a": "up to date", "b": error, "c": "up to date"}
        assert {row["clip"] for row in rows("out/comparison.csv")} == {"a2.npz", "c2.npz"}
        assert rows("out/errors.csv") == [
            {"label": "b", "natural": "b.npz", "other": "b2.npz", "error": error}
        ]
        os.rename("away.npz", "b.npz")
        assert run() == dict.fromkeys("abc", "up to date")
        assert not Path("out/errors.csv").exists()
        assert len(rows("out/comparison.csv")) == 3 * len(rows("out/a/comparison.csv"))


class TestFailures:
    def test_each_for_itself(self, here):
        replaced(here / "c2.npz", 4)
        Path("b2.npz").write_bytes(b"PK" + b"x" * 99)
        found = run([NamedPair("x", "no.npz", "a2.npz"), *PAIRS])
        assert found.pop("a") == "done"
        assert found == {
            "x": "no.npz does not exist. Check the name and the folder.",
            "b": "b2.npz is not a readable .npz file: damaged or cut short. Save it again. It is a "
            f"text that begins with 'PK{'x' * 38}'.",
            "c": "c.npz (3 frames of 18x20 px at 30000/1001 Hz) and c2.npz (4 frames of 18x20 px "
            "at 30000/1001 Hz) cannot be compared. Cut the second, e.g. `stst convert "
            "c2.npz c2_part.mkv --frames 0:3`.",
        }
        assert [row["label"] for row in rows("out/errors.csv")] == ["x", "b", "c"]
        assert sorted(os.listdir("out")) == [
            ".stst-batch", "a", "batch.json", "comparison.csv", "errors.csv", "features.csv",
            "pairs.csv",
        ]  # fmt: skip
        assert [tuple(row.values()) for row in rows("out/pairs.csv")] == [
            ("x", "no.npz", "a2.npz", "failed"), ("a", "a.npz", "a2.npz", "done"),
            ("b", "b.npz", "b2.npz", "failed"), ("c", "c.npz", "c2.npz", "failed"),
        ]  # fmt: skip

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
    def test_crashes(self, here):
        found = run([PAIRS[0], pair("b", "kill"), pair("c", "crash"), pair("b", "odd"), PAIRS[2]])
        assert [found["a"], found["c"]] == ["done", "done"]
        assert "was killed (SIGKILL), perhaps because memory ran out" in found["kill"]
        assert "crashed (SIGSEGV)" in found["crash"]
        assert found["odd"] == "ZeroDivisionError: one two"
        assert [row["error"] for row in rows("out/errors.csv")] == [
            found[label] for label in ("kill", "crash", "odd")
        ]

    def test_all_of_them(self, here):
        run()
        before = Path("out/features.csv").read_bytes()
        for name in "abc":
            os.unlink(f"{name}.npz")
        run()
        # what an earlier run has found is not thrown away
        assert Path("out/features.csv").read_bytes() == before
        assert {row["state"] for row in rows("out/pairs.csv")} == {"failed"}
        assert len(rows("out/errors.csv")) == 3

    def test_a_full_disk(self, here, small_disk):
        with pytest.raises(StstError, match="the disk is full"):
            run(PAIRS, small_disk / "out")
        # of results there is nothing in part; a state is written by processes that are ended
        found = [p for p in (small_disk / "out").rglob("*") if ".part" in p.name]
        assert [p for p in found if ".stst-batch" not in p.parts] == []

    @pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"clip,frame\na", b"clip\0"])
    def test_a_damaged_table_of_an_earlier_run(self, here, text):
        run()
        Path("out/b/features.csv").write_bytes(text)
        with pytest.raises(InputError, match=r"out/b/features\.csv is damaged .*Delete out/b: the"):
            run()
        shutil.rmtree("out/b")
        assert run() == {"a": "up to date", "b": "done", "c": "up to date"}

    def test_closing_keeps_what_is_done(self, here):
        outcomes = PairBatch(PAIRS, Path("out")).run()
        assert next(one for one in outcomes if isinstance(one, JobEnd)).label == "a"
        # the table is there all along
        assert next(row["state"] for row in rows("out/pairs.csv")) == "done"
        outcomes.close()
        assert "a" in os.listdir("out")
        assert "comparison.csv" not in os.listdir("out")
        assert run()["a"] == "up to date"


class TestRefusals:
    def test_a_folder_with_something_else(self, here):
        def said(name):
            return (
                f"out holds {name!r}, which is no result of an earlier batch. Choose another "
                "folder, or move it away."
            )

        Path("out").mkdir()
        Path("out/.DS_Store").touch()
        for name in ("thesis.tex", "features.csv"):
            Path("out", name).touch()
            assert refused() == said(name)
            os.unlink(f"out/{name}")
        run()
        Path("out/thesis.tex").touch()
        assert refused() == said("thesis.tex")
        os.unlink("out/thesis.tex")
        Path("out/more").mkdir()
        assert refused() == said("more")

    def test_a_pair_s_folder_with_something_else(self, here):
        run()
        Path("out/b/figure.png").touch()
        assert run() == dict.fromkeys("abc", "up to date")
        replaced(here / "b2.npz", seed=99)
        assert run()["b"] == "out/b holds 'figure.png', which would be deleted. Move it away."
        assert sorted(os.listdir("out/b")) == [
            "comparison.csv", "features.csv", "figure.png", "record.json",
        ]  # fmt: skip
        os.unlink("out/b/figure.png")
        assert run()["b"] == "done"

    def test_places(self, here):
        Path("file").touch()
        assert refused(PAIRS, "file") == (
            "file is a file; results go to a folder. Choose another name."
        )
        assert refused(PAIRS, "no/out") == (
            "no/out: the folder no does not exist. Create it first."
        )

    def test_a_folder_that_cannot_be_written_to(self, here, read_only):
        assert refused(PAIRS, read_only) == (
            f"{read_only}/batch.json: the folder {read_only} is not writable. Choose another "
            "output."
        )

    def test_labels(self, here):
        assert refused([pair("a", "x"), pair("b", "X")]) == (
            "the label 'X' is that of a.npz and a2.npz. Choose another."
        )
        assert refused([pair("a", "Errors.csv")]) == (
            "the label 'Errors.csv' is that of a file of the batch, errors.csv. Choose another."
        )
        assert not Path("out").exists()

    def test_settings(self, here):
        assert refused(frames="x").startswith("`frames`")
        assert refused(frames="3:3").startswith("`frames` 3:3 is empty")
        assert refused(max_side=0).startswith("`max_side` 0: it must be a whole number")
        assert not Path("out").exists()


def test_measuring_takes_neither_torch_nor_pandas(here):
    code = (
        "import sys\nfrom stst.batch.pairs import NamedPair, measure_pair\n"
        "from stst.analysis.settings import Settings\n"
        "measure_pair(NamedPair('a', 'a.npz', 'a2.npz'), Settings())\n"
        "print(*{'torch', 'pandas', 'matplotlib', 'click', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "\n"


def test_measuring_in_this_process(here):
    shutil.copy("a2.npz", "same.npz")
    measured = measure_pair(NamedPair("a", "a2.npz", "same.npz"), Settings())
    assert "contrast.mean_absolute_error,0.0," in measured.tables["comparison.csv"]


def test_a_natural_clip_is_measured_once_for_all_its_samples(here, monkeypatch):
    found = []

    def counting(video):
        found.append(video.path.name)
        return features(video)

    monkeypatch.setattr("stst.batch.pairs.features", counting)
    for name in ("b2.npz", "c2.npz"):
        measure_pair(NamedPair("x", "a.npz", name), Settings())
    replaced(here / "a.npz", seed=99)
    measure_pair(NamedPair("x", "a.npz", "b2.npz"), Settings())
    assert found == ["a.npz", "b2.npz", "c2.npz", "a.npz", "b2.npz"]


class TestBesideNulls:
    MEASURED = Settings(measures=("photometry",))

    @pytest.fixture(autouse=True)
    def larger(self, here):
        for seed, name in enumerate(("a", "b", "a2", "b2", "c2")):
            replaced(here / f"{name}.npz", 3, 20, 24, seed=seed)

    def test_tables_are_there(self, here):
        assert run(PAIRS[:1], measures=("photometry",)) == {"a": "done"}
        for folder in ("out", "out/a"):
            found = rows(f"{folder}/photometry.csv")
            assert {row["clip"] for row in found} == {"a.npz", "a2.npz"}
            assert {row["null_kind"] for row in found} > {"unrelated", "scrambled", "noise"}
        record = json.loads(Path("out/a/record.json").read_text())
        assert record["settings"]["measures"] == ["photometry"]
        assert run(PAIRS[:1]) == {"a": "done"}
        assert not Path("out/photometry.csv").exists()

    def test_pairs_of_a_natural_clip_are_one_group(self, here):
        shared = NamedPair("x", "a.npz", "c2.npz")
        pairs = [*PAIRS[:2], shared]
        batch = PairBatch(pairs, Path("out"), self.MEASURED)
        assert batch._groups(pairs) == [(pairs[0], shared), (pairs[1],)]
        plain = PairBatch(pairs, Path("plain"))
        assert plain._groups(pairs) == [(one,) for one in pairs]

    def test_what_failed_before_comes_last_in_its_group(self, here):
        pairs = [NamedPair(name, "a.npz", f"{name}2.npz") for name in "abc"]
        batch = PairBatch(pairs, Path("out"), self.MEASURED)
        Path("out").mkdir()
        batch.states.begin()
        batch.states.put("a", "failed", error="it crashed")
        assert [one.label for one in batch._groups(pairs)[0]] == ["b", "c", "a"]

    def test_one_that_fails_does_not_keep_the_others_of_its_group(self, here):
        pairs = [NamedPair("gone", "a.npz", "no.npz"), pair("a"), NamedPair("x", "a.npz", "b2.npz")]
        assert run(pairs, measures=("photometry",)) == {
            "gone": "no.npz does not exist. Check the name and the folder.",
            "a": "done", "x": "done",
        }  # fmt: skip
        assert [row["label"] for row in rows("out/errors.csv")] == ["gone"]

    @pytest.mark.parametrize(
        "changed",
        [
            {"measures": ("photometry", "energy")},
            {"judges": (ClassifierSpec("tiny_classifier:judge"),)},
            {"judges": (ClassifierSpec("tiny_classifier:judge", input="native"),)},
            {"streams": (("spatial", StreamConfig(model="filterbank")),)},
            {"null": (Path("b.npz"),)},
        ],
    )
    def test_a_change_of_what_is_asked_is_seen(self, here, changed):
        settings = replace(self.MEASURED, judges=(ClassifierSpec("tiny_classifier:video_judge"),))

        def left(asked: Settings) -> list[str]:
            return PairBatch(PAIRS[:1], Path("out"), asked).left

        list(PairBatch(PAIRS[:1], Path("out"), settings).run(1, nothing_but_the_record))
        assert left(settings) == []
        assert left(replace(settings, **changed)) == ["a"]

    def test_tables_of_which_one_is_gone(self, here):
        run(PAIRS[:1], measures=("photometry",))
        Path("out/a/photometry.csv").unlink()
        assert PairBatch(PAIRS[:1], Path("out"), self.MEASURED).left == ["a"]
