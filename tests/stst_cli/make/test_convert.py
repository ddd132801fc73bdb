import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from stst.errors import InputError
from stst.video import read_video, write_video
from stst_cli.make.convert import convert

FRAMES = np.random.default_rng(0).integers(0, 256, (4, 9, 14, 3), dtype=np.uint8)


@pytest.fixture
def clip(tmp_path):
    write_video(tmp_path / "a.mkv", FRAMES, "60000/1001")
    return tmp_path / "a.mkv"


def run(*words):
    return CliRunner().invoke(convert, [str(word) for word in words])


def test_to_pictures_and_back(tmp_path, clip):
    (tmp_path / "a.json").write_text('{"output": {}, "seed": 1}')
    shown = run(clip, f"{tmp_path}/b/")
    assert shown.exit_code == 0
    assert shown.stdout == (
        f"{tmp_path}/b: 4 frames of 14x9 at 60000/1001 Hz\n{tmp_path}/b.json: sidecar\n"
    )
    assert shown.stderr == ""
    assert run(tmp_path / "b", tmp_path / "c.mkv").exit_code == 0
    assert (tmp_path / "c.mkv").read_bytes() == clip.read_bytes()


def test_options(tmp_path, clip):
    shown = run(
        clip, tmp_path / "b.npz", "--frames", "0:2", "--max-side", "7", "--fps", "50",
        "--resample-fps", "25", "--json",
    )  # fmt: skip
    result = json.loads(shown.stdout)
    assert result["output"]["frames"] == 2
    assert result["output"]["size"] == [4, 7]
    assert result["output"]["fps"] == result["source"]["resample_fps"] == "25"
    assert result["sidecar"] is None
    assert "50 Hz; the file says 60000/1001 Hz" in shown.stderr
    assert read_video(tmp_path / "b.npz").frames.shape == (2, 4, 7, 3)


def test_errors_are_for_the_group_to_say(tmp_path, clip):
    for words, message in [
        ((clip, clip), "exists"),
        ((clip, tmp_path / "b.mkv", "--frames", "0:60"), "which has 4 frames"),
        ((tmp_path / "no.mp4", tmp_path / "b.mkv"), "does not exist"),
        ((clip, ""), "the output '' names no file. Give a name such as clip.mkv or clip/."),
    ]:
        shown = run(*words)
        assert isinstance(shown.exception, InputError)
        assert message in str(shown.exception)
        assert shown.stdout == ""
    assert run(clip, tmp_path / "b.npy").exit_code == 0
    assert isinstance(run(clip, tmp_path / "b.npy").exception, InputError)
    assert run(clip, tmp_path / "b.npy", "--overwrite").exit_code == 0


@pytest.mark.parametrize("name", ["convert", "info"])
def test_help_imports_nothing_heavy(name):
    code = (
        f"import sys; from stst_cli.make.{name} import {name} as command; "
        "command.main(['--help'], standalone_mode=False); "
        "heavy = {'numpy', 'av', 'cv2', 'torch'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert shown.stdout.startswith("Usage:")
