"""Boxes to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtWidgets import QComboBox


def fill(box: QComboBox, choices: Sequence[tuple[str, Any]], default: Any = None) -> None:
    """Offer other choices in a box and keep what is chosen, if it is still there."""
    chosen = box.currentData()
    box.blockSignals(True)
    box.clear()
    for name, value in choices:
        box.addItem(name, value)
    values = [value for _, value in choices]
    for value in (chosen, default):
        if value is not None and any(value is one for one in values):
            box.setCurrentIndex(next(i for i, one in enumerate(values) if one is value))
            break
    box.blockSignals(False)


def narrow(box: QComboBox) -> None:
    """Let a box be narrower than its longest choice."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
