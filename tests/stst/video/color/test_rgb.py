import numpy as np
import pytest
from small_clips import encode, moving

from stst.errors import InputError
from stst.video import open_video, probe, read_video

COLORS = np.array(
    [[255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 120, 40], [255, 255, 255], [0, 0, 0]],
    np.uint8,
)  # fmt: skip
#: Weights of red and blue in luma, and the tag.
MATRICES = {
    "bt601": (0.299, 0.114, 6),
    "bt709": (0.2126, 0.0722, 1),
    "bt2020nc": (0.2627, 0.0593, 9),
}
LIMITED, FULL = 1, 2


def yuv_planes(color, weights, full, side=16):
    """Even 4:2:0 planes of one colour, computed from the definition."""
    red, green, blue = color / 255
    kr, kb = weights
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    scale, offset, chroma = (255, 0, 255) if full else (219, 16, 224)
    values = np.clip(np.rint([offset + scale * luma, 128 + chroma * cb, 128 + chroma * cr]), 0, 255)
    planes = np.empty(side * side * 3 // 2, np.uint8)
    planes[: side * side] = values[0]
    planes[side * side : side * side * 5 // 4] = values[1]
    planes[side * side * 5 // 4 :] = values[2]
    return planes.reshape(side * 3 // 2, side)


def tagged(path, name, full, **tags):
    kr, kb, _ = MATRICES[name]
    arrays = [yuv_planes(color, (kr, kb), full) for color in COLORS]
    return encode(path, arrays, given="yuv420p", options={"qp": "0"}, tags=tags)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", MATRICES)
def test_tags_are_honoured(tmp_path, name, full):
    span = FULL if full else LIMITED
    path = tagged(tmp_path / "a.mp4", name, full, colorspace=MATRICES[name][2], color_range=span)
    video = read_video(path)
    assert np.abs(video.frames[:, 8, 8].astype(int) - COLORS).max() <= 2
    assert (video.source.color_matrix, video.source.color_range) == (
        name,
        "full" if full else "limited",
    )
    assert not video.source.matrix_assumed
    assert not video.source.range_assumed
    info = probe(path)
    assert (info.color_matrix, info.color_range) == (name, video.source.color_range)


def test_untagged_is_bt601_limited_and_says_so(tmp_path):
    video = read_video(tagged(tmp_path / "a.mp4", "bt601", False))
    assert np.abs(video.frames[:, 8, 8].astype(int) - COLORS).max() <= 2
    assert video.source.matrix_assumed
    assert video.source.range_assumed
    assert "assumed" in video.source.notes[0]
    # the other matrix, unsaid, is visibly wrong: the test above can fail
    other = read_video(tagged(tmp_path / "b.mp4", "bt709", False))
    assert np.abs(other.frames[:, 8, 8].astype(int) - COLORS).max() > 10


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"colorspace": 8}, "YCgCo"),
        ({"colorspace": 10}, "constant luminance"),
        ({"color_trc": 16}, "PQ.*`tonemap=.bt2408.`"),
        ({"color_trc": 18}, "HLG.*`tonemap=.bt2408.`"),
    ],
)
def test_other_colours_are_refused(tmp_path, tags, words):
    path = encode(tmp_path / "a.mp4", moving(2), tags=tags)
    with pytest.raises(InputError, match=rf"a\.mp4 has .*{words}"):
        open_video(path)
    assert probe(path).refusal


def test_ten_bits_are_refused(tmp_path):
    path = encode(tmp_path / "a.mp4", moving(2), layout="yuv420p10le")
    with pytest.raises(
        InputError, match=r"a\.mp4 has 10 bits per channel \(yuv420p10le\).*`bits=8`"
    ):
        read_video(path)
    assert probe(path).bit_depth == 10


def test_wide_gamut_is_noted(tmp_path):
    video = read_video(encode(tmp_path / "a.mp4", moving(2), tags={"color_primaries": 9}))
    assert any("BT.2020" in note for note in video.source.notes)


@pytest.mark.parametrize("span", [None, LIMITED, FULL])
def test_grey(tmp_path, span):
    ramp = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None], 16, axis=0)
    tags = {} if span is None else {"color_range": span}
    path = encode(
        tmp_path / "a.mkv", [ramp] * 2, codec="ffv1", layout="gray", given="gray", tags=tags
    )
    video = read_video(path)
    expected = ramp.astype(float)
    if span == LIMITED:
        expected = np.clip((expected - 16) * 255 / 219, 0, 255)
    assert np.abs(video.frames[0] - expected[..., None]).max() <= 0.5
    assert video.source.color_matrix == "gray"
    assert any("Grey" in note for note in video.source.notes)


def test_alpha(tmp_path):
    frames = np.full((2, 16, 16, 4), 255, np.uint8)
    frames[..., 0] = 77
    opaque = read_video(
        encode(tmp_path / "a.mkv", frames, codec="ffv1", layout="bgra", given="rgba")
    )
    assert (opaque.frames == frames[..., :3]).all()
    assert any("alpha" in note for note in opaque.source.notes)
    frames[1, 3, 3, 3] = 254
    path = encode(tmp_path / "b.mkv", frames, codec="ffv1", layout="bgra", given="rgba")
    with pytest.raises(InputError, match=r"b\.mkv: frame 1 is partly transparent.*254.*Composite"):
        read_video(path)
    assert len(read_video(path, "0:1")) == 1


def test_alpha_beside_the_picture(tmp_path):
    path = encode(tmp_path / "a.mkv", moving(2), metadata={"alpha_mode": "1"})
    with pytest.raises(InputError, match="alpha channel"):
        read_video(path)
