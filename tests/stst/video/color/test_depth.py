"""Values of more than 8 bits against the equations of H.273, in exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from small_clips import encode, moving, save_pictures

from deep_clips import encode_planes, put
from stst.errors import InputError
from stst.video import open_video, probe, read_video
from stst.video.color.planes import components, layout_of

LUMA = {"bt601": ("0.299", "0.114", 6), "bt709": ("0.2126", "0.0722", 1)}
LUMA["bt2020nc"] = ("0.2627", "0.0593", 9)
WIDTH, HEIGHT = 12, 8
# of a chroma sample k, in luma samples: 2 k + these, across and down
SITINGS = {"left": (0, Fraction(1, 2)), "topleft": (0, 0), "center": (Fraction(1, 2),) * 2}
SHARED = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "440": (1, 2)}


def half_even(value):
    """Round an exact fraction to 0 to 255; Python rounds fractions with halves to even."""
    return round(min(max(value, Fraction(0)), Fraction(255)))


def sample(plane, place, across, down, first):
    """Interpolate linearly at a luma sample; the outermost sample goes on beyond the border."""

    def weights(at, step, start, length):
        if step == 1:
            return {at: Fraction(1)}
        where = (Fraction(at) - start) / step
        low = math.floor(where)
        out = {}
        for one, weight in ((low, 1 - (where - low)), (low + 1, where - low)):
            inside = min(max(one, 0), length - 1)
            out[inside] = out.get(inside, 0) + weight
        return out

    rows = weights(place[0], down, first[1], plane.shape[0])
    columns = weights(place[1], across, first[0], plane.shape[1])
    return sum(int(plane[r, c]) * a * b for r, a in rows.items() for c, b in columns.items())


def by_the_equations(planes, bits, matrix, full, shared, siting):
    red, blue = (Fraction(one) for one in LUMA[matrix][:2])
    unit = 2 ** (bits - 8)
    out = np.empty((*planes[0].shape, 3), np.uint8)
    for place in np.ndindex(*planes[0].shape):
        y = Fraction(int(planes[0][place]))
        b, r = (sample(one, place, *SHARED[shared], SITINGS[siting]) for one in planes[1:])
        if full:
            y, b, r = (one / (2**bits - 1) for one in (y, b - 2 ** (bits - 1), r - 2 ** (bits - 1)))
        else:
            y = (y - 16 * unit) / (219 * unit)
            b, r = ((one - 128 * unit) / (224 * unit) for one in (b, r))
        of_red, of_blue = y + 2 * (1 - red) * r, y + 2 * (1 - blue) * b
        of_green = (y - red * of_red - blue * of_blue) / (1 - red - blue)
        out[place] = [half_even(255 * one) for one in (of_red, of_green, of_blue)]
    return out


def random_planes(bits, shared, seed=0):
    across, down = SHARED[shared]
    rng = np.random.default_rng(seed)
    most = 2**bits
    # every pixel between black and white, chroma mild enough that few values are clipped
    luma = rng.integers(most // 5, most * 4 // 5, (HEIGHT, WIDTH), np.uint16)
    size = -(-HEIGHT // down), -(-WIDTH // across)
    chroma = [rng.integers(most * 3 // 8, most * 5 // 8, size, np.uint16) for _ in range(2)]
    return [luma, *chroma]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", LUMA)
@pytest.mark.parametrize(
    ("bits", "shared"), [(10, "420"), (12, "422"), (10, "444"), (16, "420"), (10, "440")]
)
def test_every_value_is_the_one_of_the_equations(tmp_path, bits, shared, matrix, full):
    planes = random_planes(bits, shared)
    tags = {"colorspace": LUMA[matrix][2], "color_range": 2 if full else 1}
    path = encode_planes(tmp_path / "a.mkv", [planes], f"yuv{shared}p{bits}le", tags=tags)
    expected = by_the_equations(planes, bits, matrix, full, shared, "left")
    video = read_video(path, bits=8)
    assert (video.frames[0] == expected).all()
    assert video.source.bits == 8
    assert video.source.chroma_siting == (None if shared == "444" else "left")


def test_halves_go_to_even(tmp_path):
    """Luma 64 + 146 k of 10 bits is 42.5 k: 42 and 128, not 43 and 127."""
    luma = np.full((HEIGHT, WIDTH), 64 + 146, np.uint16)
    luma[1:] = 64 + 3 * 146
    path = encode_planes(tmp_path / "a.mkv", [[luma]], "gray10le", tags={"color_range": 1})
    frame = read_video(path, bits=8).frames[0]
    assert (frame[0] == 42).all()
    assert (frame[1:] == 128).all()
    neutral = np.full((HEIGHT, WIDTH), 512, np.uint16)
    path = encode_planes(tmp_path / "b.mkv", [[luma, neutral, neutral]], "yuv444p10le")
    assert (read_video(path, bits=8).frames[0] == frame).all()


def test_siting_is_the_files(tmp_path):
    """Chroma on the first of two rows, as BT.2020 asks for, not between them."""
    planes = random_planes(10, "420", seed=3)
    for siting in ("left", "topleft"):
        options = {"qp": "0", "chroma_sample_location": siting}
        path = encode_planes(
            tmp_path / f"{siting}.mkv", [planes], codec="libx264", options=options,
            tags={"colorspace": 9, "color_range": 1},
        )  # fmt: skip
        video = read_video(path, bits=8)
        expected = by_the_equations(planes, 10, "bt2020nc", False, "420", siting)
        assert (video.frames[0] == expected).all()
        assert video.source.chroma_siting == siting
    assert any("chroma siting topleft, enlarged linearly" in one for one in video.source.notes)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_rgb_and_grey(tmp_path, bits):
    rng = np.random.default_rng(bits)
    green, blue, red = rng.integers(0, 2**bits, (3, HEIGHT, WIDTH), np.uint16)
    expected = np.array(
        [
            half_even(Fraction(255 * int(one), 2**bits - 1))
            for one in np.dstack([red, green, blue]).flat
        ]
    ).reshape(HEIGHT, WIDTH, 3)
    path = encode_planes(tmp_path / "a.mkv", [[green, blue, red]], f"gbrp{bits}le")
    assert (read_video(path, bits=8).frames[0] == expected).all()
    grey = encode_planes(tmp_path / "b.mkv", [[red]], f"gray{bits}le", tags={"color_range": 2})
    assert (read_video(grey, bits=8).frames[0] == expected[..., :1]).all()


@pytest.mark.parametrize(
    ("layout", "like"),
    [("p010le", "yuv420p10le"), ("p010be", "yuv420p10le"), ("p012le", "yuv420p12le"),
     ("p210le", "yuv422p10le"), ("p416le", "yuv444p16le"), ("nv12", "yuv420p"),
     ("yuv420p10be", "yuv420p10le"), ("rgb48le", "gbrp16le"), ("bgra64be", "gbrap16le"),
     ("ya16le", "gray16le"), ("rgb24", "gbrp"), ("bgra", "gbrap")],
)  # fmt: skip
def test_formats_of_the_same_values(layout, like):
    """FFmpeg's conversion between two orders of the same values changes none of them."""
    import av

    found = layout_of(like)
    rng = np.random.default_rng(5)
    frame = av.VideoFrame(16, 8, like)
    for number, plane in enumerate(frame.planes):
        values = rng.integers(0, 2**found.bits, (plane.height, plane.width))
        if found.alpha and number == 3:
            values[:] = 2**found.bits - 1
        put(plane, values.astype(found.dtype))
    other = frame.reformat(format=layout)
    here, factor = components(frame, found, "left")
    there, same = components(other, layout_of(layout), "left")
    assert factor == same
    for one, two in zip(here, there, strict=False):
        assert (one == two).all()
    assert layout_of(layout).bits == found.bits


def test_odd_sizes(tmp_path):
    rng = np.random.default_rng(1)
    luma = rng.integers(200, 800, (7, 11), np.uint16)
    chroma = [rng.integers(400, 600, (4, 6), np.uint16) for _ in range(2)]
    path = encode_planes(tmp_path / "a.mkv", [[luma, *chroma]], tags={"colorspace": 1})
    expected = by_the_equations([luma, *chroma], 10, "bt709", False, "420", "left")
    assert (read_video(path, bits=8).frames[0] == expected).all()


def test_near_what_ffmpeg_does(tmp_path):
    """A sanity check of the whole: libswscale is within 2 of 255 in smooth pictures."""
    path = encode(tmp_path / "a.mkv", moving(3), codec="ffv1", layout="yuv444p10le")
    import av

    with av.open(str(path)) as container:
        theirs = np.stack([one.to_ndarray(format="rgb24") for one in container.decode(video=0)])
    ours = read_video(path, bits=8).frames
    assert np.abs(ours.astype(int) - theirs).max() <= 2


def test_alpha(tmp_path):
    planes = [np.full((HEIGHT, WIDTH), 300, np.uint16) for _ in range(3)]
    alpha = np.full((HEIGHT, WIDTH), 1023, np.uint16)
    path = encode_planes(tmp_path / "a.mkv", [[*planes, alpha]], "gbrap10le")
    assert (read_video(path, bits=8).frames == round(300 * 255 / 1023)).all()
    alpha[0, 0] = 1022
    path = encode_planes(tmp_path / "b.mkv", [[*planes, alpha]], "gbrap10le")
    with pytest.raises(InputError, match=r"frame 0 is partly transparent.*1022 of 1023"):
        read_video(path, bits=8)


def test_eight_bits_stay_as_they_are(tmp_path):
    path = encode(tmp_path / "a.mp4", moving(3))
    plain, asked = read_video(path), read_video(path, bits=8, tonemap="bt2408", peak_nits=400)
    assert (plain.frames == asked.frames).all()
    assert plain.source == asked.source
    assert asked.source.bits is asked.source.tonemap is asked.source.peak_nits is None


def test_resampled_and_shrunk(tmp_path):
    frames = [random_planes(10, "420", seed=one) for one in range(4)]
    path = encode_planes(tmp_path / "a.mkv", frames)
    whole = read_video(path, bits=8)
    half = read_video(path, bits=8, resample_fps="25/2", max_side=6)
    assert half.source.bits == 8
    assert half.source.chroma_siting == "left"
    assert len(half) == 2
    assert half.frames.shape[1:3] == (4, 6)
    assert whole.frames.shape[1:3] == (HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"bits": 10}, "bits is 10"),
        ({"bits": True}, "bits is True"),
        ({"tonemap": "reinhard"}, "tonemap is 'reinhard'.*bt2408"),
        ({"tonemap": "bt2408", "peak_nits": 0}, "peak_nits is 0"),
        ({"tonemap": "bt2408", "peak_nits": 10_001}, "peak_nits is 10001"),
        ({"tonemap": "bt2408", "peak_nits": math.nan}, "peak_nits is nan"),
        ({"peak_nits": 400}, "nothing is tone-mapped.*`tonemap=.bt2408.`"),
    ],
)
def test_what_can_be_asked_for(tmp_path, asked, words):
    with pytest.raises(InputError, match=words):
        open_video(tmp_path / "a.mkv", **asked)


def of_16_bits():
    rng = np.random.default_rng(2)
    values = rng.integers(0, 65536, (3, 5, 7, 3), np.uint16)
    # just below and above where the rounding goes over
    values[0, 0, :4, 0] = [128, 129, 385, 386]
    return values


EXPECTED_16 = np.array([round(Fraction(int(one) * 255, 65535)) for one in of_16_bits().flat])
EXPECTED_16 = EXPECTED_16.reshape(3, 5, 7, 3)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_arrays_of_16_bits(tmp_path, suffix, order):
    path, values = tmp_path / f"a{suffix}", of_16_bits().astype(order)
    if suffix == ".npy":
        np.save(path, values)
    else:
        np.savez_compressed(path, frames=values)
    with pytest.raises(InputError, match=r"16 bits per channel.*`bits=8`"):
        read_video(path, fps=25)
    assert probe(path).bit_depth == 16
    video = read_video(path, fps=25, bits=8)
    assert (video.frames == EXPECTED_16).all()
    assert video.source.bits == 8
    assert any("full range" in note for note in video.source.notes)


def test_grey_and_opaque_arrays_of_16_bits(tmp_path):
    values = of_16_bits()
    np.save(tmp_path / "grey.npy", values[..., 0])
    grey = read_video(tmp_path / "grey.npy", fps=25, bits=8)
    assert (grey.frames == EXPECTED_16[..., :1]).all()
    full = np.concatenate([values, np.full((3, 5, 7, 1), 65535, np.uint16)], axis=3)
    np.save(tmp_path / "alpha.npy", full)
    assert (read_video(tmp_path / "alpha.npy", fps=25, bits=8).frames == EXPECTED_16).all()
    full[1, 0, 0, 3] = 65534
    np.save(tmp_path / "alpha.npy", full)
    with pytest.raises(InputError, match=r"frame 1 is partly transparent.*65534 of 65535"):
        read_video(tmp_path / "alpha.npy", fps=25, bits=8)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_pictures_of_16_bits(tmp_path, suffix):
    folder = save_pictures(tmp_path / "a", of_16_bits(), "{}." + suffix)
    with pytest.raises(InputError, match=r"16 bits per channel.*`bits=8`"):
        read_video(folder, fps=25)
    video = read_video(folder, fps=25, bits=8)
    assert (video.frames == EXPECTED_16).all()
    grey = save_pictures(tmp_path / "b", of_16_bits()[..., 0], "{}." + suffix)
    assert (read_video(grey, fps=25, bits=8).frames == EXPECTED_16[..., :1]).all()


@pytest.mark.parametrize("most", [1023, 4095])
def test_10_and_12_bits_in_16_are_not_taken_for_black(tmp_path, most):
    values = (of_16_bits() // (65536 // (most + 1))).astype(np.uint16)
    values[-1, -1, -1] = most
    np.save(tmp_path / "a.npy", values)
    bits = most.bit_length()
    words = rf"no value above {most}, as of {bits} bits.*255 / {most}"
    with pytest.raises(InputError, match=words):
        read_video(tmp_path / "a.npy", fps=25, bits=8)
    with pytest.raises(InputError, match=words):
        read_video(save_pictures(tmp_path / "a", values, "{}.png"), fps=25, bits=8)
    # one brighter value, in the last frame, and all of it is as it seems; so is black
    values[-1, -1, -1] = 4096
    np.save(tmp_path / "a.npy", values)
    assert read_video(tmp_path / "a.npy", fps=25, bits=8).frames.max() == 16
    np.save(tmp_path / "a.npy", np.zeros_like(values))
    assert not read_video(tmp_path / "a.npy", fps=25, bits=8).frames.any()


def test_pictures_of_different_depths(tmp_path):
    folder = save_pictures(tmp_path / "a", of_16_bits()[:2], "{}.png")
    save_pictures(folder, [np.zeros((5, 7, 3), np.uint8)], "{}.png", start=2)
    with pytest.raises(InputError, match=r"2\.png has 8 bits per channel, the first picture 16"):
        read_video(folder, fps=25, bits=8)
