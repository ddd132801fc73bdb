import json
import re
import shlex
import zipfile
from fractions import Fraction

import cv2
import numpy as np
import pytest
from small_clips import noise, save_pictures

from stst.errors import InputError
from stst.video import open_video, probe, read_video, sidecar_path

CLIP = noise(4, 5, 7)


def saved(path, array, **arrays):
    if path.suffix == ".npz":
        np.savez(path, frames=array, **arrays)
    else:
        np.save(path, array)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays(tmp_path, suffix):
    path = saved(tmp_path / f"a{suffix}", CLIP)
    with open_video(path, fps="60000/1001") as reader:
        assert reader.fps == Fraction(60000, 1001)
        assert (reader[3] == CLIP[3]).all()
        assert (reader[0] == CLIP[0]).all()
        assert (reader.read("1:3") == CLIP[1:3]).all()
    with pytest.raises(InputError, match=r"no frame rate \(nor is there its sidecar a\.json\)"):
        read_video(path)
    assert probe(path).fps is None
    sidecar_path(path).write_text(json.dumps({"output": {"fps": "24000/1001"}}))
    assert read_video(path).fps == probe(path).fps == Fraction(24000, 1001)


def test_compressed_npz_with_its_rate(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", frames=CLIP, fps=np.array([30000, 1001]))
    with open_video(tmp_path / "a.npz") as reader:
        assert reader.fps == Fraction(30000, 1001)
        assert (reader[2] == CLIP[2]).all()
        assert (reader[1] == CLIP[1]).all()


@pytest.mark.parametrize("shape", [(4, 5, 7), (4, 5, 7, 1)])
def test_grey_arrays(tmp_path, shape):
    grey = CLIP[..., 0].reshape(shape)
    video = read_video(saved(tmp_path / "a.npy", grey), fps=25)
    assert (video.frames == CLIP[..., :1]).all()
    assert "Grey" in video.source.notes[0]
    assert video.source.color_matrix == "gray"


def test_alpha_in_arrays(tmp_path):
    alpha = np.dstack([CLIP[0], np.full((5, 7), 255, np.uint8)])[None].repeat(2, 0)
    assert (read_video(saved(tmp_path / "a.npy", alpha), fps=25).frames == CLIP[0]).all()
    alpha[1, 0, 0, 3] = 0
    with pytest.raises(InputError, match=r"a\.npy: frame 1 is partly transparent"):
        read_video(saved(tmp_path / "a.npy", alpha), fps=25)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (CLIP / 255, "float64 values; only uint8.*np.rint"),
        (CLIP.astype(np.uint16), r"16 bits per channel \(uint16\).*`bits=8`"),
        (CLIP.astype(np.int16), "int16 values"),
        (np.array([{}, None]), "pickled objects, which are never loaded"),
        (CLIP[0], r"\(5, 7, 3\) looks like one colour picture.*\(1, 5, 7, 3\)"),
        (CLIP[..., :2], "is no clip"),
        (CLIP[0, 0], "is no clip"),
        (CLIP[:0], "has no frames"),
        (CLIP[:, :0], "7x0 pixels"),
        (np.moveaxis(noise(5, 6, 7), 0, 3), r"looks like \(H, W, channels, T\).*permute.*moveaxis"),
        (np.asfortranarray(CLIP[..., 0]), r"or \(H, W, T\) as MATLAB.*repmat.*ascontiguous"),
        (np.asfortranarray(np.moveaxis(CLIP[:3], 0, 3)), r"looks like \(H, W, channels, T\)"),
    ],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_refused(tmp_path, array, words, suffix):
    path = saved(tmp_path / f"a{suffix}", array)
    with pytest.raises(InputError, match=words) as caught:
        read_video(path, fps=25)
    assert path.name in str(caught.value)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_fortran_order(tmp_path, suffix, channels):
    alpha = np.full((*CLIP.shape[:3], 1), 255, np.uint8)
    array = np.concatenate([CLIP, alpha], axis=3)[..., :channels]
    path = saved(tmp_path / f"a{suffix}", np.asfortranarray(array))
    assert np.load(path)["frames" if suffix == ".npz" else ...].flags.f_contiguous
    expected = np.repeat(CLIP[..., :1], 3, axis=3) if channels == 1 else CLIP
    with open_video(path, fps=25) as reader:
        for index in (3, 0, 2):
            assert (reader[index] == expected[index]).all()
        assert (reader.read("1:3") == expected[1:3]).all()
        assert any("held in memory" in note for note in reader.source(0, 4).notes)
    assert probe(path).frames == 4


def test_a_fortran_file_that_is_cut_short(tmp_path):
    path = saved(tmp_path / "a.npy", np.asfortranarray(CLIP))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(InputError, match="420 bytes of frames are promised, 419 are there"):
        read_video(path, fps=25)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("frames.npy", whole[:-9])
    with pytest.raises(InputError, match="the file ends within frame 0 of 4"):
        read_video(tmp_path / "b.npz", fps=25)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_truth_values(tmp_path, suffix):
    truth = CLIP > 9
    video = read_video(saved(tmp_path / f"a{suffix}", truth), fps=25)
    assert (video.frames == np.where(truth, 255, 0)).all()
    assert "true is white" in video.source.notes[0]
    grey = read_video(saved(tmp_path / f"b{suffix}", np.asfortranarray(truth[..., :1])), fps=25)
    assert (grey.frames == np.where(truth[..., :1], 255, 0)).all()


def test_damaged_arrays(tmp_path):
    path = saved(tmp_path / "a.npy", CLIP)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="420 bytes of frames are promised, 419 are there"):
        read_video(path, fps=25)
    path.write_text("no array")
    with pytest.raises(InputError, match="not a readable NumPy array"):
        read_video(path, fps=25)
    (tmp_path / "b.npz").write_text("no archive")
    with pytest.raises(InputError, match=r"not a readable \.npz"):
        read_video(tmp_path / "b.npz", fps=25)
    np.savez(tmp_path / "c.npz", other=CLIP)
    with pytest.raises(InputError, match=r"holds other\.npy; the frames must be called 'frames'"):
        read_video(tmp_path / "c.npz", fps=25)
    saved(tmp_path / "d.npz", CLIP, fps=np.array(["x"]))
    with pytest.raises(InputError, match="'fps' is"):
        read_video(tmp_path / "d.npz")
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        archive.writestr("frames.npy", (saved(tmp_path / "e.npy", CLIP)).read_bytes()[:-9])
    with pytest.raises(InputError, match="ends within frame 3 of 4"):
        read_video(tmp_path / "e.npz", fps=25)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_pictures(tmp_path, suffix):
    folder = save_pictures(tmp_path / "clip", CLIP, "f_{}" + suffix, start=8)  # 8, 9, 10, 11
    video = read_video(folder, "1:", fps="60000/1001")
    assert (video.frames == CLIP[1:]).all()
    assert video.fps == Fraction(60000, 1001)
    with pytest.raises(InputError, match=r"clip holds no frame rate.*--fps 30"):
        read_video(folder)
    sidecar_path(folder).write_text(json.dumps({"output": {"fps": "25"}}))
    assert read_video(folder).fps == 25
    (folder / "video.json").write_text('{"fps": "24000/1001"}')
    assert probe(folder).fps == read_video(folder).fps == Fraction(24000, 1001)
    (folder / "video.json").write_text("{}")
    with pytest.raises(InputError, match=r"video\.json holds no rate"):
        read_video(folder)


def test_jpeg_and_grey_pictures(tmp_path):
    folder = save_pictures(tmp_path / "a", CLIP, "{}.jpg")
    video = read_video(folder, fps=25)
    assert (video.frames[0] == cv2.imread(str(folder / "0.jpg"))[..., ::-1]).all()
    grey = read_video(save_pictures(tmp_path / "b", CLIP[..., 0]), fps=25)
    assert (grey.frames == CLIP[..., :1]).all()
    assert "Grey" in grey.source.notes[0]


def test_photographs_are_turned(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise
    (tmp_path / "a").mkdir()
    Image.fromarray(CLIP[0]).save(tmp_path / "a" / "1.jpg", exif=exif, quality=100, subsampling=0)
    video = read_video(tmp_path / "a", fps=25)
    assert video.frames.shape == (1, 7, 5, 3)
    assert any("EXIF" in note for note in video.source.notes)


def test_alpha_in_pictures(tmp_path):
    alpha = np.dstack([CLIP[0], np.full((5, 7), 255, np.uint8)])
    folder = save_pictures(tmp_path / "a", [alpha, alpha])
    video = read_video(folder, fps=25)
    assert (video.frames == CLIP[0][..., ::-1]).all()
    assert any("alpha" in note for note in video.source.notes)
    alpha[0, 0, 3] = 7
    save_pictures(folder, [alpha], start=2)
    with pytest.raises(InputError, match=r"f_002\.png is partly transparent"):
        read_video(folder, fps=25)


def test_deep_pictures_are_refused(tmp_path):
    for name in ("a.png", "a.tif"):
        folder = save_pictures(tmp_path / name[2:], [CLIP[0].astype(np.uint16) * 257], "{}" + name)
        with pytest.raises(InputError, match=r"a\.(png|tif) has 16 bits per channel.*`bits=8`"):
            read_video(folder, fps=25)
        assert "16 bits" in probe(folder).refusal


def test_folders_refused(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "readme.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"a folder without pictures.*\.png"):
        read_video(folder, fps=25)
    save_pictures(folder, CLIP)
    (folder / "f_002.png").unlink()
    with pytest.raises(InputError, match=r"number 2 is missing between f_001\.png and f_003\.png"):
        read_video(folder, fps=25)
    save_pictures(folder, CLIP)
    save_pictures(folder, CLIP[:1, :4], start=4)
    with pytest.raises(InputError, match=r"f_004\.png has 7x4 pixels, f_000\.png has 7x5"):
        read_video(folder, fps=25)
    save_pictures(folder, CLIP[:1], "g_{}.png", start=4)
    with pytest.raises(InputError, match="more than one sequence"):
        read_video(folder, fps=25)


def test_unnumbered_double_and_broken_pictures(tmp_path):
    folder = save_pictures(tmp_path / "a", CLIP[:2], "{}.png")
    save_pictures(folder, CLIP[:1], "0{}.png")
    with pytest.raises(InputError, match="have the same number 0"):
        read_video(folder, fps=25)
    (folder / "00.png").rename(folder / "cover.png")
    with pytest.raises(InputError, match=r"cover\.png has no number"):
        read_video(folder, fps=25)
    (folder / "cover.png").unlink()
    (folder / "2.png").write_text("no picture")
    with pytest.raises(InputError, match=r"2\.png is not a readable picture"):
        read_video(folder, fps=25)
    (folder / "2.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"2\.png is empty"):
        read_video(folder, fps=25)


def test_a_page_of_pictures_is_refused(tmp_path):
    from PIL import Image

    (tmp_path / "a").mkdir()
    pages = [Image.fromarray(frame) for frame in CLIP]
    pages[0].save(tmp_path / "a" / "1.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=r"1\.tif holds 4 pictures"):
        read_video(tmp_path / "a", fps=25)


def test_broken_sidecar_is_named(tmp_path):
    path = saved(tmp_path / "a.npy", CLIP)
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match=r"a\.json: the sidecar of .*a\.npy is not readable JSON"):
        read_video(path)
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(InputError, match="no JSON object"):
        read_video(path)
    (tmp_path / "a.json").write_text('{"output": {"fps": "quick"}}')
    with pytest.raises(InputError, match=r"a\.json: output\.fps is 'quick'"):
        read_video(path)


class TestPnm:
    @pytest.mark.parametrize("suffix", [".ppm", ".pnm"])
    def test_colour(self, tmp_path, suffix):
        folder = save_pictures(tmp_path / "clip", CLIP, "f_{}" + suffix)
        assert (folder / f"f_0{suffix}").read_bytes() == b"P6\n7 5\n255\n" + CLIP[0].tobytes()
        video = read_video(folder, fps=25)
        assert (video.frames == CLIP).all()

    def test_grey_and_as_text(self, tmp_path):
        folder = save_pictures(tmp_path / "a", CLIP[..., 0], "{}.pgm")
        assert (read_video(folder, fps=25).frames == CLIP[..., :1]).all()
        (tmp_path / "b").mkdir()
        (tmp_path / "b/1.pgm").write_text("P2\n# a comment\n3 2\n255\n0 1 2\n3 4 255\n")
        frames = read_video(tmp_path / "b", fps=25).frames
        assert frames[0, ..., 1].tolist() == [[0, 1, 2], [3, 4, 255]]

    def test_bitmaps(self, tmp_path):
        (tmp_path / "m.pbm").write_bytes(b"P4\n3 2\n" + bytes([0b10100000, 0b01000000]))
        with open_video(tmp_path / "m.pbm", fps=1, picture=True) as reader:
            assert reader[0][..., 0].tolist() == [[0, 255, 0], [255, 0, 255]]

    @pytest.mark.parametrize("largest", [15, 100, 1023])
    def test_other_ranges_are_never_rescaled(self, tmp_path, largest):
        (tmp_path / "a").mkdir()
        values = np.array([0, 1, 2, 3, 4, largest], np.uint8 if largest < 256 else ">u2")
        (tmp_path / "a/1.pgm").write_bytes(b"P5\n# x\n3 2\n%d\n" % largest + values.tobytes())
        with pytest.raises(InputError, match=rf"1\.pgm has values of 0 to {largest}; of PNM"):
            read_video(tmp_path / "a", fps=25)

    def test_cut_short(self, tmp_path):
        folder = save_pictures(tmp_path / "a", CLIP, "{}.ppm")
        whole = (folder / "2.ppm").read_bytes()
        (folder / "2.ppm").write_bytes(whole[:-1])
        with pytest.raises(InputError, match=r"2\.ppm is not a readable picture"):
            read_video(folder, fps=25)


@pytest.mark.parametrize(
    ("mode", "name", "words"),
    [
        ("CMYK", "a.tif", "CMYK, the inks of a printer"),
        ("CMYK", "a.jpg", "CMYK, the inks of a printer"),
        ("LAB", "a.tiff", "CIELAB"),
    ],
)
def test_colours_of_other_kinds(tmp_path, monkeypatch, mode, name, words):
    """OpenCV takes four inks for colour and alpha."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    picture = Image.new(mode, (8, 6), (10, 20, 30, 255)[: len(mode)])
    picture.save(name)
    with pytest.raises(InputError, match=rf"{name} has colours in {words}; grey and RGB") as caught:
        open_video(name, fps=1, picture=True)
    assert "alpha" not in str(caught.value)
    (tmp_path / "clip").mkdir()
    picture.save(f"clip/{name}")
    with pytest.raises(InputError, match=f"{name} has colours in"):
        probe("clip")
    if mode == "CMYK":
        (command,) = re.findall("`(.*?)`", str(caught.value))
        exec(shlex.split(command)[2])
        with open_video("a_rgb.png", fps=1, picture=True) as reader:
            assert (reader[0] == np.asarray(picture.convert("RGB"))).all() or name == "a.jpg"
