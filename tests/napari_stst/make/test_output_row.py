from __future__ import annotations

import pytest

from napari_stst.compare.dialogs import PathEdit
from napari_stst.make.output_row import OutputRow


@pytest.mark.parametrize(("typed", "meant"), [("~/a/", "{}/a/"), (" ~/a.mkv ", "{}/a.mkv")])
def test_the_home_folder(qtbot, monkeypatch, tmp_path, typed, meant):
    monkeypatch.setenv("HOME", str(tmp_path))
    row, edit = OutputRow(), PathEdit(lambda start: "")
    qtbot.addWidget(row)
    qtbot.addWidget(edit)
    row.setText(typed)
    edit.edit.setText(typed)
    assert row.text() == edit.text() == meant.format(tmp_path)
