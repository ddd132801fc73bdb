"""What is asked before measures beside nulls, CKA, prediction and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_stst.background.measurements import CKA_DEFAULTS
from napari_stst.compare.models import AskLayers, ClipList, ModelRows
from napari_stst.widgets.labels import MessageLabel
from napari_stst.widgets.theme import Colors
from napari_stst.widgets.wording import word_for_form
from stst.analysis.evidence.quantities import HEADINGS
from stst.config.cka import CkaSettings, Estimator, Examples
from stst.errors import InputError
from stst.utils.files import at_home

_TIPS = {
    "energy": "Power over spatial and temporal frequency, flicker, and directions and speeds of "
    "motion, compared with the natural clip's",
    "coherence": "How much of the change is left once optical flow is undone; takes the longest",
    "photometry": "Luminance, and contrast in linear light",
}
_REPLACE = "Replace a report that is there"
_WIDE = 760  # pixels
_HDF5 = "PredNet's weights (*.hdf5 *.h5 *.safetensors);;All files (*)"


@dataclass(frozen=True)
class EarlierSettings:
    """What has been measured, and how; what failed is not in it.

    Attributes
    ----------
    cka
        Models, as `stst.config.cka.parse_choice` reads them.
    settings, null
        Of CKA, the last time; `null` are paths of unrelated clips.
    weights
        Of PredNet; empty where there are none.
    measures
        Names of `stst.analysis.settings.MEASURES`.
    """

    cka: Sequence[str] = ()
    settings: CkaSettings = CKA_DEFAULTS
    null: Sequence[str] = ()
    weights: str = ""
    measures: Sequence[str] = ()


class _Dialog(QDialog):
    """A form with OK and Cancel; what cannot be is said in it, and it stays open."""

    def __init__(self, title: str, action: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.problem = MessageLabel()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        ok = self.buttons.addButton(action, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(self.form)
        # room that a message leaves behind is no row's, whose parts it would pull apart
        layout.addStretch(1)
        layout.addWidget(self.problem)
        layout.addWidget(self.buttons)
        # once the button is the dialog's: else Enter is lost with the first click on a button
        ok.setDefault(True)
        self.setMinimumWidth(460)

    def check(self) -> None:
        """Raise an `InputError` where something cannot be."""

    def accept(self) -> None:
        """Close, if everything can be."""
        try:
            self.check()
        except InputError as error:
            self.problem.say(word_for_form(str(error)))
            return
        super().accept()


class _CkaDialog(_Dialog):
    """Asks for vision models, what CKA's examples are, its estimator, and unrelated clips.

    Parameters
    ----------
    title, action
        Of the dialog, and of its button.
    measured
        What was measured before.
    ask
        Asks for a model's layers.
    colors
        Of the viewer's theme.
    parent
        Owns the dialog.
    """

    def __init__(
        self,
        title: str,
        action: str,
        measured: EarlierSettings,
        ask: AskLayers,
        colors: Colors,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title, action, parent)
        self.models = ModelRows(ask, colors)
        self.models.failed.connect(self.problem.say)
        self.examples = QComboBox()
        self.examples.addItems(["channels", "positions"])
        self.examples.setCurrentText(measured.settings.examples)
        self.examples.setToolTip("What CKA's examples are; channels explain the paper's figure 3")
        self.estimator = QComboBox()
        self.estimator.addItems(["unbiased", "biased"])
        self.estimator.setCurrentText(measured.settings.estimator)
        self.estimator.setToolTip(
            "Of HSIC. Unbiased (Song et al. 2012), clips that have nothing to do with each other "
            "come nearer to 0; biased is the paper's way"
        )
        self.null = ClipList()
        self.null.add(measured.null)
        self.setMinimumWidth(_WIDE)

    def _add_rows(self) -> None:
        self.form.addRow("CKA", self.models)
        self.form.addRow("examples", self.examples)
        self.form.addRow("estimator", self.estimator)
        self.form.addRow("unrelated clips", self.null)

    def _share_arguments(self) -> dict[str, Any]:
        """Give the arguments that hold for all models."""
        return {
            "settings": CkaSettings(
                cast(Examples, self.examples.currentText()),
                cast(Estimator, self.estimator.currentText()),
            ),
            "null": self.null.paths(),
        }


class CkaDialog(_CkaDialog):
    """Asks for models to measure with.

    Parameters
    ----------
    measured, ask, colors, parent
        As in `_CkaDialog`.
    """

    def __init__(
        self,
        measured: EarlierSettings,
        ask: AskLayers,
        colors: Colors,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("CKA in vision models", "Measure", measured, ask, colors, parent)
        self.models.add()
        self._add_rows()

    def check(self) -> None:
        """Look whether there are models, each with layers."""
        if not self.models.texts():
            raise InputError("There is no model. Add one.")

    def arguments(self) -> list[dict[str, Any]]:
        """Give the arguments of the task ``cka``, once for every model."""
        return [{"model": text, **self._share_arguments()} for text in self.models.texts()]


class MeasureBoxes(QWidget):
    """Boxes of the measures that are shown beside nulls.

    Parameters
    ----------
    ticked
        Names of `stst.analysis.settings.MEASURES`.
    """

    def __init__(self, ticked: Sequence[str]) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.boxes: dict[str, QCheckBox] = {}
        for name, (title, _) in HEADINGS.items():
            self.boxes[name] = box = QCheckBox(title)
            box.setToolTip(_TIPS[name])
            box.setChecked(name in ticked)
            layout.addWidget(box)
        layout.addStretch(1)

    def names(self) -> tuple[str, ...]:
        """Give those that are ticked."""
        return tuple(name for name, box in self.boxes.items() if box.isChecked())


class MeasuresDialog(_Dialog):
    """Asks which measures are taken, and for unrelated clips.

    Parameters
    ----------
    measured
        What was measured before.
    parent
        Owns the dialog.
    """

    def __init__(self, measured: EarlierSettings, parent: QWidget | None = None) -> None:
        super().__init__("Statistics beside nulls", "Measure", parent)
        self.measures = MeasureBoxes(measured.measures or tuple(HEADINGS))
        self.null = ClipList()
        self.null.list.setToolTip(
            "Natural clips of other content, beside the sample clips. What they have stands beside "
            "every value"
        )
        self.null.add(measured.null)
        self.form.addRow("measures", self.measures)
        self.form.addRow("unrelated clips", self.null)

    def check(self) -> None:
        """Look whether there is anything to do."""
        if not self.measures.names():
            raise InputError("No measure is ticked. Tick one.")

    def arguments(self) -> list[dict[str, Any]]:
        """Give the arguments of the task ``nulls``, once for every measure."""
        null = self.null.paths()
        return [{"measure": name, "null": null} for name in self.measures.names()]


class PathEdit(QWidget):
    """A line for a path, and a button that browses."""

    def __init__(self, browse: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.edit, self.button = QLineEdit(), QPushButton("Browse…")
        self._browse = browse
        self.button.clicked.connect(self._choose)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.edit, 1)
        layout.addWidget(self.button)

    def text(self) -> str:
        """Give the path that was typed; ``~`` is the home folder."""
        return at_home(str(self.edit.text().strip()))

    def _choose(self) -> None:
        found = self._browse(self.text())
        if found:
            self.edit.setText(found)


def _weights_file(parent: QWidget) -> PathEdit:
    def browse(start: str) -> str:
        return str(QFileDialog.getOpenFileName(parent, "PredNet's weights", start, _HDF5)[0])

    line = PathEdit(browse, parent)
    line.edit.setPlaceholderText("file, or the word none for random weights")
    line.setToolTip("The authors' HDF5 file, or one of our own (stst train-prednet)")
    return line


class PredictionDialog(_Dialog):
    """Asks for PredNet's weights."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Next frames predicted by PredNet", "Measure", parent)
        self.weights = _weights_file(self)
        self.fit = QComboBox()
        self.fit.addItems(["stretch", "crop"])
        self.fit.setToolTip("How frames of another shape come to 128x160 px; the paper stretches")
        self.form.addRow("weights", self.weights)
        self.form.addRow("fit", self.fit)

    def check(self) -> None:
        """Look whether there are weights."""
        _check_weights(self.weights.text())

    def arguments(self) -> dict[str, Any]:
        """Give the arguments of the task ``prediction``."""
        return {"weights": self.weights.text(), "fit": self.fit.currentText()}


class ReportDialog(_CkaDialog):
    """Asks for the folder of a report, and what is shown beside the features.

    Parameters
    ----------
    folder
        Proposed.
    measured, ask, colors, parent
        As in `_CkaDialog`.
    """

    def __init__(
        self,
        folder: Path,
        measured: EarlierSettings,
        ask: AskLayers,
        colors: Colors,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Report of the clips", "Write", measured, ask, colors, parent)

        def browse(start: str) -> str:
            path = Path(start)
            parent = QFileDialog.getExistingDirectory(
                self, "Where to make the folder of the report", str(path.parent)
            )
            return str(Path(parent) / (path.name or "report")) if parent else ""

        self.folder = PathEdit(browse, self)
        self.folder.edit.setText(str(folder))
        self.overwrite = QCheckBox(_REPLACE)
        for text in measured.cka:
            self.models.add(text)
        self.measures = MeasureBoxes(measured.measures)
        self.prednet = _weights_file(self)
        self.prednet.edit.setPlaceholderText("not shown, or a file of weights")
        self.prednet.edit.setText(measured.weights)
        self.form.addRow("folder", self.folder)
        self.form.addRow(self.overwrite)
        self.form.addRow("statistics", self.measures)
        self._add_rows()
        self.form.addRow("PredNet", self.prednet)

    def check(self) -> None:
        """Look whether the folder can be made, and read the models."""
        from stst.report import check_report_output
        from stst.report.write import PAGE

        if not self.folder.text():
            raise InputError("There is no folder. Give a name such as report.")
        folder, overwrite = Path(self.folder.text()), self.overwrite.isChecked()
        # in the words of the form
        if not overwrite and (folder / PAGE).exists():
            raise InputError(
                f"There is a report in {folder}. Tick “{_REPLACE}”, or choose another folder."
            )
        check_report_output(folder, overwrite)
        self.models.texts()

    def arguments(self) -> dict[str, Any]:
        """Give the arguments of the task ``report``."""
        return {
            "output": self.folder.text(),
            "overwrite": self.overwrite.isChecked(),
            "measures": self.measures.names(),
            "cka": self.models.texts(),
            **self._share_arguments(),
            "prednet": self.prednet.text() or None,
        }


def _check_weights(text: str) -> None:
    if not text:
        raise InputError(
            "There are no weights. Give the authors' prednet_kitti_weights.hdf5, a file of your "
            "own, or the word none for random ones."
        )
