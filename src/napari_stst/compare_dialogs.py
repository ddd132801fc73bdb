"""What is asked before CKA, prediction and the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from stst.config.choice import DEFAULT_LAYERS, parse_choice
from stst.errors import InputError
from stst.paths import at_home

_SYNTAX = (
    "A model of torchvision, or your own package.module:factory. Weights after “=” (none: random), "
    "layers after “@”, e.g. mobilenet_v2=none@features.3,features.18"
)
_HDF5 = "PredNet's weights (*.hdf5 *.h5 *.safetensors);;All files (*)"


class _Dialog(QDialog):
    """A form with OK and Cancel; what cannot be is said in it, and it stays open."""

    def __init__(self, title: str, action: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        ok = self.buttons.addButton(action, QDialogButtonBox.ButtonRole.AcceptRole)
        ok.setDefault(True)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(self.form)
        layout.addWidget(self.problem)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(460)

    def check(self) -> None:
        """Raise an `InputError` where something cannot be."""

    def accept(self) -> None:
        """Close, if everything can be."""
        try:
            self.check()
        except InputError as error:
            self.problem.setText(str(error))
            self.problem.show()
            return
        super().accept()


class CkaDialog(_Dialog):
    """Asks for a vision model, and for what CKA's examples are."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("CKA in a vision model", "Measure", parent)
        self.model = QComboBox()
        self.model.setEditable(True)
        self.model.addItems([*DEFAULT_LAYERS, *(f"{name}=none" for name in DEFAULT_LAYERS)])
        self.model.setToolTip(_SYNTAX)
        self.examples = QComboBox()
        self.examples.addItems(["channels", "positions"])
        self.examples.setToolTip("What CKA's examples are; channels explain the paper's figure 3")
        self.estimator = QComboBox()
        self.estimator.addItems(["unbiased", "biased"])
        self.estimator.setToolTip(
            "Of HSIC. Unbiased (Song et al. 2012), clips that have nothing to do with each other "
            "come nearer to 0; biased is the paper's way"
        )
        self.null = _null_clips(self)
        words = QLabel(f"{_SYNTAX}. Pretrained weights are downloaded when they are first used.")
        words.setWordWrap(True)
        self.form.addRow("Model", self.model)
        self.form.addRow(words)
        self.form.addRow("Examples", self.examples)
        self.form.addRow("Estimator", self.estimator)
        self.form.addRow("Unrelated clips", self.null)

    def check(self) -> None:
        """Read the model."""
        parse_choice(self.model.currentText().strip())

    def arguments(self) -> dict[str, Any]:
        """Give the arguments of the task ``cka``."""
        return {
            "model": self.model.currentText().strip(),
            "examples": self.examples.currentText(),
            "estimator": self.estimator.currentText(),
            "null": _paths(self.null),
        }


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
    line.edit.setPlaceholderText("file, or none for random weights")
    line.setToolTip("The authors' HDF5 file, or one of our own (stst train-prednet)")
    return line


def _null_clips(parent: QWidget) -> PathEdit:
    def browse(start: str) -> str:
        found = QFileDialog.getOpenFileNames(parent, "Natural clips of other content")[0]
        return "; ".join([*filter(None, [start]), *map(str, found)]) if found else ""

    line = PathEdit(browse, parent)
    line.edit.setPlaceholderText("the sample clips, and those that you add")
    line.setToolTip(
        "A trained network finds any two clips alike in its early layers. What clips of other "
        "content get is shown as a band; the more natural clips you add, the firmer it is. Several "
        "with ; between them"
    )
    return line


def _paths(line: PathEdit) -> list[str]:
    return [one.strip() for one in line.text().split(";") if one.strip()]


class PredictionDialog(_Dialog):
    """Asks for PredNet's weights."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Next frames predicted by PredNet", "Measure", parent)
        self.weights = _weights_file(self)
        self.fit = QComboBox()
        self.fit.addItems(["stretch", "crop"])
        self.fit.setToolTip("How frames of another shape come to 128x160 px; the paper stretches")
        self.form.addRow("Weights", self.weights)
        self.form.addRow("Fit", self.fit)

    def check(self) -> None:
        """Look whether there are weights."""
        _check_weights(self.weights.text())

    def arguments(self) -> dict[str, Any]:
        """Give the arguments of the task ``prediction``."""
        return {"weights": self.weights.text(), "fit": self.fit.currentText()}


class ReportDialog(_Dialog):
    """Asks for the folder of a report, and what is shown beside the features.

    Parameters
    ----------
    folder
        Proposed.
    cka, weights, null
        Models, weights and unrelated clips that were measured with before.
    parent
        Owns the dialog.
    """

    def __init__(
        self,
        folder: Path,
        cka: Sequence[str],
        weights: str,
        null: Sequence[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Report of the clips", "Write", parent)

        def browse(start: str) -> str:
            path = Path(start)
            parent = QFileDialog.getExistingDirectory(
                self, "Where to make the folder of the report", str(path.parent)
            )
            return str(Path(parent) / (path.name or "report")) if parent else ""

        self.folder = PathEdit(browse, self)
        self.folder.edit.setText(str(folder))
        self.overwrite = QCheckBox("Replace a report that is there (--overwrite)")
        self.cka = QLineEdit(" ".join(cka))
        self.cka.setPlaceholderText("none, or models such as resnet50 r3d_18=none")
        self.cka.setToolTip(f"{_SYNTAX}. Several with spaces between them")
        self.null = _null_clips(self)
        self.null.edit.setText("; ".join(null))
        self.prednet = _weights_file(self)
        self.prednet.edit.setPlaceholderText("not shown, or a file of weights")
        self.prednet.edit.setText(weights)
        self.form.addRow("Folder", self.folder)
        self.form.addRow(self.overwrite)
        self.form.addRow("CKA", self.cka)
        self.form.addRow("Unrelated clips", self.null)
        self.form.addRow("PredNet", self.prednet)

    def check(self) -> None:
        """Look whether the folder can be made, and read the models."""
        from stst.report import check_report_output

        if not self.folder.text():
            raise InputError("there is no folder. Give a name such as report/.")
        check_report_output(Path(self.folder.text()), self.overwrite.isChecked())
        for model in self.cka.text().split():
            parse_choice(model)

    def arguments(self) -> dict[str, Any]:
        """Give the arguments of the task ``report``."""
        return {
            "output": self.folder.text(),
            "overwrite": self.overwrite.isChecked(),
            "cka": self.cka.text().split(),
            "null": _paths(self.null),
            "prednet": self.prednet.text() or None,
        }


def _check_weights(text: str) -> None:
    if not text:
        raise InputError(
            "there are no weights. Give the authors' prednet_kitti_weights.hdf5, a file of your "
            "own, or none for random ones."
        )
