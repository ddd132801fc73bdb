"""Asking how a clip of more than 8 bits, or of high dynamic range, is to be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stst.errors import InputError
from stst.video import AS_STORED, LazyVideo, Levels, VideoInfo, probe
from stst.video.color.levels import HIGHEST_PEAK
from stst.video.color.rgb import find_levels
from stst.video.color.tonemap import USUAL_PEAK

if TYPE_CHECKING:
    from napari.layers import Image
    from qtpy.QtWidgets import QWidget

#: Where a layer keeps what was answered, as arguments of `Levels`.
KEY = "levels"
_HDR = {"smpte2084": "PQ", "arib-std-b67": "HLG"}
_RECORDED = "Every stimulus that is made of it records this, and how it is repeated."


def choose_levels(path: Path, parent: QWidget | None = None) -> Levels | None:
    """Ask the user how a clip is to be read, where it needs to be asked.

    Parameters
    ----------
    path
        Of the clip.
    parent
        Window that the question belongs to.

    Returns
    -------
    Levels or None
        None if the user would rather not open it.

    Raises
    ------
    InputError
        If the clip cannot be read in any case, or nobody can be asked.
    """
    info = probe(path)
    needed = find_levels(info)
    if needed == AS_STORED:
        return AS_STORED
    LazyVideo(path, levels=needed)  # whatever else is wrong is said before the question
    from qtpy.QtWidgets import QApplication

    if QApplication.instance() is None:
        raise InputError(f"{path} has {info.refusal}")
    return _answer(path, info, parent)


def _answer(path: Path, info: VideoInfo, parent: QWidget | None) -> Levels | None:
    from qtpy.QtWidgets import QDialog, QDialogButtonBox, QDoubleSpinBox, QFormLayout, QLabel

    dialog = QDialog(parent)
    dialog.setWindowTitle(path.name)
    form = QFormLayout(dialog)
    peak: QDoubleSpinBox | None = None
    if info.color_transfer in _HDR:
        verb = "Map to standard range"
        form.addRow(_wrap_label(
            f"{path.name} is of high dynamic range ({_HDR[info.color_transfer]}). Stimuli are of "
            "standard range, 8 bits of BT.709. It can be mapped to it by the tone curve of ITU-R "
            f"BT.2408, with the reference white at 203 cd/m². {_RECORDED}"
        ))  # fmt: skip
        if info.peak_nits is None:
            peak = QDoubleSpinBox()
            peak.setRange(1, HIGHEST_PEAK)
            peak.setDecimals(0)
            peak.setValue(USUAL_PEAK)
            peak.setSuffix(" cd/m²")
            peak.setToolTip(
                "Of the display that the clip was made for; its file does not say it. What is "
                "brighter is cut off."
            )
            form.addRow("peak luminance", peak)
        else:
            form.addRow("peak luminance", QLabel(f"{info.peak_nits:g} cd/m², as the file says"))
    else:
        verb = "Round to 8 bits"
        form.addRow(_wrap_label(
            f"{path.name} has {info.bit_depth} bits per channel, stimuli have 8. It can be rounded "
            f"to 8 bits, exactly. {_RECORDED}"
        ))  # fmt: skip
    buttons = QDialogButtonBox()
    go = buttons.addButton(verb, QDialogButtonBox.ButtonRole.AcceptRole)
    assert go is not None
    go.setDefault(True)
    buttons.addButton("Don't open", QDialogButtonBox.ButtonRole.RejectRole)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    form.addRow(buttons)
    answer = dialog.exec()
    value = None if peak is None else peak.value()
    dialog.deleteLater()
    if answer != QDialog.DialogCode.Accepted:
        return None
    needed = find_levels(info)
    return needed if value is None else Levels(tonemap=needed.tonemap, peak_nits=value)


def _wrap_label(text: str) -> Any:
    from qtpy.QtWidgets import QLabel

    label = QLabel(text)
    label.setWordWrap(True)
    label.setMinimumWidth(420)
    return label


def levels_of(layer: Image) -> Levels:
    """Say with what a layer's clip was opened.

    Raises
    ------
    InputError
        If its metadata was changed to something else.
    """
    kept = layer.metadata.get(KEY) or {}
    try:
        return Levels(**kept)
    except TypeError as error:
        raise InputError(f"the layer {layer.name!r}: metadata[{KEY!r}] is {kept!r}.") from error


def common_levels(layers: Iterable[Image]) -> Levels:
    """Say with what all of some layers' files are read.

    Parameters
    ----------
    layers
        That show files.

    Raises
    ------
    InputError
        If two were opened with different peaks.
    """
    asked: dict[str, Any] = {}
    by: dict[str, str] = {}
    for layer in layers:
        for key, value in levels_of(layer).as_dict().items():
            if asked.setdefault(key, value) != value:
                raise InputError(
                    f"{by[key]!r} was opened with a peak of {asked[key]:g} cd/m², {layer.name!r} "
                    f"with {value:g}; clips that go together need the same. Open one of them again."
                )
            by.setdefault(key, layer.name)
    return Levels(**asked)
