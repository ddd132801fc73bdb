from __future__ import annotations

from pathlib import Path

import pytest

from stst.batch.errors import BatchError, Problems
from stst.batch.manifest import JobRequest
from stst.batch.plan import BatchDefaults, plan_jobs

WHERE = "jobs.csv, line 2"


def plan(*wanted: JobRequest, common=None, layout="plain"):
    problems = Problems()
    jobs = plan_jobs(wanted, Path("out"), common or BatchDefaults(), problems, layout)
    problems.check()
    return jobs


def row(natural="clips/cat.mp4", number=2, **fields):
    return JobRequest(f"jobs.csv, line {number}", natural, **fields)


def problems_of(*wanted, **options):
    with pytest.raises(BatchError) as caught:
        plan(*wanted, **options)
    return caught.value.problems


class TestConfig:
    def test_methods_and_presets(self):
        found = plan(
            row(), row(method="scramble", number=3), row(preset="stps", seed=1, number=4),
            row(method="stps", preset="stps", seed=2, number=5),
            JobRequest(WHERE, None, "leaps", settings={"target": "cat"}),
        )  # fmt: skip
        assert [(job.config.method, job.preset) for job in found] == [
            ("stst", "fast"), ("stps", "stps"), ("stps", "stps"), ("stps", "stps"),
            ("leaps", "leaps"),
        ]  # fmt: skip

    def test_a_row_wins_over_options_and_options_over_the_preset(self):
        common = BatchDefaults(
            preset="paper", options={"precision": "bf16", "input": {"max_side": 64}},
            assignments=("blend=0.5", "octave_scale=1.25"), seeds=(4, 5),
        )  # fmt: skip
        one, other, third = plan(
            row(settings={"blend": 0.75, "octaves.0.iterations": 3}),
            row("dog.mp4", seed=9, preset="quick"),
            common=common,
        )
        assert (one.seed, other.seed, third.seed) == (4, 5, 9)
        assert one.config.precision == "bf16"
        assert one.config.input.max_side == 64
        assert one.config.octaves[0].iterations == 3
        assert (one.config.blend, third.config.blend) == (0.75, 0.5)
        assert one.config.octave_scale == third.config.octave_scale == 1.25
        assert third.config.spatial.model == "filterbank"

    def test_files_and_paths_in_rows(self, tmp_path):
        (tmp_path / "own.toml").write_text('method = "stps"\ncoherence = 0.5\nseed = 3\n')
        (job,) = plan(JobRequest(WHERE, "cat.mp4", config="own.toml", folder=tmp_path))
        assert (job.config.method, job.config.coherence, job.seed) == ("stps", 0.5, 3)
        assert (job.label, job.natural) == ("cat_stps_own_seed3", tmp_path / "cat.mp4")
        settings = {"targets.color": "dog.mp4", "mask": "m.png"}
        (job,) = plan(JobRequest(WHERE, "cat.mp4", settings=settings, folder=tmp_path))
        assert job.config.targets.color == str(tmp_path / "dog.mp4")
        assert job.config.mask == str(tmp_path / "m.png")

    @pytest.mark.parametrize(
        ("one", "parts"),
        [
            (row(method="magic"), ["method is 'magic'", "synthesize"]),
            (row(preset="slow"), ["unknown preset 'slow'"]),
            (row(method="leaps", preset="fast"), ["preset fast", "this is leaps"]),
            (row(config="none.toml"), ["none.toml: no such config file"]),
            (row(natural=None), ["natural is missing"]),
            (row(settings={"blend": 3}), ["blend", "found 3"]),
            (row(settings={"octave_scal": 3}), ["unknown key 'octave_scal'", "octave_scale"]),
            (row(settings={"octaves.7.iterations": 3}), ["no entry '7'"]),
            (row(settings={"a" + ".b" * 30: 3}), ["no key has 31 parts"]),
            (row(settings={"samples": 3}), ["samples: a row makes one stimulus"]),
            (row(settings={"seed.x": 3}), ["seed.x: a row makes one"]),
        ],
    )
    def test_refused(self, one, parts):
        (line,) = problems_of(one)
        assert line.startswith("jobs.csv, line 2: ")
        for part in parts:
            assert part in line

    @pytest.mark.parametrize(
        "settings", [{"spatial.model": "evil:model"}, {"spatial": {"model": "evil:model"}}]
    )
    def test_models_that_rows_name_are_trusted_by_name(self, settings):
        (line,) = problems_of(row(settings=settings))
        assert "jobs.csv, line 2: spatial.model names 'evil:model'" in line
        assert "`trusted=['evil:model']`" in line
        if "spatial.model" in settings:
            (job,) = plan(row(settings=settings), common=BatchDefaults(trusted=("evil:model",)))
            assert job.config.spatial.model == "evil:model"


class TestNames:
    def test_they_say_what_the_row_says(self):
        found = plan(
            row(seed=1), row(seed=2), row(seed=1, settings={"octave_scale": 1.3}),
            row("dogs/cat.mp4", seed=1, preset="stps"), row(seed=1, output="own"),
            row(seed=1, output="folder/"), row(seed=1, output="v1.2"), row(seed=1, output="x.npy"),
        )  # fmt: skip
        assert [job.label for job in found] == [
            "clips_cat_fast_seed1", "clips_cat_fast_seed2",
            "clips_cat_fast_octave_scale-1.3_seed1", "dogs_cat_stps_seed1",
            "own", "folder", "v1.2", "x",
        ]  # fmt: skip
        assert [job.output for job in found[4:]] == ["own.mkv", "folder/", "v1.2.mkv", "x.npy"]
        assert [job.target for job in found[4:6]] == ["out/own.mkv", "out/folder/"]
        assert found[0].group == found[1].group == "clips_cat_fast"
        assert found[4].group is None
        assert found[4].run_folder == Path("out/own.run")

    @pytest.mark.parametrize(
        ("output", "part"),
        [
            ("../x", "'/'"), ("/tmp/x.mkv", "'/'"), ("a\\b", "'\\\\'"), ("..", "dot"),
            ("CON", "reserves for a device"), ("con.mkv", "reserves for a device"),
            ("x.mp4", "without loss"), ("jobs", "the batch itself"), ("SUMMARY.npy", "the batch"),
            (".hidden", "dot"), ("x" * 150, "too long"), ("\u202ex", "holds"), ("//", "'/'"),
        ],
    )  # fmt: skip
    def test_names_stay_in_the_folder(self, output, part):
        (line,) = problems_of(row(output=output))
        assert line.startswith("jobs.csv, line 2: output")
        assert part in line

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ({"output": "x"}, {"output": "X"}),
            ({"output": "x.mkv"}, {"output": "x.npy"}),
            (
                {"output": "x", "method": "leaps", "settings": {"target": "3"}},
                {"output": "x.stimulus"},
            ),
            ({"output": "x.run"}, {"output": "x"}),
            ({"seed": 1}, {"seed": 1}),
            ({"seed": 1, "output": "cat_fast"}, {"seed": 1}),
            ({"output": "\u00e9"}, {"output": "e\u0301"}),
        ],
    )
    def test_names_do_not_clash(self, first, second):
        (line,) = problems_of(row(**first), row(**second, number=3))
        assert line.startswith("jobs.csv, line 3: output: ")
        assert "jobs.csv, line 2" in line

    def test_long_settings_need_a_name(self):
        octaves = [{"exponent": 0, "iterations": 3, "learning_rate": 0.1, "tv_weight": 0.1}] * 3
        settings = {"octaves": octaves[:1], "optimizer.name": "adam", "start": "noise"}
        (line,) = problems_of(row("x" * 60 + ".mp4", settings=settings))
        assert "too long" in line
        assert "Give the row an 'output'" in line

    def test_bids(self):
        found = plan(row(seed=1), row(output="red-ball", seed=1), layout="bids")
        assert [job.output for job in found] == [
            "stimuli/stim-catFastSeed1_video.mkv", "stimuli/stim-redBall_video.mkv",
        ]  # fmt: skip
        assert [job.group for job in found] == [None, None]
        (line,) = problems_of(row(output="猫"), layout="bids")
        assert "no letter or digit" in line
        (line,) = problems_of(row(output="x.npy"), layout="bids")
        assert "X.mkv" in line
        (line,) = problems_of(row(output="a-b"), row(output="a_b"), layout="bids")
        assert "stim-aB_video" in line
