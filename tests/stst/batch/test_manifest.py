from __future__ import annotations

import pytest

from stst.batch.errors import BatchError, Problems
from stst.batch.manifest import read_manifest, requests_for, seeds_of
from stst.errors import InputError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    for name in ("b.mp4", "a.mp4", "a.json", "a.preview.mp4", ".hidden.mp4", "c.npz"):
        (tmp_path / "clips" / name).touch()
    return tmp_path


def read(path, text):
    path.write_text(text, "utf-8")
    problems = Problems()
    found = read_manifest(path, problems)
    problems.check()
    return found


def shown(wanted):
    return [(one.natural, one.method, one.preset, one.seed) for one in wanted]


class TestTables:
    def test_csv(self, here):
        first, second = read(
            here / "jobs.csv",
            "natural,method,preset,seed,output,octave_scale,spatial.model\n"
            "clips/a.mp4,synthesize,fast,3,one,1.25,\n"
            "clips/b.mp4,,,,,,tiny_model:spatial\n",
        )
        assert shown([first, second]) == [
            ("clips/a.mp4", "synthesize", "fast", 3), ("clips/b.mp4", None, None, None),
        ]  # fmt: skip
        assert (first.output, first.settings) == ("one", {"octave_scale": 1.25})
        assert (second.output, second.settings) == (None, {"spatial.model": "tiny_model:spatial"})
        assert first.natural_path == here / "clips/a.mp4"
        assert first.where == f"{here / 'jobs.csv'}, line 2"

    def test_tsv_with_patterns_and_ranges(self, here):
        found = read(here / "jobs.tsv", "natural\tseed\nclips/*.mp4\t1:3\n")
        assert shown(found) == [
            ("clips/a.mp4", None, None, 1), ("clips/a.mp4", None, None, 2),
            ("clips/b.mp4", None, None, 1), ("clips/b.mp4", None, None, 2),
        ]  # fmt: skip

    def test_a_file_may_be_called_like_a_pattern(self, here):
        (here / "clips/[x].mp4").touch()
        assert shown(read(here / "jobs.csv", "natural\nclips/[x].mp4\n"))[0][0] == "clips/[x].mp4"


class TestToml:
    def test_products(self, here):
        found = read(
            here / "jobs.toml",
            """
            [defaults]
            seed = [4, "6:8"]
            octave_scale = 1.5
            spatial = {texture_weight = 2}
            [[jobs]]
            natural = ["clips/*.mp4", "clips/c.npz"]
            preset = ["fast", "stps"]
            [[jobs]]
            natural = "clips/c.npz"
            seed = 1
            "spatial.texture_weight" = 3
            [jobs.sweep]
            octave_scale = [1.2, 1.3]
            """,
        )
        assert len(found) == 3 * 2 * 3 + 2
        assert shown(found[:4]) == [
            ("clips/a.mp4", None, "fast", 4), ("clips/a.mp4", None, "fast", 6),
            ("clips/a.mp4", None, "fast", 7), ("clips/a.mp4", None, "stps", 4),
        ]  # fmt: skip
        assert found[0].settings == {"octave_scale": 1.5, "spatial.texture_weight": 2}
        assert [one.settings for one in found[-2:]] == [
            {"octave_scale": 1.2, "spatial.texture_weight": 3},
            {"octave_scale": 1.3, "spatial.texture_weight": 3},
        ]

    def test_lists_that_are_values(self, here):
        (one,) = read(
            here / "jobs.toml",
            '[[jobs]]\nnatural = "a"\noptimizer.betas = [0.8, 0.9]\noctaves.0.iterations = 3\n',
        )
        assert one.settings == {"optimizer.betas": [0.8, 0.9], "octaves.0.iterations": 3}

    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("", ["lists no jobs", "[[jobs]]"]),
            ("jobs = 3", ["jobs must be written as tables [[jobs]]"]),
            ("[[job]]\n", ["unknown key 'job'"]),
            ("defaults = 3\n[[jobs]]\n", ["defaults is 3", "table [defaults]"]),
            ("[[jobs]]\nnatural = 3", ["[[jobs]] 1: natural is 3", "text"]),
            ("[[jobs]]\nnatural = []", ["[[jobs]] 1: natural is an empty list"]),
            ("[[jobs]]\nnatural = 'a'\npreset = ['x', 4]", ["preset is 4"]),
            ("[[jobs]]\nnatural = 'a'\nseed = -1", ["seed is -1", "whole number from 0"]),
            ("[[jobs]]\nnatural = 'a'\nseed = true", ["seed is true"]),
            ("[[jobs]]\nnatural = 'a'\nseed = 1.5", ["seed is 1.5"]),
            ("[[jobs]]\nnatural = 'a'\nseed = '3:3'", ["seed is '3:3'", "greater than A"]),
            ("[[jobs]]\nnatural = 'a'\nseed = '0:999999999999'", ["more than 100000"]),
            ("[[jobs]]\nnatural = 'a'\nseed = '0:60000'\npreset = ['a', 'b']", ["120000 jobs"]),
            ("[[jobs]]\nnatural = 'a'\noutput = 3", ["output is 3"]),
            ("[[jobs]]\nnatural = 'a'\noutput = 'x'\nseed = [1, 2]", ["output is 'x'", "2 jobs"]),
            ("[[jobs]]\nnatural = 'a'\nsweep.blend = 3", ["sweep.blend is 3", "list"]),
            ("[[jobs]]\nnatural = 'no/*.mp4'", ["natural is 'no/*.mp4'", "no clip is called so"]),
            ('[[jobs]]\nnatural = "a\\n"', ["natural is 'a\\n'"]),
        ],
    )
    def test_wrong_ones(self, here, text, parts):
        with pytest.raises(InputError) as caught:
            read(here / "jobs.toml", text)
        for part in parts:
            assert part in str(caught.value)


def test_all_problems_are_told(here):
    with pytest.raises(BatchError) as caught:
        read(here / "jobs.csv", "natural,seed\na,x\nb,1\nno/*.mp4,2\n")
    first, second = caught.value.problems
    assert first.startswith(f"{here / 'jobs.csv'}, line 2: seed is 'x'")
    assert second.startswith(f"{here / 'jobs.csv'}, line 4: natural is 'no/*.mp4'")
    assert str(caught.value) == f"{first} And 1 more problem; nothing was started."


def test_words(here):
    problems = Problems()
    found = requests_for(["clips/*", "x.mp4"], ["fast", "stps"], problems)
    problems.check()
    assert [one.natural for one in found[::2]] == [
        "clips/a.mp4",
        "clips/b.mp4",
        "clips/c.npz",
        "x.mp4",
    ]
    assert [one.preset for one in found[:2]] == ["fast", "stps"]
    assert {one.seed for one in found} == {None}
    requests_for(["no*"], [], problems)
    with pytest.raises(BatchError, match=r"^no\*: natural is 'no\*', and no clip"):
        problems.check()


def test_seeds():
    assert list(seeds_of(["1", 2, "3:5"], "x")) == [1, 2, 3, 4]


@pytest.mark.parametrize("seed", [1.0, "1.0", " 1.", "1", "1.00"])
def test_a_whole_number_with_a_point_is_a_seed(here, seed):
    assert seeds_of(seed, "x") == [1]


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        (1.5, "x: seed is 1.5; it must be a whole number from 0, or A:B for A to B-1."),
        ("1.5", "x: seed is '1.5'; it must be"),
        ("01:04:00", "(a spreadsheet makes a time of what is like 0:4; format its column as text"),
        ("2025-01-02", "(a spreadsheet makes a date of what is like 1-2; format its column"),
        ("02.01.2025", "(a spreadsheet makes a date of"),
        ("02-Jan", "(a spreadsheet makes a date of"),
        ("1.23457E+11", "(a spreadsheet shortens long numbers; format its column as text"),
        ("12,345", "(decimals are written with a point, and thousands without separators)"),
        ([1, True], "x: seed is true; it must be"),
    ],
)
def test_what_a_spreadsheet_made_of_a_seed(seed, said):
    with pytest.raises(InputError) as caught:
        seeds_of(seed, "x")
    assert said in str(caught.value)


class TestSpreadsheets:
    """Tables as Excel, LibreOffice and pandas write them."""

    @pytest.mark.parametrize(
        "text",
        [
            "natural,seed,color_transfer,coherence\nclips/a.mp4,3.0,FALSE,0.5\n",
            "natural;seed;color_transfer;coherence\nclips/a.mp4;3;FALSE;0.5\n",
            "natural,seed,color_transfer,coherence,\n clips/a.mp4 ,3,false,0.50,\n,,,,\n",
            "\ufeffnatural,seed,color_transfer,coherence\r\nclips\\a.mp4,3,FALSE,0.5\r\n\r\n",
        ],
    )
    def test_the_same_in_other_ways(self, here, text):
        (one,) = read(here / "jobs.csv", text)
        assert (one.natural_path, one.seed) == (here / "clips/a.mp4", 3)
        assert one.settings == {"color_transfer": False, "coherence": 0.5}

    def test_times_and_dates_stay_text(self, here):
        (one,) = read(here / "jobs.csv", "natural,input.frames,device\na,00:04:00,2025-01-02\n")
        assert one.settings == {"input.frames": "00:04:00", "device": "2025-01-02"}

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("natural,max_side\na,3\n", "unknown column 'max_side' (did you mean "
             "'input.max_side'?). A row may have natural, method, preset, config, seed, output "
             "and any key of a config."),
            ("natural,texture_weight\na,3\n", "unknown column 'texture_weight' (did you mean "
             "'spatial.texture_weight' or 'temporal.texture_weight'?)"),
            ("natural,exponent\na,3\n", "(did you mean 'octaves.0.exponent'?)"),
            ("Natural,Method,Seed\na,scramble,1\n", "unknown column 'Natural' (it is written "
             "'natural', in lower case)"),
            ("natural,Input.Frames\na,0:4\n", "(it is written 'input.frames', in lower case)"),
            (",natural\n0,a\n", "column 1 has no name; pandas writes its index so: write the "
             "table with index=False"),
            ("a.mkv\nb.mkv\n", "there is no header line; 'a.mkv' is no name of a column"),
            ("sub\\a.mkv,scramble\n", "there is no header line"),
        ],
    )  # fmt: skip
    def test_headers(self, here, text, said):
        with pytest.raises(InputError) as caught:
            read(here / "jobs.csv", text)
        assert str(caught.value).startswith(f"{here / 'jobs.csv'}, line 1: ")
        assert said in str(caught.value)

    @pytest.mark.parametrize("text", ["", "natural,method\n"])
    def test_tables_without_rows(self, here, text):
        with pytest.raises(InputError) as caught:
            read(here / "jobs.csv", text)
        assert str(caught.value).endswith(
            " A row may have natural, method, preset, config, seed, output and any key of a config."
        )

    def test_defaults(self, here):
        with pytest.raises(InputError) as caught:
            read(here / "jobs.toml", "[defaults]\nmax_side = 3\n[[jobs]]\nnatural = 'a'\n")
        assert str(caught.value) == (
            f"{here / 'jobs.toml'}, [defaults]: unknown key 'max_side' (did you mean "
            "'input.max_side'?)."
        )

    def test_what_python_calls_a_time(self, here):
        with pytest.raises(BatchError, match=r"natural is the time 00:04:00; it must be text"):
            read(here / "jobs.toml", "[[jobs]]\nnatural = 00:04:00\n")


class TestPaths:
    def test_the_home_folder(self, here, monkeypatch):
        monkeypatch.setenv("HOME", str(here / "clips"))
        (one,) = read(here / "jobs.csv", "natural\n~/a.mp4\n")
        assert one.natural_path == here / "clips/a.mp4"
        assert [one.natural for one in read(here / "jobs.csv", "natural\n~/*.mp4\n")] == [
            str(here / "clips/a.mp4"),
            str(here / "clips/b.mp4"),
        ]

    def test_windows(self, here):
        (one,) = read(here / "jobs.toml", "[[jobs]]\nnatural = 'clips\\a.mp4'\n")
        assert one.natural_path == here / "clips/a.mp4"
        found = read(here / "jobs.csv", "natural\nclips\\*.mp4\n")
        assert [one.natural for one in found] == ["clips/a.mp4", "clips/b.mp4"]

    def test_what_is_really_called_so_goes_first(self, here):
        (here / "clips\\a.mp4").touch()
        (one,) = read(here / "jobs.csv", "natural\nclips\\a.mp4\n")
        assert one.natural_path == here / "clips\\a.mp4"
