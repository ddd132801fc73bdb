"""Figures of clips and their measures, as Matplotlib figures that need no screen."""

from stst.figures.courses import RunCourse, run_courses
from stst.figures.curves import (
    SHOWN,
    FrameNumbers,
    Panel,
    TimeSeries,
    axis_label,
    cka_panels,
    feature_panels,
    prediction_panels,
)
from stst.figures.features import feature_courses, feature_means
from stst.figures.frames import frame_sheet, save_side_by_side, side_by_side
from stst.figures.models import panel_bars, panel_courses
from stst.figures.style import COLORS, NATURAL, clip_color, picture, shorten_label

__all__ = [
    "COLORS",
    "NATURAL",
    "SHOWN",
    "FrameNumbers",
    "Panel",
    "RunCourse",
    "TimeSeries",
    "axis_label",
    "cka_panels",
    "clip_color",
    "feature_courses",
    "feature_means",
    "feature_panels",
    "frame_sheet",
    "panel_bars",
    "panel_courses",
    "picture",
    "prediction_panels",
    "run_courses",
    "save_side_by_side",
    "shorten_label",
    "side_by_side",
]
