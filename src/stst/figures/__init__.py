"""Figures of clips and their measures, as Matplotlib figures that need no screen."""

from stst.figures.courses import RunCourse, run_courses
from stst.figures.features import SHOWN, axis_label, feature_courses, feature_means
from stst.figures.frames import frame_sheet, save_side_by_side, side_by_side
from stst.figures.models import Course, Panel, panel_bars, panel_courses
from stst.figures.style import COLORS, NATURAL, clip_color, picture, shortened

__all__ = [
    "COLORS",
    "NATURAL",
    "SHOWN",
    "Course",
    "Panel",
    "RunCourse",
    "axis_label",
    "clip_color",
    "feature_courses",
    "feature_means",
    "frame_sheet",
    "panel_bars",
    "panel_courses",
    "picture",
    "run_courses",
    "save_side_by_side",
    "shortened",
    "side_by_side",
]
