from __future__ import annotations

import pytest

from napari_stst.background import messages
from napari_stst.weights import WeightsRow
from stst.weights import PAPER


@pytest.fixture
def row(viewer, monkeypatch, tmp_path):
    monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path / "cache"))
    # what there is to download is not there
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    row = WeightsRow(viewer, PAPER)
    viewer.window.add_dock_widget(row, name="weights")
    return row


def test_it_says_what_is_missing_and_offers_it(row, until):
    until(lambda: row.button.isVisible())
    assert row.label.text() == "vgg19-keras: missing\nmsoe: missing"
    assert row.button.text() == "Download (81 MB)"
    assert "https://" in row.button.toolTip()


def test_a_download_that_fails_is_told(row, until, errors):
    until(lambda: row.button.isVisible())
    row.button.click()
    assert row.button.text() == "Cancel"
    until(lambda: bool(errors))
    assert "vgg19-keras" in errors[0]
    until(lambda: row.button.text().startswith("Download"))


def test_a_download_shows_how_far_it_is(row, until):
    until(lambda: row.button.isVisible())
    row._heard(messages.Step("msoe, 1 MiB", 0.25, {}))
    assert row.label.text() == "msoe, 1 MiB (25%)"
