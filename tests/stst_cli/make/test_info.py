import json

import numpy as np
import pytest
from click.testing import CliRunner

from small_runs import refused, stst
from stst.errors import InputError
from stst.video import write_video
from stst_cli.make.info import info

FRAMES = np.zeros((3, 8, 12, 3), np.uint8)


def lines(*words):
    shown = CliRunner().invoke(info, [str(word) for word in words])
    assert shown.exception is None
    return [
        tuple(part.strip() for part in line.split(":", 1)) for line in shown.stdout.splitlines()
    ]


def test_a_preview(tmp_path):
    write_video(tmp_path / "a.mp4", FRAMES, "60000/1001")
    found = dict(lines(tmp_path / "a.mp4"))
    assert found["size"] == "12x8"
    assert found["rate"] == "60000/1001 Hz (59.9401)"
    assert found["frames"] == "3"
    assert found["duration"] == "0.05005 s"
    assert found["codec"] == "h264"
    assert found["pixels"] == "yuv420p, 8 bits per channel"
    assert found["colour tags"] == "matrix bt709, range limited, transfer bt709, primaries bt709"
    assert found["colour"] == "read as bt709, limited range"
    assert found["sound"] == "no"
    assert "sidecar" not in found
    assert "not readable" not in found


def test_untagged(tmp_path):
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p10le"
        for place in (0, 1, 5):
            frame = av.VideoFrame(16, 16, "yuv420p10le")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts = place
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    found = dict(lines(tmp_path / "a.mp4"))
    assert found["rate"] == "variable"
    assert "matrix untagged" in found["colour tags"]
    assert found["colour"] == "read as bt601, limited range (matrix and range assumed)"
    assert found["not readable"].startswith("it has 10 bits per channel")


def test_json_of_a_sidecar_that_is_none(tmp_path):
    """Python reads and writes NaN; other programs stop at it."""
    write_video(tmp_path / "a.npz", FRAMES, 25)
    (tmp_path / "a.json").write_text('{"method": "stst", "losses": [NaN, -Infinity, 0.5]}')
    shown = CliRunner().invoke(info, [str(tmp_path / "a.npz"), "--json"])
    found = json.loads(shown.stdout, parse_constant=pytest.fail)
    assert found["sidecar"]["losses"] == [None, None, 0.5]


def test_sidecar_summary(tmp_path):
    np.save(tmp_path / "a.npy", FRAMES)
    assert dict(lines(tmp_path / "a.npy"))["rate"] == (
        f"unknown; give it one: `stst convert {tmp_path}/a.npy {tmp_path}/a_30.mkv --fps 30`"
    )
    sidecar = {
        "method": "stst",
        "seed": 7,
        "inputs": [{"role": "natural", "path": "clip.mp4"}],
        "output": {"path": "a.npy", "frames": 3, "fps": "25"},
        "warnings": ["Sound is not read."],
    }
    (tmp_path / "a.json").write_text(json.dumps(sidecar))
    found = dict(lines(tmp_path / "a.npy"))
    assert found["rate"] == "25 Hz"
    assert found["sidecar"] == str(tmp_path / "a.json")
    assert (found["method"], found["seed"]) == ("stst", "7")
    assert found["input"] == "clip.mp4 (natural)"
    assert found["output"] == "path a.npy, frames 3, fps 25"
    assert found["warning"] == "Sound is not read."


def test_json(tmp_path):
    write_video(tmp_path / "a.mkv", FRAMES, "60000/1001")
    result = json.loads(CliRunner().invoke(info, [str(tmp_path / "a.mkv"), "--json"]).stdout)
    assert result["fps"] == "60000/1001"
    assert (result["width"], result["height"], result["frames"]) == (12, 8, 3)
    assert result["sidecar"] is None


def test_errors_are_for_the_group_to_say(tmp_path):
    shown = CliRunner().invoke(info, [str(tmp_path / "no.mp4")])
    assert isinstance(shown.exception, InputError)
    with pytest.raises(InputError, match="does not exist"):
        raise shown.exception


@pytest.mark.parametrize("command", ["info", "convert", "scramble", "synthesize", "export"])
def test_no_name_is_not_the_current_folder(tmp_path, monkeypatch, command):
    write_video(f"{tmp_path}/clip/", FRAMES, 25)
    monkeypatch.chdir(tmp_path / "clip")
    words = {"info": (), "convert": ("a.npz",)}.get(command, ("-o", "a.npz"))
    refused(stst(command, "", *words), "the name of a file is empty", "current folder")
    # which is read when it is named
    assert stst("info", ".").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("info", "{}"),
        ("convert", "{}", "a.npz"),
        ("scramble", "{}", "-o", "a.npz"),
        ("synthesize", "f_000.npz", "-o", "a.npz", "--preset", "quick", "--mask", "{}"),
        ("synthesize", "f_000.npz", "-o", "a.npz", "--preset", "quick", "--target", "color={}"),
        ("batch", "{}", "--preset", "stps", "-o", "out"),
    ],
)
def test_addresses_keep_both_slashes(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    write_video("f_000.npz", FRAMES, 25)
    address = "https://www.a.org/clip.mp4"
    shown = stst(*(one.format(address) for one in words))
    refused(shown, f"{address}: addresses are not read", f"curl -LO {address}")
