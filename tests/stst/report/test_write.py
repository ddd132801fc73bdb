from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from report_files import FILES
from small_runs import FPS, clip, frames
from stst import __version__
from stst.analysis.comparison import compare
from stst.analysis.features import features
from stst.errors import InputError
from stst.report import check_report_output, frames_to_read, open_clips, write_report
from stst.report.sections import FIRST, LAST
from stst.utils.files import sha256_of
from stst.video import LazyVideo, read_video, write_video

VOID = {"meta", "link", "img", "input", "br"}
LOADING = {"src", "srcset", "poster", "data", "background", "action", "style"}


class Page(HTMLParser):
    """What is on a page; every element has to be closed."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text("utf-8")
        self.elements, self.text, self._open = [], [], []
        self.feed(self.source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        if tag == "dt":
            self.text.append(" ")

    def handle_data(self, data):
        if not {"script", "style"} & set(self._open):
            self.text.append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]

    @property
    def words(self):
        return " ".join("".join(self.text).split())


def decoded(uri, kind):
    head, _, data = uri.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(data, validate=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report of three clips, and the clips."""
    here = tmp_path_factory.mktemp("report")
    clip(here / "cat.npz", 6)
    clip(here / "made.mkv", 6, seed=1)
    clip(here / "other.mkv", 6, seed=2)
    record = {"role": "natural", "sha256": sha256_of(here / "cat.npz"), "frames": None}
    sidecar = {"schema_version": 1, "method": "stst", "seed": 5, "config": {"blend": 0.95}}
    (here / "made.json").write_text(json.dumps({**sidecar, "inputs": [record]}))
    clips = open_clips(here / "cat.npz", [here / "made.mkv", here / "other.mkv"])
    write_report(here / "report", clips, command="stst-analyze report 'a b' -o DIR")
    return here


@pytest.fixture(scope="module")
def page(folder):
    return Page(folder / "report" / "index.html")


class TestPage:
    def test_its_sections(self, page):
        anchors = ["frames", "motion", "features", "comparison", "provenance", "methods"]
        assert len(FIRST) + len(LAST) == len(anchors)
        headings = [one["id"] for one in page.all("h2")]
        assert headings == anchors
        links = [one["href"] for one in page.all("a") if one["href"].startswith("#")]
        assert links == ["#content", *(f"#{anchor}" for anchor in anchors)]
        assert page.all("html") == [{"lang": "en"}]
        ids = [one["id"] for _, one in page.elements if "id" in one]
        assert len(ids) == len(set(ids))

    def test_nothing_is_loaded(self, page):
        for tag, attributes in page.elements:
            for name, value in attributes.items():
                if name in LOADING and name != "style":
                    assert value.startswith("data:"), (tag, name)
                assert "url(" not in (value or ""), (tag, name)
        assert [one["href"] for one in page.all("link")] == ["data:,"]
        style = re.search(r"<style>(.*)</style>", page.source, re.DOTALL)[1]
        assert "url(" not in style
        assert "@import" not in style
        addresses = re.findall(r"https?://[^\"'\s<]*", page.source)
        assert addresses == ["https://doi.org/10.1038/s43588-024-00746-w"]

    def test_no_other_script_could_run(self, page):
        (policy,) = (one for one in page.all("meta") if "http-equiv" in one)
        assert policy["content"].startswith("default-src 'none'; img-src data:; media-src data:; ")
        assert len(page.all("script")) == 1
        assert "unsafe-inline" not in policy["content"].split("script-src")[1]

    def test_frames(self, page, folder):
        pictures = [one for one in page.all("img") if one["src"].startswith("data:image/png")]
        assert [one["alt"] for one in pictures] == [
            f"{label}, frame {number}"
            for label in ("natural", "made (STST)", "other")
            for number in (0, 2, 3, 5)
        ]
        shown = np.asarray(Image.open(BytesIO(decoded(pictures[6]["src"], "image/png"))))
        assert np.array_equal(shown, frames(6, seed=1)[3])
        assert {(one["width"], one["class"]) for one in pictures} == {("200", "pixelated")}
        assert "natural frame 2, 0.067 s" in page.words

    def test_previews(self, page, tmp_path):
        videos = page.all("video")
        assert [one["aria-label"] for one in videos] == ["natural", "made (STST)", "other"]
        for one in videos:
            assert {"muted", "loop", "controls", "playsinline"} <= set(one)
            (tmp_path / "x.mp4").write_bytes(decoded(one["src"], "video/mp4"))
            video = read_video(tmp_path / "x.mp4")
            assert (len(video), video.fps, video.frames.shape[1:]) == (6, FPS, (18, 20, 3))
        (player,) = (one for one in page.all("div") if one.get("class") == "player")
        assert (player["data-frames"], float(player["data-rate"])) == ("6", float(FPS))
        (slider,) = page.all("input")
        assert (slider["min"], slider["max"]) == ("0", "5")

    def test_figures(self, page, folder):
        figures = [one for one in page.all("img") if one["src"].startswith("data:image/svg")]
        assert len(figures) == 10
        assert all(decoded(one["src"], "image/svg+xml").startswith(b"<?xml") for one in figures)
        means = features(LazyVideo(folder / "cat.npz")).values["pixel_intensity"].mean()
        assert figures[0]["alt"].startswith(
            "Pixel intensity over time, one line for each clip; means over frames: natural "
            f"{means:.3f}, made (STST) 0."
        )

    def test_numbers(self, page, folder):
        both = [features(LazyVideo(folder / name)) for name in ("cat.npz", "made.mkv")]
        found = compare(*both)
        change, angle = found["pixel_change"], found["flow_angle_weighted_mean"]
        row = (
            f"Pixel change 0–1 made (STST) {change['natural_mean']:#.3g} "
            f"{change['other_mean']:#.3g} {change['mean_absolute_error']:#.3g} "
            f"{100 * change['relative_error']:#.3g} % "
        )
        assert row in page.words
        mean = angle["natural_mean"]
        assert f"made (STST) {mean:.2f} rad ({np.degrees(mean):.0f}°) " in page.words
        assert page.words.count("rad (") == 2 * 2 * 4
        for column in ("Correlation", "Circular correlation"):
            assert f'>{column}</th><th scope="col">Frames</th></tr>' in page.source
        cells = page.words.partition(row)[2].split()[:2]
        assert cells[1] == "5", "so many frames were compared"

    def test_provenance(self, page, folder):
        for name in ("cat.npz", "made.mkv", "other.mkv"):
            assert sha256_of(folder / name) in page.words
        assert "Method STST, spatiotemporal style transfer Seed 5 Blending ratio 0.95" in page.words
        assert '{ "blend": 0.95 }' in page.words
        assert page.words.count("No sidecar lies beside this clip.") == 2

    def test_methods_and_command(self, page):
        assert (
            "pyramid scale 0.5, 5 levels, window 13 px, 10 iterations per level, polynomial "
            "neighbourhood 5 px with σ = 1.1 px"
        ) in page.words
        assert page.words.endswith(
            f"Made by napari-stst {__version__} with stst-analyze report 'a b' -o DIR."
        )

    def test_what_is_said_of_frames_without_an_angle(self, tmp_path):
        """Of a clip that rests and moves, beside one that is still."""
        still, moving = np.repeat(frames(1), 4, axis=0), frames(4)
        moving[1] = moving[0]
        write_video(tmp_path / "a.npz", moving, FPS)
        write_video(tmp_path / "still.npz", still, FPS)
        clips = open_clips(tmp_path / "a.npz", [tmp_path / "still.npz"])
        write_report(tmp_path / "report", clips)
        page = Page(tmp_path / "report" / "index.html")
        (alt,) = (one["alt"] for one in page.all("img") if "(weighted mean) over" in one["alt"])
        assert re.search(r"natural \d\.\d\d \(2 of 3 frames\), still – \(0 of 3 frames\)\.$", alt)
        assert "Optical flow angle (weighted mean) rad still – – – – – 0 " in page.words
        assert "below 0.1 px/frame has no angle" in page.words
        compared = pd.read_csv(tmp_path / "report/comparison.csv").set_index("measure")["value"]
        assert compared["flow_angle_weighted_mean.frames"] == 0
        assert compared["flow_magnitude.frames"] == 3
        assert np.isnan(compared["flow_angle_weighted_mean.natural_mean"])


class TestFiles:
    def test_all_are_there(self, folder):
        assert sorted(one.name for one in (folder / "report").iterdir()) == sorted(FILES)

    def test_tables(self, folder):
        table = pd.read_csv(folder / "report/features.csv")
        assert set(table["clip"]) == {str(folder / n) for n in ("cat.npz", "made.mkv", "other.mkv")}
        assert list(table.columns) == ["clip", "frame", "time_s", "measure", "value", "unit"]
        compared = pd.read_csv(folder / "report/comparison.csv")
        assert set(compared["reference"]) == {str(folder / "cat.npz")}
        assert len(compared) == 2 * 9 * 6

    def test_the_same_bytes(self, folder):
        clips = open_clips(folder / "cat.npz", [folder / "made.mkv", folder / "other.mkv"])
        paths = write_report(folder / "again", clips, command="stst-analyze report 'a b' -o DIR")
        assert [path.name for path in paths] == list(FILES)
        for path in paths:
            assert path.read_bytes() == (folder / "report" / path.name).read_bytes(), path.name

    def test_progress(self, folder):
        clips = open_clips(folder / "cat.npz", [folder / "made.mkv"])
        begun, counted = [], []

        def begin(name, count):
            begun.append((name, count))
            return counted.append

        write_report(folder / "counted", clips, begin=begin)
        assert begun == [("natural", 12), ("made (STST)", 12)]
        assert len(counted) == frames_to_read(clips) == 24


@pytest.mark.parametrize("exception", [KeyboardInterrupt, OSError(28, "No space left")])
def test_nothing_is_left_behind(folder, exception):
    clips = open_clips(folder / "cat.npz", [folder / "other.mkv"])
    before = sorted(folder.iterdir())

    def failing(frame):
        if frame == 4:
            raise exception

    with pytest.raises(BaseException, match="disk is full|^$"):
        write_report(folder / "failed", clips, begin=lambda name, count: failing)
    assert sorted(folder.iterdir()) == before


class TestHostile:
    EVIL = "<script>alert(1)</script>\"'&amp;{{ 7*7 }}\ud800\x00"

    def test_everything_is_escaped(self, tmp_path):
        # a slash cannot be in a name, but between two
        folder = tmp_path / "<script>alert(1)<"
        folder.mkdir()
        natural = clip(folder / "script>.mkv")
        other = clip(tmp_path / "<img src=x onerror=alert(1)>\"'&$x$.mkv", seed=1)
        record = {
            "sha256": sha256_of(natural),
            "frames": None,
            "role": self.EVIL,
            "size": self.EVIL,
        }
        evil = {key: self.EVIL for key in ("seed", "output", "schema_version")}
        content = {
            **evil,
            "method": "stst",
            "config": {self.EVIL: self.EVIL, "rules": self.EVIL, "octaves": [self.EVIL]},
            "inputs": [record],
            "weights": [{"name": self.EVIL, "source": "javascript:alert(1)"}, self.EVIL],
            "environment": {self.EVIL: self.EVIL, "versions": {self.EVIL: [self.EVIL]}},
            "warnings": [self.EVIL, 3, None],
        }
        other.with_suffix(".json").write_text(json.dumps(content))
        clips = open_clips(natural, [other])
        write_report(tmp_path / "report", clips, command=f"stst-analyze {other}")
        page = Page(tmp_path / "report/index.html")
        assert len(page.all("script")) == 1
        assert "onerror" not in str([names for _, one in page.elements for names in one])
        assert {one["src"][:5] for one in page.all("img")} == {"data:"}
        shown = self.EVIL.replace("\ud800", "\ufffd").replace("\x00", "\ufffd")
        assert page.words.count(shown) >= 8
        assert "<img src=x onerror=alert(1)>\"'&$x$ (STST)" in page.words

    @pytest.mark.parametrize("content", ["[]", "{", "nonsense"])
    def test_a_damaged_sidecar(self, tmp_path, content):
        clip(tmp_path / "a.mkv")
        clip(tmp_path / "b.mkv")
        (tmp_path / "b.json").write_text(content)
        with pytest.raises(InputError, match=r"b\.json: the sidecar of .*b\.mkv"):
            open_clips(tmp_path / "a.mkv", [tmp_path / "b.mkv"])

    def test_a_foreign_sidecar(self, tmp_path):
        for name in ("a", "b"):
            clip(tmp_path / f"{name}.mkv")
            (tmp_path / f"{name}.json").write_text('{"title": "from elsewhere"}')
        write_report(tmp_path / "r", open_clips(tmp_path / "a.mkv", [tmp_path / "b.mkv"]))
        words = Page(tmp_path / "r/index.html").words
        assert "Sidecar b.json is no sidecar of this program; nothing of it is shown." in words


class TestShort:
    @pytest.mark.parametrize(("count", "height", "width"), [(1, 18, 20), (2, 1, 1), (2, 33, 500)])
    def test_clips(self, tmp_path, count, height, width):
        for seed, name in enumerate("ab"):
            clip(tmp_path / f"{name}.mkv", count, height, width, seed)
        write_report(tmp_path / "r", open_clips(tmp_path / "a.mkv", [tmp_path / "b.mkv"]))
        page = Page(tmp_path / "r/index.html")
        pictures = [one for one in page.all("img") if one["src"].startswith("data:image/png")]
        assert len(pictures) == 2 * count
        assert {one["width"] for one in pictures} == {"400" if width == 500 else "200"}
        assert ("class" in pictures[0]) == (width != 500)
        assert not re.search(r"\bnan\b|None", page.words)


class TestOutput:
    @pytest.mark.parametrize("name", [".", "..", "/"])
    def test_no_name(self, name):
        with pytest.raises(InputError, match=r"a report is a folder of its own\. Give a name"):
            check_report_output(Path(name), overwrite=True)

    def test_what_is_there(self, folder):
        report = folder / "report"
        with pytest.raises(
            InputError, match=r"report exists\. Give `overwrite=True` to replace it"
        ):
            check_report_output(report, overwrite=False)
        assert check_report_output(report, overwrite=True)

    def test_what_is_not_there(self, tmp_path):
        assert not check_report_output(tmp_path / "new", overwrite=False)
        with pytest.raises(InputError, match=r"the folder .*none does not exist"):
            check_report_output(tmp_path / "none/new", overwrite=False)

    def test_an_empty_folder(self, tmp_path):
        assert check_report_output(tmp_path, overwrite=False)

    @pytest.mark.parametrize("content", [None, "<html></html>", "napari-stst"])
    def test_no_report(self, tmp_path, content):
        (tmp_path / "mine.txt").touch()
        if content:
            (tmp_path / "index.html").write_text(content)
        with pytest.raises(InputError, match=r"is not a report, so it is not replaced"):
            check_report_output(tmp_path, overwrite=True)

    def test_a_file(self, tmp_path):
        (tmp_path / "x").touch()
        with pytest.raises(InputError, match=r"x is not a report, so it is not replaced"):
            check_report_output(tmp_path / "x", overwrite=True)

    def test_a_report_with_more_in_it(self, folder, tmp_path):
        for name in FILES:
            (tmp_path / name).write_bytes((folder / "report" / name).read_bytes())
        (tmp_path / "notes.txt").touch()
        message = r"holds 'notes\.txt', which is not of a report; it would be deleted"
        with pytest.raises(InputError, match=message):
            check_report_output(tmp_path, overwrite=True)
