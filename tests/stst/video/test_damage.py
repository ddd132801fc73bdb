"""Every refusal names the file, what was found and what to do; damage is never silent."""

import struct
import zipfile
import zlib

import cv2
import numpy as np
import pytest
from small_clips import encode, moving, noise, save_pictures

from stst.errors import InputError
from stst.video import MAX_PIXELS, open_video, probe, read, read_video, write_video


@pytest.fixture
def clip():
    return moving()


def refused(path, words, **options):
    """Assert that reading fails with one line that names the file and matches."""
    with pytest.raises(InputError, match=words) as caught:
        read_video(path, **options)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert message.endswith(".")


def test_missing(tmp_path):
    refused(tmp_path / "a.mp4", "does not exist")


@pytest.mark.parametrize("name", ["a.mp4", "a.npy", "a.npz", "a.gif"])
def test_empty(tmp_path, name):
    (tmp_path / name).touch()
    refused(tmp_path / name, r"is empty \(0 bytes\)")


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv", "a.gif", "a.webm"])
def test_text_by_another_name(tmp_path, name):
    (tmp_path / name).write_text("This is no video.\n" * 50)
    refused(tmp_path / name, "not a video that FFmpeg can read.*Allowed are .mp4")


def test_a_playlist_opens_nothing(tmp_path, clip):
    encode(tmp_path / "real.mp4", clip[:2])
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.mp4\n")
    refused(tmp_path / "list.mp4", "not a video")


def test_unknown_suffix(tmp_path):
    (tmp_path / "a.xyz").write_text("x")
    refused(tmp_path / "a.xyz", "'.xyz' is no known kind of clip.*.mkv.*folders")


def test_a_name_with_a_colon(tmp_path, clip):
    path = tmp_path / "http:clip.mp4"
    encode(f"file:{path}", clip[:2])
    assert len(read_video(path)) == 2


def test_mp4_without_index(tmp_path, clip):
    path = encode(tmp_path / "a.mp4", clip)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"moov") - 20])
    refused(path, "no index .'moov' atom.*cut short")
    path.write_bytes(whole[:-600])
    refused(path, "cut short|not a video")


@pytest.mark.parametrize("part", [0.5, 0.8, 0.97])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_cut_short(tmp_path, clip, name, part):
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    path = encode(tmp_path / name, clip, codec=codec, muxer={"movflags": "+faststart"})
    whole = path.read_bytes()
    body = whole.index(b"mdat") if name == "a.mp4" else len(whole) // 4
    path.write_bytes(whole[: int(body + part * (len(whole) - body - 300))])
    refused(path, "damaged or cut short")
    with pytest.raises(InputError):
        probe(path)


def test_a_master_without_its_last_frame(tmp_path):
    write_video(tmp_path / "a.mkv", noise(5, 16, 16), 25)
    whole = (tmp_path / "a.mkv").read_bytes()
    with open_video(tmp_path / "a.mkv") as reader:
        last = noise(5, 16, 16)[4]
        assert (reader[4] == last).all()
    import av

    with av.open(str(tmp_path / "a.mkv")) as container:
        place = [packet.pos for packet in container.demux(video=0) if packet.size][4]
    (tmp_path / "b.mkv").write_bytes(whole[:place])
    refused(tmp_path / "b.mkv", "promises 0.2 s, only 0.12 s")


def test_gif_cut_short(tmp_path):
    path = encode(tmp_path / "a.gif", noise(4, 16, 16), codec="gif", layout="rgb8")
    path.write_bytes(path.read_bytes()[:-200])
    refused(path, "end mark")


def test_changed_bytes_in_a_master(tmp_path):
    path = tmp_path / "a.mkv"
    frames = noise(4, 16, 16)
    write_video(path, frames, 25)
    whole = path.read_bytes()
    caught = 0
    for place in range(len(whole) // 3, len(whole) * 4 // 5, 211):
        bad = bytearray(whole)
        bad[place] ^= 0x10
        path.write_bytes(bad)
        try:
            # bytes between the frames may be harmless; the pixels must never differ
            assert (read_video(path).frames == frames).all()
        except InputError:
            caught += 1
    assert caught >= 5


def test_changed_bytes_in_h264(tmp_path, clip):
    path = encode(tmp_path / "a.mp4", clip, options={"crf": "8"})
    whole = bytearray(path.read_bytes())
    middle = whole.index(b"mdat") + 3000
    whole[middle : middle + 40] = bytes(40)
    path.write_bytes(whole)
    refused(path, "frame [0-9]+ (cannot be decoded|is corrupt|of 12 is missing)")


def test_range_outside(tmp_path, clip):
    path = encode(tmp_path / "a.mp4", clip)
    refused(path, r"`frames` 0:60 is not inside .*a\.mp4, which has 12 frames", frames="0:60")


def test_no_pictures_moving(tmp_path):
    import av

    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.rate, sound.pts = 44100, 0
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    refused(path, "holds no video stream")


def test_huge_gif_header(tmp_path):
    path = encode(tmp_path / "a.gif", noise(2, 16, 16), codec="gif", layout="rgb8")
    whole = bytearray(path.read_bytes())
    whole[6:10] = struct.pack("<HH", 65535, 65535)
    path.write_bytes(whole)
    refused(path, "65535x65535 pixels; at most 100 million")


def test_huge_png_header(tmp_path):
    folder = save_pictures(tmp_path / "f", noise(1, 16, 16))
    path = folder / "f_000.png"
    whole = bytearray(path.read_bytes())
    whole[16:24] = struct.pack(">II", 10001, 10001)
    whole[29:33] = struct.pack(">I", zlib.crc32(whole[12:29]))
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"f_000\.png: frames of 10001x10001 pixels"):
        read_video(folder, fps=25)
    whole[16:24] = struct.pack(">II", 100000, 100000)
    whole[29:33] = struct.pack(">I", zlib.crc32(whole[12:29]))
    path.write_bytes(whole)
    with pytest.raises(InputError, match="million pixels"):
        read_video(folder, fps=25)


def test_huge_array_header(tmp_path):
    path = tmp_path / "a.npy"
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 100000, 100000, 3), }"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.ljust(117) + b"\n")
    refused(path, "100000x100000 pixels", fps=25)
    assert MAX_PIXELS == 100_000_000


def test_more_than_memory(tmp_path, clip, monkeypatch):
    path = encode(tmp_path / "a.mp4", clip)
    monkeypatch.setattr(read, "available_memory", lambda: 64 * 48 * 3 * 12 - 1)
    refused(path, r"12 frames of 64x48 need 0\.0 GiB.*part of it .`frames`. or smaller")
    assert len(read_video(path, "0:11")) == 11
    with open_video(path) as reader:
        assert len(reader) == 12
    monkeypatch.undo()
    assert read.available_memory() > 2**20


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_tags_that_are_no_text(tmp_path, clip, name):
    path = encode(tmp_path / name, clip[:3])
    whole = path.read_bytes()
    assert b"Lavf" in whole
    path.write_bytes(whole.replace(b"Lavf", b"\xff\xfe\xff\xfe"))
    assert len(read_video(path)) == 3


def test_a_rate_of_endless_digits(tmp_path):
    write_video(tmp_path / "a.npy", noise(2, 8, 8), 25)
    for rate in ('"1e999999999"', '"1e-999999999"', '"' + "9" * 4000 + '"', "true"):
        (tmp_path / "a.json").write_text(f'{{"output": {{"fps": {rate}}}}}')
        with pytest.raises(InputError, match=r"a\.json: output\.fps is .*; it must be a rate"):
            read_video(tmp_path / "a.npy")
    path = tmp_path / "b.mkv"
    write_video(path, noise(2, 8, 8), "60000/1001")
    path.write_bytes(path.read_bytes().replace(b"60000/1001", b"1e99999999"))
    refused(path, "STST_FPS is '1e99999999'")


def test_a_duration_of_endless_digits(tmp_path):
    path = tmp_path / "a.mkv"
    write_video(path, noise(2, 8, 8), 25)
    whole = path.read_bytes()
    assert b"00:00:00.080000000" in whole
    path.write_bytes(whole.replace(b"00:00:00.080000000", b"9999999999:00:00.0"))
    assert len(read_video(path)) == 2


def npy(path, text, data=b"", version=1):
    path.write_bytes(
        b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(text)) + text + data
    )
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{'descr': '|u1', 'fortran_order': False, 'shape': (-2, 8, 8, 3), }\n", "has no frames"),
        (b"{'descr': '|u1', 'fortran_order': False, 'shape': (\n", "its header is damaged"),
        (b"{'descr': __import__('os').system('x'), 'fortran_order': 0}\n", "its header is damaged"),
        (b"{'descr': '|u1', 'shape': " + b"(" * 900 + b"\n", "its header is damaged"),
        (b"{'descr': " + b"9" * 5000 + b"}\n", "its header is damaged"),
        (b"'\\d'\n", "its header is damaged"),
    ],
)
def test_headers_of_arrays(tmp_path, text, words):
    refused(npy(tmp_path / "a.npy", text), words, fps=25)


def test_arrays_of_another_version(tmp_path):
    refused(npy(tmp_path / "a.npy", b"{}\n", version=3), "NumPy array of version 3.0", fps=25)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_whose_content_is_damaged(tmp_path, method):
    path = tmp_path / "a.npz"
    write_video(path, noise(2, 16, 16), 25)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for place in (12, 60, 700):
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        whole = bytearray(path.read_bytes())
        place += whole.index(b"frames.npy")
        for byte in range(place, place + 20):
            whole[byte] ^= 0x5A
        path.write_bytes(whole)
        refused(path, "not readable|not a readable")


@pytest.mark.parametrize(("offset", "value"), [(6, 1), (8, 99)])
def test_archives_that_python_cannot_open(tmp_path, offset, value):
    """Encrypted, or packed by another method."""
    path = tmp_path / "a.npz"
    write_video(path, noise(2, 8, 8), 25)
    whole = bytearray(path.read_bytes())
    for mark, more in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        for place in range(len(whole) - 30):
            if whole[place : place + 4] == mark:
                whole[place + offset + more] = value
    path.write_bytes(whole)
    refused(path, "not a readable .npz file")


def test_a_rate_of_absurd_size_in_an_archive(tmp_path):
    text = b"{'descr': '<i8', 'fortran_order': False, 'shape': (9999999999,), }\n"
    write_video(tmp_path / "a.npz", noise(2, 8, 8), 25)
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        frames = archive.read("frames.npy")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("frames.npy", frames)
        archive.writestr("fps.npy", npy(tmp_path / "x.npy", text).read_bytes())
    refused(tmp_path / "b.npz", r"'fps' is int64 of shape \(9999999999,\)")


def test_a_png_that_promises_more_than_it_holds_takes_no_memory(tmp_path, monkeypatch):
    picture = np.zeros((8, 9, 3), np.uint8)
    (tmp_path / "clip").mkdir()
    file = tmp_path / "clip" / "f_0.png"
    cv2.imwrite(str(file), picture)
    data = file.read_bytes()
    place = data.index(b"IDAT")
    file.write_bytes(data[: place - 4] + (2_130_707_072).to_bytes(4) + data[place:])
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("it would take 2 GB"))
    with pytest.raises(InputError, match=r"f_0\.png is not a readable picture"):
        read_video(tmp_path / "clip", fps=25)


def test_a_damaged_tiff_is_not_filled_with_invented_pixels(tmp_path):
    folder = save_pictures(tmp_path / "f", moving(1, 120, 160), "f_{:03d}.tiff")
    path = folder / "f_000.tiff"
    assert len(read_video(folder, fps=25)) == 1
    whole = bytearray(path.read_bytes())
    for place in range(len(whole) // 2, len(whole) // 2 + 8):
        whole[place] ^= 0x55
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"f_000\.tiff is not a readable picture"):
        read_video(folder, fps=25)


@pytest.mark.parametrize("kind", [".ras", ".hdr"])
def test_pictures_of_other_formats_under_a_known_name(tmp_path, kind):
    folder = tmp_path / "f"
    folder.mkdir()
    picture = moving(1, 16, 16)[0]
    done, data = cv2.imencode(kind, picture.astype(np.float32) if kind == ".hdr" else picture)
    assert done
    (folder / "f_0.png").write_bytes(data.tobytes())
    said = "a WebP picture, whatever its name" if kind == ".webp" else "is not a readable picture"
    with pytest.raises(InputError, match=rf"f_0\.png:? {said}"):
        read_video(folder, fps=25)


def test_damaged_tags_of_pictures_are_no_warnings(tmp_path, capfd):
    folder = save_pictures(tmp_path / "f", moving(1, 20, 20), "f_{:03d}.tiff")
    path = folder / "f_000.tiff"
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(InputError, match=r"f_000\.tiff"):
        read_video(folder, fps=25)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["a" * 5000 + ".mp4", "a\0b.mkv", "\udcff\n.npy"])
def test_names_that_no_file_can_have(tmp_path, name):
    with pytest.raises(InputError, match="does not exist") as caught:
        read_video(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert "\0" not in str(caught.value)
