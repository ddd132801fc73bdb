from __future__ import annotations

import json
import os
import sys

import pytest
from click.testing import CliRunner

from report_files import FILES
from small_runs import clip, refused
from stst.utils.files import sha256_of
from stst_cli.analyze import main


def report(*words):
    result = CliRunner().invoke(main, ["report", *map(str, words)], prog_name="stst-analyze")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with a natural clip of four frames and two others."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "cat.npz", 4)
    clip(tmp_path / "a.mkv", 4, seed=1)
    clip(tmp_path / "b.mkv", 4, seed=2)
    return tmp_path


def entries(folder):
    return sorted(entry.name for entry in folder.iterdir())


def bytes_of(folder):
    return {name: (folder / name).read_bytes() for name in entries(folder)}


CLIPS = ["a.mkv", "b.mkv", "cat.npz"]


class TestResult:
    def test_lines(self, here):
        shown = report("cat.npz", "a.mkv", "b.mkv", "-o", "report")
        assert (shown.exit_code, shown.stdout) == (0, os.path.join("report", "index.html") + "\n")
        assert [line.split(" done")[0] for line in shown.stderr.splitlines()] == [
            "natural",
            "a",
            "b",
        ]
        assert entries(here) == [*CLIPS, "report"]
        assert entries(here / "report") == sorted(FILES)

    def test_json(self, here):
        shown = report("cat.npz", "a.mkv", "-o", "report/", "--json")
        paths = json.loads(shown.stdout)
        assert paths["report"] == os.path.join("report", "index.html")
        assert paths["files"] == [os.path.join("report", name) for name in FILES[1:]]

    def test_the_command_is_on_the_page(self, here):
        os.rename("a.mkv", "a b.mkv")
        words = ("cat.npz", "a b.mkv", "--frames", "0:4", "--max-side", 20)
        assert report(*words, "-o", "one", "--json").exit_code == 0
        page = (here / "one/index.html").read_text("utf-8")
        command = "stst-analyze report cat.npz &#39;a b.mkv&#39; -o DIR --frames 0:4 --max-side 20"
        assert f"<code>{command}</code>" in page

    def test_measures(self, here):
        clip(here / "u.mkv", 4, 30, 30, seed=8)
        words = ("--measure", "photometry", "--measure", "photometry", "--null", "u.mkv")
        shown = report("cat.npz", "a.mkv", "-o", "one", *words)
        assert shown.exit_code == 0
        assert [line.split(" done")[0] for line in shown.stderr.splitlines()] == [
            "natural", "a", "photometry",
        ]  # fmt: skip
        page = (here / "one/index.html").read_text("utf-8")
        assert "-o DIR --measure photometry --null u.mkv</code>" in page
        assert "u.mkv), from the lowest value" in page
        # those of a batch
        (here / "pairs.csv").write_text("natural,other\ncat.npz,a.mkv\n")
        again = ["batch", "pairs.csv", "-o", "b", "--null", "u.mkv", "--measure", "photometry"]
        batched = CliRunner().invoke(main, again)
        assert batched.exit_code == 0
        (found,) = (here / "b").glob("*/photometry.csv")
        assert found.read_bytes() == (here / "one/photometry.csv").read_bytes()

    def test_the_same_bytes(self, here):
        assert report("cat.npz", "a.mkv", "-o", "one").exit_code == 0
        assert report("cat.npz", "a.mkv", "-o", "two").exit_code == 0
        assert bytes_of(here / "one") == bytes_of(here / "two")

    def test_frames_of_the_natural_clip(self, here):
        clip(here / "long.npz", 9)
        assert report("long.npz", "a.mkv", "-o", "one", "--frames", "2:6").exit_code == 0
        page = (here / "one/index.html").read_text("utf-8")
        assert "long.npz was aligned as asked for: [frames=2:6]." in page
        assert "4 frames, 2 to 5 of the file" in page

    def test_a_sidecar_aligns(self, here):
        clip(here / "long.npz", 9)
        record = {"sha256": sha256_of(here / "long.npz"), "frames": [1, 5]}
        (here / "a.json").write_text(json.dumps({"method": "stst", "inputs": [record]}))
        shown = report("long.npz", "a.mkv", "-o", "one")
        assert shown.exit_code == 0
        note = "long.npz was aligned as a.json says: [frames=1:5]."
        assert f"Note: {note}\n" in shown.stderr
        page = (here / "one/index.html").read_text("utf-8")
        assert f"<li>{note}</li>" in page
        assert "a (STST)" in page

    @pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
    def test_names_that_are_no_text(self, here):
        natural, other = os.fsdecode(b"\xff.npz"), os.fsdecode(b"\xfe.mkv")
        os.rename("cat.npz", natural)
        os.rename("a.mkv", other)
        shown = report(natural, other, "-o", os.fsdecode(b"\xfd"))
        assert shown.exit_code == 0
        assert len(shown.stdout.splitlines()) == 1
        assert "\ufffd.npz" in (here / os.fsdecode(b"\xfd") / "index.html").read_text("utf-8")


class TestOverwrite:
    def test_a_report(self, here):
        words = ("cat.npz", "a.mkv", "-o", "report")
        report(*words)
        before = bytes_of(here / "report")
        line = refused(report(*words), "report exists. Give --overwrite to replace it")
        assert (
            line == "Error: report exists. Give --overwrite to replace it, or choose another name."
        )
        assert report("cat.npz", "b.mkv", "-o", "report", "--overwrite").exit_code == 0
        assert bytes_of(here / "report") != before
        assert report(*words, "--overwrite").exit_code == 0
        assert bytes_of(here / "report") == before

    def test_anything_else(self, here):
        (here / "mine").mkdir()
        (here / "mine/index.html").write_text("mine")
        words = ("cat.npz", "a.mkv", "--overwrite", "-o")
        refused(report(*words, "mine"), "mine is not a report, so it is not replaced")
        refused(report(*words, "b.mkv"), "b.mkv is not a report, so it is not replaced")
        refused(report(*words, "."), ".: a report is a folder of its own. Give a name such as")
        assert (here / "mine/index.html").read_text() == "mine"
        assert entries(here) == [*CLIPS, "mine"]

    def test_an_empty_folder(self, here):
        (here / "empty").mkdir()
        assert report("cat.npz", "a.mkv", "-o", "empty").exit_code == 0
        assert entries(here / "empty") == sorted(FILES)


class TestRefused:
    def test_before_any_work(self, here):
        refused(report("none.npz", "a.mkv", "-o", "r"), "none.npz")
        refused(report("cat.npz", "none.mkv", "-o", "r"), "none.mkv")
        refused(report("cat.npz", "a.mkv", "a.mkv", "-o", "r"), "a.mkv is given twice")
        refused(report("cat.npz", "a.mkv", "-o", "none/r"), "the folder none does not exist")
        clip(here / "short.npz", 2)
        refused(report("cat.npz", "short.npz", "-o", "r"), "2 frames", "4 frames", "--frames A:B")
        assert entries(here) == [*CLIPS, "short.npz"]

    def test_clips_of_other_frames(self, here):
        clip(here / "long.npz", 9)
        for name, frames in (("a", [1, 5]), ("b", [2, 6])):
            record = {"sha256": sha256_of(here / "long.npz"), "frames": frames}
            (here / f"{name}.json").write_text(json.dumps({"inputs": [record]}))
        refused(
            report("long.npz", "a.mkv", "b.mkv", "-o", "r"),
            "a.mkv is compared with long.npz [frames=1:5] and b.mkv with long.npz [frames=2:6], "
            "but a report shows one natural clip. Make a report of each.",
        )

    def test_nulls_of_nothing_and_nulls_that_are_not_there(self, here):
        refused(report("cat.npz", "a.mkv", "-o", "r", "--null", "b.mkv"), "--null: gives clips for")
        words = ("--measure", "energy", "--null", "no.mkv")
        refused(report("cat.npz", "a.mkv", "-o", "r", *words), "no.mkv")
        assert entries(here) == CLIPS

    @pytest.mark.parametrize("words", [("cat.npz", "a.mkv"), ("-o", "r")])
    def test_usage(self, here, words):
        shown = report(*words)
        assert (shown.exit_code, shown.stdout) == (2, "")
        assert "Missing " in shown.stderr


def test_an_interrupt(here, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("stst.report.content.write_preview", interrupted)
    shown = report("cat.npz", "a.mkv", "-o", "report")
    assert (shown.exit_code, shown.stdout) == (130, "")
    assert shown.stderr.splitlines()[-1] == "Interrupted."
    assert entries(here) == CLIPS


def test_a_full_disk(here, small_disk):
    shown = report("cat.npz", "a.mkv", "-o", small_disk / "report")
    refused(shown, f"{small_disk / 'report'}: the disk is full; nothing was left there", code=1)
    assert entries(small_disk) == []
