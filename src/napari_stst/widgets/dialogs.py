"""Questions to the user that have to be answered before anything goes on."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QMessageBox, QWidget


def ask(
    parent: QWidget | None, title: str, question: str, answers: Sequence[str], default: int = 0
) -> str:
    """Ask the user.

    Parameters
    ----------
    parent
        Whose window the question belongs to.
    title, question
        In plain text.
    answers
        A button each; the last one does nothing, and is what Escape means.
    default
        The place of the one that Enter means.

    Returns
    -------
    str
        The answer.
    """
    box = QMessageBox(QMessageBox.Icon.Question, title, question, parent=parent)
    buttons = [box.addButton(one, QMessageBox.ButtonRole.ActionRole) for one in answers]
    box.setDefaultButton(buttons[default])
    box.setEscapeButton(buttons[-1])
    box.exec()
    clicked = box.clickedButton()
    return answers[buttons.index(clicked)] if clicked in buttons else answers[-1]
