"""What a file says of how its frames lie and how wide its pixels are, in every kind of file."""

import json
import struct
import zlib
from fractions import Fraction

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from small_clips import encode, moving

from stst.video import LazyVideo, probe, read_video, write_video
from stst.video.formats.aspect import aspect_note, density_aspect
from stst_cli.make.info import info

ORIENTATION = 0x0112
#: What EXIF's numbers ask for, by numpy alone.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: np.rot90(a, 2),
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}
DEGREES = {1: 0, 2: 0, 3: 180, 4: 180, 5: 270, 6: 270, 7: 90, 8: 90}


def said(path):
    lines = CliRunner().invoke(info, [str(path)]).stdout
    return lines, json.loads(CliRunner().invoke(info, [str(path), "--json"]).stdout)


def picture(path, pixels, number=None, **options):
    """Save without loss (but for JPEG) with an EXIF orientation."""
    if number is not None:
        options["exif"] = Image.Exif()
        options["exif"][ORIENTATION] = number
    if path.suffix == ".webp":
        options["lossless"] = True
    if path.suffix == ".jpg":
        options |= {"quality": 100, "subsampling": 0}
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture(scope="module")
def pixels():
    """Four corners that are not alike; of sizes that JPEG's blocks divide."""
    return moving(1, 16, 24)[0]


class TestPixelAspect:
    @pytest.mark.parametrize(
        ("name", "codec", "width", "aspect", "shown"),
        [
            ("a.mp4", "libx264", 96, Fraction(4, 3), "4:3; shown 128x48"),
            ("a.mov", "libx264", 64, Fraction(8, 9), "8:9; shown 57x48"),
            ("a.mkv", "libx264", 96, Fraction(4, 3), "4:3; shown 128x48"),
            ("a.avi", "mpeg4", 64, Fraction(12, 11), "12:11; shown 70x48"),
            # MPEG-2 holds the aspect of the whole picture, here 16:9
            ("a.ts", "mpeg2video", 128, Fraction(2, 3), "2:3; shown 85x48"),
        ],
    )
    def test_videos(self, tmp_path, name, codec, width, aspect, shown):
        tags = {"sample_aspect_ratio": aspect}
        path = encode(tmp_path / name, moving(3, 48, width), codec=codec, tags=tags)
        lines, found = said(path)
        note = f"Pixels are {shown}; not resized."
        assert note in lines
        assert note in found["notes"]
        assert Fraction(found["pixel_aspect"]) == probe(path).pixel_aspect == aspect
        video = read_video(path)
        assert video.frames.shape == (3, 48, width, 3)
        assert note in video.source.notes
        assert video.source.as_dict()["pixel_aspect"] == str(aspect)

    @pytest.mark.parametrize("turn", [90, 180])
    def test_turned(self, tmp_path, turn):
        """Turned by a quarter, what was wide is high."""
        tags = {"sample_aspect_ratio": Fraction(4, 3)}
        path = encode(tmp_path / "a.mp4", moving(2), tags=tags, turn=turn)
        aspect = {90: Fraction(3, 4), 180: Fraction(4, 3)}[turn]
        assert probe(path).pixel_aspect == aspect

    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.gif"])
    def test_square_ones_need_no_words(self, tmp_path, name):
        codec = {"a.gif": "gif", "a.avi": "mpeg4"}.get(name, "libx264")
        layout = "rgb8" if codec == "gif" else "yuv420p"
        found = probe(encode(tmp_path / name, moving(2), codec=codec, layout=layout))
        assert found.pixel_aspect == 1
        assert not any("Pixels" in note for note in found.notes)
        write_video(tmp_path / "master.mkv", moving(2), 25)
        assert probe(tmp_path / "master.mkv").pixel_aspect == 1

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
    @pytest.mark.parametrize(("number", "aspect"), [(1, Fraction(4, 3)), (6, Fraction(3, 4))])
    def test_densities_of_pictures(self, tmp_path, pixels, suffix, number, aspect):
        """72 pixels an inch along rows and 96 along columns: pixels are 4:3."""
        (tmp_path / "a").mkdir()
        path = picture(tmp_path / f"a/1{suffix}", pixels, number, dpi=(72, 96))
        lines, found = said(tmp_path / "a")
        assert Fraction(found["pixel_aspect"]) == aspect
        shown = "4:3; shown 32x16" if number == 1 else "3:4; shown 12x24"
        assert f"Pixels are {shown}; not resized." in lines
        frame = read_video(tmp_path / "a", fps=25).frames[0]
        assert frame.shape == ((16, 24, 3) if number == 1 else (24, 16, 3))
        assert LazyVideo(path, fps=1, picture=True).source.pixel_aspect == aspect

    @pytest.mark.parametrize("dpi", [(300, 300), (300, 301)])
    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
    def test_equal_densities(self, tmp_path, pixels, suffix, dpi):
        (tmp_path / "a").mkdir()
        picture(tmp_path / f"a/1{suffix}", pixels, dpi=dpi)
        assert probe(tmp_path / "a").pixel_aspect == 1

    def test_densities_that_mean_nothing(self):
        for across, down in ((0, 72), (72, 0), (float("nan"), 72), (float("inf"), 72), (-1, -1),
                             (2e9, 1)):  # fmt: skip
            assert density_aspect(across, down) == 1
        assert density_aspect(2835, 3780) == Fraction(4, 3)
        assert aspect_note(Fraction(1), 10, 10) is None


class TestOrientation:
    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
    @pytest.mark.parametrize("number", UPRIGHT)
    def test_pictures(self, tmp_path, pixels, suffix, number):
        (tmp_path / "a").mkdir()
        path = picture(tmp_path / f"a/1{suffix}", pixels, number)
        flat = read_video(picture(tmp_path / f"flat{suffix}", pixels).parent / "a", fps=25)
        wanted = UPRIGHT[number](pixels).astype(int)
        limit = 8 if suffix == ".jpg" else 0
        video = read_video(tmp_path / "a", fps=25)
        assert video.frames.shape == flat.frames.shape == (1, *wanted.shape)
        assert np.abs(video.frames[0] - wanted).max() <= limit
        single = LazyVideo(path, fps=1, picture=True)
        assert (single.frames[0] == video.frames[0]).all()
        assert video.source.rotation == single.source.rotation == DEGREES[number]
        notes = [note for note in video.source.notes if note.endswith("EXIF orientation asks.")]
        assert len(notes) == (number != 1)
        assert ("mirrored" in "".join(notes)) == (number in (2, 4, 5, 7))
        lines, found = said(tmp_path / "a")
        assert (found["height"], found["width"]) == wanted.shape[:2]
        assert all(note in lines for note in notes)

    @pytest.mark.parametrize("number", [3, 6])
    def test_grey_and_deep(self, tmp_path, pixels, number):
        (tmp_path / "a").mkdir()
        picture(tmp_path / "a/1.png", pixels[..., 0], number)
        video = read_video(tmp_path / "a", fps=25)
        assert (video.frames[0][..., 0] == UPRIGHT[number](pixels[..., 0])).all()

    def test_each_its_own(self, tmp_path, pixels):
        """A sequence of photographs, some held upright: as the sizes of all are one, they fit."""
        (tmp_path / "a").mkdir()
        picture(tmp_path / "a/1.jpg", pixels, 1)
        picture(tmp_path / "a/2.jpg", np.ascontiguousarray(np.rot90(pixels, 1)), 6)
        video = read_video(tmp_path / "a", fps=25)
        assert np.abs(video.frames.astype(int) - pixels).max() <= 8
        assert any("one by one" in note for note in video.source.notes)

    def test_a_tag_after_the_pixels(self, tmp_path, pixels):
        """PNG allows its eXIf chunk before and after them."""
        (tmp_path / "a").mkdir()
        exif = Image.Exif()
        exif[ORIENTATION] = 8
        chunk = b"eXIf" + exif.tobytes()[6:]
        whole = picture(tmp_path / "a/1.png", pixels).read_bytes()
        end = whole.rindex(b"IEND") - 4
        wrapped = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        (tmp_path / "a/1.png").write_bytes(whole[:end] + wrapped + whole[end:])
        video = read_video(tmp_path / "a", fps=25)
        assert (video.frames[0] == np.rot90(pixels)).all()

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
    def test_damaged_tags_ask_for_nothing(self, tmp_path, pixels, suffix):
        (tmp_path / "a").mkdir()
        lossless = {"lossless": True} if suffix == ".webp" else {}
        broken = b"Exif\0\0MM\0*\xff\xff\xff\xf0" + bytes(range(40))
        Image.fromarray(pixels).save(tmp_path / f"a/1{suffix}", exif=broken, **lossless)
        picture(tmp_path / f"flat{suffix}", pixels)
        frame = read_video(tmp_path / "a", fps=25).frames[0]
        assert frame.shape == pixels.shape

    def test_numbers_that_mean_nothing(self, tmp_path, pixels):
        (tmp_path / "a").mkdir()
        for place, number in enumerate((0, 9, 77)):
            picture(tmp_path / f"a/{place}.png", pixels, number)
        assert (read_video(tmp_path / "a", fps=25).frames == pixels).all()

    def test_videos_and_pictures_alike(self, tmp_path, pixels):
        """A quarter turn gives the same frames and words, whatever file asks for it."""
        (tmp_path / "a").mkdir()
        picture(tmp_path / "a/1.png", pixels, 8)
        still = np.stack([pixels])
        path = encode(tmp_path / "a.mp4", still, codec="png", layout="rgb24", turn=90)
        video, pictures = read_video(path), read_video(tmp_path / "a", fps=25)
        assert (video.frames == pictures.frames).all()
        assert video.source.rotation == pictures.source.rotation == 90
        turned = "Frames turned by 90 degrees counter-clockwise, as the file's"
        assert f"{turned} display matrix asks." in video.source.notes
        assert f"{turned} EXIF orientation asks." in pictures.source.notes


def test_opencv_turns_tiff_alone(tmp_path, pixels):
    """What is relied on: of other files, OpenCV gives the pixels as they are stored."""
    for suffix in (".jpg", ".png", ".tif", ".webp"):
        path = picture(tmp_path / f"a{suffix}", pixels, 6)
        data = np.frombuffer(path.read_bytes(), np.uint8)
        shape = cv2.imdecode(data, cv2.IMREAD_UNCHANGED).shape
        assert shape == ((24, 16, 3) if suffix == ".tif" else (16, 24, 3))
