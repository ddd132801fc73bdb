from __future__ import annotations

import codecs
import json

import pytest

from small_runs import clip
from stst.analysis.manifest import read_pairs
from stst.config import read_config_file
from stst.errors import InputError
from stst.runs.sidecar import read_sidecar
from stst.utils.text import decode_text
from stst.video import probe, sidecar_of


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_mark_is_no_text(tmp_path, mark):
    path = tmp_path / "a.txt"
    path.write_bytes(mark + "ä\r\nb\n".encode())
    assert decode_text(path.read_bytes()) == "ä\r\nb\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("a = 1".encode("utf-16"), "but in UTF-16, as Excel's 'Unicode Text'"),
        ("seed = 1".encode("utf-16-be"), "but in UTF-16"),
        ("seed = 1".encode("utf-16-le"), "but in UTF-16"),
        ("a\nü".encode("cp1252"), "line 2 holds the byte 0xfc, as in Latin-1"),
        (b"a\nb\nc\0\0\0\0", "line 3 holds NUL bytes, as a file does that was cut off"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "nor any text."),
    ],
)
def test_what_is_no_text(tmp_path, data, said):
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="^not a text file in UTF-8") as caught:
        decode_text(path.read_bytes())
    assert said in str(caught.value)
    with pytest.raises(InputError) as refused:
        read_config_file(path)
    # by its first bytes, what is no text is named
    found = "a PNG picture; a config file is text" if b"PNG" in data else str(caught.value)
    assert str(refused.value).startswith(f"{path}: {found}")


def marked(path, text):
    path.write_text(text, "utf-8-sig")
    return path


def test_configs(tmp_path):
    assert read_config_file(marked(tmp_path / "c.toml", "seed = 1\n")) == {"seed": 1}


@pytest.mark.parametrize("suffix", [".toml", ".csv"])
def test_manifests(tmp_path, suffix):
    text = '[[pairs]]\nnatural = "a"\nother = "b"\n' if suffix == ".toml" else "natural,other\na,b"
    (pair,) = read_pairs(marked(tmp_path / f"m{suffix}", text))
    assert (pair.natural, pair.other) == ("a", "b")


def test_sidecars(tmp_path):
    path = clip(tmp_path / "a.npy")
    content = {
        "schema_version": 2, "method": "stps", "config": {}, "inputs": [], "weights": [],
        "environment": {}, "output": {"frames_sha256": "0", "fps": "7"}, "per_frame": [],
        "warnings": [], "seconds": 1, "seed": 0,
    }  # fmt: skip
    side = marked(tmp_path / "a.json", json.dumps(content))
    assert sidecar_of(path) == content
    assert probe(path).fps == 7
    assert read_sidecar(side).method == "stps"
