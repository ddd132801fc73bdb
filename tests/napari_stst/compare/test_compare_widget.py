from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image
from napari.settings import get_settings
from napari.utils._proxies import PublicOnlyProxy
from pyqtgraph import LinearRegionItem
from qtpy.QtCore import QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QDesktopServices
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget, QFileDialog, QPushButton

from hands import choose_from_menu, click, press, wait_for
from napari_stst.background.measurements import Measurement
from napari_stst.compare.compare_widget import CompareWidget
from napari_stst.compare.dialogs import CkaDialog, MeasuresDialog, PredictionDialog, ReportDialog
from napari_stst.make.generate import GenerateWidget
from napari_stst.viewer.closing import main_window
from napari_stst.viewer.layers import layer_of
from napari_stst.widgets.theme import colors_of
from report_files import FILES
from small_runs import clip, frames, refused, stst, stst_analyze
from stst.analysis.tables import as_csv, table
from stst.config.cka import CkaSettings, parse_choice
from stst.video.samples import sample_path

CKA = "tiny_classifier:image=none@late"


def add(viewer, path) -> Image:
    data, options, _ = layer_of(path)
    return viewer.add_layer(Image(data, **options))


@pytest.fixture
def natural(viewer, tmp_path) -> Image:
    return add(viewer, clip(tmp_path / "natural.mkv", 9, 40, 44))


@pytest.fixture
def part(viewer, natural) -> Image:
    """Made of frames 2 to 6 of the natural clip, at three quarters of its size."""
    words = ("natural.mkv", "-o", "part.mkv", "--frames", "2:7", "--max-side", 33)
    assert stst("scramble", *words).exit_code == 0
    return add(viewer, "part.mkv")


@pytest.fixture
def opened(viewer):
    made = []

    def make() -> CompareWidget:
        # as napari gives it to plugins
        made.append(CompareWidget(PublicOnlyProxy(viewer)))
        viewer.window.add_dock_widget(made[0], name="Compare", area="bottom")
        return made[0]

    yield make
    for widget in made:
        widget.close_all(put_back=False)


@pytest.fixture
def widget(opened, part, until) -> CompareWidget:
    """With features that were measured by themselves."""
    widget = opened()
    until(lambda: "Features" in widget.results.measured and widget.work.job is None)
    return widget


def close_dock(viewer) -> None:
    """Close the dock as its button does."""
    docks = viewer.window._qt_window.findChildren(QDockWidget)
    next(dock for dock in docks if dock.objectName() == "Compare").destroyOnClose()


def open_report(widget) -> ReportDialog:
    widget.actions.report.click()
    return QApplication.activeModalWidget() or widget.findChild(ReportDialog)


def idle(widget):
    return widget.work.job is None and widget.pairing.job is None


def processes() -> list[str]:
    """Command lines of the processes that this one has started and that still run."""
    import os

    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text().rpartition(")")[2].split()
            if text[1] == str(os.getpid()) and text[0] != "Z":
                found.append((stat.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return [one for one in found if "napari_stst" in one]


class TestChoice:
    def test_what_the_sidecar_says_is_chosen_measured_and_laid_over(
        self, viewer, widget, natural, part, errors
    ):
        assert (widget.natural, widget.choice.others) == (natural, (part,))
        assert widget.layers == (natural, part)
        np.testing.assert_allclose(part.scale, [1, 4 / 3, 4 / 3])
        np.testing.assert_allclose(part.translate, [2, 1 / 6, 1 / 6])
        # the slider goes to where there is something to compare
        assert viewer.dims.current_step[0] in range(2, 7)
        plot = widget.results.plots["Features"]
        assert [list(one.frames) for one in plot.panels[0].series] == [[2, 3, 4, 5, 6]] * 2
        assert plot.labels == ("natural", "part")
        assert errors == []

    def test_layers_come_go_and_are_renamed(self, viewer, widget, natural, part, tmp_path, until):
        viewer.add_points(np.zeros((2, 3)))
        viewer.add_image(np.zeros((9, 40, 44)))
        other = add(viewer, clip(tmp_path / "other.mkv", 9, 40, 44, seed=4))
        until(lambda: len(widget.choice.clips) == 3)
        box, rows = widget.choice.natural_box, widget.choice.others_list
        assert [box.itemText(at) for at in range(3)] == ["natural", "part", "other"]
        assert [rows.item(at).checkState() for at in range(2)] == [
            Qt.CheckState.Checked,
            Qt.CheckState.Unchecked,
        ]
        other.name = "a metamer"
        assert (box.itemText(2), rows.item(1).text()) == ("a metamer", "a metamer")
        widget.choice.choose_natural(other)
        assert widget.choice.others == ()
        assert not widget.results.measured
        np.testing.assert_array_equal(part.scale, [1, 1, 1])
        viewer.layers.remove(other)
        until(lambda: widget.natural is natural)

    def test_a_view_is_no_clip_to_make_stimuli_of(self, viewer, widget, natural, part):
        # as they are, side by side, difference
        for _ in range(2):
            QTest.keyClick(widget.controls.box, Qt.Key.Key_Down)
        wait_for(lambda: widget.views.layer in viewer.layers)
        assert viewer.layers.selection.active is widget.views.layer
        choose_from_menu(viewer, "Layers", "Filter", "Generate a metamer")
        wait_for(lambda: main_window(viewer).findChild(GenerateWidget) is not None)
        maker = main_window(viewer).findChild(GenerateWidget)
        for box in (maker._natural, *maker._targets.values()):
            offered = [box.itemData(place) for place in range(box.count())]
            assert [one for one in offered if one is not None] == [natural, part]

    def test_a_clip_that_does_not_fit(self, widget, viewer, part, errors, until, tmp_path):
        other = add(viewer, clip(tmp_path / "short.mkv", 4, 40, 44, seed=4))
        until(lambda: other in widget.choice.clips)
        widget.choice.tick(other)
        until(lambda: bool(errors))
        natural, short = tmp_path / "natural.mkv", tmp_path / "short.mkv"
        line = refused(stst_analyze("compare", natural, short))
        # the verdict comes first, for what is long is cut in a toast
        line = line.removeprefix("Error: ").replace("--frames", "frames")
        assert errors == [f"short cannot be compared: {line}"]
        # what fits is compared nevertheless
        until(lambda: widget.layers == (widget.natural, part) and idle(widget))
        # and with the right frames, so is the other
        widget.choice.tick(part, False)
        widget.choice.frames_edit.setText("5:9")
        widget.choice.frames_edit.editingFinished.emit()
        until(lambda: widget.layers == (widget.natural, other) and idle(widget))
        np.testing.assert_array_equal(other.translate, [5, 0, 0])
        courses = widget.results.measured["Features"].panels[0].series
        assert list(courses[1].frames) == [5, 6, 7, 8]
        widget.choice.side_edit.setText("x")
        widget.choice.side_edit.editingFinished.emit()
        assert errors[-1] == "max. px is 'x': expected a whole number of pixels."
        # it stays in the panel, until something is chosen that can be
        assert widget.actions.message.text() == errors[-1]
        widget.choice.side_edit.clear()
        widget.choice.side_edit.editingFinished.emit()
        assert widget.actions.message.isHidden()

    def test_arrays(self, viewer, opened, natural, errors, until):
        array = viewer.add_image(frames(9, 40, 44, seed=2), rgb=True, name="my metamer/1")
        widget = opened()
        assert widget.choice.others == ()
        widget.choice.tick(array)
        until(lambda: bool(errors))
        assert "has no frame rate" in errors[0]
        array.metadata["fps"] = "30000/1001"
        widget.choice.tick(array, False)
        widget.choice.tick(array)
        until(lambda: "Features" in widget.results.measured)
        names = {
            Path(row["clip"].split(" ")[0]) for row in widget.results.measured["Features"].rows
        }
        (saved,) = names - {natural.data.video.path}
        assert saved.name == "my_metamer_1.mkv"
        assert saved.exists()
        close_dock(viewer)
        assert not saved.parent.exists()


@pytest.mark.parametrize("size", [9, 16])
def test_no_button_is_cut_with_larger_letters(viewer, natural, opened, qtbot, size):
    widget = opened()
    get_settings().appearance.font_size = size
    qtbot.wait(300)
    shown = [one for one in (*widget.findChildren(QPushButton), widget.controls.box)
             if one.isVisible()]  # fmt: skip
    assert len(shown) > 6
    assert [one for one in shown if one.width() < one.minimumSizeHint().width()] == []


class TestCursor:
    def test_it_follows_the_slider(self, viewer, widget, natural, qtbot):
        cursors = widget.results.plots["Features"].cursors
        assert len(cursors) == 5
        viewer.dims.set_current_step(0, 3)
        assert [one.value() for one in cursors] == [3.0] * 5
        viewer.dims.set_current_step(0, 6)
        assert [one.value() for one in cursors] == [6.0] * 5

        # and the slider follows a click
        plot = widget.results.plots["Features"]
        viewer.dims.set_current_step(0, 2)
        box = plot.plots[1].getViewBox()
        where = box.mapViewToScene(QPointF(5.2, sum(box.viewRange()[1]) / 2))
        place = plot.graphics.mapFromScene(where)
        viewport = plot.graphics.viewport()
        qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=QPoint(place))
        assert viewer.dims.current_step[0] == 5
        assert plot.cursors[1].value() == 5

        # of layers of any scale, among such of more dimensions
        natural.scale = (0.04, 1, 1)
        natural.translate = (1, 0, 0)
        viewer.add_image(np.zeros((3, 2, 8, 8), np.float32))
        widget.go_to(4)
        assert viewer.dims.point[1] == pytest.approx(1.16)
        assert widget.frame == 4

        assert plot.colors == colors_of(viewer)
        dark = plot.colors
        viewer.theme = "light"
        assert plot.colors == colors_of(viewer) != dark


class TestResults:
    def test_cka_prediction_and_table(self, widget, until, tmp_path, errors, monkeypatch, qtbot):
        widget.actions.cka.click()
        dialog = QApplication.activeModalWidget() or widget.findChild(CkaDialog)
        (row,) = dialog.models.rows
        dialog.accept()
        assert "A row has no model." in dialog.problem.text()
        row.model.set_text("tiny_classifier:image")
        dialog.accept()
        assert dialog.problem.text() == (
            "tiny_classifier:image has no layers yet. Choose some of its layers."
        )
        row.weights.box.set_text("none")
        row.layers.line.setText("late")
        null = str(clip(tmp_path / "u; 1.mkv", 4, 20, 20, seed=7))
        monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *args: ([null], ""))
        qtbot.mouseClick(dialog.null.add_button, Qt.MouseButton.LeftButton)
        assert dialog.arguments() == [{"model": CKA, "settings": CkaSettings(), "null": [null]}]
        dialog.accept()
        title = "CKA tiny_classifier:image=none"
        until(lambda: title in widget.results.measured)
        monkeypatch.setattr(
            QFileDialog,
            "getSaveFileName",
            lambda *args, **options: (str(tmp_path / "cka"), "CSV (*.csv)"),
        )
        widget.actions.save.click()
        assert (tmp_path / "cka.csv").read_text() == as_csv(
            table(widget.results.measured[title].rows)
        )
        # beside what unrelated clips get, in words and shaded
        plot = widget.results.plots[title]
        assert not plot.below.isHidden()
        assert "the band of 4 unrelated clips" in plot.verdicts.text()
        (region,) = (one for one in plot.plots[0].items if isinstance(one, LinearRegionItem))
        assert region.getRegion() == pytest.approx(plot.panels[0].series[0].band)
        # the report is asked for with the same clips
        widget.actions.report.click()
        dialog = QApplication.activeModalWidget() or widget.findChild(ReportDialog)
        found = dialog.arguments()
        assert (found["cka"], found["null"]) == ([CKA], [null])
        dialog.reject()
        # PredNet's weights are asked for
        asked = []
        monkeypatch.setattr(widget, "measure_prediction", asked.append)
        widget.actions.prednet.click()
        dialog = QApplication.activeModalWidget() or widget.findChild(PredictionDialog)
        dialog.accept()
        assert "There are no weights" in dialog.problem.text()
        dialog.weights.edit.setText("none")
        dialog.accept()
        assert asked == [{"weights": "none", "fit": "stretch"}]
        # a sidecar is no place for a table
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *args, **_: (str(tmp_path / "part.json"), "")
        )
        monkeypatch.setattr(widget.results, "_may_replace", lambda path: True)
        widget.actions.save.click()
        assert "the sidecar of" in errors[-1]

    def test_statistics_beside_nulls(self, viewer, widget, until, tmp_path, errors, monkeypatch):
        click(widget.actions.nulls)
        wait_for(lambda: isinstance(QApplication.activeModalWidget(), MeasuresDialog))
        dialog = QApplication.activeModalWidget()
        boxes = dialog.measures.boxes
        assert dialog.measures.names() == ("energy", "coherence", "photometry")
        for box in boxes.values():
            click(box)
        dialog.accept()
        assert dialog.problem.text() == "No measure is ticked. Tick one."
        null = str(clip(tmp_path / "u.mkv", 9, 20, 20, seed=7))
        dialog.null.add([null])
        click(boxes["photometry"])
        click(boxes["energy"])
        dialog.accept()
        until(lambda: {"Energy", "Light"} <= {*widget.results.measured} and idle(widget))
        # courses beside the table, where there are any
        results = widget.results
        assert results.plots["Light"].isVisible()
        assert results.plots["Energy"].isHidden()
        cursors = results.plots["Light"].cursors
        viewer.dims.set_current_step(0, 4)
        assert [one.value() for one in cursors] == [4.0] * 3
        shown = results.tables["Light"]
        assert [shown.item(at, 1).text() for at in range(2)] == ["natural", "part"]
        assert shown.item(1, 0).text() == ""
        kept = results.measured["Light"].values.rows[1]
        assert [shown.item(1, at).text() for at in range(2, 6)] == list(kept.cells)
        # what was measured is proposed, and can be kept
        dialog = open_report(widget)
        assert dialog.arguments()["measures"] == ("energy", "photometry")
        assert dialog.arguments()["null"] == [null]
        dialog.reject()
        name = str(tmp_path / "light")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args, **_: (name, "(*.csv)"))
        click(widget.actions.save)
        assert (tmp_path / "light.csv").read_text() == as_csv(table(results.measured["Light"].rows))
        # in the colours of the theme
        viewer.theme = "light"
        assert shown.item(0, 1).foreground().color().name() == colors_of(viewer).text
        assert errors == []

    def test_statistics_that_were_cancelled(self, widget, until, errors):
        for measure in ("energy", "coherence"):
            widget.measure_beside_nulls({"measure": measure, "null": []})
        until(lambda: widget.work.task is not None)
        click(widget.actions.cancel)
        until(lambda: idle(widget) and not widget.work._leaving)
        assert {*widget.results.measured} == {"Features"}
        assert open_report(widget).arguments()["measures"] == ()
        assert errors == []

    def test_enter_goes_on_after_what_was_missing_is_written(self, widget, monkeypatch):
        asked = []
        monkeypatch.setattr(widget, "measure_prediction", asked.append)
        click(widget.actions.prednet)
        wait_for(lambda: isinstance(QApplication.activeModalWidget(), PredictionDialog))
        dialog = QApplication.activeModalWidget()
        (measure,) = (one for one in dialog.findChildren(QPushButton) if one.text() == "Measure")
        click(measure)
        # what is to be written is a word, and not left out
        assert "or the word none for random ones" in dialog.problem.text()
        click(dialog.weights.edit)
        QTest.keyClicks(dialog.weights.edit, "none")
        press(Qt.Key.Key_Return)
        assert asked == [{"weights": "none", "fit": "stretch"}]

    def test_the_report(self, widget, until, tmp_path, errors, monkeypatch):
        opened = []
        monkeypatch.setattr(
            QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True
        )
        widget.actions.report.click()
        dialog = QApplication.activeModalWidget() or widget.findChild(ReportDialog)
        assert dialog.folder.text() == str(tmp_path / "natural_report")
        (tmp_path / "old").mkdir()
        (tmp_path / "old/index.html").write_text("old")
        dialog.folder.edit.setText(str(tmp_path / "old"))
        dialog.accept()
        assert dialog.isVisible()
        assert "Tick “Replace a report that is there”, or choose" in dialog.problem.text()
        dialog.folder.edit.setText(str(tmp_path / "one"))
        dialog.accept()
        assert not widget.actions.open.isEnabled()
        until(lambda: widget.report is not None)
        assert {path.name for path in (tmp_path / "one").iterdir()} == set(FILES)
        command = f"stst-analyze report {tmp_path}/natural.mkv part.mkv -o DIR"
        assert command in (tmp_path / "one/index.html").read_text()
        widget.actions.open.click()
        assert opened == [str(tmp_path / "one/index.html")]
        assert errors == []

    def test_nothing_is_proposed_among_the_samples(self, viewer, opened, tmp_path, monkeypatch):
        add(viewer, sample_path("cat"))
        add(viewer, clip(tmp_path / "other.mkv", 9, 40, 44))
        widget = opened()
        assert widget.natural.name == "cat"
        widget._ask_report()
        dialog = QApplication.activeModalWidget() or widget.findChild(ReportDialog)
        assert dialog.folder.text() == str(tmp_path / "cat_report")
        dialog.reject()
        # a table goes where the report would
        monkeypatch.chdir("/")
        asked = []
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *args, **_: asked.append(args[2]) or ("", "")
        )
        widget.choice.choose_natural(viewer.layers["other"])
        widget._ask_table()
        assert asked == [str(tmp_path / "other.csv")]

    def test_what_failed_is_not_proposed_for_the_report(self, widget, until, tmp_path, errors):
        widget.measure_cka({"model": "resnet51=none", "null": [str(tmp_path / "no.mkv")]})
        until(lambda: len(errors) == 1)
        widget.measure_prediction({"weights": str(tmp_path / "no.hdf5")})
        until(lambda: len(errors) == 2)
        told = {"settings": CkaSettings("positions", "biased"), "null": []}
        widget.measure_cka({"model": CKA, **told})
        until(lambda: idle(widget))
        widget.actions.report.click()
        dialog = QApplication.activeModalWidget() or widget.findChild(ReportDialog)
        found = dialog.arguments()
        assert (found["cka"], found["prednet"]) == ([CKA], None)
        # as it was measured
        assert {name: found[name] for name in told} == told
        # what fails in the report is left out of it, and told; the clips have five frames
        dialog.prednet.edit.setText("none")
        dialog.folder.edit.setText(str(tmp_path / "one"))
        dialog.accept()
        until(lambda: widget.report is not None)
        assert (tmp_path / "one/cka.csv").exists()
        assert "PredNet is left out" in (tmp_path / "one/index.html").read_text()

    def test_random_weights_are_named(self, viewer, opened, until, tmp_path, errors, qtbot):
        add(viewer, clip(tmp_path / "natural.mkv", 12, 40, 44))
        other = add(viewer, clip(tmp_path / "other.mkv", 12, 40, 44, seed=4))
        widget = opened()
        widget.choice.tick(other)
        until(lambda: "Features" in widget.results.measured and idle(widget))
        qtbot.mouseClick(widget.actions.prednet, Qt.MouseButton.LeftButton)
        dialog = QApplication.activeModalWidget() or widget.findChild(PredictionDialog)
        dialog.weights.edit.setText("none")
        dialog.accept()
        until(lambda: idle(widget) and len(widget.results.measured) == 2)
        tabs = widget.results.tabs
        assert [tabs.tabText(one) for one in range(2)] == ["Features", "PredNet (random weights)"]
        assert errors == []

    def test_layers_with_long_names_are_named_whole(self, viewer, widget, qtbot):
        panels = widget.results.measured["Features"].panels
        title = "CKA, encoder.layers.encoder_layer_11.mlp"
        long = Measurement(tuple(replace(one, title=title) for one in panels), ())
        widget.results.show_measured("CKA", long, ("natural", "part"), None, 0)
        plot = widget.results.plots["CKA"]
        qtbot.waitUntil(plot.isVisible)
        qtbot.wait(100)
        assert len(plot.plots) == 5
        for panel in plot.plots:
            here = panel.mapRectToScene(panel.boundingRect())
            label = panel.titleLabel.item
            words = label.mapRectToScene(label.boundingRect())
            assert panel.titleLabel.text == title
            assert here.left() - 1 <= words.left()
            assert words.right() <= here.right() + 1
            # and within what can be scrolled to
            assert here.right() <= plot.graphics.width() + 1

    def test_models_are_rows_with_layers_from_the_model_s_own_list(
        self, widget, until, monkeypatch, qtbot
    ):
        asked = []
        monkeypatch.setattr(widget, "measure_cka", asked.append)
        qtbot.mouseClick(widget.actions.cka, Qt.MouseButton.LeftButton)
        dialog = QApplication.activeModalWidget() or widget.findChild(CkaDialog)
        (first,) = dialog.models.rows
        assert first.layers.line.placeholderText() == "choose some"
        first.layers.button.click()
        assert "There is no model yet" in dialog.problem.text()
        qtbot.keyClicks(first.model.lineEdit(), "tiny_classifier:nothing")
        first.layers.button.click()
        until(first.layers.button.isEnabled)
        assert "No list of the layers of tiny_classifier:nothing" in dialog.problem.text()
        first.model.lineEdit().selectAll()
        qtbot.keyClicks(first.model.lineEdit(), "tiny_classifier:image")
        qtbot.mouseClick(first.layers.button, Qt.MouseButton.LeftButton)
        until(lambda: first.layers.picker is not None)
        picker = first.layers.picker
        names = [picker.list.item(place).text() for place in range(picker.list.count())]
        assert {"early", "early.0", "early.1", "late"} <= set(names)
        qtbot.keyClicks(picker.filter, "EARLY.")
        shown = [one for one in names if not picker.list.item(names.index(one)).isHidden()]
        assert shown == ["early.0", "early.1"]
        # ticked by the keyboard: down to the first that is shown
        picker.list.setCurrentRow(names.index("early.1"))
        qtbot.keyClick(picker.list, Qt.Key.Key_Space)
        picker.accept()
        assert first.layers.line.text() == "early.1"
        # another model, whose layers are the paper's unless others are chosen; one is taken out
        qtbot.mouseClick(dialog.models.add_button, Qt.MouseButton.LeftButton)
        qtbot.mouseClick(dialog.models.add_button, Qt.MouseButton.LeftButton)
        _, second, third = dialog.models.rows
        qtbot.keyClicks(second.model.lineEdit(), "r3d_18")
        assert second.layers.line.placeholderText() == "layer1.0.conv1.1, layer4.1.relu"
        second.weights.box.set_text("/w/a@b=c.pth")
        qtbot.mouseClick(third.remove, Qt.MouseButton.LeftButton)
        dialog.estimator.setCurrentText("biased")
        dialog.accept()
        same = {"settings": CkaSettings("channels", "biased"), "null": []}
        path = "r3d_18=/w/a@b=c.pth@layer1.0.conv1.1,layer4.1.relu"
        assert asked == [
            {"model": "tiny_classifier:image@early.1", **same},
            {"model": path, **same},
        ]
        assert parse_choice(path).weights == "/w/a@b=c.pth"

    @pytest.mark.parametrize(("typed", "key"), [("table", "CSV"), ("table.json", "Parquet")])
    def test_a_table_replaces_nothing_unasked(
        self, widget, tmp_path, monkeypatch, qtbot, typed, key
    ):
        kind = f"{key} (*.{key.lower()})"
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *args, **_: (str(tmp_path / typed), kind)
        )
        there = tmp_path / (typed if "." in typed else f"{typed}.csv")
        there.write_text("mine")
        seen = []

        def answer(key):
            box = QApplication.activeModalWidget()
            if box is None:
                QTimer.singleShot(20, lambda: answer(key))
                return
            seen.append(box.text())
            qtbot.keyClick(box, key)

        # what has the focus is the answer that does nothing
        QTimer.singleShot(0, lambda: answer(Qt.Key.Key_Return))
        qtbot.mouseClick(widget.actions.save, Qt.MouseButton.LeftButton)
        assert seen == [f"{there} exists."]
        assert there.read_text() == "mine"
        monkeypatch.setattr(widget.results, "_may_replace", lambda path: True)
        qtbot.mouseClick(widget.actions.save, Qt.MouseButton.LeftButton)
        assert there.read_text() != "mine"

    def test_cancel(self, widget, until, errors):
        before = widget.results.measured["Features"]
        widget.measure()
        widget.measure_cka({"model": CKA})
        assert widget.work.task is not None
        assert widget.actions.cancel.isEnabled()
        widget.actions.cancel.click()
        assert idle(widget)
        assert list(widget.results.measured) == ["Features"]
        assert not widget.actions.cancel.isEnabled()
        until(lambda: not processes())
        assert widget.results.measured["Features"] is before
        assert errors == []


class TestHidden:
    """What nobody sees does nothing by itself."""

    def test_it_does_not_flicker(self, viewer, widget, natural, part, qtbot, until):
        widget.controls.choose("Flicker")
        widget.controls.rate.setValue(30)
        until(lambda: part.visible)
        dock = next(
            one
            for one in viewer.window._qt_window.findChildren(QDockWidget)
            if one.objectName() == "Compare"
        )
        dock.hide()
        assert natural.visible
        changes = []
        part.events.visible.connect(lambda event: changes.append(part.visible))
        qtbot.wait(200)
        assert changes == []
        # nor does the key, which may be somebody else's now
        assert not widget.controls.shortcut.isEnabled()
        dock.show()
        until(lambda: len(changes) > 2)
        assert widget.controls.shortcut.isEnabled()
        # by hand stays by hand
        widget.controls.rate.setValue(0)
        dock.hide()
        dock.show()
        changes.clear()
        qtbot.wait(200)
        assert changes == []

    def test_it_does_not_measure_until_it_is_seen(
        self, viewer, widget, part, natural, tmp_path, until, qtbot
    ):
        dock = next(
            one
            for one in viewer.window._qt_window.findChildren(QDockWidget)
            if one.objectName() == "Compare"
        )
        dock.hide()
        until(lambda: not processes())
        other = add(viewer, clip(tmp_path / "other.mkv", 9, 40, 44, seed=4))
        until(lambda: other in widget.choice.clips)
        widget.choice.tick(other)
        qtbot.wait(300)
        assert idle(widget)
        assert processes() == []
        dock.show()
        until(lambda: widget.layers == (natural, part, other) and idle(widget))
        until(lambda: "other" in widget.results.plots["Features"].labels)
        # what was asked for goes on when it is hidden
        widget.measure()
        dock.hide()
        assert widget.work.job is not None


class TestEnd:
    def test_the_dock_is_closed_in_the_middle(self, viewer, widget, part, until, errors, qtbot):
        widget.controls.choose("Curtain")
        assert len(viewer.layers) == 3
        widget.measure()
        until(lambda: widget.work.task is not None)
        close_dock(viewer)
        assert list(viewer.layers) == [widget.natural, part]
        np.testing.assert_array_equal(part.translate, [0, 0, 0])
        assert processes() == []
        viewer.dims.set_current_step(0, 1)
        viewer.theme = "light"
        viewer.layers.remove(part)
        qtbot.wait(50)
        assert errors == []

    def test_the_viewer_is_closed_in_the_middle(self, viewer, widget, until, errors, qtbot):
        widget.controls.choose("Flicker")
        widget.controls.rate.setValue(30)
        widget.measure()
        until(lambda: widget.work.task is not None)
        viewer.close()
        until(lambda: not processes())
        qtbot.wait(100)
        assert errors == []
