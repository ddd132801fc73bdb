from __future__ import annotations

from stst.report import report_command


def test_the_command_of_a_report():
    models = ["--cka", "resnet50", "--prednet", "w.hdf5"]
    assert report_command("a b.mkv", ["c.mkv"], "0:4", 64, models) == (
        "stst-analyze report 'a b.mkv' c.mkv -o DIR --frames 0:4 --max-side 64 "
        "--cka resnet50 --prednet w.hdf5"
    )
    assert report_command("a.mkv", ["b.mkv"]) == "stst-analyze report a.mkv b.mkv -o DIR"
