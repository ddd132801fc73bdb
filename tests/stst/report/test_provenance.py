from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_runs import clip
from stst.report.clips import Clip
from stst.report.formatting import number, printable, rate_text, text
from stst.report.provenance import making_of, reading_of
from stst.utils.files import sha256_of
from stst.video import LazyVideo

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = ("schema_version", "method", "seed", "config", "inputs", "weights", "environment", "output",
        "warnings")  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = clip(tmp_path_factory.mktemp("made") / "m.mkv")

    def with_sidecar(content):
        return Clip("m", str(path), LazyVideo(path), sha256_of(path), content)

    return with_sidecar


def test_as_read(made):
    facts = dict(reading_of(made(None)))
    assert facts["File"] == "m.mkv"
    assert facts["Frames"] == "3 frames, 0 to 2 of the file, 0.100 s"
    assert facts["Size"] == "20 × 18 px"
    assert facts["Rate"] == "30000/1001 Hz (29.97 Hz)"
    assert facts["Decoder"].startswith("FFmpeg through PyAV (PyAV ")
    assert facts["Colour"] == "matrix rgb, range full"
    assert len(facts["SHA-256"]) == 64


def test_as_read_shrunk(made):
    whole = made(None)
    video = LazyVideo(whole.path, "1:3", max_side=10)
    facts = dict(reading_of(Clip("m", "m", video, "")))
    assert facts["Frames"] == "2 frames, 1 to 2 of the file, 0.0667 s"
    assert facts["Size"] == "10 × 9 px, shrunk from 20 × 18 px"


def test_as_made(made):
    octaves = [{"exponent": -1, "iterations": 20}, {"exponent": 0, "iterations": 70}]
    config = {"spatial": {"model": "vgg19", "texture_layers": ["a", "b"]}, "octaves": octaves}
    record = {"role": "natural", "path": "../n.mp4", "frames": [0, 3], "size": [18, 20],
              "fps": "25", "sha256": "1", "frames_sha256": "2", "decoder_version": "9"}  # fmt: skip
    making = making_of(
        made(
            {
                "schema_version": 1,
                "method": "stps",
                "seed": 7,
                "config": {**config, "color_transfer": True},
                "inputs": [record],
                "weights": [{"name": "msoe", "file": "msoe.npz", "hash": "56", "verified": True}],
                "environment": {"versions": {"torch": "2"}, "threads": 1, "batch": [0, 1]},
                "output": {"sha256": "78"},
                "warnings": ["one"],
            }
        )
    )
    assert making.facts == [
        ("Sidecar", "m.json"),
        ("Method", "STPS, spatiotemporal phase scrambling"),
        ("Seed", "7"),
        ("File unchanged", "no: it was 78"),
        ("Spatial model", "vgg19"),
        ("Spatial layers", "a, b"),
        ("Octaves", "−1: 20 iterations; 0: 70 iterations"),
        ("Colour transfer", "yes"),
    ]
    assert json.loads(making.config)["spatial"] == config["spatial"]
    (given_input,), (weight,) = map(dict, making.inputs), map(dict, making.weights)
    assert given_input == {
        "Role": "natural", "File": "../n.mp4", "Frames": "0:3", "Height × width": "18 × 20 px",
        "Rate": "25 Hz", "Decoder": "9", "SHA-256": "1", "Frames’ SHA-256": "2",
    }  # fmt: skip
    assert weight["Checked"] == "yes"
    assert making.environment == [("torch", "2"), ("threads", "1"), ("batch", "0, 1")]
    assert making.warnings == ["one"]


def test_an_unchanged_file(made):
    one = made(None)
    making = making_of(made({"method": "stst", "output": {"sha256": one.sha256}}))
    assert ("File unchanged", "yes") in making.facts


def test_no_sidecar(made):
    assert making_of(made(None)) is None


def test_a_foreign_sidecar(made):
    making = making_of(made({"title": "a download"}))
    assert making.facts == [
        ("Sidecar", "m.json is no sidecar of this program; nothing of it is shown.")
    ]


def test_a_sidecar_of_another_version(made):
    assert making_of(made({"schema_version": 9})).facts == [
        ("Sidecar", "m.json (schema version 9, not ours)")
    ]


@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING))
def test_any_sidecar_can_be_shown(made, content):
    making = making_of(made(content))
    if making is None:
        return
    facts = [making.facts, making.environment, *making.inputs, *making.weights]
    for name, value in (pair for rows in facts for pair in rows):
        assert isinstance(name, str)
        assert isinstance(value, str)
    assert all(isinstance(one, str) for one in making.warnings)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a", "a"), (None, "none"), (True, "yes"), (False, "no"), (3, "3"), (0.5, "0.5"), ([], "none"),
     ([1, "a"], "1, a"), ([[1]], "[[1]]"), ({"ä": 1}, '{"ä": 1}'), ("x" * 700, "x" * 600 + " …")],
)  # fmt: skip
def test_text(value, shown):
    assert text(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(float("nan"), "–"), (0.0, "0.00"), (0.31478, "0.315"), (12.34, "12.3"), (1234.4, "1234"),
     (-0.5, "−0.500"), (99.96, "100")],
)  # fmt: skip
def test_number(value, shown):
    assert number(value) == shown


def test_rate():
    assert rate_text(Fraction(25)) == "25 Hz"
    assert rate_text(Fraction(60000, 1001)) == "60000/1001 Hz (59.94 Hz)"


def test_printable():
    assert printable("a\tb\nc \u00a0é日👩‍🔬") == "a\tb\nc \u00a0é日👩‍🔬"
    assert printable("\x00\x1b\ud800\u202e\uffff\x85") == "\ufffd" * 6
