"""How classifiers took clips that were optimised for one of their classes (LEAPS)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from stst.figures import InversionCourse, clip_color, inversion_courses
from stst.report.clips import Clip
from stst.report.page import Section, part
from stst.report.parts import Added
from stst.report.sections import svg_of
from stst.report.words import number, text

_NAME = "inversion"
_MOST = 1e30
_LONGEST_NAME = 60


def added_inversions(clips: tuple[Clip, ...]) -> Added | None:
    """Lay out what the clips' sidecars tell of how they were made; None where none tells."""
    courses = inversions(clips)
    if not courses:
        return None
    rows = [_summary(clips[one.place], one) for one in courses]
    figure = inversion_courses(courses)
    body = part("inversion.html", rows=rows, figure=svg_of(figure))
    tidy = [row for one in courses for row in _rows(clips[one.place], one)]
    title = "Class probability and losses while the clip was made"
    return Added(Section(title, _NAME, body), {_NAME: figure}, {f"{_NAME}.csv": tidy})


def inversions(clips: Sequence[Clip]) -> list[InversionCourse]:
    """Read the courses of all clips whose sidecars hold one.

    What is not of the expected kind is passed over: a sidecar may have been edited, or come from
    elsewhere.
    """
    found = (_course(place, clip) for place, clip in enumerate(clips))
    return [one for one in found if one is not None]


def _course(place: int, clip: Clip) -> InversionCourse | None:
    course = (clip.sidecar or {}).get("course")
    if not isinstance(course, Mapping):
        return None
    iteration = course.get("iteration")
    if not _is_numbers(iteration) or not iteration or not all(one % 1 == 0 for one in iteration):
        return None
    probability = _named_numbers(course.get("probability"), len(iteration))
    losses = _named_numbers(course.get("losses"), len(iteration))
    if not probability or not losses:
        return None
    return InversionCourse(clip.label, place, np.array(iteration, float), probability, losses)


def _is_numbers(values: object) -> TypeGuard[list[float]]:
    # larger ones cannot be drawn; what is undefined can be left out of a line
    return isinstance(values, list) and all(
        type(one) in (int, float) and not abs(one) > _MOST for one in values
    )


def _named_numbers(values: object, count: int) -> dict[str, Any]:
    """Take the lists of so many numbers; null, which stands for one that is not finite, is NaN."""
    listed = values.items() if isinstance(values, Mapping) else ()
    return {
        text(name)[:_LONGEST_NAME]: np.array(one, float)
        for name, one in listed
        if isinstance(one, list)
        and len(one) == count
        and _is_numbers([value for value in one if value is not None])
    }


def _summary(clip: Clip, course: InversionCourse) -> dict[str, Any]:
    """Give a row of the page: what the finished clip is taken for."""
    sidecar = clip.sidecar or {}
    config, frames = sidecar.get("config"), sidecar.get("per_frame")
    config = config if isinstance(config, Mapping) else {}
    first = frames[0] if isinstance(frames, list) and frames else {}
    first = first if isinstance(first, Mapping) else {}
    return {
        "label": clip.label,
        "color": clip_color(course.place),
        "cells": [
            text(config.get("target")),
            text(config.get("model")),
            _share(first.get("probability")),
            text(config.get("verifier")),
            _share(first.get("verifier_probability")),
            f"{text(first.get('best_iteration', '–'))} of {text(config.get('iterations', '–'))}",
        ],
    }


def _share(value: object) -> str:
    return number(value) if isinstance(value, float) else "–"


def _rows(clip: Clip, course: InversionCourse) -> Iterator[dict[str, Any]]:
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
