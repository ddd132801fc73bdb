"""Clips of more than 8 bits and of high dynamic range, in every command, and on record."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import small_runs
import stst
from deep_clips import HLG, PQ, deep
from small_runs import refused, stst_analyze
from stst.analysis.cka.unrelated import UnrelatedClips
from stst.analysis.pairs import NaturalClip
from stst.analysis.settings import Settings
from stst.config import StpsConfig, build
from stst.config.command import command_words
from stst.errors import InputError
from stst.report import report_command
from stst.training.sequences import describe_clip, load_clip
from stst.video import AS_STORED, LazyVideo, Levels, read_levels
from stst_cli.analyze import main as analyze_main
from stst_cli.main import main

#: Commands that read no clip as it is, or that repeat what is on record.
OTHERS = {
    "stst": {"export", "info", "presets", "remake", "samples", "watch", "weights"},
    "stst-analyze": set(),
}
ASKED = {"bits": ("--bits", "8"), "hdr": ("--tonemap", "bt2408", "--peak-nits", "600")}
LEVELS = {"bits": Levels(bits=8), "hdr": Levels(tonemap="bt2408", peak_nits=600)}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deep("bits.mkv")
    deep("hdr.mkv", transfer=PQ)
    return tmp_path


def sidecar(path) -> dict:
    with open(path) as file:
        return json.load(file)


def done(result):
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize(
    ("program", "name", "command"),
    [
        (program, name, command)
        for program, group in (("stst", main), ("stst-analyze", analyze_main))
        for name, command in (
            (name, group.get_command(None, name)) for name in group.list_commands(None)
        )
        if name not in OTHERS[program]
    ],
)
def test_every_command_that_reads_clips_has_the_options(program, name, command):
    options = {word for parameter in command.params for word in parameter.opts}
    assert {"--bits", "--tonemap", "--peak-nits"} <= options, f"{program} {name}"


@pytest.mark.parametrize("kind", ASKED)
class TestStimuli:
    def test_refused_with_the_option_that_helps(self, kind):
        """The remedy is taken out of the message and given."""
        result = small_runs.stst("scramble", f"{kind}.mkv", "-o", "out.mkv")
        assert result.exit_code == 2
        option = {"bits": "--bits 8", "hdr": "--tonemap bt2408"}[kind]
        assert f"Give {option} to " in result.stderr
        done(small_runs.stst("scramble", f"{kind}.mkv", "-o", "out.mkv", *option.split()))
        assert option in small_runs.stst("info", f"{kind}.mkv").stdout

    def test_made_recorded_and_made_again(self, kind):
        words = ("scramble", f"{kind}.mkv", "-o", "out.mkv", *ASKED[kind], "--frames", "1:4")
        done(small_runs.stst(*words))
        natural = stst.read_video(f"{kind}.mkv", frames="1:4", **LEVELS[kind].as_dict())
        (expected,) = stst.scramble(natural, StpsConfig())
        assert np.array_equal(stst.read_video("out.mkv").frames, expected.frames)
        content = sidecar("out.json")
        (entry,) = content["inputs"]
        assert read_levels(entry, "") == LEVELS[kind]
        assert entry["chroma_siting"] == "left"
        assert entry["frames_sha256"] == natural.sha256()
        taken = content["config"]["input"]
        assert {key: taken[key] for key in LEVELS[kind].as_dict()} == LEVELS[kind].as_dict()
        said = {"bits": "Rounded from 10 to 8 bits", "hdr": "Tone-mapped from PQ"}[kind]
        assert any(said in one for one in content["warnings"])
        done(small_runs.stst("remake", "out.json", "-o", "again.mkv"))
        assert Path("out.mkv").read_bytes() == Path("again.mkv").read_bytes()
        before = Path("out.mkv").stat()
        done(small_runs.stst(*words, "--resume"))
        assert Path("out.mkv").stat() == before

    def test_by_config_file_set_and_manifest(self, kind):
        values = LEVELS[kind].as_dict()
        text = "\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
        with open("config.toml", "w") as file:
            file.write(f'method = "stps"\n[input]\n{text}\n')
        natural = f"{kind}.mkv"
        done(small_runs.stst("scramble", natural, "-o", "a.mkv", "--config", "config.toml"))
        sets = [part for key, value in values.items() for part in ("--set", f"input.{key}={value}")]
        done(small_runs.stst("scramble", natural, "-o", "b.mkv", *sets))
        with open("rows.csv", "w") as file:
            file.write(",".join(["natural", "method", *(f"input.{key}" for key in values)]) + "\n")
            file.write(",".join([natural, "stps", *map(str, values.values())]) + "\n")
        done(small_runs.stst("batch", "rows.csv", "-o", "made", "--jobs", "1"))
        done(small_runs.stst("batch", natural, "-o", "also", "--preset", "stps", "--jobs", "1",
                             *ASKED[kind]))  # fmt: skip
        frames = stst.read_video("a.mkv").sha256()
        assert stst.read_video("b.mkv").sha256() == frames
        for folder in ("made", "also"):
            (path,) = Path(folder).rglob("*.mkv")
            assert stst.read_video(path).sha256() == frames

    def test_style_transfer_of_a_target_and_a_mask(self, kind):
        deep("target.mkv", bits=12)
        mask = np.zeros((18, 20), np.uint16)
        mask[4:12, 5:15] = 65535
        import cv2

        assert cv2.imwrite("mask.png", mask)
        result = small_runs.synthesize(
            f"{kind}.mkv", "-o", "out.mkv", "--target", "spatial_texture=target.mkv",
            "--mask", "mask.png", "--bits", "8", *(ASKED[kind] if kind == "hdr" else ()),
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        records = {one["role"]: one for one in sidecar("out.json")["inputs"]}
        assert read_levels(records["natural"], "") == LEVELS[kind]
        assert records["spatial_texture"]["bits"] == records["mask"]["bits"] == 8

    def test_the_command_of_a_config(self, kind):
        config = build({"method": "stps", "input": LEVELS[kind].as_dict()}, StpsConfig)
        words = command_words(config, "stps", f"{kind}.mkv", "c.mkv")
        done(small_runs.stst(*words[1:]))
        assert read_levels(sidecar("c.json")["inputs"][0], "") == LEVELS[kind]

    def test_converted_on_record(self, kind):
        done(small_runs.stst("scramble", f"{kind}.mkv", "-o", "s.mkv", *ASKED[kind]))
        result = small_runs.stst("convert", f"{kind}.mkv", "n.npy", *ASKED[kind], "--json")
        made = json.loads(done(result).stdout)
        assert read_levels(made["source"], "") == LEVELS[kind]
        read = stst.read_video(f"{kind}.mkv", **LEVELS[kind].as_dict()).frames
        assert np.array_equal(np.load("n.npy"), read)


@pytest.mark.parametrize("kind", ASKED)
class TestAnalysis:
    @pytest.fixture(autouse=True)
    def stimulus(self, here, kind):
        done(small_runs.stst("scramble", f"{kind}.mkv", "-o", "s.mkv", *ASKED[kind]))

    def test_the_natural_clip_is_read_as_the_stimulus_says(self, kind):
        pair = NaturalClip(Path(f"{kind}.mkv")).pair(Path("s.mkv"))
        assert pair.alignment.levels == LEVELS[kind]
        shown = {"bits": "[bits=8]", "hdr": "[tonemap=bt2408, peak_nits=600]"}[kind]
        assert pair.reference == f"{kind}.mkv {shown}"
        result = done(stst_analyze("compare", f"{kind}.mkv", "s.mkv"))
        assert shown in result.stdout
        assert shown in result.stderr

    def test_another_deep_clip_is_read_as_asked(self, kind):
        refusal = stst_analyze("compare", f"{kind}.mkv", f"{kind}.mkv")
        assert refusal.exit_code == 2
        done(stst_analyze("compare", f"{kind}.mkv", f"{kind}.mkv", *ASKED[kind]))
        # the natural clip as its stimulus says, and a stimulus that needs nothing
        done(stst_analyze("compare", f"{kind}.mkv", "s.mkv", "--bits", "8"))

    def test_features_report_and_batch(self, kind):
        done(stst_analyze("features", f"{kind}.mkv", *ASKED[kind]))
        done(stst_analyze("report", f"{kind}.mkv", "s.mkv", "-o", "report"))
        page = Path("report/index.html").read_text("utf-8")
        assert {"bits": "rounded to 8 bits per channel", "hdr": "Tone mapping"}[kind] in page
        done(stst_analyze("report", f"{kind}.mkv", "-o", "alone", *ASKED[kind]))
        assert " ".join(ASKED[kind]) in Path("alone/index.html").read_text("utf-8")
        with open("pairs.csv", "w") as file:
            file.write(f"natural,other\n{kind}.mkv,s.mkv\n{kind}.mkv,{kind}.mkv\n")
        done(stst_analyze("batch", "pairs.csv", "-o", "tables", "--jobs", "1", *ASKED[kind]))
        assert stst_analyze("batch", "pairs.csv", "-o", "fails", "--jobs", "1").exit_code == 1

    def test_training(self, kind):
        path, levels = Path(f"{kind}.mkv"), LEVELS[kind]
        frames = load_clip(path, (18, 20), "stretch", 2, levels)
        assert np.array_equal(frames, stst.read_video(path, **levels.as_dict()).frames)
        record = describe_clip(path, levels)
        assert read_levels(record, "") == levels

    def test_the_null(self, kind):
        with pytest.raises(InputError, match=r"`bits=8`|`tonemap=\"bt2408\"`"):
            UnrelatedClips([Path(f"{kind}.mkv")])
        nulls = UnrelatedClips([Path(f"{kind}.mkv")], LEVELS[kind])
        # it is what the stimulus was made of, though not in the same file
        stst.convert(f"{kind}.mkv", "elsewhere.mkv", **LEVELS[kind].as_dict())
        natural, other = LazyVideo("elsewhere.mkv"), LazyVideo("s.mkv")
        left = {one.name for one in nulls.apart_from(natural, other)}
        assert left
        assert f"{kind}.mkv" not in left


class TestContradictions:
    def test_a_peak_that_the_stimulus_was_not_made_with(self):
        done(small_runs.stst("scramble", "hdr.mkv", "-o", "s.mkv", *ASKED["hdr"]))
        refused(
            stst_analyze(
                "compare", "hdr.mkv", "s.mkv", "--tonemap", "bt2408", "--peak-nits", "500"
            ),
            "--peak-nits 500: s.json says that the stimulus was made with 600. "
            "Leave --peak-nits out.",
        )

    @pytest.mark.parametrize(
        ("key", "value", "words"),
        [("bits", 9, "bits is 9"), ("tonemap", "x", "tonemap is 'x'"), ("bits", "8", "bits is '8'"),
         ("peak_nits", "600", "peak_nits is '600'"),
         ("peak_nits", 10**400, "peak_nits is 1000")],
    )  # fmt: skip
    def test_records_that_cannot_be(self, key, value, words):
        done(small_runs.stst("scramble", "hdr.mkv", "-o", "s.mkv", *ASKED["hdr"]))
        content = sidecar("s.json")
        content["inputs"][0][key] = value
        with open("s.json", "w") as file:
            json.dump(content, file)
        refused(stst_analyze("compare", "hdr.mkv", "s.mkv"), f"s.json: inputs: {words}")

    @pytest.mark.parametrize("command", ["scramble", "synthesize"])
    def test_a_peak_of_nothing(self, command):
        refused(
            small_runs.stst(command, "hdr.mkv", "-o", "s.mkv", "--peak-nits", "500"),
            "peak_nits applies with tonemap alone",
        )
        refused(
            small_runs.stst("convert", "hdr.mkv", "s.mkv", "--peak-nits", "500"),
            "nothing is tone-mapped. Give --tonemap bt2408 as well",
        )

    def test_a_report_of_two_readings(self):
        for peak in ("500", "600"):
            done(small_runs.stst("scramble", "hdr.mkv", "-o", f"s{peak}.mkv", "--tonemap", "bt2408",
                                 "--peak-nits", peak))  # fmt: skip
        refused(
            stst_analyze("report", "hdr.mkv", "s500.mkv", "s600.mkv", "-o", "report"),
            "a report shows one natural clip",
        )


def test_what_is_measured_again_after_another_reading():
    from stst.batch.pairs import _describe
    from stst.utils.files import sha256_of

    plain = _describe(Settings(), sha256_of)
    assert "bits" not in plain
    assert _describe(Settings(levels=Levels(bits=8)), sha256_of) == {**plain, "bits": 8}


def test_words_of_a_report():
    words = report_command("a.mkv", (), levels=Levels(8, "bt2408", 600.0))
    assert words.endswith("--bits 8 --tonemap bt2408 --peak-nits 600")
    assert report_command("a.mkv", ()) == report_command("a.mkv", (), levels=AS_STORED)


def test_hlg_in_python_and_in_a_lazy_clip():
    deep("hlg.mkv", transfer=HLG, bits=12)
    read = stst.read_video("hlg.mkv", tonemap="bt2408")
    lazy = LazyVideo("hlg.mkv", levels=Levels(tonemap="bt2408"))
    assert lazy.sha256() == read.sha256()
    assert lazy.levels == Levels(tonemap="bt2408", peak_nits=1000)
    with stst.open_video("hlg.mkv", tonemap="bt2408", peak_nits=400) as reader:
        assert reader.levels.peak_nits == 400
        assert not np.array_equal(reader[0], read.frames[0])
