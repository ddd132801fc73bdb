from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_stst.background import messages
from napari_stst.make.weights import WeightsRow
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
    # every one was tried, and the verdict comes first
    assert errors[0].startswith("Not downloaded: vgg19-keras, msoe. vgg19-keras: https://")
    until(lambda: row.button.text() == "Download again (81 MB)")
    # it stays in the row, with a way that needs no network
    assert row.label.text().startswith("Not downloaded: vgg19-keras, msoe.\n")
    assert row.label.text().endswith("vgg19-keras: missing\nmsoe: missing")
    assert row.have.isVisible()
    assert row.have.isEnabled()


def chosen(monkeypatch, *paths):
    monkeypatch.setattr(
        QFileDialog, "getOpenFileNames", lambda *args: ([str(one) for one in paths], "")
    )


def msoe(path):
    """Write a file like that of MSOE, with values of our own."""
    shapes = {
        "conv1": (2, 11, 11, 1, 32), "conv2": (1, 1, 1, 32, 64),
        "conv3": (1, 3, 3, 320, 64), "conv4": (1, 1, 1, 64, 2),
    }  # fmt: skip
    random = np.random.default_rng(1)
    kernels = {f"{name}_w": random.random(shape, np.float32) for name, shape in shapes.items()}
    biases = {f"{name}_b": np.ones(shape[-1], np.float32) for name, shape in shapes.items()}
    np.savez(path, **kernels, **biases)
    return path


@pytest.mark.parametrize(("answer", "here"), [("Use it", True), ("Cancel", False)])
def test_a_file_that_the_user_has(row, until, tmp_path, monkeypatch, qtbot, errors, answer, here):
    until(lambda: row.have.isVisible())
    asked = []
    monkeypatch.setattr(row, "ask", lambda text, answers: asked.append(text) or answer)
    # under any name: what it holds says which weights it is
    chosen(monkeypatch, msoe(tmp_path / "from a colleague.npz"))
    qtbot.mouseClick(row.have, Qt.MouseButton.LeftButton)
    until(lambda: bool(asked))
    # its hash is compared with the published one
    words = "from a colleague.npz is not the msoe that was published: expected sha256:99c984d7"
    assert asked[0].startswith(words)
    until(lambda: row.task is None and row.have.isVisible())
    until(lambda: ("msoe: here" in row.label.text()) == here and "vgg19" in row.label.text())
    assert row.missing() == (["vgg19-keras"] if here else ["vgg19-keras", "msoe"])
    assert bool(list((tmp_path / "cache").glob("*.safetensors"))) == here
    assert bool(errors) != here
    assert len(asked) == 1


def test_a_file_that_is_something_else(row, until, tmp_path, monkeypatch, qtbot, errors):
    until(lambda: row.have.isVisible())
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, a=np.zeros(3))
    chosen(monkeypatch, wrong)
    qtbot.mouseClick(row.have, Qt.MouseButton.LeftButton)
    until(lambda: bool(errors))
    assert errors[0].startswith("That did not work. wrong.npz is none of the weights that are")
    until(lambda: row.have.isVisible() and row.task is None)
    assert "wrong.npz is none of the weights" in row.label.text()
    assert row.missing() == ["vgg19-keras", "msoe"]


def test_a_download_shows_how_far_it_is(row, until):
    until(lambda: row.button.isVisible())
    row._on_message(messages.Step("msoe, 1 MiB", 0.25, {}))
    assert row.label.text() == "msoe, 1 MiB (25%)"
