"""Power of a clip over spatial and temporal frequency, without what its edges would add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
#: Hann's, or the same weight for all.
Window = Literal["hann", "none"]
#: (H, W // 2 + 1) complex64: half of a real frame's spectrum.
HalfSpectrum = NDArray[np.complex64]

#: At most so many frames are transformed over time at once.
SEGMENT = 32
#: Power below this, in cycles per pixel, is coarse.
COARSE = 0.03
#: Orientations are those of frequencies above the first and up to the second, in cycles per pixel:
#: below, a frame has too few periods; above, only oblique ones are there.
ORIENTED = (1 / 32, 1 / 2)
#: Number of orientations, 22.5° apart.
ORIENTATIONS = 8

#: Less power than this is rounding: one pixel of eight million that differs by 1/255 has 2e-12.
NO_POWER = 1e-24

# highest frequency of a square grid, along its diagonal
_CORNER = float(np.sqrt(0.5))
# rows of a spectrum that are transformed over time at once
_ROWS = 16


def window_values(length: int, window: Window = "hann") -> Values:
    """Give a window whose samples lie in the middle of their steps, none of them zero.

    Parameters
    ----------
    length
        Number of samples.
    window
        Which.

    Returns
    -------
    ndarray
        (length,) in (0, 1]: ``sin²(π (n + ½) / length)``, or 1.
    """
    if window == "none":
        return np.ones(length)
    return np.asarray(np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2)


def octaves(length: int) -> Values:
    """Give the edges of octave bands from ½ cycle per step down to below one cycle in all.

    Parameters
    ----------
    length
        Number of steps: pixels of the longer side, or frames.

    Returns
    -------
    ndarray
        (bands + 1,), rising powers of two up to 0.5. A band includes its upper edge.
    """
    count = max(1, length.bit_length() - 1)
    return np.asarray(0.5 ** np.arange(1 + count, 0, -1), np.float64)


def spatial_octaves(height: int, width: int) -> Values:
    """Give the edges of the spatial bands of frames: octaves, and the corner beyond ½ cycle/px.

    Parameters
    ----------
    height, width
        Of the frames in pixels.

    Returns
    -------
    ndarray
        (bands + 1,) in cycles per pixel, the last one √½.
    """
    return np.append(octaves(max(height, width)), _CORNER)


def _bands(frequencies: Values, edges: Values) -> NDArray[np.intp]:
    """Give the number of each frequency's band; what is left at zero belongs to the lowest."""
    return np.clip(np.searchsorted(edges, frequencies, "left") - 1, 0, len(edges) - 2)


def _sums(numbers: NDArray[np.intp], power: Values, count: int) -> Values:
    return np.asarray(np.bincount(numbers, power.ravel(), minlength=count), np.float64)


class FrameSpectrum:
    """Spectra of single frames of one size.

    The mean under the squared window is taken out of a frame; it is weighted by the window each
    way, and transformed. Squares of the coefficients then sum to the variance under the squared
    window.

    Parameters
    ----------
    height, width
        Of the frames in pixels.
    window
        Against what the edges would add.
    """

    def __init__(self, height: int, width: int, window: Window = "hann") -> None:
        self.window = window
        self._window = np.outer(window_values(height, window), window_values(width, window))
        self._weights = self._window**2 / np.sum(self._window**2)
        self._scale = 1 / np.sqrt(height * width * np.sum(self._window**2))
        self.edges = spatial_octaves(height, width)
        down, right = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
        self._radius = np.hypot(down, right)
        self.bands = _bands(self._radius, self.edges)
        # stripes run across their wave vector; angles rise counter-clockwise, and down is clockwise
        across = np.arctan2(-down, right) + np.pi / 2
        self._orientations = np.rint(across * ORIENTATIONS / np.pi).astype(int) % ORIENTATIONS
        # the other half of the spectrum mirrors the columns that have a mirror image
        columns = np.arange(width // 2 + 1)
        self.fold = np.where((columns > 0) & (2 * columns < width), 2.0, 1.0)

    def transform(self, grey: Values) -> tuple[float, HalfSpectrum]:
        """Transform a frame.

        Parameters
        ----------
        grey
            (H, W) in [0, 1].

        Returns
        -------
        mean : float
            Under the squared window.
        spectrum : HalfSpectrum
            (H, W // 2 + 1), see `power`.
        """
        mean = float(np.sum(self._weights * grey))
        spectrum = np.fft.rfft2(self._window * (grey - mean)) * self._scale
        return mean, spectrum.astype(np.complex64)

    def power(self, spectrum: HalfSpectrum) -> Values:
        """Give the power of every coefficient, that of its mirror image included.

        Parameters
        ----------
        spectrum
            (H, W // 2 + 1), or any rows of it.

        Returns
        -------
        ndarray
            Of the same shape; of a whole spectrum it sums to the variance of the frame.
        """
        wide = spectrum.astype(np.complex128)
        power: Values = (wide.real**2 + wide.imag**2) * self.fold
        return power

    def in_bands(self, power: Values, rows: slice = slice(None)) -> Values:
        """Sum power over octave bands.

        Parameters
        ----------
        power
            (rows, W // 2 + 1), see `power`.
        rows
            Which of the spectrum these are.

        Returns
        -------
        ndarray
            (bands,), see `spatial_octaves`.
        """
        bands = self.bands[rows].ravel()
        return _sums(bands, power, len(self.edges) - 1)

    def in_orientations(self, power: Values) -> Values:
        """Sum power over orientations of stripes, in the frequencies `ORIENTED`.

        Parameters
        ----------
        power
            (H, W // 2 + 1), see `power`.

        Returns
        -------
        ndarray
            (ORIENTATIONS,), from horizontal stripes on counter-clockwise.
        """
        low, high = ORIENTED
        kept = np.where((self._radius > low) & (self._radius <= high), power, 0.0)
        return _sums(self._orientations.ravel(), kept, ORIENTATIONS)

    def in_oriented_bands(self, power: Values, rows: slice = slice(None)) -> Values:
        """Sum power over octave bands, in each over orientations of stripes.

        Parameters
        ----------
        power
            (rows, W // 2 + 1), see `power`.
        rows
            Which of the spectrum these are.

        Returns
        -------
        ndarray
            (bands · ORIENTATIONS,), the orientations of the lowest band first, each as in
            `in_orientations`.
        """
        numbers = self.bands[rows] * ORIENTATIONS + self._orientations[rows]
        return _sums(numbers.ravel(), power, (len(self.edges) - 1) * ORIENTATIONS)

    def coarse(self, power: Values) -> float:
        """Give the share of power below `COARSE`.

        Parameters
        ----------
        power
            (H, W // 2 + 1), see `power`.

        Returns
        -------
        float
            In [0, 1]; NaN of a uniform frame.
        """
        total = float(power.sum())
        if total <= NO_POWER:
            return float("nan")
        return float(power[self._radius < COARSE].sum()) / total


class ClipSpectrum:
    """Power of a clip over spatial and temporal frequency, averaged over segments (Welch 1967).

    Parameters
    ----------
    frame_spectrum
        For the size of its frames.
    length
        Number of frames of the clip. Longer ones than a segment are cut into segments that overlap
        by half or more and cover the clip.
    segment
        At most so many frames are transformed over time at once.
    oriented
        Whether every spatial band is one of each orientation, see
        `FrameSpectrum.in_oriented_bands`.
    """

    def __init__(
        self,
        frame_spectrum: FrameSpectrum,
        length: int,
        segment: int = SEGMENT,
        oriented: bool = False,
    ) -> None:
        self._space = frame_spectrum
        self._in_bands = frame_spectrum.in_oriented_bands if oriented else frame_spectrum.in_bands
        self._rows = (len(frame_spectrum.edges) - 1) * (ORIENTATIONS if oriented else 1)
        self.segment = min(length, segment)
        hops = int(np.ceil((length - self.segment) / (self.segment / 2)))
        self._starts = [round(at) for at in np.linspace(0, length - self.segment, hops + 1)]
        self.edges = octaves(self.segment)
        self._bands = _bands(np.abs(np.fft.fftfreq(self.segment)), self.edges)
        self._window = window_values(self.segment, frame_spectrum.window)
        self._held: list[tuple[float, HalfSpectrum]] = []
        self._frame = 0
        self._done: list[Values] = []

    def add(self, mean: float, spectrum: HalfSpectrum) -> None:
        """Take the next frame; at most a segment of them is held.

        Parameters
        ----------
        mean, spectrum
            Of `FrameSpectrum.transform`.
        """
        self._held.append((mean, spectrum))
        self._frame += 1
        number = len(self._done)
        if number < len(self._starts) and self._frame == self._starts[number] + self.segment:
            self._done.append(self._power())
            following = [*self._starts, self._frame][number + 1]
            del self._held[: following - self._starts[number]]

    def power(self) -> Values:
        """Give the power so far.

        Rows are uniform and the spatial bands, columns static and the temporal bands. Of a
        segment it sums to its variance under the squared windows.
        """
        return np.asarray(np.mean(self._done, axis=0))

    def _power(self) -> Values:
        """Sum up the power of the segment that is held."""
        out = np.zeros((1 + self._rows, len(self.edges)))
        means = np.array([mean for mean, _ in self._held])
        _, moving = self._over_time(means - means.mean())
        out[0, 1:] = list(moving)
        spectra = [spectrum for _, spectrum in self._held]
        for rows in _blocks(len(spectra[0])):
            block = np.array([one[rows] for one in spectra], np.complex128)
            static, moving = self._over_time(block)
            for column, power in enumerate((static, *moving)):
                out[1:, column] += self._in_bands(power * self._space.fold, rows)
        return out

    def _over_time(self, values: NDArray[Any]) -> tuple[Values, Values]:
        """Give the power of what stays, and that of what changes in temporal bands."""
        squares = self._window**2
        stays = np.tensordot(squares / squares.sum(), values, 1)
        window = self._window.reshape(-1, *[1] * stays.ndim)
        changes = np.fft.fft(window * (values - stays), axis=0)
        power = np.abs(changes) ** 2 / (self.segment * squares.sum())
        bands = range(len(self.edges) - 1)
        return np.abs(stays) ** 2, np.array([power[self._bands == one].sum(0) for one in bands])


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS) for start in range(0, rows, _ROWS))
