"""The sections of the page, each from what was measured alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stst.analysis.comparison import mean_of
from stst.analysis.features import (
    MEASURES,
    MIN_MOTION,
    MIN_RESULTANT,
    Features,
    Measure,
)
from stst.analysis.measures.flow import PAPER_FLOW
from stst.figures import SHOWN, clip_color, feature_courses, feature_means, picture
from stst.report.content import Content
from stst.report.formatting import number, rate_text
from stst.report.page import Section, data_uri, part
from stst.report.provenance import making_of, reading_of

_STILL, _PREVIEW = 200, 320  # pixels that a small picture is enlarged to, at least
_WIDEST = 400  # pixels that a large picture is shown with


def frames_section(content: Content) -> Section:
    """Show frames of all clips at equal numbers."""
    rows = [
        {
            "label": clip.label,
            "color": clip_color(place),
            "pictures": [
                {
                    "source": data_uri("image/png", png_of(frame)),
                    "number": frame_number,
                    "time": f"{content.seconds(frame_number):.3f} s",
                }
                for frame_number, frame in zip(
                    content.numbers, content.stills[clip.label], strict=True
                )
            ],
        }
        for place, clip in enumerate(content.clips)
    ]
    width = content.natural.video.width
    values = {"rows": rows, "count": len(content.numbers), **picture_size(width, _STILL)}
    return Section("Frames", "frames", part("frames.html", **values))


def previews_section(content: Content) -> Section:
    """Show all clips in motion."""
    clips = [
        {
            "label": clip.label,
            "color": clip_color(place),
            "source": data_uri("video/mp4", content.previews[clip.label]),
        }
        for place, clip in enumerate(content.clips)
    ]
    body = part(
        "previews.html",
        clips=clips,
        frames=len(content.natural.video),
        fps=float(content.fps),
        rate=rate_text(content.fps),
        **picture_size(content.natural.video.width, _PREVIEW),
    )
    return Section("In motion", "motion", body)


def features_section(content: Content) -> Section:
    """Draw the features over time and their means."""
    panels = [
        {
            "title": measure.title,
            "course": svg_of(feature_courses(content.features, (measure,), 1, legend=False)),
            "means": svg_of(feature_means(content.features, (measure,), 1)),
            "words": _in_words(content, measure),
        }
        for measure in SHOWN
    ]
    body = part("features.html", panels=panels, key=key_of(content), min_motion=MIN_MOTION)
    return Section("Low-level features over time", "features", body)


def comparison_section(content: Content) -> Section:
    """Compare every clip with the natural one, feature by feature, in two tables."""
    linear = [
        _rows(content, measure, _linear_cells) for measure in MEASURES if not measure.circular
    ]
    circular = [_rows(content, measure, _angle_cells) for measure in MEASURES if measure.circular]
    body = part("comparison.html", linear=linear, circular=circular)
    return Section("Natural clip and others in numbers", "comparison", body)


def provenance_section(content: Content) -> Section:
    """Say where every clip comes from."""
    clips = [
        {
            "label": clip.label,
            "color": clip_color(place),
            "reading": reading_of(clip),
            "making": making_of(clip),
        }
        for place, clip in enumerate(content.clips)
    ]
    return Section("Provenance", "provenance", part("provenance.html", clips=clips))


def methods_section(content: Content) -> Section:
    """Say how the measures are defined, with the parameters of the optical flow."""
    body = part("methods.html", flow=PAPER_FLOW, min_motion=MIN_MOTION, min_resultant=MIN_RESULTANT)
    return Section("How the measures are defined", "methods", body)


#: In the order of the page; what models make of the clips comes between them.
FIRST: tuple[Callable[[Content], Section], ...] = (
    frames_section,
    previews_section,
    features_section,
    comparison_section,
)
LAST: tuple[Callable[[Content], Section], ...] = (provenance_section, methods_section)


def key_of(content: Content) -> list[dict[str, str]]:
    """Give label, colour and file of every clip."""
    return [
        {"label": clip.label, "color": clip_color(place), "file": clip.path.name or str(clip.path)}
        for place, clip in enumerate(content.clips)
    ]


def picture_size(width: int, wanted: int) -> dict[str, Any]:
    """Enlarge by a whole number, or show smaller what is too large for a page."""
    scale = max(1, wanted // width)
    return {"width": min(width * scale, _WIDEST), "pixelated": width <= _WIDEST}


def png_of(frame: Any) -> bytes:
    """Give a frame (H, W, 3) uint8 as a PNG file's content."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(frame).save(out, "PNG")
    return out.getvalue()


def svg_of(figure: Any) -> dict[str, Any]:
    """Give a figure as an address, with its size on the page."""
    # points to pixels of the page
    width = round(figure.get_figwidth() * 96)
    height = round(figure.get_figheight() * 96)
    source = data_uri("image/svg+xml", picture(figure, "svg"))
    return {"source": source, "width": width, "height": height}


def _in_words(content: Content, measure: Measure) -> str:
    means = [
        f"{label} {number(mean_of(features, measure))}{_format_frames(features, measure)}"
        for label, features in content.features.items()
    ]
    return f"means over frames: {', '.join(means)}"


def _format_frames(features: Features, measure: Measure) -> str:
    """Say how many frames count where some of them have no angle."""
    known = int(np.count_nonzero(~np.isnan(features.values[measure.name])))
    every = len(features) - 1  # the first has no flow
    return f" ({known} of {every} frames)" if measure.circular and known < every else ""


def _rows(
    content: Content, measure: Measure, cells: Callable[[Mapping[str, float]], list[str]]
) -> dict[str, Any]:
    unit = {"px/frame": "px/frame", "rad": "rad"}.get(measure.unit, "0–1")
    return {
        "title": measure.title,
        "unit": unit,
        "clips": [
            {
                "label": clip.label,
                "color": clip_color(place),
                "cells": cells(content.comparisons[clip.label][measure.name]),
            }
            for place, clip in enumerate(content.clips[1:], 1)
        ],
    }


def _linear_cells(values: Mapping[str, float]) -> list[str]:
    relative = values["relative_error"]
    return [
        number(values["natural_mean"]),
        number(values["other_mean"]),
        number(values["mean_absolute_error"]),
        "–" if math.isnan(relative) else f"{number(100 * relative)} %",
        _format_signed(values["correlation"]),
        f"{values['frames']:.0f}",
    ]


def _angle_cells(values: Mapping[str, float]) -> list[str]:
    return [
        _angle(values["natural_mean"]),
        _angle(values["other_mean"]),
        _angle(values["mean_absolute_difference"]),
        _angle(values["mean_difference"], "+"),
        _format_signed(values["circular_correlation"]),
        f"{values['frames']:.0f}",
    ]


def _angle(value: float, sign: str = "") -> str:
    if math.isnan(value):
        return "–"
    return f"{value:{sign}.2f} rad ({math.degrees(value):{sign}.0f}°)".replace("-", "−")


def _format_signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}".replace("-", "−")
