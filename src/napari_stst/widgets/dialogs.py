"""Questions to the user that have to be answered before anything goes on."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QMessageBox, QWidget


def ask(parent: QWidget | None, title: str, question: str, answers: Sequence[str]) -> str:
    """Ask the user.

    Parameters
    ----------
    parent
        Whose window the question belongs to.
    title, question
        In plain text.
    answers
        A button each; the last one does nothing, and is what Escape means.

    Returns
    -------
    str
        The answer.
    """
    box = QMessageBox(QMessageBox.Icon.Question, title, question, parent=parent)
    buttons = {box.addButton(one, QMessageBox.ButtonRole.ActionRole): one for one in answers}
    box.setEscapeButton(next(button for button, one in buttons.items() if one == answers[-1]))
    box.exec()
    return buttons.get(box.clickedButton(), answers[-1])
