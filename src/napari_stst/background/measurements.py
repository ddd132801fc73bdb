"""Clips that are compared, and what is found out about them, as viewer and worker send it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stst.config.cka import CkaSettings
from stst.figures import Panel
from stst.video import AS_STORED, Levels

#: What CKA compares unless it is told otherwise.
CKA_DEFAULTS = CkaSettings()


@dataclass(frozen=True)
class ClipSet:
    """Clips that are compared.

    Attributes
    ----------
    natural, others
        Paths.
    frames, max_side
        Of the natural clip, for clips without a sidecar that says it.
    levels
        How values of clips become 8 bits.
    """

    natural: str
    others: tuple[str, ...]
    frames: str | None = None
    max_side: int | None = None
    levels: Levels = AS_STORED


@dataclass(frozen=True)
class Match:
    """Which frames of the natural clip another clip shows.

    Attributes
    ----------
    start, stop
        First frame and the one after the last, counted after resampling.
    step
        Frames of the natural clip from one frame to the next; 1 where it was not resampled.
    max_side
        The natural clip was shrunk to this longer side, in pixels.
    resample_fps
        Rate in Hz that it was resampled to, an exact fraction as text.
    grey
        Whether its colour was taken away.
    notes
        What the user should know, one sentence each.
    levels
        How its values became 8 bits.
    """

    start: int
    stop: int
    step: float = 1.0
    max_side: int | None = None
    resample_fps: str | None = None
    grey: bool = False
    notes: tuple[str, ...] = ()
    levels: Levels = AS_STORED


@dataclass(frozen=True)
class ValueRow:
    """A row of a table of whole clips.

    Attributes
    ----------
    title
        Of the measure.
    place
        Of the clip; the natural one has 0.
    cells
        In words.
    """

    title: str
    place: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class ValueTable:
    """Values of whole clips beside their nulls.

    Attributes
    ----------
    heads
        Of the cells.
    rows
        Those of a measure follow each other.
    """

    heads: tuple[str, ...]
    rows: tuple[ValueRow, ...]


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was measured: courses to look at, and rows of a tidy table to keep.

    Attributes
    ----------
    panels
        One for each measure.
    rows
        See `stst.analysis.tables`.
    notes
        What the user should know, one sentence each.
    verdicts
        What the courses say, a line each; shown with them.
    values
        Of whole clips; None where the courses are all.
    """

    panels: tuple[Panel, ...]
    rows: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    values: ValueTable | None = None
