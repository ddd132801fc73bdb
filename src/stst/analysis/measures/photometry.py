"""Light of a clip on a display: luminance and contrast, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stst.analysis.measures.rows import clip_row, frame_rows, labels, mean_over_frames
from stst.errors import InputError
from stst.types import Frames
from stst.video import Clip, first_frame

Values = NDArray[np.float64]

#: Shares of linear red, green and blue in luminance: Rec. ITU-R BT.709, as in sRGB.
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])

_GAMMAS = (0.1, 10.0)


@dataclass(frozen=True)
class Display:
    """How a display turns values into light.

    Attributes
    ----------
    transfer
        ``"srgb"`` (IEC 61966-2-1), or the gamma γ of a display whose light is the value in [0, 1]
        to the power of γ; 1 for a display that was made linear.
    maximum, minimum
        Luminance of white and of black in cd/m²; without a minimum black is dark. Without a
        maximum luminance is relative, in [0, 1].

    Raises
    ------
    InputError
        Naming the field.
    """

    transfer: Literal["srgb"] | float = "srgb"
    maximum: float | None = None
    minimum: float | None = None

    def __post_init__(self) -> None:
        low, high = _GAMMAS
        if self.transfer != "srgb" and not (_is_number(self.transfer) and self._in(low, high)):
            raise InputError(
                f"transfer is {self.transfer!r}; it must be 'srgb' or a gamma from {low:g} to "
                f"{high:g}, such as 2.2."
            )
        for name, value in (("maximum", self.maximum), ("minimum", self.minimum)):
            if value is not None and not (_is_number(value) and value >= 0):
                raise InputError(
                    f"{name} is {value!r}; it must be a luminance in cd/m², 0 or more, or None."
                )
        if self.maximum is None and self.minimum is not None:
            raise InputError(
                f"minimum is {self.minimum:g} cd/m² without a maximum. Give both, or neither for "
                "relative luminance."
            )
        if self.maximum is not None and self.maximum <= (self.minimum or 0):
            raise InputError(
                f"maximum is {self.maximum:g} cd/m² and minimum {self.minimum or 0:g} cd/m²; white "
                "must be brighter than black."
            )

    def _in(self, low: float, high: float) -> bool:
        return low <= float(self.transfer) <= high

    @property
    def unit(self) -> str:
        """``"1"`` for relative luminance, else ``"cd/m²"``."""
        return "1" if self.maximum is None else "cd/m²"

    def luminance(self, frame: Frames) -> Values:
        """Give the luminance of a frame.

        Parameters
        ----------
        frame
            (H, W, 3) uint8 RGB.

        Returns
        -------
        ndarray
            (H, W), relative in [0, 1] or in cd/m²: ``minimum + (maximum − minimum) Y`` with
            ``Y = 0.2126 R + 0.7152 G + 0.0722 B`` of linear light.
        """
        light = self._light()[frame] @ LUMINANCE
        if self.maximum is None:
            return np.asarray(light)
        dark = self.minimum or 0.0
        return np.asarray(dark + (self.maximum - dark) * light)

    def _light(self) -> Values:
        """Give linear light in [0, 1] of the values 0 to 255."""
        values = np.arange(256) / 255
        if self.transfer != "srgb":
            return np.asarray(values ** float(self.transfer))
        return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


SRGB = Display()


@dataclass(frozen=True, eq=False)
class Photometry:
    """Luminance and contrast of one clip.

    Attributes
    ----------
    mean, minimum, maximum
        (T,) luminance over the pixels of a frame, in the display's unit.
    rms_contrast
        (T,) population standard deviation of luminance over its mean; NaN of a frame without light.
    michelson_contrast
        (T,) ``(maximum − minimum) / (maximum + minimum)``; NaN of a frame without light.
    display
        On which.
    fps
        Rate in Hz.
    start
        Number of the first frame in the clip's own numbering.
    """

    mean: Values
    minimum: Values
    maximum: Values
    rms_contrast: Values
    michelson_contrast: Values
    display: Display
    fps: Fraction
    start: int = 0

    def __len__(self) -> int:
        return len(self.mean)

    def rows(self, clip: str, reference: str | None = None) -> Iterator[dict[str, Any]]:
        """Give the rows of a tidy table, see `stst.analysis.tables`.

        Parameters
        ----------
        clip, reference
            What the columns of these names hold; None for no reference.

        Yields
        ------
        dict
            A row for each frame and measure, and the means over frames; of the minimum and the
            maximum that of the whole clip.
        """
        names = labels(clip, reference)
        for measure, values, unit in self._columns():
            yield from frame_rows(names, measure, values, unit, self.fps, self.start)
        for measure, values, unit in self._columns():
            yield clip_row(names, f"{measure}.mean", mean_over_frames(values), unit)
        unit = self.display.unit
        yield clip_row(names, "luminance_min.min", float(self.minimum.min()), unit)
        yield clip_row(names, "luminance_max.max", float(self.maximum.max()), unit)

    def _columns(self) -> Iterator[tuple[str, Values, str]]:
        yield "luminance", self.mean, self.display.unit
        yield "luminance_min", self.minimum, self.display.unit
        yield "luminance_max", self.maximum, self.display.unit
        yield "rms_contrast", self.rms_contrast, "1"
        yield "michelson_contrast", self.michelson_contrast, "1"


def photometry(
    clip: Clip,
    display: Display = SRGB,
    on_frame: Callable[[int], None] = lambda frame: None,
) -> Photometry:
    """Measure the light of a clip.

    Parameters
    ----------
    clip
        A `stst.Video` or `stst.video.LazyVideo`; read once, one frame is held at a time.
    display
        On which it is shown.
    on_frame
        Called with the 0-based number of every measured frame; raising in it cancels.

    Returns
    -------
    Photometry
        See there.

    Examples
    --------
    >>> import stst
    >>> from stst.analysis.measures.photometry import Display, photometry
    >>> clip = stst.read_video("sample_data/cat.mkv", frames="0:3")
    >>> photometry(clip, Display("srgb", maximum=100.0, minimum=0.2)).mean.round(1)
    array([19.4, 19.4, 19.3])
    """
    columns = []
    for number, frame in enumerate(clip.frames):
        on_frame(number)
        columns.append(_measure(display.luminance(frame)))
    mean, low, high, rms, michelson = np.array(columns, np.float64).T
    return Photometry(mean, low, high, rms, michelson, display, clip.fps, first_frame(clip))


def _measure(luminance: Values) -> tuple[float, ...]:
    mean, low, high = (
        float(value) for value in (luminance.mean(), luminance.min(), luminance.max())
    )
    if high <= 0:
        return mean, low, high, math.nan, math.nan
    return mean, low, high, float(luminance.std()) / mean, (high - low) / (high + low)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
