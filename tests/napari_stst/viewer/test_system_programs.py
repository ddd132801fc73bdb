from __future__ import annotations

import pytest
from qtpy.QtGui import QDesktopServices

from napari_stst.viewer.system_programs import open_in_system_program


@pytest.mark.parametrize("opens", [True, False])
def test_where_it_is_is_told_if_nothing_opens_it(tmp_path, monkeypatch, opens):
    asked, told = [], []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", lambda url: asked.append(url.toLocalFile()) or opens
    )
    monkeypatch.setattr("napari_stst.viewer.system_programs.show_warning", told.append)
    monkeypatch.chdir(tmp_path)
    open_in_system_program(tmp_path / "page.html")
    open_in_system_program(tmp_path.relative_to(tmp_path) / "page.html")
    page = str(tmp_path / "page.html")
    assert asked == [page, page]
    assert told == ([] if opens else [f"No program was found that opens it: {page}"] * 2)
