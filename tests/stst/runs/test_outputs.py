from __future__ import annotations

from pathlib import Path

import pytest

from stst.errors import InputError
from stst.runs.outputs import outputs_for


class TestNames:
    @pytest.mark.parametrize(
        ("given", "stem", "folder"),
        [
            ("d/X.mkv", "X", False),
            ("d/X.v2.npy", "X.v2", False),
            ("d/X.npz", "X", False),
            ("d/X/", "X", True),
            ("d/X.v2/", "X.v2", True),
        ],
    )
    def test_three_files(self, given, stem, folder):
        (output,) = outputs_for(given, (7,))
        assert output.master == Path(given)
        assert output.is_folder is folder
        assert output.preview == Path(f"d/{stem}.preview.mp4")
        assert output.sidecar == Path(f"d/{stem}.json")
        assert output.with_ending(".run") == Path(f"d/{stem}.run")
        assert output.target == given
        assert list(output.files()) == ["master", "preview", "sidecar"]

    def test_several_samples(self):
        found = outputs_for("d/X.v2.mkv", (7, 8))
        assert [str(one.master) for one in found] == ["d/X.v2_seed7.mkv", "d/X.v2_seed8.mkv"]
        assert str(found[1].sidecar) == "d/X.v2_seed8.json"
        found = outputs_for("d/X.v2/", (7, 8))
        assert [one.target for one in found] == ["d/X.v2_seed7/", "d/X.v2_seed8/"]
        assert str(found[0].preview) == "d/X.v2_seed7.preview.mp4"

    def test_an_existing_folder_needs_no_slash(self, tmp_path):
        (tmp_path / "X").mkdir()
        assert outputs_for(tmp_path / "X", (0,))[0].is_folder

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("X.mp4", r"X\.mp4: .*\.mkv, \.npy, \.npz or as a folder .*'\.mp4'\. An mp4 preview"),
            ("X.GIF", "found '.GIF'. An mp4 preview"),
            ("X", "found 'no suffix'"),
            (".mkv", "found 'no suffix'"),
            ("X.MKV", r"found '\.MKV'\.$"),
            ("", "the output '' names no file. Give a name such as clip.mkv or clip/"),
            (".", "the output '.' names no file"),
            ("..", "names no file"),
            ("x/..", "names no file"),
            ("/", "names no file"),
            ("X.mkv/", r"X\.mkv/: a folder of PNG files cannot be called \.mkv"),
        ],
    )
    def test_what_is_refused(self, given, message):
        for seeds in ((0,), (0, 1)):
            with pytest.raises(InputError, match=message):
                outputs_for(given, seeds)
