from __future__ import annotations

from pathlib import Path

import pytest

from napari_stst.verdicts import in_form_words, shortened


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "made.run exists: an earlier run was not finished. Give --resume to continue it, or "
            "--overwrite to start anew.",
            "made.run exists: an earlier run was not finished. Name the same output again: "
            "resuming it, and starting anew, are offered.",
        ),
        ("Shrink it: --max-side 640.", "Shrink it: the longest side 640."),
        ("Give it: --set spatial.model=vgg19.", "Give it: spatial.model = vgg19."),
        ("Take fewer: --frames 0:9, or --precision fp32.",
         "Take fewer: frames 0:9, or precision fp32."),
        ("a dash - and -- two, e-mail", "a dash - and -- two, e-mail"),
    ],
)  # fmt: skip
def test_options_become_words_of_the_form(text, expected):
    assert in_form_words(text) == expected


def test_folders_are_left_out_where_there_is_little_room(tmp_path):
    text = f"{tmp_path}/a/b/made.run is in use; {tmp_path}/a/natural.mkv is not."
    paths = (tmp_path / "a" / "b" / "made.run", None, tmp_path / "a" / "natural.mkv")
    assert shortened(text, paths) == "made.run is in use; natural.mkv is not."
    assert shortened("/x/y.mkv is bad", (Path("/other/z.mkv"),)) == "/x/y.mkv is bad"
