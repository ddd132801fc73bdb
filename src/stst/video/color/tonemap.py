"""High dynamic range to standard range: PQ and HLG of BT.2100 to the display of BT.709.

What a reference display would show is computed in cd/m², compressed to the range of a display
whose white is `WHITE`, and written as the values that such a display, of BT.1886 with gamma 2.4
and a black of 0, shows in the same light:

1. Signal to light. PQ: the EOTF of SMPTE ST 2084. HLG: inverse OETF and OOTF of ITU-R BT.2100, for
   a display of the clip's peak, with the system gamma that BT.2100 gives for it.
2. The tone curve ("EETF") of Report ITU-R BT.2408, annex 5 (in Report BT.2390 before): in PQ, equal
   below its knee, a Hermite spline above, from the clip's peak to `WHITE`; both blacks are 0. It is
   taken of the largest of R, G and B, and all three are scaled alike, which keeps hue and
   saturation.
3. Primaries to those of BT.709, in linear light; what leaves their gamut is clipped.
4. The inverse of the EOTF of ITU-R BT.1886, light to the power of 1/2.4, in 8 bits, rounded with
   halves to even. Not the OETF of BT.709, which is meant for the light of a scene.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stst.types import Frames

#: HDR reference white of Report ITU-R BT.2408, and what white of the result stands for; in cd/m².
WHITE = 203.0
#: Peak of clips that do not say any, in cd/m².
USUAL_PEAK = 1000.0
#: Chromaticities (x, y) of red, green and blue; the white of all of them is D65.
PRIMARIES = {
    "bt709": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    "bt470bg": ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    "smpte170m": ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    "smpte240m": ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "smpte432": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_D65 = (0.3127, 0.3290)
_GAMMA = 2.4
# SMPTE ST 2084
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
# ITU-R BT.2100
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073

Values = NDArray[np.float64]


def pq_to_light(signal: Values) -> Values:
    """Give the luminance of PQ signals by the EOTF of SMPTE ST 2084.

    Parameters
    ----------
    signal
        In [0, 1], any shape.

    Returns
    -------
    ndarray
        In cd/m², 0 to 10,000.
    """
    root = signal ** (1 / _M2)
    light: Values = 10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)
    return light


def light_to_pq(light: float) -> float:
    """Give the PQ signal of a luminance by the inverse EOTF of SMPTE ST 2084.

    Parameters
    ----------
    light
        In cd/m², 0 to 10,000.

    Returns
    -------
    float
        In [0, 1].
    """
    power = (light / 10_000) ** _M1
    return float(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def hlg_to_light(signal: Values, peak: float, weights: Values) -> Values:
    """Give what a display shows of HLG signals, by the inverse OETF and the OOTF of BT.2100.

    Parameters
    ----------
    signal
        (H, W, 3) in [0, 1].
    peak
        Of the display, in cd/m².
    weights
        (3,), shares of red, green and blue in luminance.

    Returns
    -------
    ndarray
        (H, W, 3) in cd/m².
    """
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _C) / _A) + _B) / 12)
    luminance = (scene @ weights)[..., None]
    gamma = system_gamma(peak)
    # 0 to a negative power; black stays black
    scale = np.where(luminance > 0, luminance, 1.0) ** (gamma - 1)
    light: Values = peak * scale * scene
    return light


def system_gamma(peak: float) -> float:
    """Give HLG's system gamma for a display, as ITU-R BT.2100 does.

    Parameters
    ----------
    peak
        Of the display, in cd/m².

    Returns
    -------
    float
        1.2 at 1000 cd/m².
    """
    if 400 <= peak <= 2000:
        return 1.2 + 0.42 * math.log10(peak / 1000)
    return float(1.2 * 1.111 ** math.log2(peak / 1000))


def tone_curve(signal: Values, peak: float) -> Values:
    """Compress PQ signals from a peak to `WHITE`, by the EETF of BT.2408, annex 5.

    Parameters
    ----------
    signal
        PQ, any shape; above the peak as at the peak.
    peak
        In cd/m².

    Returns
    -------
    ndarray
        PQ.
    """
    end = light_to_pq(peak)
    one = np.minimum(signal / end, 1.0)
    most = light_to_pq(WHITE) / end
    knee = 1.5 * most - 0.5
    if most >= 1:
        return one * end
    t = (one - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * most
    )
    curved: Values = np.where(one < knee, one, spline) * end
    return curved


def tone_map(signal: Values, transfer: str, primaries: str, peak: float) -> Frames:
    """Bring frames of high dynamic range to 8 bits of standard range.

    Parameters
    ----------
    signal
        (H, W, 3), non-linear R'G'B'; clipped to [0, 1].
    transfer
        ``"pq"`` or ``"hlg"``.
    primaries
        A key of `PRIMARIES`.
    peak
        In cd/m².

    Returns
    -------
    Frames
        (H, W, 3) uint8 RGB of BT.709.
    """
    inside = np.clip(signal, 0, 1)
    to_xyz = _to_xyz(primaries)
    if transfer == "pq":
        light, largest = pq_to_light(inside), inside.max(2)
    else:
        light = hlg_to_light(inside, peak, to_xyz[1])
        power = (light.max(2) / 10_000) ** _M1
        largest = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    brightest = light.max(2)
    mapped = pq_to_light(tone_curve(largest, peak))
    scale = mapped / np.where(brightest > 0, brightest, 1.0) / WHITE
    to_709 = np.linalg.inv(_to_xyz("bt709")) @ to_xyz
    linear = np.clip((light * scale[..., None]) @ to_709.T, 0, 1)
    return np.rint(255 * linear ** (1 / _GAMMA)).astype(np.uint8)


def _to_xyz(primaries: str) -> Values:
    """Give the matrix from linear RGB to XYZ, white having Y = 1."""
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in (*PRIMARIES[primaries], _D65)])
    white = columns[3]
    matrix: Values = columns[:3].T * np.linalg.solve(columns[:3].T, white)
    return matrix
