from __future__ import annotations

from pathlib import Path

import pytest

from napari_stst.widgets.wording import parts_by_key, shorten_paths, word_for_form
from stst.config import StstConfig, build
from stst.errors import TO_RESUME, InputError

LABELS = {
    "input.frames": "frames", "frames": "by frame", "input.max_side": "longest side",
    "blend": "blend", "octaves": "octaves", "spatial.texture_weight": "texture weight (spatial)",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("`frames` 0:9 is not inside a", "frames 0:9 is not inside a"),
        ("`max_side` 0: too small", "longest side 0: too small"),
        ("config: input.max_side: no", "longest side: no"),
        ("octaves.0.iterations: at least 1", "octaves, row 1, iterations: at least 1"),
        ("a `max_sided` thing of my_blend: here", "a max sided thing of my_blend: here"),
        ('config: blend: Give `blend="hard"`.', "blend: Give blend hard."),
        (
            "`spatial.texture_weight=1` and `equalize=False`",
            "texture weight (spatial) 1 and equalize off",
        ),
    ],
)
def test_keys_and_settings_become_labels(text, words):
    assert word_for_form(text, LABELS) == words


def test_every_wrong_value_is_told_of_its_own_key():
    tree = {"blend": "much", "octaves": [{"exponent": 0, "iterations": -1}],
            "input": {"max_side": 0}, "spatial": {"texture_weight": "a; b: c"}}  # fmt: skip
    with pytest.raises(InputError) as error:
        build(tree, StstConfig)
    parts = parts_by_key(str(error.value), LABELS)
    assert set(parts) == {"blend", "octaves", "input.max_side", "spatial.texture_weight"}
    assert parts["blend"].startswith("blend: ")
    assert parts["octaves"].startswith("octaves, row 1, iterations: ")
    assert parts["input.max_side"].startswith("longest side: ")
    assert parts["spatial.texture_weight"].startswith("texture weight (spatial): ")


def test_what_is_of_no_key_is_kept():
    assert parts_by_key("too little memory", LABELS) == {"": "too little memory"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "made.run exists: an earlier run was not finished. Give `resume=True` to continue it, "
            "or `overwrite=True` to start anew.",
            "made.run exists: an earlier run was not finished. Name the same output again: "
            "resuming it, and starting anew, are offered.",
        ),
        ("Shrink it: `max_side=640`.", "Shrink it: longest side 640."),
        ('Give it: `spatial.model="vgg19"`.', "Give it: spatial.model = vgg19."),
        ('Take fewer: `frames="0:9"`, or `peak_nits=500`.',
         "Take fewer: frames 0:9, or peak nits 500."),
        ("Start anew with `overwrite=True`.",
         "Name the same output again and choose to start anew."),
        (f"Go on: {TO_RESUME}.", "Go on: Resume."),
        ("a`b.mkv and `stst convert a b --fps 30`", "a`b.mkv and `stst convert a b --fps 30`"),
    ],
)  # fmt: skip
def test_settings_become_words_of_the_form(text, expected):
    assert word_for_form(text) == expected


def test_folders_are_left_out_where_there_is_little_room(tmp_path):
    text = f"{tmp_path}/a/b/made.run is in use; {tmp_path}/a/natural.mkv is not."
    paths = (tmp_path / "a" / "b" / "made.run", None, tmp_path / "a" / "natural.mkv")
    assert shorten_paths(text, paths) == "made.run is in use; natural.mkv is not."
    assert shorten_paths("/x/y.mkv is bad", (Path("/other/z.mkv"),)) == "/x/y.mkv is bad"
