"""How the runs went that made clips: what their iterations told of losses and probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from stst.config.methods import BUILT_IN, CourseSection
from stst.figures import RunCourse, clip_color, run_courses
from stst.report.clips import Clip
from stst.report.formatting import number, text
from stst.report.page import Section, part
from stst.report.parts import Added
from stst.report.sections import svg_of

_MOST = 1e30
_LONGEST_NAME = 60


def sections() -> dict[str, CourseSection]:
    """Give what the methods have to say of the courses of their runs, by method."""
    # a report runs no code of other packages
    told = {name: spec.course_section() for name, spec in BUILT_IN.items()}
    return {name: section for name, section in told.items() if section is not None}


def lay_out_courses(clips: tuple[Clip, ...]) -> list[Added]:
    """Lay out what the clips' sidecars tell of how they were made, method by method."""
    told = courses(clips)
    added = []
    for method, section in sections().items():
        own = [one for one in told if (clips[one.place].sidecar or {}).get("method") == method]
        if own:
            added.append(_add(section, clips, own))
    return added


def courses(clips: Sequence[Clip]) -> list[RunCourse]:
    """Read the courses of all clips whose sidecars hold one, of losses and of probabilities.

    What is not of the expected kind is passed over: a sidecar may have been edited, or come from
    elsewhere.
    """
    found = (_course(place, clip) for place, clip in enumerate(clips))
    return [one for one in found if one is not None]


def _course(place: int, clip: Clip) -> RunCourse | None:
    course = (clip.sidecar or {}).get("course")
    if not isinstance(course, Mapping):
        return None
    iteration = course.get("iteration")
    if not _is_numbers(iteration) or not iteration or not all(one % 1 == 0 for one in iteration):
        return None
    probability = _select_numbers(course.get("probability"), len(iteration))
    losses = _select_numbers(course.get("losses"), len(iteration))
    if not probability or not losses:
        return None
    return RunCourse(clip.label, place, np.array(iteration, float), probability, losses)


def _is_numbers(values: object) -> TypeGuard[list[float]]:
    # larger ones cannot be drawn; what is undefined can be left out of a line
    return isinstance(values, list) and all(
        type(one) in (int, float) and not abs(one) > _MOST for one in values
    )


def _select_numbers(values: object, count: int) -> dict[str, Any]:
    """Take the lists of so many numbers; null, which stands for one that is not finite, is NaN."""
    listed = values.items() if isinstance(values, Mapping) else ()
    return {
        text(name)[:_LONGEST_NAME]: np.array(one, float)
        for name, one in listed
        if isinstance(one, list)
        and len(one) == count
        and _is_numbers([value for value in one if value is not None])
    }


def _add(section: CourseSection, clips: Sequence[Clip], own: Sequence[RunCourse]) -> Added:
    shown = [(clips[one.place], one, section.row(clips[one.place].sidecar or {})) for one in own]
    rows = [
        {
            "label": clip.label,
            "color": clip_color(course.place),
            "cells": [_cell(value) for value in cells.values()],
        }
        for clip, course, cells in shown
    ]
    figure = run_courses(own)
    body = part(
        "courses.html", caption=section.caption, headings=list(shown[0][2]), rows=rows,
        figure=svg_of(figure), note=section.note,
    )  # fmt: skip
    tidy = [row for clip, course, _ in shown for row in _rows(clip, course)]
    return Added(
        Section(section.title, section.name, body),
        {section.name: figure},
        {f"{section.name}.csv": tidy},
    )


def _cell(value: object) -> str:
    return number(value) if isinstance(value, float) else text(value)


def _rows(clip: Clip, course: RunCourse) -> Iterator[dict[str, Any]]:
    named = [
        *((f"probability.{name}", one) for name, one in course.probability.items()),
        *((f"loss.{term}", one) for term, one in course.losses.items()),
    ]
    for measure, values in named:
        for iteration, value in zip(course.iteration, values, strict=True):
            yield {
                "clip": clip.name, "iteration": int(iteration), "measure": measure,
                "value": float(value), "unit": "1",
            }  # fmt: skip
