"""Coherence of motion: how much of a frame the optical flow explains from an earlier frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stst.analysis.measures.flow import (
    PAPER_FLOW,
    SECOND_FLOW,
    Field,
    FlowMethod,
    dense_flow,
    flow_grey,
)
from stst.analysis.measures.rows import clip_row, frame_rows, labels, mean_over_frames
from stst.errors import InputError
from stst.types import Frames
from stst.video import Clip, first_frame, grey_values

Values = NDArray[np.float64]
_Mask = NDArray[np.bool_]
_Targets = tuple[NDArray[np.float32], NDArray[np.float32]]

#: In frames.
LAGS = tuple(range(1, 9))
FLOWS: tuple[FlowMethod, ...] = (PAPER_FLOW, SECOND_FLOW)

# of Sundaram et al. (2010, equation 5): of the squared lengths of both flows, and px²
_SHARE, _SLACK = 0.01, 0.5
# sums of changes below this, of values in [0, 1] that are multiples of 1/255000, are rounding
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class LagCoherence:
    """How much of the change over one lag is left once the motion is undone, by one flow.

    Attributes
    ----------
    flow
        Name of the optical flow, as in tables.
    lag
        In frames.
    residual
        (T,) mean absolute difference between the frame and the earlier one warped onto it, over
        their mean absolute difference without warping. 0: motion explains all; 1: nothing. NaN
        where nothing changes, and in the first `lag` frames.
    visible
        (T,) the same without what is occluded in either frame.
    occluded
        (T,) share of pixels that are left out of `visible` for that.
    """

    flow: str
    lag: int
    residual: Values
    visible: Values
    occluded: Values

    def columns(self) -> Iterator[tuple[str, Values]]:
        """Give name, as in tables, and values of each of the three."""
        for measure, values in (
            ("warp_residual", self.residual),
            ("warp_residual_visible", self.visible),
            ("occluded", self.occluded),
        ):
            yield f"{measure}.{self.flow}.lag{self.lag}", values


@dataclass(frozen=True, eq=False)
class Coherence:
    """Coherence of motion of one clip.

    Attributes
    ----------
    lags
        For each flow, each lag that the clip is long enough for.
    fps
        Rate in Hz.
    start
        Number of the first frame in the clip's own numbering.
    """

    lags: tuple[LagCoherence, ...]
    fps: Fraction
    start: int = 0

    def rows(self, clip: str, reference: str | None = None) -> Iterator[dict[str, Any]]:
        """Give the rows of a tidy table, see `stst.analysis.tables`.

        Parameters
        ----------
        clip, reference
            What the columns of these names hold; None for no reference.

        Yields
        ------
        dict
            A row for each flow, lag and frame that has an earlier one, NaN where nothing changes,
            and the means over frames.
        """
        names = labels(clip, reference)
        for at in self.lags:
            for measure, values in at.columns():
                yield from frame_rows(
                    names, measure, values, "1", self.fps, self.start, first=at.lag
                )
        for at in self.lags:
            for measure, values in at.columns():
                yield clip_row(names, f"{measure}.mean", mean_over_frames(values), "1")


@dataclass(frozen=True, eq=False)
class _Picture:
    """A frame as it is compared, float32 grey values in [0, 1], and as flow is found in it."""

    grey: NDArray[np.float32]
    rounded: Frames


def coherence(
    clip: Clip,
    lags: Sequence[int] = LAGS,
    flows: Sequence[FlowMethod] = FLOWS,
    on_frame: Callable[[int], None] = lambda frame: None,
) -> Coherence:
    """Measure how well the motion of a clip holds together.

    Parameters
    ----------
    clip
        A `stst.Video` or `stst.video.LazyVideo`; read once, as many frames are held at a time as
        the longest lag has, and one.
    lags
        In frames, each at least 1. Those that the clip is too short for are left out.
    flows
        Methods of optical flow, of different names.
    on_frame
        Called with the 0-based number of every measured frame; raising in it cancels.

    Returns
    -------
    Coherence
        See there.

    Raises
    ------
    InputError
        If a lag is no whole number from 1 on or comes twice, or frames are too small for a flow.

    Notes
    -----
    With grey values g, and the flow v(p) from frame t to frame t − l, found directly between the
    two: ``r = Σ |g_t(p) − g_{t−l}(p + v(p))| / Σ |g_t(p) − g_{t−l}(p)|``, interpolated linearly.
    Pixels that come from outside the frame are left out of both sums. Occluded are pixels where
    flow v and the flow w from frame t − l to t do not undo each other,
    ``|v(p) + w(p + v(p))|² ≥ 0.01 (|v(p)|² + |w(p + v(p))|²) + 0.5`` (Sundaram, Brox & Keutzer
    2010).

    Examples
    --------
    >>> import stst
    >>> from stst.analysis.measures.coherence import coherence
    >>> clip = stst.read_video("sample_data/cat.mkv", frames="0:3")
    >>> coherence(clip, lags=[1]).lags[0].residual.round(2)
    array([ nan, 0.17, 0.17])
    """
    _check_lags(lags)
    length = len(clip.frames)
    wanted = [(flow, lag) for flow in flows for lag in lags if lag < length]
    found = np.full((len(wanted), 3, length), np.nan)
    held: deque[_Picture] = deque(maxlen=1 + max(lags, default=0))
    for number, frame in enumerate(clip.frames):
        on_frame(number)
        held.append(_Picture((grey_values(frame) / 255).astype(np.float32), flow_grey(frame)))
        for place, (flow, lag) in enumerate(wanted):
            if lag <= number:
                found[place, :, number] = _residuals(held[-1 - lag], held[-1], flow)
    return Coherence(
        tuple(
            LagCoherence(flow.name, lag, *values)
            for (flow, lag), values in zip(wanted, found, strict=True)
        ),
        clip.fps,
        first_frame(clip),
    )


def _residuals(before: _Picture, now: _Picture, flow: FlowMethod) -> tuple[float, float, float]:
    """Give the residual, that of what is visible, and the share of what is occluded."""
    back = dense_flow(now.rounded, before.rounded, flow)
    targets = _targets(back)
    inside = _inside(*targets)
    if not inside.any():
        return np.nan, np.nan, np.nan
    change = np.abs(now.grey - before.grey)
    rest = np.abs(now.grey - _fetch(before.grey, targets))
    forth = dense_flow(before.rounded, now.rounded, flow)
    visible = inside & _undo(back, _fetch(forth, targets))
    occluded = 1 - float(visible.sum() / inside.sum())
    return _ratio(rest, change, inside), _ratio(rest, change, visible), occluded


def _targets(field: Field) -> _Targets:
    """Give the columns and the rows that a flow points to."""
    height, width = field.shape[:2]
    columns = np.arange(width, dtype=np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]
    return columns + field[..., 0], rows + field[..., 1]


def _inside(columns: NDArray[np.float32], rows: NDArray[np.float32]) -> _Mask:
    height, width = columns.shape
    inside: _Mask = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
    return inside


def _fetch(values: NDArray[np.float32], targets: _Targets) -> NDArray[np.float32]:
    """Give what (H, W) or (H, W, C) values are at the targets, interpolated linearly."""
    import cv2

    # what is outside the frame takes no part in any result
    return np.asarray(
        cv2.remap(values, *targets, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def _undo(back: Field, forth: Field) -> _Mask:
    """Say where a flow and the other one at its targets undo each other."""
    undo: _Mask = _squares(back + forth) < _SHARE * (_squares(back) + _squares(forth)) + _SLACK
    return undo


def _squares(field: Field) -> NDArray[np.float32]:
    # a sum over an axis of two takes several times as long
    return field[..., 0] ** 2 + field[..., 1] ** 2


def _ratio(rest: NDArray[np.float32], change: NDArray[np.float32], where: _Mask) -> float:
    size = float(change[where].sum(dtype=np.float64))
    return float(rest[where].sum(dtype=np.float64)) / size if size > _NOTHING else float("nan")


def _check_lags(lags: Sequence[int]) -> None:
    wrong = [lag for lag in lags if not isinstance(lag, int) or isinstance(lag, bool) or lag < 1]
    if wrong:
        raise InputError(f"lags has {wrong[0]!r}; a lag is a whole number of frames, 1 or more.")
    if len(set(lags)) < len(lags):
        raise InputError(f"lags are {', '.join(map(str, lags))}; leave out what comes twice.")
