"""PQ and HLG against the standards' formulae, written anew from their text for one pixel."""

import math

import numpy as np
import pytest

from deep_clips import BT2020, HLG, PQ, encode_planes
from stst.errors import InputError
from stst.video import probe, read_video
from stst.video.color.tonemap import hlg_to_light, pq_to_light, system_gamma, tone_curve

# linear BT.2020 to BT.709, Recommendation ITU-R BT.2087 backwards, as published to four digits
TO_709 = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]


def pq(nits):
    y = (nits / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def nits_of_pq(signal):
    e = signal ** (1 / 78.84375)
    return 10000 * (max(e - 0.8359375, 0) / (18.8515625 - 18.6875 * e)) ** (1 / 0.1593017578125)


def nits_of_hlg(rgb, peak):
    def inverse(e):
        return (
            e * e / 3 if e <= 0.5 else (math.exp((e - 0.55991073) / 0.17883277) + 0.28466892) / 12
        )

    scene = [inverse(one) for one in rgb]
    luminance = 0.2627 * scene[0] + 0.6780 * scene[1] + 0.0593 * scene[2]
    gamma = 1.2 + 0.42 * math.log10(peak / 1000)
    return [peak * luminance ** (gamma - 1) * one if luminance else 0.0 for one in scene]


def eetf(nits, peak, target=203.0):
    """Report BT.2408, annex 5: both blacks 0, so that steps 1, 4 and 5 scale alone."""
    e1 = min(pq(nits) / pq(peak), 1.0)
    most = pq(target) / pq(peak)
    if most >= 1:
        return nits_of_pq(e1 * pq(peak))
    ks = 1.5 * most - 0.5
    if e1 < ks:
        return nits
    t = (e1 - ks) / (1 - ks)
    e2 = (2 * t**3 - 3 * t**2 + 1) * ks + (t**3 - 2 * t**2 + t) * (1 - ks)
    e2 += (-2 * t**3 + 3 * t**2) * most
    return nits_of_pq(e2 * pq(peak))


def expected(signal, transfer, peak):
    """Bring one R'G'B' of BT.2100 to 8 bits."""
    rgb = [min(max(one, 0.0), 1.0) for one in signal]
    light = [nits_of_pq(one) for one in rgb] if transfer == PQ else nits_of_hlg(rgb, peak)
    largest = max(light)
    scale = eetf(largest, peak) / largest if largest else 0.0
    wide = [one * scale / 203 for one in light]
    narrow = [sum(a * b for a, b in zip(row, wide, strict=True)) for row in TO_709]
    return [255 * min(max(one, 0.0), 1.0) ** (1 / 2.4) for one in narrow]


def codes(rgb, bits=10):
    """Quantise R'G'B' to luma and chroma of BT.2020, limited range; give what they stand for."""
    r, g, b = rgb
    y = 0.2627 * r + 0.6780 * g + 0.0593 * b
    u = 2 ** (bits - 8)
    coded = [round((219 * y + 16) * u)]
    coded += [round((224 * one + 128) * u) for one in ((b - y) / 1.8814, (r - y) / 1.4746)]
    luma = (coded[0] / u - 16) / 219
    cb, cr = ((one / u - 128) / 224 for one in coded[1:])
    back = [luma + 1.4746 * cr, 0.0, luma + 1.8814 * cb]
    back[1] = (luma - 0.2627 * back[0] - 0.0593 * back[2]) / 0.6780
    return coded, back


GREYS = [(one,) * 3 for one in (0, 0.05, 0.2, 0.4, 0.5, 0.58, 0.65, 0.75, 0.9, 1)]
COLOURS = [
    (0.6, 0, 0), (0, 0.6, 0), (0, 0, 0.6), (0.6, 0.6, 0.1), (0.3, 0.5, 0.7), (0.75, 0.45, 0.4),
    (0.2, 0.05, 0.3), (0.9, 0.2, 0.1),
]  # fmt: skip
PATCHES = [*GREYS, *COLOURS]


def patches(path, transfer, bits=10, layout=None, side=8, **how):
    """Encode each patch as one frame; give the clip and what its values stand for."""
    frames, values = [], []
    for rgb in PATCHES:
        (y, cb, cr), back = codes(rgb, bits)
        values.append(back)
        frames.append([
            np.full((side, side), y, np.uint16),
            *(np.full((side // 2, side // 2), one, np.uint16) for one in (cb, cr)),
        ])  # fmt: skip
    tags = {
        "colorspace": BT2020, "color_range": 1, "color_trc": transfer, "color_primaries": BT2020,
    }  # fmt: skip
    return encode_planes(path, frames, layout or f"yuv420p{bits}le", tags=tags, **how), values


def check(frames, values, transfer, peak):
    for frame, value in zip(frames, values, strict=True):
        assert (frame == frame[0, 0]).all()
        assert np.abs(frame[0, 0] - np.array(expected(value, transfer, peak))).max() <= 1, value


@pytest.mark.parametrize("peak", [203, 600, 1000, 4000])
@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_patches(tmp_path, transfer, peak):
    if transfer == HLG and peak in (203, 4000):
        peak = {203: 400, 4000: 2000}[peak]  # where BT.2100 has one formula for the system gamma
    path, values = patches(tmp_path / "a.mkv", transfer)
    video = read_video(path, tonemap="bt2408", peak_nits=peak)
    check(video.frames, values, transfer, peak)
    assert (video.source.tonemap, video.source.peak_nits) == ("bt2408", peak)
    assert video.source.bits is None


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_a_peak_that_nobody_says_is_1000(tmp_path, transfer):
    path, values = patches(tmp_path / "a.mkv", transfer, bits=12)
    assert probe(path).peak_nits is None
    video = read_video(path, tonemap="bt2408")
    check(video.frames, values, transfer, 1000)
    assert video.source.peak_nits == 1000
    assert any("1000 cd/m² (assumed)" in note for note in video.source.notes)
    assert not any("gamut" in note for note in video.source.notes)


def x265(more):
    # each picture by itself: on a busy machine x265 now and then predicts so small ones from a
    # picture that is not ready, "lossless" or not (7 of 300 clips; 0 of 300 so)
    return {
        "codec": "libx265",
        "options": {"x265-params": f"lossless=1:keyint=1:log-level=none:{more}"},
    }


def test_the_peak_of_the_file_wins(tmp_path):
    display = "master-display=G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(40000000,50)"
    path, values = patches(
        tmp_path / "a.mp4", PQ, side=32, **x265(f"{display}:max-cll=600,200:chromaloc=2")
    )
    assert probe(path).peak_nits == 600
    video = read_video(path, tonemap="bt2408", peak_nits=1000)
    assert video.source.peak_nits == 600
    assert video.source.chroma_siting == "topleft"
    assert any("600 cd/m² (as the file says)" in note for note in video.source.notes)
    check(video.frames, values, PQ, 600)
    # without the brightest pixel, the display that it was made on
    path, values = patches(tmp_path / "b.mp4", PQ, side=32, **x265(display))
    check(read_video(path, tonemap="bt2408").frames, values, PQ, 4000)


def test_known_points():
    """From the standards' own tables."""
    # BT.2408, table 1: HDR reference white, 58 % PQ and 75 % HLG at 1000 cd/m²
    assert pq_to_light(np.array([0.58]))[0] == pytest.approx(203, rel=0.01)
    weights = np.array([0.2627, 0.6780, 0.0593])
    grey = hlg_to_light(np.full((1, 1, 3), 0.75), 1000, weights)
    assert grey == pytest.approx(203, rel=0.01)
    assert hlg_to_light(np.ones((1, 1, 3)), 1000, weights) == pytest.approx(1000, rel=1e-5)
    assert pq_to_light(np.array([0.0, 1.0])) == pytest.approx([0, 10_000])
    # BT.2100, table 5 and its extension
    assert system_gamma(1000) == 1.2
    assert system_gamma(2000) == pytest.approx(1.326, abs=1e-3)
    assert system_gamma(4000) == pytest.approx(1.2 * 1.111**2)


def test_curve():
    """Equal below the knee, rising, never above the display's white, and whole at the peak."""
    signal = np.linspace(0, 1, 2001)
    curved = tone_curve(signal, 1000)
    knee = (1.5 * pq(203) / pq(1000) - 0.5) * pq(1000)
    assert curved[signal < knee] == pytest.approx(signal[signal < knee])
    inside = signal <= pq(1000)
    assert (np.diff(curved[inside]) > 0).all()
    assert curved.max() == pytest.approx(pq(203))
    assert tone_curve(np.array([pq(1000)]), 1000)[0] == pytest.approx(pq(203))
    # no peak above white, nothing to compress
    assert tone_curve(signal[:500], 203) == pytest.approx(signal[:500])


def test_grey_stays_grey_and_white_is_white(tmp_path):
    path, _ = patches(tmp_path / "a.mkv", PQ)
    frames = read_video(path, tonemap="bt2408").frames[: len(GREYS), 0, 0]
    assert (frames == frames[:, :1]).all()
    assert (np.diff(frames[:, 0].astype(int)) >= 0).all()
    assert (frames[0] == 0).all()
    assert (frames[-1] == 255).all()


def test_rgb_grey_and_8_bits(tmp_path):
    """Other kinds of signals of the same meaning."""
    green, blue, red = (np.full((8, 8), one, np.uint16) for one in (500, 300, 700))
    tags = {"color_trc": PQ, "color_primaries": BT2020, "color_range": 2, "colorspace": 0}
    path = encode_planes(tmp_path / "a.mkv", [[green, blue, red]], "gbrp10le", tags=tags)
    frame = read_video(path, tonemap="bt2408").frames[0, 0, 0]
    wanted = expected([one / 1023 for one in (700, 500, 300)], PQ, 1000)
    assert np.abs(frame - np.array(wanted)).max() <= 1
    tags = {"color_trc": HLG, "color_primaries": BT2020, "color_range": 1, "colorspace": BT2020}
    planes = [np.full((8, 8), 180, np.uint8), *[np.full((4, 4), 128, np.uint8)] * 2]
    path = encode_planes(tmp_path / "b.mkv", [planes], "yuv420p", tags=tags)
    frame = read_video(path, tonemap="bt2408").frames[0, 0, 0]
    wanted = expected([(180 - 16) / 219] * 3, HLG, 1000)
    assert np.abs(frame - np.array(wanted)).max() <= 1


def test_bits_alone_do_not_map(tmp_path):
    path, _ = patches(tmp_path / "a.mkv", PQ)
    with pytest.raises(InputError, match=r"high dynamic range.*`tonemap=\"bt2408\"`"):
        read_video(path, bits=8)
    deep = encode_planes(tmp_path / "b.mkv", [[np.full((8, 8), 500, np.uint16)]], "gray10le")
    with pytest.raises(InputError, match=r"10 bits per channel.*`bits=8`"):
        read_video(deep, tonemap="bt2408")
