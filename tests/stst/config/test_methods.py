from __future__ import annotations

import pytest

from stst.config import METHODS
from stst.config.methods import BUILT_IN, CourseSection


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_doors_of_a_method_are_there(name):
    assert callable(METHODS[name].door())
    assert isinstance(METHODS[name].course_section(), CourseSection | None)


def test_classes_are_those_of_a_model_that_is_aimed_at_one():
    assert METHODS["leaps"].class_names("tiny_video:clips", "none")[:2] == ["left", "right"]
    assert METHODS["stst"].class_names("tiny_video:clips", "none") == []
