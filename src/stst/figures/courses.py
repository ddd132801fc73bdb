"""How runs went: what their iterations told of losses and probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stst.figures.style import (
    COLORS,
    THIN,
    WIDE,
    add_title,
    clip_color,
    new_panels,
    shorten_label,
    use_style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RunCourse:
    """How the run that made a clip went.

    Attributes
    ----------
    label
        Of its clip.
    place
        Of the clip in a report; decides the colour.
    iteration
        (N,) numbers of the iterations that are told of.
    probability
        Of the class that the clip is made for in [0, 1], (N,) each, by who looked; ``"model"`` is
        drawn wide.
    losses
        Weighted terms of the loss, (N,) each.
    """

    label: str
    place: int
    iteration: Values
    probability: Mapping[str, Values]
    losses: Mapping[str, Values]


def run_courses(courses: Sequence[RunCourse]) -> Figure:
    """Draw probability of the class and terms of the loss over iterations.

    Parameters
    ----------
    courses
        One row of two panels each.

    Returns
    -------
    matplotlib.figure.Figure
        Losses on a logarithmic axis, on which zeros are left out.
    """
    with use_style():
        figure, axes = new_panels(2 * len(courses), 2, 4.6, 2.4)
        for row, course in enumerate(courses):
            probability, losses = axes[2 * row : 2 * row + 2]
            name = shorten_label(course.label)
            _draw_probability(probability, course)
            _draw_losses(losses, course)
            for panel, title in ((probability, "Probability of the class"), (losses, "Loss")):
                add_title(panel, f"{title}, {name}")
                panel.set_xlabel("Iteration")
                panel.legend(frameon=False, fontsize=7, ncols=2)
        return figure


def _draw_probability(panel: Axes, course: RunCourse) -> None:
    for name, values in course.probability.items():
        is_model = name == "model"
        panel.plot(
            course.iteration, values, color=clip_color(course.place), label=name,
            linewidth=WIDE if is_model else THIN, linestyle="-" if is_model else "--",
        )  # fmt: skip
    panel.set_ylabel("Probability")
    panel.set_ylim(-0.02, 1.02)


def _draw_losses(panel: Axes, course: RunCourse) -> None:
    for number, (term, values) in enumerate(course.losses.items()):
        color = COLORS[number % len(COLORS)]
        panel.plot(course.iteration, values, color=color, linewidth=THIN, label=term)
    panel.set_yscale("log", nonpositive="mask")
    panel.set_ylabel("Weighted loss")
